"""Edges of the magnitude: where susceptibility may jump at no cost."""

from __future__ import annotations

import numpy as np

from ..numerics.gradient import differences_within, gradient
from .padded_field import PaddedField

#: Change of the relative weight from voxel to voxel below which it is none.
_LEAST_STEEPNESS = np.float32(1e-3)


def combined_magnitude(magnitude: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Root of the sum of squares over the echoes, float32 of `shape`; a single volume as it is.

    Raises
    ------
    ValueError
        If the magnitude does not have that shape.
    """
    magnitude = np.asarray(magnitude, dtype=np.float32)
    if magnitude.shape[-3:] != shape or magnitude.ndim not in (3, 4):
        raise ValueError(
            f"magnitude must have the shape {shape}, echoes first if there are several, but got {magnitude.shape}."
        )
    if magnitude.ndim == 3:
        return magnitude
    total = np.einsum("ekji,ekji->kji", magnitude, magnitude)
    return np.sqrt(total, out=total)


def penalized_differences(padded: PaddedField, magnitude: np.ndarray | None, edge_share: float) -> np.ndarray:
    """Which differences between neighbours a total variation penalises: not those at edges of the magnitude.

    Parameters
    ----------
    padded : PaddedField
    magnitude : ndarray, shape (k, j, i) or (echo, k, j, i), or None
        Of the whole volume. Without it there are no edges.
    edge_share : float
        This share of the differences inside the region, where the magnitude changes most, is spared, except where the
        field is unknown: what the field does not tell must come from the neighbours.

    Returns
    -------
    ndarray, bool, shape (3, *padded shape)

    Raises
    ------
    ValueError
        If the magnitude does not have the shape of the volume.
    """
    penalized = differences_within(padded.region)
    if magnitude is None or edge_share == 0:
        return penalized
    combined = np.zeros(padded.shape, dtype=np.float32)
    combined[padded.inside] = combined_magnitude(magnitude, padded.grid.shape)[padded.box]
    steepness = gradient(combined, padded.grid.spacing)
    np.abs(steepness, out=steepness)
    edges = steepness > np.quantile(steepness[penalized], 1 - edge_share)
    edges &= differences_within(padded.precision > 0)
    penalized &= ~edges
    return penalized


def difference_weights(padded: PaddedField) -> np.ndarray:
    """Weights of the differences between neighbours in a total variation: the smaller, the more the noise changes.

    With m the reciprocal of the noise over its median, the weight of a difference along an axis is the mean of
    |d m| over all axes and differences inside the region, over its own |d m|, which counts as at least a thousandth.

    Parameters
    ----------
    padded : PaddedField

    Returns
    -------
    ndarray, float32, shape (3, *padded shape)
        0 for differences that leave the region.

    References
    ----------
    Milovic et al., Magn Reson Med 2018, 10.1002/mrm.27073; the thousandth is the assumed noise of m in
    Chan and Marques, NeuroImage 2021, 10.1016/j.neuroimage.2020.117611 (SEPIA)
    """
    within = differences_within(padded.region)
    relative = np.sqrt(padded.precision / np.float32(padded.typical_precision))
    steepness = np.abs(gradient(relative, (1.0, 1.0, 1.0)))
    np.maximum(steepness, _LEAST_STEEPNESS, out=steepness)
    typical = np.float32(steepness[within].mean(dtype=np.float64)) if within.any() else np.float32(1)
    return np.divide(typical, steepness, out=np.zeros_like(steepness), where=within)
