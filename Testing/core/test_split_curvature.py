"""Total generalized variation: its operators, its limits, and what it is for."""

from __future__ import annotations

import numpy as np
import pytest
from inversion_scene import SHAPE, scene

from QSMReconstructionCore.inversion.nonlinear_tv import nonlinear_tv
from QSMReconstructionCore.inversion.tgv import tgv
from QSMReconstructionCore.numerics.dipole import dipole_kernel
from QSMReconstructionCore.numerics.fourier import counted_ffts, forward, inverse
from QSMReconstructionCore.numerics.gradient import gradient
from QSMReconstructionCore.numerics.split_curvature import (
    SplitCurvature,
    adjoint_symmetric_gradient,
    symmetric_gradient,
)

#: How often the parts kk, jj, ii, kj, ki, ji count in the inner product of symmetric tensors.
TWICE = np.array([1, 1, 1, 2, 2, 2]).reshape(6, 1, 1, 1)


@pytest.mark.parametrize(("dtype", "close"), [(np.float32, 1e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize("shape", [(16, 18, 20), (17, 9, 15)])
def test_the_adjoint_of_the_symmetric_gradient_is_its_adjoint(shape, dtype, close):
    random = np.random.default_rng(0)
    v, parts = (random.standard_normal((n, *shape)).astype(dtype) for n in (3, 6))
    spacing = (2.0, 1.0, 0.7)
    forth = np.vdot(symmetric_gradient(v, spacing), TWICE.astype(dtype) * parts)
    back = np.vdot(v, adjoint_symmetric_gradient(parts, spacing))
    assert abs(forth - back) < close * np.linalg.norm(v) * np.linalg.norm(parts)


def test_the_symmetric_gradient_of_a_gradient_holds_the_second_derivatives():
    k, j, i = np.meshgrid(*(np.arange(8.0),) * 3, indexing="ij")
    spacing = (2.0, 1.0, 0.5)
    bend = symmetric_gradient(gradient((2 * k) ** 2 + 3 * (2 * k) * (0.5 * i), spacing), spacing)
    inner = bend[:, 2:-2, 2:-2, 2:-2]
    np.testing.assert_allclose(inner[0], 2, atol=1e-9)
    np.testing.assert_allclose(inner[4], 3, atol=1e-9)
    np.testing.assert_allclose(inner[[1, 2, 3, 5]], 0, atol=1e-9)


def test_the_slope_of_a_ramp_is_learned_and_then_costs_nothing():
    region = np.zeros((20, 20, 20), dtype=bool)
    region[2:-2, 2:-2, 2:-2] = True
    x = np.where(region, 0.03 * np.arange(20.0), 0).astype(np.float32)
    splits = SplitCurvature(region, (1.0, 1.0, 1.0), np.float32(0.01), 3.0)
    pull = np.zeros_like(x)
    for _ in range(400):
        splits.update(x, pull)
    middle = (slice(6, -6),) * 3
    np.testing.assert_allclose(splits.slope[2][middle], 0.03, atol=1e-3)
    assert np.abs(splits.multiplier[:, 6:-6, 6:-6, 6:-6]).max() < 1e-3


def test_long_slopes_alone_make_it_total_variation():
    grid, mask, _, field = scene()
    flat = nonlinear_tv(field, mask, grid, tolerance=0.0, max_iterations=40)
    found = tgv(field, mask, grid, slope_length=1000.0, tolerance=0.0, max_iterations=40)
    assert np.linalg.norm(found - flat) < 0.01 * np.linalg.norm(flat)


def test_slopes_are_kept_better_than_by_total_variation():
    grid, mask, _, _ = scene()
    axes = np.meshgrid(*((np.arange(n) - (n - 1) / 2) / (n / 2) for n in SHAPE), indexing="ij")
    hill = (0.2 * np.maximum(1 - np.sqrt(sum(a**2 for a in axes)) / 0.6, 0)).astype(np.float32)
    field = inverse(forward(hill) * dipole_kernel(SHAPE, grid.spacing, grid.b0_direction), SHAPE)
    noise = np.random.default_rng(0).normal(0, 0.004, SHAPE)
    data = np.where(mask, field + noise, 0).astype(np.float32)
    weights = np.where(mask, np.float32(250), np.float32(0))
    settings = {"weights": weights, "regularization": 30.0, "tolerance": 0.0, "max_iterations": 150}
    found, flat = tgv(data, mask, grid, slope_length=1.0, **settings), nonlinear_tv(data, mask, grid, **settings)
    assert np.std((found - hill)[mask]) < 0.95 * np.std((flat - hill)[mask])


def test_an_iteration_takes_two_pairs_of_transforms():
    grid, mask, _, field = scene()
    with counted_ffts() as count:
        tgv(field, mask, grid, tolerance=0.0, max_iterations=5)
    assert count.pairs == 10
