"""The extension installs and works from the installed files alone, under an imitation of Slicer's CMake macros."""

import os
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
from repository.test_cmake_lists import LISTS, files_of

REPOSITORY = Path(__file__).resolve().parents[2]
MODULES = ("QSMReconstruction", "QSMRoiAnalysis", "DICOMQSMPlugin")


def run(*command, cwd: Path, **variables) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env={**os.environ, **variables}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def cmake():
    """The cmake of the test environment."""
    import cmake

    return Path(cmake.CMAKE_BIN_DIR) / "cmake"


@pytest.fixture(scope="module")
def build(cmake, tmp_path_factory) -> Path:
    """The extension, configured with its tests."""
    folder = tmp_path_factory.mktemp("build")
    # Nothing is compiled, so that any program does for a compiler.
    compilers = [f"-DCMAKE_{language}_COMPILER{rest}" for language in ("C", "CXX")
                 for rest in (f"={sys.executable}", "_FORCED=TRUE")]  # fmt: skip
    imitation = REPOSITORY / "Testing" / "repository" / "slicer_build"
    run(cmake, "-S", REPOSITORY, "-B", folder, f"-DSlicer_DIR={imitation}", "-DBUILD_TESTING=ON", *compilers,
        cwd=folder)  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def installed(cmake, build, tmp_path_factory) -> Path:
    """Where Slicer finds the modules of the installed extension: one flat folder."""
    folder = tmp_path_factory.mktemp("installed")
    run(cmake, "--install", build, "--prefix", folder, cwd=folder)
    return folder / "lib" / "Slicer-5.12" / "qt-scripted-modules"


def test_everything_a_module_has_is_installed(installed):
    for module in MODULES[:2]:
        for path in chain.from_iterable(files_of(module, name) for name in LISTS):
            assert (installed / path).is_file(), path


def test_the_command_lines_work_from_the_installed_files(installed, tmp_path):
    shown = run(sys.executable, "-m", "QSMReconstructionCore", "methods", cwd=tmp_path, PYTHONPATH=str(installed))
    assert "weighted_tv" in shown
    run(sys.executable, "-m", "QSMRoiAnalysisCore", "--help", cwd=tmp_path, PYTHONPATH=str(installed))


@pytest.mark.needs_qt
def test_the_modules_load_and_show_their_panels_from_the_installed_files(installed, tmp_path):
    script = "\n".join(
        [
            "import standin",
            "standin.start_application()",
            *[f"standin.load_module({str(installed / f'{module}.py')!r})" for module in MODULES],
            *[f"standin.close_widget(standin.create_widget({module!r}))" for module in MODULES[:2]],
            "import QSMReconstructionCore, QSMRoiAnalysisCore",
            "print(QSMReconstructionCore.__file__, QSMRoiAnalysisCore.__file__)",
        ]
    )
    path = os.pathsep.join([str(REPOSITORY / "Testing"), *(p for p in sys.path if not p.startswith(str(REPOSITORY)))])
    shown = run(sys.executable, "-c", script, cwd=tmp_path, PYTHONPATH=path).split()
    assert [Path(file).parent.parent for file in shown[-2:]] == [installed, installed]


def test_the_tests_register_with_ctest(cmake, build):
    shown = run(cmake.with_name("ctest"), "--show-only", cwd=build)
    for name in ("py_QSMReconstruction", "py_QSMRoiAnalysis", "QuantitativeSusceptibilityMapping_core"):
        assert name in shown


def test_a_listed_file_that_is_missing_stops_the_build(cmake, build, tmp_path):
    copy = tmp_path / "extension"
    (copy / "Module").mkdir(parents=True)
    (copy / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(Extension LANGUAGES NONE)\nfind_package(Slicer REQUIRED)\n"
        "include(${Slicer_USE_FILE})\nslicerMacroBuildScriptedModule(NAME Module SCRIPTS Module.py)\n",
        encoding="utf-8",
    )
    imitation = REPOSITORY / "Testing" / "repository" / "slicer_build"
    with pytest.raises(AssertionError, match="Module.py, which does not exist"):
        run(cmake, "-S", copy, "-B", tmp_path / "b", f"-DSlicer_DIR={imitation}", cwd=tmp_path)
