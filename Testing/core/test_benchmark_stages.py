"""Single stages and spans of stages, between folders of the QSM-CI benchmark."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from QSMReconstructionCore.commandline import main
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import read_nifti, write_nifti
from QSMReconstructionCore.metrics import correlation

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def volume(path) -> np.ndarray:
    return read_nifti(path)[0]


@pytest.fixture
def artifacts(tmp_path, simulated):
    """A folder with all artifacts of the benchmark."""
    folder = tmp_path / "input"
    folder.mkdir()
    for part in ("inputs", "groundtruth"):
        for path in (simulated / part).glob("*"):
            shutil.copy(path, folder)
    return folder


@pytest.mark.parametrize(
    ("span", "artifact", "least"),
    [
        ("field-mapping", "totalfield", 0.9),
        ("bfr", "localfield", 0.75),
        ("dipole", "chimap", 0.75),
        ("unwrap+bfr", "localfield", 0.75),
        ("bfr+dipole", "chimap", 0.6),
        ("end-to-end", "chimap", 0.6),
    ],
)
def test_each_span_of_the_benchmark_writes_its_artifact(tmp_path, artifacts, span, artifact, least):
    out = tmp_path / "output"
    assert main(["stage", span, "--input", str(artifacts), "--output", str(out), "--progress", "none"]) == 0
    assert [p.name for p in out.iterdir()] == [f"{artifact}.nii.gz"]
    result, grid = read_nifti(out / f"{artifact}.nii.gz")
    truth, truth_grid = read_nifti(artifacts / f"{artifact}.nii.gz")
    mask = volume(artifacts / "mask.nii.gz") > 0
    assert grid.same_geometry(truth_grid)
    assert not result[~mask].any()
    assert correlation(result, truth, mask & (result != 0)) > least


def test_a_stage_without_noise_says_so(tmp_path, artifacts, capsys):
    main(["stage", "dipole", "--input", str(artifacts), "--output", str(tmp_path / "out"), "--progress", "none"])
    assert "noise of the field is not known: 1 ppb is assumed" in capsys.readouterr().err


def test_a_stage_tells_what_was_corrected(tmp_path, artifacts, capsys):
    phase, grid = read_nifti(artifacts / "phase.nii.gz")
    ramp = 0.4 + 0.02 * np.arange(phase.shape[-1], dtype=np.float32)
    signs = np.array([1, -1, 1], np.float32)[:, None, None, None]
    write_nifti(artifacts / "phase.nii.gz", np.angle(np.exp(1j * (phase + signs * ramp))).astype(np.float32), grid)
    main(["stage", "field-mapping", "--input", str(artifacts), "--output", str(tmp_path / "out"), "--progress", "none"])
    assert "Odd and even echoes differ in phase by up to" in capsys.readouterr().err


def test_a_stage_follows_the_b0_direction_of_its_params(tmp_path):
    field = np.zeros((24, 20, 22), np.float32)
    field[9:14, 8:12, 10:13] = np.random.default_rng(0).normal(scale=0.05, size=(5, 4, 3))
    maps = []
    # The same physics with the axes i and k exchanged must give the same map with its axes exchanged.
    for name, values, b0 in (("a", field, [0, 0, 1]), ("b", field.transpose(2, 1, 0), [1, 0, 0])):
        folder = tmp_path / name
        folder.mkdir()
        grid = Grid(values.shape, (2.0, 2.0, 2.0))
        write_nifti(folder / "localfield.nii.gz", values, grid)
        write_nifti(folder / "mask.nii.gz", values != 0, grid)
        (folder / "params.json").write_text(json.dumps({"TE": [0.02], "B0": 3, "B0_dir": b0}))
        arguments = ["--method", "tkd", "--set", "threshold=0.2", "--progress", "none"]
        assert main(["stage", "dipole", "--input", str(folder), "--output", str(folder), *arguments]) == 0
        maps.append(volume(folder / "chimap.nii.gz"))
    np.testing.assert_allclose(maps[1].transpose(2, 1, 0), maps[0], atol=1e-5)
    assert np.abs(maps[0]).max() > 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "vsharp"], "--method vsharp is none of weighted_tv, tkd"),
        (["--set", "magic=1"], "--set magic must name one of inversion"),
        (["--set", "magic"], "joined by '='"),
        (["--method", "tkd", "--set", "threshold=9"], "inversion.threshold must lie between"),
    ],
)
def test_wrong_settings_of_a_stage_are_wrong_usage(tmp_path, artifacts, capsys, arguments, message):
    with pytest.raises(SystemExit) as left:
        main(["stage", "dipole", "--input", str(artifacts), "--output", str(tmp_path / "out"), *arguments])
    assert left.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
