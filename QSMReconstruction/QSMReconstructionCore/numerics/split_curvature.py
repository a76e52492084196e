"""The split gradient of total generalized variation, as the alternating direction method of multipliers uses it."""

from __future__ import annotations

import numpy as np

from ..cores import of_slabs
from .gradient import adjoint_gradient, around, differences, differences_within, gradient

#: Pairs of axes of a symmetric tensor, and how often each counts in its norm.
_PAIRS = ((0, 0, 1), (1, 1, 1), (2, 2, 1), (0, 1, 2), (0, 2, 2), (1, 2, 2))

#: Change of the slope over a length that is smoothed, relative to the threshold of the gradient, at which the split
#: curvature starts to differ from zero. It sets the speed of convergence, not the solution.
_BEND = 4.0

#: Planes of a head that a thread works on at once, besides one on each side.
_SLAB = 6


class SplitCurvature:
    """The splits of total generalized variation, min over v of sum |grad x - v| + c sum |sym grad v|.

    A drop-in for `SplitGradient`, which is the limit of large c. The multipliers u1 of grad x - v and u0 of sym grad v
    are all that is stored besides v: for a = grad x - v + u1, shrinking gives u1' = a min(1, t / |a|) and
    z1 - u1' = a - 2 u1', which with v differs from grad x inside the region only. The slope v takes one step down the
    gradient of its quadratic problem each time, with the extrapolated multipliers that make this the step of a
    primal-dual method. Differences that cross the border of the region are not penalised.

    Parameters
    ----------
    region : ndarray, bool, shape (k, j, i)
    spacing : (float, float, float)
        In mm.
    threshold : float32
        t, in ppm/mm.
    length : float
        c, in mm: structures shorter than it are taken for steps, longer ones for slopes.
    """

    def __init__(
        self, region: np.ndarray, spacing: tuple[float, float, float], threshold: np.float32, length: float
    ) -> None:
        self.spacing = spacing
        self.threshold = threshold
        smallest = min(spacing)
        self.bend_threshold = np.float32(_BEND * threshold / smallest)
        #: Penalty of the curvature relative to that of the gradient.
        self.ratio = np.float32(length * threshold / self.bend_threshold)
        # ||sym grad||^2 <= ||grad||^2 <= 4 sum 1/h^2
        self.step = np.float32(1 / (1 + self.ratio * sum(4 / h**2 for h in spacing)))
        self.within = differences_within(region)
        # Where all of sym grad v lies in the region: v is known in this voxel and in the three before it.
        known = self.within.all(axis=0)
        self.bent = known.copy()
        for axis in range(3):
            self.bent &= np.roll(known, 1, axis)
        shape = region.shape
        self.multiplier = np.zeros((3, *shape), dtype=np.float32)
        self.bend_multiplier = np.zeros((6, *shape), dtype=np.float32)
        self.slope = np.zeros((3, *shape), dtype=np.float32)

    def update(self, x: np.ndarray, pull: np.ndarray) -> None:
        """Update slope and multipliers for x, and write the adjoint gradient of z1 - u1 + v - grad x into `pull`."""
        apart, bend = np.empty_like(self.slope), np.empty_like(self.bend_multiplier)
        for step in (
            lambda planes: self._shrink(x, apart, bend, planes),
            lambda planes: self._change_slope(apart, bend, planes),
            lambda planes: np.copyto(pull[planes], adjoint_gradient(around(apart, planes), self.spacing)[1:-1]),
        ):
            of_slabs(step, len(x), _SLAB, x[0].size)

    def _shrink(self, x: np.ndarray, apart: np.ndarray, bend: np.ndarray, planes: slice) -> None:
        """Update the multipliers of a slab; write z1 - u1 + v - grad x to `apart`, the extrapolated u0 to `bend`."""
        here, multiplier = apart[:, planes], self.multiplier[:, planes]
        np.copyto(here, multiplier)
        slope = around(self.slope, planes)
        multiplier += gradient(around(x, planes), self.spacing)[:, 1:-1]
        multiplier -= slope[:, 1:-1]
        multiplier *= self.within[:, planes]
        _limit(multiplier, self.threshold, (1, 1, 1))
        here -= 2 * multiplier

        bend, multiplier = bend[:, planes], self.bend_multiplier[:, planes]
        np.negative(multiplier, out=bend)
        multiplier += symmetric_gradient(slope, self.spacing)[:, 1:-1]
        multiplier *= self.bent[planes]
        _limit(multiplier, self.bend_threshold, [count for _, _, count in _PAIRS])
        bend += 2 * multiplier

    def _change_slope(self, apart: np.ndarray, bend: np.ndarray, planes: slice) -> None:
        """One step of the slope of a slab."""
        here = apart[:, planes]
        change = adjoint_symmetric_gradient(around(bend, planes), self.spacing)[:, 1:-1]
        change *= self.ratio
        change += here
        change *= self.within[:, planes]
        change *= self.step
        self.slope[:, planes] -= change
        here -= change


def symmetric_gradient(v: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Symmetric part of the backward differences of a vector field, shape (6, k, j, i): kk, jj, ii, kj, ki, ji.

    Parameters
    ----------
    v : ndarray, shape (3, k, j, i)
        Per mm, as `gradient` gives it; the first voxel of a line follows its last.
    spacing : (float, float, float)
        In mm.
    """
    parts = np.empty((6, *v.shape[1:]), dtype=v.dtype)
    other = np.empty_like(v[0])
    for part, (a, b, _) in zip(parts, _PAIRS):
        if a == b:
            differences(v[a], a, spacing[a], part, backward=True)
        else:
            differences(v[b], a, 2 * spacing[a], part, backward=True)
            part += differences(v[a], b, 2 * spacing[b], other, backward=True)
    return parts


def adjoint_symmetric_gradient(parts: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Adjoint of `symmetric_gradient` for the norm that counts the off-diagonal parts twice: shape (3, k, j, i)."""
    v = np.zeros((3, *parts.shape[1:]), dtype=parts.dtype)
    difference = np.empty_like(parts[0])
    for part, (a, b, _) in zip(parts, _PAIRS):
        v[b] -= differences(part, a, spacing[a], difference)  # the adjoint of backward differences
        if a != b:
            v[a] -= differences(part, b, spacing[b], difference)
    return v


def _limit(parts: np.ndarray, longest: np.float32, counts) -> None:
    """Shorten vectors or tensors to a length, in place."""
    length, square = np.zeros_like(parts[0]), np.empty_like(parts[0])
    for count, part in zip(counts, parts):
        np.multiply(part, part, out=square)
        if count != 1:
            square *= np.float32(count)
        length += square
    np.sqrt(length, out=length)
    np.maximum(length, longest, out=length)
    np.divide(longest, length, out=length)
    parts *= length
