"""What a user may set on a method, read from the method's own signature.

A method marks a keyword argument as a parameter by its annotation::

    def vsharp(field, mask, grid, *,
               largest_radius: Annotated[float, Parameter("Largest sphere radius", unit="mm", range=(2, 40))] = 12.0,
               progress=no_progress): ...

The panel's form, the command line's `--set`, the recipe's JSON and the documentation table are derived from it.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Parameter:
    """A parameter of a method: how it is called, measured and bounded.

    Attributes
    ----------
    label : str
        Short name for forms and tables.
    unit : str
        Unit of the value, empty for a pure number.
    range : (float, float), optional
        Smallest and largest allowed value, both included.
    choices : dict of str, optional
        The allowed values of a text parameter, and what users read for each.
    lowest : str
        What users read in place of the smallest value, where that value stands for something, such as "none".
    name, type, default
        Filled in by `parameters_of` from the signature.
    """

    label: str
    unit: str = ""
    range: tuple[float, float] | None = None
    choices: Mapping[str, str] | None = field(default=None, hash=False)
    lowest: str = ""
    name: str = ""
    type: type = float
    default: Any = None

    def checked(self, value: Any, where: str = "") -> Any:
        """Convert `value` to the parameter's type and check it.

        Parameters
        ----------
        value : object
            A number, text or truth value, for instance as typed on a command line.
        where : str
            Put before the parameter's name in the message, for instance the stage.

        Raises
        ------
        ValueError
            If the value cannot be converted, lies outside the range, or is not one of the choices.
        """
        name = f"{where}.{self.name}" if where else self.name
        try:
            converted = _converted(value, self.type)
        except (TypeError, ValueError):
            raise ValueError(
                f"{name} must be {_TYPE_NAMES.get(self.type, self.type.__name__)}, but got {value!r}."
            ) from None
        if self.choices is not None and converted not in self.choices:
            raise ValueError(f"{name} must be one of {', '.join(self.choices)}, but got {value!r}.")
        if self.range is not None and not self.range[0] <= converted <= self.range[1]:
            unit = f" {self.unit}" if self.unit else ""
            raise ValueError(
                f"{name} must lie between {self.range[0]:g} and {self.range[1]:g}{unit}, but got {converted:g}."
            )
        return converted


_TYPE_NAMES = {float: "a number", int: "a whole number", bool: "true or false", str: "a text"}
_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _converted(value: Any, kind: type) -> Any:
    if kind is bool:
        if isinstance(value, str):
            if value.lower() not in _TRUTH:
                raise ValueError(value)
            return _TRUTH[value.lower()]
        if not isinstance(value, (bool, int)):
            raise TypeError(value)
        return bool(value)
    if isinstance(value, bool):
        raise TypeError(value)
    if kind is int:
        number = float(value)
        if number != int(number):
            raise ValueError(value)
        return int(number)
    if kind is float:
        number = float(value)
        if number != number:
            raise ValueError(value)
        return number
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def parameters_of(function: Callable[..., Any]) -> dict[str, Parameter]:
    """Parameters of a method by name, in the order of its signature."""
    hints = typing.get_type_hints(function, include_extras=True)
    found = {}
    for name, argument in inspect.signature(function).parameters.items():
        hint = hints.get(name)
        for note in getattr(hint, "__metadata__", ()):
            if isinstance(note, Parameter):
                kind = typing.get_args(hint)[0]
                found[name] = replace(note, name=name, type=kind, default=argument.default)
    return found


def explanations_of(function: Callable[..., Any]) -> dict[str, str]:
    """What the docstring of a method says about each of its arguments, as one paragraph each, by name.

    Parameters
    ----------
    function : callable
        With a docstring whose section "Parameters" follows numpydoc.
    """
    section = re.search(r"^Parameters\n-+\n((?:.*\n)*?)(?:[^\n]+\n-+\n|\Z)", inspect.getdoc(function) + "\n", re.M)
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section[1].splitlines() if section else ():
        if line[:1].strip():
            names = [name.strip() for name in line.partition(" :")[0].split(",")]
        else:
            found |= {name: f"{found.get(name, '')} {line.strip()}".strip() for name in names}
    return found
