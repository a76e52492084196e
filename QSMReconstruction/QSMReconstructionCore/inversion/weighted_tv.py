"""Noise-weighted total-variation inversion whose surroundings are free."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import numpy as np

from ..acquisition import checked_mask, checked_volume
from ..grid import Grid
from ..numerics.crop import bounding_box
from ..numerics.dipole import dipole_kernel
from ..numerics.fourier import available_cores, fast_shape, forward, frequencies, inverse
from ..parameter import Parameter
from ..progress import Progress, no_progress


def weighted_tv(
    field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    lost: Callable[[np.ndarray], np.ndarray] | None = None,
    regularization: Annotated[float, Parameter("Regularization", unit="mm/ppm", range=(0.01, 1e5))] = 100.0,
    model_error: Annotated[float, Parameter("Model error of the field", unit="ppm", range=(1e-5, 0.1))] = 0.001,
    margin: Annotated[float, Parameter("Margin around the mask", unit="mm", range=(2, 100))] = 16.0,
    tolerance: Annotated[float, Parameter("Relative change at which to stop", range=(0, 0.1))] = 0.002,
    max_iterations: Annotated[int, Parameter("Largest number of iterations", range=(1, 1000))] = 60,
    correction_interval: Annotated[int, Parameter("Iterations between corrections", range=(0, 1000))] = 15,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Invert the dipole field with noise weights and total variation, leaving the surroundings free.

    Parameters
    ----------
    field : ndarray, float32, shape (k, j, i)
        Local field in ppm.
    mask : ndarray, bool, shape (k, j, i)
        Where susceptibility is sought.
    grid : Grid
        Geometry.
    weights : ndarray, float32, shape (k, j, i), optional
        Reciprocal of the noise sd of `field`, in 1/ppm. Voxels of weight 0 take no part in the fit; their
        susceptibility is that which the others and the smoothness ask for. Without weights, all voxels of the mask
        count as if their noise were 1 ppb.
    lost : callable, optional
        What background removal takes away from a true local field (`background.LocalField.lost`).
    regularization : float
        Weight of the total variation, in mm/ppm: the reciprocal of a typical gradient. Because the data term is in
        units of the noise, one value serves all noise levels and field strengths.
    model_error : float
        What the field deviates from the dipole model besides noise, in ppm, added to the noise in quadrature: no voxel
        is trusted more than this.
    margin : float
        Volume around the mask in which sources may absorb what is left of the background field, in mm.
    tolerance : float
        Stop when one iteration changes susceptibility by less than this share.
    max_iterations : int
        Stop at the latest after so many iterations.
    correction_interval : int
        Every so many iterations the field that background removal has taken away from the current estimate is put back
        (needs `lost`); 0 never does.
    progress : callable
        See `progress`.

    Returns
    -------
    ndarray, float32, shape (k, j, i)
        Susceptibility in ppm, 0 outside the mask.

    Raises
    ------
    ValueError
        If arrays do not fit together or no voxel has a weight.

    Notes
    -----
    Minimises 1/2 ||W (D x - f)||^2 + lambda sum_mask |grad x| over the mask and its margin, with W the reciprocal of
    the noise. Gradients that leave the mask cost nothing, so sources there take up residual background, which would
    otherwise become shading inside. Solved by the alternating direction method of multipliers with z1 = grad x and
    z2 = D x; each iteration takes two pairs of Fourier transforms.

    With `lost`, the data become f + lost(D x) every few iterations, so that in the end it is what background removal
    leaves of D x that fits the field. Far more corrections than the default's four bring back, as shading, the low
    spatial frequencies that background removal cannot tell from background: stopping early is part of the method.

    References
    ----------
    Bilgic et al., Magn Reson Med 2014, 10.1002/mrm.25029 (splitting);
    Milovic et al., Magn Reson Med 2018, 10.1002/mrm.27073 (weights in a split data term);
    Liu et al., Magn Reson Med 2017, 10.1002/mrm.26331 (sources outside the mask)
    """
    mask = checked_mask(mask, grid.shape)
    field = checked_volume("field", field, grid.shape)
    if weights is None:
        weights = np.where(mask, np.float32(1000), np.float32(0))
    weights = checked_volume("weights", weights, grid.shape)
    known = mask & (weights > 0)
    if not known.any():
        raise ValueError("weights must be positive somewhere inside the mask, but they are 0 everywhere.")

    box = bounding_box(mask)
    shape = fast_shape(mask[box].shape, tuple(int(np.ceil(margin / h)) for h in grid.spacing))
    inside = tuple(slice(0, n) for n in mask[box].shape)
    precision = np.zeros(shape, dtype=np.float32)
    precision[inside] = np.divide(
        1, 1 / np.maximum(weights[box], 1e-6) ** 2 + np.float32(model_error) ** 2,
        out=np.zeros(mask[box].shape, dtype=np.float32), where=known[box],
    )
    data = np.zeros(shape, dtype=np.float32)
    data[inside] = np.where(known[box], field[box], np.float32(0))
    region = np.zeros(shape, dtype=bool)
    region[inside] = mask[box]

    def put_back(model: np.ndarray) -> None:
        """Add to the data what background removal took away from the field of the current estimate."""
        estimate = np.zeros(grid.shape, dtype=np.float32)
        estimate[box] = np.where(mask[box], model[inside], np.float32(0))
        data[inside] = np.where(known[box], field[box] + lost(estimate)[box], np.float32(0))

    solver = _Solver(data, precision, region, grid, regularization)
    for iteration in range(max_iterations):
        change = solver.iterate()
        progress((iteration + 1) / max_iterations, f"iteration {iteration + 1}, change {100 * change:.1f} %")
        left = max_iterations - iteration - 1
        if lost is not None and correction_interval and (iteration + 1) % correction_interval == 0 and left:
            put_back(solver.model)
        elif change < tolerance:
            break
    susceptibility = np.zeros(grid.shape, dtype=np.float32)
    susceptibility[box] = np.where(mask[box], solver.susceptibility[inside], np.float32(0))
    return susceptibility


