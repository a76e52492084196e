"""Choosing the regularization by discrepancy and by the L-curve."""

from __future__ import annotations

import numpy as np
import pytest
from inversion_scene import SHAPE, scene

from QSMReconstructionCore.inversion.padded_field import PaddedField
from QSMReconstructionCore.inversion.regularization_choice import (
    Tried,
    _corner,
    _misfit_and_penalty,
    _where_misfit_is,
    choose_regularization,
)

VALUES = (3, 10, 30, 100, 300, 1000)


def noisy(sd):
    grid, mask, susceptibility, field = scene()
    noise = np.random.default_rng(0).normal(0, sd, SHAPE)
    weights = np.where(mask, np.float32(1 / sd), np.float32(0))
    return grid, mask, susceptibility, np.where(mask, field + noise, 0).astype(np.float32), weights


def test_misfit_grows_and_penalty_falls_with_the_regularization():
    grid, mask, _, field, weights = noisy(0.004)
    found = choose_regularization("tikhonov", field, mask, grid, weights=weights, regularizations=VALUES)
    assert [t.regularization for t in found.tried] == sorted(VALUES)
    assert np.all(np.diff([t.misfit for t in found.tried]) > 0)
    assert np.all(np.diff([t.penalty for t in found.tried]) < 0)


def test_by_discrepancy_the_misfit_is_that_of_the_noise():
    grid, mask, _, field, weights = noisy(0.004)
    settings = {"weights": weights, "parameters": {"model_error": 0.0}}
    found = choose_regularization("tikhonov", field, mask, grid, regularizations=VALUES, **settings)
    again = choose_regularization(
        "tikhonov", field, mask, grid, regularizations=(1, found.by_discrepancy, 2000), **settings
    )
    assert again.tried[1].misfit == pytest.approx(1, abs=0.1)


def test_the_exact_susceptibility_has_the_misfit_of_the_noise():
    grid, mask, susceptibility, field, weights = noisy(0.01)
    judged = PaddedField.around(field, mask, grid, weights, margin=100.0)
    assert _misfit_and_penalty(judged, susceptibility)[0] == pytest.approx(1, abs=0.02)


def test_the_corner_is_that_of_an_l():
    tried = [Tried(10.0**n, m, p) for n, (m, p) in enumerate([(1, 100), (1.05, 30), (1.1, 4), (3, 3.5), (9, 3)])]
    assert _corner(tried) == 100.0
    assert _corner([Tried(10.0**n, 2.0**n, 2.0**-n) for n in range(5)]) is None


def test_a_misfit_that_is_never_reached_has_no_regularization():
    tried = [Tried(1.0, 2.0, 1.0), Tried(100.0, 8.0, 1.0)]
    assert _where_misfit_is(1.0, tried) is None
    assert _where_misfit_is(10.0, tried) is None
    assert _where_misfit_is(4.0, tried) == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("tkd", VALUES, "tkd has no regularization.*weighted_tv"),
        ("tfi", VALUES, "tfi takes the total field"),
        ("magic", VALUES, "Unknown method 'magic'"),
        ("medi", (10, 10, 30), "at least 3 different values"),
        ("medi", (10, 30, 1e9), "regularization must lie between"),
    ],
)
def test_what_cannot_be_chosen_is_refused_before_anything_runs(name, values, message):
    grid, mask, _, field, weights = noisy(0.004)

    def never(fraction, text):
        raise AssertionError("it started")

    with pytest.raises(ValueError, match=message):
        choose_regularization(name, field, mask, grid, weights=weights, regularizations=values, progress=never)
