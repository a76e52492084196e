"""Garbage is filled from its neighbours; what is only noisy stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from QSMReconstructionCore.background import LocalField
from QSMReconstructionCore.fieldmapping.refilling import refilled
from QSMReconstructionCore.metrics import nrmse
from QSMReconstructionCore.phantom import head_phantom
from QSMReconstructionCore.pipeline import reconstruct

SHAPE = (24, 26, 28)
NOISE = 0.001


@pytest.fixture
def ramp():
    """A field that rises by 2 ppb a voxel, its noise, and a mask that leaves out the border."""
    k, j, i = np.ogrid[tuple(slice(n) for n in SHAPE)]
    random = np.random.default_rng(0)
    field = (5.0 + 0.002 * (k + j - i) + random.normal(0, NOISE, SHAPE)).astype(np.float32)
    mask = np.zeros(SHAPE, bool)
    mask[2:-2, 2:-2, 2:-2] = True
    return np.where(mask, field, 0), np.where(mask, np.float32(NOISE), 0), mask


def test_garbage_takes_the_mean_of_its_neighbours_and_their_noise(ramp):
    field, noise, mask = ramp
    broken = mask & (np.random.default_rng(1).random(SHAPE) < 0.1)
    spoiled = np.where(broken, field + np.random.default_rng(2).uniform(-0.8, 0.8, SHAPE), field).astype(np.float32)
    doubtful = np.where(broken, np.float32(0.01), noise)
    found, certain, filled = refilled(spoiled, doubtful, mask)
    assert not (filled & ~broken).any()
    assert filled.sum() > 0.95 * broken.sum()
    inner = filled.copy()
    inner[:3] = inner[-3:] = inner[:, :3] = inner[:, -3:] = inner[:, :, :3] = inner[:, :, -3:] = False
    assert np.abs(found - field)[inner].max() < 0.006
    assert certain[filled].max() < 0.004
    np.testing.assert_array_equal(found[~filled], spoiled[~filled])
    np.testing.assert_array_equal(certain[~filled], doubtful[~filled])


def test_voxels_that_are_noisy_but_agree_are_left_alone(ramp):
    field, noise, mask = ramp
    noise[10, 10, 10] = 0.01
    found, _, filled = refilled(field, noise, mask)
    assert not filled.any()
    np.testing.assert_array_equal(found, field)


def test_holes_of_unknown_field_are_filled_and_large_ones_only_at_their_rim(ramp):
    field, noise, mask = ramp
    field[6:13, 6:13, 6:13] = noise[6:13, 6:13, 6:13] = 0
    field[18, 18, 18] = noise[18, 18, 18] = 0
    found, _, filled = refilled(field, noise, mask)
    assert filled[18, 18, 18] and found[18, 18, 18] == pytest.approx(field[18, 18, 17], abs=0.01)
    assert not filled[8:11, 8:11, 8:11].any()


def test_a_map_without_any_noise_known_is_returned_as_it_is(ramp):
    field, noise, mask = ramp
    found, same, filled = refilled(field, 0 * noise, mask)
    assert found is field and not filled.any() and not same.any()


def test_the_local_field_stays_doubtful_where_it_was_filled():
    noise = np.full((1, 1, 4), 0.001, np.float32)
    noise[..., 3] = 0
    before = np.array([[[0.02, 0.02, 0.0, 0.02]]], np.float32)
    voxels = np.array([[[True, False, True, True]]])
    local = LocalField(np.ones_like(noise), np.ones(noise.shape, bool), noise)
    np.testing.assert_allclose(local.distrusting(voxels, before).noise, [[[0.02, 0.001, 0, 0]]])


def test_a_tenth_of_all_voxels_may_hold_garbage():
    head = head_phantom(shape=(60, 72, 60), spacing=(3.0, 3.0, 3.0), echo_times=(0.003, 0.007, 0.011, 0.015))
    random = np.random.default_rng(0)
    broken = random.random(head.mask.shape) < 0.1
    phase = head.acquisition.phase.copy()
    phase[:, broken] = random.uniform(-np.pi, np.pi, (len(phase), int(broken.sum())))
    errors = [
        nrmse(reconstruct(scan, "default", mask=head.mask).susceptibility, head.susceptibility, head.mask)
        for scan in (head.acquisition, replace(head.acquisition, phase=phase))
    ]
    assert errors[0] < 30
    # Several hundred if they are not filled, 77 with voxels of bone and air in the margin around the brain.
    assert errors[1] < 55
