"""Gray-level co-occurrence matrix (GLCM): which levels lie side by side."""

from __future__ import annotations

import numpy as np

from .gray_levels import DIRECTIONS, neighbor


def cooccurrence_matrix(levels: np.ndarray) -> np.ndarray:
    """Count the pairs of levels of neighbors.

    Parameters
    ----------
    levels : ndarray, int, shape (k, j, i)
        Gray levels from 1; 0 outside the region.

    Returns
    -------
    ndarray, float64, shape (n, n)
        Symmetric counts over the 13 directions, n being the highest level. Entry [0, 1] is for levels 1 and 2.
    """
    highest = int(levels.max())
    counts = np.zeros((highest + 1) ** 2)
    for step in DIRECTIONS:
        beside = neighbor(levels, step)
        pair = (levels > 0) & (beside > 0)
        counts += np.bincount(levels[pair] * (highest + 1) + beside[pair], minlength=counts.size)
    counts = counts.reshape(highest + 1, highest + 1)[1:, 1:]
    return counts + counts.T


def cooccurrence_features(levels: np.ndarray) -> dict[tuple[str, str], float]:
    """Features of the co-occurrence matrix of all directions together.

    Parameters
    ----------
    levels : ndarray, int, shape (k, j, i)
        Gray levels from 1; 0 outside the region.

    Returns
    -------
    dict of (str, str) to float
        (Name, IBSI code) -> value. All NaN where no two voxels of the region touch; correlations are NaN where all
        pairs have the same levels.
    """
    counts = cooccurrence_matrix(levels)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {name: float(value) for name, value in _features(counts / counts.sum()).items()}


def _features(p: np.ndarray) -> dict[tuple[str, str], float]:
    n = len(p)
    i, j = np.arange(1, n + 1)[:, None], np.arange(1, n + 1)[None]
    apart = np.abs(i - j)
    level, marginal = np.arange(1, n + 1), p.sum(axis=1)
    mean = np.sum(level * marginal)
    variance = np.sum((level - mean) ** 2 * marginal)
    difference = np.bincount(apart.ravel(), p.ravel())
    total = np.bincount((i + j).ravel(), p.ravel())
    steps, sums = np.arange(difference.size), np.arange(total.size)
    difference_mean, sum_mean = np.sum(steps * difference), np.sum(sums * total)
    entropy = _entropy(p)
    product = np.outer(marginal, marginal)
    cross = -np.sum(p[product > 0] * np.log2(product[product > 0]))
    off = apart > 0
    return {
        ("joint maximum", "GYBY"): p.max(),
        ("joint average", "60VM"): np.sum(i * p),
        ("joint variance", "UR99"): np.sum((i - mean) ** 2 * p),
        ("joint entropy", "TU9B"): entropy,
        ("difference average", "TF7R"): difference_mean,
        ("difference variance", "D3YU"): np.sum((steps - difference_mean) ** 2 * difference),
        ("difference entropy", "NTRS"): _entropy(difference),
        ("sum average", "ZGXS"): sum_mean,
        ("sum variance", "OEEB"): np.sum((sums - sum_mean) ** 2 * total),
        ("sum entropy", "P6QZ"): _entropy(total),
        ("angular second moment", "8ZQL"): np.sum(p**2),
        ("contrast", "ACUI"): np.sum(apart**2 * p),
        ("dissimilarity", "8S9J"): np.sum(apart * p),
        ("inverse difference", "IB1Z"): np.sum(p / (1 + apart)),
        ("normalized inverse difference", "NDRX"): np.sum(p / (1 + apart / n)),
        ("inverse difference moment", "WF0Z"): np.sum(p / (1 + apart**2)),
        ("normalized inverse difference moment", "1QCO"): np.sum(p / (1 + (apart / n) ** 2)),
        ("inverse variance", "E8JP"): np.sum(p[off] / apart[off] ** 2),
        ("correlation", "NI2N"): np.sum((i - mean) * (j - mean) * p) / variance,
        ("autocorrelation", "QWB0"): np.sum(i * j * p),
        ("cluster tendency", "DG8W"): np.sum((i + j - 2 * mean) ** 2 * p),
        ("cluster shade", "7NFM"): np.sum((i + j - 2 * mean) ** 3 * p),
        ("cluster prominence", "AE86"): np.sum((i + j - 2 * mean) ** 4 * p),
        ("information correlation 1", "R8DG"): (entropy - cross) / _entropy(marginal),
        # The levels of one side are those of the other, so the two cross entropies of IBSI are the same.
        ("information correlation 2", "JN9H"): np.sqrt(1 - np.exp(-2 * max(_entropy(product) - entropy, 0.0))),
    }


def _entropy(p: np.ndarray) -> float:
    return -np.sum(p[p > 0] * np.log2(p[p > 0])) if np.isfinite(p).all() else float("nan")
