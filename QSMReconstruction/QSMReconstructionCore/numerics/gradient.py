"""Forward differences and their adjoint on a periodic volume."""

from __future__ import annotations

import numpy as np

from ..cores import of_slabs

#: Planes of a head that a thread works on at once, besides one on each side.
_SLAB = 6


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
        differences(x, axis, h, parts[axis])
    return parts


def adjoint_gradient(parts: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Adjoint of `gradient`, which is minus the divergence: shape (k, j, i)."""
    total = np.zeros(parts.shape[1:], dtype=parts.dtype)
    difference = np.empty_like(total)
    for axis, h in enumerate(spacing):
        total -= differences(parts[axis], axis, h, difference, backward=True)
    return total


def weighted_laplacian(x: np.ndarray, weights: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Adjoint gradient of the weighted gradient, on all cores: shape (k, j, i), minus the Laplacian for weights of 1.

    Parameters
    ----------
    x : ndarray, shape (k, j, i)
    weights : ndarray, shape (3, k, j, i)
        Of the forward differences.
    spacing : (float, float, float)
        In mm.
    """
    result = np.empty_like(x)

    def of_planes(planes: slice) -> None:
        parts = gradient(around(x, planes), spacing)
        parts *= around(weights, planes)
        result[planes] = adjoint_gradient(parts, spacing)[1:-1]

    of_slabs(of_planes, len(x), _SLAB, x[0].size)
    return result


def around(volumes: np.ndarray, planes: slice) -> np.ndarray:
    """Copy of a slab and one plane on each side of it; the first plane follows the last."""
    return volumes.take(range(planes.start - 1, planes.stop + 1), axis=-3, mode="wrap")


def differences_within(region: np.ndarray) -> np.ndarray:
    """Which forward differences join two voxels of a region: bool, shape (3, k, j, i)."""
    return np.stack([region & np.roll(region, -1, axis) for axis in range(3)])


def differences(x: np.ndarray, axis: int, h: float, out: np.ndarray, *, backward: bool = False) -> np.ndarray:
    """Differences of neighbours along an axis over h, each in the first of the two voxels, or, backward, the second.

    The first voxel of a line follows its last. Returns `out`, of the shape of x.
    """
    ahead, back, last, first = (
        (slice(None),) * axis + (part,) for part in (slice(1, None), slice(None, -1), slice(-1, None), slice(0, 1))
    )
    inside, edge = (ahead, first) if backward else (back, last)
    np.subtract(x[ahead], x[back], out=out[inside])
    np.subtract(x[first], x[last], out=out[edge])
    out /= h
    return out
