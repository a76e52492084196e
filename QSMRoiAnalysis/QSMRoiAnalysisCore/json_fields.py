"""Dataclasses from JSON: unknown, missing and ill-typed fields are refused by name."""

from __future__ import annotations

import json
import os
import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING as REQUIRED
from dataclasses import fields, is_dataclass
from pathlib import Path


def read_json(path: Path) -> object:
    """The content of a JSON file; raises ValueError where it is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is no JSON file: {error}.") from None


def read_named_json(kind: str, name: str | os.PathLike, folder: Path, names: Sequence[str]) -> tuple[str, object]:
    """Name and content of a JSON file that comes with the software, or of a file of one's own.

    Parameters
    ----------
    kind : str
        What it holds, for messages.
    name : str or path
        One of `names`, or a path that ends in .json.
    folder : Path
        Where those that come with the software lie.
    names : sequence of str
        Theirs.

    Raises
    ------
    ValueError
        If there is no such name, or the file is no JSON file.
    """
    path = Path(name)
    if path.suffix != ".json":
        path = folder / f"{name}.json"
        if str(name) not in names:
            raise ValueError(
                f"There is no {kind} {str(name)!r}. Choose one of {', '.join(names)}, or give a .json file of your own."
            )
    return path.stem, read_json(path)


def fields_from_json(where: str, kind: type, given: object) -> dict[str, object]:
    """The fields of a dataclass from a JSON object.

    Parameters
    ----------
    where : str
        What messages begin with.
    kind : type
        The dataclass. Its fields are text, numbers, true or false, dataclasses, or tuples and mappings of these.
    given : object
        As `json.loads` gives it.

    Raises
    ------
    ValueError
        If a field is unknown, missing or of another type; the message names it.
    """
    given = object_of(where, given)
    known = {one.name: one for one in fields(kind)}
    if unknown := [name for name in given if name not in known]:
        raise ValueError(f"{where}: unknown field(s) {', '.join(unknown)}; allowed are {', '.join(known)}.")
    required = [one.name for one in known.values() if one.default is REQUIRED and one.default_factory is REQUIRED]
    if absent := [name for name in required if name not in given]:
        raise ValueError(f"{where}: missing field(s) {', '.join(absent)}.")
    types = typing.get_type_hints(kind)
    return {name: _value(f"{where}, {name}", types[name], value) for name, value in given.items()}


def object_of(where: str, data: object) -> Mapping:
    """A JSON object, or a ValueError."""
    if not isinstance(data, dict):
        raise ValueError(f"{where}: expected an object with named fields, but got {type(data).__name__}.")
    return data


def list_of(where: str, value: object) -> Sequence:
    """A JSON list, or a ValueError."""
    if not isinstance(value, list):
        raise ValueError(f"{where}: expected a list, but got {value!r}.")
    return value


def _value(where: str, kind: typing.Any, value: object) -> object:
    container, inner = typing.get_origin(kind), typing.get_args(kind)
    if container is tuple:
        named = is_dataclass(inner[0])
        items = enumerate(list_of(where, value), 1)
        return tuple(_value(f"{where} {number}" if named else where, inner[0], item) for number, item in items)
    if container is not None:
        items = object_of(where, value).items()
        return {name: item if inner[1] is object else _value(f"{where} {name}", inner[1], item) for name, item in items}
    if is_dataclass(kind):
        return kind(**fields_from_json(where, kind, value))
    if kind is float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{where}: expected a number, but got {value!r}.")
        return float(value)
    if kind is bool:
        if not isinstance(value, bool):
            raise ValueError(f"{where}: expected true or false, but got {value!r}.")
        return value
    if not isinstance(value, str):
        raise ValueError(f"{where}: expected text, but got {value!r}.")
    return value
