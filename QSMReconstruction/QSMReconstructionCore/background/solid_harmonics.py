"""Solid harmonics of low degree: smooth remains of the background that any method may leave behind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..acquisition import checked_mask
from ..grid import Grid
from ..numerics.crop import bounding_box
from ..progress import Progress, no_progress, part_of
from . import LocalField


def remove_solid_harmonics(
    local: LocalField, grid: Grid, *, degree: int = 2, progress: Progress = no_progress
) -> LocalField:
    """Remove the solid harmonics of low degree that are left in a local field.

    Parameters
    ----------
    local : LocalField
        The result of any method of background field removal.
    grid : Grid
        Geometry.
    degree : int
        Highest degree, 0 to 8, or -1 to remove nothing. There are (degree + 1)^2 harmonics: 0 is a constant, 1 adds
        gradients, 2 is what a scanner shims.
    progress : callable
        See `progress`.

    Returns
    -------
    LocalField
        With the same mask and noise. If `local` knows what it has lost, so does the result.

    Raises
    ------
    ValueError
        If the degree is out of range, or the mask is too small or too flat to tell the harmonics apart.

    Notes
    -----
    Subtracts the least-squares fit sum a_lm R_lm, with weights 1 / noise^2 and R_lm the real regular solid harmonics
    about the middle of the mask. Unlike general polynomials they satisfy the Laplace equation, as every background
    does; yet what the local field has in common with them is lost with them. On the head phantom no method leaves
    enough of them behind for this to pay: degrees 0 and 1 change nothing, higher ones take more local field than
    background. It is meant for remains that can be seen. No Fourier transforms.

    References
    ----------
    Schweser et al., NMR Biomed 2017, 10.1002/nbm.3604
    """
    if degree == -1:
        return local
    if degree != int(degree) or not 0 <= degree <= _HIGHEST_DEGREE:
        raise ValueError(f"degree must be a whole number from -1 to {_HIGHEST_DEGREE}, but got {degree}.")
    fit = _Fit(local, grid, int(degree), part_of(progress, 0.0, 0.5))
    field = local.field - fit(local.field, part_of(progress, 0.5, 1.0))

    def lost(true_local_field: np.ndarray) -> np.ndarray:
        gone = local.lost(true_local_field)
        return gone + fit(true_local_field - gone)

    return replace(local, field=field, lost=None if local.lost is None else lost)


#: Above this, harmonics rise so steeply towards the edge that the voxels there decide alone.
_HIGHEST_DEGREE = 8

#: Least eigenvalue of the normal matrix, relative to the largest, at which harmonics can still be told apart.
_TELLING = 1e-10


class _Fit:
    """Weighted least-squares fit of solid harmonics inside a mask, plane by plane."""

    def __init__(self, local: LocalField, grid: Grid, degree: int, progress: Progress) -> None:
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
        normal = np.zeros(((degree + 1) ** 2,) * 2)
        for done, k in enumerate(self.planes):
            progress(done / len(self.planes), "solid harmonics")
            basis = self._harmonics(k)
            normal += (basis * self.precision[k][self.mask[k]]) @ basis.T
        eigenvalues = np.linalg.eigvalsh(normal)
        if not eigenvalues[0] > _TELLING * eigenvalues[-1]:
            raise ValueError(
                f"degree must be small enough for the mask to tell its {len(normal)} harmonics apart, but got {degree} "
                f"for {np.count_nonzero(self.precision)} voxel(s) with known noise. Choose a lower degree."
            )
        self.normal = normal

    def __call__(self, field: np.ndarray, progress: Progress = no_progress) -> np.ndarray:
        """The fit to a field, 0 outside the mask."""
        right = np.zeros(len(self.normal))
        for done, k in enumerate(self.planes):
            progress(0.5 * done / len(self.planes), "solid harmonics")
            inside = self.mask[k]
            right += self._harmonics(k) @ (self.precision[k] * field[k])[inside]
        coefficients = np.linalg.solve(self.normal, right)
        fitted = np.zeros(field.shape, dtype=np.float32)
        for done, k in enumerate(self.planes):
            progress(0.5 + 0.5 * done / len(self.planes), "solid harmonics")
            fitted[k][self.mask[k]] = coefficients @ self._harmonics(k)
        return fitted

    def _harmonics(self, k: int) -> np.ndarray:
        """Harmonics in the mask's voxels of plane k, shape ((degree + 1)^2, voxels)."""
        j, i = np.nonzero(self.mask[k])
        return solid_harmonics(self.axes[0][k], self.axes[1][j], self.axes[2][i], self.degree)


def solid_harmonics(z: float | np.ndarray, y: np.ndarray, x: np.ndarray, degree: int) -> np.ndarray:
    """Real regular solid harmonics up to a degree.

    Parameters
    ----------
    z, y, x : float or ndarray, shape (n,)
        Coordinates.
    degree : int
        Highest degree.

    Returns
    -------
    ndarray, float64, shape ((degree + 1)^2, n)

    Notes
    -----
    From R_mm = (x + iy)^m, (l + 1 - m) R_l+1,m = (2l + 1) z R_lm - (l + m) r^2 R_l-1,m; real and imaginary parts.
    """
    square = x * x + y * y + z * z
    found = []
    highest_order = np.ones(x.shape, dtype=complex)
    for m in range(degree + 1):
        previous, current = np.zeros_like(highest_order), highest_order
        for n in range(m, degree + 1):
            found.append(current.real)
            if m:
                found.append(current.imag)
            previous, current = current, ((2 * n + 1) * z * current - (n + m) * square * previous) / (n + 1 - m)
        highest_order = highest_order * (x + 1j * y)
    return np.array(found)
