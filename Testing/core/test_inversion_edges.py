"""Inversion that knows the edges of the magnitude, and the differences it is made of."""

from __future__ import annotations

import numpy as np
import pytest
from inversion_scene import SHAPE, scene

from QSMReconstructionCore.inversion.edge_sparing import without_outliers
from QSMReconstructionCore.inversion.edges import difference_weights, penalized_differences
from QSMReconstructionCore.inversion.medi import medi
from QSMReconstructionCore.inversion.padded_field import PaddedField
from QSMReconstructionCore.inversion.weak_harmonic_tv import weak_harmonic_tv
from QSMReconstructionCore.numerics.gradient import adjoint_gradient, differences_within, gradient, weighted_laplacian
from QSMReconstructionCore.numerics.split_gradient import SplitDifferences


@pytest.mark.parametrize(("dtype", "close"), [(np.float32, 1e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize("shape", [(16, 18, 20), (17, 9, 15)])
def test_the_adjoint_gradient_is_adjoint(shape, dtype, close):
    random = np.random.default_rng(0)
    x, y = random.standard_normal(shape).astype(dtype), random.standard_normal((3, *shape)).astype(dtype)
    spacing = (2.0, 1.0, 0.7)
    difference = np.vdot(gradient(x, spacing), y) - np.vdot(x, adjoint_gradient(y, spacing))
    assert abs(difference) < close * np.linalg.norm(x) * np.linalg.norm(y)


@pytest.mark.parametrize("shape", [(16, 18, 20), (9, 200, 151), (1, 5, 4)])
def test_the_weighted_laplacian_is_both_around_the_weights(shape):
    random = np.random.default_rng(0)
    x, weights = random.standard_normal(shape), random.random((3, *shape))
    spacing = (2.0, 1.0, 0.7)
    expected = adjoint_gradient(weights * gradient(x, spacing), spacing)
    np.testing.assert_allclose(weighted_laplacian(x, weights, spacing), expected, rtol=1e-12, atol=1e-12)


def test_the_gradient_of_a_ramp_is_its_slope_in_mm():
    ramp = np.broadcast_to(np.arange(6.0)[:, None, None], (6, 4, 5)).copy()
    parts = gradient(ramp, (2.0, 1.0, 1.0))
    assert np.all(parts[0, :-1] == 0.5)
    assert np.all(parts[0, -1] == -2.5)
    assert not parts[1:].any()


def test_differences_within_a_region_join_its_voxels():
    region = np.zeros((5, 5, 5), dtype=bool)
    region[1:3, 2, 2] = True
    within = differences_within(region)
    assert np.argwhere(within).tolist() == [[0, 1, 2, 2]]


def anatomy(susceptibility, echoes=1):
    """A magnitude whose edges are those of the susceptibility, with some noise."""
    random = np.random.default_rng(0)
    return (100 + 200 * susceptibility + random.normal(0, 0.5, (echoes, *SHAPE))).astype(np.float32)


def test_edges_of_the_magnitude_help():
    grid, mask, susceptibility, field = scene()
    found = [
        medi(field, mask, grid, magnitude=magnitude, edge_share=0.1, regularization=300.0)
        for magnitude in (anatomy(susceptibility)[0], None)
    ]
    errors = [np.linalg.norm((x - susceptibility)[mask]) for x in found]
    assert errors[0] < 0.8 * errors[1]


def test_edges_are_the_given_share_of_differences_and_lie_on_the_steepest():
    grid, mask, susceptibility, field = scene()
    padded = PaddedField.around(field, mask, grid, None)
    within = differences_within(padded.region)
    penalized = penalized_differences(padded, anatomy(susceptibility, echoes=3), 0.02)
    assert np.count_nonzero(penalized) == pytest.approx(0.98 * np.count_nonzero(within), rel=1e-3)
    steep = np.abs(gradient(np.pad(susceptibility[padded.box], [(0, n - s) for n, s in zip(
        padded.shape, mask[padded.box].shape)]), grid.spacing)) > 0.04
    assert np.mean(penalized[steep & within]) < 0.1


def test_where_the_field_is_unknown_there_is_no_edge():
    grid, mask, susceptibility, field = scene()
    weights = np.where(mask, np.float32(1000), np.float32(0))
    weights[15:24, 12:20, 16:26] = 0
    padded = PaddedField.around(field, mask, grid, weights)
    penalized = penalized_differences(padded, anatomy(susceptibility), 0.5)
    inside = differences_within((padded.precision == 0) & padded.region)
    assert inside.any() and penalized[inside].all()


def test_differences_cost_the_less_the_more_the_noise_changes_along_their_own_axis():
    grid, mask, _, field = scene((3.0, 1.0, 2.0))
    weights = np.where(mask, np.float32(1000), np.float32(0))
    weights[20:] *= 2
    padded = PaddedField.around(field, mask, grid, weights)
    cost = difference_weights(padded)
    within = differences_within(padded.region)
    assert not cost[~within].any()
    assert np.ptp(cost[1:][within[1:]]) == 0
    # A step of the weight from 1 to 2 (or from 1/2 to 1 of the median) against an evenness of a thousandth.
    border = np.where(within, cost, np.inf)[0].min(axis=(1, 2)).argmin()
    assert padded.box[0].start + border == 19
    jump = abs(np.diff(np.sqrt(padded.precision[border : border + 2, 20, 20] / padded.typical_precision))[0])
    assert cost[1][within[1]][0] / cost[0, border][within[0, border]][0] == pytest.approx(jump / 1e-3, rel=1e-3)
    steepness = np.where(within[0], np.where(np.arange(padded.shape[0])[:, None, None] == border, jump, 1e-3), 0).sum()
    steepness += 1e-3 * np.count_nonzero(within[1:])
    assert cost[0, border][within[0, border]][0] == pytest.approx(steepness / np.count_nonzero(within) / jump, rel=1e-3)


def test_split_differences_are_cut_one_by_one_at_their_own_threshold():
    random = np.random.default_rng(0)
    region = np.zeros((9, 8, 7), dtype=bool)
    region[2:8, 1:7, 1:6] = True
    weights = np.where(differences_within(region), random.uniform(0.5, 2, (3, 9, 8, 7)), 0).astype(np.float32)
    x = random.standard_normal(region.shape, dtype=np.float32)
    splits, pull = SplitDifferences(region, (2.0, 1.0, 0.7), np.float32(0.3), weights), np.empty_like(x)
    splits.update(x, pull)
    slope = gradient(x, (2.0, 1.0, 0.7))
    shrunk = np.sign(slope) * np.maximum(np.abs(slope) - np.float32(0.3) * weights, 0)
    expected = adjoint_gradient(2 * (shrunk - slope), (2.0, 1.0, 0.7))
    np.testing.assert_allclose(pull, expected, atol=1e-5)


def test_a_jump_of_the_weights_lets_susceptibility_jump_there():
    grid, mask, susceptibility, field = scene()
    weights = np.where(mask, 500 * (1 + 5 * np.abs(susceptibility)), 0).astype(np.float32)
    settings = {"weights": weights, "weighting": "median", "phase_scale": 16.0, "regularization": 0.02}
    errors = [
        np.linalg.norm((weak_harmonic_tv(field, mask, grid, edges=edges, **settings) - susceptibility)[mask])
        for edges in ("weights", "nowhere")
    ]
    assert errors[0] < 0.8 * errors[1]


def test_outliers_lose_weight_and_the_others_do_not():
    weight = np.ones(1001, dtype=np.float32)
    misfit = np.full(1001, 0.001, dtype=np.float32)
    misfit[0] = 1.0
    weight[1] = 0
    lighter = without_outliers(weight, misfit, 6.0)
    assert lighter[0] < 0.05
    np.testing.assert_array_equal(lighter[1:], weight[1:])


def test_a_magnitude_of_another_shape_is_refused():
    grid, mask, _, field = scene()
    with pytest.raises(ValueError, match="magnitude must have the shape"):
        medi(field, mask, grid, magnitude=np.ones((2, 3, 4)))


def test_spherical_means_take_off_what_is_left_of_the_background_and_keep_the_contrast():
    grid, mask, susceptibility, field = scene()
    k, j, i = np.meshgrid(*((np.arange(n) - n / 2) / 20 for n in SHAPE), indexing="ij")
    rest = 0.05 * (k + j * i + k**2 - j**2)
    spoiled = np.where(mask, field + rest, 0).astype(np.float32)
    settings = {"magnitude": anatomy(susceptibility), "margin": 4.0}
    changes = []
    for radius in (0.0, 5.0):
        found, undisturbed = (
            medi(data, mask, grid, spherical_mean_radius=radius, **settings) for data in (spoiled, field)
        )
        changes.append(np.std((found - undisturbed)[mask]))
        assert 0.85 < np.polyfit(susceptibility[mask], found[mask], 1)[0] < 1.1
        assert found[mask].all()
    assert changes[1] < 0.3 * changes[0]


def test_a_sphere_that_fits_nowhere_is_refused():
    grid, mask, _, field = scene()
    with pytest.raises(ValueError, match="spherical_mean_radius must leave voxels"):
        medi(field, mask, grid, spherical_mean_radius=18.0)


def test_a_reference_region_is_made_even_and_needs_to_be_small():
    grid, mask, susceptibility, field = scene()
    fluid = np.zeros(SHAPE, dtype=bool)
    fluid[20:28, 20:24, 28:34] = True
    noisy = np.where(mask, field + np.random.default_rng(0).normal(0, 0.01, SHAPE), 0).astype(np.float32)
    free, even = (
        medi(noisy, mask, grid, regularization=3.0, reference_region=fluid, evenness=weight) for weight in (0.0, 10.0)
    )
    assert np.std(even[fluid]) < 0.3 * np.std(free[fluid])
    for region in (None, mask):
        with pytest.raises(ValueError, match="evenness needs a reference region whose susceptibility is even"):
            medi(noisy, mask, grid, reference_region=region, evenness=0.1)
