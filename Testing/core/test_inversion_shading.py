"""Shading that leaves no trace in the local field, and what tells it all the same."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import scipy.ndimage
from numpy.polynomial import polynomial

from QSMReconstructionCore.background.lbv import lbv
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.inversion.shading import Shading, unseen_polynomials
from QSMReconstructionCore.inversion.weighted_tv import weighted_tv
from QSMReconstructionCore.numerics.dipole import dipole_at
from QSMReconstructionCore.numerics.fourier import convolve_padded

OBLIQUE = np.array([0.8, 0.6 * 0.8, 0.6 * 0.6])
SHAPE, SPACING = (40, 44, 36), (3.0, 3.0, 4.0)
GRID = Grid(SHAPE, SPACING, b0_direction=tuple(OBLIQUE))
AXES = np.meshgrid(*((np.arange(n) - (n - 1) / 2) * h for n, h in zip(SHAPE, SPACING)), indexing="ij")
MASK = sum(a**2 for a in AXES) < 54.0**2


def derivative(coefficients, first, second):
    for axis in (first, second):
        coefficients = np.pad(
            polynomial.polyder(coefficients, axis=axis), [(0, 1 if a == axis else 0) for a in range(3)]
        )
    return coefficients


@pytest.mark.parametrize("b0", [np.array([1.0, 0.0, 0.0]), OBLIQUE])
def test_the_polynomials_have_a_field_whose_laplacian_is_zero(b0):
    found = unseen_polynomials(5, b0)
    assert len(found) == 35  # 2 d + 1 of each degree
    assert np.linalg.matrix_rank(found.reshape(35, -1)) == 35
    for q in found:
        laplacian = sum(derivative(q, a, a) for a in range(3))
        along = sum(b0[m] * b0[n] * derivative(q, m, n) for m in range(3) for n in range(3))
        assert np.allclose(laplacian / 3, along, atol=1e-12)


def values_of(coefficients):
    return polynomial.polyval3d(*(a / 54.0 for a in AXES), coefficients).astype(np.float32)


def local_field(susceptibility):
    inside = np.where(MASK, susceptibility, np.float32(0))
    field = convolve_padded(inside, SPACING, partial(dipole_at, b0_direction=GRID.b0_direction))
    return lbv(field, MASK, GRID).field


def share_seen(susceptibility):
    """Local field over susceptibility, both as standard deviations."""
    return local_field(susceptibility)[MASK].std() / susceptibility[MASK].std()


def test_background_removal_takes_their_field_for_background():
    along = (sum(a * b for a, b in zip(AXES, OBLIQUE)) / 54.0).astype(np.float32)
    assert min(share_seen(along**2), share_seen(along**3)) > 0.2
    # What is left comes from the steps of the mask's edge.
    assert max(share_seen(values_of(q)) for q in unseen_polynomials(3, OBLIQUE)) < 0.08


def head(seed=0):
    """Susceptibility and magnitude of white matter, grey matter and a nucleus, with texture and coil sensitivity."""
    random = np.random.default_rng(seed)
    texture, folds = (scipy.ndimage.gaussian_filter(random.standard_normal(SHAPE), s) for s in (1.0, 1.5))
    grey = folds > 0
    nucleus = sum((a - c) ** 2 for a, c in zip(AXES, (9, 0, 9))) < 10.0**2
    susceptibility = np.where(grey, 0.02, -0.03) + 0.007 * texture / texture.std()
    magnitude = np.where(grey, 1.2, 1.0)
    susceptibility[nucleus], magnitude[nucleus] = 0.12, 0.8
    magnitude = magnitude * (1 + sum(a**2 for a in AXES) / 1e4) + 0.01 * random.standard_normal(SHAPE)
    return (susceptibility * MASK).astype(np.float32), (magnitude * MASK).astype(np.float32)


def shading():
    weights = np.random.default_rng(1).normal(0, 1, 24)
    found = values_of(np.tensordot(weights, unseen_polynomials(4, OBLIQUE), axes=1))
    found -= found[MASK].mean()
    return 0.01 * found / found[MASK].std()


def test_shading_is_found_by_the_evenness_of_tissue():
    susceptibility, magnitude = head()
    added = shading()
    finder = Shading(MASK, GRID, 4, magnitude)
    found = finder.of(susceptibility + added) - finder.of(susceptibility)
    # Of what is found (to 5 %), the share is taken that parts of the head foretell of each other: 12 % are left here.
    assert np.std((found - added)[MASK]) < 0.15 * np.std(added[MASK])


def test_an_even_map_stays_as_it_is():
    susceptibility, magnitude = head()
    # The texture of this small head, of 7 ppb, is no more even than that.
    assert np.std(Shading(MASK, GRID, 4, magnitude).of(susceptibility)[MASK]) < 0.0025


def test_of_texture_less_is_taken_for_shading_than_polynomials_could_fit(monkeypatch):
    susceptibility, magnitude = head()
    texture = scipy.ndimage.gaussian_filter(np.random.default_rng(2).standard_normal(SHAPE), 3.0)
    susceptibility += (0.008 * MASK * texture / texture[MASK].std()).astype(np.float32)
    finder = Shading(MASK, GRID, 4, magnitude)
    taken = np.std(finder.of(susceptibility)[MASK])
    monkeypatch.setattr("QSMReconstructionCore.inversion.shading._foretold_share", lambda *fit: 1.0)
    assert taken < 0.65 * np.std(finder.of(susceptibility)[MASK])


def test_a_part_of_a_brain_is_given_no_shading_as_fine_as_anatomy():
    susceptibility, magnitude = head()
    small = MASK & (sum(a**2 for a in AXES) < 25.0**2)
    assert len(Shading(small, GRID, 6, magnitude).polynomials) == 3  # ramps alone
    tiny = MASK & (sum(a**2 for a in AXES) < 12.0**2)
    assert not Shading(tiny, GRID, 6, magnitude).of(susceptibility).any()


def test_a_map_of_one_value_has_no_shading():
    flat = np.where(MASK, np.float32(0.03), np.float32(0))
    assert np.abs(Shading(MASK, GRID, 4, np.ones(SHAPE, np.float32)).of(flat)[MASK]).max() < 1e-6


def test_inversion_with_the_magnitude_comes_closer():
    susceptibility, magnitude = head()
    field = local_field(susceptibility)
    errors = {}
    for name, settings in {
        "nothing": {},
        "edges": {"magnitude": magnitude, "shading_degree": 0},
        "edges and evenness": {"magnitude": magnitude},
    }.items():
        error = (weighted_tv(field, MASK, GRID, max_iterations=30, **settings) - susceptibility)[MASK]
        errors[name] = np.std(error)
    assert errors["edges"] < 0.95 * errors["nothing"]
    assert errors["edges and evenness"] < 0.9 * errors["edges"]


def test_without_edges_and_shading_the_magnitude_does_not_matter():
    susceptibility, magnitude = head()
    field = local_field(susceptibility)
    settings = {"edge_share": 0.0, "shading_degree": 0, "max_iterations": 5}
    assert np.array_equal(
        weighted_tv(field, MASK, GRID, magnitude=magnitude, **settings), weighted_tv(field, MASK, GRID, **settings)
    )
