"""Dipole inversion: recovery of known sources, weights, and invariances every method must have."""

from __future__ import annotations

import numpy as np
import pytest
from inversion_scene import OBLIQUE, SHAPE, correlation, scene

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.inversion.ilsqr import ilsqr
from QSMReconstructionCore.inversion.ndi import ndi
from QSMReconstructionCore.inversion.padded_field import PaddedField
from QSMReconstructionCore.inversion.rts import rts
from QSMReconstructionCore.inversion.splitting import laplacian_spectrum
from QSMReconstructionCore.inversion.tikhonov import tikhonov
from QSMReconstructionCore.inversion.tkd import tkd
from QSMReconstructionCore.inversion.tsvd import tsvd
from QSMReconstructionCore.inversion.weighted_tikhonov import weighted_tikhonov
from QSMReconstructionCore.inversion.weighted_tv import weighted_tv
from QSMReconstructionCore.methods import METHODS
from QSMReconstructionCore.numerics.crop import uncropped
from QSMReconstructionCore.numerics.dipole import dipole_kernel
from QSMReconstructionCore.numerics.fourier import forward, frequencies, inverse
from QSMReconstructionCore.numerics.split_gradient import SplitGradient
from QSMReconstructionCore.progress import Cancelled

#: What each method reaches on the scene from a field without noise, less a margin.
LEAST_CORRELATION = {
    "weighted_tv": 0.97,
    "tkd": 0.85,
    "tsvd": 0.85,
    "tikhonov": 0.85,
    "rts": 0.93,
    "ndi": 0.88,
    "nonlinear_tv": 0.97,
    "weak_harmonic_tv": 0.95,
    "hd_qsm": 0.97,
    "l1_qsm": 0.97,
    "medi": 0.95,
    "ilsqr": 0.85,
    "tfi": 0.95,
    "weighted_tikhonov": 0.85,
    "tgv": 0.97,
    "single_step_tgv": 0.85,
}


def few_iterations(method):
    """Settings for what holds after any number of iterations."""
    if "inner_iterations" in method.parameters:
        return {"max_iterations": 2, "inner_iterations": 8}
    return {"max_iterations": 8} if "max_iterations" in method.parameters else {}


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0)])
@pytest.mark.parametrize("method", METHODS["inversion"].values(), ids=lambda method: method.name)
def test_known_sources_are_recovered(method, spacing):
    grid, mask, susceptibility, field = scene(spacing)
    # Without a background, no sources lie far outside: single-step methods need no room for them.
    settings = {"margin": 16.0} if method.works_on_total_field else {}
    found = method.function(field, mask, grid, **settings)
    assert correlation(found, susceptibility, mask) > LEAST_CORRELATION[method.name]
    assert not found[~mask].any()
    assert found.dtype == np.float32


def test_total_variation_recovers_the_contrast_of_blocks():
    grid, mask, susceptibility, field = scene()
    found = weighted_tv(field, mask, grid, regularization=30.0)
    slope = np.polyfit(susceptibility[mask], found[mask], 1)[0]
    assert 0.95 < slope < 1.05


@pytest.mark.parametrize("found", METHODS["inversion"].values(), ids=lambda method: method.name)
def test_turning_image_and_b0_together_turns_the_result(found):
    grid, mask, _, field = scene((2.0, 1.0, 1.0))
    order = (2, 0, 1)
    turned = Grid(
        tuple(SHAPE[a] for a in order),
        tuple(grid.spacing[a] for a in order),
        b0_direction=tuple(grid.b0_direction[a] for a in order),
    )
    straight = found.function(field, mask, grid, **few_iterations(found))
    result = found.function(field.transpose(order), mask.transpose(order), turned, **few_iterations(found))
    np.testing.assert_allclose(result, straight.transpose(order), atol=2e-4)


@pytest.mark.parametrize("found", METHODS["inversion"].values(), ids=lambda method: method.name)
def test_the_field_where_the_weight_is_zero_does_not_matter(found):
    grid, mask, _, field = scene()
    garbage = np.zeros(SHAPE, dtype=bool)
    garbage[::5, ::4, ::3] = True
    weights = np.where(mask & ~garbage, np.float32(1000), np.float32(0))
    settings = {"weights": weights, **few_iterations(found)}
    once = found.function(np.where(garbage, np.float32(7), field), mask, grid, **settings)
    again = found.function(np.where(garbage, np.float32(-3), field), mask, grid, **settings)
    np.testing.assert_array_equal(once, again)


@pytest.mark.parametrize("method", [tkd, tsvd, tikhonov, ilsqr, weighted_tikhonov])
def test_methods_without_a_scale_of_their_own_are_linear(method):
    grid, mask, _, field = scene()
    np.testing.assert_allclose(method(4 * field, mask, grid), 4 * method(field, mask, grid), atol=2e-5)


