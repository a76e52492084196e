"""The command line, run as a user runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import read_nifti, write_nifti
from QSMRoiAnalysisCore.__main__ import main
from QSMRoiAnalysisCore.histogram import HistogramBin
from QSMRoiAnalysisCore.table import read_table
from QSMRoiAnalysisCore.texture import TextureFeature

GRID = Grid((8, 9, 10), direction=((0, 0.6, 0.8), (0, 0.8, -0.6), (1, 0, 0)), spacing=(2.0, 1.0, 1.0))
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path):
    """A map whose left caudate is at 0.05 ppm, right at 0.06 ppm and ventricle at -0.01 ppm, with labels and names."""
    labels = np.zeros(GRID.shape, np.uint8)
    labels[1:4, 1:4, 1:6], labels[1:4, 5:8, 1:6], labels[5:8, 1:8, 1:6] = 11, 50, 4
    values = np.select([labels == 11, labels == 50, labels == 4], [0.05, 0.06, -0.01])
    write_nifti(tmp_path / "chimap.nii.gz", values, GRID)
    write_nifti(tmp_path / "labels.nii.gz", labels, GRID)
    write_nifti(tmp_path / "mask.nii.gz", labels > 0, GRID)
    (tmp_path / "names.tsv").write_text("index\tname\n11\tLeft-Caudate\n50\tRight-Caudate\n4\tVentricle\n77\tWM\n")
    return tmp_path


def python(*arguments, folder=None):
    """A process of its own, in which every warning is an error."""
    paths = os.pathsep.join(str(REPOSITORY / name) for name in ("QSMReconstruction", "QSMRoiAnalysis"))
    command, variables = [sys.executable, "-W", "error", *arguments], {**os.environ, "PYTHONPATH": paths}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=60)


FILES = ("--map", "chimap.nii.gz", "--labels", "labels.nii.gz", "--out", "T.tsv")


def test_the_regions_of_a_map_become_a_table(folder):
    command = ("-m", "QSMRoiAnalysisCore", "measure", *FILES, "--lookup", "names.tsv", "--mask", "mask.nii.gz")
    done = python(*command, folder=folder)
    assert done.returncode == 0 and done.stdout.startswith("Measured 3 regions of chimap in ppm, reference unknown")
    assert done.stderr == "Note: 1 name(s) of the lookup have no voxel, WM for instance.\n"
    rows = read_table(folder / "T.tsv")
    assert [(row.region, row.side, row.label, row.voxels, row.volume_mm3) for row in rows] == [
        ("Ventricle", "", 4, 105, 210.0),
        ("Caudate", "left", 11, 45, 90.0),
        ("Caudate", "right", 50, 45, 90.0),
    ]
    assert [row.mean for row in rows] == pytest.approx([-0.01, 0.05, 0.06], rel=1e-6)


def test_a_failure_is_the_exit_status_of_the_process(folder):
    done = python("-m", "QSMRoiAnalysisCore", "measure", *FILES, "--reference", "Pallidum", folder=folder)
    assert done.returncode == 1 and done.stderr.startswith("There is no region") and done.stderr.count("\n") == 1


def test_reference_unit_and_side_file_reach_the_table(folder, monkeypatch):
    monkeypatch.chdir(folder)
    reference = {"region": "whole brain", "voxels": 195, "subtracted": 0.0, "mean": 0.0, "sd": 0.03}
    (folder / "chimap.json").write_text(json.dumps({"Units": "ppm", "Reference": reference}))
    assert main(["measure", *FILES, "--unit", "ppb"]) == 0
    kept = read_table(folder / "T.tsv")
    assert (kept[0].reference, kept[0].reference_sd, kept[0].unit) == ("whole brain", 30.0, "ppb")
    assert main(["measure", *FILES, "--lookup", "names.tsv", "--reference", "ventricle"]) == 0
    rows = read_table(folder / "T.tsv")
    assert [row.mean for row in rows] == pytest.approx([0, 0.06, 0.07], abs=1e-7)
    assert {row.reference for row in rows} == {"Ventricle"} and rows[0].reference_mean == pytest.approx(-0.01)


def test_names_are_found_in_the_table_beside_the_labels(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "names.tsv").rename(folder / "labels.tsv")
    assert main(["measure", *FILES]) == 0
    assert [row.region for row in read_table(folder / "T.tsv")] == ["Ventricle", "Caudate", "Caudate"]


def other_grid(folder):
    write_nifti(folder / "labels.nii.gz", np.ones((8, 9, 11), np.uint8), Grid((8, 9, 11), spacing=(2, 1, 1)))


def empty_labels(folder):
    write_nifti(folder / "labels.nii.gz", np.zeros(GRID.shape, np.uint8), GRID)


def four_dimensional_map(folder):
    write_nifti(folder / "chimap.nii.gz", np.zeros((2, *GRID.shape)), GRID)


def damaged_map(folder):
    (folder / "chimap.nii.gz").write_bytes(b"not a NIfTI file, only some text that is long enough" * 10)


def no_labels(folder):
    (folder / "labels.nii.gz").unlink()


def map_with_nan(folder):
    write_nifti(folder / "chimap.nii.gz", np.full(GRID.shape, np.nan), GRID)


@pytest.mark.parametrize(
    ("spoil", "more", "message"),
    [
        (other_grid, (), "another grid than the map: 8 x 9 x 11 voxels"),
        (empty_labels, (), "labels is empty"),
        (four_dimensional_map, (), "one volume"),
        (damaged_map, (), "chimap.nii.gz"),
        (no_labels, (), "labels.nii.gz does not exist"),
        (map_with_nan, (), "not finite"),
        (None, ("--reference", "Pallidum"), "no region 'Pallidum'"),
        (None, ("--lookup", "mask.nii.gz"), "not a text file"),
        (None, ("--lookup", "missing.tsv"), "missing.tsv: No such file"),
        (None, ("--out", "missing/T.tsv"), "missing/T.tsv: No such file"),
    ],
)
def test_data_that_cannot_be_measured_leave_a_message_and_no_file(folder, monkeypatch, capsys, spoil, more, message):
    monkeypatch.chdir(folder)
    if spoil:
        spoil(folder)
    before = {path.name for path in folder.iterdir()}
    assert main(["measure", *FILES, *more]) == 1
    said = capsys.readouterr()
    assert said.out == "" and message in said.err and said.err.count("\n") == 1
    assert {path.name for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    "arguments",
    [[], ["measure"], ["measure", *FILES[:2]], ["measure", *FILES, "--unit", "Hz"], ["measure", *FILES, "--nonsense"]],
)
def test_wrong_usage_ends_with_status_2(folder, monkeypatch, capsys, arguments):
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2 and "usage:" in capsys.readouterr().err
    assert not (folder / "T.tsv").exists()


def test_the_core_needs_no_slicer_and_no_qt():
    code = (
        "import sys\n"
        "for name in ('slicer', 'qt', 'ctk', 'vtk'): sys.modules[name] = None\n"
        "import importlib, pkgutil, QSMRoiAnalysisCore as core\n"
        "names = [m.name for m in pkgutil.iter_modules(core.__path__)]\n"
        "for name in names: importlib.import_module(f'QSMRoiAnalysisCore.{name}')\n"
        "print(len(names))\n"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 6


def test_columns_regions_and_maps_are_added_as_asked(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    labels, _ = read_nifti(folder / "labels.nii.gz")
    write_nifti(folder / "noise.nii.gz", np.full(GRID.shape, 0.01), GRID)
    write_nifti(folder / "r2star.nii.gz", np.where(labels, 25.0, 0), GRID)
    write_nifti(folder / "veins.nii.gz", np.indices(GRID.shape)[0] == 1, GRID)
    (folder / "participants.tsv").write_text("participant_id\tmore_affected_side\nsub-01\tleft\n")
    controls = "".join(f"Caudate\t{age}\t{40 + age / 10 + age % 3}\tppb\n" for age in (40, 50, 60, 70))
    (folder / "norms.tsv").write_text(f"region\tage\tmean\tunit\n{controls}")
    asked = [
        "--lookup", "names.tsv", "--unit", "ppb", "--measures", "side_difference", "mean_error", "affected",
        "rii_voxels", "neighbor_difference", "--noise", "noise.nii.gz", "--exclude", "veins.nii.gz",
        "--neighbor", "Ventricle", "--participants", "participants.tsv", "--subject", "01", "--norms", "norms.tsv",
        "--age", "80", "--also", "r2star.nii.gz", "1/s", "--group", "Both=Caudate+Ventricle", "--histogram", "H.tsv",
        "--bin-width", "20",
    ]
    assert main(["measure", *FILES, *asked]) == 1
    assert "No side has all members of the group 'Both'" in capsys.readouterr().err
    asked[asked.index("Both=Caudate+Ventricle")] = "Striatum=Caudate"
    assert main(["measure", *FILES, *asked]) == 0
    said = capsys.readouterr().err
    assert "3 region(s) have no norm" in said and "the norm is extrapolated" in said and "share voxels" not in said
    rows = read_table(folder / "T.tsv")
    names = ["Ventricle", "Caudate", "Caudate", "Striatum", "Striatum"]
    assert [(row.region, row.map, row.unit) for row in rows] == [
        (name, one, unit) for one, unit in (("chimap", "ppb"), ("r2star", "1/s")) for name in names
    ]
    left, right = rows[1], rows[2]
    assert (left.voxels, left.coverage) == (30, pytest.approx(2 / 3, rel=1e-6))
    assert left.side_difference == right.side_difference == pytest.approx(-10, rel=1e-5)
    assert left.mean_error == pytest.approx(10 / 30**0.5, rel=1e-6)
    assert (left.affected, right.affected) == ("less", "more")
    assert left.neighbor_difference == pytest.approx(60, rel=1e-5)
    assert (left.rii_voxels, right.rii_voxels) == (0, 30) and rows[5].mean == 25
    counted = read_table(folder / "H.tsv", HistogramBin)
    assert [(one.low, one.voxels) for one in counted if one.region == "Caudate"] == [(40, 30), (60, 30)]


def test_parts_and_erosion_reach_the_table(folder, monkeypatch):
    monkeypatch.chdir(folder)
    command = ["measure", *FILES, "--lookup", "names.tsv"]
    assert main([*command, "--thirds", "Ventricle", "--below", "Ventricle=Caudate", "--slab", "Caudate=-99:3"]) == 0
    parts = {(row.region, row.side): row.voxels for row in read_table(folder / "T.tsv")[3:]}
    assert parts == {
        ("Ventricle anterior third", ""): 30, ("Ventricle middle third", ""): 45, ("Ventricle posterior third", ""): 30,
        ("Ventricle below Caudate", ""): 0, ("Caudate slab", "left"): 15, ("Caudate slab", "right"): 15,
    }
    assert main([*command, "--erode", "0.6"]) == 0
    rows = read_table(folder / "T.tsv")
    assert [(row.voxels, row.erosion_mm) for row in rows] == [(45, 0.6), (9, 0.6), (9, 0.6)]


def test_texture_gets_a_table_of_its_own(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert main(["measure", *FILES, "--texture", "X.tsv", "--bin-width", "5", "--lowest-level", "-50"]) == 0
    assert "Voxels are not cubes" in capsys.readouterr().err
    rows = read_table(folder / "X.tsv", TextureFeature)
    means = [row.value for row in rows if row.feature == "mean"]
    assert means == pytest.approx([-10, 50, 60], rel=1e-6)
    assert [row.levels for row in rows if row.feature == "contrast"] == [9, 21, 23]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--texture", "H.tsv", "--lowest-level", "0"), "Choose a lower one"),
        (("--group", "Striatum"), "--group must be a name, =, and what it is made of"),
        (("--group", "Striatum=Caudate+Putamen"), "no region 'Putamen'"),
        (("--slab", "Caudate=a:b"), "--slab needs a number of mm, but got 'a'"),
        (("--participants", "names.tsv"), "--participants needs --subject"),
        (("--measures", "entropy"), "no descriptor 'entropy'"),
        (("--measures", "noise"), "needs noise"),
        (("--also", "chimap.nii.gz", "ppm"), "another quantity than susceptibility"),
        (("--thirds", "Caudate"), "no long axis"),
        (("--histogram", "H.tsv", "--bin-width", "0"), "bin_width must be a positive number"),
    ],
)
def test_additions_that_cannot_be_made_leave_no_file(folder, monkeypatch, capsys, more, message):
    monkeypatch.chdir(folder)
    assert main(["measure", *FILES, "--lookup", "names.tsv", *more]) == 1
    assert message in capsys.readouterr().err and not (folder / "T.tsv").exists() and not (folder / "H.tsv").exists()
