"""The split gradient of total variation, as the alternating direction method of multipliers uses it."""

from __future__ import annotations

import numpy as np

from ..cores import on_all_cores, slabs
from .crop import bounding_box
from .gradient import differences_within

#: Planes of a head that a thread works on at once: some ten volumes of a slab fit into the cache of a core.
_SLAB = 2


class SplitGradient:
    """The split variable z1 = grad x of the total variation and its multiplier, updated slab by slab.

    The multiplier is all that is stored: with v = grad x + u, shrinking gives u' = v min(1, t / |v|), and z - u' =
    v - 2 u' differs from grad x by u - 2 u', in the box of the region only. Differences that cross the border of the
    region or of the volume are not penalised: there u = 0. The same holds for differences that `penalized`, of shape
    (3, k, j, i), leaves out.
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

    def update(self, x: np.ndarray, pull: np.ndarray) -> None:
        """Update the multiplier for x, and write the adjoint gradient of z - u - grad x into `pull`."""
        x, inside = x[self.box], pull[self.box]
        pull.fill(0)
        parts = slabs(len(x), _SLAB, x[0].size)
        edges = on_all_cores(lambda planes: self._update_slab(x, inside, planes), parts)
        for following, edge in zip(parts[1:], edges):
            inside[following.start] += edge

    def _update_slab(self, x: np.ndarray, pull: np.ndarray, planes: slice) -> np.ndarray:
        """Update one slab of the box, and return the pull that it has on the next plane."""
        here, multiplier = x[planes], self.multiplier[:, planes]
        split = np.zeros(multiplier.shape, dtype=np.float32)
        following = x[planes.start + 1 : planes.stop + 1]
        np.subtract(following, here[: len(following)], out=split[0, : len(following)])
        np.subtract(here[:, 1:], here[:, :-1], out=split[1, :, :-1])
        np.subtract(here[:, :, 1:], here[:, :, :-1], out=split[2, :, :, :-1])
        for part, h in zip(split, self.spacing):
            part /= h
        split += multiplier
        split *= self.penalized[:, planes]
        self._shorten(split, planes)
        apart = multiplier - split
        apart -= split
        np.copyto(multiplier, split)

        # Adjoint of the forward difference: (d[-1] - d[0]) / h.
        for part, h in zip(apart, self.spacing):
            part /= h
        out = pull[planes]
        for part in apart:
            out -= part
        out[1:] += apart[0, :-1]
        out[:, 1:] += apart[1, :, :-1]
        out[:, :, 1:] += apart[2, :, :, :-1]
        return apart[0, -1]

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
