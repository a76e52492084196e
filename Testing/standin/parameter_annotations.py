"""What may stand in the annotation of a field of `parameterNodeWrapper`: checks of its value, and hints to widgets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class Validator:
    """Checks a value before it is stored."""

    def validate(self, value: Any) -> None:
        """Raise `ValueError` for a value that is not allowed."""
        raise NotImplementedError


@dataclass
class NotNone(Validator):
    """Any value but None."""

    def validate(self, value):
        if value is None:
            raise ValueError("Value must not be None")


@dataclass
class Minimum(Validator):
    """Values from `minimum` on."""

    minimum: float

    def validate(self, value):
        if value < self.minimum:
            raise ValueError(f"Value must be at least {self.minimum}, but got {value}")


@dataclass
class Maximum(Validator):
    """Values up to `maximum`."""

    maximum: float

    def validate(self, value):
        if value > self.maximum:
            raise ValueError(f"Value must be at most {self.maximum}, but got {value}")


@dataclass
class WithinRange(Validator):
    """Values from `minimum` to `maximum`."""

    minimum: float
    maximum: float

    def validate(self, value):
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"Value must be within [{self.minimum}, {self.maximum}], but got {value}")


@dataclass
class Choice(Validator):
    """One of a list of values."""

    choices: list

    def validate(self, value):
        if value not in self.choices:
            raise ValueError(f"Value must be one of {self.choices}, but got {value!r}")


@dataclass
class Decimals:
    """Number of decimals that a connected widget shows."""

    value: int


@dataclass
class SingleStep:
    """Step of a connected widget."""

    value: float


@dataclass
class Label:
    """Text shown beside a generated widget."""

    value: str


class Default:
    """Default of a field, given in its annotation."""

    def __init__(self, value=None, *, generator: Callable[[], Any] | None = None):
        self._value, self._generator = value, generator

    @property
    def value(self):
        """The default value."""
        return self._generator() if self._generator else self._value
