"""Conjugate gradients, steps of fixed length, and multigrid."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from QSMReconstructionCore.numerics.conjugate_gradients import conjugate_gradients, inner, largest_eigenvalue
from QSMReconstructionCore.numerics.multigrid import LaplaceMultigrid
from QSMReconstructionCore.numerics.semi_iteration import semi_iteration


def positive_matrix(size):
    random = np.random.default_rng(0)
    root = random.normal(size=(size, size))
    return root @ root.T + np.diag(np.linspace(1, 1000, size))


@pytest.mark.parametrize("preconditioned", [False, True])
def test_conjugate_gradients_solve_a_positive_system_and_say_how_far_they_are(preconditioned):
    matrix = positive_matrix(30)
    right = np.random.default_rng(1).normal(size=(30, 1))
    precondition = (lambda x: x / np.diag(matrix)[:, None]) if preconditioned else None
    before, residuals = 0.0, []
    for step in conjugate_gradients(lambda x: matrix @ x, right.copy(), precondition):
        x = step.solution
        value = float((x.T @ matrix @ x - 2 * x.T @ right).item())
        assert before - value == pytest.approx(step.decrease, rel=1e-6, abs=1e-9 * abs(value))
        before = value
        residuals.append(step.residual)
    np.testing.assert_allclose(x, np.linalg.solve(matrix, right), rtol=1e-5)
    assert residuals[-1] < 1e-6 < residuals[0]


def test_conjugate_gradients_have_nothing_to_do_for_zero():
    assert list(conjugate_gradients(lambda x: x, np.zeros((3, 3)))) == []


def after_steps(matrix, data, largest, steps):
    """Residual of a least-squares problem after some steps, of double precision throughout."""
    iteration = semi_iteration(lambda x: matrix @ x, lambda y: matrix.T @ y, data.copy(), largest)
    return [residual.copy() for residual, _ in itertools.islice(iteration, steps)]


def test_steps_of_fixed_length_reach_the_least_squares_solution_and_say_what_each_changes():
    matrix = np.random.default_rng(0).normal(size=(40, 12))
    data = np.random.default_rng(1).normal(size=(40, 1))
    largest = np.linalg.norm(matrix, 2) ** 2
    iteration = semi_iteration(lambda x: matrix @ x, lambda y: matrix.T @ y, data.copy(), largest)
    before = data
    for residual, change in itertools.islice(iteration, 300):
        np.testing.assert_allclose(before - residual, change, atol=1e-12)
        before = residual.copy()
    solution = np.linalg.lstsq(matrix, data, rcond=None)[0]
    np.testing.assert_allclose(residual, data - matrix @ solution, atol=1e-4)


def test_steps_of_fixed_length_damp_a_part_of_the_data_by_the_square_of_their_number():
    eigenvalues = np.geomspace(1e-4, 1, 60)
    left = np.concatenate(after_steps(np.diag(np.sqrt(eigenvalues)), np.ones((60, 1)), 1.0, 200), axis=1)
    assert np.abs(left).max() < 1
    steps = np.arange(1, 201)
    assert np.all(np.abs(left) * steps**2 * eigenvalues[:, None] < 1)


def test_steps_of_fixed_length_bear_an_eigenvalue_a_little_too_small():
    matrix = np.diag(np.sqrt([1.0, 0.5, 0.01]))
    assert np.abs(after_steps(matrix, np.ones((3, 1)), 0.92, 200)[-1]).max() < 0.1


@pytest.mark.parametrize(
    "eigenvalues",
    [np.linspace(0, 1, 2000), np.geomspace(1e-8, 1, 2000), np.append(np.full(1999, 0.3), 1), np.ones(50)],
    ids=["dense", "steep", "one apart", "all alike"],
)
def test_the_largest_eigenvalue_is_hardly_ever_too_small_and_not_much_too_large(eigenvalues):
    scale = np.random.default_rng(1).uniform(0.1, 10, len(eigenvalues))[:, None]
    start = np.random.default_rng(0).standard_normal((len(eigenvalues), 1))
    diagonal = (eigenvalues[:, None] / scale).astype(float)
    found = largest_eigenvalue(lambda x: diagonal * x, lambda x: scale * x, start)
    assert 0.97 < found / eigenvalues.max() < 1.2


def test_steps_of_fixed_length_are_linear_in_the_data():
    matrix = np.random.default_rng(0).normal(size=(20, 9))
    first, second = np.random.default_rng(1).normal(size=(2, 20, 1))
    largest = np.linalg.norm(matrix, 2) ** 2
    apart = after_steps(matrix, first, largest, 50)[-1] - 3 * after_steps(matrix, second, largest, 50)[-1]
    np.testing.assert_allclose(after_steps(matrix, first - 3 * second, largest, 50)[-1], apart, atol=1e-12)


def region(shape):
    """A ball with a bite out of it."""
    axes = np.meshgrid(*((np.arange(n) - (n - 1) / 2) / (n / 2) for n in shape), indexing="ij")
    bite = sum((a - 0.6) ** 2 for a in axes) < 0.2
    return (sum(a**2 for a in axes) < 0.9) & ~bite


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 1.0, 1.0), (1.0, 1.3, 2.0)])
@pytest.mark.parametrize("shape", [(24, 32, 28), (19, 27, 33)])
def test_the_laplacian_and_the_multigrid_cycle_are_symmetric_and_positive(shape, spacing):
    laplace = LaplaceMultigrid(region(shape), spacing)
    x, y = (np.random.default_rng(seed).normal(size=shape) * laplace.region for seed in (0, 1))
    for operator in (laplace.apply, laplace.cycle):
        forth, back = inner(operator(x), y), inner(x, operator(y))
        # Smoothing factors are single precision constants, the same on both sides.
        assert forth == pytest.approx(back, abs=1e-12 * np.linalg.norm(operator(x)) * np.linalg.norm(y))
        assert inner(operator(x), x) > 0
        assert not operator(x)[~laplace.region].any()


def test_the_laplacian_of_a_parabola_counts_lengths_in_the_shortest_voxel():
    spacing = (2.0, 1.0, 1.5)
    k, j, i = np.indices((9, 11, 10), dtype=float)
    parabola = (spacing[0] * k) ** 2 + 3 * (spacing[1] * j) ** 2 - 0.5 * (spacing[2] * i) ** 2
    laplace = LaplaceMultigrid(np.ones((9, 11, 10), dtype=bool), spacing)
    np.testing.assert_allclose(laplace.apply(parabola)[1:-1, 1:-1, 1:-1], -(2 + 6 - 1), rtol=1e-5)


@pytest.mark.parametrize("size", [16, 32, 64])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 1.0, 1.0)])
def test_multigrid_solves_in_as_few_steps_whatever_the_size(size, spacing):
    shape = tuple(int(size / h * min(spacing)) for h in spacing)
    laplace = LaplaceMultigrid(region(shape), spacing)
    true = (np.random.default_rng(0).normal(size=shape) * laplace.region).astype(np.float32)
    steps = conjugate_gradients(laplace.apply, laplace.apply(true), laplace.cycle)
    *_, step = itertools.islice(steps, 9)
    assert step.residual < 1e-5
    np.testing.assert_allclose(step.solution, true, atol=1e-3)
