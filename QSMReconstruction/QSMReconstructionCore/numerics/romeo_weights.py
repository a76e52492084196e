"""ROMEO: how far the phase difference between two neighbouring voxels can be trusted.

Every edge of the 6-neighbour graph gets a weight between 0 and 1, the product of terms `0.1 + 0.9 t` (no single bad
term makes an edge worthless). `t` is 1 where

- phase coherence: the wrapped difference d of the edge is small, ``1 - |d| / pi``;
- gradient coherence: two echoes see the same gradient, ``1 - |d - d2 TE / TE2|``;
- phase linearity: the gradient goes on beyond both ends of the edge, product of ``1 - |second difference| / 2``;
- magnitude coherence: both ends have the same magnitude, ``(smaller / larger)^2``.

References
----------
Dymerska B et al. Phase unwrapping with a rapid opensource minimum spanning tree algorithm (ROMEO). Magn Reson Med 2021;
85:2294-2308. doi: 10.1002/mrm.28563
"""

from __future__ import annotations

import numpy as np

#: What a term keeps of an edge at its worst.
_FLOOR = np.float32(0.1)

#: Phase linearity of an edge at the border of the volume, where there is no voxel beyond to compare with.
_LINEARITY_AT_BORDER = np.float32(0.9)

#: Voxels of a slab: its temporaries stay in the cache.
_SLAB_VOXELS = 1 << 17


