"""The tidy long table of a cohort: a line for each visit, region and side, with all that is known of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from QSMReconstructionCore import __version__
from QSMReconstructionCore.io.staging import staged_file

from .cohort import SUBJECT, Cohort, Visit
from .cohort_tables import check_unit_of
from .descriptors import is_descriptor
from .maps import UNITS
from .measures import Measurement, row_type
from .remarks import FEW_VOXELS, LOW_COVERAGE
from .table import MISSING, plain_text, read_cell

_SIDES = {"l": "left", "left": "left", "lh": "left", "r": "right", "right": "right", "rh": "right"}


@dataclass(frozen=True)
class LongColumn:
    """A column of the long table.

    Attributes
    ----------
    name, description : str
    measure : str
        The measure that it holds, in ppb where it is one of susceptibility; empty for columns of text.
    person : bool
        Whether it comes from the columns of participants and sessions.
    factor : float
        What the measure is multiplied with.
    """

    name: str
    description: str
    measure: str = ""
    person: bool = False
    factor: float = 1.0


#: The columns that every long table has, in this order; further measures and columns of participants follow.
COLUMNS = (
    LongColumn("subject", "participant_id"),
    LongColumn("session", "Session of the visit"),
    LongColumn("date", "Date of the visit", person=True),
    LongColumn("age", "Age in years", person=True),
    LongColumn("sex", "Sex", person=True),
    LongColumn("group", "Group", person=True),
    LongColumn("site", "Site", person=True),
    LongColumn("scanner", "Scanner", person=True),
    LongColumn("roi", "Structure, without its side"),
    LongColumn("hemi", "left or right; empty for the midline"),
    LongColumn("roi_source", "Atlas or reader that the region comes from", person=True),
    LongColumn("roi_version", "Version of the atlas", person=True),
    LongColumn("reference", "Region whose mean is called zero"),
    LongColumn("ref_n_voxels", "Voxels of the reference region", "reference_voxels"),
    LongColumn("ref_value_ppb", "Mean of the reference region before it was called zero", "reference_mean"),
    LongColumn("erosion_mm", "What was taken off the surface of the region", "erosion_mm"),
    LongColumn("n_voxels", "Voxels measured", "voxels"),
    LongColumn("volume_mm3", "Volume measured", "volume_mm3"),
    LongColumn("coverage_pct", "Part of the region inside the mask and the field of view", "coverage", factor=100.0),
    LongColumn("mean", "Mean in ppb", "mean"),
    LongColumn("median", "Median in ppb", "median"),
    LongColumn("sd", "Standard deviation over the voxels in ppb", "sd"),
    LongColumn("skew_G1", "Adjusted sample skewness", "skewness"),
    LongColumn("p5", "5th percentile in ppb", "p5"),
    LongColumn("p25", "25th percentile in ppb", "p25"),
    LongColumn("p75", "75th percentile in ppb", "p75"),
    LongColumn("p95", "95th percentile in ppb", "p95"),
    LongColumn("frac_lt70", "Fraction of the voxels below 70 ppb", "fraction_below_70ppb"),
    LongColumn("rii_thr", "Threshold of high iron in ppb", "rii_threshold"),
    LongColumn("rii_n", "Voxels beyond it", "rii_voxels"),
    LongColumn("rii_mean", "Their mean in ppb", "rii_mean"),
    LongColumn("sum_ppb_mm3", "Sum of the values times the volume of a voxel", "total"),
    LongColumn("snr", "Mean in units of the noise of a voxel", "snr"),
    LongColumn("qc_flag", "ok, or what limits the measurement"),
    LongColumn("software_version", "Version of this software"),
    LongColumn("map_hash", "SHA-256 of the file of the map", person=True),
)

_BY_MEASURE = {column.measure: column for column in COLUMNS if column.measure}


def write_long(path: str | os.PathLike, cohort: Cohort) -> None:
    """Write a cohort as one tidy table, susceptibilities in ppb whatever the unit of the cohort.

    Text that a spreadsheet would run as a formula is neutralized; numbers stay numbers.
    """
    known = {column.name for column in COLUMNS}
    people = [name for name in cohort.columns if name not in known and name != SUBJECT]
    computed = {measure for measure, _, _ in cohort.computed}
    others = [name for name in cohort.measures if name not in _BY_MEASURE and name not in ("reference_sd", *computed)]
    to_ppb = UNITS["ppb"] / UNITS[cohort.unit]
    voxels = _voxels_of_regions(cohort)
    scales = {name: to_ppb if cohort.unit in cohort.unit_of(name).split() else 1.0 for name in cohort.measures}
    cells = {name: dict(zip(cohort.visits, cohort.cells(name))) for name in cohort.columns}

    def number(key, measure: str, factor: float = 1.0) -> str:
        if measure == "reference_voxels":
            return str(voxels.get((key[0], cohort.measurements[key].reference), MISSING))
        if measure not in scales:
            return MISSING
        value = cohort.value(key, measure) * factor * scales[measure]
        return MISSING if np.isnan(value) else f"{value:.7g}"

    lines = ["\t".join(plain_text(title) for title in (*(column.name for column in COLUMNS), *people, *others))]
    for key, row in cohort.measurements.items():
        visit, region, side = key
        own = {
            "subject": visit.subject, "session": visit.session, "roi": region, "hemi": side,
            "reference": row.reference, "qc_flag": quality(row), "software_version": __version__,
        }  # fmt: skip
        line = []
        for column in COLUMNS:
            if column.measure:
                line.append(number(key, column.measure, column.factor))
            elif column.person:
                line.append(_text(cells.get(column.name, {}).get(visit, "")))
            else:
                line.append(_text(own[column.name]))
        line += [_text(cells[name][visit]) for name in people] + [number(key, name) for name in others]
        lines.append("\t".join(line))
    with staged_file(Path(path)) as file:
        file.write(("\n".join(lines) + "\n").encode())


def read_long(path: str | os.PathLike, *, unit: str = "ppb") -> Cohort:
    """Read a tidy long table, of this software or of another that has its columns.

    Parameters
    ----------
    path : path
        Tab-separated (or comma-separated, for `.csv`), with at least the columns `subject`, `roi` and `mean`; values
        are in ppb unless a column `unit` says otherwise. What is no measure is taken for a column of the participants.
    unit : {"ppm", "ppb"}
        Unit of the susceptibilities of the cohort.

    Raises
    ------
    ValueError
        If a column is missing, a line is incomplete, a region of a visit is listed twice, a measure is no number, or
        values do not look like ppb.
    """
    path = Path(path)
    separator = "," if path.suffix == ".csv" else "\t"
    lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    titles = lines[0].split(separator) if lines else []
    if absent := [name for name in ("subject", "roi", "mean") if name not in titles]:
        raise ValueError(f"{path.name} is no long table: it lacks the column(s) {', '.join(absent)}.")
    measures = {title: _measure_of(title) for title in titles if _measure_of(title)}
    extra = tuple(name for name in measures.values() if name not in Measurement.__dataclass_fields__)
    kind = row_type(extra)
    text = {column.name for column in COLUMNS if not column.measure and not column.person}
    people = [title for title in titles if title not in measures and title not in (*text, "unit")]
    rows: dict[tuple[Visit, str, str], Measurement] = {}
    columns: dict[str, dict[Visit, str]] = {name: {} for name in people}
    for number, line in enumerate(lines[1:], 2):
        cells = [read_cell(cell.strip()) for cell in line.split(separator)]
        if len(cells) != len(titles):
            raise ValueError(f"{path.name}, line {number}: expected {len(titles)} columns, but got {len(cells)}.")
        of = dict(zip(titles, cells))
        visit = Visit("sub-" + of["subject"].removeprefix("sub-"), _known(of.get("session", "")).removeprefix("ses-"))
        side = _SIDES.get(_known(of.get("hemi", "")).lower(), "")
        key = visit, of["roi"], side
        if key in rows:
            name = " ".join(filter(None, (*visit, of["roi"], side)))
            raise ValueError(f"{path.name}, line {number}: {name} is listed twice. Keep one of each.")
        rows[key] = _row(kind, measures, of, side, f"{path.name}, line {number}")
        for name in people:
            columns[name][visit] = of[name]
    if not rows:
        raise ValueError(f"{path.name} has no row.")
    visits = tuple(dict.fromkeys(key[0] for key in rows))
    for visit in visits:
        check_unit_of(visit, [row for key, row in rows.items() if key[0] == visit])
    subjects = {SUBJECT: {visit.subject: visit.subject for visit in visits}}
    return Cohort(visits, unit, rows, subjects, (), columns)


def quality(row: Measurement) -> str:
    """What limits a measurement, in a word or two."""
    if not row.voxels:
        return "empty"
    found = []
    if getattr(row, "coverage", 1.0) < LOW_COVERAGE:
        found.append("partial")
    if row.voxels < FEW_VOXELS:
        found.append("small")
    return ", ".join(found) or "ok"


def _voxels_of_regions(cohort: Cohort) -> dict[tuple[Visit, str], int]:
    """Voxels by visit and the name of a region, with its side and without."""
    found: dict[tuple[Visit, str], int] = {}
    for (visit, region, side), row in cohort.measurements.items():
        for name in dict.fromkeys((region, f"{region} {side}".strip())):
            found[visit, name] = found.get((visit, name), 0) + row.voxels
    return found


def _measure_of(title: str) -> str:
    """The measure that a column holds; empty if it holds none."""
    column = next((one for one in COLUMNS if one.name == title), None)
    if column is not None:
        return column.measure if column.measure != "reference_voxels" else ""
    is_number = title in Measurement.__dataclass_fields__ and Measurement.__dataclass_fields__[title].type != "str"
    return title if (is_number and title != "label") or is_descriptor(title) else ""


def _row(kind: type, measures: dict[str, str], of: dict[str, str], side: str, where: str) -> Measurement:
    found: dict[str, object] = {}
    for title, measure in measures.items():
        cell = _known(of[title])
        try:
            value = float(cell) if cell else float("nan")
        except ValueError:
            message = f"{where}: {title} should be a number, but is {cell!r}. Correct it or write {MISSING}."
            raise ValueError(message) from None
        found[measure] = value / _BY_MEASURE[measure].factor if measure in _BY_MEASURE else value
    unknown = {name: float("nan") for name in kind.__dataclass_fields__ if name not in found}
    unit = _known(of.get("unit", "")) or "ppb"
    if unit not in UNITS:
        raise ValueError(f"{where}: the unit is {unit!r}; choose one of {', '.join(UNITS)}.")
    facts = {"region": of["roi"], "side": side, "label": 0, "reference": _known(of.get("reference", "")), "unit": unit}
    voxels = found.get("voxels", float("nan"))
    known = 1 if np.isnan(voxels) else int(voxels)  # a table that does not count voxels has measured some
    return kind(**{**unknown, **found, **facts, "voxels": known, "map": ""})


def _known(cell: str) -> str:
    return "" if cell in ("", MISSING, "NA", "NaN", "nan") else cell


def _text(text: str) -> str:
    """A cell of text; one that is a number stays one, also if it is negative."""
    try:
        float(text)
    except ValueError:
        return plain_text(text) or MISSING
    return text
