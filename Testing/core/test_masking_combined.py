"""Masks are combined, filled, reduced to one part and eroded as asked."""

from __future__ import annotations

import numpy as np
import pytest

from QSMReconstructionCore.acquisition import Acquisition
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.masking.brain_extraction import brain_extraction
from QSMReconstructionCore.masking.combined import combined
from QSMReconstructionCore.masking.phase_quality import phase_quality
from QSMReconstructionCore.masking.robust_threshold import robust_threshold
from QSMReconstructionCore.masking.shape import eroded, largest_part, without_small_holes
from QSMReconstructionCore.progress import Cancelled

GRID = Grid((20, 22, 24), (3.0, 2.0, 1.5))
PLAIN = {"magnitude_mask": "robust_threshold", "one_part": False, "erosion": 0.0}


def box(*ranges):
    mask = np.zeros(GRID.shape, bool)
    mask[tuple(slice(*r) for r in ranges)] = True
    return mask


@pytest.fixture(scope="module")
def broken(head):
    """The head with a bright block of random phase inside the brain, 28 mm wide."""
    scan, phase = head.acquisition, head.acquisition.phase.copy()
    block = (slice(None), slice(24, 31), slice(24, 31), slice(18, 25))
    phase[block] = np.random.default_rng(0).uniform(-np.pi, np.pi, phase[block].shape)
    return Acquisition(scan.magnitude, phase, scan.echo_times, 3.0, scan.grid)


def test_both_and_either_are_the_masks_of_the_methods_combined(broken):
    magnitude, phase = robust_threshold(broken), phase_quality(broken)
    np.testing.assert_array_equal(combined(broken, **PLAIN), magnitude & phase)
    np.testing.assert_array_equal(combined(broken, combination="either", **PLAIN), magnitude | phase)


def test_the_default_is_the_brain_with_usable_phase(broken, head):
    found = combined(broken)
    brain = brain_extraction(broken, erosion=0.0)
    assert not found[~brain].any() and not found[~phase_quality(broken)].any()
    assert not found[26:29, 26:29, 20:23].any()
    assert found[head.mask].mean() > 0.6


def test_holes_are_filled_up_to_their_size(broken):
    holes = combined(broken, **PLAIN)
    assert not holes[26:29, 26:29, 20:23].any()
    assert not combined(broken, largest_hole=15.0, **PLAIN)[26:29, 26:29, 20:23].any()
    filled = combined(broken, largest_hole=80.0, **PLAIN)
    assert filled[24:31, 24:31, 18:25].all()


def test_the_second_derivative_can_take_the_place_of_the_quality(broken):
    found = combined(broken, phase_mask="second_derivative", **PLAIN)
    assert not np.array_equal(found, combined(broken, **PLAIN))
    assert not found[27, 27, 21]


def test_erosion_is_measured_in_millimeters():
    mask = box((4, 16), (4, 18), (4, 20))
    np.testing.assert_array_equal(eroded(mask, GRID, 3.1), box((5, 15), (5, 17), (6, 18)))
    np.testing.assert_array_equal(eroded(mask, GRID, 0.0), mask)
    # One voxel along the short axis is less than two millimeters, along the others it is not.
    np.testing.assert_array_equal(eroded(mask, GRID, 1.5), box((4, 16), (4, 18), (5, 19)))


def test_the_border_of_the_volume_does_not_erode():
    mask = box((0, 16), (0, 22), (0, 24))
    np.testing.assert_array_equal(eroded(mask, GRID, 3.0), box((0, 15), (0, 22), (0, 24)))
    assert eroded(np.ones(GRID.shape, bool), GRID, 5.0).all()


def test_holes_that_are_open_to_the_border_are_no_holes():
    mask = box((2, 18), (2, 20), (2, 22))
    mask[8:10, 8:10, 8:10] = False
    tunnel = mask.copy()
    tunnel[8, 8, :12] = False
    assert without_small_holes(mask, GRID, 100.0)[8:10, 8:10, 8:10].all()
    np.testing.assert_array_equal(without_small_holes(tunnel, GRID, 100.0), tunnel)
    # 8 voxels of 9 mm^3 are a ball of 5.2 mm.
    assert without_small_holes(mask, GRID, 5.3)[8, 8, 8] and not without_small_holes(mask, GRID, 5.1)[8, 8, 8]


def test_only_the_largest_part_is_kept():
    mask = box((1, 4), (1, 4), (1, 4)) | box((8, 18), (8, 18), (8, 18))
    np.testing.assert_array_equal(largest_part(mask), box((8, 18), (8, 18), (8, 18)))


def test_nothing_left_is_refused():
    k, j, i = np.meshgrid(*(np.arange(n) - n / 2 for n in (24, 24, 24)), indexing="ij")
    ball = 1.0 * (k * k + j * j + i * i < 5**2)
    signal = np.stack([ball * np.exp(1j * 0.1 * i * echo) for echo in (1, 2)])
    signal += np.random.default_rng(2).normal(0, 0.01, signal.shape)
    small = Acquisition(np.abs(signal), np.angle(signal), (0.005, 0.01), 3.0, Grid(ball.shape, (3.0, 3.0, 3.0)))
    assert combined(small, magnitude_mask="robust_threshold", erosion=5.0).any()
    with pytest.raises(ValueError, match="Nothing is left of robust_threshold and phase_quality .* erosion of 20 mm"):
        combined(small, magnitude_mask="robust_threshold", erosion=20.0)


def test_progress_rises_to_one_and_can_cancel(head):
    fractions = []
    combined(head.acquisition, progress=lambda fraction, message: fractions.append(fraction))
    assert fractions == sorted(fractions) and fractions[-1] == 1

    def cancel(fraction, message):
        if fraction > 0.82:
            raise Cancelled

    with pytest.raises(Cancelled):
        combined(head.acquisition, progress=cancel)
