"""Table 1: who was studied, by group."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .results import Characteristic, Descriptive
from .statistics.group_comparison import welch_t
from .statistics.proportions import chi_square, fisher_exact
from .statistics.several_groups import welch_anova
from .study import Study

#: Name of the rows of all groups together.
ALL = "all"

#: Columns that say who a subject is rather than what.
_NAMES = ("participant_id", "subject", "map_hash", "software_version")


def table_one(study: Study) -> tuple[Characteristic, ...]:
    """Characteristics of the subjects of each group, at their first visit.

    Variables of the protocol come first, then all other columns of the participants. A column of numbers is given as
    mean and standard deviation and compared by Welch's test; one of labels as counts and compared by the chi-square
    test, or Fisher's exact test for 2 x 2 tables. The tests describe; they belong to no family.
    """
    first = _first_visits(study)
    groups = study.groups()
    names = [group.label for group in study.protocol.groups if np.any(groups[first] == group.label)]
    inside = first[np.isin(groups[first], names)] if names else first
    rows: list[Characteristic] = []
    for variable, column in _variables(study):
        cells = np.array(study.cohort.labels(column))[inside]
        if not np.any(cells != ""):
            continue
        try:
            numbers = study.cohort.numbers(column)[inside]
        except ValueError:
            rows += _of_labels(variable, cells, groups[inside], names)
        else:
            rows += _of_numbers(variable, numbers, groups[inside], names)
    return tuple(rows)


def descriptives(study: Study) -> tuple[Descriptive, ...]:
    """Values of every measure of every region and side of the protocol, by group, over all visits."""
    groups = study.groups()
    names = [group.label for group in study.protocol.groups if np.any(groups == group.label)]
    rows = []
    for target in study.targets():
        try:
            values = study.values(target)
        except ValueError:
            continue  # what is missing is said by the protocol's needs
        facts = {"unit": study.cohort.unit_of(target.measure), "reference": study.cohort.reference}
        for name in names or [ALL]:
            own = values[groups == name] if names else values
            rows.append(Descriptive(target.measure, target.structure, target.side, name, **_described(own), **facts))
    return tuple(rows)


def _described(values: np.ndarray) -> dict[str, float]:
    present = values[np.isfinite(values)]
    counts = {"n": int(present.size), "missing": int(values.size - present.size)}
    if not present.size:
        return counts | dict.fromkeys(("mean", "sd", "median", "p25", "p75", "minimum", "maximum"), float("nan"))
    low, p25, median, p75, high = map(float, np.percentile(present, (0, 25, 50, 75, 100)))
    sd = float(present.std(ddof=1)) if present.size > 1 else float("nan")
    return counts | {
        "mean": float(present.mean()), "sd": sd, "median": median, "p25": p25, "p75": p75, "minimum": low,
        "maximum": high,
    }  # fmt: skip


def _first_visits(study: Study) -> np.ndarray:
    """Position of the first visit of each subject."""
    found: dict[str, int] = {}
    for i, visit in enumerate(study.cohort.visits):
        found.setdefault(visit.subject, i)
    return np.array(list(found.values()), int)


def _variables(study: Study) -> Iterable[tuple[str, str]]:
    """Variables by name, with the column that holds each."""
    taken = {study.column_of("group")}
    for name in study.protocol.variables:
        column = study.column_of(name)
        if column and column not in taken:
            taken.add(column)
            yield name, column
    for column in study.cohort.columns:
        if column not in taken and column not in _NAMES:
            yield column, column


def _of_numbers(variable: str, values: np.ndarray, groups: np.ndarray, names: list[str]) -> list[Characteristic]:
    rows = []
    for name, own in [*((name, values[groups == name]) for name in names), (ALL, values)]:
        present = own[np.isfinite(own)]
        spread = f" ({present.std(ddof=1):.3g})" if present.size > 1 else ""
        summary = f"{present.mean():.4g}{spread}" if present.size else "n/a"
        rows.append(Characteristic(variable, "mean (SD)", name, present.size, own.size - present.size, summary))
    samples = {name: values[groups == name] for name in names}
    constant = [name for name, own in samples.items() if np.unique(own[np.isfinite(own)]).size < 2]
    if constant:
        rows[-1] = Characteristic(*_head(rows[-1]), test=f"not tested: it does not vary in {', '.join(constant)}")
    elif len(samples) > 1:
        try:
            outcome = welch_t(samples) if len(samples) == 2 else welch_anova(samples)
        except ValueError as error:
            rows[-1] = Characteristic(*_head(rows[-1]), test=f"not tested: {error}")
        else:
            rows[-1] = Characteristic(*_head(rows[-1]), test=outcome.method, p=outcome.p)
    return rows


def _of_labels(variable: str, cells: np.ndarray, groups: np.ndarray, names: list[str]) -> list[Characteristic]:
    levels = sorted(set(cells) - {""})
    if len(levels) > max(10, cells.size // 3):
        return []  # names and dates describe no group
    rows = []
    for level in levels:
        for name, own in [*((name, cells[groups == name]) for name in names), (ALL, cells)]:
            count, n = int(np.count_nonzero(own == level)), int(np.count_nonzero(own != ""))
            part = f" ({count / n:.0%})" if n else ""
            rows.append(Characteristic(variable, level, name, n, own.size - n, f"{count}{part}"))
    if len(levels) > 1 and len(names) > 1:
        table = [[np.count_nonzero((groups == name) & (cells == level)) for level in levels] for name in names]
        try:
            outcome = fisher_exact(table) if len(levels) == len(names) == 2 else chi_square(table)
        except ValueError as error:
            rows[-1] = Characteristic(*_head(rows[-1]), test=f"not tested: {error}")
        else:
            rows[-1] = Characteristic(*_head(rows[-1]), test=outcome.method, p=outcome.p)
    return rows


def _head(row: Characteristic) -> tuple:
    return row.variable, row.level, row.group, row.n, row.missing, row.summary
