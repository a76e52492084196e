"""What the README tells people to type works as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_python_examples_run(run_python):
    """Coarser than written there, to be quick; the first one in a scene as Slicer's console has it."""
    in_slicer, alone, _ = (
        block.replace("(60, 72, 60)", "(45, 54, 45)").replace("(3, 3, 3)", "(4, 4, 4)") for block in blocks("python")
    )
    boot = "import standin\nfrom headless.scene import start\nstandin.install(start().scene)\n"
    done = run_python(boot + in_slicer)
    assert done.returncode == 0, done.stderr
    assert "Result: Head susceptibility, in ppm" in done.stdout
    done = run_python("import sys; sys.modules.update(slicer=None, vtk=None)\n" + alone)
    assert done.returncode == 0, done.stderr
    assert "(45, 54, 45)" in done.stdout


def test_the_example_of_a_study_runs(run_python, tmp_path):
    study = tmp_path / "study"
    study.mkdir()
    values = {
        "region": "Putamen", "side": "left", "label": "1", "voxels": "90", "volume_mm3": "90", "sd": "0.01",
        "coverage": "1", "reference": "n/a", "reference_mean": "n/a", "reference_sd": "n/a", "unit": "ppm",
        "map": "chimap",
    }  # fmt: skip
    people = ["participant_id\tage\tgroup"]
    for i, mean in enumerate((0.05, 0.06, 0.052, 0.065, 0.049, 0.07)):
        row = values | dict.fromkeys(("mean", "median", "p5", "p25", "p75", "p95"), str(mean))
        (study / f"sub-{i}.tsv").write_text("\t".join(row) + "\n" + "\t".join(row.values()) + "\n")
        people.append(f"sub-{i}\t{60 + i if i else 'n/a'}\t{'PD' if i % 2 else 'HC'}")
    (study / "participants.tsv").write_text("\n".join(people) + "\n")
    done = run_python(f"import os; os.chdir({str(tmp_path)!r})\n" + blocks("python")[-1])
    assert done.returncode == 0, done.stderr
    assert "left out: ('sub-0',)" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="the examples are written for a POSIX shell")
def test_the_command_line_examples_run(tmp_path):
    (script,) = (block for block in blocks("sh") if "QSMReconstructionCore" in block)
    script = script.replace("$PWD", str(REPOSITORY)).replace("python3 ", f"{sys.executable} ")
    script = script.replace("simulate scan", "simulate scan --voxel-size 4 4 4")
    done = subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Putamen" in (tmp_path / "regions.tsv").read_text(encoding="utf-8")
    assert "correlation" in done.stdout


def test_files_that_it_links_to_exist():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (REPOSITORY / target).is_file(), target


def test_it_names_a_publication_of_every_method_of_the_default_recipe():
    from QSMReconstructionCore.methods import method
    from QSMReconstructionCore.recipe import PRESETS

    for stage, chosen in PRESETS["default"].stages.items():
        references = method(stage, chosen["method"]).references
        assert not references or any(doi in README for doi in references), stage
