"""Every linear operator is followed by its adjoint, in both precisions, on odd, even, anisotropic and oblique grids."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
from every_method import double_precision

from QSMReconstructionCore.background.extended_laplacian import ExtendedLaplacian
from QSMReconstructionCore.background.harperella import _EvenMeans
from QSMReconstructionCore.background.iharperella import _Completion
from QSMReconstructionCore.background.pdf import _OuterDipoles
from QSMReconstructionCore.background.spherical_mean import SphericalMean
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.inversion.padded_field import PaddedField
from QSMReconstructionCore.inversion.tikhonov import tikhonov
from QSMReconstructionCore.inversion.tkd import tkd
from QSMReconstructionCore.inversion.tsvd import tsvd
from QSMReconstructionCore.numerics.gradient import adjoint_gradient, gradient

OBLIQUE = (0.8, 0.5, -0.33)
MARGIN = 6.0


def mask_and_weights(grid):
    axes = np.meshgrid(*((np.arange(n) - (n - 1) / 2) / (n / 2) for n in grid.shape), indexing="ij")
    mask = sum(a**2 for a in axes) < 0.9
    weights = np.random.default_rng(3).uniform(0.5, 2, grid.shape)
    return mask, np.where(mask, weights, 0).astype(np.float32)


def dipole(grid, integrated=False):
    mask, weights = mask_and_weights(grid)
    padded = PaddedField.around(weights, mask, grid, weights, integrated=integrated)
    return padded.convolved, padded.convolved, padded.shape


def box_dipole(grid):
    return dipole(grid, integrated=True)


def slopes(grid):
    return (
        lambda x: gradient(x, grid.spacing),
        lambda y: adjoint_gradient(y, grid.spacing),
        grid.shape,
    )


def departure_from_the_spherical_mean(grid):
    mean = SphericalMean(mask_and_weights(grid)[0], grid.spacing, 3.0)
    return mean.departure, mean.adjoint_departure, grid.shape


def inverse_laplacian(grid):
    extended = ExtendedLaplacian(mask_and_weights(grid)[0], grid.spacing, MARGIN)
    return extended.field, extended.field, extended.shape


def within(operator, allowed, shape):
    """An operator for volumes that are 0 where they are not allowed."""

    def restricted(x):
        return operator(np.where(allowed, x, 0).astype(x.dtype))

    return restricted, restricted, shape


def normal_of_pdf(grid):
    mask, weights = mask_and_weights(grid)
    dipoles = _OuterDipoles(mask, weights, grid, MARGIN)
    return within(dipoles.normal, dipoles.scale > 0, dipoles.shape)


def normal_of_iharperella(grid):
    mask, weights = mask_and_weights(grid)
    completion = _Completion(mask, weights, grid, MARGIN)
    return within(completion.normal, ~completion.interior, completion.shape)


def normal_of_harperella(grid):
    means = _EvenMeans(mask_and_weights(grid)[0], grid, MARGIN, 3.0)
    return within(means.normal, ~means.interior, means.shape)


def closed_form(method):
    """An inversion by one transfer function: with the mask on both sides it is its own adjoint."""

    def inversion(grid):
        mask = mask_and_weights(grid)[0]
        return within(lambda x: method(x, mask, grid), mask, grid.shape)

    return inversion


OPERATORS = {
    "dipole": dipole,
    "dipole of boxes": box_dipole,
    "gradient": slopes,
    "departure from the spherical mean": departure_from_the_spherical_mean,
    "inverse Laplacian": inverse_laplacian,
    "normal operator of PDF": normal_of_pdf,
    "normal operator of iHARPERELLA": normal_of_iharperella,
    "normal operator of HARPERELLA": normal_of_harperella,
    **{method.__name__: closed_form(method) for method in (tkd, tsvd, tikhonov)},
}


@pytest.mark.parametrize(
    ("context", "dtype", "close"), [(nullcontext, "float32", 1e-5), (double_precision, "float64", 1e-12)],
    ids=["single", "double"],
)  # fmt: skip
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 1.0, 1.2)], ids=["cubic", "anisotropic"])
@pytest.mark.parametrize("shape", [(14, 18, 16), (15, 17, 19)], ids=["even", "odd"])
@pytest.mark.parametrize("name", OPERATORS)
def test_the_adjoint_is_the_adjoint(name, shape, spacing, context, dtype, close):
    with context():
        forth, back, domain = OPERATORS[name](Grid(shape, spacing, b0_direction=OBLIQUE))
        random = np.random.default_rng(0)
        x = random.normal(size=domain).astype(dtype)
        image = forth(x)
        y = random.normal(size=image.shape).astype(dtype)
        assert image.dtype == dtype
        left, right = (float(np.sum(a.astype(float) * b)) for a, b in ((image, y), (x, back(y))))
        assert left == pytest.approx(right, abs=close * float(np.linalg.norm(image) * np.linalg.norm(y)))