#: Jump between neighbouring voxels, in ppm, at which the split gradient starts to differ from zero. It sets the speed
#: of convergence, not the solution; 0.01 ppm is the contrast of neighbouring tissues.
_JUMP = 0.01

#: Penalty of the split field relative to the median precision of the data: again speed only.
_FIELD_PENALTY = 0.3


class _Solver:
    """Alternating direction method of multipliers with z1 = grad x and z2 = D x.

    u2 = trust (D x + u2 - f), with trust = w / (w + penalty), is the multiplier of the field, and D x + u2 - 2 u2 what
    the next x has to fit. The data may be changed between iterations.
    """

    def __init__(self, data, precision, region, grid: Grid, regularization: float) -> None:
        self.data, self.region, self.shape = data, region, data.shape
        scale = float(np.median(precision[precision > 0]))
        threshold = np.float32(_JUMP / grid.voxel_volume ** (1 / 3))
        self.gradient_penalty = np.float32(regularization / scale / threshold)
        self.dipole = dipole_kernel(self.shape, grid.spacing, grid.b0_direction)
        normal = np.float32(_FIELD_PENALTY) * self.dipole**2
        for f, h in zip(frequencies(self.shape, grid.spacing), grid.spacing):
            normal += self.gradient_penalty * ((2 - 2 * np.cos(2 * np.pi * f * h)) / h**2).astype(np.float32)
        normal[0, 0, 0] = np.inf
        self.inverse_normal = np.divide(1, normal, out=normal)
        self.trust = precision / (precision + np.float32(_FIELD_PENALTY * scale))
        self.gradients = _SplitGradient(region, grid.spacing, threshold)
        self.divergence = np.zeros(self.shape, dtype=np.float32)
        self.multiplier = -self.trust * data
        self.target = -2 * self.multiplier
        self.susceptibility = np.zeros(self.shape, dtype=np.float32)
        self.model = np.zeros(self.shape, dtype=np.float32)

    def iterate(self) -> float:
        """One iteration: two pairs of Fourier transforms. Returns the relative change of susceptibility."""
        spectrum = forward(self.divergence)
        spectrum *= self.gradient_penalty
        field_spectrum = forward(self.target)
        field_spectrum *= self.dipole
        field_spectrum *= np.float32(_FIELD_PENALTY)
        spectrum += field_spectrum
        spectrum *= self.inverse_normal
        np.multiply(spectrum, self.dipole, out=field_spectrum)
        previous, self.susceptibility = self.susceptibility, inverse(spectrum, self.shape)
        self.model = inverse(field_spectrum, self.shape)

        self.gradients.update(self.susceptibility, self.divergence)
        self.multiplier += self.model
        np.copyto(self.target, self.multiplier)
        self.multiplier -= self.data
        self.multiplier *= self.trust
        self.target -= 2 * self.multiplier

        previous -= self.susceptibility
        size = np.linalg.norm(self.susceptibility[self.region])
        return float(np.linalg.norm(previous[self.region]) / max(size, 1e-12))


