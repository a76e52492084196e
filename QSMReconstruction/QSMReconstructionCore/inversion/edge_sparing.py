"""Total variation that spares the edges of the magnitude, fitted to the complex signal: what MEDI and TFI minimise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..numerics.conjugate_gradients import conjugate_gradients
from ..numerics.fourier import forward, inverse
from ..numerics.gradient import gradient, weighted_laplacian
from ..progress import Progress
from .padded_field import PaddedField

#: Gradient in ppm/mm below which the penalty is quadratic: a tenth of the weakest contrast of neighbouring tissues.
_SMOOTHING = 0.001

#: Outer steps end when one changes susceptibility by less than this share.
_LEAST_CHANGE = 0.03


class EdgeSparingFit:
    """Minimises 1/2 ||W (exp(i s D x) - exp(i s f))||^2 / s^2 + lambda sum |M grad x| + mu/2 ||Z (x - mean_Z x)||^2.

    Parameters
    ----------
    field : PaddedField
        The data f with their weights W, and the dipole kernel D.
    penalized : ndarray, bool, shape (3, k, j, i)
        M: 1 for each difference to penalise, 0 elsewhere.
    phase_scale : float or None
        s, in rad/ppm; None is the limit of small s, the squared misfit of the field.
    regularization : float
        Lambda, in mm/ppm.
    transfer : ndarray, float32, optional
        Multiplies the dipole kernel.
    outlier : float
        Voxels whose misfit exceeds this many standard deviations lose weight after each outer step; 0 leaves all.
    scale : ndarray, float32, optional
        The size of susceptibility expected in each voxel: conjugate gradients start with the larger ones, and calculate
        in double precision.
    even : ndarray, bool, optional
        Z, where susceptibility is known to be even.
    evenness : float
        Mu relative to the typical precision of the data.

    Notes
    -----
    Outer steps are Gauss-Newton steps with |g| replaced by sqrt(g^2 + 1e-6 ppm^2/mm^2); each is solved by conjugate
    gradients, which take two pairs of Fourier transforms per inner step.

    Where susceptibility outside is expected to be many times that inside, the equations are so close to singular that
    the rounding of single precision turns the directions of conjugate gradients: in the end it has moved the map of a
    head by 1.3 %. In double precision it is the rounding of the data alone that moves it, by 0.01 to 0.2 %.
    """

    def __init__(
        self,
        field: PaddedField,
        penalized: np.ndarray,
        *,
        phase_scale: float | None,
        regularization: float,
        transfer: np.ndarray | None = None,
        outlier: float = 0.0,
        scale: np.ndarray | None = None,
        even: np.ndarray | None = None,
        evenness: float = 0.0,
    ) -> None:
        self.field = field
        self.penalized = penalized
        self.kernel = field.dipole if transfer is None else field.dipole * transfer
        # All terms relative to the typical precision, so that single precision suffices.
        self.weight = field.precision / np.float32(field.typical_precision)
        self.strength = np.float32(regularization / field.typical_precision)
        self.phase_scale = None if phase_scale is None else np.float32(phase_scale)
        self.outlier = outlier
        self.precondition = None if scale is None else _scaling(scale)
        self.dtype = np.float32 if scale is None else np.float64
        self.even = even if even is not None and evenness > 0 else None
        self.evenness = np.float32(evenness)

    def convolved(self, x: np.ndarray) -> np.ndarray:
        """Field of the susceptibility x: one pair of Fourier transforms. The operator is its own adjoint."""
        spectrum = forward(x)
        spectrum *= self.kernel
        return inverse(spectrum, self.field.shape)

    def solve(self, tolerance: float, max_iterations: int, inner_iterations: int, progress: Progress) -> np.ndarray:
        """Take outer steps until susceptibility hardly changes, and return it in the padded shape."""
        data, region = self.field.data, self.field.region
        spacing = self.field.grid.spacing
        x = np.zeros(self.field.shape, dtype=self.dtype)
        model = np.zeros(self.field.shape, dtype=self.dtype)
        for outer in range(max_iterations):
            progress(outer / max_iterations, f"outer step {outer + 1}")
            slope = gradient(x, spacing)
            slope *= self.penalized
            stiffness = self.penalized * (
                self.strength / np.sqrt(np.sum(slope**2, axis=0) + np.float32(_SMOOTHING**2))
            )
            del slope
            downhill = -weighted_laplacian(x, stiffness, spacing)
            downhill -= self.convolved(self.weight * self._pull(model - data))
            self._add_unevenness(x, downhill, np.float32(-1))

            def curvature(d: np.ndarray, stiffness=stiffness) -> np.ndarray:
                product = weighted_laplacian(d, stiffness, spacing)
                product += self.convolved(self.weight * self.convolved(d))
                self._add_unevenness(d, product, np.float32(1))
                return product

            change = np.zeros_like(x)
            for inner, step in enumerate(conjugate_gradients(curvature, downhill, self.precondition)):
                change = step.solution
                done = (outer + (inner + 1) / inner_iterations) / max_iterations
                progress(min(done, 1.0), f"outer step {outer + 1}, inner step {inner + 1}")
                if step.residual < tolerance or inner + 1 == inner_iterations:
                    break
            x += change
            model = self.convolved(x)
            if self.outlier:
                self.weight = without_outliers(self.weight, self._size(model - data), self.outlier)
            if np.linalg.norm(change[region]) < _LEAST_CHANGE * np.linalg.norm(x[region]):
                break
        progress(1.0, f"outer step {outer + 1}")
        return x

    def _pull(self, misfit: np.ndarray) -> np.ndarray:
        """Derivative of the data term for unit weights."""
        return misfit if self.phase_scale is None else np.sin(self.phase_scale * misfit) / self.phase_scale

    def _size(self, misfit: np.ndarray) -> np.ndarray:
        """|exp(i s r) - 1| / s for a misfit r."""
        if self.phase_scale is None:
            return np.abs(misfit)
        return 2 / self.phase_scale * np.abs(np.sin(self.phase_scale / 2 * misfit))

    def _add_unevenness(self, x: np.ndarray, total: np.ndarray, sign: np.float32) -> None:
        """Add the gradient of mu/2 ||Z (x - mean_Z x)||^2, which is linear in x."""
        if self.even is not None:
            inside = x[self.even]
            total[self.even] += sign * self.evenness * (inside - inside.mean(dtype=np.float64).astype(x.dtype))


def _scaling(scale: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    square = np.square(scale)
    return lambda residual: square * residual


def without_outliers(weight: np.ndarray, misfit: np.ndarray, outlier: float) -> np.ndarray:
    """Weights divided by the fourth power of the misfit in units of what is still believed, where that exceeds 1."""
    size = np.sqrt(weight) * misfit
    known = weight > 0
    believed = outlier * float(np.std(size[known])) + float(np.mean(size[known]))
    return weight / np.maximum(size / max(believed, 1e-12), 1) ** 4
