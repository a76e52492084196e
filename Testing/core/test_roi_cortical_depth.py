"""Depth in the cortex, on shells whose half depth is known."""

import numpy as np
import pytest

from QSMReconstructionCore.grid import Grid
from QSMRoiAnalysisCore.cortical_depth import layers, relative_depth
from QSMRoiAnalysisCore.regions import Region


def shell(size, low=3.0, high=6.0):
    """A shell between two radii in mm, what lies inside and outside, the grid, and the radius of its voxels."""
    count = int(14 / size) // 2 * 2 + 1
    grid = Grid((count,) * 3, (size,) * 3)
    axes = np.mgrid[tuple(slice(count) for _ in range(3))] - count // 2
    radius = size * np.sqrt(np.sum(axes**2, axis=0))
    white, fluid = radius < low, radius > high
    cortex = Region.from_mask("Cortex left", 1, ~white & ~fluid)
    return (
        cortex, [Region.from_mask("White matter", 2, white)], [Region.from_mask("CSF", 3, fluid)], grid,
        radius[cortex.box][cortex.inside],
    )  # fmt: skip


def half(depth, radius):
    """Radius at which the depth is one half."""
    return radius[np.abs(depth - 0.5) < 0.03].mean()


def test_half_the_distance_and_half_the_volume_of_a_shell_lie_where_geometry_puts_them():
    cortex, inner, outer, grid, radius = shell(0.25)
    assert half(relative_depth(cortex, inner, outer, grid, by_volume=False), radius) == pytest.approx(4.5, abs=0.03)
    # ((3^3 + 6^3) / 2)^(1/3) = 4.953; what is left is a quarter of a voxel, and shrinks with it.
    errors = []
    for size in (0.5, 0.25):
        cortex, inner, outer, grid, radius = shell(size)
        errors.append(abs(half(relative_depth(cortex, inner, outer, grid), radius) - 4.953))
    assert errors[1] < 0.0625 and errors[1] < 0.6 * errors[0] + 0.03
    truth = (radius**3 - 27) / (216 - 27)
    assert np.mean(np.abs(relative_depth(cortex, inner, outer, grid) - truth)) < 0.025


def test_a_flat_sheet_has_the_same_depth_by_distance_and_by_volume():
    grid = Grid((24, 16, 16), (0.5, 0.5, 0.5))
    height = np.broadcast_to(np.arange(24)[:, None, None], grid.shape)
    cortex = Region.from_mask("Cortex", 1, (height >= 8) & (height < 14))
    inner, outer = [Region.from_mask("WM", 2, height < 8)], [Region.from_mask("CSF", 3, height >= 14)]
    distance, volume = (relative_depth(cortex, inner, outer, grid, by_volume=way) for way in (False, True))
    expected = (np.arange(6) + 0.5) / 6
    assert np.unique(np.round(distance, 9)) == pytest.approx(expected)
    assert volume == pytest.approx(distance, abs=0.01)  # the sheet ends at the faces of the array


def test_layers_share_the_volume_and_are_named_by_side():
    cortex, inner, outer, grid, _ = shell(0.25)
    parts = layers(cortex, inner, outer, grid)
    assert [part.name for part in parts] == ["Cortex deep left", "Cortex middle left", "Cortex superficial left"]
    sizes = np.array([part.voxels for part in parts]) / cortex.voxels
    assert sum(sizes) == pytest.approx(1) and sizes == pytest.approx(np.full(3, 1 / 3), abs=0.06)


def test_a_cortex_without_a_neighbor_is_refused():
    cortex, inner, outer, grid, _ = shell(0.5)
    nothing = Region.from_mask("Nothing", 9, np.zeros(grid.shape, bool))
    with pytest.raises(ValueError, match="Nothing has no voxel within 10 mm under Cortex left"):
        relative_depth(cortex, [nothing], outer, grid)
    with pytest.raises(ValueError, match="Nothing has no voxel, so it has no depth"):
        relative_depth(nothing, inner, outer, grid)