@pytest.mark.parametrize("method", [tkd, tsvd])
def test_noise_grows_at_most_by_the_reciprocal_of_the_threshold(method):
    grid, mask, _, _ = scene()
    noise = np.where(mask, np.random.default_rng(0).standard_normal(SHAPE), 0)
    for threshold in (0.1, 0.3):
        assert np.linalg.norm(method(noise, mask, grid, threshold=threshold)) < np.linalg.norm(noise) / threshold


def test_the_loss_of_contrast_of_thresholded_division_can_be_undone():
    grid, mask, susceptibility, field = scene()
    slopes = [
        np.polyfit(susceptibility[mask], tkd(field, mask, grid, threshold=0.3, undo_underestimation=undo)[mask], 1)[0]
        for undo in (False, True)
    ]
    assert slopes[0] < 0.8 < 0.85 < slopes[1] < 1.1


@pytest.mark.parametrize("method", [tkd, tikhonov, weighted_tv])
def test_voxels_taken_for_boxes_fit_the_field_of_boxes(method):
    grid, mask, susceptibility, _ = scene((3.0, 1.0, 1.0))
    padded = tuple(2 * n for n in SHAPE)
    kernel = dipole_kernel(padded, grid.spacing, grid.b0_direction, integrated=True)
    field = inverse(forward(np.pad(susceptibility, [(0, n) for n in SHAPE])) * kernel, padded)
    field = np.where(mask, field[tuple(slice(n) for n in SHAPE)], 0)
    boxes, points = (
        correlation(method(field, mask, grid, integrated_kernel=boxes), susceptibility, mask)
        for boxes in (True, False)
    )
    assert boxes > points


@pytest.mark.parametrize("found", METHODS["inversion"].values(), ids=lambda method: method.name)
def test_every_method_can_take_voxels_for_boxes(found):
    grid, mask, _, field = scene((3.0, 1.0, 1.0))
    boxes, points = (
        found.function(field, mask, grid, integrated_kernel=boxes, **few_iterations(found)) for boxes in (True, False)
    )
    assert 0.01 < np.linalg.norm(boxes - points) / np.linalg.norm(points) < 1


@pytest.mark.parametrize("regularizer", ["identity", "gradient"])
def test_tikhonov_with_a_huge_penalty_is_a_matched_filter(regularizer):
    """For lambda sigma >> 1 the closed form becomes D f / (lambda sigma |G|)^2."""
    grid, mask, _, field = scene()
    found = tikhonov(field, mask, grid, regularizer=regularizer, regularization=1e5, model_error=0.0)
    padded = PaddedField.around(field, mask, grid, None)
    gain = laplacian_spectrum(padded) if regularizer == "gradient" else np.ones_like(padded.dipole)
    gain[0, 0, 0] = np.inf
    expected = padded.whole(inverse(forward(padded.convolved(padded.data)) / gain, padded.shape)) / 100**2
    error = np.linalg.norm(found - expected)
    assert error < (2e-4 if regularizer == "identity" else 0.02) * np.linalg.norm(expected)


def test_with_even_noise_weighted_tikhonov_is_the_closed_form_away_from_the_edge():
    grid, _, _, field = scene()
    everywhere = np.ones(SHAPE, dtype=bool)
    settings = {"regularizer": "identity", "regularization": 300.0}
    closed = tikhonov(field, everywhere, grid, **settings)
    found = weighted_tikhonov(field, everywhere, grid, tolerance=1e-4, **settings)
    middle = (slice(12, -12),) * 3
    assert np.linalg.norm((found - closed)[middle]) < 0.05 * np.linalg.norm(closed[middle])


@pytest.mark.parametrize("regularizer", ["identity", "gradient"])
def test_weighted_tikhonov_trusts_voxels_by_their_noise(regularizer):
    grid, mask, susceptibility, field = scene()
    noisy = np.zeros(SHAPE, dtype=bool)
    noisy[:, :, 24:30] = True
    spread = np.where(noisy, 0.05, 0.0005)
    data = np.where(mask, field + spread * np.random.default_rng(0).standard_normal(SHAPE), 0).astype(np.float32)
    weights = np.where(mask, 1 / spread, 0).astype(np.float32)
    weighted, unweighted = (
        method(data, mask, grid, weights=weights, regularizer=regularizer, regularization=20.0)
        for method in (weighted_tikhonov, tikhonov)
    )
    errors = [np.linalg.norm((found - susceptibility)[mask & ~noisy]) for found in (weighted, unweighted)]
    assert errors[0] < 0.7 * errors[1]


