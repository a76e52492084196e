"""What the removal of smooth remains of the background takes and keeps."""

from __future__ import annotations

import numpy as np
import pytest
from background_scene import scene

from QSMReconstructionCore.background import LocalField
from QSMReconstructionCore.background.resharp import resharp
from QSMReconstructionCore.background.residual import FUNCTIONS, remove_residual
from QSMReconstructionCore.background.vsharp import vsharp
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.progress import Cancelled

SPACING = (2.0, 1.0, 1.5)


def smooth_and_rough(shape=(14, 24, 18)):
    """A grid, an off-center mask, its noise, a field of degree 3 and a field that is not smooth."""
    k, j, i = np.indices(shape)
    mask = (k - 6) ** 2 / 25 + (j - 13) ** 2 / 90 + (i - 8) ** 2 / 50 < 1
    z, y, x = (axis * h / 10 for axis, h in zip((k, j, i), SPACING))
    smooth = np.where(mask, 0.3 + 0.2 * z - x * y + 0.1 * (2 * z**2 - x**2 - y**2) + 0.05 * (x**3 - 3 * x * y**2), 0)
    random = np.random.default_rng(0)
    rough = np.where(mask, random.normal(0, 0.01, shape), 0)
    noise = np.where(mask, random.uniform(0.001, 0.01, shape), 0)
    return Grid(shape, SPACING), mask, noise.astype(np.float32), smooth.astype(np.float32), rough.astype(np.float32)


@pytest.mark.parametrize("functions", FUNCTIONS)
def test_smooth_remains_go_and_the_rest_stays(functions):
    grid, mask, noise, smooth, rough = smooth_and_rough()
    found = remove_residual(LocalField(smooth, mask, noise), grid, degree=3, functions=functions)
    assert np.abs(found.field).max() < 1e-5
    kept = remove_residual(LocalField(smooth + rough, mask, noise), grid, degree=3, functions=functions)
    alone = remove_residual(LocalField(rough, mask, noise), grid, degree=3, functions=functions)
    np.testing.assert_allclose(kept.field, alone.field, atol=1e-5)
    assert np.std(alone.field[mask]) > 0.95 * np.std(rough[mask])
    assert not kept.field[~mask].any()
    assert kept.mask is mask and kept.noise is noise and kept.lost is None


def test_polynomials_take_a_smooth_phase_that_is_no_field_and_harmonics_leave_it():
    grid, mask, noise, _, _ = smooth_and_rough()
    k, j, i = (axis * h / 10 for axis, h in zip(np.indices(grid.shape), SPACING))
    phase = np.where(mask, 0.1 * (k * k + j * j + i * i) - 0.2 * k * j * j, 0).astype(np.float32)
    left = {name: remove_residual(LocalField(phase, mask, noise), grid, degree=3, functions=name) for name in FUNCTIONS}
    assert np.abs(left["polynomials"].field).max() < 1e-5
    assert np.std(left["harmonics"].field[mask]) > 100 * np.std(left["polynomials"].field[mask])


def test_unknown_functions_are_refused_with_the_known_ones():
    grid, mask, noise, smooth, _ = smooth_and_rough()
    with pytest.raises(ValueError, match="functions must be one of harmonics, polynomials, but got 'waves'"):
        remove_residual(LocalField(smooth, mask, noise), grid, functions="waves")


def test_voxels_without_known_noise_do_not_count():
    grid, mask, noise, smooth, _ = smooth_and_rough()
    wild = smooth.copy()
    wild[6, 13, 8] = 100
    noise[6, 13, 8] = 0
    found = remove_residual(LocalField(wild, mask, noise), grid, degree=3).field
    assert found[6, 13, 8] == pytest.approx(100 - smooth[6, 13, 8], rel=1e-5)
    found[6, 13, 8] = 0
    assert np.abs(found).max() < 1e-5


def test_turning_the_volume_turns_the_result():
    grid, mask, noise, smooth, rough = smooth_and_rough()
    order = (1, 2, 0)
    turned = Grid(tuple(grid.shape[a] for a in order), tuple(SPACING[a] for a in order))
    straight = remove_residual(LocalField(smooth + rough, mask, noise), grid)
    found = remove_residual(LocalField(*(v.transpose(order) for v in (smooth + rough, mask, noise))), turned)
    np.testing.assert_allclose(found.field, straight.field.transpose(order), atol=1e-5)


def test_what_is_lost_includes_what_the_method_before_has_lost():
    grid, mask, _, local = scene()
    before = vsharp(local, mask, grid, largest_radius=8.0)
    after = remove_residual(before, grid)
    assert np.abs((before.field - after.field)[after.mask]).max() > 1e-5
    np.testing.assert_allclose((after.field + after.lost(local))[after.mask], local[after.mask], atol=1e-6)
    assert remove_residual(resharp(local, mask, grid), grid).lost is None


@pytest.mark.parametrize("degree", [-2, 9, 1.5])
def test_degrees_out_of_range_are_refused(degree):
    grid, mask, noise, smooth, _ = smooth_and_rough()
    with pytest.raises(ValueError, match="degree must be a whole number from -1 to 8"):
        remove_residual(LocalField(smooth, mask, noise), grid, degree=degree)


def test_a_mask_too_flat_for_the_degree_is_refused():
    grid, mask, noise, smooth, _ = smooth_and_rough()
    flat = np.zeros_like(mask)
    flat[6] = mask[6]
    with pytest.raises(ValueError, match="Choose a lower degree"):
        remove_residual(LocalField(smooth, flat, noise), grid)


def test_it_can_be_cancelled():
    grid, mask, noise, smooth, _ = smooth_and_rough()

    def cancel(fraction, message):
        if fraction > 0.9:
            raise Cancelled

    with pytest.raises(Cancelled):
        remove_residual(LocalField(smooth, mask, noise), grid, progress=cancel)
