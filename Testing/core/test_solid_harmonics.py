"""The functions that smooth remains are made of: solid harmonics and polynomials."""

from __future__ import annotations

import numpy as np
import pytest

from QSMReconstructionCore.background.polynomials import polynomials
from QSMReconstructionCore.background.solid_harmonics import solid_harmonics


@pytest.mark.parametrize("degree", [0, 1, 4, 8])
def test_solid_harmonics_are_independent_and_satisfy_the_laplace_equation(degree):
    h = 1e-3
    points = np.random.default_rng(0).uniform(-1, 1, (3, 200))
    middle = solid_harmonics(*points, degree)
    assert middle.shape == ((degree + 1) ** 2, 200)
    assert np.linalg.matrix_rank(middle) == len(middle)
    around = [solid_harmonics(*(points + sign * h * np.eye(3)[:, [a]]), degree) for a in range(3) for sign in (-1, 1)]
    np.testing.assert_allclose(sum(around) / h**2, 6 * middle / h**2, atol=1e-2)


@pytest.mark.parametrize("degree", [0, 1, 4, 8])
def test_polynomials_are_independent_and_hold_every_monomial(degree):
    z, y, x = np.random.default_rng(0).uniform(-1, 1, (3, 400))
    basis = polynomials(z, y, x, degree)
    assert basis.shape == ((degree + 1) * (degree + 2) * (degree + 3) // 6, 400)
    assert np.linalg.matrix_rank(basis) == len(basis)
    powers = [(a, b, degree - a - b) for a in range(degree + 1) for b in range(degree + 1 - a)]
    monomials = np.array([z**a * y**b * x**c for a, b, c in powers])
    fitted = np.linalg.lstsq(basis.T, monomials.T, rcond=None)[0].T @ basis
    np.testing.assert_allclose(fitted, monomials, atol=1e-10)


def test_polynomials_hold_the_solid_harmonics():
    z, y, x = np.random.default_rng(0).uniform(-1, 1, (3, 200))
    basis, harmonics = (functions(z, y, x, 4) for functions in (polynomials, solid_harmonics))
    fitted = np.linalg.lstsq(basis.T, harmonics.T, rcond=None)[0].T @ basis
    np.testing.assert_allclose(fitted, harmonics, atol=1e-10)
