"""Data terms of total-variation inversion: each against its definition, and what it is for."""

from __future__ import annotations

import numpy as np
import pytest
from inversion_scene import SHAPE, scene

from QSMReconstructionCore.inversion.hd_qsm import AbsoluteMisfit, hd_qsm
from QSMReconstructionCore.inversion.l1_qsm import AbsoluteComplexMisfit, l1_qsm
from QSMReconstructionCore.inversion.nonlinear_tv import ComplexMisfit, nonlinear_tv
from QSMReconstructionCore.inversion.padded_field import PaddedField
from QSMReconstructionCore.inversion.splitting import SplitInversion, SquaredMisfit, field_penalty, iterated
from QSMReconstructionCore.inversion.weak_harmonic_tv import weak_harmonic_tv
from QSMReconstructionCore.inversion.weighted_tv import weighted_tv

SCALE = 16.0

#: Class of a data term -> its further arguments, and its value per voxel for a misfit in ppm and a precision.
TERMS = {
    SquaredMisfit: ((), lambda r, w: w * r**2 / 2),
    AbsoluteMisfit: ((), lambda r, w: np.sqrt(w) * np.abs(r)),
    ComplexMisfit: ((SCALE,), lambda r, w: w * np.abs(np.exp(1j * SCALE * r) - 1) ** 2 / SCALE**2 / 2),
    AbsoluteComplexMisfit: ((SCALE,), lambda r, w: np.sqrt(w) * np.abs(np.exp(1j * SCALE * r) - 1) / SCALE),
}


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.__name__)
def test_multipliers_belong_to_the_minimum(term):
    """z = v - u is where misfit(z) + penalty/2 (z - v)^2 is least, found by trying all values."""
    more, value = TERMS[term]
    penalty = 3e5
    random = np.random.default_rng(0)
    data = random.normal(0, 0.02, 300).astype(np.float32)
    precision = np.where(random.random(300) < 0.1, 0, random.uniform(1e4, 2e6, 300)).astype(np.float32)
    v = (data + random.uniform(-0.12, 0.12, 300)).astype(np.float32)
    found = v - term(data, precision, *more, penalty)(v.copy())
    tried = np.linspace(-0.2, 0.2, 8001)[:, None]
    cost = value(tried - data, precision.astype(float)) + penalty / 2 * (tried - v.astype(float)) ** 2
    np.testing.assert_allclose(found, tried[cost.argmin(axis=0), 0], atol=1e-4)


@pytest.mark.parametrize("method", [nonlinear_tv, weak_harmonic_tv, l1_qsm])
def test_whole_turns_of_phase_do_no_harm(method):
    grid, mask, _, field = scene()
    turned = field + np.where(np.random.default_rng(0).random(SHAPE) < 0.1, np.float32(2 * np.pi / SCALE), 0)
    settings = {"phase_scale": SCALE, "tolerance": 0.0, "max_iterations": 30}
    np.testing.assert_allclose(method(turned, mask, grid, **settings), method(field, mask, grid, **settings), atol=1e-3)


def test_the_complex_misfit_is_linear_where_the_phase_is_small():
    grid, mask, _, field = scene()
    settings = {"regularization": 100.0, "tolerance": 0.0, "max_iterations": 30}
    straight = weighted_tv(field, mask, grid, **settings)
    np.testing.assert_allclose(nonlinear_tv(field, mask, grid, phase_scale=0.1, **settings), straight, atol=2e-4)


@pytest.mark.parametrize("method", [hd_qsm, l1_qsm])
def test_undeclared_outliers_do_less_harm_than_to_a_squared_misfit(method):
    grid, mask, susceptibility, field = scene()
    random = np.random.default_rng(0)
    outliers = np.where(random.random(SHAPE) < 0.02, random.uniform(-0.1, 0.1, SHAPE), 0).astype(np.float32)
    spoiled = np.where(mask, field + outliers, 0)
    error, squared = (
        np.linalg.norm((found(spoiled, mask, grid) - susceptibility)[mask]) for found in (method, weighted_tv)
    )
    assert error < (0.95 if method is hd_qsm else 0.6) * squared


def test_a_harmonic_rest_of_the_background_is_taken_up():
    grid, mask, susceptibility, field = scene()
    k, j, i = np.meshgrid(*((np.arange(n) - n / 2) / 20 for n in SHAPE), indexing="ij")
    rest = 0.02 * (k + j * i + k**2 - j**2)
    spoiled = np.where(mask, field + rest, 0).astype(np.float32)

    def error(method, data):
        difference = (method(data, mask, grid) - susceptibility)[mask]
        return np.linalg.norm(difference - difference.mean())

    assert error(weak_harmonic_tv, spoiled) < 1.4 * error(weak_harmonic_tv, field)
    assert error(weak_harmonic_tv, spoiled) < 0.7 * error(nonlinear_tv, spoiled)


def test_iterations_settle_where_susceptibility_no_longer_changes():
    grid, mask, _, field = scene()
    padded = PaddedField.around(field, mask, grid, None, model_error=0.001)
    solver = SplitInversion(padded, 100.0, SquaredMisfit(*padded.measured, field_penalty(padded)))
    fractions = []
    iterated(solver, 0.01, 500, lambda fraction, _: fractions.append(fraction))
    assert 3 < len(fractions) < 100
    assert solver.iterate() < 0.01
