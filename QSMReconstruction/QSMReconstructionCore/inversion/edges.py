"""Edges of the magnitude: where susceptibility may jump at no cost."""

from __future__ import annotations

import numpy as np

from ..numerics.gradient import differences_within, gradient
from .padded_field import PaddedField


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
    steepness = np.abs(gradient(combined, padded.grid.spacing))
    edges = steepness > np.quantile(steepness[penalized], 1 - edge_share)
    edges &= differences_within(padded.precision > 0)
    penalized &= ~edges
    return penalized
