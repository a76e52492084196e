"""Lesions: told apart, cut into shells, followed over visits and measured, on lesions of known shape."""

import math
from dataclasses import fields

import numpy as np
import pytest

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import read_nifti, write_nifti
from QSMRoiAnalysisCore.__main__ import main
from QSMRoiAnalysisCore.lesion_table import LesionRow, measure_lesions
from QSMRoiAnalysisCore.lesions import find_lesions, match_lesions, shells
from QSMRoiAnalysisCore.maps import SusceptibilityMap
from QSMRoiAnalysisCore.table import read_table

GRID = Grid((40, 44, 48), origin=(-24.0, -22.0, -20.0))


def radius(r=0.0, a=0.0, s=0.0, grid=GRID):
    """Distance of the voxels from a point in mm."""
    x, y, z = grid.world_coordinates()
    return np.sqrt((x - r) ** 2 + (y - a) ** 2 + (z - s) ** 2)


def ball(size, r=0.0, a=0.0, s=0.0, grid=GRID):
    return radius(r, a, s, grid) <= size


def rim_lesion(center=(0, 0, 0), grid=GRID):
    """Susceptibility in ppb: core -10 to 4 mm, rim 40 to 6 mm, -30 outside."""
    distance = radius(*center, grid)
    return np.where(distance <= 4, -10.0, np.where(distance <= 6, 40.0, -30.0))


def rows_of(values, mask, grid=GRID, unit="ppb", **more):
    susceptibility = SusceptibilityMap(values, grid, "ppb", mask=more.pop("inside", None))
    labels = find_lesions(mask, grid)
    (matches,) = match_lesions([labels], [grid])
    return measure_lesions(susceptibility, shells(labels, grid), matches, unit=unit, **more)


def test_lesions_are_numbered_from_the_largest_and_specks_are_left_out():
    mask = ball(3, -10) | ball(5, 10) | ball(0.5, 0, 15)
    labels = find_lesions(mask, GRID)
    assert labels.max() == 2 and labels[ball(3, -10)].min() == 2 and labels[ball(5, 10)].min() == 1
    assert not labels[ball(0.5, 0, 15)].any()
    assert find_lesions(mask, GRID, smallest_volume=1).max() == 3
    assert not find_lesions(np.zeros(GRID.shape), GRID).any()


def test_voxels_that_share_a_corner_are_one_lesion():
    mask = np.zeros(GRID.shape, bool)
    mask[4:8, 4:8, 4:8] = mask[8:12, 8:12, 8:12] = True
    assert find_lesions(mask, GRID, split_depth=None).max() == 1


@pytest.mark.parametrize("grid", [GRID, Grid((20, 44, 96), spacing=(2, 1, 0.5), origin=(-24, -22, -20))])
def test_confluent_lesions_are_cut_at_their_neck(grid):
    two = ball(5, -4.2, grid=grid) | ball(5, 4.2, grid=grid)
    labels = find_lesions(two, grid)
    assert labels.max() == 2
    sizes = np.bincount(labels.ravel())[1:]
    assert sizes[1] / sizes[0] > 0.9 and sizes.sum() == two.sum()
    left = grid.world_coordinates()[0] < -1.1
    assert len(np.unique(labels[two & np.broadcast_to(left, grid.shape)])) == 1
    assert find_lesions(two, grid, split_depth=None).max() == 1
    assert find_lesions(two, grid, split_depth=3.5).max() == 1


def test_a_single_round_or_long_lesion_stays_in_one_piece():
    x, y, z = GRID.world_coordinates()
    assert find_lesions(ball(6), GRID).max() == 1
    assert find_lesions((x / 14) ** 2 + (y / 4) ** 2 + (z / 4) ** 2 <= 1, GRID).max() == 1