@pytest.mark.parametrize("shape", [(20, 22, 18), (17, 19, 21)])
def test_convolution_with_the_dipole_is_its_own_adjoint(shape):
    grid = Grid(shape, (2.0, 1.0, 0.7), b0_direction=OBLIQUE)
    padded = PaddedField.around(np.zeros(shape), np.ones(shape, dtype=bool), grid, None)
    random = np.random.default_rng(0)
    x, y = (random.standard_normal(padded.shape, dtype=np.float32) for _ in range(2))
    size = np.linalg.norm(x) * np.linalg.norm(y)
    assert abs(np.vdot(padded.convolved(x), y) - np.vdot(x, padded.convolved(y))) < 1e-5 * size


def test_the_second_step_fills_the_cone_whatever_the_voxel_size():
    """The first step leaves the source without its ill-conditioned frequencies; on 3 mm voxels, too, they return."""
    for size in (1.0, 3.0):
        grid, mask, susceptibility, field = scene((size, size, size))
        few, filled = (
            np.linalg.norm((rts(field, mask, grid, max_iterations=n, tolerance=0.0) - susceptibility)[mask])
            for n in (1, 40)
        )
        assert filled < 0.7 * few


def test_descent_stops_where_the_noise_begins():
    grid, mask, _, field = scene()
    misfits = {}
    for noise in (0.002, 0.008):
        weights = np.where(mask, np.float32(1 / noise), np.float32(0))
        found = ndi(field, mask, grid, weights=weights, discrepancy=1.0, model_error=1e-5, tolerance=0.0)
        padded = PaddedField.around(field, mask, grid, weights)
        inside = np.where(mask, found, 0)[padded.box]
        x = np.zeros(padded.shape, dtype=np.float32)
        x[padded.inside] = inside
        misfits[noise] = np.sqrt(np.mean((padded.convolved(x) - padded.data)[padded.region] ** 2)) / noise
    assert all(0.8 < misfit < 1.25 for misfit in misfits.values())


def test_whole_turns_of_phase_do_no_harm():
    grid, mask, _, field = scene()
    turned = field + np.where(np.random.default_rng(0).random(SHAPE) < 0.1, np.float32(2 * np.pi / 16), 0)
    np.testing.assert_allclose(ndi(turned, mask, grid), ndi(field, mask, grid), atol=1e-3)


def test_the_same_noise_twice_as_sure_needs_no_other_setting():
    """Scaling field, noise and the prior's contrast together scales the result: the weight is in units of noise."""
    grid, mask, _, field = scene()
    weights = np.where(mask, np.float32(1000), np.float32(0))
    settings = {"tolerance": 0.0, "max_iterations": 300}
    once = weighted_tv(field, mask, grid, weights=weights, regularization=100, model_error=0.001, **settings)
    twice = weighted_tv(
        2 * field, mask, grid, weights=weights / 2, regularization=50, model_error=0.002, **settings
    )
    assert np.linalg.norm(twice - 2 * once) < 0.03 * np.linalg.norm(2 * once)


def test_noise_where_it_is_declared_does_less_harm_than_where_it_is_not():
    grid, mask, susceptibility, field = scene()
    random = np.random.default_rng(0)
    noisy = np.zeros(SHAPE, dtype=bool)
    noisy[:, :, 24:30] = True
    spread = np.where(noisy, 0.05, 0.0005)
    measured = np.where(mask, field + spread * random.standard_normal(SHAPE), 0).astype(np.float32)
    declared = weighted_tv(measured, mask, grid, weights=np.where(mask, 1 / spread, 0).astype(np.float32))
    undeclared = weighted_tv(measured, mask, grid)
    errors = [np.linalg.norm((found - susceptibility)[mask & ~noisy]) for found in (declared, undeclared)]
    assert errors[0] < 0.5 * errors[1]


def test_what_background_removal_took_away_is_put_back():
    grid, mask, susceptibility, field = scene()

    def smooth(volume):
        k, j, i = frequencies(SHAPE, grid.spacing)
        return inverse(forward(volume) * np.exp(-300 * (k * k + j * j + i * i)), SHAPE)

    def lost(true_field):
        return np.where(mask, 0.8 * smooth(true_field), np.float32(0)).astype(np.float32)

    plain = weighted_tv(field - lost(field), mask, grid)
    corrected = weighted_tv(field - lost(field), mask, grid, lost=lost)
    errors = [np.linalg.norm((found - susceptibility)[mask]) for found in (corrected, plain)]
    assert errors[0] < 0.9 * errors[1]


