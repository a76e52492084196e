"""Connects widgets to the fields of a parameter node wrapper, both ways."""

from __future__ import annotations

import enum
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6 import QtWidgets

from . import ctk_widgets, slicer_widgets
from .parameter_node import Choice, Decimals, Maximum, Minimum, SingleStep, WithinRange


class _Connector:
    """A widget's value, and news of its changes."""

    def __init__(self, widget, signal: str, read: Callable[[], Any], write: Callable[[Any], None]):
        self.widget, self.signal, self.read, self._write = widget, signal, read, write
        self._callback = None

    def write(self, value) -> None:
        """Show a value."""
        if self.read() != value:
            self._write(value)

    def on_changed(self, callback: Callable[[], None] | None) -> None:
        """Call `callback` when the widget's value changes, and no other; None calls nothing."""
        if self._callback is not None:
            self.widget.disconnect(self.signal, self._callback)
        self._callback = callback
        if callback is not None:
            self.widget.connect(self.signal, callback)


def connector(widget, field) -> _Connector:
    """The connector of a widget to a field of `parameter_node`.

    Raises
    ------
    ValueError
        If that kind of widget cannot show a field of that type.
    """
    for kind, widgets, make in _CONNECTORS:
        if isinstance(widget, widgets) and kind(field):
            return make(widget, field)
    raise ValueError(f"No connector from {type(widget).__name__} '{widget.name}' to {field.name} of type {field.kind}")


def _property(signal: str, name: str, convert: Callable[[Any], Any] = lambda value: value):
    """Makes connectors of widgets whose value is a property."""

    def make(widget, field):
        def read():
            return field.kind(getattr(widget, name))

        return _Connector(widget, signal, read, lambda value: setattr(widget, name, convert(value)))

    return make


def _number(signal: str):
    """Makes connectors of widgets with a value in a range, which the field's annotations set."""
    by_value = _property(signal, "value")

    def make(widget, field):
        for note in field.notes:
            if isinstance(note, (Minimum, WithinRange)):
                widget.minimum = field.kind(note.minimum)
            if isinstance(note, (Maximum, WithinRange)):
                widget.maximum = field.kind(note.maximum)
            if isinstance(note, Decimals):
                widget.decimals = note.value
            if isinstance(note, SingleStep):
                widget.singleStep = note.value
        return by_value(widget, field)

    return make


def _options(widget, field):
    """Makes connectors of combo boxes to enumerations, shown by their `label()`, and to choices of texts."""
    choice = field.note(Choice)
    options = list(choice.choices) if choice else list(field.kind)
    widget.clear()
    for option in options:
        label = getattr(option, "label", None)
        widget.addItem(label() if callable(label) else getattr(option, "name", option))
    return _Connector(
        widget,
        "currentIndexChanged(int)",
        lambda: options[widget.currentIndex] if widget.currentIndex >= 0 else None,
        lambda value: setattr(widget, "currentIndex", options.index(value)),
    )


def _node(widget, field):
    return _Connector(widget, "currentNodeChanged(vtkMRMLNode*)", widget.currentNode, widget.setCurrentNode)


def _is(*kinds):
    return lambda field: field.kind in kinds


def _is_choice(field) -> bool:
    return field.note(Choice) is not None or (isinstance(field.kind, type) and issubclass(field.kind, enum.Enum))


def _is_node(field) -> bool:
    return hasattr(field.storage, "kinds")


_CONNECTORS = (
    (_is_choice, QtWidgets.QComboBox, _options),
    (_is_node, slicer_widgets.qMRMLNodeComboBox, _node),
    (_is(bool), QtWidgets.QAbstractButton, _property("toggled(bool)", "checked")),
    (_is(int), (QtWidgets.QSpinBox, QtWidgets.QAbstractSlider), _number("valueChanged(int)")),
    (_is(float, int), (QtWidgets.QDoubleSpinBox, ctk_widgets.ctkSliderWidget), _number("valueChanged(double)")),
    (_is(str), QtWidgets.QLineEdit, _property("textChanged(QString)", "text")),
    (_is(str, Path), ctk_widgets.ctkPathLineEdit, _property("currentPathChanged(QString)", "currentPath", str)),
)