class _SplitGradient:
    """The split variable z1 = grad x of the total variation and its multiplier, updated slab by slab.

    The multiplier is all that is stored: with v = grad x + u, shrinking gives u = v min(1, t / |v|) and z - u = v - 2u.
    Differences that cross the border of the region are not penalised: there u = 0.
    """

    def __init__(self, region: np.ndarray, spacing: tuple[float, float, float], threshold: np.float32) -> None:
        self.spacing = tuple(np.float32(h) for h in spacing)
        self.threshold = threshold
        self.multiplier = np.zeros((3, *region.shape), dtype=np.float32)
        self.region = region
        self.slabs = [slice(s, min(s + 8, region.shape[0])) for s in range(0, region.shape[0], 8)]

    def update(self, x: np.ndarray, divergence: np.ndarray) -> None:
        """Update the multiplier for x, and write the adjoint gradient of z - u into `divergence`."""
        with ThreadPoolExecutor(available_cores()) as pool:
            edges = list(pool.map(lambda slab: self._update_slab(x, divergence, slab), self.slabs))
        for slab, edge in zip(self.slabs, edges):
            divergence[slab.stop % x.shape[0]] += edge

    def _update_slab(self, x: np.ndarray, divergence: np.ndarray, slab: slice) -> np.ndarray:
        following = slab.stop % x.shape[0]
        here, region = x[slab], self.region[slab]
        split = np.empty((3, *here.shape), dtype=np.float32)
        within = np.zeros((3, *here.shape), dtype=bool)
        np.subtract(here[1:], here[:-1], out=split[0, :-1])
        np.subtract(x[following], here[-1], out=split[0, -1])
        np.logical_and(region[1:], region[:-1], out=within[0, :-1])
        np.logical_and(self.region[following], region[-1], out=within[0, -1])
        for axis in (1, 2):
            ahead, back, last, first = (
                [slice(None)] * axis + [s] for s in (slice(1, None), slice(None, -1), slice(-1, None), slice(0, 1))
            )
            for target, source in ((back, ahead), (last, first)):
                np.subtract(here[tuple(source)], here[tuple(target)], out=split[axis][tuple(target)])
                np.logical_and(region[tuple(source)], region[tuple(target)], out=within[axis][tuple(target)])
        for axis, h in enumerate(self.spacing):
            split[axis] /= h
        multiplier = self.multiplier[:, slab]
        split += multiplier
        np.multiply(split, within, out=multiplier)
        length = np.sqrt(np.einsum("akji,akji->kji", multiplier, multiplier))
        np.maximum(length, self.threshold, out=length)
        np.divide(self.threshold, length, out=length)
        multiplier *= length
        split -= 2 * multiplier

        # Adjoint of the forward difference: (d[-1] - d[0]) / h.
        out = divergence[slab]
        split[0] /= self.spacing[0]
        np.negative(split[0], out=out)
        out[1:] += split[0, :-1]
        edge = split[0, -1].copy()
        for axis in (1, 2):
            part = split[axis]
            part /= self.spacing[axis]
            out -= part
            ahead, back, last, first = (
                [slice(None)] * axis + [s] for s in (slice(1, None), slice(None, -1), slice(-1, None), slice(0, 1))
            )
            out[tuple(ahead)] += part[tuple(back)]
            out[tuple(first)] += part[tuple(last)]
        return edge
