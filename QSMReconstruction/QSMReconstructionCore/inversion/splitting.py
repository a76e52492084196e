"""Total-variation inversion by splitting, for any data term that acts voxel by voxel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np

from ..cores import of_slabs
from ..numerics.corner_transform import CornerTransform
from ..numerics.fourier import frequencies
from ..numerics.split_curvature import SplitCurvature
from ..numerics.split_gradient import SplitGradient
from ..progress import Progress, no_progress, part_of
from .padded_field import PaddedField

#: Jump between neighbouring voxels, in ppm, at which the split gradient starts to differ from zero. It sets the speed
#: of convergence, not the solution; 0.01 ppm is the contrast of neighbouring tissues.
_JUMP = 0.01

#: Planes of a head of which norms are taken at once: no copy of all voxels of a region is made.
_SLAB = 16

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
    field: for v = D x + u2 it is u2' = v - z2, where z2 minimises misfit(z) + penalty/2 ||z - v||^2, with the penalty
    of `field_penalty`. The next x then has to fit v - 2 u2', which differs from D x by u2 - 2 u2'; likewise for the
    gradient. So each iteration solves for the change of x that these differences ask for. They are 0 outside the box of
    the region, and only there x and D x are kept: sources around it are known by what they do inside.

    One iteration takes two pairs of Fourier transforms.

    Parameters
    ----------
    field : PaddedField
        The data.
    regularization : float
        Lambda in mm/ppm.
    multiplier : callable
        Takes v, of the shape of `field.measured`, which it may overwrite, and returns u2'.
    gradients : SplitGradient or SplitCurvature, optional
        The split gradient in `field.corner`, that of total variation unless given.

    Attributes
    ----------
    susceptibility, model : ndarray, float32
        x and D x in `field.corner`. Values of x outside the region are of no use.
    """

    def __init__(
        self,
        field: PaddedField,
        regularization: float,
        multiplier: Callable[[np.ndarray], np.ndarray],
        gradients: SplitGradient | SplitCurvature | None = None,
    ) -> None:
        self.field = field
        self.region = field.region[field.corner]
        self.gradients = gradients or SplitGradient(self.region, field.grid.spacing, gradient_threshold(field))
        self.exchange(regularization, multiplier)
        self.transform = CornerTransform(self.region.shape, field.shape)
        self.susceptibility, self.model, self.gradient_pull = (
            np.zeros(self.region.shape, dtype=np.float32) for _ in range(3)
        )
        self.multiplier = self.of_field(np.zeros(self.region.shape, dtype=np.float32))
        self.field_pull = -2 * self.multiplier

    def exchange(self, regularization: float, multiplier: Callable[[np.ndarray], np.ndarray]) -> None:
        """Go on with another regularization and data term from where the iterations stand."""
        self.of_field = multiplier
        self.gradient_penalty = np.float32(regularization / self.field.typical_precision / self.gradients.threshold)
        normal = np.float32(_FIELD_PENALTY) * self.field.dipole**2
        normal += self.gradient_penalty * laplacian_spectrum(self.field)
        normal[0, 0, 0] = np.inf
        self.inverse_normal = np.divide(1, normal, out=normal)

    def iterate(
        self, progress: Progress = no_progress, correct: Callable[[np.ndarray], None] | None = None
    ) -> float:
        """One iteration. Returns the relative change of susceptibility inside the mask.

        Parameters
        ----------
        progress : callable
            See `progress`; hears of the steps of the iteration.
        correct : callable, optional
            Takes D x before the iteration, in `field.corner`, and changes the data accordingly.
        """
        if correct is not None:
            correct(self.model)
        lines, field_lines = self.transform.forward(self.gradient_pull), self.transform.forward(self.field_pull)
        self.transform.multiply((lines, field_lines), self._change)
        progress(0.3, "susceptibility")
        # From here on, the steps take the place of the pulls, and these that of the steps.
        self.transform.inverse(lines, out=self.gradient_pull)
        del lines
        with ThreadPoolExecutor(1) as beside:
            change = beside.submit(self._move, self.gradient_pull)
            self.transform.inverse(field_lines, out=self.field_pull)
            del field_lines
            self._fit(self.field_pull)
            return change.result()

    def _change(self, pulls: Sequence[np.ndarray], some: slice) -> tuple[np.ndarray, np.ndarray]:
        """Spectra of the changes of x and D x that the pulls of gradient and field ask for."""
        change, of_field = pulls
        dipole = self.field.dipole[:, some]
        change *= self.gradient_penalty
        of_field *= dipole
        of_field *= np.float32(_FIELD_PENALTY)
        change += of_field
        change *= self.inverse_normal[:, some]
        return change, np.multiply(change, dipole, out=of_field)

    def _move(self, step: np.ndarray) -> float:
        """Change susceptibility and split gradient by a step, which is overwritten. Returns the relative change."""
        self.susceptibility += step
        change = relative_size(step, self.susceptibility, self.region)
        self.gradients.update(self.susceptibility, step)
        return change

    def _fit(self, step: np.ndarray) -> None:
        """Change the field of susceptibility by a step, which is overwritten, and split it anew."""
        self.model += step
        self.field_pull, self.multiplier = self.multiplier, self.of_field(np.add(self.multiplier, self.model, out=step))
        self.field_pull -= self.multiplier
        self.field_pull -= self.multiplier


class Solver(Protocol):
    """An iterative inversion, one iteration at a time."""

    susceptibility: np.ndarray

    def iterate(self, progress: Progress) -> float:
        """One iteration, whose steps are reported. Returns the relative change of susceptibility."""


def iterated(solver: Solver, tolerance: float, max_iterations: int, progress: Progress) -> np.ndarray:
    """Iterate until susceptibility changes by less than `tolerance`, and return it as the solver keeps it."""
    for iteration in range(max_iterations):
        begin, end = iteration / max_iterations, (iteration + 1) / max_iterations
        part = part_of(progress, begin, end, f"iteration {iteration + 1}")
        part(0.0, "")
        change = solver.iterate(part)
        progress(end, f"iteration {iteration + 1}, change {100 * change:.1f} %")
        if change < tolerance:
            break
    return solver.susceptibility


def relative_change(previous: np.ndarray, current: np.ndarray, region: np.ndarray) -> float:
    """Norm of the difference over the norm of the current values, inside the region. Overwrites `previous`."""
    previous -= current
    return relative_size(previous, current, region)


def relative_size(step: np.ndarray, current: np.ndarray, region: np.ndarray) -> float:
    """Norm of a step over the norm of the values that it led to, inside the region."""

    def squares(planes: slice) -> list[float]:
        return [float(np.linalg.norm(values[planes][region[planes]])) ** 2 for values in (step, current)]

    changed, whole = np.sqrt(np.sum(of_slabs(squares, len(region), _SLAB, region[0].size), axis=0))
    return float(changed / max(whole, 1e-12))


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
