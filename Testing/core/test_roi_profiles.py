"""Profiles of values over the distance from a surface, where the value is the distance."""

import numpy as np
import pytest

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import write_nifti
from QSMRoiAnalysisCore.__main__ import main
from QSMRoiAnalysisCore.maps import SusceptibilityMap
from QSMRoiAnalysisCore.profiles import ProfileStep, profiles
from QSMRoiAnalysisCore.regions import regions_from_labels
from QSMRoiAnalysisCore.table import read_table

GRID = Grid((6, 12, 8), spacing=(1.0, 0.5, 1.0))
LOOKUP = {1: "White matter", 2: "Cortex left", 3: "Cortex right"}

#: White matter below row 4, 8 rows of cortex of 0.5 mm above it; susceptibility in ppb is the height above 2 mm.
ROWS = np.broadcast_to(np.arange(12)[None, :, None], GRID.shape)
HEIGHT = (ROWS - 3.5) * 0.5
LABELS = np.where(ROWS < 4, 1, np.where(np.arange(8) < 4, 2, 3))


def steps_of(**more):
    susceptibility = SusceptibilityMap(HEIGHT, GRID, "ppb", mask=more.pop("mask", None), name="chi")
    return profiles(susceptibility, regions_from_labels(LABELS, LOOKUP), unit="ppb", **more)


def test_the_depth_of_the_cortex_counts_from_the_white_matter():
    steps = steps_of(surface="White matter")
    left = [one for one in steps if one.side == "left"]
    assert [(one.near_mm, one.far_mm) for one in left] == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert [one.mean for one in left] == pytest.approx([0.5, 1.25, 2.25, 3.25], abs=0.26)
    assert sum(one.voxels for one in steps) == np.count_nonzero(LABELS > 1)
    assert {(one.region, one.surface) for one in steps} == {("Cortex", "White matter")}


@pytest.mark.parametrize("step", [0.5, 2.0])
def test_the_mean_of_a_step_is_that_of_the_heights_in_it(step):
    height = (np.arange(4, 12) - 3.5) * 0.5
    expected = [height[np.floor(height / step) == number].mean() for number in np.unique(np.floor(height / step))]
    assert [one.mean for one in steps_of(surface="White matter", step=step) if one.side == "right"] == expected


def test_without_a_surface_the_profile_leads_into_each_region():
    x = np.arange(-9, 10)
    radius = np.sqrt(x[:, None, None] ** 2 + x[None, :, None] ** 2 + x[None, None, :] ** 2)
    values = np.where(radius <= 4, -10.0, np.where(radius <= 6, 40.0, -30.0))
    lesion = regions_from_labels((radius <= 6).astype(int), {1: "Lesion"})
    rim, *core = profiles(SusceptibilityMap(values, Grid(values.shape), "ppb"), lesion, step=2.0, unit="ppb")
    assert rim.voxels == 722 and rim.mean == pytest.approx(36.26, abs=5e-3)
    assert {one.mean for one in core} == {-10} and rim.near_mm == 0


def test_voxels_outside_the_mask_are_not_in_a_profile():
    mask = np.broadcast_to(np.arange(8) < 4, GRID.shape)
    steps = steps_of(surface="White matter", mask=mask)
    assert {one.side for one in steps} == {"left"} and sum(one.voxels for one in steps) == 6 * 8 * 4


@pytest.mark.parametrize(
    ("more", "message"), [({"step": 0}, "step must be a positive length"), ({"surface": "Pia"}, "no region 'Pia'")]
)
def test_profiles_of_no_use_are_refused(more, message):
    with pytest.raises(ValueError, match=message):
        steps_of(**more)


def test_the_command_writes_profiles(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_nifti("chi.nii.gz", HEIGHT / 1000, GRID)
    write_nifti("labels.nii.gz", LABELS.astype(np.uint8), GRID)
    (tmp_path / "labels.tsv").write_text("index\tname\n" + "".join(f"{n}\t{name}\n" for n, name in LOOKUP.items()))
    command = ["measure", "--map", "chi.nii.gz", "--labels", "labels.nii.gz", "--unit", "ppb", "--out", "T.tsv"]
    assert main([*command, "--profile", "P.tsv", "--surface", "White matter", "--profile-step", "0.5"]) == 0
    steps = read_table("P.tsv", ProfileStep)
    assert [one.mean for one in steps[:8]] == pytest.approx((np.arange(4, 12) - 3.5) * 0.5, rel=1e-5)
