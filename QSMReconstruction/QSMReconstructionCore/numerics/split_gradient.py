"""The split gradient of total variation, as the alternating direction method of multipliers uses it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .crop import bounding_box
from .fourier import available_cores
from .gradient import differences_within


class SplitGradient:
    """The split variable z1 = grad x of the total variation and its multiplier, updated slab by slab.

    The multiplier is all that is stored: with v = grad x + u, shrinking gives u = v min(1, t / |v|) and z - u = v - 2u.
    Differences that cross the border of the region are not penalised: there u = 0. The same holds for differences that
    `penalized`, of shape (3, k, j, i), leaves out. So the multiplier is stored in the box of the region.
    """

    def __init__(
        self,
        region: np.ndarray,
        spacing: tuple[float, float, float],
        threshold: np.float32,
        penalized: np.ndarray | None = None,
    ) -> None:
        self.spacing = tuple(np.float32(h) for h in spacing)
        self.threshold = threshold
        penalized = differences_within(region) if penalized is None else penalized
        self.box = bounding_box(region | penalized.any(axis=0))
        self.penalized = np.ascontiguousarray(penalized[(slice(None), *self.box)])
        self.multiplier = np.zeros(self.penalized.shape, dtype=np.float32)
        self.slabs = [slice(s, min(s + 8, region.shape[0])) for s in range(0, region.shape[0], 8)]

    def update(self, x: np.ndarray, divergence: np.ndarray) -> None:
        """Update the multiplier for x, and write the adjoint gradient of z - u into `divergence`."""
        with ThreadPoolExecutor(available_cores()) as pool:
            edges = list(pool.map(lambda slab: self._update_slab(x, divergence, slab), self.slabs))
        for slab, edge in zip(self.slabs, edges):
            divergence[slab.stop % x.shape[0]] += edge

    def _update_slab(self, x: np.ndarray, divergence: np.ndarray, slab: slice) -> np.ndarray:
        following = slab.stop % x.shape[0]
        here = x[slab]
        split = np.empty((3, *here.shape), dtype=np.float32)
        np.subtract(here[1:], here[:-1], out=split[0, :-1])
        np.subtract(x[following], here[-1], out=split[0, -1])
        for axis in (1, 2):
            ahead, back, last, first = (
                [slice(None)] * axis + [s] for s in (slice(1, None), slice(None, -1), slice(-1, None), slice(0, 1))
            )
            for target, source in ((back, ahead), (last, first)):
                np.subtract(here[tuple(source)], here[tuple(target)], out=split[axis][tuple(target)])
        for axis, h in enumerate(self.spacing):
            split[axis] /= h
        self._shrink(split, slab)

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

    def _shrink(self, split: np.ndarray, slab: slice) -> None:
        """Update the multiplier from the gradient in a slab, which becomes z - u."""
        planes, *sides = self.box
        start, stop = max(slab.start, planes.start), min(slab.stop, planes.stop)
        if start >= stop:
            return
        inside = split[(slice(None), slice(start - slab.start, stop - slab.start), *sides)]
        own = slice(start - planes.start, stop - planes.start)
        multiplier = self.multiplier[:, own]
        inside += multiplier
        np.multiply(inside, self.penalized[:, own], out=multiplier)
        self._shorten(multiplier, own)
        inside -= 2 * multiplier

    def _shorten(self, multiplier: np.ndarray, slab: slice) -> None:
        """Cut the vectors of a slab of the multiplier, counted in its box, down to the threshold."""
        length = np.sqrt(np.einsum("akji,akji->kji", multiplier, multiplier))
        np.maximum(length, self.threshold, out=length)
        np.divide(self.threshold, length, out=length)
        multiplier *= length


class SplitDifferences(SplitGradient):
    """The split of a total variation whose three differences count by themselves: sum_a w_a |d_a x| in each voxel.

    Shrinking v = grad x + u gives u_a = v_a, but no more than w_a t in size. Where differences have weights of their
    own, the length of the weighted gradient has no shrinkage in closed form.

    Parameters
    ----------
    region, spacing, threshold
        As for `SplitGradient`.
    weights : ndarray, float32, shape (3, k, j, i)
        w, not negative; 0 where a difference is not penalised.
    """

    def __init__(
        self, region: np.ndarray, spacing: tuple[float, float, float], threshold: np.float32, weights: np.ndarray
    ) -> None:
        super().__init__(region, spacing, threshold, weights > 0)
        self.largest = self.threshold * weights[(slice(None), *self.box)]

    def _shorten(self, multiplier: np.ndarray, slab: slice) -> None:
        largest = self.largest[:, slab]
        np.clip(multiplier, -largest, largest, out=multiplier)
