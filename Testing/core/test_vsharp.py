"""V-SHARP: what its radii do. What holds for every method is in test_background.py."""

from __future__ import annotations

import numpy as np
import pytest
from background_scene import SHAPE, scene

from QSMReconstructionCore.background.sharp import sharp
from QSMReconstructionCore.background.spherical_mean import SphericalMean
from QSMReconstructionCore.background.vsharp import vsharp


def test_the_field_of_sources_outside_is_removed_but_for_a_fiftieth():
    grid, mask, background, _ = scene()
    found = vsharp(background, mask, grid, largest_radius=8.0)
    deep = vsharp(background, mask, grid, smallest_radius=4.0, largest_radius=8.0).mask
    assert np.std(found.field[deep]) < 0.02 * np.std(background[deep])


def test_small_spheres_at_the_rim_keep_more_of_the_mask_than_one_radius_does():
    grid, mask, background, local = scene()
    varying = vsharp(background + local, mask, grid, largest_radius=6.0)
    single = sharp(background + local, mask, grid, radius=6.0)
    assert np.count_nonzero(varying.mask) > 1.5 * np.count_nonzero(single.mask)
    np.testing.assert_array_equal(single.mask, SphericalMean(mask, grid.spacing, 6.0).interior)


def test_voxels_without_a_sphere_leave_the_mask_and_count_as_zero():
    grid, mask, background, _ = scene()
    found = vsharp(background, mask, grid, smallest_radius=3.0)
    assert found.mask.sum() < mask.sum()
    assert not np.any(found.mask & ~mask)
    assert not found.field[~found.mask].any()
    assert not found.noise[~found.mask].any()


def test_the_noise_that_is_reported_is_that_of_the_result_for_every_radius():
    grid, mask, _, _ = scene()
    weights = np.where(mask, np.float32(1000), np.float32(0))
    square = np.zeros(SHAPE)
    for seed in range(10):
        noise = np.random.default_rng(seed).normal(0, 0.001, SHAPE).astype(np.float32)
        found = vsharp(np.where(mask, noise, 0), mask, grid, weights=weights)
        square += found.field.astype(float) ** 2 / 10
    reported = np.unique(np.round(found.noise[found.mask], 6))
    assert len(reported) > 1
    for sd in reported:
        voxels = found.mask & (np.abs(found.noise - sd) < 1e-6)
        assert np.sqrt(square[voxels].mean()) == pytest.approx(sd, rel=0.03)


def test_radii_in_the_wrong_order_are_refused():
    grid, mask, background, _ = scene()
    with pytest.raises(ValueError, match="smallest_radius must not exceed largest_radius"):
        vsharp(background, mask, grid, smallest_radius=13.0)
