"""Smooth remains that any method of background field removal may leave behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

import numpy as np

from ..acquisition import checked_mask
from ..grid import Grid
from ..numerics.crop import bounding_box
from ..parameter import Parameter
from ..progress import Progress, no_progress, part_of
from . import LocalField
from .polynomials import polynomials
from .solid_harmonics import solid_harmonics

#: The parameters of every method that takes such remains off its local field.
ResidualDegree = Annotated[int, Parameter("Degree of residual functions", range=(-1, 8), lowest="none")]
ResidualFunctions = Annotated[
    str,
    Parameter("Residual functions", choices={"harmonics": "Solid harmonics", "polynomials": "All polynomials"}),
]


def remove_residual(
    local: LocalField,
    grid: Grid,
    *,
    degree: int = 2,
    functions: str = "harmonics",
    progress: Progress = no_progress,
) -> LocalField:
    """Remove the solid harmonics or polynomials of low degree that are left in a local field.

    Parameters
    ----------
    local : LocalField
        The result of any method of background field removal.
    grid : Grid
        Geometry.
    degree : int
        Highest degree, 0 to 8, or -1 to remove nothing: 0 is a constant, 1 adds gradients, 2 is what a scanner shims.
    functions : str
        "harmonics" for the (degree + 1)^2 solid harmonics, which is all that a background can leave inside the mask, or
        "polynomials" for all (degree + 1) (degree + 2) (degree + 3) / 6 polynomials, for smooth remains that are no
        field: phase offsets of coils and of eddy currents. They take more of the local field with them.
    progress : callable
        See `progress`.

    Returns
    -------
    LocalField
        With the same mask and noise. If `local` knows what it has lost, so does the result.

    Raises
    ------
    ValueError
        If the degree is out of range, there are no such functions, or the mask is too small or too flat to tell them
        apart.

    Notes
    -----
    Subtracts the least-squares fit sum a_n p_n, with weights 1 / noise^2 and p_n the functions (`solid_harmonics`,
    `polynomials`) about the middle of the mask. Harmonics satisfy the Laplace equation, as every background does; yet
    what the local field has in common with them is lost with them. On the head phantom no method leaves enough of them
    behind for this to pay: degrees 0 and 1 change nothing, higher ones take more local field than background, and
    polynomials more still. It is meant for remains that can be seen. No Fourier transforms.

    References
    ----------
    Schweser et al., NMR Biomed 2017, 10.1002/nbm.3604
    """
    if degree == -1:
        return local
    if degree != int(degree) or not 0 <= degree <= _HIGHEST_DEGREE:
        raise ValueError(f"degree must be a whole number from -1 to {_HIGHEST_DEGREE}, but got {degree}.")
    if functions not in FUNCTIONS:
        raise ValueError(f"functions must be one of {', '.join(FUNCTIONS)}, but got {functions!r}.")
    fit = _Fit(local, grid, FUNCTIONS[functions], int(degree), part_of(progress, 0.0, 0.5))
    field = local.field - fit(local.field, part_of(progress, 0.5, 1.0))

    def lost(true_local_field: np.ndarray) -> np.ndarray:
        gone = local.lost(true_local_field)
        return gone + fit(true_local_field - gone)

    return replace(local, field=field, lost=None if local.lost is None else lost)


#: The functions of a fit by the name that a user gives them.
FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {"harmonics": solid_harmonics, "polynomials": polynomials}

#: Above this, functions rise so steeply towards the edge that the voxels there decide alone.
_HIGHEST_DEGREE = 8

#: Least eigenvalue of the normal matrix, relative to the largest, at which functions can still be told apart.
_TELLING = 1e-10


class _Fit:
    """Weighted least-squares fit of smooth functions inside a mask, plane by plane."""

    def __init__(
        self, local: LocalField, grid: Grid, functions: Callable[..., np.ndarray], degree: int, progress: Progress
    ) -> None:
        self.functions = functions
        self.mask = checked_mask(local.mask, grid.shape)
        self.degree = degree
        self.planes = np.flatnonzero(self.mask.any(axis=(1, 2)))
        self.precision = np.divide(
            1, np.square(local.noise), out=np.zeros_like(local.noise), where=self.mask & (local.noise > 0)
        )
        # Coordinates from -1 to 1 at most keep the normal matrix well conditioned.
        box = bounding_box(self.mask)
        middle = [(part.start + part.stop - 1) / 2 for part in box]
        extent = max((part.stop - part.start) * h / 2 for part, h in zip(box, grid.spacing))
        self.axes = [(np.arange(n) - c) * h / extent for n, c, h in zip(grid.shape, middle, grid.spacing)]
        count = len(functions(0.0, np.zeros(1), np.zeros(1), degree))
        normal = np.zeros((count, count))
        for done, k in enumerate(self.planes):
            progress(done / len(self.planes), "smooth remains")
            basis = self._basis(k)
            normal += (basis * self.precision[k][self.mask[k]]) @ basis.T
        eigenvalues = np.linalg.eigvalsh(normal)
        if not eigenvalues[0] > _TELLING * eigenvalues[-1]:
            raise ValueError(
                f"degree must be small enough for the mask to tell its {len(normal)} functions apart, but got {degree} "
                f"for {np.count_nonzero(self.precision)} voxel(s) with known noise. Choose a lower degree."
            )
        self.normal = normal

    def __call__(self, field: np.ndarray, progress: Progress = no_progress) -> np.ndarray:
        """The fit to a field, 0 outside the mask."""
        right = np.zeros(len(self.normal))
        for done, k in enumerate(self.planes):
            progress(0.5 * done / len(self.planes), "smooth remains")
            inside = self.mask[k]
            right += self._basis(k) @ (self.precision[k] * field[k])[inside]
        coefficients = np.linalg.solve(self.normal, right)
        fitted = np.zeros(field.shape, dtype=np.float32)
        for done, k in enumerate(self.planes):
            progress(0.5 + 0.5 * done / len(self.planes), "smooth remains")
            fitted[k][self.mask[k]] = coefficients @ self._basis(k)
        return fitted

    def _basis(self, k: int) -> np.ndarray:
        """The functions in the mask's voxels of plane k, shape (functions, voxels)."""
        j, i = np.nonzero(self.mask[k])
        return self.functions(self.axes[0][k], self.axes[1][j], self.axes[2][i], self.degree)