@pytest.mark.parametrize(
    ("spacing", "rim", "lesion", "volume"),
    [(1.0, 36.26, 26.11, 722), (0.5, 37.67, 25.26, 661), (0.25, 38.71, 25.22, 653)],
)
def test_the_rim_phantom_is_measured_as_published(spacing, rim, lesion, volume):
    half = int(np.ceil(9 / spacing))
    grid = Grid((2 * half + 1,) * 3, spacing=(spacing,) * 3, origin=(-half * spacing,) * 3)
    (row,) = rows_of(rim_lesion(grid=grid), ball(6, grid=grid), grid)
    assert row.core_mean == -10 and row.peri_mean == -30 and row.rim_candidate == "yes"
    assert row.rim_mean == pytest.approx(rim, abs=5e-3) and row.mean == pytest.approx(lesion, abs=5e-3)
    assert row.rim_volume_mm3 == pytest.approx(volume, abs=0.5)
    assert (row.r_mm, row.a_mm, row.s_mm) == pytest.approx((0, 0, 0), abs=1e-9)
    assert row.rim_volume_mm3 + row.core_volume_mm3 == pytest.approx(row.volume_mm3)


def test_shells_are_apart_and_there_is_no_rim_where_lesions_touch():
    labels = find_lesions(ball(5, -3.4) | ball(5, 3.4), GRID, split_depth=0.5)
    parts = shells(labels, GRID)
    for label, part in parts.items():
        assert not (part.rim & part.core).any() and not (part.lesion & part.surroundings).any()
        assert np.array_equal(part.lesion, labels[part.box] == label)
        assert not labels[part.box][part.surroundings].any()
    middle = ball(1)
    assert len(parts) == 2 and not any((part.rim & middle[part.box]).any() for part in parts.values())


def test_surroundings_stay_inside_the_given_tissue_and_the_field_of_view():
    labels = find_lesions(ball(4, -23), GRID)
    tissue = np.broadcast_to(GRID.world_coordinates()[1] > 0, GRID.shape)
    part = shells(labels, GRID, mask=tissue)[1]
    assert part.surroundings.any() and not (part.surroundings & ~tissue[part.box]).any()
    assert part.box[2].start == 0


@pytest.mark.parametrize(
    ("values", "candidate"),
    [
        (rim_lesion(), "yes"),
        (np.where(ball(6), 40.0, -30.0), "no"),
        (np.where(ball(6), -10.0, -30.0), "no"),
        (np.where(radius() <= 4, -10.0, -4.0), "no"),
        (np.where((radius() > 4) & (np.abs(GRID.world_coordinates()[2]) < 0.5), 90.0, -10.0), "no"),
    ],
)
def test_a_rim_is_a_candidate_where_it_stands_out_on_more_than_one_slice(values, candidate):
    (row,) = rows_of(values, ball(6))
    assert row.rim_candidate == candidate and row.rim == ""


def test_the_contrast_of_a_candidate_is_in_ppb_whatever_the_units():
    for factor, unit in ((1, "ppb"), (1e-3, "ppm")):
        susceptibility = SusceptibilityMap(rim_lesion() * factor, GRID, unit)
        labels = find_lesions(ball(6), GRID)
        (matches,) = match_lesions([labels], [GRID])
        for contrast, candidate in ((40, "yes"), (55, "no")):
            (row,) = measure_lesions(
                susceptibility, shells(labels, GRID), matches, unit="ppb", rim_contrast=contrast
            )
            assert row.rim_candidate == candidate and row.core_mean == pytest.approx(-10)


def test_a_lesion_without_a_core_is_no_candidate_either_way():
    (row,) = rows_of(np.where(ball(1.8), 40.0, -30.0), ball(1.8))
    assert math.isnan(row.core_mean) and row.rim_candidate == "" and row.rim_mean == 40


