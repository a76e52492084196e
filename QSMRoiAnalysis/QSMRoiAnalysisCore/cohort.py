"""A cohort: measures of regions of all subjects, joined with what is known of the participants."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

import numpy as np

from .maps import UNITS
from .measures import Measurement
from .table import MISSING

#: What BIDS calls the column of subjects.
SUBJECT = "participant_id"

#: Measures of other maps are called this and the name of the map.
OTHER_MAP = "mean_of_"

#: Cells that say that a value is missing.
_MISSING = ("", MISSING, "NA", "NaN", "nan")

#: Columns of tables that are no measures.
_KEYS = ("region", "side", "label", "reference", "unit", "map", "subject", "visit", "lesion", "time_years")

#: Columns that hold the time of visits: in years, as age, and as dates.
_YEARS, _DATES = ("time_years", "years"), ("date", "acq_time")
_DAYS_OF_YEAR = 365.25


class Visit(NamedTuple):
    """One session of one subject, empty where there is only one, or one lesion then."""

    subject: str
    session: str = ""
    lesion: str = ""


@dataclass(frozen=True)
class Cohort:
    """Measures of regions of all visits, and the participants they belong to.

    Columns come with one value for each visit, in the order of `visits`, so that they can be handed to the functions
    of `statistics` side by side; NaN and empty labels are missing values.

    Parameters
    ----------
    visits : tuple of Visit
        In the order of the list of participants, sessions sorted.
    unit : {"ppm", "ppb"}
        Of all susceptibilities.
    measurements : mapping of (Visit, str, str) to Measurement
        By visit, region and side.
    participants : mapping of str to mapping of str to str
        Cells by column and subject.
    remarks : tuple of str
        What was left out, and why.
    sessions : mapping of str to mapping of Visit to str
        Cells by column and visit, for what differs between visits, such as age; they go before those of the subject.
    computed : mapping of (str, str, str) to ndarray of shape (visits,)
        By measure, region and side: values that come from no row of their own, such as harmonized ones, which take the
        place of those measured, and means of other maps.
    """

    visits: tuple[Visit, ...]
    unit: str
    measurements: Mapping[tuple[Visit, str, str], Measurement]
    participants: Mapping[str, Mapping[str, str]]
    remarks: tuple[str, ...]
    sessions: Mapping[str, Mapping[Visit, str]] = field(default_factory=dict)
    computed: Mapping[tuple[str, str, str], np.ndarray] = field(default_factory=dict)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Columns of participants and visits."""
        return tuple(dict.fromkeys((*self.participants, *self.sessions)))

    @cached_property
    def reference(self) -> str:
        """What susceptibilities are relative to; names joined by "or" where rows differ, empty where it is unknown."""
        return " or ".join(dict.fromkeys(row.reference for row in self.measurements.values() if row.reference))

    @cached_property
    def regions(self) -> tuple[tuple[str, str], ...]:
        """Region and side of all that was measured, in the order of the tables."""
        keys = (*self.measurements, *self.computed)
        return tuple(dict.fromkeys((region, side) for _, region, side in keys))

    @cached_property
    def measures(self) -> tuple[str, ...]:
        """Names of the measures that any row has."""
        names = [column.name for kind in self._kinds for column in fields(kind) if column.type not in ("str", str)]
        computed = (measure for measure, _, _ in self.computed)
        return tuple(name for name in dict.fromkeys((*names, *computed)) if name not in _KEYS)

    @cached_property
    def _kinds(self) -> tuple[type, ...]:
        """Classes of the rows."""
        return tuple(dict.fromkeys(type(row) for row in self.measurements.values()))

    def unit_of(self, measure: str) -> str:
        """Unit of a measure; empty for one without unit, and for means of other maps, which have their own."""
        units = [column.metadata["unit"] for kind in self._kinds for column in fields(kind) if column.name == measure]
        return units[0].replace("map", self.unit) if units else ""

    def values(self, measure: str, region: str, side: str = "") -> np.ndarray:
        """One measure of one region, in the unit of the cohort.

        Parameters
        ----------
        measure : str
            One of `measures`.
        region : str
        side : str
            "left", "right", empty for the midline, or "mean" for the mean of both sides where both were measured.

        Returns
        -------
        ndarray, shape (visits,)
            NaN where the visit lacks it.

        Raises
        ------
        ValueError
            If no visit has the measure or the region.
        """
        if measure not in self.measures:
            raise ValueError(f"No table has the measure {measure!r}; there are {', '.join(self.measures)}.")
        if side == "mean":
            return (self.values(measure, region, "left") + self.values(measure, region, "right")) / 2
        if (region, side) not in self.regions:
            known = ", ".join(f"{name} {of}".strip() for name, of in self.regions)
            raise ValueError(f"No table has the region {f'{region} {side}'.strip()!r}; there are {known}.")
        if (measure, region, side) in self.computed:
            return self.computed[measure, region, side]
        return np.array([self.value((visit, region, side), measure) for visit in self.visits])

    def numbers(self, column: str) -> np.ndarray:
        """A column of numbers of the participants, such as age, for each visit.

        Raises
        ------
        ValueError
            If there is no such column, or a cell is text; the message names the subjects.
        """
        found, text = [], {}
        for visit, cell in zip(self.visits, self.cells(column)):
            try:
                found.append(float("nan") if cell in _MISSING else float(cell))
            except ValueError:
                text[visit.subject] = cell
        if text:
            raise ValueError(
                f"{column} should hold numbers, but has text for "
                f"{listed([f'{subject} ({cell!r})' for subject, cell in text.items()])}. "
                f"Correct it or write {MISSING}."
            )
        return np.array(found)

    def labels(self, column: str) -> np.ndarray:
        """A column of labels, such as the group, for each visit; empty where it is missing."""
        return np.array(["" if cell in _MISSING else cell for cell in self.cells(column)])

    def cells(self, column: str) -> list[str]:
        """A column as it is in the table, for each visit.

        Raises
        ------
        ValueError
            If there is no such column.
        """
        if column not in self.columns:
            raise ValueError(f"The participants have no column {column!r}; there are {', '.join(self.columns)}.")
        of_visits, of_subjects = self.sessions.get(column, {}), self.participants.get(column, {})
        return [of_visits.get(visit, of_subjects.get(visit.subject, "")) for visit in self.visits]

    def years(self) -> np.ndarray:
        """Time of each visit since the first of its subject, in years.

        It comes from a column of years, else from dates, else from ages that differ between visits.

        Raises
        ------
        ValueError
            If no column tells the time, or a date cannot be read.
        """
        filled = [name for name in self.columns if any(cell not in _MISSING for cell in self.cells(name))]
        if column := next((name for name in _YEARS if name in filled), None):
            times = self.numbers(column)
        elif column := next((name for name in _DATES if name in filled), None):
            times = np.array([_years_of(cell, column) for cell in self.cells(column)])
        elif "age" in self.sessions and "age" in filled:
            times = self.numbers("age")
        else:
            raise ValueError(
                "Nothing tells when visits were: give a column time_years, date, or an age of each visit in the table "
                "of sessions."
            )
        subjects = self.subjects()
        first = {name: np.nanmin(times[subjects == name], initial=np.inf) for name in np.unique(subjects)}
        return times - np.array([first[name] if np.isfinite(first[name]) else np.nan for name in subjects])

    def subjects(self) -> np.ndarray:
        """Subject of each visit."""
        return np.array([visit.subject for visit in self.visits])

    def named(self, positions: Iterable[int]) -> tuple[str, ...]:
        """Visits at positions, as results of the statistics name what they left out."""
        return tuple(" ".join(filter(None, self.visits[i])) for i in positions)

    def session(self, name: str) -> Cohort:
        """The visits of one session alone."""
        if not any(visit.session == name for visit in self.visits):
            known = ", ".join(sorted({visit.session or "(none)" for visit in self.visits}))
            raise ValueError(f"No visit has the session {name!r}; there are {known}.")
        return self.only(lambda visit: visit.session == name)

    def only(self, wanted: Callable[[Visit], bool]) -> Cohort:
        """The visits of which `wanted` is true, in the same order."""
        kept = np.array([wanted(visit) for visit in self.visits], bool)
        rows = {key: row for key, row in self.measurements.items() if wanted(key[0])}
        return replace(
            self, visits=tuple(visit for visit in self.visits if wanted(visit)), measurements=rows,
            computed={key: values[kept] for key, values in self.computed.items()},
        )

    def wide(self, measure: str) -> dict[str, np.ndarray]:
        """One measure of all regions, one column for each, such as "Putamen left"."""
        return {f"{region} {side}".strip(): self.values(measure, region, side) for region, side in self.regions}

    def value(self, key: tuple[Visit, str, str], measure: str) -> float:
        """A measure of one visit, region and side as it was measured, in the unit of the cohort; NaN where missing."""
        row = self.measurements.get(key)
        if row is None or not hasattr(row, measure):
            return float("nan")
        unit = type(row).__dataclass_fields__[measure].metadata["unit"]
        factor = UNITS[self.unit] / UNITS[row.unit] if "map" in unit else 1.0
        return float(getattr(row, measure)) * factor


def listed(names: Sequence[str], most: int = 6) -> str:
    """Names in a sentence, of which a long list is cut."""
    text = ", ".join(names[:most])
    return text if len(names) <= most else f"{text}, and {len(names) - most} more"


def _years_of(cell: str, column: str) -> float:
    if cell in _MISSING:
        return float("nan")
    try:
        date = datetime.fromisoformat(cell.removesuffix("Z"))
    except ValueError:
        raise ValueError(f"{column} should hold dates such as 2024-03-31, but has {cell!r}.") from None
    return (date.replace(tzinfo=None) - datetime(2000, 1, 1)).total_seconds() / (86400 * _DAYS_OF_YEAR)
