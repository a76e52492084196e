"""Tidy tables, such as that of one row for each region and map, as tab-separated text."""

from __future__ import annotations

import math
import os
import re
import typing
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from QSMReconstructionCore.io.staging import staged_file

from .descriptors import is_descriptor
from .measures import Measurement, row_type

#: What the table says where there is no value, as in BIDS.
MISSING = "n/a"

#: A spreadsheet runs a cell that begins with one of the first five; the full-width forms mean the same to some.
_RUNS = "=+-@\"＝＋－＠"
#: A cell that begins with one of these gets an apostrophe in front, and loses it when it is read.
_GUARDED = _RUNS + "'"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def write_table(path: str | os.PathLike, rows: Sequence, kind: type = Measurement) -> None:
    """Write rows as tab-separated values: complete under its name, or not at all.

    Parameters
    ----------
    path : path
        The file; an existing one is replaced.
    rows : sequence of dataclass instances
        All of one class, such as `Measurement`: one line each, below a heading of the names of the fields.
    kind : type
        The class of the rows, for a table that may have none.

    Raises
    ------
    OSError
        If the folder does not exist or cannot be written to.

    Notes
    -----
    Names come from files of other people. A cell of text that a spreadsheet would run as a formula is written with an
    apostrophe in front, and control characters become spaces; numbers stay numbers, also negative ones.
    """
    columns = [column.name for column in fields(rows[0] if rows else kind)]
    write_cells(path, columns, [[_cell(getattr(row, column)) for column in columns] for row in rows])


def write_cells(path: str | os.PathLike, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write cells of text as they are, below a heading; see `write_table`."""
    lines = ["\t".join(cells) for cells in (titles, *rows)]
    path = Path(path)
    try:
        with staged_file(path) as file:
            file.write(("\n".join(lines) + "\n").encode())
    except OSError as error:  # which names the temporary file
        raise OSError(error.errno, error.strerror, str(path)) from error


def read_table(path: str | os.PathLike, kind: type = Measurement) -> tuple:
    """Read the table that `write_table` wrote.

    Parameters
    ----------
    path : path
        The file.
    kind : type
        The class of the rows. Rows of regions come with the descriptors that the table has.

    Returns
    -------
    tuple of dataclass instances

    Raises
    ------
    ValueError
        If a column is missing, a line is too short, or a number is not one; the message names the line.
    """
    path = Path(path)
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    titles = lines[0].split("\t") if lines else []
    types = typing.get_type_hints(kind)
    missing = [name for name in types if name not in titles]
    if missing:
        raise ValueError(f"{path.name} is no table of this kind: it lacks the column(s) {', '.join(missing)}.")
    if kind is Measurement:
        kind = row_type(tuple(title for title in titles if title not in types and is_descriptor(title)))
        types = typing.get_type_hints(kind)
    rows = []
    for number, line in enumerate(lines[1:], 2):
        cells = line.split("\t")
        if len(cells) != len(titles):
            raise ValueError(f"{path.name}, line {number}: expected {len(titles)} columns, but got {len(cells)}.")
        by_title = dict(zip(titles, cells))
        try:
            rows.append(kind(**{name: _value(name, by_title[name], kind) for name, kind in types.items()}))
        except ValueError as error:
            raise ValueError(f"{path.name}, line {number}: {error}.") from None
    return tuple(rows)


def plain_text(text: str) -> str:
    """Text that no spreadsheet takes for a formula and that stays in its cell."""
    text = _CONTROL.sub(" ", text).strip()
    return f"'{text}" if text.startswith(tuple(_GUARDED)) else text


def read_cell(cell: str) -> str:
    """A cell of text without the apostrophe that kept a spreadsheet from running it."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(tuple(_GUARDED)) else cell


def _cell(value: str | int | float) -> str:
    if isinstance(value, str):
        return plain_text(value) or MISSING
    if isinstance(value, float):
        return MISSING if math.isnan(value) else f"{value:.7g}"  # what single-precision maps and headers carry
    return str(value)


def _value(title: str, cell: str, kind: type) -> str | int | float:
    if kind is str:
        return "" if cell == MISSING else read_cell(cell)
    if cell == MISSING and kind is float:
        return float("nan")
    try:
        return kind(cell)
    except ValueError:
        expected = "a number or n/a" if kind is float else "a whole number"
        raise ValueError(f"{title} should hold {expected}, but has {cell!r}") from None
