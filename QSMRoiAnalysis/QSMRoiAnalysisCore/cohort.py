"""A cohort: the tables of regions of all subjects, joined with what is known of the participants."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np

from QSMReconstructionCore.io.staging import staged_file

from .maps import UNITS, check_unit
from .measures import Measurement
from .remarks import TYPICAL_VALUES
from .table import MISSING, plain_text, read_table

#: What BIDS calls the column of subjects.
SUBJECT = "participant_id"

#: Cells that say that a value is missing.
_MISSING = ("", MISSING, "NA", "NaN", "nan")

#: Columns of a measurement that are no measures.
_KEYS = ("region", "side", "label", "reference", "unit", "map")


class Visit(NamedTuple):
    """One session of one subject; the session is empty where there is only one."""

    subject: str
    session: str = ""


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
    """

    visits: tuple[Visit, ...]
    unit: str
    measurements: Mapping[tuple[Visit, str, str], Measurement]
    participants: Mapping[str, Mapping[str, str]]
    remarks: tuple[str, ...]

    @property
    def regions(self) -> tuple[tuple[str, str], ...]:
        """Region and side of all that was measured, in the order of the tables."""
        return tuple(dict.fromkeys((region, side) for _, region, side in self.measurements))

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the measures that any row has."""
        names = dict.fromkeys(column.name for row in self.measurements.values() for column in fields(row))
        return tuple(name for name in names if name not in _KEYS)

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
        return np.array([self._value((visit, region, side), measure) for visit in self.visits])

    def numbers(self, column: str) -> np.ndarray:
        """A column of numbers of the participants, such as age, for each visit.

        Raises
        ------
        ValueError
            If there is no such column, or a cell is text; the message names the subjects.
        """
        cells = self._cells(column)
        found, text = {}, []
        for subject, cell in cells.items():
            try:
                found[subject] = float("nan") if cell in _MISSING else float(cell)
            except ValueError:
                text.append(f"{subject} ({cell!r})")
        if text:
            raise ValueError(
                f"{column} should hold numbers, but has text for {_listed(text)}. Correct it or write {MISSING}."
            )
        return np.array([found[visit.subject] for visit in self.visits])

    def labels(self, column: str) -> np.ndarray:
        """A column of labels of the participants, such as the group, for each visit; empty where it is missing."""
        cells = self._cells(column)
        return np.array(["" if cells[visit.subject] in _MISSING else cells[visit.subject] for visit in self.visits])

    def subjects(self) -> np.ndarray:
        """Subject of each visit."""
        return np.array([visit.subject for visit in self.visits])

    def named(self, positions: Iterable[int]) -> tuple[str, ...]:
        """Visits at positions, as results of the statistics name what they left out."""
        return tuple(" ".join(self.visits[i]).strip() for i in positions)

    def session(self, name: str) -> Cohort:
        """The visits of one session alone."""
        visits = tuple(visit for visit in self.visits if visit.session == name)
        if not visits:
            known = ", ".join(sorted({visit.session or "(none)" for visit in self.visits}))
            raise ValueError(f"No visit has the session {name!r}; there are {known}.")
        rows = {key: row for key, row in self.measurements.items() if key[0].session == name}
        return Cohort(visits, self.unit, rows, self.participants, self.remarks)

    def wide(self, measure: str) -> dict[str, np.ndarray]:
        """One measure of all regions, one column for each, such as "Putamen left"."""
        return {f"{region} {side}".strip(): self.values(measure, region, side) for region, side in self.regions}

    def _cells(self, column: str) -> Mapping[str, str]:
        if column not in self.participants:
            raise ValueError(f"The participants have no column {column!r}; there are {', '.join(self.participants)}.")
        return self.participants[column]

    def _value(self, key: tuple[Visit, str, str], measure: str) -> float:
        row = self.measurements.get(key)
        if row is None or not hasattr(row, measure):
            return float("nan")
        unit = type(row).__dataclass_fields__[measure].metadata["unit"]
        factor = UNITS[self.unit] / UNITS[row.unit] if "map" in unit else 1.0
        return float(getattr(row, measure)) * factor


def read_cohort(
    tables: Mapping[Visit, str | os.PathLike], participants: str | os.PathLike, *, unit: str = "ppb"
) -> Cohort:
    """Join the tables of regions of a study with its participants.

    Parameters
    ----------
    tables : mapping of Visit to path
        The table that `measure` wrote for each visit.
    participants : path
        Tab-separated, with a column `participant_id`, such as the `participants.tsv` of BIDS. "sub-" may be left out
        on either side.
    unit : {"ppm", "ppb"}
        Unit of the susceptibilities of the cohort.

    Returns
    -------
    Cohort

    Raises
    ------
    ValueError
        If a subject is listed twice or not at all, a region occurs twice in a table, or susceptibilities of a visit do
        not look like their unit. The message names the subjects.
    """
    check_unit("unit", unit)
    columns = _read_participants(Path(participants))
    known = list(next(iter(columns.values())))
    named = [(Visit(_plain_subject(visit.subject), visit.session), path) for visit, path in tables.items()]
    _refuse_repeated((" ".join(visit).strip() for visit, _ in named), "Visits with more than one table")
    if strangers := sorted({visit.subject for visit, _ in named} - set(known)):
        raise ValueError(f"{Path(participants).name} does not list {_listed(strangers)}, who have tables of regions.")
    if not named:
        raise ValueError("A cohort needs at least one table of regions.")
    named.sort(key=lambda item: (known.index(item[0].subject), item[0].session))
    measurements, other_maps = {}, 0
    for visit, path in named:
        rows = read_table(path)
        own = [row for row in rows if row.unit in UNITS]
        other_maps += len(rows) - len(own)
        _check_unit_of(visit, own)
        _refuse_repeated(
            (f"{row.region} {row.side}".strip() for row in own), f"{Path(path).name}: regions listed twice"
        )
        measurements |= {(visit, row.region, row.side): row for row in own}
    remarks = []
    if without := [subject for subject in known if subject not in {visit.subject for visit, _ in named}]:
        remarks.append(f"{len(without)} participant(s) have no table of regions: {_listed(without)}.")
    if other_maps:
        remarks.append(f"{other_maps} row(s) of maps other than susceptibility were left out.")
    visits = tuple(visit for visit, _ in named)
    return Cohort(visits, unit, measurements, columns, tuple(remarks))


def write_long(path: str | os.PathLike, cohort: Cohort) -> None:
    """Write a cohort as one tidy table: a line for each visit, region and side, with all that is known of the subject.

    Numbers are in the unit of the cohort; text that a spreadsheet would run as a formula is neutralized.
    """
    measures = cohort.measures
    people = [column for column in cohort.participants if column != SUBJECT]
    titles = [SUBJECT, "session", *people, "region", "side", "unit", "reference", *measures]
    lines = ["\t".join(plain_text(title) for title in titles)]
    for key, row in cohort.measurements.items():
        visit, region, side = key
        known = [cohort.participants[column][visit.subject] for column in people]
        text = [*visit, *known, region, side, cohort.unit, row.reference]
        numbers = [cohort._value(key, measure) for measure in measures]
        cells = [_text_cell(cell) for cell in text] + [MISSING if np.isnan(x) else f"{x:.7g}" for x in numbers]
        lines.append("\t".join(cells))
    with staged_file(Path(path)) as file:
        file.write(("\n".join(lines) + "\n").encode())


def _text_cell(text: str) -> str:
    """A cell of text; one that is a number stays one, also if it is negative."""
    try:
        float(text)
    except ValueError:
        return plain_text(text) or MISSING
    return text


def _read_participants(path: Path) -> dict[str, dict[str, str]]:
    """Cells by column and subject; the first column is that of the subjects."""
    lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    titles = lines[0].split("\t") if lines else []
    if SUBJECT not in titles:
        raise ValueError(f"{path.name} has no column {SUBJECT!r}; it has {', '.join(titles) or 'none'}.")
    _refuse_repeated(titles, f"{path.name}: columns of the same name")
    rows = []
    for number, line in enumerate(lines[1:], 2):
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != len(titles):
            raise ValueError(f"{path.name}, line {number}: expected {len(titles)} columns, but got {len(cells)}.")
        row = dict(zip(titles, cells))
        rows.append({**row, SUBJECT: _plain_subject(row[SUBJECT])})
    if not rows:
        raise ValueError(f"{path.name} lists no participant.")
    _refuse_repeated((row[SUBJECT] for row in rows), f"{path.name}: participants listed twice")
    return {
        title: {row[SUBJECT]: row[title] for row in rows} for title in (SUBJECT, *(t for t in titles if t != SUBJECT))
    }


def _plain_subject(subject: str) -> str:
    return "sub-" + subject.strip().removeprefix("sub-")


def _refuse_repeated(names: Iterable[str], what: str) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"{what}: {_listed(repeated)}. Keep one of each.")


def _check_unit_of(visit: Visit, rows: Sequence[Measurement]) -> None:
    """Refuse values that tissue has in the other unit: one such subject would decide every mean."""
    sizes = np.array([abs(row.median) / UNITS[row.unit] for row in rows if row.voxels])
    if not sizes.size:
        return
    looks = "ppb" if np.median(sizes) > TYPICAL_VALUES[1] else "ppm" if sizes.max() < TYPICAL_VALUES[0] else ""
    stated = rows[0].unit
    if looks and looks != stated:
        raise ValueError(
            f"The susceptibilities of {' '.join(visit).strip()} are said to be in {stated} but look like {looks}. "
            "Measure again with the unit of the map."
        )


def _listed(names: Sequence[str], most: int = 6) -> str:
    text = ", ".join(names[:most])
    return text if len(names) <= most else f"{text}, and {len(names) - most} more"
