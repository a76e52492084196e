"""The phase offset of the coils, a smooth function of space, from the noisy intercepts of a fit over the echoes."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..numerics.blocks import block_sums
from ..numerics.romeo_weights import wrapped
from ..numerics.tensor_spline import TensorSpline, fit_tensor_spline, spline_bases
from ..parameter import Parameter
from ..progress import Progress, no_progress
from .unwrapping import unwrap_spatially

#: The parameter of every method that fits the phase at echo time zero.
PhaseOffset = Annotated[
    str,
    Parameter("Phase offset of the coils", choices={"smooth": "Smooth in space", "free": "Free at each voxel"}),
]

#: Blocks on which the offset is unwrapped, in mm: small against the way on which a coil's phase turns.
_BLOCK = 5.0

#: Neighbourhoods whose intercepts may depart together from the smooth offset, in mm.
_NEIGHBOURHOOD = 12.0

#: Departures count if they exceed their standard deviation this many times.
_CLEAR = 4.0

#: Intercepts this many standard deviations off count half (Cauchy weights): keeps half the weight of good Gaussian
#: data within 0.1 %, yet wrongly unwrapped or broken voxels lose theirs.
_DOUBT = 3.0

#: No intercept is doubted for being off by less than this, in rad, in one refinement after the other. The first one
#: has to make up for the blocks, which are off at the border of the mask.
_UNDOUBTED = (0.3, 0.03, 0.03)

#: Median of a chi-square variable with one degree of freedom.
_MEDIAN_SQUARE = 0.45494


def smooth_offset(
    intercept: np.ndarray,
    information: np.ndarray,
    mask: np.ndarray,
    spacing: tuple[float, float, float],
    knot_distance: float,
    progress: Progress = no_progress,
) -> np.ndarray:
    """The smooth function of space closest to the intercepts.

    Parameters
    ----------
    intercept : ndarray, float32, shape (n,)
        Wrapped phase at echo time zero of the n voxels of the mask, in rad.
    information : ndarray, float32, shape (n,)
        Reciprocal variance of the intercepts, in any unit.
    mask : ndarray, bool, shape (k, j, i)
        Cropped to its bounding box.
    spacing : (float, float, float)
        Voxel size along (k, j, i), in mm.
    knot_distance : float
        Distance of the knots of the spline, in mm: it follows what changes over two of them.
    progress : callable
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    ndarray, float32, shape (n,)
        In rad, not wrapped.

    Notes
    -----
    A cubic spline, not a local mean: a mean is bent where the offset is curved, and tilted at the border of the mask,
    by more than the noise that it removes, and the bend goes into the field. The first fit is to intercepts averaged
    (as complex numbers) over small blocks and unwrapped from block to block; then it is refined with all voxels, whose
    distance from it no longer wraps, with less and less weight for outliers.
    """
    progress(0.0, "phase offset")
    bases = spline_bases(mask.shape, spacing, knot_distance)
    spline = _fit_blocks(intercept, information, mask, spacing, bases)
    information = information / np.median(information)
    values, weights = (np.zeros(mask.shape, np.float32) for _ in range(2))
    for step, undoubted in enumerate(_UNDOUBTED, 1):
        progress(step / (len(_UNDOUBTED) + 1), "phase offset")
        expected = spline.values()[mask]
        distance = wrapped(intercept - expected)
        deviation = np.abs(distance) * np.sqrt(information)
        scale = max(np.sqrt(float(np.median(deviation**2)) / _MEDIAN_SQUARE), undoubted)
        values[mask] = expected + distance
        weights[mask] = information / (1 + (deviation / np.float32(_DOUBT * scale)) ** 2)
        spline = fit_tensor_spline(values, weights, bases)
    progress(1.0, "phase offset")
    return spline.values()[mask]


def offset_variance(
    intercept: np.ndarray,
    offset: np.ndarray,
    intercept_variance: np.ndarray,
    straight: np.ndarray,
    mask: np.ndarray,
    spacing: tuple[float, float, float],
) -> np.ndarray:
    """Variance of the true intercepts about the smooth offset: how far the scan departs from the model of the coils.

    Parameters
    ----------
    intercept, offset : ndarray, shape (n,)
        Measured intercepts and the smooth offset of the n voxels of the mask, in rad.
    intercept_variance : ndarray, shape (n,)
        Variance that noise gives to the intercepts, in rad^2.
    straight : ndarray, bool, shape (n,)
        Voxels whose phase is a straight line, so that their intercept is their phase offset.
    mask : ndarray, bool, shape (k, j, i)
    spacing : (float, float, float)
        Voxel size along (k, j, i), in mm.

    Returns
    -------
    ndarray, float32, shape (n,)
        In rad^2: everywhere what the noise leaves of the median squared distance, for what tissue adds to the offset;
        more in neighbourhoods where straight voxels depart together, as around the poles of a bad coil combination.
    """
    distance = wrapped(intercept - offset)
    common = float(np.median(distance**2)) / _MEDIAN_SQUARE - float(np.median(intercept_variance))
    factors = _block_factors(_NEIGHBOURHOOD, spacing)
    use = straight / intercept_variance
    information, real, imaginary, count, straights = (
        block_sums(volume_of(values, mask), factors)
        for values in (use, use * np.cos(distance), use * np.sin(distance), np.ones_like(use), straight)
    )
    known = straights > 0.5 * count
    error = np.divide(_CLEAR**2, information, out=np.zeros_like(information), where=known)
    together = np.where(known, np.maximum(np.arctan2(imaginary, real) ** 2 - error, 0), np.float32(0))
    for axis, factor in enumerate(factors):
        together = np.repeat(together, factor, axis=axis)
    return np.float32(max(common, 0.0)) + together[tuple(slice(n) for n in mask.shape)][mask]


def _fit_blocks(intercept, information, mask, spacing, bases) -> TensorSpline:
    factors = _block_factors(_BLOCK, spacing)
    real, imaginary, count = (
        block_sums(volume_of(values, mask), factors)
        for values in (information * np.cos(intercept), information * np.sin(intercept), np.ones_like(intercept))
    )
    magnitude, phase = np.hypot(real, imaginary), np.arctan2(imaginary, real)
    unwrapped = unwrap_spatially(phase, magnitude > 0, magnitude=magnitude)
    # The mean over a block that the mask fills in part is not the phase at its centre: full blocks have the say.
    weights = magnitude / magnitude.max() * (count / np.prod(factors)) ** 4
    means = []
    for basis, factor in zip(bases, factors):
        starts = np.arange(0, len(basis), factor)
        means.append(np.add.reduceat(basis, starts, axis=0) / np.diff(np.append(starts, len(basis)))[:, None])
    return TensorSpline(fit_tensor_spline(unwrapped, weights, means).coefficients, bases)


def volume_of(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Volume, float32, that holds the values at the voxels of the mask and 0 elsewhere."""
    volume = np.zeros(mask.shape, np.float32)
    volume[mask] = values
    return volume


def _block_factors(length: float, spacing: tuple[float, float, float]) -> list[int]:
    """Voxels along each axis of a block of about `length` mm."""
    return [max(1, round(length / step)) for step in spacing]