def edge_weights(
    phase: np.ndarray,
    *,
    magnitude: np.ndarray | None = None,
    second_phase: np.ndarray | None = None,
    time_ratio: float | None = None,
) -> np.ndarray:
    """Trust in the phase difference from every voxel to its next one along each axis.

    Terms whose data are not given drop out.

    Parameters
    ----------
    phase : ndarray, shape (k, j, i)
        Wrapped phase in rad.
    magnitude : ndarray, shape (k, j, i), optional
        Magnitude belonging to `phase`, in any unit.
    second_phase : ndarray, shape (k, j, i), optional
        Wrapped phase of another echo, in rad.
    time_ratio : float, optional
        Echo time of `phase` over that of `second_phase`. Needed with it.

    Returns
    -------
    ndarray, float32, shape (3, k, j, i)
        Element [a, k, j, i] is the weight, within (0, 1], of the edge from voxel [k, j, i] to the next one along axis
        a; 0 in the last plane along that axis, where there is none.

    Raises
    ------
    ValueError
        If the shapes differ or the time ratio is missing or not positive.
    """
    if phase.ndim != 3:
        raise ValueError(f"phase must have the shape (k, j, i) of one volume, but got {phase.shape}.")
    for name, array in (("magnitude", magnitude), ("second_phase", second_phase)):
        if array is not None and array.shape != phase.shape:
            raise ValueError(f"{name} must have the shape {phase.shape} of the phase, but got {array.shape}.")
    if second_phase is not None and (time_ratio is None or not time_ratio > 0):
        raise ValueError(f"time_ratio must be a positive number where second_phase is given, but got {time_ratio}.")

    weights = np.zeros((3, *phase.shape), np.float32)
    planes = phase.shape[0]
    step = max(1, _SLAB_VOXELS // max(1, phase[0].size))
    for start in range(0, planes, step):
        # One plane before and two after the slab: the linearity of its edges along k looks that far.
        low, high = max(0, start - 1), min(planes, start + step + 2)
        inner = slice(start - low, min(start + step, planes) - low)
        volumes = [
            None if array is None else array[low:high].astype(np.float32, copy=False)
            for array in (phase, magnitude, second_phase)
        ]
        for axis in range(3):
            found = _weights_along(axis, *volumes, time_ratio)
            weights[axis, start : start + step] = found[inner]
    return weights


def voxel_quality(
    phase: np.ndarray,
    *,
    mask: np.ndarray | None = None,
    magnitude: np.ndarray | None = None,
    second_phase: np.ndarray | None = None,
    time_ratio: float | None = None,
) -> np.ndarray:
    """Coherence of each voxel's phase with its neighbours: mean weight of its (up to six) edges.

    Parameters
    ----------
    phase, magnitude, second_phase, time_ratio
        As in `edge_weights`.
    mask : ndarray, bool, shape (k, j, i), optional
        Count only edges between voxels of the mask. All voxels by default.

    Returns
    -------
    ndarray, float32, shape (k, j, i)
        Within [0, 1]: below 0.1 in noise, near 1 in good tissue, 0 for voxels outside the mask or without neighbours.
    """
    weights = edge_weights(phase, magnitude=magnitude, second_phase=second_phase, time_ratio=time_ratio)
    return mean_of_incident(weights, mask)


def mean_of_incident(weights: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Mean weight of the edges that meet in each voxel; `weights` as `edge_weights` gives them.

    Parameters
    ----------
    weights : ndarray, float32, shape (3, k, j, i)
        Weight of the edge from each voxel to its next one along axis k, j, i.
    mask : ndarray, bool, shape (k, j, i), optional
        Count only edges between voxels of the mask.

    Returns
    -------
    ndarray, float32, shape (k, j, i)
    """
    total = np.zeros(weights.shape[1:], np.float32)
    count = np.zeros(weights.shape[1:], np.uint8)
    for axis in range(3):
        here, there = _from(axis), _to(axis)
        edge = weights[axis][here]
        inside = None if mask is None else mask[here] & mask[there]
        if inside is not None:
            edge = edge * inside
        for end in (here, there):
            total[end] += edge
            count[end] += 1 if inside is None else inside
    return np.divide(total, count, out=total, where=count > 0)


def wrapped(phase: np.ndarray) -> np.ndarray:
    """The phase within [-pi, pi], in place.

    Parameters
    ----------
    phase : ndarray, floating point
        In rad; overwritten.

    Returns
    -------
    ndarray
        `phase` itself.
    """
    turns = phase * phase.dtype.type(1 / (2 * np.pi))
    np.rint(turns, out=turns)
    turns *= phase.dtype.type(2 * np.pi)
    phase -= turns
    return phase


def _from(axis: int) -> tuple[slice, ...]:
    return tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))


def _to(axis: int) -> tuple[slice, ...]:
    return tuple(slice(1, None) if a == axis else slice(None) for a in range(3))


def _weights_along(axis, phase, magnitude, second_phase, time_ratio) -> np.ndarray:
    """Weights of all edges along one axis, with a last plane of zeros."""
    result = np.zeros(phase.shape, np.float32)
    here, there = _from(axis), _to(axis)
    weight = result[here]
    if not weight.size:
        return result

    difference = wrapped(phase[there] - phase[here])
    term = np.abs(difference)
    term *= np.float32(-1 / np.pi)
    term += 1
    weight[...] = _floored(term)

    if second_phase is not None:
        np.subtract(second_phase[there], second_phase[here], out=term)
        term = wrapped(term)
        term *= np.float32(time_ratio)
        np.subtract(difference, term, out=term)
        np.abs(term, out=term)
        np.subtract(1, term, out=term)
        weight *= _floored(np.maximum(term, 0, out=term))

    bend = wrapped(difference[there] - difference[here])
    np.abs(bend, out=bend)
    bend *= np.float32(-0.5)
    bend += 1
    np.maximum(bend, 0, out=bend)
    term[...] = _LINEARITY_AT_BORDER
    inner = tuple(slice(1, -1) if a == axis else slice(None) for a in range(3))
    if bend.shape[axis] > 1:
        np.multiply(bend[here], bend[there], out=term[inner])
    weight *= _floored(term)

    if magnitude is not None:
        larger = np.maximum(magnitude[there], magnitude[here])
        np.minimum(magnitude[there], magnitude[here], out=term)
        np.divide(term, larger, out=term, where=larger > 0)
        term *= term
        weight *= _floored(term)
    return result


def _floored(term: np.ndarray) -> np.ndarray:
    term *= 1 - _FLOOR
    term += _FLOOR
    return term
