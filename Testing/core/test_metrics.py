"""Scores of maps whose scores are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from QSMReconstructionCore.metrics import (
    calcification,
    compartment_errors,
    correlation,
    detrended_nrmse,
    hfen,
    nrmse,
    regional_agreement,
    score,
    xsim,
)

SHAPE = (20, 22, 24)


def noise_of(seed, sd=1.0, shape=SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=sd, size=shape)


@pytest.fixture
def mask():
    k, j, i = np.ogrid[-1:1:20j, -1:1:22j, -1:1:24j]
    return k**2 + j**2 + i**2 < 0.8


@pytest.fixture
def truth(mask):
    """A map of mean 0 and sd 0.1 ppm inside the mask."""
    values = noise_of(0)
    return ((values - values[mask].mean()) / values[mask].std() * 0.1).astype(np.float32)


def orthogonal_noise(truth, mask, sd):
    """Noise of mean 0, given sd and no correlation with the truth inside the mask."""
    noise, t = noise_of(1), truth[mask].astype(float)
    inside = noise[mask] - noise[mask].mean()
    inside -= inside @ t / (t @ t) * t
    noise[mask] = inside / inside.std() * sd
    return noise.astype(np.float32)


def test_a_perfect_map_scores_perfectly(truth, mask):
    scores = score(truth, truth, mask)
    assert scores["nrmse"] == scores["detrended_nrmse"] == scores["hfen"] == 0
    assert scores["correlation"] == pytest.approx(1)
    assert scores["xsim"] == pytest.approx(1)
    assert scores["coverage"] == 1
    assert scores["voxels"] == mask.sum()


def test_another_zero_costs_no_error(truth, mask):
    shifted = truth + np.float32(0.3)
    assert nrmse(shifted, truth, mask) == pytest.approx(0, abs=1e-4)
    assert correlation(shifted, truth, mask) == pytest.approx(1)
    assert hfen(shifted, truth, mask) == pytest.approx(0, abs=1e-4)


def test_another_scale_costs_its_difference_unless_detrended(truth, mask):
    assert nrmse(0.7 * truth, truth, mask) == pytest.approx(30, abs=1e-3)
    assert hfen(0.7 * truth, truth, mask) == pytest.approx(30, abs=1e-2)
    assert detrended_nrmse(0.7 * truth, truth, mask) == pytest.approx(0, abs=1e-3)
    assert correlation(0.7 * truth, truth, mask) == pytest.approx(1)
    assert correlation(-truth, truth, mask) == pytest.approx(-1)


def test_noise_costs_its_share(truth, mask):
    noisy = 0.5 * truth + orthogonal_noise(truth, mask, 0.02)
    # |(0.5 - 1) t + n| / |t| with n orthogonal to t; detrending scales n by 1 / 0.5.
    assert nrmse(noisy, truth, mask) == pytest.approx(100 * np.hypot(0.5, 0.2), rel=1e-4)
    assert detrended_nrmse(noisy, truth, mask) == pytest.approx(40, rel=1e-4)
    assert correlation(noisy, truth, mask) == pytest.approx(0.5 / np.hypot(0.5, 0.2), rel=1e-4)


def test_an_uncorrelated_map_is_not_detrended(truth, mask):
    noise = orthogonal_noise(truth, mask, 0.1)
    assert detrended_nrmse(noise, truth, mask) == pytest.approx(nrmse(noise, truth, mask), rel=1e-3)


def test_what_lies_outside_the_mask_makes_no_difference(truth, mask):
    noisy = truth + orthogonal_noise(truth, mask, 0.02)
    garbage = np.where(mask, noisy, 50).astype(np.float32), np.where(mask, truth, -9).astype(np.float32)
    for metric in (nrmse, detrended_nrmse, correlation, xsim, hfen):
        assert metric(*garbage, mask) == pytest.approx(metric(noisy, truth, mask), rel=1e-6)


def test_xsim_of_two_constant_maps_is_their_luminance(mask):
    a, b = (np.full(SHAPE, value, np.float32) for value in (0.02, 0.05))
    whole = np.ones(SHAPE, bool)  # no mask edge, so that variances are 0
    expected = (2 * 0.02 * 0.05 + 1e-4) / (0.02**2 + 0.05**2 + 1e-4)
    assert xsim(a, b, whole) == pytest.approx(expected, rel=1e-5)


def test_xsim_agrees_with_its_definition_voxel_by_voxel(truth, mask):
    result = (0.8 * truth + noise_of(2, 0.01)).astype(np.float32)
    r, t = np.where(mask, result, 0).astype(float), np.where(mask, truth, 0).astype(float)
    values = []
    for k, j, i in np.argwhere(mask):
        window = tuple(slice(max(n - 2, 0), n + 3) for n in (k, j, i))
        a, b = r[window], t[window]
        covariance = np.mean(a * b) - a.mean() * b.mean()
        values.append(
            (2 * a.mean() * b.mean() + 1e-4) * (2 * covariance + 1e-6)
            / ((a.mean() ** 2 + b.mean() ** 2 + 1e-4) * (a.var() + b.var() + 1e-6))
        )
    assert xsim(result, truth, mask) == pytest.approx(np.mean(values), rel=1e-6)


def test_hfen_punishes_fine_errors_more_than_coarse_ones(mask):
    i = np.arange(SHAPE[2])
    smooth_truth = np.broadcast_to(0.1 * np.sin(2 * np.pi * i / 12), SHAPE).astype(np.float32)
    coarse = smooth_truth + np.broadcast_to(0.03 * np.sin(2 * np.pi * i / 24), SHAPE).astype(np.float32)
    fine = smooth_truth + np.broadcast_to(0.03 * np.sin(2 * np.pi * i / 6), SHAPE).astype(np.float32)
    assert hfen(fine, smooth_truth, mask) > 1.5 * hfen(coarse, smooth_truth, mask)


def test_a_map_with_a_hole_is_scored_with_and_without_it(truth, mask):
    eroded = np.where(np.arange(20)[:, None, None] < 10, truth, np.float32(0))
    scores = score(eroded, truth, mask)
    assert scores["coverage"] == pytest.approx((mask & (eroded != 0)).sum() / mask.sum())
    assert scores["covered"]["nrmse"] == pytest.approx(0, abs=1e-4)
    assert scores["nrmse"] == pytest.approx(100 * np.sqrt(1 - scores["coverage"]), rel=0.1)


@pytest.fixture
def regions(mask):
    labels = np.zeros(SHAPE, np.uint8)
    for label, k in ((1, 6), (2, 9), (3, 12), (9, 15)):
        labels[k : k + 2, 8:14, 8:16] = label
    return labels


NAMES = {1: "Putamen left", 2: "Caudate nucleus left", 3: "Red nucleus left", 9: "White matter"}


def test_regional_means_give_slope_and_intercept(mask, regions):
    truth = np.select([regions == n for n in (1, 2, 3, 9)], [0.1, 0.05, -0.03, 0.4]).astype(np.float32)
    center = truth[mask].mean()
    result = 0.8 * truth
    agreement = regional_agreement(result, truth, mask, regions, NAMES)
    assert agreement["slope"] == pytest.approx(0.8, abs=1e-5)
    assert agreement["intercept"] == pytest.approx(0, abs=1e-6)
    expected = np.mean(np.abs(0.2 * (np.array([0.1, 0.05, -0.03]) - center)))
    assert agreement["mean_absolute_error"] == pytest.approx(expected, rel=1e-4)
    assert agreement["wrong_signs"] == []
    assert list(agreement["regions"]) == ["Putamen left", "Caudate nucleus left", "Red nucleus left"]
    assert agreement["regions"]["Putamen left"]["voxels"] == 2 * 6 * 8
    assert agreement["regions"]["Putamen left"]["truth"] == pytest.approx(0.1 - center, abs=1e-6)


def test_a_region_of_the_wrong_sign_is_named(mask, regions):
    truth = np.select([regions == n for n in (1, 2, 3)], [0.1, 0.05, -0.05]).astype(np.float32)
    result = np.where(regions == 3, 0.05, truth).astype(np.float32)
    assert regional_agreement(result, truth, mask, regions, NAMES)["wrong_signs"] == ["Red nucleus left"]


def test_without_names_every_region_counts(truth, mask, regions):
    assert list(regional_agreement(truth, truth, mask, regions)["regions"]) == ["1", "2", "3", "9"]


def test_too_few_regions_are_refused(truth, mask, regions):
    with pytest.raises(ValueError, match="at least two deep grey nuclei inside the mask, but got 0"):
        regional_agreement(truth, truth, mask, regions, {1: "White matter"})


def _calcified(depth: float) -> tuple[np.ndarray, np.ndarray]:
    volume = noise_of(3, 0.001, (40, 40, 40)).astype(np.float32)
    labelled = np.zeros(volume.shape, bool)
    labelled[18:21, 18:21, 18:21] = True
    volume[labelled] = depth
    return volume, labelled


def test_a_perfect_calcification_keeps_its_moment_and_does_not_streak():
    truth, labelled = _calcified(-3.0)
    scores = calcification(truth, truth, labelled)
    assert scores["moment_deviation"] == pytest.approx(0, abs=1e-3)
    assert scores["streak"] == pytest.approx(0, abs=1e-6)


def test_half_a_calcification_deviates_by_half_its_moment():
    truth, labelled = _calcified(-3.0)
    result = np.where(labelled, np.float32(-1.5), truth)
    assert calcification(result, truth, labelled)["moment_deviation"] == pytest.approx(27 * 1.5, rel=1e-4)


def test_a_missed_calcification_deviates_by_all_of_its_moment():
    truth, labelled = _calcified(-3.0)
    result = np.abs(np.where(labelled, np.float32(0), truth))
    scores = calcification(result, truth, labelled)
    assert scores["moment_deviation"] == pytest.approx(27 * 3.0, rel=1e-4)
    assert scores["streak"] is None


def test_streaks_are_measured_against_the_depth_of_the_calcification():
    truth, labelled = _calcified(-3.0)
    result = truth + noise_of(4, 0.05, truth.shape).astype(np.float32)
    assert calcification(result, truth, labelled)["streak"] == pytest.approx(0.05 / 3, rel=0.15)


def test_each_compartment_has_its_own_error(truth, mask):
    labels = np.zeros(SHAPE, int)
    labels[8:12, 6:16, 6:18] = 1
    labels[13:16, 6:16, 6:18] = 2
    labels[5, 10, 10:14] = 3
    names = {1: "Putamen left", 2: "White matter", 3: "Veins", 4: "Cortex"}
    inside = {name: labels == label for label, name in names.items()}
    noisy = truth.copy()
    noise = orthogonal_noise(truth, inside["White matter"], 0.05)
    noisy[labels == 2] += noise[labels == 2]
    errors = compartment_errors(noisy, truth, mask, labels, names)
    white = truth[labels == 2]
    assert errors["tissue"] == pytest.approx(100 * 0.05 / white.std(), rel=1e-3)
    assert errors["deep_grey"] == errors["blood"] == 0
    near = truth.copy()
    near[6, 10, 10] += 0.3  # beside the vein
    assert compartment_errors(near, truth, mask, labels, names)["blood"] > 1
    assert compartment_errors(truth, truth, mask, labels, {1: "Putamen"}) == {"deep_grey": 0}


def test_a_hemorrhage_is_scored_as_a_calcification_of_the_other_sign():
    truth = np.zeros((40, 40, 40), np.float32)
    truth += np.random.default_rng(0).normal(0, 0.01, truth.shape).astype(np.float32)
    labels = np.zeros(truth.shape, int)
    labels[18:22, 18:22, 18:22] = 17
    labels[5:8, 5:8, 5:8], labels[30:33, 5:8, 5:8] = 1, 2
    truth[labels == 17] = 1.5
    result = np.where(labels == 17, 0.75, truth).astype(np.float32)
    names = {17: "Hemorrhage", 1: "Putamen", 2: "Caudate"}
    found = score(result, truth, np.ones(truth.shape, bool), labels, names)["hemorrhage"]
    assert found["moment_deviation"] == pytest.approx(0.75 * 64, rel=1e-3)
    assert found["streak"] == pytest.approx(0, abs=1e-6)


def test_score_finds_calcification_and_nuclei_by_name(truth, mask, regions):
    labels = regions.copy()
    labels[10, 10:12, 10:12] = 16
    scores = score(truth, truth, mask, labels, NAMES | {16: "Calcification"})
    assert set(scores["calcification"]) == {"moment_deviation", "streak"}
    assert len(scores["regional"]["regions"]) == 3


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("result", lambda a: a[1:], "result must have the shape"),
        ("result", lambda a: a * np.nan, "result has .* not finite"),
        ("result", lambda a: a * 0, "result is zero everywhere"),
        ("truth", lambda a: a * 0 + 1, "truth is the same in all voxels"),
        ("mask", lambda a: a & False, "mask is empty"),
        ("labels", lambda a: a + 0.5, "labels must hold whole numbers"),
    ],
)
def test_what_cannot_be_scored_is_refused(truth, mask, regions, name, spoil, message):
    given = {"result": truth, "truth": truth, "mask": mask, "labels": regions}
    with pytest.raises(ValueError, match=message):
        score(**given | {name: spoil(given[name])})
