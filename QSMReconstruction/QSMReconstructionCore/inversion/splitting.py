"""Total-variation inversion by splitting, for any data term that acts voxel by voxel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from ..numerics.fourier import forward, frequencies, inverse
from ..numerics.split_curvature import SplitCurvature
from ..numerics.split_gradient import SplitGradient
from ..progress import Progress
from .padded_field import PaddedField

#: Jump between neighbouring voxels, in ppm, at which the split gradient starts to differ from zero. It sets the speed
#: of convergence, not the solution; 0.01 ppm is the contrast of neighbouring tissues.
_JUMP = 0.01

#: Penalty of the split field relative to the median precision of the data: again speed only.
_FIELD_PENALTY = 0.3


def field_penalty(field: PaddedField) -> float:
    """Penalty that ties the split field to D x, in 1/ppm^2."""
    return _FIELD_PENALTY * field.typical_precision


def gradient_threshold(field: PaddedField) -> np.float32:
    """Length up to which the split gradient is shrunk to 0, in ppm/mm."""
    return np.float32(_JUMP / field.grid.voxel_volume ** (1 / 3))


def laplacian_spectrum(field: PaddedField) -> np.ndarray:
    """Spectrum of the gradient followed by its adjoint, in 1/mm^2: minus that of the seven-point Laplacian."""
    spacing = field.grid.spacing
    total = np.float32(0)
    for f, h in zip(frequencies(field.shape, spacing), spacing):
        total = total + ((2 - 2 * np.cos(2 * np.pi * f * h)) / h**2).astype(np.float32)
    return total


class SplitInversion:
    """Minimises misfit(D x) + lambda sum_region |grad x| by the alternating direction method of multipliers.

    The splits are z1 = grad x and z2 = D x. All that the solver needs of the data term is the new multiplier of the
    field: for v = D x + u2 it is u2 = v - z2, where z2 minimises misfit(z) + penalty/2 ||z - v||^2, with the penalty of
    `field_penalty`. The next x then has to fit v - 2 u2. One iteration takes two pairs of Fourier transforms.

    Parameters
    ----------
    field : PaddedField
        The data.
    regularization : float
        Lambda in mm/ppm.
    multiplier : callable
        Takes v, which it may overwrite, and returns the new u2.
    gradients : SplitGradient or SplitCurvature, optional
        The split gradient, that of total variation unless given.
    """

    def __init__(
        self,
        field: PaddedField,
        regularization: float,
        multiplier: Callable[[np.ndarray], np.ndarray],
        gradients: SplitGradient | SplitCurvature | None = None,
    ) -> None:
        self.field = field
        self.gradients = gradients or SplitGradient(field.region, field.grid.spacing, gradient_threshold(field))
        self.exchange(regularization, multiplier)
        self.divergence = np.zeros(field.shape, dtype=np.float32)
        self.multiplier = self.of_field(np.zeros(field.shape, dtype=np.float32))
        self.target = -2 * self.multiplier
        self.susceptibility = np.zeros(field.shape, dtype=np.float32)

    def exchange(self, regularization: float, multiplier: Callable[[np.ndarray], np.ndarray]) -> None:
        """Go on with another regularization and data term from where the iterations stand."""
        self.of_field = multiplier
        self.gradient_penalty = np.float32(regularization / self.field.typical_precision / self.gradients.threshold)
        normal = np.float32(_FIELD_PENALTY) * self.field.dipole**2
        normal += self.gradient_penalty * laplacian_spectrum(self.field)
        normal[0, 0, 0] = np.inf
        self.inverse_normal = np.divide(1, normal, out=normal)

    def iterate(self, correct: Callable[[np.ndarray], None] | None = None) -> float:
        """One iteration. Returns the relative change of susceptibility inside the mask.

        Parameters
        ----------
        correct : callable, optional
            Takes the susceptibility before the iteration and changes the data accordingly; called when little memory is
            held.
        """
        # Each transform makes a new array, so what it came from is let go at once: a volume is 100 MB or more in high
        # resolution, and a third of all that an iteration needs would lie idle.
        spectrum = forward(self.divergence)
        self.divergence = None
        spectrum *= self.gradient_penalty
        field_spectrum = forward(self.target)
        self.target = None
        field_spectrum *= self.field.dipole
        field_spectrum *= np.float32(_FIELD_PENALTY)
        spectrum += field_spectrum
        del field_spectrum
        spectrum *= self.inverse_normal
        if correct is not None:
            correct(self.susceptibility)
        field_spectrum = spectrum * self.field.dipole
        previous, self.susceptibility = self.susceptibility, inverse(spectrum, self.field.shape)
        del spectrum
        change = relative_change(previous, self.susceptibility, self.field.region)
        self.divergence = previous
        self.gradients.update(self.susceptibility, self.divergence)

        model = inverse(field_spectrum, self.field.shape)
        del field_spectrum
        self.multiplier += model
        self.target = model
        np.copyto(self.target, self.multiplier)
        self.multiplier = self.of_field(self.multiplier)
        self.target -= self.multiplier
        self.target -= self.multiplier
        return change


class Solver(Protocol):
    """An iterative inversion, one iteration at a time."""

    susceptibility: np.ndarray

    def iterate(self) -> float:
        """One iteration. Returns the relative change of susceptibility."""


def iterated(solver: Solver, tolerance: float, max_iterations: int, progress: Progress) -> np.ndarray:
    """Iterate until susceptibility changes by less than `tolerance`, and return it in the padded shape."""
    for iteration in range(max_iterations):
        change = solver.iterate()
        progress((iteration + 1) / max_iterations, f"iteration {iteration + 1}, change {100 * change:.1f} %")
        if change < tolerance:
            break
    return solver.susceptibility


def relative_change(previous: np.ndarray, current: np.ndarray, region: np.ndarray) -> float:
    """Norm of the difference over the norm of the current values, inside the region. Overwrites `previous`."""
    previous -= current
    size = np.linalg.norm(current[region])
    return float(np.linalg.norm(previous[region]) / max(size, 1e-12))


class SquaredMisfit:
    """The multiplier of 1/2 ||W (z - f)||^2: trust (v - f), with trust = w / (w + penalty)."""

    def __init__(self, data: np.ndarray, precision: np.ndarray, penalty: float) -> None:
        self.data, self.precision, self.penalty = data, precision, np.float32(penalty)

    def __call__(self, v: np.ndarray) -> np.ndarray:
        v -= self.data
        # Trust is not stored: a division costs little beside a Fourier transform, and a volume is a volume.
        trust = self.precision + self.penalty
        np.divide(self.precision, trust, out=trust)
        v *= trust
        return v
