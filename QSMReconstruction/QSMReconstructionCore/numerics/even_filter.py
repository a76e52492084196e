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
        self.values = transfer[: k // 2 + 1, : j // 2 + 1].copy()
        self._parts = [
            ((here_k, here_j), (there_k, there_j))
            for here_k, there_k in _both_signs(k) for here_j, there_j in _both_signs(j)
        ]  # fmt: skip

    def applied(self, spectrum: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """The spectrum of a filtered volume from that of the volume; `out` may be the spectrum itself."""
        out = np.empty_like(spectrum) if out is None else out
        for here, there in self._parts:
            np.multiply(spectrum[here], self.values[there], out=out[here])
        return out


def _both_signs(n: int) -> tuple[tuple[slice, slice], ...]:
    """Where the frequencies of an axis of length n lie, and the non-negative ones of the same size."""
    rest = n - (n // 2 + 1)
    return (slice(0, n // 2 + 1), slice(None)), (slice(n // 2 + 1, n), slice(rest, 0, -1))
