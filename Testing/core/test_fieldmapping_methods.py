"""What holds for the field map of every method: exact without noise, calibrated with it, honest about broken data."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from field_scene import SHAPE, SPACING, TIMES, TURN, coil_offset, error, head_mask, places, scan, smooth_field

from QSMReconstructionCore.acquisition import GAMMA_BAR
from QSMReconstructionCore.fieldmapping.echo_average import echo_average
from QSMReconstructionCore.fieldmapping.laplacian import laplacian
from QSMReconstructionCore.fieldmapping.nonlinear_fit import nonlinear_fit
from QSMReconstructionCore.fieldmapping.romeo_linear import romeo_linear
from QSMReconstructionCore.methods import METHODS
from QSMReconstructionCore.numerics.romeo_weights import wrapped
from QSMReconstructionCore.progress import Cancelled

OMEGA = 2 * np.pi * GAMMA_BAR * 3

#: Every method, and the choices that change how it works.
VARIANTS = {
    "romeo_linear": romeo_linear,
    "echo_average": echo_average,
    "echo_average, individual": partial(echo_average, unwrapping="individual"),
    "nonlinear_fit": nonlinear_fit,
    "nonlinear_fit, free": partial(nonlinear_fit, phase_offset="free"),
    "laplacian": laplacian,
    "laplacian, periodic": partial(laplacian, boundary="periodic"),
}
EVERY = pytest.mark.parametrize("method", [pytest.param(f, id=name) for name, f in VARIANTS.items()])


@pytest.fixture(autouse=True)
def arithmetic_errors_are_errors():
    with np.errstate(all="raise", under="ignore"):
        yield


def field_for(method):
    """The smooth field, weak enough for a method that must unwrap the last echo in space."""
    return (0.25 if getattr(method, "keywords", {}).get("unwrapping") == "individual" else 1) * smooth_field()


def gentle_offset():
    """A phase offset that a spline with knots of 30 mm follows closely."""
    k, j, i = (c / 40 for c in places())
    return 0.7 + 0.9 * k - 0.6 * j + 0.5 * k * k - 0.4 * i * i


def test_every_listed_method_is_tested():
    assert set(METHODS["field_map"]) == {name.partition(",")[0] for name in VARIANTS}


@EVERY
@pytest.mark.parametrize("times", [TIMES, TIMES[:3], TIMES[:2], (0.004, 0.010, 0.019, 0.031)])
def test_without_noise_the_field_is_exact(method, times):
    field, mask = field_for(method), head_mask()
    found = method(scan(field, times=times, offset=gentle_offset()), mask)
    off = (found.field - field)[mask]
    turn = 1 / (np.diff(times).min() * GAMMA_BAR * 3)
    off -= turn * np.rint(np.median(off) / turn)
    assert np.abs(off).max() < 1e-4
    assert found.residual[mask].max() < 1e-2


@EVERY
@pytest.mark.parametrize("snr", [20.0, 100.0])
def test_the_noise_map_is_the_standard_deviation_of_the_error(method, snr):
    _, j, _ = places()
    field, mask = field_for(method), head_mask()
    found = method(scan(field, snr=snr, magnitude=1 + j / 80, offset=gentle_offset()), mask)
    z = (found.field - field)[mask] / found.noise[mask]
    z -= np.median(z)
    assert 0.94 < np.median(np.abs(z)) / 0.6745 < 1.06
    assert np.mean(np.abs(z) > 4) < 1e-3


@EVERY
def test_a_single_echo_gives_its_unwrapped_phase_over_the_echo_time(method):
    field, mask = 0.3 * smooth_field(), head_mask()
    noisy = scan(field, times=(0.02,), snr=50, offset=np.zeros(SHAPE))
    found = method(noisy, mask)
    per_ppm = noisy.radians_per_ppm_second * 0.02
    np.testing.assert_allclose(wrapped(found.field * per_ppm - noisy.phase[0])[mask], 0, atol=1e-4)
    off = (found.field - field)[mask]
    off -= np.rint(np.median(off) * per_ppm / (2 * np.pi)) * 2 * np.pi / per_ppm
    assert np.std(off) / np.median(found.noise[mask]) == pytest.approx(1, abs=0.1)


@EVERY
def test_maps_are_float32_and_zero_outside_the_mask(method):
    mask = head_mask()
    found = method(scan(smooth_field(), snr=30), mask)
    for name in ("field", "noise", "quality", "residual"):
        volume = getattr(found, name)
        assert volume.dtype == np.float32 and volume.shape == SHAPE
        assert not volume[~mask].any() and np.isfinite(volume).all()
    assert found.noise[mask].min() > 0
    assert 0.5 < np.median(found.quality[mask]) <= 1


@EVERY
def test_the_unit_of_the_magnitude_does_not_matter(method):
    mask = head_mask()
    noisy = scan(smooth_field(), snr=30)
    first = method(noisy, mask)
    second = method(replace(noisy, magnitude=noisy.magnitude * np.float32(3e5)), mask)
    np.testing.assert_allclose(second.field, first.field, atol=5e-5)
    np.testing.assert_allclose(second.noise, first.noise, rtol=2e-2, atol=1e-6)


@EVERY
def test_turning_the_phase_around_turns_the_field_around(method):
    mask = head_mask()
    noisy = scan(smooth_field(), snr=40)
    found, opposite = method(noisy, mask), method(replace(noisy, phase=-noisy.phase), mask)
    np.testing.assert_allclose(opposite.field, -found.field, atol=2e-4)


@EVERY
def test_voxels_without_signal_and_garbage_are_told_by_their_noise(method):
    random = np.random.default_rng(11)
    field, mask = field_for(method), head_mask()
    noisy = scan(field, snr=80, offset=gentle_offset())
    garbage, silent = random.random(SHAPE) < 0.05, np.zeros(SHAPE, bool)
    silent[10:12, 10:12, 12:14] = True
    phase, magnitude = noisy.phase.copy(), noisy.magnitude.copy()
    phase[:, garbage | silent] = random.uniform(-np.pi, np.pi, (5, (garbage | silent).sum()))
    magnitude[:, silent] = 0
    found = method(replace(noisy, phase=phase, magnitude=magnitude), mask)
    good = mask & ~garbage & ~silent
    assert np.percentile(np.abs(error(found, field, mask)[good[mask]]), 99) < 0.02
    assert np.median(found.noise[mask & garbage]) > 10 * np.median(found.noise[good])
    assert np.median(found.noise[silent]) > 20 * np.median(found.noise[good])


@EVERY
def test_an_echo_spoiled_by_motion_is_survived_and_reported(method):
    k, j, i = places()
    field, mask = field_for(method), head_mask()
    noisy = scan(field, snr=60, offset=gentle_offset())
    phase = noisy.phase.copy()
    phase[3] = wrapped(phase[3] + (2 * np.sin(k / 9) * np.cos(j / 7 + i / 12)).astype(np.float32))
    found = method(replace(noisy, phase=phase), mask)
    assert any(note.startswith("Echo 4 (23 ms) departs from the other echoes") for note in found.notes)
    off = error(found, field, mask)
    assert np.median(np.abs(off)) < 1.5 * np.median(np.abs(error(method(noisy, mask), field, mask)))
    assert 0.85 < np.median(np.abs(off) / found.noise[mask]) / 0.6745 < 1.15


@EVERY
@pytest.mark.parametrize("mask", [np.zeros(SHAPE, bool), np.ones((3, 4, 5), bool)])
def test_a_mask_that_is_empty_or_does_not_fit_is_refused(method, mask):
    with pytest.raises(ValueError, match="^mask "):
        method(scan(np.zeros(SHAPE)), mask)


@EVERY
def test_masks_of_two_voxels_work(method):
    mask = np.zeros(SHAPE, bool)
    mask[15, 14, 15:17] = True
    field = np.full(SHAPE, 0.2)
    assert np.abs(error(method(scan(field), mask), field, mask)).max() < 1e-4


@EVERY
def test_progress_rises_and_cancelling_stops(method):
    reports = []
    method(scan(smooth_field(), snr=50), head_mask(), progress=lambda f, m: reports.append(f))
    assert reports == sorted(reports) and reports[-1] == 1.0 and len(reports) > 10
    for stop in np.linspace(0, len(reports) - 1, 4).astype(int):
        left = iter(range(stop))

        def cancel(fraction, message, left=left):
            if next(left, None) is None:
                raise Cancelled

        with pytest.raises(Cancelled):
            method(scan(smooth_field(), snr=50), head_mask(), progress=cancel)


@pytest.mark.parametrize("times", [TIMES, (0.004, 0.010, 0.019, 0.031)])
def test_the_average_has_the_least_variance_that_its_echoes_allow(times):
    # Weights proportional to M TE instead of M^2 TE^2 give 7 % more.
    t = np.array(times)
    expected = 1 / (OMEGA * 50 * np.sqrt(np.sum(np.exp(-50 * t) * t**2)))
    field, mask = smooth_field(), head_mask()
    found = echo_average(scan(field, times=times, snr=50, offset=gentle_offset()), mask)
    off = error(found, field, mask)
    assert np.std(off - np.median(off)) == pytest.approx(expected, rel=0.04)
    assert np.median(found.noise[mask]) == pytest.approx(expected, rel=0.04)


def test_an_echo_that_does_not_follow_from_the_others_is_unwrapped_on_its_own_and_reported():
    # An echo whose phase turns through more than a turn across the head, as after a failed coil combination.
    k, _, _ = places()
    field, mask = smooth_field(), head_mask()
    clean = scan(field, snr=100, offset=gentle_offset())
    phase = clean.phase.copy()
    phase[2] = wrapped(phase[2] + (0.15 * k).astype(np.float32))
    found = echo_average(replace(clean, phase=phase), mask, readout="monopolar")
    (note,) = [note for note in found.notes if "does not follow" in note]
    assert note.startswith("Echo 3 (17 ms) does not follow from the echoes before it (median departure 1.")
    assert note.endswith("it was unwrapped on its own in space instead of in time.")
    assert np.median(np.abs(error(found, field, mask))) < 1e-3
    # Its phase, unwrapped as one piece, tells how far it is off.
    assert np.median(found.residual[mask]) < np.abs(0.15 * k[mask]).max()
    individual = echo_average(replace(clean, phase=phase), mask, unwrapping="individual", readout="monopolar")
    assert not any("does not follow" in note for note in individual.notes)
    assert not echo_average(clean, mask).notes


def test_no_step_of_the_nonlinear_fit_raises_its_misfit():
    from QSMReconstructionCore.fieldmapping.nonlinear_fit import minimized

    random = np.random.default_rng(4)
    times = np.array(TIMES, np.float32)[:, None]
    weight = random.uniform(0.01, 1, (5, 400)).astype(np.float32)
    phase = random.uniform(-np.pi, np.pi, (5, 400)).astype(np.float32)
    start = random.uniform(-1, 1, (2, 400)).astype(np.float32) * np.array([[3], [300]], np.float32)
    last = np.full(400, np.inf)
    for iterations in (1, 2, 3, 5, 10, 30, 200):
        fit = minimized(weight, phase, times, *start, iterations, 1e-6)
        assert (fit.misfit <= last + 1e-4).all()
        last = fit.misfit
    # Where it ends, both derivatives of the misfit are zero (random phases have a few saddles, which it leaves slowly).
    left = phase - fit.intercept - fit.slope * times
    assert np.percentile(np.abs((weight * np.sin(left)).sum(axis=0)), 98) < 1e-4
    assert np.percentile(np.abs((weight * times * np.sin(left)).sum(axis=0)), 98) < 1e-5


def test_the_nonlinear_fit_agrees_with_the_linear_one_where_noise_is_small():
    mask = head_mask()
    noisy = scan(smooth_field(), snr=100)
    linear, nonlinear = (f(noisy, mask, phase_offset="free") for f in (romeo_linear, nonlinear_fit))
    difference = np.abs(linear.field - nonlinear.field)[mask]
    assert np.median(difference) < 0.01 * np.median(linear.noise[mask])
    np.testing.assert_allclose(np.median(nonlinear.noise[mask]), np.median(linear.noise[mask]), rtol=0.01)


@pytest.mark.parametrize("boundary", ["reflecting", "periodic"])
def test_without_congruence_the_laplacian_gives_back_a_field_with_wraps_in_every_echo(boundary):
    k, j, i = (2 * np.pi * (np.arange(n) + 0.5) / n for n in SHAPE)
    field = 0.5 * np.cos(k)[:, None, None] + 0.27 * np.sin(2 * j)[:, None] + 0.4 * np.cos(i)
    box = np.ones(SHAPE, bool)
    found = laplacian(scan(field, offset=0 * field), box, boundary=boundary, congruent=False)
    off = (found.field - field)[box]
    assert np.ptp(off) < 2e-3
    assert np.median(off) / TURN == pytest.approx(np.rint(np.median(off) / TURN), abs=1e-2)


def test_a_steep_ramp_is_exact_where_sines_of_the_steps_would_bend_it():
    k, j, i = (c / h for c, h in zip(places(), SPACING))
    field = 2.4 / (OMEGA * TIMES[-1]) * (k + j - i)
    box = np.ones(SHAPE, bool)
    found = laplacian(scan(field, offset=0 * field), box, congruent=False)
    assert np.ptp((found.field - field)[box]) < 1e-3


def test_a_strongly_curved_offset_does_not_enter_the_field_of_a_fit_with_intercept():
    field, mask = smooth_field(), head_mask()
    for method in (romeo_linear, nonlinear_fit, laplacian):
        found = method(scan(field, snr=200, offset=3 * coil_offset()), mask)
        off = error(found, field, mask)
        assert np.median(np.abs(off)) < 1.2 * np.median(found.noise[mask])
