"""The results of a study, as plain data: what `cohort` and `longitudinal` compute and `report` draws.

A `StudyResult` holds everything that a report needs and nothing that has to be computed again:

- `table_one`: who was studied, one `Characteristic` for each variable and group; the row of the group "all" has the
  test between groups;
- `descriptives`: one `Descriptive` for each measure, region, side and group;
- `findings`: one `findings.Finding` for each test, pair of groups, or estimate, with n, effect sizes, intervals, p,
  adjusted p, family, checks and exclusions in its columns;
- `omissions`: what could not be computed, and why;
- `literature`: means beside those that studies printed (`reference_values`), with the reasons why they do not compare;
- `figures`: `figure_data.Figure`, whose kinds are listed in `figure_data.FIGURES`; all points are in their series;
- `limits`, `remarks`, `provenance`: sentences for the reader, and how the result came about.

`write_results` puts it into a folder as `table1.tsv`, `descriptives.tsv`, `results.tsv`, `omissions.tsv`,
`literature.tsv` and `results.json`; `read_result` reads the last one back.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np

from QSMReconstructionCore.io.staging import staged_folder

from .figure_data import Figure, Series
from .findings import Finding
from .table import write_table

_NAN = float("nan")


@dataclass(frozen=True)
class Characteristic:
    """What one group is like in one variable: a row of Table 1."""

    variable: str
    level: str
    group: str
    n: int
    missing: int
    summary: str
    test: str = ""
    p: float = _NAN


@dataclass(frozen=True)
class Descriptive:
    """The values of one group in one measure of one region."""

    measure: str
    region: str
    side: str
    group: str
    n: int
    missing: int
    mean: float
    sd: float
    median: float
    p25: float
    p75: float
    minimum: float
    maximum: float
    unit: str
    reference: str


@dataclass(frozen=True)
class LiteratureComparison:
    """The mean of one group beside a value that a study printed; context, and no diagnosis.

    The difference is NaN where the two do not compare, and the remark says why.
    """

    measure: str
    region: str
    side: str
    group: str
    mean: float
    unit: str
    reference: str
    published: float
    published_sd: float
    published_n: int
    published_group: str
    published_unit: str
    published_reference: str
    difference: float
    source: str
    doi: str
    do_not_diagnose: str
    remark: str


@dataclass(frozen=True)
class Omission:
    """An analysis that could not be made, and why."""

    analysis: str
    measure: str
    region: str
    side: str
    reason: str


@dataclass(frozen=True)
class StudyResult:
    """Everything that was found in a study; see the beginning of this module.

    `groups` holds the number of subjects by group, and `reference` what susceptibilities are relative to.
    """

    protocol: str
    title: str
    disease: str
    citation: str
    doi: str
    design: str
    unit: str
    reference: str
    groups: Mapping[str, int]
    table_one: tuple[Characteristic, ...]
    descriptives: tuple[Descriptive, ...]
    findings: tuple[Finding, ...]
    omissions: tuple[Omission, ...]
    figures: tuple[Figure, ...]
    limits: tuple[str, ...]
    remarks: tuple[str, ...]
    provenance: Mapping[str, object] = field(default_factory=dict)
    literature: tuple[LiteratureComparison, ...] = ()


def write_results(out: str | os.PathLike, result: StudyResult) -> None:
    """Write all tables and `results.json` into a folder: all of them, or none.

    Text that a spreadsheet would run as a formula is neutralized in the tables.
    """
    with staged_folder(out) as stage:
        write_table(stage / "table1.tsv", result.table_one, Characteristic)
        write_table(stage / "descriptives.tsv", result.descriptives, Descriptive)
        write_table(stage / "results.tsv", result.findings, Finding)
        write_table(stage / "omissions.tsv", result.omissions, Omission)
        write_table(stage / "literature.tsv", result.literature, LiteratureComparison)
        text = json.dumps(_plain(asdict(result)), indent=1, ensure_ascii=False, allow_nan=False)
        (stage / "results.json").write_text(text + "\n", encoding="utf-8")


def read_result(path: str | os.PathLike) -> StudyResult:
    """Read the `results.json` that `write_results` wrote, given the file or its folder.

    Raises
    ------
    ValueError
        If it is no such file.
    """
    path = Path(path)
    path = path / "results.json" if path.is_dir() else path
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        rows = {
            name: tuple(_row(kind, one) for one in data[name])
            for name, kind in (
                ("table_one", Characteristic), ("descriptives", Descriptive), ("findings", Finding),
                ("omissions", Omission), ("literature", LiteratureComparison),
            )
        }  # fmt: skip
        figures = tuple(_figure(one) for one in data["figures"])
        texts = {name: tuple(data[name]) for name in ("limits", "remarks")}
        return StudyResult(**{**data, **rows, **texts, "figures": figures})
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{path.name} is no file of results: {error}.") from None


def _plain(value: object) -> object:
    """What JSON can hold: arrays as lists, numbers that are not finite as null or text."""
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, np.ndarray):
        return [_plain(one) for one in value.tolist()]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def _number(value: object) -> float:
    return _NAN if value is None else float(value)


def _row(kind: type, data: Mapping):
    types = {one.name: str(one.type) for one in fields(kind)}
    return kind(**{name: _number(value) if types[name] == "float" else value for name, value in data.items()})


def _figure(data: Mapping) -> Figure:
    series = tuple(
        Series(**{
            **one, "labels": tuple(one["labels"]),
            **{name: np.array([_number(x) for x in one[name]]) for name in ("x", "y", "low", "high")},
        })
        for one in data["series"]
    )  # fmt: skip
    return Figure(**{**data, "series": series})
