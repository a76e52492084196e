"""Filters that are even along every axis, kept at the frequencies that tell all others."""

from __future__ import annotations

import numpy as np


class EvenFilter:
    """A real transfer function that is even along every axis, such as that of a sphere or a box of voxels.

    Only non-negative frequencies are kept: a quarter of those that `fourier.forward` gives.

    Parameters
    ----------
    transfer : ndarray, float32
        Values at the frequencies of `fourier.forward`, or at the non-negative ones alone.
    shape : (int, int, int)
        Shape (k, j, i) of the volumes to filter.
    """

    def __init__(self, transfer: np.ndarray, shape: tuple[int, int, int]) -> None:
        k, j = shape[:2]
        self.values = np.array(transfer[: k // 2 + 1, : j // 2 + 1], order="C")
        self._rows, self._columns = _positive(k), _positive(j)

    def at(self, some: slice) -> np.ndarray:
        """The transfer function at some frequencies along j, and at all others."""
        return self.values[self._rows[:, None], self._columns[some]]


def _positive(n: int) -> np.ndarray:
    """For each frequency of an axis of length n, which of the non-negative ones has its size."""
    return np.minimum(np.arange(n), n - np.arange(n))
