"""Atlases as they are distributed, where they are present: sides, places and volumes come out as published.

No license lets them lie in this repository. The tests look for folders that `atlas import` has made, with the labels as
their authors number them: `atlases/CIT168` (README says how) and `atlases/MuSus-100`.
"""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from QSMRoiAnalysisCore.atlas.atlas import read_atlas
from QSMRoiAnalysisCore.atlas.images import image_of, resampled

#: Voxels of 1 mm, left and right, in CIT168: red nucleus, pars reticulata, pars compacta with VTA, subthalamic nucleus.
VOLUMES = {(8, 108): (451, 472), (9, 109): (425, 449), (7, 107): (377, 360), (16, 116): (242, 234)}

#: Centers of structures of MuSus-100, RAS in mm: right and left caudate nucleus, right and left pars compacta.
CENTERS = {75: (14.1, 10.4, 9.0), 76: (-13.7, 10.2, 9.7), 161: (9.2, -19.5, -15.4), 162: (-9.2, -19.9, -15.5)}

#: Left and right in CIT168 and in MuSus-100 -> the range of their Dice coefficients.
DICE = {
    "red nucleus": ((8, 108), (166, 165), (0.73, 0.75)),
    "putamen": ((1, 101), (78, 77), (0.82, 0.84)),
    "caudate nucleus": ((2, 102), (76, 75), (0.80, 0.80)),
    "external pallidum": ((5, 105), (80, 79), (0.70, 0.70)),
    "internal pallidum": ((6, 106), (172, 171), (0.65, 0.68)),
    "pars compacta": ((7, 107), (162, 161), (0.16, 0.19)),
    "pars reticulata": ((9, 109), (164, 163), (0.41, 0.45)),
    "subthalamic nucleus": ((16, 116), (174, 173), (0.39, 0.47)),
}


@cache
def atlas(name):
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("QSM_SHARED_DATA", beside)) / "atlases" / name
    if not folder.is_dir():
        pytest.skip(f"the atlas {name} is not in {folder}; import it, or set QSM_SHARED_DATA")
    return read_atlas(folder)


def center(found, value):
    """RAS in mm."""
    inside = found.labels == value
    return [float(np.broadcast_to(axis, inside.shape)[inside].mean()) for axis in found.grid.world_coordinates()]


def test_nuclei_of_cit168_have_their_volumes_on_their_sides():
    found = atlas("CIT168")
    for values, volumes in VOLUMES.items():
        assert tuple(int((found.labels == value).sum()) for value in values) == volumes
        assert center(found, values[0])[0] < 0 < center(found, values[1])[0]


def test_nuclei_of_musus_lie_where_they_do_although_its_first_axis_runs_to_the_left():
    found = atlas("MuSus-100")
    for value, expected in CENTERS.items():
        np.testing.assert_allclose(center(found, value), expected, atol=0.1)


@pytest.mark.parametrize("structure", DICE)
def test_two_atlases_agree_as_far_as_they_do(structure):
    ours, theirs = atlas("CIT168"), atlas("MuSus-100")
    onto = image_of(ours.labels, ours.grid)
    moved = resampled(image_of(theirs.labels, theirs.grid), onto, sitk.Transform(3, sitk.sitkIdentity), nearest=True)
    first, second, (low, high) = DICE[structure]
    for one, other in zip(first, second):
        a, b = ours.labels == one, moved == other
        assert low - 0.02 <= 2 * np.sum(a & b) / (a.sum() + b.sum()) <= high + 0.02
