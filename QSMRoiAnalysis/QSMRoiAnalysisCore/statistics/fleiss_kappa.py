"""Agreement of several readers on categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .observations import check_same_length, labels
from .resampling import bootstrap_by_subject
from .result import Estimate


@dataclass(frozen=True)
class FleissKappa:
    """Agreement of two or more readers beyond chance.

    Attributes
    ----------
    kappa : Estimate
        With an interval by drawing subjects, whose items stay together.
    observed, expected : float
        Part of the pairs of readers that agree on an item, and what chance would give.
    n : int
        Items used.
    subjects : int
    excluded : tuple of int
        Positions of items that a reader did not rate.
    """

    kappa: Estimate
    observed: float
    expected: float
    n: int
    subjects: int
    excluded: tuple[int, ...]


def fleiss_kappa(
    ratings: Mapping[str, Sequence], subject: Sequence | None = None, *, confidence: float = 0.95, seed: int = 0
) -> FleissKappa:
    """Fleiss' kappa of readers who rated the same items.

    Parameters
    ----------
    ratings : mapping of str to sequence of shape (n,)
        Category that each reader gave to each item; items that a reader did not rate are left out.
    subject : sequence, shape (n,), optional
        Whose the items are, such as two sides of one person; by default, each is of its own.
    confidence : float
        Level of the interval.
    seed : int
        Of the random numbers that it is made with.

    Raises
    ------
    ValueError
        If there are fewer than two readers or three subjects, or all ratings are one category.

    Notes
    -----
    For an item that n_j of m readers put into category j, P = sum_j n_j (n_j - 1) / (m (m - 1)). With its mean over
    items and the shares p_j of all ratings, kappa = (mean P - sum p_j^2) / (1 - sum p_j^2).

    References
    ----------
    Fleiss JL. Psychol Bull 1971;76:378-382. https://doi.org/10.1037/h0031619
    """
    if len(ratings) < 2:
        raise ValueError(f"Agreement needs at least two readers, but got {len(ratings)}.")
    columns = {reader: labels(reader, given) for reader, given in ratings.items()}
    check_same_length(columns)
    table = np.column_stack(list(columns.values()))
    kept = (table != "").all(axis=1)
    if not kept.any():
        raise ValueError("No item was rated by all readers.")
    names = np.unique(table[kept])
    counts = np.stack([(table[kept] == name).sum(axis=1) for name in names], axis=1)
    who = np.arange(len(table)) if subject is None else np.asarray(subject, dtype=object)
    drawn = {str(name): counts[:, number] for number, name in enumerate(names)}
    estimate = bootstrap_by_subject(
        lambda rows, _: _parts(np.column_stack(list(rows.values())))[0], drawn, who[kept], confidence=confidence,
        seed=seed,
    )  # fmt: skip
    _, observed, expected = _parts(counts)
    excluded = tuple(int(i) for i in np.flatnonzero(~kept))
    return FleissKappa(estimate, observed, expected, len(counts), len(set(who[kept].tolist())), excluded)


def _parts(counts: np.ndarray) -> tuple[float, float, float]:
    """Kappa, observed and expected agreement from counts of shape (items, categories)."""
    readers = counts[0].sum()
    observed = float(np.mean(np.sum(counts * (counts - 1.0), axis=1)) / (readers * (readers - 1)))
    shares = counts.sum(axis=0) / counts.sum()
    expected = float(shares @ shares)
    if np.isclose(expected, 1):
        raise ValueError("All readers gave one category to all items, so that chance explains all agreement.")
    return (observed - expected) / (1 - expected), observed, expected