def test_overrelaxation_restores_what_was_lost_sooner_and_does_not_overshoot_in_the_end(monkeypatch):
    grid, mask, _, field = scene()
    share = np.float32(0.7)
    # Where most of a field is lost and there is no noise, nothing tells that from a field that no sources explain.
    monkeypatch.setattr("QSMReconstructionCore.inversion.weighted_tv._BELIEVED_NOISE", 1e6)

    def missing(iterations):
        """What is not yet restored of a map of whose field the same share was lost everywhere."""
        settings = {"tolerance": 0.0, "max_iterations": iterations}
        whole = weighted_tv(field, mask, grid, **settings)
        kept = (1 - share) * field
        restored = weighted_tv(kept, mask, grid, lost=lambda true_field: share * true_field, **settings)
        return np.linalg.norm((restored - whole)[mask]) / np.linalg.norm(whole[mask])

    few, many = missing(60), missing(200)
    assert many < 0.1 and few < 0.25
    monkeypatch.setattr("QSMReconstructionCore.inversion.weighted_tv._OVERRELAXATION", np.float32(1))
    assert few < 0.7 * missing(60)


def test_a_field_that_no_sources_explain_is_believed_less(monkeypatch):
    grid, mask, susceptibility, field = scene()
    ringing = np.zeros(SHAPE, dtype=np.float32)
    ringing[:, :, 22:27] = 0.1 * (-1.0) ** np.indices((*SHAPE[:2], 5)).sum(axis=0)
    noise = 0.001 * np.random.default_rng(0).standard_normal(SHAPE)
    measured = np.where(mask, field + ringing + noise, 0).astype(np.float32)

    def error():
        found = weighted_tv(measured, mask, grid, lost=np.zeros_like)
        return np.linalg.norm((found - susceptibility)[mask])

    doubted = error()
    monkeypatch.setattr("QSMReconstructionCore.inversion.weighted_tv._BELIEVED_NOISE", 1e6)
    assert doubted < 0.7 * error()


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 0.7)])
@pytest.mark.parametrize("shape", [(16, 18, 20), (17, 9, 15)])
def test_the_split_gradient_is_followed_by_its_own_adjoint(shape, spacing):
    """Without a threshold the multiplier is the gradient, so twice its adjoint is pulled back."""
    x = np.pad(np.random.default_rng(0).standard_normal([n - 2 for n in shape], dtype=np.float32), 1)
    gradient = SplitGradient(np.ones(shape, dtype=bool), spacing, np.float32(1e30))
    pull = np.empty(shape, dtype=np.float32)
    gradient.update(x, pull)
    laplacian = sum(
        (2 - 2 * np.cos(2 * np.pi * f * h)) / h**2 for f, h in zip(frequencies(shape, spacing), spacing)
    )
    expected = inverse((forward(x) * laplacian).astype(np.complex64), shape)
    np.testing.assert_allclose(pull, -2 * expected, atol=4e-5 * np.abs(expected).max())


def test_gradients_that_leave_the_region_are_free():
    region = np.zeros((8, 8, 8), dtype=bool)
    region[2:6, 2:6, 2:6] = True
    region[2, 2, 2:5] = False
    x = np.where(region, np.float32(1), np.float32(0))
    gradient = SplitGradient(region, (1.0, 1.0, 1.0), np.float32(0.1))
    gradient.update(x, np.empty_like(x))
    assert not gradient.multiplier.any()
    gradient.update(np.random.default_rng(0).standard_normal(x.shape, dtype=np.float32), np.empty_like(x))
    length = uncropped(np.sqrt(np.sum(gradient.multiplier**2, axis=0)), gradient.box, region.shape)
    assert length.max() == pytest.approx(0.1, rel=1e-5)
    assert not length[~region].any()


@pytest.mark.parametrize("found", METHODS["inversion"].values(), ids=lambda method: method.name)
def test_bad_input_is_named(found):
    grid, mask, _, field = scene()
    with pytest.raises(ValueError, match="mask is empty"):
        found.function(field, np.zeros_like(mask), grid)
    with pytest.raises(ValueError, match="field must have the shape"):
        found.function(field[1:], mask, grid)
    spoiled = field.copy()
    spoiled[20, 20, 20] = np.inf
    with pytest.raises(ValueError, match="field has 1 voxel"):
        found.function(spoiled, mask, grid)


@pytest.mark.parametrize("found", METHODS["inversion"].values(), ids=lambda method: method.name)
def test_weights_that_are_zero_everywhere_are_refused(found):
    grid, mask, _, field = scene()
    with pytest.raises(ValueError, match="weights must be positive"):
        found.function(field, mask, grid, weights=np.zeros(SHAPE, dtype=np.float32))


def test_it_reports_each_iteration_and_can_be_cancelled():
    grid, mask, _, field = scene()
    fractions = []

    def stop_at_the_third(fraction, message):
        fractions.append(fraction)
        if len(fractions) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        weighted_tv(field, mask, grid, progress=stop_at_the_third)
    assert fractions == sorted(fractions)
