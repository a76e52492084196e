"""The order in which the Tab key goes through the controls of a panel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import qt


def follow_layout(widget) -> None:
    """Let Tab go through a widget as its layouts do; by itself it goes last through what was added in code."""
    chain(_controls(widget.layout()))


def chain(controls: Iterable) -> None:
    """Let Tab go from each control to the next one; what takes no focus is passed over."""
    previous = None
    for control in controls:
        if control.focusPolicy == qt.Qt.NoFocus:
            continue
        if previous is not None:
            qt.QWidget.setTabOrder(previous, control)
        previous = control


def _controls(layout) -> Iterator:
    for index in range(layout.count()):
        item = layout.itemAt(index)
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            yield widget
            inner = widget.layout()
        if inner is not None:
            yield from _controls(inner)
