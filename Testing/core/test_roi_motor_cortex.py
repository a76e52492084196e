"""The motor cortex: two sheets of known values above white matter."""

import numpy as np
import pytest

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import write_nifti
from QSMRoiAnalysisCore.__main__ import main
from QSMRoiAnalysisCore.maps import MapReference, SusceptibilityMap
from QSMRoiAnalysisCore.motor_cortex import MotorCortexRow, measure_motor_cortex
from QSMRoiAnalysisCore.regions import regions_from_labels
from QSMRoiAnalysisCore.subregions import near
from QSMRoiAnalysisCore.table import read_table

GRID = Grid((30, 20, 20), origin=(-9.5, -9.5, 40.0))
LOOKUP = {1: "ctx-lh-precentral", 2: "ctx-rh-precentral", 3: "White matter"}
R, A, S = (np.broadcast_to(axis, GRID.shape) for axis in GRID.world_coordinates())

#: Cortex 3 mm thick in front of white matter; the hand knob lies between 50 and 54 mm.
LABELS = np.where(A > 4, np.where(R < 0, 1, 2), 3) * (A < 7)
HAND = (S >= 50) & (S <= 54)


def values():
    """30 ppb in the cortex, 46 (left) and 35 (right) in the hand knob, 0 in near and -20 in far white matter."""
    cortex = np.where(HAND, np.where(R < 0, 46.0, 35.0), 30.0)
    return np.where(LABELS == 3, np.where(A > 0, 0.0, -20.0), cortex)


def rows_of(volume, **more):
    susceptibility = SusceptibilityMap(volume, GRID, "ppb", MapReference("whole brain"), "chi")
    names = {"cortex": "ctx-precentral", "adjacent": "White matter", "hand_knob": (50, 54), "unit": "ppb", **more}
    return measure_motor_cortex(susceptibility, regions_from_labels(LABELS, LOOKUP), **names)


def test_the_hand_knob_is_compared_with_the_tissue_beside_it():
    left, right = rows_of(values())
    assert (left.side, right.side, left.region) == ("left", "right", "ctx-precentral")
    assert (left.relative_mean, right.relative_mean) == (46, 35) and left.hand_voxels == 5 * 3 * 10
    assert left.mean == pytest.approx((25 * 30 + 5 * 46) / 30) and left.adjacent_mean == 0
    assert rows_of(values(), reach=8)[0].adjacent_mean < 0
    assert (left.reference, left.unit, left.motor_cortex_score) == ("whole brain", "ppb", "")


def test_the_maximum_and_the_skew_follow_a_few_bright_voxels():
    bright = values()
    bright[12, 15, 3] = 90
    left, right = rows_of(bright)
    assert left.relative_maximum == 90 and left.skewness > right.skewness > 0 and left.sd > right.sd


def test_a_shift_of_the_map_leaves_the_contrast_alone():
    before, after = rows_of(values())[0], rows_of(values() + 7)[0]
    assert after.relative_mean == pytest.approx(before.relative_mean) and after.mean == pytest.approx(before.mean + 7)


def test_nearness_ends_at_the_surface_of_voxels():
    cortex, _, tissue = regions_from_labels(LABELS, LOOKUP)
    for reach, layers in ((0.4, 0), (0.5, 1), (1.5, 2), (4.0, 4)):
        rows = np.argwhere(near(tissue, cortex, GRID, reach).inside)
        assert len(np.unique(rows[:, 1])) == layers if layers else not len(rows)
    assert near(tissue, cortex, GRID, 2).name == "White matter near ctx-lh-precentral"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"hand_knob": (90, 95)}, "no voxel between 90 and 95 mm"),
        ({"hand_knob": (54, 50)}, "low must not exceed high"),
        ({"cortex": "M1"}, "no region 'M1'"),
        ({"adjacent": "CSF"}, "no region 'CSF'"),
        ({"reach": 0}, "reach must be a positive length"),
        ({"unit": "Hz"}, "unit must be ppm or ppb"),
    ],
)
def test_a_motor_cortex_that_cannot_be_found_is_refused(more, message):
    with pytest.raises(ValueError, match=message):
        rows_of(values(), **more)


def test_the_command_writes_a_row_for_each_side(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_nifti("chi.nii.gz", values() / 1000, GRID)
    write_nifti("labels.nii.gz", LABELS.astype(np.uint8), GRID)
    write_nifti("mask.nii.gz", ((S < 51) & (A < 6)).astype(np.uint8), GRID)
    (tmp_path / "labels.tsv").write_text("index\tname\n" + "".join(f"{n}\t{name}\n" for n, name in LOOKUP.items()))
    command = ["motor-cortex", "--map", "chi.nii.gz", "--labels", "labels.nii.gz", "--cortex", "ctx-precentral",
               "--adjacent", "White matter", "--unit", "ppb", "--out", "T.tsv"]
    assert main([*command, "--hand-knob", "50", "54"]) == 0
    rows = read_table("T.tsv", MotorCortexRow)
    assert [row.relative_mean for row in rows] == pytest.approx([46, 35], rel=1e-5)
    assert capsys.readouterr().err == ""
    assert main([*command, "--hand-knob", "50", "54", "--mask", "mask.nii.gz"]) == 0
    assert "20 voxels in the hand knob" in capsys.readouterr().err
    assert main([*command, "--hand-knob", "5", "6"]) == 1
