"""Observations as they come from tables: numbers with gaps, labels of groups, rows that must be complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

#: Labels that say that there is none.
_NO_LABEL = ("", "n/a", "nan", "None")


def numbers(name: str, values: ArrayLike) -> np.ndarray:
    """A column of numbers as float64, NaN where a value is missing.

    Parameters
    ----------
    name : str
        What the column is called in messages.
    values : array_like, shape (n,)
        Numbers; None and NaN are missing values.

    Raises
    ------
    ValueError
        If the column is empty or not one-dimensional, or holds text or infinite values.
    """
    raw = np.asarray(values, dtype=object)
    if raw.ndim != 1 or not raw.size:
        raise ValueError(f"{name}: expected a list of at least one number, but got the shape {raw.shape}.")
    text = [(i, value) for i, value in enumerate(raw) if isinstance(value, (str, bytes))]
    if text:
        i, value = text[0]
        raise ValueError(
            f"{name}: {len(text)} value(s) are text and not numbers; the first is {value!r} at position {i}. "
            "Correct them or mark them as missing."
        )
    try:
        column = np.array([np.nan if value is None else value for value in raw], dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected numbers, but got values such as {raw[0]!r}.") from None
    infinite = np.flatnonzero(np.isinf(column))
    if infinite.size:
        raise ValueError(
            f"{name}: {infinite.size} value(s) are infinite, the first at position {infinite[0]}. "
            "Correct them or mark them as missing."
        )
    return column


def labels(name: str, values: Sequence) -> np.ndarray:
    """A column of labels as text, empty where a label is missing."""
    raw = np.asarray(values, dtype=object)
    if raw.ndim != 1 or not raw.size:
        raise ValueError(f"{name}: expected a list of at least one label, but got the shape {raw.shape}.")
    column = [str(value).strip() for value in raw]
    return np.array(["" if value in _NO_LABEL else value for value in column], dtype=str)


def complete_rows(columns: Mapping[str, ArrayLike]) -> tuple[dict[str, np.ndarray], tuple[int, ...]]:
    """Columns of the same rows, without the rows that lack a number.

    Parameters
    ----------
    columns : mapping of str to array_like
        Numbers by the name of their column.

    Returns
    -------
    complete : dict of str to ndarray
        The columns without incomplete rows.
    excluded : tuple of int
        Positions of the rows left out.

    Raises
    ------
    ValueError
        If columns differ in length, hold anything but numbers, or no row is complete.
    """
    arrays = {name: numbers(name, values) for name, values in columns.items()}
    check_same_length(arrays)
    kept = np.all([np.isfinite(values) for values in arrays.values()], axis=0)
    if not kept.any():
        raise ValueError(f"No row has a value in all of {', '.join(arrays)}: {kept.size} of {kept.size} were left out.")
    return {name: values[kept] for name, values in arrays.items()}, positions(~kept)


def check_same_length(columns: Mapping[str, np.ndarray]) -> None:
    """Refuse columns that do not belong to the same rows."""
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ValueError(f"Columns must have one value for each row, but their lengths differ: {listed}.")


def positions(which: np.ndarray) -> tuple[int, ...]:
    """Where a mask is true, as plain integers."""
    return tuple(int(i) for i in np.flatnonzero(which))


def present_in_groups(
    groups: Mapping[str, ArrayLike], *, least: int, test: str, count: int | None = None
) -> tuple[dict[str, np.ndarray], dict[str, tuple[int, ...]]]:
    """Values of each group without the missing ones.

    Parameters
    ----------
    groups : mapping of str to array_like
        Values by the name of the group.
    least : int
        Values that each group must have.
    test : str
        What needs them, for messages.
    count : int, optional
        Number of groups that the test takes; by default two or more.

    Returns
    -------
    present : dict of str to ndarray
        Values of each group.
    excluded : dict of str to tuple of int
        Positions of the missing values in each group.

    Raises
    ------
    ValueError
        If there are too few or too many groups, one is too small, or all values are the same.
    """
    if len(groups) < 2 or (count is not None and len(groups) != count):
        wanted = "two or more" if count is None else str(count)
        raise ValueError(f"{test} takes {wanted} groups, but got {len(groups)} ({', '.join(map(str, groups))}).")
    arrays = {str(name): numbers(f"Group {name}", values) for name, values in groups.items()}
    excluded = {name: positions(np.isnan(values)) for name, values in arrays.items()}
    present = {name: values[np.isfinite(values)] for name, values in arrays.items()}
    for name, values in present.items():
        if values.size < least:
            raise ValueError(
                f"{test} needs at least {least} value(s) in each group, but {name} has {values.size}"
                f" (and {len(excluded[name])} missing). Leave the group out or add subjects."
            )
    together = np.concatenate(list(present.values()))
    if np.ptp(together) == 0:
        raise ValueError(f"{test}: all {together.size} values are {together[0]:g}, so there is nothing to compare.")
    return present, excluded


def split_by(values: ArrayLike, group: Sequence) -> tuple[dict[str, np.ndarray], tuple[int, ...]]:
    """Values by the label of their group, in the order in which the groups first occur.

    Returns
    -------
    groups : dict of str to ndarray
        Values of each group, missing ones included.
    excluded : tuple of int
        Positions of the rows that have no group.
    """
    column, label = numbers("Values", values), labels("Group", group)
    check_same_length({"Values": column, "Group": label})
    names = [str(name) for name in dict.fromkeys(label) if name]
    return {name: column[label == name] for name in names}, positions(label == "")


def check_varies(name: str, values: np.ndarray) -> None:
    """Refuse a column whose values are all the same."""
    if np.ptp(values) == 0:
        raise ValueError(f"{name}: all {values.size} values are {values[0]:g}, so it explains and varies nothing.")
