"""Masks of signal and of phase quality."""

from __future__ import annotations

import numpy as np
import pytest

from QSMReconstructionCore.acquisition import Acquisition
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.masking.phase_quality import phase_quality
from QSMReconstructionCore.masking.robust_threshold import robust_threshold
from QSMReconstructionCore.masking.second_derivative import second_derivative
from QSMReconstructionCore.progress import Cancelled

SPACING = (3.0, 2.0, 1.5)
BOTH = pytest.mark.parametrize("method", [robust_threshold, phase_quality])
EVERY = pytest.mark.parametrize("method", [robust_threshold, phase_quality, second_derivative])


def ball(radius: float, shape=(24, 36, 48)) -> np.ndarray:
    places = [(np.arange(n) - (n - 1) / 2) * h for n, h in zip(shape, SPACING)]
    k, j, i = np.meshgrid(*places, indexing="ij")
    return k**2 + j**2 + i**2 < radius**2


def scan_of(density: np.ndarray, noise: float = 0.02) -> Acquisition:
    """Two echoes of an object in a field with a gradient."""
    random = np.random.default_rng(2)
    echoes = []
    for time in (0.005, 0.010):
        phase = 0.5 + 40 * time * np.linspace(-1, 1, density.shape[-1])
        signal = density * np.exp(1j * phase - 20 * time)
        echoes.append(signal + noise * (random.standard_normal((2, *density.shape)) * [[[[1]]], [[[1j]]]]).sum(axis=0))
    return Acquisition(np.abs(echoes), np.angle(echoes), (0.005, 0.010), 3.0, Grid(density.shape, SPACING))


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Dice coefficient."""
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


@EVERY
def test_object_in_air_is_found(method):
    truth = ball(28)
    assert overlap(method(scan_of(truth * 1.0)), truth) > (0.9 if method is second_derivative else 0.95)


@BOTH
def test_small_holes_are_filled_and_large_ones_stay(method):
    bleed, cavity = ball(5), ball(16)
    density = ball(30) * 1.0
    assert method(scan_of(density * ~bleed))[bleed].all()
    assert not method(scan_of(density * ~cavity))[ball(10)].any()


@EVERY
def test_islands_are_removed(method):
    density = ball(28) * 1.0
    density[0:2, 0:3, 0:3] = 1
    assert not method(scan_of(density))[0:2, 0:3, 0:3].any()


@EVERY
def test_intensity_unit_does_not_matter(method):
    scan = scan_of(ball(28) * 1.0)
    brighter = Acquisition(scan.magnitude * np.float32(1000), scan.phase, scan.echo_times, 3.0, scan.grid)
    assert np.array_equal(method(scan), method(brighter))


@EVERY
def test_mask_follows_flips_and_exchanges_of_axes(method):
    scan = scan_of(ball(28) * 1.0)
    turned = Acquisition(
        scan.magnitude.transpose(0, 3, 1, 2)[:, ::-1],
        scan.phase.transpose(0, 3, 1, 2)[:, ::-1],
        scan.echo_times,
        3.0,
        Grid((48, 24, 36), (1.5, 3.0, 2.0)),
    )
    assert overlap(method(turned), method(scan).transpose(2, 0, 1)[::-1]) > 0.999


def test_threshold_keeps_a_crop_without_air():
    random = np.random.default_rng(0)
    assert robust_threshold(scan_of(random.uniform(0.6, 1.0, (12, 14, 16)))).all()


def test_threshold_is_not_moved_by_a_few_very_bright_voxels():
    density = ball(28) * 1.0
    density[12, 18, 20:28] = 50
    assert overlap(robust_threshold(scan_of(density)), ball(28)) > 0.95


def test_phase_quality_rejects_bright_tissue_with_random_phase(head):
    random = np.random.default_rng(3)
    scan = head.acquisition
    phase = scan.phase.copy()
    phase[:, :20] = random.uniform(-np.pi, np.pi, phase[:, :20].shape)
    found = phase_quality(Acquisition(scan.magnitude, phase, scan.echo_times, 3.0, scan.grid))
    assert not found[:17].any()
    assert found[23:][head.mask[23:]].mean() > 0.95


def test_brain_of_the_phantom_is_inside_both_masks(head):
    assert robust_threshold(head.acquisition)[head.mask].mean() > 0.995
    assert phase_quality(head.acquisition)[head.mask].mean() > 0.9
    assert second_derivative(head.acquisition)[head.mask].mean() > 0.9


def test_nothing_large_enough_is_refused():
    with pytest.raises(ValueError, match="Lower level or smallest_detail"):
        robust_threshold(scan_of(ball(12) * 1.0), smallest_detail=60.0)
    with pytest.raises(ValueError, match="lower threshold"):
        phase_quality(scan_of(ball(12) * 1.0), smallest_detail=60.0)


@EVERY
def test_progress_rises_to_one_and_can_cancel(method):
    fractions = []
    method(scan_of(ball(28) * 1.0), progress=lambda fraction, message: fractions.append(fraction))
    assert fractions == sorted(fractions) and fractions[-1] == 1

    def cancel(fraction, message):
        raise Cancelled

    with pytest.raises(Cancelled):
        method(scan_of(ball(28) * 1.0), progress=cancel)


def test_quality_does_not_depend_on_the_slabs_in_which_it_is_found(monkeypatch, head):
    from QSMReconstructionCore.masking import phase_quality as module

    whole = module.quality_of(head.acquisition)
    monkeypatch.setattr(module, "_SLAB_VOXELS", 5 * 45 * 54)
    np.testing.assert_array_equal(module.quality_of(head.acquisition), whole)
    box = (slice(8, 37), slice(10, 40), slice(5, 40))
    np.testing.assert_array_equal(module.quality_of(head.acquisition, box)[4:-4, 4:-4, 4:-4], whole[12:33, 14:36, 9:36])


def test_the_share_of_other_signs_is_a_half_in_noise_and_counts_wraps_in_tissue():
    from QSMReconstructionCore.masking.second_derivative import _share_of_other_sign

    noise = np.random.default_rng(5).uniform(-np.pi, np.pi, (20, 20, 20))
    assert _share_of_other_sign(noise).mean() == pytest.approx(0.5, abs=0.01)
    # A ramp along one axis changes its sign twice a turn: 2 of 10 steps along that axis, none along the others.
    ramp = np.angle(np.exp(1j * (2 * np.pi * np.arange(200) / 10 + 0.1))) * np.ones((9, 9, 1))
    assert _share_of_other_sign(ramp)[4, 4, 10:-10].mean() == pytest.approx(0.2 / 3, rel=0.02)


def test_later_echoes_give_a_stricter_second_derivative_mask(head):
    sizes = [np.count_nonzero(second_derivative(head.acquisition, echo=echo) & head.mask) for echo in (1, 3, 5)]
    assert sizes[0] > sizes[1] > sizes[2]
    with pytest.raises(ValueError, match=r"echo must be one of the 5 echo\(es\) of the scan, but got 6"):
        second_derivative(head.acquisition, echo=6)


def test_a_second_derivative_mask_of_noise_is_refused():
    scan = scan_of(ball(28) * 1.0)
    phase = np.random.default_rng(6).uniform(-np.pi, np.pi, scan.phase.shape).astype(np.float32)
    with pytest.raises(ValueError, match="phase of steady sign within 4 mm"):
        second_derivative(Acquisition(scan.magnitude, phase, scan.echo_times, 3.0, scan.grid))
