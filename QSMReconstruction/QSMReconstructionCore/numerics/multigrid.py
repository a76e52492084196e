"""Multigrid for the Laplace equation inside a region of any form, as a preconditioner of conjugate gradients.

The region's edge is where it meets a voxel outside it, whose value is given (0 here). Volumes are 0 outside the region.
"""

from __future__ import annotations

import numpy as np

#: Damping of the Jacobi sweeps: the value that smooths the upper half of the frequencies best in three dimensions.
_DAMPING = 6 / 7

#: Sweeps before and after each correction, and on the coarsest grid, where they cost nothing.
_SWEEPS = 2
_COARSEST_SWEEPS = 24

#: Grids with at most this many voxels along an axis are not coarsened along it.
_COARSEST = 5


class LaplaceMultigrid:
    """The negative Laplacian on a region, and one multigrid cycle as an approximation of its inverse.

    Parameters
    ----------
    region : ndarray, bool, shape (k, j, i)
        Where the solution is sought.
    spacing : (float, float, float)
        In mm. Only axes along which voxels are about the shortest are coarsened, which keeps the cycle good where
        voxels are not cubes.

    Notes
    -----
    Seven-point Laplacian; coarse grids hold every other voxel, linear interpolation takes corrections back and its
    adjoint takes residuals down; two damped Jacobi sweeps before and after make the cycle symmetric. A cycle costs
    about six applications of the Laplacian.

    References
    ----------
    McAdams et al., Eurographics/ACM SIGGRAPH Symp Comput Animat 2010, 10.2312/SCA/SCA10/065-073
    """

    def __init__(self, region: np.ndarray, spacing: tuple[float, float, float]) -> None:
        self.region = region
        self.coefficients = tuple(np.float32(min(spacing) ** 2 / h**2) for h in spacing)
        self.diagonal = 2 * sum(self.coefficients)
        self.axes = tuple(
            axis for axis in range(3) if spacing[axis] <= 1.5 * min(spacing) and region.shape[axis] > _COARSEST
        )
        self.coarse = None
        coarse_region = region[tuple(slice(None, None, 2 if axis in self.axes else 1) for axis in range(3))]
        if self.axes and coarse_region.any():
            coarse_spacing = tuple(h * (2 if axis in self.axes else 1) for axis, h in enumerate(spacing))
            self.coarse = LaplaceMultigrid(coarse_region, coarse_spacing)
            # Both grids measure lengths in their own shortest voxel, and the adjoint of interpolation sums 2 voxels
            # along each coarsened axis: this makes the correction of a constant residual right.
            self.scale = np.float32((min(coarse_spacing) / min(spacing)) ** 2 / 2 ** len(self.axes))

    def apply(self, volume: np.ndarray) -> np.ndarray:
        """Negative Laplacian, in units of the shortest voxel, of a volume that is 0 outside the region."""
        result = self.diagonal * volume
        for axis, coefficient in enumerate(self.coefficients):
            ahead, back = _shifted(axis)
            scaled = volume if coefficient == 1 else coefficient * volume
            result[back] -= scaled[ahead]
            result[ahead] -= scaled[back]
        result *= self.region
        return result

    def cycle(self, residual: np.ndarray) -> np.ndarray:
        """One V-cycle from zero: about the inverse of `apply`, and symmetric."""
        sweeps = _SWEEPS if self.coarse else _COARSEST_SWEEPS
        damping = np.float32(_DAMPING / self.diagonal)
        solution = damping * residual
        for _ in range(sweeps - 1):
            solution += damping * (residual - self.apply(solution))
        if self.coarse:
            correction = self.coarse.cycle(self.coarse.region * self._restricted(residual - self.apply(solution)))
            correction *= self.scale
            solution += self.region * self._interpolated(correction)
            for _ in range(sweeps):
                solution += damping * (residual - self.apply(solution))
        return solution

    def _restricted(self, volume: np.ndarray) -> np.ndarray:
        """The adjoint of `_interpolated`."""
        for axis in self.axes:
            even, odd = _alternating(axis)
            coarse = volume[even].copy()
            between = np.float32(0.5) * volume[odd]
            n = between.shape[axis]
            coarse[_first(axis, n)] += between
            following = coarse[_from_second(axis)]
            following += between[_first(axis, following.shape[axis])]
            volume = coarse
        return volume

    def _interpolated(self, volume: np.ndarray) -> np.ndarray:
        """Linear interpolation onto the region's grid, with 0 beyond its end."""
        for axis in reversed(self.axes):
            shape = list(volume.shape)
            shape[axis] = self.region.shape[axis]
            even, odd = _alternating(axis)
            fine = np.zeros(shape, dtype=volume.dtype)
            fine[even] = volume
            between = fine[odd]
            between += volume[_first(axis, between.shape[axis])]
            following = volume[_from_second(axis)]
            between[_first(axis, following.shape[axis])] += following
            between *= np.float32(0.5)
            volume = fine
        return volume


def _along(axis: int, part: slice) -> tuple[slice, ...]:
    return (slice(None),) * axis + (part,)


def _shifted(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    return _along(axis, slice(1, None)), _along(axis, slice(None, -1))


def _alternating(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    return _along(axis, slice(None, None, 2)), _along(axis, slice(1, None, 2))


def _first(axis: int, count: int) -> tuple[slice, ...]:
    return _along(axis, slice(None, count))


def _from_second(axis: int) -> tuple[slice, ...]:
    return _along(axis, slice(1, None))
