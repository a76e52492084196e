"""The field map is the field that made the phase, and its noise map says how far it may be off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from field_scene import SHAPE, SPACING, TIMES, TURN, coil_offset, error, head_mask, places, scan, smooth_field

from QSMReconstructionCore.acquisition import GAMMA_BAR
from QSMReconstructionCore.fieldmapping.romeo_linear import romeo_linear
from QSMReconstructionCore.numerics.romeo_weights import wrapped
from QSMReconstructionCore.progress import Cancelled


@pytest.fixture(autouse=True)
def arithmetic_errors_are_errors():
    with np.errstate(all="raise", under="ignore"):
        yield


@pytest.mark.parametrize("phase_offset", ["smooth", "free"])
@pytest.mark.parametrize("times", [TIMES, TIMES[:3], TIMES[:2], (0.004, 0.010, 0.019, 0.031), (0.003, 0.005, 0.030)])
def test_without_noise_the_field_is_exact(times, phase_offset):
    field, mask = smooth_field(), head_mask()
    found = romeo_linear(scan(field, times=times), mask, phase_offset=phase_offset)
    off = (found.field - field)[mask]
    turn = 1 / (np.diff(times).min() * GAMMA_BAR * 3)
    off -= turn * np.rint(np.median(off) / turn)
    assert np.abs(off).max() < 1e-4
    assert found.residual[mask].max() < 1e-2


def test_more_than_twenty_turns_across_the_brain_are_exact():
    k, j, i = places()
    field = 0.6 * (k / SPACING[0] + j / SPACING[1] + i / SPACING[2])
    mask = head_mask()
    assert np.ptp(field[mask]) > 20 * TURN
    assert np.abs(error(romeo_linear(scan(field), mask), field, mask)).max() < 1e-4


def test_an_offset_that_no_spline_follows_does_not_enter_a_clean_field():
    k, j, i = places()
    offset = coil_offset() + 0.5 * np.sin(k / 5) * np.cos(j / 4) + (i > 10)
    field, mask = smooth_field(), head_mask()
    assert np.abs(error(romeo_linear(scan(field, offset=offset), mask), field, mask)).max() < 1e-4


@pytest.mark.parametrize("phase_offset", ["smooth", "free"])
@pytest.mark.parametrize("times", [TIMES, TIMES[:3], (0.004, 0.010, 0.019, 0.031)])
@pytest.mark.parametrize("snr", [20.0, 100.0])
def test_the_noise_map_is_the_standard_deviation_of_the_error(times, phase_offset, snr):
    _, j, _ = places()
    field, mask = smooth_field(), head_mask()
    noisy = scan(field, times=times, snr=snr, magnitude=1 + j / 80)
    found = romeo_linear(noisy, mask, phase_offset=phase_offset)
    z = (found.field - field)[mask] / found.noise[mask]
    z -= np.median(z)
    assert 0.94 < np.median(np.abs(z)) / 0.6745 < 1.06
    assert np.mean(np.abs(z) > 4) < 1e-3


@pytest.mark.parametrize("times", [TIMES, TIMES[:2]])
def test_a_smooth_offset_lowers_the_noise_by_what_theory_says_and_adds_no_bias(times):
    t = np.array(times)
    weight = np.exp(-2 * 25.0 * t)
    spread = np.sum(weight * (t - np.sum(weight * t) / weight.sum()) ** 2)
    gain = np.sqrt(np.sum(weight * t * t) / spread)
    field, mask = smooth_field(), head_mask()
    noisy = scan(field, times=times, snr=50)
    free, smooth = (romeo_linear(noisy, mask, phase_offset=kind) for kind in ("free", "smooth"))
    errors = [error(found, field, mask) for found in (free, smooth)]
    assert errors[0].std() / errors[1].std() == pytest.approx(gain, rel=0.05)
    assert np.median(free.noise[mask] / smooth.noise[mask]) == pytest.approx(gain, rel=0.05)
    # Bias: mean error over blocks, here the octants of the head, against its own noise.
    octant = sum((c[mask] > 0) * 2**n for n, c in enumerate(places()))
    means = np.array([errors[1][octant == n].mean() for n in range(8)])
    assert np.abs(means - means.mean()).max() < 5 * errors[1].std() / np.sqrt((octant == 0).sum())


def test_two_echoes_give_their_phase_difference_where_the_offset_is_free():
    field, mask = smooth_field(), head_mask()
    noisy = scan(field, times=TIMES[:2], snr=60)
    found = romeo_linear(noisy, mask, phase_offset="free")
    difference = wrapped(noisy.phase[1] - noisy.phase[0])
    phase = found.field * noisy.radians_per_ppm_second * 0.006
    assert np.abs(wrapped(phase - difference))[mask].max() < 1e-4
    assert not found.residual[mask].max() > 1e-3


def test_a_single_echo_gives_its_unwrapped_phase_over_the_echo_time():
    field, mask = 0.3 * smooth_field(), head_mask()
    noisy = scan(field, times=(0.02,), snr=50, offset=np.zeros(SHAPE))
    found = romeo_linear(noisy, mask)
    per_ppm = noisy.radians_per_ppm_second * 0.02
    np.testing.assert_allclose(wrapped(found.field * per_ppm - noisy.phase[0])[mask], 0, atol=1e-4)
    off = (found.field - field)[mask]
    off -= np.rint(np.median(off) * per_ppm / (2 * np.pi)) * 2 * np.pi / per_ppm
    assert np.std(off) / np.median(found.noise[mask]) == pytest.approx(1, abs=0.1)
    assert not found.residual.any()


def test_the_field_nearest_zero_is_chosen():
    mask = head_mask()
    for constant in (0.0, 2.6, -31.0):
        found = romeo_linear(scan(smooth_field() + constant), mask)
        assert abs(np.median(found.field[mask])) <= TURN / 2


def test_maps_are_float32_and_zero_outside_the_mask():
    mask = head_mask()
    found = romeo_linear(scan(smooth_field(), snr=30), mask)
    for name in ("field", "noise", "quality", "residual"):
        volume = getattr(found, name)
        assert volume.dtype == np.float32 and volume.shape == SHAPE
        assert not volume[~mask].any() and np.isfinite(volume).all()
    assert found.noise[mask].min() > 0
    assert found.quality[mask].min() >= 0 and found.quality.max() <= 1


def test_the_unit_of_the_magnitude_does_not_matter():
    mask = head_mask()
    noisy = scan(smooth_field(), snr=30)
    first = romeo_linear(noisy, mask)
    for factor in (1e-6, 3e5):
        second = romeo_linear(replace(noisy, magnitude=noisy.magnitude * np.float32(factor)), mask)
        np.testing.assert_allclose(second.field, first.field, atol=2e-5)
        np.testing.assert_allclose(second.noise, first.noise, rtol=1e-2, atol=1e-6)


def test_turning_the_phase_around_turns_the_field_around():
    mask = head_mask()
    noisy = scan(smooth_field(), snr=40)
    found = romeo_linear(noisy, mask)
    opposite = romeo_linear(replace(noisy, phase=-noisy.phase), mask)
    np.testing.assert_allclose(opposite.field, -found.field, atol=1e-4)


def test_voxels_without_signal_count_for_nothing():
    field, mask = smooth_field(), head_mask()
    magnitude = np.ones(SHAPE)
    magnitude[10:13, 10:14, 12:15] = 0
    noisy = scan(field, snr=80, magnitude=magnitude)
    silent = noisy.magnitude.copy()
    silent[:, 11, 11, 13] = 0
    found = romeo_linear(replace(noisy, magnitude=silent), mask)
    hole, rest = mask & (magnitude == 0), mask & (magnitude > 0)
    assert np.median(found.noise[hole]) > 20 * np.median(found.noise[rest])
    assert found.noise[11, 11, 13] == found.noise.max()
    z = error(found, field, mask)[magnitude[mask] == 0] / found.noise[hole]
    assert np.median(np.abs(z)) < 2
    assert found.quality[hole].mean() < 0.5 * found.quality[rest].mean()


def test_voxels_whose_phase_is_no_straight_line_are_told_by_residual_and_noise():
    field, mask = smooth_field(), head_mask()
    noisy = scan(field, snr=80)
    broken = np.zeros(SHAPE, bool)
    broken[12:16, 12:16, 12:16] = True
    phase = noisy.phase.copy()
    departure = 1.5 * (np.array(TIMES) / TIMES[-1]) ** 3
    phase[:, broken] = wrapped(phase[:, broken] + departure[:, None].astype(np.float32))
    found = romeo_linear(replace(noisy, phase=phase), mask)
    rest = mask & ~broken
    assert np.median(found.noise[broken]) > 4 * np.median(found.noise[rest])
    assert np.median(found.residual[broken]) > 4 * np.median(found.residual[rest])
    # The first echoes hardly feel it, and they are what is left.
    z = error(found, field, mask)[broken[mask]] / found.noise[broken]
    assert np.median(np.abs(z)) < 2
    free = romeo_linear(replace(noisy, phase=phase), mask, phase_offset="free")
    assert np.median(np.abs(error(found, field, mask)[broken[mask]])) < 0.35 * np.median(
        np.abs(error(free, field, mask)[broken[mask]])
    )


def test_garbage_voxels_are_told_by_their_noise_and_leave_the_others_alone():
    random = np.random.default_rng(11)
    field, mask = smooth_field(), head_mask()
    noisy = scan(field, snr=80)
    garbage = random.random(SHAPE) < 0.1
    phase = noisy.phase.copy()
    phase[:, garbage] = random.uniform(-np.pi, np.pi, (5, garbage.sum()))
    found = romeo_linear(replace(noisy, phase=phase), mask)
    good = mask & ~garbage
    assert np.abs(error(found, field, mask)[~garbage[mask]]).max() < 0.02
    assert np.percentile(found.noise[mask & garbage], 10) > 10 * np.median(found.noise[good])


def test_around_the_pole_of_a_bad_coil_combination_the_offset_is_left_free():
    _, j, i = places()
    field, mask = smooth_field(), head_mask()
    found, free = (
        romeo_linear(scan(field, snr=80, offset=coil_offset() + np.arctan2(j - 6, i - 4)), mask, phase_offset=kind)
        for kind in ("smooth", "free")
    )
    errors = [np.abs(error(each, field, mask)) for each in (found, free)]
    near = (np.hypot(j - 6, i - 4) < 12)[mask]
    assert np.median(errors[0][near]) < 1.3 * np.median(errors[1][near])
    assert np.percentile(errors[0] / found.noise[mask], 99) < 4


def test_voxels_torn_from_their_neighbours_are_told_by_their_noise():
    # One voxel whose phase is that of another field: a line as straight as any, but not its neighbours'.
    field, mask = smooth_field(), head_mask()
    odd = (14, 15, 16)
    field[odd] += 0.5 * TURN
    found = romeo_linear(scan(field, snr=100), mask)
    assert found.noise[odd] > 0.5 * TURN
    assert found.noise[14, 15, 17] < 0.01


def test_separate_parts_of_the_mask_are_mapped_together():
    field, mask = smooth_field(), head_mask()
    mask[:, 13:15] = False
    mask[15, 14, 15] = True
    assert np.abs(error(romeo_linear(scan(field), mask), field, mask)).max() < 1e-4


@pytest.mark.parametrize("voxels", [1, 2])
@pytest.mark.parametrize("times", [TIMES, TIMES[:2]])
def test_masks_of_a_voxel_or_two_work(voxels, times):
    mask = np.zeros(SHAPE, bool)
    mask[15, 14, 15 : 15 + voxels] = True
    field = np.full(SHAPE, 0.2)
    assert np.abs(error(romeo_linear(scan(field, times=times), mask), field, mask)).max() < 1e-4


def test_a_single_echo_needs_neighbours_for_its_noise():
    mask = np.zeros(SHAPE, bool)
    mask[15, 14, 15] = True
    with pytest.raises(ValueError, match="mask must hold a voxel with all its neighbours"):
        romeo_linear(scan(np.zeros(SHAPE), times=TIMES[:1]), mask)


@pytest.mark.parametrize("mask", [np.zeros(SHAPE, bool), np.ones((3, 4, 5), bool)])
def test_a_mask_that_is_empty_or_does_not_fit_is_refused(mask):
    with pytest.raises(ValueError, match="^mask "):
        romeo_linear(scan(np.zeros(SHAPE)), mask)


def test_progress_rises_and_cancelling_stops():
    reports = []
    romeo_linear(scan(smooth_field(), snr=50), head_mask(), progress=lambda f, m: reports.append(f))
    assert reports == sorted(reports) and reports[-1] == 1.0 and len(reports) > 10
    for stop in np.linspace(0, len(reports) - 1, 6).astype(int):
        left = iter(range(stop))

        def cancel(fraction, message, left=left):
            if next(left, None) is None:
                raise Cancelled

        with pytest.raises(Cancelled):
            romeo_linear(scan(smooth_field(), snr=50), head_mask(), progress=cancel)
