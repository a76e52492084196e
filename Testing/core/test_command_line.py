"""The command line, from a simulated scan to its scores."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from QSMReconstructionCore.commandline import main
from QSMReconstructionCore.commandline.options import progress_as
from QSMReconstructionCore.io.nifti import read_nifti, write_nifti
from QSMReconstructionCore.io.params import read_params
from QSMReconstructionCore.methods import METHODS, Method
from QSMReconstructionCore.metrics import correlation, score
from QSMReconstructionCore.phantom import LABELS
from QSMReconstructionCore.progress import Cancelled
from QSMReconstructionCore.recipe import Recipe

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


@pytest.fixture(scope="module")
def scan(simulated):
    """Arguments that name the simulated scan."""
    inputs = simulated / "inputs"
    return [
        "--phase", f"{inputs / 'phase.nii.gz'}", "--magnitude", f"{inputs / 'magnitude.nii.gz'}",
        "--params", f"{inputs / 'params.json'}",
    ]


@pytest.fixture(scope="module")
def reconstructed(tmp_path_factory, scan, simulated):
    """Results of the default recipe within the true mask."""
    out = tmp_path_factory.mktemp("reconstructed") / "out"
    mask = str(simulated / "inputs/mask.nii.gz")
    assert main(["reconstruct", str(out), *scan, "--mask", mask, "--progress", "none"]) == 0
    return out


def volume(path) -> np.ndarray:
    return read_nifti(path)[0]


def progress_lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_simulate_writes_inputs_and_their_truth(simulated):
    inputs, truth = simulated / "inputs", simulated / "groundtruth"
    assert {p.name for p in inputs.iterdir()} == {"phase.nii.gz", "magnitude.nii.gz", "mask.nii.gz", "params.json"}
    assert {p.name for p in truth.iterdir()} == {
        "labels.tsv",
        *(f"{name}.nii.gz" for name in ("chimap", "totalfield", "localfield", "r2star", "labels", "mask")),
    }
    phase, grid = read_nifti(inputs / "phase.nii.gz")
    assert phase.shape == (3, 45, 54, 45)
    params = read_params(inputs / "params.json")
    assert params.echo_times == (0.002, 0.005, 0.008)
    np.testing.assert_allclose(params.b0_direction, grid.b0_direction, atol=1e-5)
    assert grid.b0_direction[0] < 0.95
    rows = (truth / "labels.tsv").read_text().splitlines()
    assert rows[0] == "index\tname"
    assert {int(row.split("\t")[0]) for row in rows[1:]} >= set(np.unique(volume(truth / "labels.nii.gz"))) - {0}


def test_simulate_takes_sizes_along_i_j_k(tmp_path, monkeypatch):
    asked = {}

    def phantom(**options):
        asked.update(options)
        raise Cancelled

    monkeypatch.setattr("QSMReconstructionCore.phantom.head_phantom", phantom)
    sizes = ["--voxel-size", "1", "2", "3", "--shape", "40", "42", "30", "--tilt", "5", "6", "--seed", "7"]
    rest = ["--snr", "50", "--field-strength", "7", "--texture", "2", "12"]
    assert main(["simulate", str(tmp_path / "out"), *sizes, *rest]) == 130
    del asked["progress"]
    assert asked == {
        "shape": (30, 42, 40), "spacing": (3.0, 2.0, 1.0), "tilt": (5.0, 6.0), "seed": 7, "snr": 50.0,
        "field_strength": 7.0, "echo_times": None, "hemorrhage": False, "texture": (2.0, 12.0),
    }
    main(["simulate", str(tmp_path / "out"), "--voxel-size", "1", "2", "3"])
    assert asked["shape"] == (60, 108, 180)
    assert not list(tmp_path.iterdir())


def test_reconstruct_finds_the_susceptibility_that_was_simulated(simulated, reconstructed):
    chimap, grid = read_nifti(reconstructed / "chimap.nii.gz")
    assert grid.same_geometry(read_nifti(simulated / "inputs/phase.nii.gz")[1])
    defined = volume(reconstructed / "mask.nii.gz") > 0
    assert not chimap[~defined].any()
    assert abs(chimap[defined].mean(dtype=float)) < 1e-6
    scores = score(chimap, volume(simulated / "groundtruth/chimap.nii.gz"), defined, volume(
        simulated / "groundtruth/labels.nii.gz"), LABELS)
    assert scores["correlation"] > 0.6
    assert 0.75 < scores["regional"]["slope"] < 1.2
    assert not scores["regional"]["wrong_signs"]
    mask = volume(simulated / "inputs/mask.nii.gz")
    np.testing.assert_array_equal(volume(reconstructed / "mask.nii.gz"), mask)
    total = volume(reconstructed / "totalfield.nii.gz")
    assert correlation(total, volume(simulated / "groundtruth/totalfield.nii.gz"), mask > 0) > 0.9


def test_the_sidecar_names_the_files_and_the_recipe(reconstructed, scan):
    told = json.loads((reconstructed / "chimap.json").read_text())
    assert [entry["Path"] for entry in told["InputFiles"][:3]] == scan[1::2]
    assert told["FactSources"]["echo_times"] == "params.json"
    assert Recipe(told["Recipe"]) == Recipe.from_json((reconstructed / "recipe.json").read_text())


def test_the_recipe_that_was_written_gives_the_same_map_again(tmp_path, reconstructed, scan):
    again = ["--recipe", str(reconstructed / "recipe.json"), "--mask", str(reconstructed / "mask.nii.gz")]
    assert main(["reconstruct", str(tmp_path), *scan, *again, "--progress", "none"]) == 0
    first, second = (volume(folder / "chimap.nii.gz") for folder in (reconstructed, tmp_path))
    np.testing.assert_allclose(second, first, atol=1e-6)


def test_settings_change_the_recipe(tmp_path, scan, capsys):
    settings = [
        word for setting in ("inversion.method=tkd", "inversion.threshold=0.15", "reference.method=no_reference")
        for word in ("--set", setting)
    ]
    assert main(["reconstruct", str(tmp_path), *scan, *settings, "--progress", "json"]) == 0
    stages = Recipe.from_json((tmp_path / "recipe.json").read_text()).stages
    assert stages["inversion"] == {"method": "tkd", **stages["inversion"], "threshold": 0.15}
    assert stages["reference"]["method"] == "no_reference"
    lines = progress_lines(capsys.readouterr().out)
    assert all(set(line) == {"fraction", "stage", "message"} for line in lines)
    fractions = [line["fraction"] for line in lines]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == 1
    assert {"Reading", "Brain mask", "Field map", "Dipole inversion", "Writing", "Done"} <= {x["stage"] for x in lines}


def test_progress_without_a_terminal_is_one_line_a_stage(tmp_path, scan, simulated, capsys):
    mask = ["--mask", str(simulated / "inputs/mask.nii.gz")]
    main(["reconstruct", str(tmp_path), *scan, *mask, "--recipe", "preview", "--progress", "bar"])
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = shown.err.splitlines()
    assert [line for line in lines if "%" in line[:4]][-1].startswith("100%")
    assert len([line for line in lines if "Dipole inversion" in line]) == 1


def test_a_single_echo_works_and_says_what_it_lacks(tmp_path, simulated, capsys):
    for part in ("phase", "magnitude"):
        values, grid = read_nifti(simulated / f"inputs/{part}.nii.gz")
        write_nifti(tmp_path / f"{part}.nii.gz", values[2], grid)
    out = tmp_path / "out"
    files = ["--phase", str(tmp_path / "phase.nii.gz"), "--magnitude", str(tmp_path / "magnitude.nii.gz")]
    facts = ["--echo-times", "0.008", "--field-strength", "3", "--mask", str(simulated / "inputs/mask.nii.gz")]
    assert main(["reconstruct", str(out), *files, *facts, "--progress", "none"]) == 0
    assert not (out / "r2star.nii.gz").exists()
    assert "single echo" in capsys.readouterr().err
    assert "single echo" in " ".join(json.loads((out / "chimap.json").read_text())["Notes"])
    defined = volume(out / "mask.nii.gz") > 0
    assert correlation(volume(out / "chimap.nii.gz"), volume(simulated / "groundtruth/chimap.nii.gz"), defined) > 0.3


def test_a_subject_of_a_bids_folder_gets_bids_derivatives(tmp_path, simulated):
    params = read_params(simulated / "inputs/params.json")
    folder = tmp_path / "data/sub-01/anat"
    folder.mkdir(parents=True)
    for part, name in (("phase", "phase"), ("mag", "magnitude")):
        values, grid = read_nifti(simulated / f"inputs/{name}.nii.gz")
        for echo, time in enumerate(params.echo_times):
            stem = f"sub-01_echo-{echo + 1}_part-{part}_MEGRE"
            write_nifti(folder / f"{stem}.nii.gz", values[echo], grid)
            (folder / f"{stem}.json").write_text(json.dumps({"EchoTime": time, "MagneticFieldStrength": 3}))
    out = tmp_path / "derivatives"
    mask = ["--mask", str(simulated / "inputs/mask.nii.gz"), "--recipe", "preview", "--progress", "none"]
    assert main(["reconstruct", str(out), "--bids", str(tmp_path / "data"), "--subject", "01", *mask]) == 0
    assert (out / "sub-01/anat/sub-01_Chimap.nii.gz").exists()
    assert (out / "dataset_description.json").exists()
    told = json.loads((out / "sub-01/anat/sub-01_Chimap.json").read_text())
    assert told["FactSources"]["echo_times"] == "sidecar"


def test_what_a_method_warns_of_becomes_a_note(tmp_path, scan, simulated, monkeypatch, capsys):
    def robust_threshold(acquisition, *, progress=None):
        """Find the brain, in doubt."""
        logging.getLogger("QSMReconstructionCore.masking").warning("The mask is a guess.")
        return volume(simulated / "inputs/mask.nii.gz") > 0

    monkeypatch.setitem(METHODS["mask"], "robust_threshold", Method("mask", robust_threshold, "In doubt"))
    recipe = ["--recipe", "preview", "--set", "mask.method=robust_threshold", "--progress", "none"]
    assert main(["reconstruct", str(tmp_path), *scan, *recipe]) == 0
    assert "Note: The mask is a guess." in capsys.readouterr().err.splitlines()
    assert json.loads((tmp_path / "chimap.json").read_text())["Notes"] == ["The mask is a guess."]


def test_score_tells_how_close_a_map_is(simulated, reconstructed, capsys):
    truth = simulated / "groundtruth"
    maps = [str(folder / "chimap.nii.gz") for folder in (reconstructed, truth)]
    arguments = [*maps, "--mask", str(truth / "mask.nii.gz"), "--labels", str(truth / "labels.nii.gz")]
    assert main(["score", *arguments, "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert {"nrmse", "detrended_nrmse", "hfen", "correlation", "xsim", "coverage", "covered", "regional"} <= set(scores)
    assert "Putamen left" in scores["regional"]["regions"]
    assert "White matter" not in scores["regional"]["regions"]
    assert main(["score", *arguments]) == 0
    text = capsys.readouterr().out
    assert f"{scores['correlation']:.3f}" in text
    assert "Putamen left" in text


def test_methods_lists_every_method_with_its_parameters(capsys):
    assert main(["methods", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {(row["stage"], row["method"]) for row in rows} == {(s, m) for s, found in METHODS.items() for m in found}
    assert sum(row["default"] for row in rows) == len(METHODS)
    (vsharp,) = (row for row in rows if row["method"] == "vsharp")
    assert vsharp["parameters"]["largest_radius"]["unit"] == "mm"
    assert main(["methods"]) == 0
    text = capsys.readouterr().out
    assert "residual_degree = -1 (-1 to 8; -1: none)" in text
    for row in rows:
        assert row["method"] in text
        assert all(name in text for name in [*row["parameters"], *row["references"]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "COMMAND"),
        (["reconstruct", "out"], "give either --dicom, or --bids with --subject, or --phase with --magnitude"),
        (["reconstruct", "out", "--phase", "p.nii"], "--phase and --magnitude are both needed"),
        (["reconstruct", "out", "--bids", "d"], "--bids needs --subject"),
        (["reconstruct", "out", "--bids", "d", "--phase", "p.nii"], "give either"),
        (["reconstruct", "out", "--real", "r.nii", "--phase", "p.nii"], "--real and --imaginary"),
        (["reconstruct", "out", "--bids", "d", "--subject", "1", "--identify"], "--identify needs --dicom"),
        (["reconstruct", "out", "--phase", "p.nii", "--magnitude", "m.nii", "--run", "1"], "--run needs --bids"),
        (["reconstruct", "out", "--dicom", "d", "--bids", "d"], "give either"),
        (["reconstruct", "out", "--dicom", "d", "--params", "p"], "--params goes with NIfTI files"),
        (["reconstruct", "out", "--phase", "p", "--magnitude", "m", "--series", "3"], "--series needs --dicom"),
        (["reconstruct", "out", "--phase", "p", "--magnitude", "m", "--write-dicom"], "--write-dicom needs --dicom"),
        (["reconstruct", "out", "--phase", "p", "--magnitude", "m", "--recipe", "best"], "neither a file nor one of"),
        (["reconstruct", "out", "--phase", "p", "--magnitude", "m", "--set", "a.b=1"], "stage.parameter"),
        (["reconstruct", "out", "--phase", "p", "--magnitude", "m", "--echo-times", "soon"], "invalid float"),
        (["stage", "magic", "--input", "a", "--output", "b"], "invalid choice"),
    ],
)
def test_wrong_usage_leaves_with_status_2(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.fixture
def heard():
    """Ctrl-C is heard, also where the shell that runs the tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("kind", ["bar", "json", "none"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_that_python_drops_in_a_destructor_cancels_at_the_next_report(monkeypatch, capsys, how, kind):
    dropped = []
    monkeypatch.setattr(sys, "unraisablehook", lambda ignored: dropped.append(ignored.exc_type))

    class Destroyed:
        def __del__(self):
            signal.raise_signal(how)

    def run(chosen):
        Destroyed()
        assert dropped == [KeyboardInterrupt]
        progress_as(kind)(0.5, "Field map")
        raise AssertionError("it went on")

    monkeypatch.setattr("QSMReconstructionCore.commandline.methods.run", run)
    assert main(["methods"]) == 130
    assert "Cancelled; nothing was written." in capsys.readouterr().err
    progress_as(kind)(0.5, "What the same process runs next")


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without asking it")
@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_cancelling_leaves_with_status_130_and_no_file(tmp_path, scan, how):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "QSMReconstructionCore", "reconstruct", str(out), *scan, "--progress", "json"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
    ) as process:
        for line in process.stdout:
            if json.loads(line)["fraction"] > 0:  # the computation has begun
                process.send_signal(how)
                break
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "Cancelled; nothing was written.\n"
    assert not list(tmp_path.iterdir())
