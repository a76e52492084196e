"""The preview of an inversion agrees with the whole inversion, as far as its docstring says."""

from __future__ import annotations

import inversion_scene
import numpy as np
import pytest

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.inversion.medi import medi
from QSMReconstructionCore.inversion.weighted_tv import weighted_tv
from QSMReconstructionCore.numerics.crop import bounding_box
from QSMReconstructionCore.preview import box_around, preview_inversion
from QSMReconstructionCore.progress import Cancelled


@pytest.fixture(scope="module")
def data():
    """Grid, mask and field of a few blocks, with weights that vary."""
    grid, mask, _, field = inversion_scene.scene()
    weights = np.where(mask, np.random.default_rng(0).uniform(500, 1500, mask.shape), 0)
    return grid, mask, field.astype(np.float32), weights.astype(np.float32)


@pytest.fixture(scope="module")
def whole(data):
    grid, mask, field, weights = data
    return weighted_tv(field, mask, grid, weights=weights)


def error_in(box, found, whole, mask):
    """Norm of the difference over that of the whole inversion, both without their means, in the box."""
    a, b = (values[mask[box]] - values[mask[box]].mean() for values in (found, whole[box]))
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def test_a_box_that_holds_everything_gives_the_inversion_itself(data, whole):
    grid, mask, field, weights = data
    found = preview_inversion(field, mask, grid, weights=weights, box=bounding_box(mask), margin=0)
    np.testing.assert_allclose(found.susceptibility, whole[bounding_box(mask)], atol=1e-6)


def test_inside_a_box_it_agrees_with_the_whole_inversion_the_more_the_wider_the_margin(data):
    grid, mask, field, weights = data
    settings = {"regularization": 60.0}
    whole = weighted_tv(field, mask, grid, weights=weights, **settings)
    box = box_around((20, 18, 20), grid, (18.0, 16.0, 18.0))
    errors = []
    for margin in (0, 6, 12):
        found = preview_inversion(field, mask, grid, weights=weights, box=box, margin=margin, parameters=settings)
        assert found.susceptibility.shape == found.grid.shape == (18, 16, 18)
        errors.append(error_in(box, found.susceptibility, whole, mask))
    assert errors[2] < errors[1] < errors[0]
    assert errors[1] < 0.2


def test_the_method_and_its_parameters_are_those_asked_for(data):
    grid, mask, field, weights = data
    magnitude = np.where(mask, 1 + field, 0).astype(np.float32)
    settings = {"regularization": 30.0, "max_iterations": 2}
    found = preview_inversion(
        field, mask, grid, weights=weights, magnitude=magnitude, method="medi", parameters=settings,
        box=bounding_box(mask), margin=0,
    )
    full = medi(field, mask, grid, weights=weights, magnitude=magnitude, **settings)
    np.testing.assert_allclose(found.susceptibility, full[bounding_box(mask)], atol=1e-5)


def test_a_small_volume_is_not_made_coarser(data, whole):
    grid, mask, field, weights = data
    found = preview_inversion(field, mask, grid, weights=weights)
    assert found.grid == grid
    np.testing.assert_allclose(found.susceptibility, whole, atol=2e-6)


def test_the_coarse_grid_gives_the_blocks_of_the_whole_inversion(data, whole):
    """The blocks once more in voxels of a third of the size, whose mean over 3 x 3 x 3 they are."""
    grid, mask, field, weights = data
    fine = Grid(tuple(3 * n for n in grid.shape), (1.0, 1.0, 1.0), b0_direction=inversion_scene.OBLIQUE)
    block = np.ones((3, 3, 3), bool)
    found = preview_inversion(
        np.kron(field, block).astype(np.float32), np.kron(mask, block) > 0, fine,
        weights=np.kron(weights, block).astype(np.float32), parameters={"regularization": 180.0},
    )
    factor = round(found.grid.spacing[0])
    assert factor == 2
    assert np.prod(found.grid.shape) < 1.5 * 64**3
    fine_whole = np.kron(whole, block)
    expected = fine_whole.reshape(60, 2, 66, 2, 63, 2).mean(axis=(1, 3, 5))
    kept = found.mask & (expected != 0)
    assert np.corrcoef(found.susceptibility[kept], expected[kept])[0, 1] > 0.97


