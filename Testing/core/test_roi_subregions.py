"""Regions made of others, on grids that lie askew in the world."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from QSMReconstructionCore.grid import Grid
from QSMRoiAnalysisCore.distances import signed_distance
from QSMRoiAnalysisCore.regions import Region, find_regions, overlaps
from QSMRoiAnalysisCore.subregions import below, eroded, grouped, quadrants, slab, thirds

AXIAL = Grid((24, 26, 28), spacing=(1.0, 1.0, 1.0), origin=(-14.0, -13.0, -12.0))
SAGITTAL_ORDER = ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, -1.0, 0.0))  # k right, j inferior, i posterior
FLIPPED = Grid((28, 24, 26), spacing=(1.0, 1.0, 1.0), direction=SAGITTAL_ORDER, origin=(-14.0, 12.0, 11.0))


def region_where(grid, condition, name="SN left"):
    r, a, s = grid.world_coordinates()
    return Region.from_mask(name, 7, np.broadcast_to(condition(r, a, s), grid.shape))


def centroid(region, grid):
    index = np.argwhere(region.inside) + [side.start for side in region.box]
    return (index[:, ::-1] @ grid.ijk_to_ras[:3, :3].T + grid.ijk_to_ras[:3, 3]).mean(axis=0)


def bar(grid, name="SN left"):
    return region_where(grid, lambda r, a, s: (abs(r) < 2) & (a >= -9) & (a < 9) & (abs(s) < 2), name)


@pytest.mark.parametrize("grid", [AXIAL, FLIPPED])
def test_thirds_run_from_anterior_to_posterior_however_the_axes_lie(grid):
    parts = thirds(bar(grid), grid)
    assert [part.name for part in parts] == [
        "SN anterior third left", "SN middle third left", "SN posterior third left"
    ]
    assert [part.side for part in parts] == ["left"] * 3 and {part.label for part in parts} == {7}
    assert [centroid(part, grid)[1] for part in parts] == pytest.approx([5.5, -0.5, -6.5])
    assert {part.voxels for part in parts} == {bar(grid).voxels // 3} and not overlaps(parts)


def test_thirds_of_an_oblique_bar_follow_its_own_axis():
    turned = Rotation.from_euler("x", 40, degrees=True)

    def inside(r, a, s):
        points = np.stack(np.broadcast_arrays(r, a, s), axis=-1) @ turned.as_matrix()
        return np.all(abs(points) < (2.5, 10, 2.5), axis=-1)

    parts = thirds(region_where(AXIAL, inside), AXIAL)
    long = turned.apply((0, 1, 0))
    assert [centroid(part, AXIAL) @ long for part in parts] == pytest.approx([20 / 3, 0, -20 / 3], abs=0.3)


@pytest.mark.parametrize(("name", "order"), [("GPe left", (-5, 0, 5)), ("GPe right", (5, 0, -5))])
def test_thirds_across_run_from_lateral_to_medial_on_both_sides(name, order):
    across = region_where(AXIAL, lambda r, a, s: (abs(r) < 7.6) & (abs(a) < 2) & (abs(s) < 2), name)
    parts = thirds(across, AXIAL)
    assert parts[0].structure == "GPe lateral third" and parts[2].structure == "GPe medial third"
    assert [centroid(part, AXIAL)[0] for part in parts] == pytest.approx(order, abs=0.01)


@pytest.mark.parametrize(
    ("condition", "name", "message"),
    [
        (lambda r, a, s: r**2 + a**2 + s**2 <= 36, "RN left", "no long axis"),
        (lambda r, a, s: (r == 0) & (a == 0) & (s == 0), "RN left", "1 voxels, too few"),
        (lambda r, a, s: (abs(r) < 9) & (abs(a) < 2) & (abs(s) < 2), "Pons", "from side to side"),
    ],
)
def test_regions_without_thirds_are_refused(condition, name, message):
    with pytest.raises(ValueError, match=message):
        thirds(region_where(AXIAL, condition, name), AXIAL)


@pytest.mark.parametrize("grid", [AXIAL, FLIPPED])
def test_quadrants_lie_where_their_names_say(grid):
    block = region_where(grid, lambda r, a, s: (abs(r) < 2) & (a >= -4) & (a < 4) & (s >= -3) & (s < 3))
    parts = quadrants(block, grid)
    assert [part.structure for part in parts] == [
        "SN rostral ventral", "SN rostral dorsal", "SN caudal ventral", "SN caudal dorsal"
    ]
    centers = [tuple(np.sign(centroid(part, grid)[1:] + 0.5)) for part in parts]
    assert centers == [(1, 1), (-1, 1), (1, -1), (-1, -1)]  # anterior is ventral, superior is rostral
    assert sum(part.voxels for part in parts) == block.voxels and not overlaps(parts)
    with pytest.raises(ValueError, match="no voxel in its part"):
        quadrants(region_where(grid, lambda r, a, s: (abs(r) < 2) & (abs(a) < 3) & (s == 0)), grid)


@pytest.mark.parametrize("grid", [AXIAL, FLIPPED])
def test_slabs_and_parts_below_another_region_are_measured_in_the_world(grid):
    column = region_where(grid, lambda r, a, s: (abs(r) < 2) & (abs(a) < 2) & (s >= -10) & (s <= 8))
    red = region_where(grid, lambda r, a, s: (abs(r - 6) < 2) & (abs(a) < 2) & (s >= -2) & (s <= 4), "RN left")
    assert slab(column, grid, -3, 2).voxels == 9 * 6
    assert slab(column, grid, 0, 0, "hand knob").name == "SN hand knob left"
    assert not slab(column, grid, 20, 30).voxels
    part = below(column, red, grid)
    assert part.name == "SN below RN left" and part.voxels == 9 * 8 and centroid(part, grid)[2] == pytest.approx(-6.5)
    assert below(column, red, grid, 4).voxels == 9 * 4 and centroid(below(column, red, grid, 4), grid)[2] == -4.5
    for wrong in ({"low": 3, "high": 2}, {"low": 0, "high": 1, "axis": "L"}):
        with pytest.raises(ValueError, match="must"):
            slab(column, grid, **wrong)


def test_a_group_joins_its_members_on_each_side_and_knows_what_was_cut_off():
    caudate, putamen, other = (
        Region.from_mask(name, 1, np.arange(24)[:, None, None] + np.zeros(AXIAL.shape) == k, in_field)
        for k, (name, in_field) in enumerate([("Caudate left", 1.0), ("Putamen left", 0.5), ("Caudate right", 1.0)])
    )
    (striatum,) = grouped([caudate, putamen, other], "Striatum", ["Caudate", "putamen"], AXIAL)
    assert (striatum.name, striatum.structure, striatum.side) == ("Striatum left", "Striatum", "left")
    assert striatum.voxels == caudate.voxels + putamen.voxels and striatum.in_field == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="no region 'Pallidum'"):
        grouped([caudate, putamen], "Lentiform", ["Putamen", "Pallidum"], AXIAL)
    with pytest.raises(ValueError, match="No side has all"):
        grouped([other, putamen], "Striatum", ["Caudate", "Putamen"], AXIAL)


@pytest.mark.parametrize(("distance", "side"), [(0, 11), (0.5, 9), (1.5, 7), (1.4, 9), (5.6, 0)])
def test_erosion_takes_off_layers_by_their_distance_in_mm(distance, side):
    cube = region_where(AXIAL, lambda r, a, s: (abs(r) < 6) & (abs(a) < 6) & (abs(s) < 6))
    part = eroded(cube, AXIAL, distance)
    assert part.voxels == side**3 and part.name == cube.name and part.erosion == distance
    assert not side or centroid(part, AXIAL) == pytest.approx((0, 0, 0))


def test_erosion_is_the_same_in_mm_on_voxels_of_other_shapes():
    cubic = Grid((48, 48, 48), spacing=(0.4, 0.4, 0.4), origin=(-9.4, -9.4, -9.4))
    thin = Grid((24, 48, 96), spacing=(0.8, 0.4, 0.2), origin=(-9.5, -9.4, -9.2))
    ball = [region_where(grid, lambda r, a, s: r**2 + a**2 + s**2 <= 64) for grid in (cubic, thin)]
    volumes = [eroded(region, grid, 2.0).voxels * grid.voxel_volume for region, grid in zip(ball, (cubic, thin))]
    assert volumes == pytest.approx([4 / 3 * np.pi * 6**3] * 2, rel=0.08)
    with pytest.raises(ValueError, match="at least 0 mm"):
        eroded(ball[0], AXIAL, -1)


def test_erosion_treats_the_end_of_the_field_of_view_as_surface():
    whole = Region.from_mask("SN left", 1, np.ones(AXIAL.shape, bool))
    assert eroded(whole, AXIAL, 0.5).voxels == 22 * 24 * 26


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 0.5)])
def test_the_distance_of_a_half_space_is_that_of_its_plane(spacing):
    for axis in range(3):
        inside = np.zeros((8, 8, 8), bool)
        np.moveaxis(inside, axis, 0)[:8] = (np.arange(8) >= 4)[:, None, None]
        padded = np.pad(inside, [(0, 0) if each == axis else (9, 9) for each in range(3)], mode="edge")
        middle = tuple(slice(None) if each == axis else slice(12, 14) for each in range(3))
        found = np.moveaxis(signed_distance(padded, spacing)[middle], axis, 0)[:6]
        expected = (np.arange(6) - 3.5) * spacing[axis]
        assert np.allclose(found, expected[:, None, None])


def rim_phantom(spacing):
    """A lesion of 6 mm: core -10 to 4 mm, rim 40, tissue -30 ppb."""
    half = int(np.ceil(9 / spacing))
    x = np.arange(-half, half + 1) * spacing
    radius = np.sqrt(x[:, None, None] ** 2 + x[None, :, None] ** 2 + x[None, None, :] ** 2)
    return np.where(radius <= 4, -10.0, np.where(radius <= 6, 40.0, -30.0)), radius <= 6


@pytest.mark.parametrize(
    ("spacing", "rim", "lesion", "volume"),
    [(1.0, 36.26, 26.11, 722), (0.5, 37.67, 25.26, 661), (0.25, 38.71, 25.22, 653)],
)
def test_the_rim_phantom_has_the_published_core_rim_and_surroundings(spacing, rim, lesion, volume):
    values, inside = rim_phantom(spacing)
    distance = signed_distance(inside, (spacing,) * 3)
    shell = (distance > 0) & (distance <= 2)
    assert values[distance > 2].mean() == -10.0
    assert values[(distance < 0) & (distance >= -2)].mean() == -30.0
    assert values[shell].mean() == pytest.approx(rim, abs=5e-3)
    assert values[inside].mean() == pytest.approx(lesion, abs=5e-3)
    assert shell.sum() * spacing**3 == pytest.approx(volume, abs=0.5)


@pytest.mark.parametrize("wrong", [np.zeros((3, 3, 3), bool), np.ones((3, 3), bool)])
def test_a_distance_needs_a_region(wrong):
    with pytest.raises(ValueError, match="marks at least one voxel"):
        signed_distance(wrong, (1, 1, 1))


def test_parts_are_found_by_the_name_that_they_are_given():
    parts = [*thirds(bar(AXIAL), AXIAL), *thirds(bar(AXIAL, "SN right"), AXIAL)]
    assert [one.name for one in find_regions(parts, "SN anterior third")] == [
        "SN anterior third left", "SN anterior third right"
    ]
