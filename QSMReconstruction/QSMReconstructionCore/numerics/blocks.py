"""Volumes of coarser voxels: means and sums over blocks, and back by linear interpolation."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import scipy.ndimage


def block_mean(volume: np.ndarray, factors: tuple[int, int, int]) -> np.ndarray:
    """Mean over blocks of `factors` voxels; the last voxel is repeated to fill the last block."""
    mean = volume.astype(np.float32, copy=False)
    for axis, factor in enumerate(factors):
        if factor == 1:
            continue
        missing = -mean.shape[axis] % factor
        if missing:
            mean = np.concatenate([mean, np.repeat(mean.take([-1], axis), missing, axis)], axis)
        parts = [mean[(slice(None),) * axis + (slice(start, None, factor),)] for start in range(factor)]
        mean = sum(parts[1:], start=parts[0]) / np.float32(factor)
    return mean


def block_sums(volume: np.ndarray, factors: Sequence[int]) -> np.ndarray:
    """Sums over blocks of `factors` voxels; the last block may hold fewer."""
    for axis, factor in enumerate(factors):
        volume = np.add.reduceat(volume, np.arange(0, volume.shape[axis], factor), axis=axis)
    return volume


def magnified(
    blocks: np.ndarray, factors: Sequence[int], shape: tuple[int, int, int], box: tuple[slice, ...] | None = None
) -> np.ndarray:
    """Linear interpolation of block means to the voxels of a volume of `shape`, or of `box` in it."""
    box = box or tuple(slice(0, n) for n in shape)
    first = np.array([side.start for side in box])
    with warnings.catch_warnings():
        # Before 1.16, scipy tells every caller what changed in 0.18.
        warnings.filterwarnings("ignore", "The behavior of affine_transform with a 1-D", UserWarning)
        return scipy.ndimage.affine_transform(
            blocks,
            1 / np.asarray(factors, float),
            (first - (np.asarray(factors) - 1) / 2) / factors,
            output_shape=tuple(side.stop - side.start for side in box),
            order=1,
            mode="nearest",
            output=np.float32,
        )
