"""How far readers agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from ..statistics.agreement import kappa_of_counts
from ..statistics.fleiss_kappa import fleiss_kappa
from ..statistics.proportions import proportion
from ..statistics.resampling import bootstrap_by_subject
from ..statistics.result import Estimate
from .sheet import SIDES, Item, Ratings

#: What stands for all places together.
ALL = "all"
_NAN = float("nan")


def _column(description: str):
    return field(metadata={"description": description, "unit": ""})


@dataclass(frozen=True)
class AgreementRow:
    """One measure of agreement; value and limits are NaN where the ratings do not determine them."""

    scale: str = _column("Name of the scale")
    readers: str = _column("Whose readings are compared")
    place: str = _column("Side, or all of them")
    statistic: str = _column("agreement, kappa, kappa with linear or quadratic weights, or Fleiss' kappa")
    value: float = _column("The agreement is a part of 1")
    low: float = _column("Lower limit of the 95 % interval")
    high: float = _column("Upper limit of the 95 % interval")
    n: int = _column("Items that all of these readers scored")
    subjects: int = _column("Subjects whose items they are")
    not_read: int = _column("Items that one of them could not read")
    interval: str = _column("How the interval was made")
    remark: str = _column("What limits the value")


def agreement_rows(ratings: Ratings, *, weights: str = "linear", seed: int = 0) -> tuple[AgreementRow, ...]:
    """Agreement of each two readers and of all of them, for each side and for all items.

    Parameters
    ----------
    ratings : Ratings
        Of two readers or more.
    weights : {"linear", "quadratic"}
        How partial agreement counts on a scale that has an order; the kappa without weights is given as well.
    seed : int
        Of the intervals for items of which subjects have several: these are not independent, so subjects are drawn.

    Raises
    ------
    ValueError
        If there is one reader alone, or the weights are unknown.
    """
    if len(ratings.readers) < 2:
        raise ValueError(f"Agreement needs at least two readers, but the sheets are of {', '.join(ratings.readers)}.")
    if weights not in ("linear", "quadratic"):
        raise ValueError(f"The weights are {weights!r}; choose linear or quadratic.")
    places = [ALL, *(SIDES if ratings.scale.per == "side" else ())]
    groups = [*combinations(ratings.readers, 2), *([ratings.readers] if len(ratings.readers) > 2 else [])]
    return tuple(row for place in places for group in groups for row in _rows(ratings, group, place, weights, seed))


def _rows(ratings: Ratings, readers: Sequence[str], place: str, weights: str, seed: int) -> list[AgreementRow]:
    here = [position for position, item in enumerate(ratings.items) if place in (ALL, item.place)]
    columns = [[ratings.scores[reader][position] for position in here] for reader in readers]
    read = [number for number in range(len(here)) if all(column[number] for column in columns)]
    columns = [[column[number] for number in read] for column in columns]
    items: list[Item] = [ratings.items[here[number]] for number in read]
    subjects = [item.subject for item in items]
    several = len(set(subjects)) < len(subjects)

    def row(statistic: str, value: Estimate, remark: str = "") -> AgreementRow:
        return AgreementRow(
            ratings.scale.name, ", ".join(readers), place, statistic, value.value, value.low, value.high, len(items),
            len(set(subjects)), len(here) - len(read), value.method, remark,
        )

    if not items:
        return [row("agreement", _unknown(), "no item was scored by all of them")]
    codes = {reader: np.array([ratings.scale.values.index(score) for score in column], float)
             for reader, column in zip(readers, columns)}  # fmt: skip
    same = np.array([len(set(scores)) == 1 for scores in zip(*columns)])
    if several:
        whole = _by_subject(lambda rows, _: rows["same"].mean(), {"same": same.astype(float)}, subjects, seed)
    else:
        whole = proportion(int(same.sum()), same.size)
    rows = [row("agreement", whole)]
    if len(readers) > 2:
        return [*rows, _row_of(row, "Fleiss' kappa", lambda: fleiss_kappa(dict(zip(readers, columns)), subjects,
                                                                          seed=seed).kappa)]  # fmt: skip
    for scheme in ("none", *([weights] if ratings.scale.ordered and len(ratings.scale.values) > 2 else ())):
        name = "kappa" if scheme == "none" else f"kappa with {scheme} weights"

        def of_rows(rows, _, scheme=scheme):
            return _kappa(*(rows[reader] for reader in readers), ratings.scale.values, scheme).value

        rows.append(_row_of(
            row, name,
            (lambda of_rows=of_rows: _by_subject(of_rows, codes, subjects, seed)) if several
            else (lambda scheme=scheme: _kappa(*codes.values(), ratings.scale.values, scheme)),
        ))  # fmt: skip
    return rows


def _row_of(row, statistic: str, compute) -> AgreementRow:
    try:
        return row(statistic, compute())
    except ValueError as reason:  # such as one category alone, of which kappa is not defined
        return row(statistic, _unknown(), str(reason))


def _kappa(first: np.ndarray, second: np.ndarray, values: Sequence[str], scheme: str) -> Estimate:
    counts = np.zeros((len(values), len(values)), int)
    np.add.at(counts, (first.astype(int), second.astype(int)), 1)
    return kappa_of_counts(counts, categories=values, weights=scheme).kappa


def _by_subject(estimate, columns, subjects: Sequence[str], seed: int) -> Estimate:
    if len(set(subjects)) < 3:
        value = float(estimate(columns, np.array(subjects)))
        return Estimate(value, _NAN, _NAN, 0.95, "none: fewer than 3 subjects")
    return bootstrap_by_subject(estimate, columns, subjects, seed=seed)


def _unknown() -> Estimate:
    return Estimate(_NAN, _NAN, _NAN, 0.95, "")
