"""iHARPERELLA: background field removal by completing the Laplacian of the field outside the mask."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..acquisition import checked_mask, checked_volume
from ..grid import Grid
from ..numerics.conjugate_gradients import conjugate_gradients, largest_eigenvalue
from ..numerics.crop import bounding_box
from ..numerics.fourier import forward, inverse
from ..parameter import Parameter
from ..progress import Progress, no_progress
from . import LocalField
from .extended_laplacian import ExtendedLaplacian
from .residual import ResidualDegree, ResidualFunctions, remove_residual
from .trusted_voxels import trusted_voxels, without_layers


def iharperella(
    field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    margin: Annotated[float, Parameter("Margin around the mask", unit="mm", range=(2, 100))] = 20.0,
    peel: Annotated[int, Parameter("Layers of voxels left out of the result", range=(0, 20))] = 1,
    tolerance: Annotated[float, Parameter("Relative residual at which to stop", range=(1e-6, 0.5))] = 1e-4,
    max_iterations: Annotated[int, Parameter("Largest number of iterations", range=(1, 1000))] = 150,
    residual_degree: ResidualDegree = -1,
    residual_functions: ResidualFunctions = "harmonics",
    progress: Progress = no_progress,
) -> LocalField:
    """Remove the background field by finding the Laplacian outside that makes the local field least (iHARPERELLA).

    Parameters
    ----------
    field : ndarray, float32, shape (k, j, i)
        Total field in ppm. Only its Laplacian inside the mask counts.
    mask : ndarray, bool, shape (k, j, i)
        The brain.
    grid : Grid
        Geometry.
    weights : ndarray, float32, shape (k, j, i), optional
        Reciprocal of the noise sd of `field`, in 1/ppm: the weight of each voxel. Very noisy voxels at the edge of the
        mask, and hopeless ones inside, are left out. Without weights, all voxels count alike.
    margin : float
        Width of the volume around the mask's box in which the Laplacian is completed, in mm.
    peel : int
        Layers at the edge of the mask that are left out of the result, the one without a Laplacian of its own included.
    tolerance : float
        Stop when the residual of the normal equations has fallen to this share.
    max_iterations : int
        Stop at the latest after so many iterations.
    residual_degree : int
        Functions up to this degree are then taken off the local field, too (`remove_residual`); -1 for none.
    residual_functions : str
        Which these are: "harmonics", as backgrounds are, or all "polynomials".
    progress : callable
        See `progress`.

    Returns
    -------
    LocalField
        Its mask is all of the mask but the peeled layers and the voxels left out.

    Raises
    ------
    ValueError
        If arrays do not fit together, no voxel has a weight, or peeling leaves nothing of the mask.

    Notes
    -----
    The local field is that of a Laplacian which is the field's own inside the mask and q around it, in a periodic
    volume: f_L = laplacian^-1 (laplacian f + q), with the q that minimises ||W f_L||^2 + mu sum_v w_v^2 q_v^2, W = 1 /
    noise and w_v the size of the weighted field of q in voxel v. Sources outside have no Laplacian inside, so that they
    leave no trace. The published method takes the Laplacian from the wrapped phase, sin and cos; of a field that is
    unwrapped without errors it is the same. It has no second term either, without which rounding decides which of many
    q is found: single and double precision were 5 % apart. Solved by conjugate gradients on the normal equations, each
    voxel of q scaled by the size of its weighted field. Two pairs of Fourier transforms of the widened volume for each
    iteration and 17 more.

    References
    ----------
    Li et al., NMR Biomed 2014, 10.1002/nbm.3056
    """
    mask = checked_mask(mask, grid.shape)
    field = checked_volume("field", field, grid.shape)
    weights = mask.astype(np.float32) if weights is None else checked_volume("weights", weights, grid.shape)
    box = bounding_box(mask)
    trusted = trusted_voxels(mask[box], weights[box])
    valid = without_layers(trusted, peel)
    progress(0.0, "size of the field of each voxel")
    completion = _Completion(trusted, weights[box], grid, margin, progress)
    progress(0.0, "Laplacian of the field")
    known = completion.laplacian(np.where(trusted, field[box], np.float32(0)))
    right = completion.adjoint(completion.field(known))
    np.negative(right, out=right)
    local = completion.field(known)
    progress(0.0, "Laplacian outside the mask")
    for iteration, step in enumerate(
        conjugate_gradients(completion.normal, right, completion.precondition), start=1
    ):
        progress(iteration / max_iterations, f"iteration {iteration}, residual {100 * step.residual:.1f} %")
        if step.residual < tolerance or iteration == max_iterations:
            local = completion.field(known + step.solution)
            break
    local_field = LocalField.within(local[completion.inside], valid, box, grid, weights)
    return remove_residual(local_field, grid, degree=residual_degree, functions=residual_functions)


#: Voxels of the Laplacian whose scale would exceed that of those next to the mask by more than this share it.
_LARGEST_SCALE = 100.0

#: Weight of the penalty relative to the largest eigenvalue of the scaled normal operator. On the head phantom (3 mm,
#: SNR 100) the local field is off by 47.4 % after 96 iterations, without it by 49.0 % after 100. Three and ten times as
#: much make it 46.1 and 43.9 %, but take more of the local field where voxels are large: at 5 mm the error is 68 %
#: without the penalty, 71 % with it, 73 and 75 % with more.
_DAMPING = 1e-4


class _Completion(ExtendedLaplacian):
    """The weighted least-squares problem of a Laplacian outside a mask, in a volume widened by a margin."""

    def __init__(
        self, mask: np.ndarray, weights: np.ndarray, grid: Grid, margin: float, progress: Progress = no_progress
    ) -> None:
        super().__init__(mask, grid.spacing, margin)
        # Relative to the largest, so that single precision suffices.
        self.precision = np.zeros(self.shape, dtype=np.float32)
        np.square(weights / weights[mask].max(), out=self.precision[self.inside], where=mask)
        self.scale = self._scale()
        start = (~self.interior).astype(np.float32)
        self.damping = np.float32(_DAMPING * largest_eigenvalue(self._fitted, self.precondition, start, progress))

    def _scale(self) -> np.ndarray:
        """Reciprocal of the weighted norm of the field of each voxel of the Laplacian, 0 where that is known."""
        single = inverse(self.inverse_laplacian.astype(np.complex64), self.shape)
        spectrum = forward(np.square(single, out=single))
        spectrum *= forward(self.precision)
        scale = np.sqrt(np.maximum(inverse(spectrum, self.shape), 0))
        np.maximum(scale, scale.max() / np.float32(_LARGEST_SCALE), out=scale)
        np.divide(1, scale, out=scale)
        scale[self.interior] = 0
        return scale

    def adjoint(self, field: np.ndarray) -> np.ndarray:
        """Right-hand side of the normal equations for a field in the widened volume."""
        result = self.field(self.precision * field)
        result[self.interior] = 0
        return result

    def normal(self, laplacian: np.ndarray) -> np.ndarray:
        """Normal operator, for a Laplacian that is 0 where it is known."""
        result = self._fitted(laplacian)
        result += np.divide(
            self.damping * laplacian, np.square(self.scale), out=np.zeros_like(laplacian), where=self.scale > 0
        )
        return result

    def _fitted(self, laplacian: np.ndarray) -> np.ndarray:
        """Normal operator without damping."""
        return self.adjoint(self.field(laplacian))

    def precondition(self, residual: np.ndarray) -> np.ndarray:
        """The residual scaled by the size of the field of each voxel."""
        return np.square(self.scale) * residual
