"""The CMake lists name exactly the files of the modules: an unlisted one would be missing from the installed extension.

`python Testing/repository/test_cmake_lists.py` writes the lists anew.
"""

import re
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MODULES = ("QSMReconstruction", "QSMRoiAnalysis")
LISTS = ("MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES")


def files_of(module: str, name: str) -> list[str]:
    """What belongs into a list, by what is on disk."""
    folder = REPOSITORY / module
    kept = (
        path
        for path in folder.rglob("*")
        if (path.suffix == ".py") == (name == "MODULE_PYTHON_SCRIPTS")
        and path.is_file()
        and path.name != "CMakeLists.txt"
        and not any(part in ("__pycache__", "Screenshots") or part.startswith(".")  # what Python and linters leave
                    for part in path.relative_to(folder).parts)
    )  # fmt: skip
    return sorted(path.relative_to(folder).as_posix() for path in kept)


def list_pattern(name: str) -> re.Pattern:
    return re.compile(rf"(set\({name}\n)(.*?)(  \)\n)", re.DOTALL)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("module", MODULES)
def test_the_list_names_every_file_and_no_other(module, name):
    text = (REPOSITORY / module / "CMakeLists.txt").read_text(encoding="utf-8")
    listed = list_pattern(name).search(text)[2].split()
    assert listed == files_of(module, name), f"run: python {Path(__file__).relative_to(REPOSITORY).as_posix()}"


@pytest.mark.parametrize("module", MODULES)
def test_only_module_files_lie_directly_in_its_folder(module):
    # Slicer takes every .py file there for a module of its own.
    for path in (REPOSITORY / module).glob("*.py"):
        assert f"class {path.stem}(ScriptedLoadableModule)" in path.read_text(encoding="utf-8")


def test_the_metadata_are_what_the_extension_catalog_reads():
    text = (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")
    assert "project(QuantitativeSusceptibilityMapping)" in text
    metadata = dict(re.findall(r'^set\(EXTENSION_(\w+) "([^"]+)"\)$', text, re.MULTILINE))
    assert set(metadata) == {"HOMEPAGE", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS"}
    raw = metadata["HOMEPAGE"].replace("https://github.com/", "https://raw.githubusercontent.com/") + "/main/"
    for address in (metadata["ICONURL"], *metadata["SCREENSHOTURLS"].split()):
        assert address.startswith(raw)
        assert (REPOSITORY / address.removeprefix(raw)).is_file()


@pytest.mark.parametrize(
    "icon",
    [
        "QSMReconstruction/Resources/Icons/QuantitativeSusceptibilityMapping.png",
        "QSMReconstruction/Resources/Icons/QSMReconstruction.png",
        "QSMRoiAnalysis/Resources/Icons/QSMRoiAnalysis.png",
    ],
)
def test_icons_are_png_of_128_pixels(icon):
    header = (REPOSITORY / icon).read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert [int.from_bytes(header[start : start + 4], "big") for start in (16, 20)] == [128, 128]


def write_lists() -> None:
    for module in MODULES:
        path = REPOSITORY / module / "CMakeLists.txt"
        text = path.read_text(encoding="utf-8")
        for name in LISTS:
            lines = "".join(f"  {file}\n" for file in files_of(module, name))
            text = list_pattern(name).sub(rf"\g<1>{lines}\g<3>", text)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(write_lists())
