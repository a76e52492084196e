"""What every method of background field removal removes, keeps and says about it."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
from background_scene import SHAPE, scene

from QSMReconstructionCore.background import TotalField
from QSMReconstructionCore.background.no_removal import no_removal
from QSMReconstructionCore.background.residual import FUNCTIONS, remove_residual
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.methods import METHODS
from QSMReconstructionCore.progress import Cancelled

#: Parameters that suit a mask of 36 voxels across.
SMALL = {"vsharp": {"largest_radius": 8.0}, "sharp": {"radius": 5.0}}

every_method = pytest.mark.parametrize(
    "remove",
    [pytest.param(m.function, id=m.name) for m in METHODS["background"].values() if not m.works_on_total_field],
)


def found_by(remove, field, mask, grid, **more):
    return remove(field, mask, grid, **{**SMALL.get(remove.__name__, {}), **more})


def deep_in(mask, grid, found, depth=5.0):
    return found.mask & (scipy.ndimage.distance_transform_edt(mask, sampling=grid.spacing) > depth)


@every_method
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0)])
def test_the_field_of_sources_outside_is_removed(remove, spacing):
    grid, mask, background, _ = scene(spacing)
    found = found_by(remove, background, mask, grid)
    deep = deep_in(mask, grid, found)
    assert np.std(found.field[deep]) < 0.025 * np.std(background[deep])


@every_method
def test_the_field_of_sources_inside_is_kept(remove):
    grid, mask, _, local = scene()
    found = found_by(remove, local, mask, grid)
    assert np.corrcoef(found.field[found.mask], local[found.mask])[0, 1] > 0.93


@pytest.mark.parametrize("name", ["vsharp", "sharp", "lbv"])
def test_what_is_declared_lost_is_what_is_missing(name):
    grid, mask, _, local = scene()
    found = found_by(METHODS["background"][name].function, local, mask, grid)
    np.testing.assert_allclose((found.field + found.lost(local))[found.mask], local[found.mask], atol=1e-6)


@every_method
def test_adding_sources_outside_does_not_change_the_local_field_of_sources_inside(remove):
    grid, mask, background, local = scene()
    with_background = found_by(remove, local + background, mask, grid)
    alone = found_by(remove, local, mask, grid)
    deep = deep_in(mask, grid, alone)
    assert np.std((with_background.field - alone.field)[deep]) < 0.15 * np.std(alone.field[deep])


@every_method
def test_scaling_the_field_and_its_noise_scales_the_result(remove):
    grid, mask, background, local = scene()
    weights = np.where(mask, np.float32(300), np.float32(0))
    once = found_by(remove, local + background, mask, grid, weights=weights)
    # A power of two, so that rounding is the same: conjugate gradients in single precision magnify it.
    fourfold = found_by(remove, 4 * (local + background), mask, grid, weights=weights / 4)
    np.testing.assert_allclose(fourfold.field, 4 * once.field, atol=2e-4)
    np.testing.assert_allclose(fourfold.noise, 4 * once.noise, rtol=1e-5)


@every_method
def test_turning_the_volume_turns_the_result(remove):
    grid, mask, background, local = scene((2.0, 1.0, 1.0))
    order = (2, 0, 1)
    turned = Grid(
        tuple(SHAPE[a] for a in order),
        tuple(grid.spacing[a] for a in order),
        b0_direction=tuple(grid.b0_direction[a] for a in order),
    )
    # Few steps of iterative methods: rounding, which grows from step to step, must not hide a turn.
    few = {"max_iterations": 6} if "max_iterations" in METHODS["background"][remove.__name__].parameters else {}
    straight = found_by(remove, local + background, mask, grid, **few)
    found = found_by(remove, (local + background).transpose(order), mask.transpose(order), turned, **few)
    np.testing.assert_array_equal(found.mask, straight.mask.transpose(order))
    np.testing.assert_allclose(found.field, straight.field.transpose(order), atol=2e-5)


@every_method
def test_moving_the_mask_within_a_larger_volume_moves_the_result(remove):
    grid, mask, background, local = scene()
    around = [(3, 5), (0, 4), (6, 1)]
    larger = Grid(tuple(n + a + b for n, (a, b) in zip(SHAPE, around)), b0_direction=grid.b0_direction)
    alone = found_by(remove, local + background, mask, grid)
    found = found_by(remove, np.pad(local + background, around), np.pad(mask, around), larger)
    np.testing.assert_array_equal(found.mask, np.pad(alone.mask, around))
    np.testing.assert_allclose(found.field, np.pad(alone.field, around), atol=1e-5)


@every_method
def test_all_is_zero_outside_the_mask_of_the_result_which_lies_in_the_mask(remove):
    grid, mask, background, local = scene()
    found = found_by(remove, local + background, mask, grid)
    assert found.mask.any() and not np.any(found.mask & ~mask)
    assert not found.field[~found.mask].any()
    assert not found.noise[~found.mask].any()
    assert found.noise[found.mask].all()
    assert (found.field.dtype, found.mask.dtype, found.noise.dtype) == (np.float32, bool, np.float32)


@every_method
def test_a_field_of_zero_stays_zero(remove):
    grid, mask, background, _ = scene()
    assert not found_by(remove, np.zeros_like(background), mask, grid).field.any()


@every_method
def test_the_noise_that_is_reported_is_that_of_the_result(remove):
    grid, mask, _, _ = scene()
    sd = np.where(np.arange(SHAPE[2]) < SHAPE[2] // 2, 0.001, 0.002).astype(np.float32)
    weights = mask / sd
    noise = np.random.default_rng(0).normal(0, 1, SHAPE).astype(np.float32) * sd
    found = found_by(remove, np.where(mask, noise, 0), mask, grid, weights=weights)
    deep = deep_in(mask, grid, found)
    ratio = found.field[deep] / found.noise[deep]
    assert np.sqrt(np.mean(ratio.astype(float) ** 2)) == pytest.approx(1, rel=0.08)


@every_method
def test_wild_voxels_at_the_edge_do_not_spoil_the_rest(remove):
    grid, mask, background, local = scene()
    field = local + background
    edge = mask & ~np.roll(mask, -1, axis=1)
    wild = np.where(edge, np.random.default_rng(0).normal(0, 3, SHAPE), field).astype(np.float32)
    weights = np.where(mask, np.where(edge, 10, 1000), 0).astype(np.float32)
    clean = found_by(remove, field, mask & ~edge, grid, weights=weights)
    found = found_by(remove, wild, mask, grid, weights=weights)
    np.testing.assert_array_equal(found.mask, clean.mask)
    np.testing.assert_allclose(found.field, clean.field, atol=1e-4)


@every_method
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask": np.zeros(SHAPE, dtype=bool)}, "mask is empty"),
        ({"mask": np.ones((3, 3, 3), dtype=bool)}, r"mask must have the shape \(48, 52, 50\)"),
        ({"field": np.full(SHAPE, np.nan, dtype=np.float32)}, "field has 124800 voxel"),
        ({"weights": np.full(SHAPE, np.inf, dtype=np.float32)}, "weights has 124800 voxel"),
        ({"weights": np.zeros(SHAPE, dtype=np.float32)}, "weights must be positive"),
    ],
)
def test_bad_input_is_named(remove, change, message):
    grid, mask, background, _ = scene()
    arguments = {"field": background, "mask": mask, **change}
    with pytest.raises(ValueError, match=message):
        remove(arguments.pop("field"), arguments.pop("mask"), grid, **arguments)


@every_method
def test_a_mask_of_one_slice_is_refused(remove):
    grid, mask, background, _ = scene()
    thin = np.zeros_like(mask)
    thin[24] = mask[24]
    with pytest.raises(ValueError, match="Choose (a smaller radius|fewer) or a larger mask"):
        remove(background, thin, grid)


@every_method
def test_it_reports_increasing_progress_and_can_be_cancelled_at_any_report(remove):
    grid, mask, background, _ = scene()
    fractions = []
    found_by(remove, background, mask, grid, progress=lambda fraction, message: fractions.append(fraction))
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] and fractions[-1] <= 1

    def cancel(fraction, message):
        if fraction >= fractions[-1]:
            raise Cancelled

    with pytest.raises(Cancelled):
        found_by(remove, background, mask, grid, progress=cancel)


@every_method
@pytest.mark.parametrize("functions", FUNCTIONS)
def test_residual_functions_are_removed_on_request(remove, functions):
    grid, mask, background, local = scene()
    plain = found_by(remove, local + background, mask, grid)
    found = found_by(remove, local + background, mask, grid, residual_degree=2, residual_functions=functions)
    expected = remove_residual(plain, grid, degree=2, functions=functions).field
    np.testing.assert_allclose(found.field, expected, atol=1e-6)
    assert np.abs(found.field - plain.field).max() > 1e-5


def test_without_removal_the_total_field_is_handed_on_where_it_can_be_relied_on():
    grid, mask, background, local = scene()
    weights = np.where(mask, np.float32(1000), np.float32(0))
    edge = mask & ~np.roll(mask, -1, axis=1)
    weights[edge] = 10
    found = no_removal(background + local, mask, grid, weights=weights)
    assert isinstance(found, TotalField) and isinstance(found.restricted_to(mask), TotalField)
    np.testing.assert_array_equal(found.mask, mask & ~edge)
    np.testing.assert_array_equal(found.field[found.mask], (background + local)[found.mask])
    assert np.all(found.noise[found.mask] == np.float32(0.001))
    assert not found.field[~found.mask].any()