def test_voxels_outside_the_mask_are_not_measured_but_belong_to_the_volume():
    inside = np.broadcast_to(GRID.world_coordinates()[0] < 0, GRID.shape)
    values = np.where(inside, rim_lesion(), np.nan)
    (row,) = rows_of(values, ball(6), inside=inside, nawm=radius() > 10)
    assert row.voxels < 0.5 * row.volume_mm3 and row.coverage == pytest.approx(row.voxels / row.volume_mm3)
    assert row.core_mean == -10 and row.nawm_mean == -30
    with pytest.raises(ValueError, match=r"voxel\(s\) in lesion 1 that are not finite"):
        rows_of(values, ball(6))


def test_lesions_keep_their_number_when_they_grow_vanish_and_come_back():
    visits = [
        find_lesions(mask, GRID)
        for mask in (
            ball(4, -10) | ball(3, 10), ball(5, -10), ball(5, -11) | ball(3, 10) | ball(6, 0, 12), ball(2, -10)
        )
    ]
    first, second, third, fourth = match_lesions(visits, [GRID] * 4)
    assert {label: (match.lesion, match.status) for label, match in first.items()} == {
        1: (1, "baseline"), 2: (2, "baseline")
    }
    assert [(match.lesion, match.status) for match in second.values()] == [(1, "followed")]
    small, large = ball(4, -10).sum(), ball(5, -10).sum()
    assert second[1].overlap == pytest.approx(2 * small / (small + large))
    assert [(match.lesion, match.status) for match in third.values()] == [(3, "new"), (1, "followed"), (2, "followed")]
    assert third[3].overlap == 1.0 and [match.lesion for match in fourth.values()] == [1]


def test_a_merger_keeps_the_larger_lesion_and_names_the_other():
    before = find_lesions(ball(5, -7) | ball(4, 6), GRID)
    merged = find_lesions(ball(5, -7) | ball(4, 6) | ball(4, 0), GRID, split_depth=None)
    (_, after) = match_lesions([before, merged], [GRID] * 2)
    assert [(match.lesion, match.also_overlaps) for match in after.values()] == [(1, (2,))]


def test_a_lesion_that_falls_apart_leaves_its_number_to_the_larger_piece():
    (_, after) = match_lesions(
        [find_lesions(ball(8), GRID), find_lesions(ball(4, -4) | ball(2, 5), GRID)], [GRID] * 2
    )
    assert [(match.lesion, match.status, match.also_overlaps) for match in after.values()] == [
        (1, "followed", ()), (2, "fragment", (1,))
    ]


def test_a_touch_at_the_border_is_no_match():
    (_, after) = match_lesions([find_lesions(ball(5, -4), GRID), find_lesions(ball(5, 5), GRID)], [GRID] * 2)
    assert [match.status for match in after.values()] == ["new"]


def test_visits_on_other_grids_are_matched_in_the_world():
    turned = Grid(
        (48, 40, 44), direction=((1.0, 0, 0), (0, 0, -1.0), (0, -1.0, 0)), origin=(-24.3, 21.8, 19.7)
    )
    visits = [find_lesions(ball(5, -10, 3, -2, grid) | ball(3, 10, -5, 4, grid), grid) for grid in (GRID, turned)]
    (_, after) = match_lesions(visits, [GRID, turned])
    assert [(match.lesion, match.status) for match in after.values()] == [(1, "followed"), (2, "followed")]
    assert min(match.overlap for match in after.values()) > 0.85


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: find_lesions(np.zeros((3, 3, 3)), GRID), "shape of its grid"),
        (lambda: find_lesions(radius() / 50, GRID), "probability map"),
        (lambda: find_lesions(ball(3), GRID, split_depth=-1), "split_depth must not be negative"),
        (lambda: shells(find_lesions(ball(3), GRID), GRID, rim=0), "rim must be a positive thickness"),
        (lambda: match_lesions([], []), "one grid for each visit"),
        (lambda: rows_of(rim_lesion(), ball(6), unit="Hz"), "unit must be ppm or ppb"),
        (lambda: rows_of(rim_lesion(), ball(6), rim_contrast=math.nan), "rim_contrast must be a number"),
    ],
)
def test_requests_without_a_meaning_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.fixture
def visits(tmp_path, monkeypatch):
    """Two visits: one lesion with a rim, then a second one without."""
    monkeypatch.chdir(tmp_path)
    values = rim_lesion((-10, 0, 0))
    write_nifti("chi1.nii.gz", values / 1000, GRID)
    write_nifti("chi2.nii.gz", np.where(ball(4, 12), 0.02, values / 1000), GRID)
    write_nifti("les1.nii.gz", ball(6, -10), GRID)
    write_nifti("les2.nii.gz", ball(6, -10) | ball(4, 12), GRID)
    write_nifti("wm.nii.gz", np.ones(GRID.shape, np.uint8), GRID)
    return tmp_path


