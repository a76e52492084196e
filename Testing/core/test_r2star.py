"""R2* against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from QSMReconstructionCore.acquisition import Acquisition
from QSMReconstructionCore.contrasts.r2star import arlo
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.progress import Cancelled

EQUAL = (0.004, 0.010, 0.016, 0.022, 0.028)
UNEQUAL = (0.003, 0.0075, 0.015, 0.019, 0.030)


def acquisition_of(magnitude, echo_times) -> Acquisition:
    """A scan with the given magnitude of shape (echo, voxel) and any phase."""
    magnitude = np.asarray(magnitude, np.float32)[:, None, None, :]
    phase = np.broadcast_to(np.linspace(-3, 3, magnitude.shape[-1], dtype=np.float32), magnitude.shape)
    return Acquisition(magnitude, phase, echo_times, 3.0, Grid(magnitude.shape[1:]))


def decay(rates, echo_times) -> np.ndarray:
    return np.exp(-np.outer(echo_times, rates))


def fitted(magnitude, echo_times, **parameters) -> np.ndarray:
    scan = acquisition_of(magnitude, echo_times)
    return arlo(scan, np.ones(scan.grid.shape, bool), **parameters)[0, 0]


def test_equally_spaced_exponential_has_exactly_the_error_of_simpsons_rule():
    rates = np.array([1.0, 15.0, 40.0, 100.0, 300.0])
    x = 0.006 * rates
    simpson = (0.006 / 3) * (1 + 4 * np.exp(-x) + np.exp(-2 * x)) / (1 - np.exp(-2 * x))
    np.testing.assert_allclose(fitted(1000 * decay(rates, EQUAL), EQUAL), 1 / simpson, rtol=1e-4)


@pytest.mark.parametrize("echo_times", [EQUAL, UNEQUAL, EQUAL[:3]])
def test_exponential_is_recovered_at_any_spacing(echo_times):
    rates = np.array([2.0, 10.0, 25.0, 50.0, 80.0])
    np.testing.assert_allclose(fitted(decay(rates, echo_times), echo_times), rates, rtol=4e-3)


def test_two_echoes_give_the_logarithm_of_their_ratio():
    rates = np.array([0.0, 5.0, 60.0, 200.0])
    np.testing.assert_allclose(fitted(decay(rates, (0.005, 0.015)), (0.005, 0.015)), rates, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(("rate", "snr"), [(20.0, 60.0), (20.0, 15.0), (50.0, 60.0)])
def test_noise_leaves_the_mean_unbiased(rate, snr):
    random = np.random.default_rng(5)
    signal = decay(np.full(20_000, rate), EQUAL)
    noisy = np.abs(signal + (random.standard_normal(signal.shape) + 1j * random.standard_normal(signal.shape)) / snr)
    found = fitted(noisy, EQUAL)
    assert abs(found.mean() - rate) < 0.04 * rate
    assert found.std() < 2.5 / snr / 0.024 * np.exp(0.014 * rate)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("echo_times", [EQUAL, EQUAL[:2]])
def test_intensity_unit_does_not_matter(scale, echo_times):
    rates = np.array([5.0, 30.0, 120.0])
    np.testing.assert_allclose(
        fitted(scale * decay(rates, echo_times), echo_times), fitted(decay(rates, echo_times), echo_times), rtol=1e-4
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("echo_times", [EQUAL, UNEQUAL, EQUAL[:2]])
def test_dead_growing_and_vanishing_signals_stay_within_the_limits(echo_times):
    count = len(echo_times)
    dead, growing, vanishing = np.zeros(count), np.linspace(1, 5, count), np.eye(count)[0]
    late = np.eye(count)[-1]
    found = fitted(np.stack([dead, growing, vanishing, late], axis=1), echo_times, upper_limit=300.0)
    assert found[0] == 0 and found[1] == 0 and found[3] == 0
    assert found[2] == 300


def test_outside_the_mask_is_zero_and_type_is_float32():
    scan = acquisition_of(decay(np.full(6, 30.0), EQUAL), EQUAL)
    mask = np.zeros(scan.grid.shape, bool)
    mask[..., 2:4] = True
    found = arlo(scan, mask)
    assert found.dtype == np.float32
    assert not found[~mask].any()
    np.testing.assert_allclose(found[mask], 30, rtol=1e-3)


def test_rate_of_the_phantom_is_recovered_apart_from_dephasing(head):
    found = arlo(head.acquisition, head.mask)
    excess = (found - head.r2star)[head.labels == 8]  # white matter; field gradients across 4 mm add to the rate
    assert -2 < np.percentile(excess, 5) < np.median(excess) < 4


def test_a_single_echo_is_refused():
    scan = acquisition_of(decay(np.array([1.0, 2.0]), (0.02,)), (0.02,))
    with pytest.raises(ValueError, match="at least two echoes"):
        arlo(scan, np.ones(scan.grid.shape, bool))


def test_an_empty_mask_is_refused():
    scan = acquisition_of(decay(np.array([1.0, 2.0]), EQUAL), EQUAL)
    with pytest.raises(ValueError, match="mask is empty"):
        arlo(scan, np.zeros(scan.grid.shape, bool))


def test_cancelling_stops_the_fit():
    def cancel(fraction, message):
        raise Cancelled

    with pytest.raises(Cancelled):
        fitted(decay(np.array([1.0, 2.0]), EQUAL), EQUAL, progress=cancel)
