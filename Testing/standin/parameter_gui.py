"""Connects widgets to the fields of a parameter node wrapper, both ways, for the pairs that Slicer connects."""

from __future__ import annotations

import enum
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6 import QtWidgets

from .ctk_widgets import ctkPathLineEdit, ctkSliderWidget
from .parameter_annotations import Choice, Decimals, Maximum, Minimum, SingleStep, WithinRange
from .slicer_widgets import qMRMLNodeComboBox


class _Connector:
    """A widget's value, and news of its changes."""

    def __init__(self, widget, signal: str, read: Callable[[], Any], write: Callable[[Any], None]):
        self.widget, self.signal, self.read, self.write = widget, signal, read, write
        self._callback = None

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
    RuntimeError
        If Slicer cannot connect a widget of exactly this class to a field of this type.
    """
    for is_kind, widgets, make in _CONNECTORS:
        if type(widget) in widgets and is_kind(field):
            return make(widget, field)
    raise RuntimeError(
        f"Unable to create GUI connector from field '{field.name}' of type {field.kind} to widget '{widget.name}' of "
        f"type {type(widget).__name__}"
    )


def _property(signal: str, name: str):
    """Makes connectors of widgets whose value is a property."""

    def make(widget, field):
        def read():
            return field.kind(getattr(widget, name))

        def write(value):
            setattr(widget, name, str(value) if isinstance(value, Path) else value)

        return _Connector(widget, signal, read, write)

    return make


def _number(signal: str):
    """Makes connectors of widgets with a value in a range, which the field's annotations set."""
    by_value = _property(signal, "value")

    def make(widget, field):
        bounds = field.note(WithinRange)
        low, high = bounds or field.note(Minimum), bounds or field.note(Maximum)
        if not (low and high) and type(widget) in (ctkSliderWidget, QtWidgets.QSlider):
            raise RuntimeError(f"A slider needs both bounds, but field '{field.name}' has no WithinRange annotation")
        unbounded = 2**31 - 1 if field.kind is int else float("inf")
        widget.minimum = field.kind(low.minimum) if low else -unbounded
        widget.maximum = field.kind(high.maximum) if high else unbounded
        if field.note(Decimals):
            widget.decimals = field.note(Decimals).value
        if field.note(SingleStep):
            widget.singleStep = field.note(SingleStep).value
        return by_value(widget, field)

    return make


def _options(widget, field):
    """Makes connectors of combo boxes to enumerations, shown by their `label()`, and to choices."""
    choice = field.note(Choice)
    options = list(choice.choices) if choice else list(field.kind)
    widget.clear()
    for option in options:
        label = getattr(option, "label", None)
        widget.addItem(str(option) if choice else label() if label else option.name)

    def write(value):
        widget.currentIndex = options.index(value)

    return _Connector(widget, "currentIndexChanged(int)", lambda: options[widget.currentIndex], write)


def _node(widget, field):
    widget.nodeTypes = [kind.__name__ for kind in field.storage.kinds]
    return _Connector(widget, "currentNodeChanged(vtkMRMLNode*)", widget.currentNode, widget.setCurrentNode)


def _is(*kinds):
    return lambda field: field.kind in kinds


def _is_choice(field) -> bool:
    return field.note(Choice) is not None or (isinstance(field.kind, type) and issubclass(field.kind, enum.Enum))


def _is_node(field) -> bool:
    return hasattr(field.storage, "kinds")


_CONNECTORS = (
    (_is_choice, {QtWidgets.QComboBox}, _options),
    (_is_node, {qMRMLNodeComboBox}, _node),
    (_is(bool), {QtWidgets.QCheckBox, QtWidgets.QPushButton}, _property("toggled(bool)", "checked")),
    (_is(int), {QtWidgets.QSpinBox, QtWidgets.QSlider}, _number("valueChanged(int)")),
    (_is(float), {QtWidgets.QDoubleSpinBox, ctkSliderWidget}, _number("valueChanged(double)")),
    (_is(str), {QtWidgets.QLineEdit}, _property("textChanged(QString)", "text")),
    (_is(Path), {ctkPathLineEdit}, _property("currentPathChanged(QString)", "currentPath")),
)
