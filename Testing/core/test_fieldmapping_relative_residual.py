"""Voxels whose signal is not one decay with one frequency are found, and lose their weight but not their place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from field_scene import SHAPE, TIMES, head_mask, scan, smooth_field

from QSMReconstructionCore.fieldmapping.echo_average import echo_average
from QSMReconstructionCore.fieldmapping.relative_residual import relative_residual
from QSMReconstructionCore.numerics.romeo_weights import wrapped


def slope_of(acquisition, field, mask):
    return (acquisition.radians_per_ppm_second * field)[mask].astype(np.float32)


def test_it_is_0_for_one_frequency_whatever_the_phase_offset():
    field, mask = smooth_field(), head_mask()
    even = scan(field, r2star=0.0)
    assert relative_residual(even, slope_of(even, field, mask), mask).max() < 1e-5
    decaying = scan(field)
    assert relative_residual(decaying, slope_of(decaying, field, mask), mask).max() < 1e-3


def test_it_is_the_share_of_the_energy_that_is_left_over():
    field, mask = smooth_field(), head_mask()
    even = scan(field, r2star=0.0)
    # A wrong frequency turns echo e by (t_e - t_1) off: |1 - exp(i x)|^2 = 2 - 2 cos(x), of an energy of 1 each.
    off = 40.0
    expected = np.mean([2 - 2 * np.cos(off * (t - TIMES[0])) for t in TIMES])
    found = relative_residual(even, slope_of(even, field, mask) + np.float32(off), mask)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


@pytest.mark.parametrize("intensity", [1e-30, 1.0, 1e30])
def test_it_does_not_depend_on_the_unit_of_the_magnitude(intensity):
    field, mask = smooth_field(), head_mask()
    noisy = scan(field, snr=10)
    usual = relative_residual(noisy, slope_of(noisy, field, mask), mask)
    other = replace(noisy, magnitude=noisy.magnitude * np.float32(intensity))
    np.testing.assert_allclose(relative_residual(other, slope_of(other, field, mask), mask), usual, rtol=1e-3)
    assert usual.min() > 0


def test_no_signal_is_an_infinite_residual():
    field, mask = smooth_field(), head_mask()
    empty = scan(field, magnitude=np.where(head_mask(), 0.0, 1.0))
    assert np.all(np.isinf(relative_residual(empty, slope_of(empty, field, mask), mask)))


def test_voxels_that_follow_no_model_lose_their_weight_and_keep_their_field():
    field, mask = smooth_field(), head_mask()
    clean = scan(field, snr=100)
    garbage = np.zeros(SHAPE, dtype=bool)
    garbage[12:15, 12:15, 12:15] = True
    random = np.random.default_rng(0)
    phase = np.where(garbage, random.uniform(-np.pi, np.pi, clean.phase.shape), clean.phase).astype(np.float32)
    spoiled = replace(clean, phase=wrapped(phase))
    kept, cut = (echo_average(spoiled, mask, largest_residual=limit) for limit in (0.0, 0.3))
    lost = mask & (cut.noise == 0)
    assert np.mean(lost[garbage]) > 0.9 and np.mean(lost[mask & ~garbage]) < 0.001
    assert kept.noise[mask].min() > 0
    np.testing.assert_array_equal(cut.field, kept.field)
    np.testing.assert_array_equal(cut.noise[~lost], kept.noise[~lost])
    assert cut.notes[-1].startswith(f"{np.mean(lost[mask]):.1%} of the voxels depart by 0.3")


def test_a_limit_that_leaves_no_voxel_is_refused():
    noisy = scan(smooth_field(), snr=5)
    with pytest.raises(ValueError, match="largest_residual of 1e-06 leaves no voxel"):
        echo_average(noisy, head_mask(), largest_residual=1e-6)


def test_a_single_echo_has_no_residual():
    single = scan(smooth_field(), times=TIMES[:1])
    mask = head_mask()
    assert np.all(echo_average(single, mask, largest_residual=0.3).noise[mask] > 0)