@pytest.mark.parametrize(("method", "factor"), [("weighted_tikhonov", 1), ("medi", 2), ("tgv", 2)])
def test_the_grid_is_coarser_for_methods_that_take_longer(method, factor):
    grid = Grid((80, 80, 80), (1.0, 1.0, 1.0))
    mask = np.zeros(grid.shape, bool)
    mask[40:60, 40:60, 40:60] = True
    field = np.where(mask, np.random.default_rng(0).normal(0, 0.01, grid.shape), 0).astype(np.float32)
    found = preview_inversion(field, mask, grid, method=method, parameters={"max_iterations": 1})
    assert found.grid == grid.coarsened((factor,) * 3)


def test_parts_and_blocks_of_a_grid_lie_where_they_were():
    grid = Grid((12, 14, 16), (2.0, 1.5, 1.0), ((0.0, 0.6, 0.8), (0.0, 0.8, -0.6), (1.0, 0.0, 0.0)), (5.0, -7.0, 9.0))
    box = (slice(2, 8), slice(1, 13), slice(4, 12))
    for whole, part in zip(grid.world_coordinates(), grid.part(box).world_coordinates()):
        np.testing.assert_allclose(part, whole[box], atol=1e-4)
    blocks = grid.coarsened((2, 2, 4))
    assert blocks.b0_direction == grid.b0_direction
    for whole, coarse in zip(grid.world_coordinates(), blocks.world_coordinates()):
        np.testing.assert_allclose(coarse, whole.reshape(6, 2, 7, 2, 4, 4).mean(axis=(1, 3, 5)), atol=1e-4)
    assert grid.coarsened((5, 5, 5)).shape == (3, 3, 4)


def test_boxes_are_cut_at_the_border_of_the_volume():
    grid = Grid((20, 30, 40), (2.0, 1.0, 1.0))
    assert box_around((10, 15, 20), grid, (8.0, 8.0, 10.0)) == (slice(8, 12), slice(11, 19), slice(15, 25))
    assert box_around((0, 29, 20), grid, (8.0, 8.0, 10.0)) == (slice(0, 2), slice(25, 30), slice(15, 25))
    assert box_around((10, 15, 20), grid, (0.1, 400.0, 400.0)) == (slice(9, 11), slice(0, 30), slice(0, 40))


@pytest.mark.parametrize(
    ("spacing", "method", "voxels"),
    [(2.0, "weighted_tv", 24), (1.0, "weighted_tv", 40), (0.5, "weighted_tv", 40), (1.0, "medi", 26), (1.0, "tgv", 26)],
)
def test_boxes_are_smaller_where_voxels_or_methods_are_so_that_no_one_has_to_wait(spacing, method, voxels):
    grid = Grid((200, 200, 200), (spacing,) * 3)
    assert box_around((100, 100, 100), grid, method=method) == (slice(100 - voxels // 2, 100 + voxels // 2),) * 3


def test_it_can_be_cancelled(data):
    grid, mask, field, weights = data

    def cancel(fraction, message):
        raise Cancelled

    with pytest.raises(Cancelled):
        preview_inversion(field, mask, grid, weights=weights, progress=cancel)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "magic"}, "Unknown method 'magic' of stage inversion"),
        ({"parameters": {"regularization": -1}}, "inversion.regularization must lie between"),
        ({"box": (slice(0, 2), slice(0, 2), slice(0, 2)), "margin": 0}, "box holds no voxel of the mask"),
        ({"weights": np.ones((2, 2, 2), np.float32)}, r"weights must have the shape \(40, 44, 42\)"),
    ],
)
def test_what_cannot_be_previewed_is_named(data, change, message):
    grid, mask, field, weights = data
    with pytest.raises(ValueError, match=message):
        preview_inversion(field, mask, grid, **{"weights": weights, **change})
    with pytest.raises(ValueError, match="voxel must lie in the volume"):
        box_around((40, 0, 0), grid)
    with pytest.raises(ValueError, match="extent must be three positive lengths"):
        box_around((0, 0, 0), grid, (0, 1, 1))
