"""The smooth phase offset of the coils is found from noisy, wrapped intercepts, and doubted where it does not hold."""

from __future__ import annotations

import numpy as np
import pytest

from QSMReconstructionCore.fieldmapping.phase_offset import offset_variance, smooth_offset
from QSMReconstructionCore.numerics.romeo_weights import wrapped
from QSMReconstructionCore.numerics.tensor_spline import fit_tensor_spline, spline_bases

#: Shape and voxel size of a head of 160 x 190 x 150 mm at 1 to 4 mm; at 1 mm only a slab of it.
GRIDS = [((20, 190, 150), (1.0, 1.0, 1.0)), ((80, 47, 60), (2.0, 4.0, 2.5)), ((40, 48, 38), (4.0, 4.0, 4.0))]


@pytest.fixture(autouse=True)
def arithmetic_errors_are_errors():
    with np.errstate(all="raise", under="ignore"):
        yield


def places(shape, spacing):
    """Distance from the middle of the volume in units of 80 mm, along k, j, i."""
    return np.meshgrid(*((np.arange(n) - n / 2) * h / 80 for n, h in zip(shape, spacing)), indexing="ij")


def quadratic(k, j, i):
    """Several turns across the head."""
    return 0.5 + 2.0 * k - 4.0 * j + 3.0 * i + 9.0 * k * k + 7.0 * j * j - 8.0 * i * i + 5.0 * j * k


def head(k, j, i):
    return k * k + (j / 1.15) ** 2 + (i / 0.95) ** 2 < 0.95**2


def off(found, true):
    return wrapped(np.asarray(found - true, np.float64))


@pytest.mark.parametrize(("shape", "spacing"), GRIDS)
def test_a_strong_quadratic_offset_is_found_to_the_rim(shape, spacing):
    coordinates = places(shape, spacing)
    mask = head(*coordinates)
    true = quadratic(*coordinates)[mask]
    assert np.ptp(true) > 2 * 2 * np.pi
    intercept = wrapped(true.astype(np.float32))
    found = smooth_offset(intercept, np.ones_like(intercept), mask, spacing, 30.0)
    assert np.abs(off(found, true)).max() < 2e-4


@pytest.mark.parametrize(("shape", "spacing"), GRIDS)
def test_noise_is_averaged_away(shape, spacing):
    random = np.random.default_rng(1)
    coordinates = places(shape, spacing)
    mask = head(*coordinates)
    true = quadratic(*coordinates)[mask]
    deviation = random.uniform(0.1, 0.5, true.size)
    intercept = wrapped((true + deviation * random.normal(size=true.size)).astype(np.float32))
    found = smooth_offset(intercept, (1 / deviation**2).astype(np.float32), mask, spacing, 30.0)
    assert np.sqrt(np.mean(off(found, true) ** 2)) < 0.02


def test_voxels_with_another_intercept_do_not_bend_it():
    random = np.random.default_rng(2)
    shape, spacing = GRIDS[2]
    coordinates = places(shape, spacing)
    mask = head(*coordinates)
    true = quadratic(*coordinates)[mask]
    noisy = true + 0.05 * random.normal(size=true.size)
    noisy[random.random(true.size) < 0.15] += 1.2
    found = smooth_offset(wrapped(noisy.astype(np.float32)), np.ones(true.size, np.float32), mask, spacing, 30.0)
    assert np.sqrt(np.mean(off(found, true) ** 2)) < 0.02  # their mean would be off by 0.18


def test_the_variance_about_the_offset_is_what_noise_does_not_explain():
    random = np.random.default_rng(3)
    shape, spacing = GRIDS[2]
    mask = head(*places(shape, spacing))
    count = int(mask.sum())
    offset, noise = np.zeros(count, np.float32), np.full(count, 0.02**2, np.float32)
    straight = np.ones(count, bool)
    for extra in (0.0, 0.05):
        intercept = np.hypot(0.02, extra) * random.normal(size=count).astype(np.float32)
        found = offset_variance(intercept, offset, noise, straight, mask, spacing)
        assert np.median(found) == pytest.approx(extra**2, rel=0.1, abs=2e-5)


def test_a_neighbourhood_that_departs_is_doubted_unless_its_phase_is_broken():
    random = np.random.default_rng(4)
    shape, spacing = GRIDS[2]
    k, j, i = places(shape, spacing)
    mask = head(k, j, i)
    count = int(mask.sum())
    departs = ((np.abs(k) < 0.2) & (np.abs(j) < 0.2) & (np.abs(i) < 0.2))[mask]
    intercept = (0.02 * random.normal(size=count) + departs * 1.0).astype(np.float32)
    noise = np.full(count, 0.02**2, np.float32)
    doubted, trusted = (
        offset_variance(intercept, np.zeros(count, np.float32), noise, straight, mask, spacing)
        for straight in (np.ones(count, bool), ~departs)
    )
    assert np.median(doubted[departs]) > 0.3  # blocks that the neighbourhood fills in part see a part of it
    assert np.median(trusted[departs]) < 1e-3
    assert np.median(doubted[~departs]) < 1e-3


def test_without_its_penalty_the_spline_is_a_weighted_least_squares_fit(monkeypatch):
    monkeypatch.setattr("QSMReconstructionCore.numerics.tensor_spline._PENALTY", 0.0)
    random = np.random.default_rng(5)
    shape, spacing = (9, 8, 10), (3.0, 4.0, 2.0)
    bases = spline_bases(shape, spacing, 15.0)
    values = random.normal(size=shape).astype(np.float32)
    weights = random.uniform(0.5, 1.5, shape).astype(np.float32)
    design = np.einsum("ka,jb,ic->kjiabc", *bases).reshape(values.size, -1)
    root = np.sqrt(weights).ravel()
    expected = design @ np.linalg.lstsq(root[:, None] * design, root * values.ravel(), rcond=None)[0]
    found = fit_tensor_spline(values, weights, bases).values()
    np.testing.assert_allclose(found.ravel(), expected, atol=1e-4)


def test_waves_of_a_hand_pass_and_ripples_of_a_finger_do_not():
    shape, spacing = (60, 70, 64), (2.5, 2.5, 2.5)
    coordinates = [c * 80 for c in places(shape, spacing)]
    mask = head(*(c / 80 for c in coordinates)).astype(np.float32)
    bases = spline_bases(shape, spacing, 30.0)
    for length, kept in ((100.0, 1.0), (20.0, 0.0)):
        wave = np.sin(2 * np.pi / length * (coordinates[0] + 0.5 * coordinates[1])).astype(np.float32)
        found = fit_tensor_spline(wave, mask, bases).values()
        assert np.sqrt(np.mean((found - kept * wave)[mask > 0] ** 2)) < 0.03


def test_knots_lie_evenly_and_never_outnumber_what_memory_allows():
    bases = spline_bases((1, 50, 600), (2.0, 2.0, 1.0), 25.0)
    assert [basis.shape for basis in bases] == [(1, 4), (50, 7), (600, 15)]
    for basis in bases:
        np.testing.assert_allclose(basis.sum(axis=1), 1)


def test_a_fit_without_data_is_refused():
    bases = spline_bases((4, 4, 4), (1.0, 1.0, 1.0), 25.0)
    zeros = np.zeros((4, 4, 4), np.float32)
    with pytest.raises(ValueError, match="weights must be positive somewhere"):
        fit_tensor_spline(zeros, zeros, bases)
