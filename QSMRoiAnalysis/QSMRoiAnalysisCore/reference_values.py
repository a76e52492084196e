"""Values that studies printed, as context for one's own, never as a diagnosis."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .maps import UNITS
from .region_names import plain_name, same_structure
from .results import Descriptive, LiteratureComparison

#: The table that comes with the software: one value a line, with its source.
TABLE = Path(__file__).with_name("reference_values.csv")

_NAN = float("nan")
_NUMBERS = ("value", "spread", "low", "high")

#: What a spread or an interval may be.
SPREADS = ("", "SD", "SEM", "IQR", "range", "95% CI", "cut-off")


@dataclass(frozen=True)
class ReferenceValue:
    """One printed value.

    Attributes
    ----------
    region, side, group, measure : str
        Of what and whom; the measure is one of the tables of regions, or says what else was printed.
    value, spread : float
        NaN where the source has none.
    spread_kind : str
        One of `SPREADS`: what `spread`, or `low` and `high`, are.
    low, high : float
    n : int
        Subjects, 0 where the source was not consulted for it.
    unit, reference : str
        Unit, and the region that was called zero; empty where that is not known.
    note, source, doi, url : str
    do_not_diagnose : bool
        Always true: values depend on scanner, reconstruction and reference, and no cut-off transfers.
    """

    region: str
    side: str
    group: str
    measure: str
    value: float
    spread: float
    spread_kind: str
    low: float
    high: float
    n: int
    unit: str
    reference: str
    note: str
    source: str
    doi: str
    url: str
    do_not_diagnose: bool

    @property
    def sd(self) -> float:
        """Standard deviation of subjects: as printed, or from the standard error; NaN where there is none."""
        if self.spread_kind == "SD":
            return self.spread
        return self.spread * math.sqrt(self.n) if self.spread_kind == "SEM" and self.n else _NAN


def read_reference_values(path: str | Path = TABLE) -> tuple[ReferenceValue, ...]:
    """Read a table of reference values.

    Parameters
    ----------
    path : path
        Comma-separated, with the fields of `ReferenceValue` as its heading; by default that of the software.

    Raises
    ------
    ValueError
        If a column is missing, a cell is no number, the kind of a spread is unknown, a source is missing, or a line
        allows diagnosis. The message names the line.
    """
    path = Path(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        wanted = tuple(ReferenceValue.__dataclass_fields__)
        if absent := [name for name in wanted if name not in (reader.fieldnames or ())]:
            raise ValueError(f"{path.name} is no table of reference values: it lacks {', '.join(absent)}.")
        return tuple(_value(f"{path.name}, line {number}", row) for number, row in enumerate(reader, 2))


def compare_with_literature(
    rows: Sequence[Descriptive], references: Sequence[ReferenceValue] | None = None
) -> tuple[LiteratureComparison, ...]:
    """Set descriptive values beside those that studies printed for the same region, measure and group.

    A difference is given only where unit and reference region are known to be the same; otherwise a remark says why
    there is none. Groups are the same if they are called the same; healthy groups are compared with healthy ones.

    Parameters
    ----------
    rows : sequence of Descriptive
    references : sequence of ReferenceValue, optional
        By default those of the software.
    """
    known = read_reference_values() if references is None else references
    found = []
    for row in rows:
        for value in known:
            if not _same_thing(row, value):
                continue
            scale, remark = _obstacle(row, value)
            difference = row.mean - value.value * scale if not remark else _NAN
            found.append(
                LiteratureComparison(
                    measure=row.measure, region=row.region, side=row.side, group=row.group, mean=row.mean,
                    unit=row.unit, reference=row.reference, published=value.value, published_sd=value.sd,
                    published_n=value.n, published_group=value.group, published_unit=value.unit,
                    published_reference=value.reference,
                    difference=difference, source=value.source, doi=value.doi, do_not_diagnose="yes",
                    remark=" ".join(filter(None, (remark, value.note and f"Note of the source: {value.note}."))),
                )
            )
    return tuple(found)


_HEALTHY = ("hc", "cn", "healthy", "control", "controls")


def _same_thing(row: Descriptive, value: ReferenceValue) -> bool:
    groups = plain_name(row.group), plain_name(value.group)
    same_group = groups[0] == groups[1] or all(group in _HEALTHY for group in groups)
    same_side = not value.side or value.side == row.side
    return (
        row.measure == value.measure and same_side and same_group and math.isfinite(value.value)
        and same_structure(value.region, [row.region]) is not None
    )


def _obstacle(row: Descriptive, value: ReferenceValue) -> tuple[float, str]:
    """What turns the published value into the unit of the row, and why the two do not compare, if they do not."""
    if row.unit != value.unit and not (row.unit in UNITS and value.unit in UNITS):
        return 1.0, f"Not compared: the units are {row.unit or 'none'} and {value.unit or 'none'}."
    scale = UNITS[row.unit] / UNITS[value.unit] if row.unit in UNITS else 1.0
    if not value.reference or not row.reference:
        whose = "the published value is" if not value.reference else "these are"
        return scale, f"Not compared: what {whose} relative to is not known."
    if plain_name(row.reference) != plain_name(value.reference):
        return scale, f"Not compared: relative to {row.reference}, the published value to {value.reference}."
    return scale, ""


def _value(where: str, row: dict[str, str]) -> ReferenceValue:
    cells = {name: (cell or "").strip() for name, cell in row.items() if name}
    try:
        numbers = {name: float(cells[name]) if cells[name] else _NAN for name in _NUMBERS}
        n = int(cells["n"]) if cells["n"] else 0
    except ValueError as error:
        raise ValueError(f"{where}: {error}.") from None
    if cells["spread_kind"] not in SPREADS:
        allowed = ", ".join(filter(None, SPREADS))
        raise ValueError(f"{where}: the kind of spread is {cells['spread_kind']!r}; choose one of {allowed}.")
    if not cells["source"]:
        raise ValueError(f"{where}: the value has no source.")
    if cells["do_not_diagnose"] != "yes":
        raise ValueError(f"{where}: do_not_diagnose must be yes, because no printed value can make a diagnosis.")
    return ReferenceValue(**{**cells, **numbers, "n": n, "do_not_diagnose": True})