MAPS, MASKS = ("chi1.nii.gz", "chi2.nii.gz"), ("les1.nii.gz", "les2.nii.gz")
COMMAND = ("lesions", "--map", *MAPS, "--lesions", *MASKS, "--out", "T.tsv")


def test_lesions_of_two_visits_become_one_table(visits, capsys):
    more = ("--subject", "01", "--visits", "base", "year", "--years", "0", "1.1", "--unit", "ppb", "--white-matter",
            "wm.nii.gz", "wm.nii.gz", "--labels-out", "one.nii.gz", "two.nii.gz")
    assert main([*COMMAND, *more]) == 0
    rows = read_table("T.tsv", LesionRow)
    assert [(row.visit, row.time_years, row.lesion, row.status, row.rim_candidate) for row in rows] == [
        ("base", 0, 1, "baseline", "yes"), ("year", 1.1, 1, "followed", "yes"), ("year", 1.1, 2, "new", "no")
    ]
    assert [row.rim_mean for row in rows] == pytest.approx([36.26, 36.26, 20], abs=5e-3)
    assert {row.nawm_mean for row in rows} == {-30} and {row.rim for row in rows} == {""}
    assert "Visit year: 2 lesions" in capsys.readouterr().out
    labels, grid = read_nifti("two.nii.gz")
    assert grid.same_geometry(GRID) and set(np.unique(labels)) == {0, 1, 2} and labels[ball(4, 12)].min() == 2


def test_what_a_reader_fills_in_is_read_back(visits):
    assert main([*COMMAND]) == 0
    lines = open("T.tsv", encoding="utf-8").read().splitlines()
    titles, cells = lines[0].split("\t"), lines[1].split("\t")
    cells[titles.index("rim")], cells[titles.index("rater")] = "uncertain", "AB"
    open("T.tsv", "w", encoding="utf-8").write("\n".join([lines[0], "\t".join(cells), *lines[2:]]) + "\n")
    first, *others = read_table("T.tsv", LesionRow)
    assert (first.rim, first.rater) == ("uncertain", "AB") and {row.rim for row in others} == {""}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--visits", "1"), "--visits must be given for each of the 2 map(s)"),
        (("--visits", "a", "a"), "--visits must differ"),
        (("--smallest-volume", "1e6"), "No visit has a lesion"),
        (("--mask", "wm.nii.gz"), "--mask must be given for each"),
        (("--rim", "-1"), "rim must be a positive thickness"),
        (("--white-matter", "wm.nii.gz", "small.nii.gz"), "white matter (small.nii.gz) is on another grid"),
    ],
)
def test_lesions_that_cannot_be_measured_leave_no_table(visits, capsys, more, message):
    write_nifti("small.nii.gz", np.ones((4, 4, 4), np.uint8), Grid((4, 4, 4)))
    assert main([*COMMAND, *more]) == 1
    assert message in capsys.readouterr().err and not (visits / "T.tsv").exists()


def test_every_column_of_the_lesion_table_is_described():
    assert all(column.metadata["description"] for column in fields(LesionRow))
