"""Forward differences and their adjoint on a periodic volume."""

from __future__ import annotations

import numpy as np


def gradient(x: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Forward differences along (k, j, i) per mm, shape (3, k, j, i); the first voxel of a line follows its last.

    Parameters
    ----------
    x : ndarray, shape (k, j, i)
    spacing : (float, float, float)
        In mm.
    """
    parts = np.empty((3, *x.shape), dtype=x.dtype)
    for axis, h in enumerate(spacing):
        ahead, back, last, first = _neighbours(axis)
        np.subtract(x[ahead], x[back], out=parts[axis][back])
        np.subtract(x[first], x[last], out=parts[axis][last])
        parts[axis] /= h
    return parts


def adjoint_gradient(parts: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Adjoint of `gradient`, which is minus the divergence: shape (k, j, i)."""
    total = np.zeros(parts.shape[1:], dtype=parts.dtype)
    for axis, h in enumerate(spacing):
        ahead, back, last, first = _neighbours(axis)
        part = parts[axis] / np.asarray(h, dtype=parts.dtype)
        total -= part
        total[ahead] += part[back]
        total[first] += part[last]
    return total


def differences_within(region: np.ndarray) -> np.ndarray:
    """Which forward differences join two voxels of a region: bool, shape (3, k, j, i)."""
    return np.stack([region & np.roll(region, -1, axis) for axis in range(3)])


def _neighbours(axis: int) -> list[tuple[slice, ...]]:
    return [
        (slice(None),) * axis + (s,) for s in (slice(1, None), slice(None, -1), slice(-1, None), slice(0, 1))
    ]
