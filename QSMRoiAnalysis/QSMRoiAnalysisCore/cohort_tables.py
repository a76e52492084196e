"""Reading a cohort: tables of regions, motor cortex or lesions, and what is known of participants and visits."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from .cohort import OTHER_MAP, SUBJECT, Cohort, Visit, listed
from .lesion_table import LesionRow
from .maps import UNITS, check_unit
from .measures import Measurement
from .motor_cortex import MotorCortexRow
from .remarks import TYPICAL_VALUES
from .table import read_cell, read_table

#: What BIDS calls the column of sessions.
SESSION = "session_id"

#: The columns that tell a table of lesions and one of motor cortices from one of regions.
_KINDS = {"rim_candidate": LesionRow, "relative_mean": MotorCortexRow, "coverage": Measurement}

#: Region of the rows of lesions.
LESION = "Lesion"

#: Fields of lesions that describe a visit rather than measure it.
_LESION_COLUMNS = ("status", "rim_candidate", "rim", "rater", "central_vein", "enhancing", "location")


def find_tables(folder: str | os.PathLike) -> dict[Visit, Path]:
    """Tables of visits below a folder, by names such as `sub-01_ses-02_regions.tsv`.

    Raises
    ------
    ValueError
        If no file is named after a subject.
    """
    found: dict[Visit, Path] = {}
    for path in sorted(Path(folder).rglob("*.tsv")):
        match = re.search(r"sub-([0-9A-Za-z]+)", path.name)
        kind = table_kind(path) if match else None
        if match is None or kind not in (Measurement, MotorCortexRow):
            continue
        session = re.search(r"ses-([0-9A-Za-z]+)", path.name)
        visit = Visit(match[0], session[1] if session else "")
        if visit in found:
            raise ValueError(
                f"Two tables are of {' '.join(visit).strip()}: {found[visit].name} and {path.name}. Keep one of them."
            )
        found[visit] = path
    if not found:
        raise ValueError(f"{folder} has no table of regions whose name begins with a subject, such as sub-01.tsv.")
    return found


def table_kind(path: str | os.PathLike) -> type | None:
    """The class of the rows of a table, by its heading; none if it is no such table."""
    with open(path, encoding="utf-8-sig") as file:
        titles = file.readline().rstrip("\r\n").split("\t")
    return next((kind for title, kind in _KINDS.items() if title in titles), None)


def read_cohort(
    tables: Mapping[Visit, str | os.PathLike],
    participants: str | os.PathLike,
    *,
    sessions: str | os.PathLike | None = None,
    unit: str = "ppb",
) -> Cohort:
    """Join the tables of regions of a study with its participants.

    Parameters
    ----------
    tables : mapping of Visit to path
        The table that `measure` or `motor-cortex` wrote for each visit.
    participants : path
        Tab-separated, with a column `participant_id`, such as the `participants.tsv` of BIDS. "sub-" may be left out
        on either side.
    sessions : path, optional
        Tab-separated, with the columns `participant_id` and `session_id`: what differs between visits, such as
        `time_years`, `acq_time` or a clinical score.
    unit : {"ppm", "ppb"}
        Unit of the susceptibilities of the cohort.

    Returns
    -------
    Cohort
        Means of other maps of the same tables, such as R2*, are the measure "mean_of_" and the name of the map.

    Raises
    ------
    ValueError
        If a subject is listed twice or not at all, a region occurs twice in a table, or susceptibilities of a visit do
        not look like their unit. The message names the subjects.
    """
    check_unit("unit", unit)
    columns = read_participants(Path(participants))
    named = [(Visit(_plain_subject(visit.subject), visit.session), path) for visit, path in tables.items()]
    _refuse_repeated((" ".join(filter(None, visit)) for visit, _ in named), "Visits with more than one table")
    named.sort(key=lambda item: (_rank(columns, item[0].subject), item[0].session))
    measurements, others = {}, {}
    for visit, path in named:
        rows = read_table(path, table_kind(path) or Measurement)
        own = [row for row in rows if row.unit in UNITS]
        check_unit_of(visit, own)
        for kept, several in ((measurements, own), (others, [row for row in rows if row.unit not in UNITS])):
            _refuse_repeated(
                (f"{row.region} {row.side} {row.map if kept is others else ''}".strip() for row in several),
                f"{Path(path).name}: regions listed twice",
            )
        measurements |= {(visit, row.region, row.side): row for row in own}
        for row in others_of(rows):
            others[visit, f"{OTHER_MAP}{_map_name(row.map)}", row.region, row.side] = row.mean
    visits = tuple(visit for visit, _ in named)
    remarks = []
    if others:
        names = ", ".join(dict.fromkeys(measure for _, measure, _, _ in others))
        remarks.append(f"Maps other than susceptibility have measures of their own: {names}.")
    return _joined(visits, unit, measurements, columns, participants, sessions, remarks, _computed(visits, others))


def read_lesion_cohort(
    paths: Sequence[str | os.PathLike],
    participants: str | os.PathLike,
    *,
    sessions: str | os.PathLike | None = None,
    unit: str = "ppb",
) -> Cohort:
    """Join tables of lesions with the participants: each lesion at each visit is a visit of its own.

    Parameters
    ----------
    paths : sequence of path
        Tables that `lesions` wrote, with what the reader filled in.
    participants, sessions, unit
        As for `read_cohort`.
    """
    check_unit("unit", unit)
    columns = read_participants(Path(participants))
    rows = [(path, row) for path in paths for row in read_table(path, LesionRow)]
    if not rows:
        raise ValueError("The tables of lesions have no row.")
    by_visit: dict[Visit, LesionRow] = {}
    of_session: dict[Visit, list[LesionRow]] = {}
    for path, row in rows:
        if not row.subject:
            raise ValueError(f"{Path(path).name} does not say whose lesions they are. Measure them with --subject.")
        visit = Visit(_plain_subject(row.subject), row.visit, str(row.lesion))
        if visit in by_visit:
            raise ValueError(f"Lesion {visit.lesion} of {visit.subject} {visit.session} is listed twice.")
        by_visit[visit] = row
        of_session.setdefault(visit._replace(lesion=""), []).append(row)
    for session, own in of_session.items():
        check_unit_of(session, own)
    visits = tuple(sorted(by_visit, key=lambda one: (_rank(columns, one.subject), int(one.lesion), one.session)))
    cells = {name: {visit: getattr(by_visit[visit], name) for visit in visits} for name in _LESION_COLUMNS}
    cells["time_years"] = {visit: f"{by_visit[visit].time_years:g}" for visit in visits}
    measurements = {(visit, LESION, ""): by_visit[visit] for visit in visits}
    cohort = _joined(visits, unit, measurements, columns, participants, sessions, [], {})
    return Cohort(
        visits, unit, measurements, cohort.participants, cohort.remarks, sessions={**cells, **cohort.sessions}
    )


def read_participants_alone(participants: str | os.PathLike, measures: Sequence[str], region: str) -> Cohort:
    """A cohort without tables of regions, whose measures are columns of the participants.

    Parameters
    ----------
    participants : path
    measures : sequence of str
        Columns of numbers; those that do not exist are left out.
    region : str
        What their region is called.
    """
    columns = read_participants(Path(participants))
    visits = tuple(Visit(subject) for subject in columns[SUBJECT])
    cohort = Cohort(visits, "ppb", {}, columns, ())
    own = {name: cohort.numbers(name) for name in measures if name in columns}
    return replace(cohort, computed={(name, region, ""): values for name, values in own.items()})


def others_of(rows: Iterable) -> list:
    """Rows of maps that are no susceptibility."""
    return [row for row in rows if row.unit not in UNITS]


def _map_name(name: str) -> str:
    """A short name of a map, that files of all subjects share."""
    return re.sub(r"\W+", "_", name.rpartition("_")[2] if name.startswith("sub-") else name).lower()


def _computed(visits: Sequence[Visit], found: Mapping) -> dict[tuple[str, str, str], np.ndarray]:
    keys = dict.fromkeys(key[1:] for key in found)
    return {key: np.array([found.get((visit, *key), np.nan) for visit in visits]) for key in keys}


def _joined(visits, unit, measurements, columns, participants, sessions, remarks, computed) -> Cohort:
    known = list(columns[SUBJECT])
    present = {visit.subject for visit in visits}
    if strangers := sorted(present - set(known)):
        raise ValueError(f"{Path(participants).name} does not list {listed(strangers)}, who have tables of regions.")
    if not visits:
        raise ValueError("A cohort needs at least one table of regions.")
    if without := [subject for subject in known if subject not in present]:
        remarks = [f"{len(without)} participant(s) have no table of regions: {listed(without)}.", *remarks]
    cells = {} if sessions is None else _read_sessions(Path(sessions), visits)
    return Cohort(visits, unit, measurements, columns, tuple(remarks), cells, computed)


def _rank(columns: Mapping[str, Mapping[str, str]], subject: str) -> int:
    """Place of a subject in the list of participants; strangers come last, to be refused together."""
    known = list(columns[SUBJECT])
    return known.index(subject) if subject in known else len(known)


def read_participants(path: Path) -> dict[str, dict[str, str]]:
    """Cells of a list of participants by column and subject; the first column is that of the subjects.

    Raises
    ------
    ValueError
        If it has no column of subjects, or lists one twice.
    """
    titles, rows = _read_lines(path, (SUBJECT,))
    rows = [{**row, SUBJECT: _plain_subject(row[SUBJECT])} for row in rows]
    if not rows:
        raise ValueError(f"{path.name} lists no participant.")
    _refuse_repeated((row[SUBJECT] for row in rows), f"{path.name}: participants listed twice")
    return {
        title: {row[SUBJECT]: row[title] for row in rows} for title in (SUBJECT, *(t for t in titles if t != SUBJECT))
    }


def _read_sessions(path: Path, visits: Sequence[Visit]) -> dict[str, dict[Visit, str]]:
    """Cells of a list of sessions by column and visit; all lesions of a visit share them."""
    titles, rows = _read_lines(path, (SUBJECT, SESSION))
    by_session: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        key = _plain_subject(row[SUBJECT]), row[SESSION].removeprefix("ses-")
        if key in by_session:
            raise ValueError(f"{path.name}: sessions listed twice: {' '.join(key)}. Keep one of each.")
        by_session[key] = row
    if absent := [visit for visit in visits if (visit.subject, visit.session) not in by_session]:
        names = dict.fromkeys(f"{visit.subject} {visit.session or '(no session)'}" for visit in absent)
        raise ValueError(f"{path.name} does not list {listed(list(names))}, which have tables.")
    return {
        title: {visit: by_session[visit.subject, visit.session][title] for visit in visits}
        for title in titles if title not in (SUBJECT, SESSION)
    }


def _read_lines(path: Path, required: Sequence[str]) -> tuple[list[str], list[dict[str, str]]]:
    lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    titles = lines[0].split("\t") if lines else []
    for name in required:
        if name not in titles:
            raise ValueError(f"{path.name} has no column {name!r}; it has {', '.join(titles) or 'none'}.")
    _refuse_repeated(titles, f"{path.name}: columns of the same name")
    rows = []
    for number, line in enumerate(lines[1:], 2):
        cells = [read_cell(cell.strip()) for cell in line.split("\t")]
        if len(cells) != len(titles):
            raise ValueError(f"{path.name}, line {number}: expected {len(titles)} columns, but got {len(cells)}.")
        rows.append(dict(zip(titles, cells)))
    return titles, rows


def _plain_subject(subject: str) -> str:
    return "sub-" + subject.strip().removeprefix("sub-")


def _refuse_repeated(names: Iterable[str], what: str) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"{what}: {listed(repeated)}. Keep one of each.")


def check_unit_of(visit: Visit, rows: Sequence) -> None:
    """Refuse values that tissue has in the other unit: one such subject would decide every mean."""
    typical = [getattr(row, "median", row.mean) / UNITS[row.unit] for row in rows if row.voxels]
    sizes = np.abs(np.array(typical, float))
    sizes = sizes[np.isfinite(sizes)]
    if not sizes.size:
        return
    looks = "ppb" if np.median(sizes) > TYPICAL_VALUES[1] else "ppm" if sizes.max() < TYPICAL_VALUES[0] else ""
    stated = rows[0].unit
    if looks and looks != stated:
        raise ValueError(
            f"The susceptibilities of {' '.join(filter(None, visit))} are said to be in {stated} but look like "
            f"{looks}. Measure again with the unit of the map."
        )
