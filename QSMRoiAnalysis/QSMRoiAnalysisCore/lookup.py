"""Lists that name the values of a label image."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from .laterality import split_side

#: Titles of the columns, the preferred first. Atlas lists of BIDS call the two columns index and label.
_INDEX = ("index", "region_index", "id", "value", "label")
_NAME = ("name", "region_name", "structure", "region", "label")
_SIDE = ("hemisphere", "hemi", "side")
_SIDE_WORDS = {"l": "left", "left": "left", "lh": "left", "r": "right", "right": "right", "rh": "right"}

#: "11 Left-Caudate", with or without the color components that FreeSurfer and Slicer put behind the name.
_PLAIN = re.compile(r"(?P<index>-?\d+)[\s,;]+(?P<name>.*?)(?:\s+\d+\s+\d+\s+\d+(?:\s+\d+)?)?")
#: ITK-SNAP puts color, opacity and visibility between value and name.
_ITK_SNAP = re.compile(r'(?P<index>-?\d+)\s+\d+\s+\d+\s+\d+\s+[\d.]+\s+[01]\s+[01]\s+"(?P<name>.*)"')


def read_lookup(path: str | Path) -> dict[int, str]:
    """Read the names of label values from a text file.

    Parameters
    ----------
    path : path
        Either a table with a heading that has a column `index` and a column `name`, separated by tabs, commas or
        semicolons, such as the `dseg.tsv` of BIDS (a column `hemisphere` is joined to the name), or one label a line:
        its value, its name and possibly its color, as FreeSurfer, Slicer and ITK-SNAP write them. Lines that begin
        with # are comments.

    Returns
    -------
    dict of int to str
        Label value -> name. The background 0 is left out.

    Raises
    ------
    ValueError
        If the file is not such a list, or names a value twice.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"lookup {path.name} is not a text file in UTF-8.") from None
    lines = [
        (number, line.strip(" \r\n")) for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        raise ValueError(f"lookup {path.name} names no label. Give one line for each: its value and its name.")
    entries = _table_entries(path.name, lines) or _plain_entries(path.name, lines)
    return _checked(path.name, entries)


def _table_entries(source: str, lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Entries of a table with a heading; nothing if the first line is no such heading."""
    heading = lines[0][1]
    separator = next((mark for mark in "\t,;" if mark in heading), None)
    if separator is None:
        return []
    titles = [cell.strip().strip('"').lower() for cell in heading.split(separator)]
    index = next((titles.index(title) for title in _INDEX if title in titles), None)
    name = next((titles.index(title) for title in _NAME if title in titles), None)
    if index is None or name is None or index == name:
        return []
    side = next((titles.index(title) for title in _SIDE if title in titles), None)
    entries = []
    for number, line in lines[1:]:
        cells = [cell.strip().strip('"') for cell in line.split(separator)]
        if len(cells) <= max(index, name):
            raise ValueError(f"lookup {source}, line {number}: expected {len(titles)} columns, but got {len(cells)}.")
        label = cells[name]
        word = _SIDE_WORDS.get(cells[side].lower(), "") if side is not None and side < len(cells) else ""
        if word and not split_side(label)[1]:
            label = f"{label} {word}"
        entries.append((_whole_number(source, number, cells[index]), label))
    return entries


def _plain_entries(source: str, lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    entries = []
    for number, line in lines:
        match = _ITK_SNAP.fullmatch(line) or _PLAIN.fullmatch(line)
        if match is None or not match["name"].strip():
            raise ValueError(
                f"lookup {source}, line {number}: expected a label value and a name, but got {line[:60]!r}. "
                "A table needs a heading with the columns index and name."
            )
        entries.append((int(match["index"]), match["name"].strip().strip('"')))
    return entries


def _whole_number(source: str, number: int, text: str) -> int:
    if not re.fullmatch(r"-?\d+(\.0*)?", text):
        raise ValueError(f"lookup {source}, line {number}: the label value must be a whole number, but got {text!r}.")
    return int(text.partition(".")[0])


def _checked(source: str, entries: Iterable[tuple[int, str]]) -> dict[int, str]:
    lookup: dict[int, str] = {}
    for value, name in entries:
        if value == 0:
            continue
        if not name:
            raise ValueError(f"lookup {source} gives no name to label {value}.")
        if value in lookup:
            raise ValueError(f"lookup {source} names label {value} twice: {lookup[value]!r} and {name!r}.")
        lookup[value] = name
    return lookup
