"""Bad input to the command line: one clear sentence each, status 1, and no partial file."""

from __future__ import annotations

import json

import numpy as np
import pytest

from QSMReconstructionCore.commandline import main
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import write_nifti

GRID = Grid((6, 7, 8), (2.0, 2.0, 2.0))
TIMES = ["0.004", "0.012"]


@pytest.fixture
def arrays():
    """Magnitude, phase and mask of a tiny scan."""
    random = np.random.default_rng(0)
    shape = (2, *GRID.shape)
    return {
        "magnitude": random.uniform(1, 2, shape).astype(np.float32),
        "phase": random.uniform(-np.pi, np.pi, shape).astype(np.float32),
        "mask": np.ones(GRID.shape, bool),
    }


@pytest.fixture
def attempt(tmp_path, arrays, capsys):
    """Write the arrays, spoil what is to be spoiled, reconstruct; returns the sentence that came."""

    def run(spoil_files=lambda folder: None, grids=None, times=TIMES, strength="3", more=()):
        folder, out = tmp_path / "input", tmp_path / "out"
        folder.mkdir()
        for name, values in arrays.items():
            grid = (grids or {}).get(name, GRID if values.shape[-3:] == GRID.shape else Grid(values.shape[-3:]))
            write_nifti(folder / f"{name}.nii.gz", values, grid)
        spoil_files(folder)
        files = [text for name in ("phase", "magnitude", "mask") for text in (f"--{name}", f"{folder / name}.nii.gz")]
        facts = ["--echo-times", *times] if times else []
        facts += ["--field-strength", strength] if strength else []
        status = main(["reconstruct", str(out), *files, *facts, *more, "--progress", "none"])
        shown = capsys.readouterr()
        assert status == 1
        assert shown.out == ""
        assert shown.err.count("\n") == 1
        assert "Traceback" not in shown.err
        assert {p.name for p in tmp_path.iterdir()} == {"input"}
        return shown.err

    return run


def test_shapes_that_differ(attempt, arrays):
    arrays["magnitude"] = arrays["magnitude"][..., :-1]
    assert "magnitude.nii.gz has 7 x 7 x 6 voxels, but" in attempt()


def test_numbers_of_echoes_that_differ(attempt, arrays):
    arrays["magnitude"] = arrays["magnitude"][:1]
    assert "phase has 2 echo(es), but magnitude has 1" in attempt()


def test_missing_echo_times(attempt):
    assert "echo_times are missing" in attempt(times=None)


def test_too_few_echo_times(attempt):
    assert "2 echo(es), but 1 echo time(s) were given" in attempt(times=["0.004"])


def test_decreasing_echo_times(attempt):
    assert "echo_times must increase" in attempt(times=["0.012", "0.004"])


def test_echo_times_in_milliseconds(attempt):
    assert "look like milliseconds. Divide them by 1000" in attempt(times=["4", "12"])


def test_a_missing_field_strength(attempt):
    assert "field_strength is missing" in attempt(strength=None)


def test_a_field_strength_in_megahertz(attempt):
    assert "field_strength must lie between" in attempt(strength="127.7")


def test_phase_that_is_not_in_radians(attempt, arrays):
    arrays["phase"] *= 40
    assert "phase must be in radians" in attempt()


def test_voxels_that_are_not_finite(attempt, arrays):
    arrays["phase"][0, 0, 0, :5] = np.nan
    assert "phase has 5 voxel(s) that are not finite" in attempt()


def test_magnitude_that_is_not_finite(attempt, arrays):
    arrays["magnitude"][1, 2, 3, 4] = np.inf
    assert "magnitude has 1 voxel(s) that are not finite" in attempt()


def test_magnitude_and_phase_exchanged(attempt, arrays):
    arrays["magnitude"], arrays["phase"] = arrays["phase"], arrays["magnitude"]
    assert "magnitude must not be negative" in attempt()


def test_an_empty_mask(attempt, arrays):
    arrays["mask"] &= False
    assert "mask is empty" in attempt()


def test_a_mask_of_another_shape(attempt, arrays):
    arrays["mask"] = arrays["mask"][1:]
    assert "mask" in (sentence := attempt()) and "has 8 x 7 x 5 voxels" in sentence


def test_a_mask_elsewhere(attempt):
    assert "lies elsewhere in the scanner" in attempt(grids={"mask": Grid(GRID.shape, GRID.spacing, origin=(9, 0, 0))})


def test_a_missing_file(attempt):
    assert "phase.nii.gz does not exist" in attempt(lambda folder: (folder / "phase.nii.gz").unlink())


def test_an_empty_file(attempt):
    assert "phase.nii.gz is empty" in attempt(lambda folder: (folder / "phase.nii.gz").write_bytes(b""))


def test_a_truncated_file(attempt):
    def truncate(folder):
        path = folder / "magnitude.nii.gz"
        path.write_bytes(path.read_bytes()[:1500])

    assert "magnitude.nii.gz is truncated" in attempt(truncate)


def test_a_file_of_another_kind(attempt):
    sentence = attempt(lambda folder: (folder / "phase.nii.gz").write_text("DICM, perhaps? " * 100))
    assert "phase.nii.gz is not a NIfTI file" in sentence


def test_a_phase_difference(attempt):
    facts = json.dumps({"EchoTime1": 0.004, "EchoTime2": 0.00646, "EchoTime": 0.00646})
    assert "difference of the phases of two echoes" in attempt(lambda folder: (folder / "phase.json").write_text(facts))


def test_a_sidecar_that_is_not_json(attempt):
    assert "phase.json is not valid JSON" in attempt(lambda folder: (folder / "phase.json").write_text("EchoTime: 4"))


def test_a_missing_params_file(attempt):
    assert "nowhere.json does not exist" in attempt(more=["--params", "nowhere.json"])


def test_an_output_folder_that_is_a_file(tmp_path, arrays, capsys):
    (tmp_path / "out").write_text("in the way")
    assert main(["simulate", str(tmp_path / "out"), "--progress", "none"]) == 1
    assert "is a file, but a folder is needed" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "in the way"


@pytest.mark.parametrize("span", ["field-mapping", "bfr", "dipole"])
def test_a_stage_names_the_artifact_it_misses(tmp_path, capsys, span):
    (tmp_path / "params.json").write_text("{}")
    assert main(["stage", span, "--input", str(tmp_path), "--output", str(tmp_path / "out"), "--progress", "none"]) == 1
    assert ".nii.gz does not exist" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_scoring_on_another_grid(tmp_path, arrays, capsys):
    write_nifti(tmp_path / "a.nii", arrays["magnitude"][0], GRID)
    write_nifti(tmp_path / "b.nii", arrays["magnitude"][0], Grid(GRID.shape, (2.0, 2.0, 2.1)))
    assert main(["score", *(str(tmp_path / f"{n}.nii") for n in "ab"), "--mask", str(tmp_path / "a.nii")]) == 1
    assert "lies elsewhere in the scanner" in capsys.readouterr().err
