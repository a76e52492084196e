"""Dialogs that wait for a person would wait forever off screen: they say so instead."""

from __future__ import annotations

from PySide6 import QtWidgets

from .limits import NotStoodIn

_WAITING = {
    QtWidgets.QDialog: ("exec", "exec_"),
    QtWidgets.QMenu: ("exec", "exec_"),
    QtWidgets.QMessageBox: ("about", "critical", "information", "question", "warning"),
    QtWidgets.QFileDialog: ("getExistingDirectory", "getOpenFileName", "getOpenFileNames", "getSaveFileName"),
    QtWidgets.QInputDialog: ("getDouble", "getInt", "getItem", "getMultiLineText", "getText"),
    QtWidgets.QColorDialog: ("getColor",),
    QtWidgets.QFontDialog: ("getFont",),
}


def _refusing(name: str):
    def refuse(*_arguments, **_options):
        raise NotStoodIn(f"{name} waits for a person, whom the stand-in has not. Let the test replace it by an answer.")

    return refuse


def refuse_to_wait() -> None:
    """Make all of them raise `NotStoodIn`; tests replace them by answers."""
    for cls, names in _WAITING.items():
        for name in names:
            setattr(cls, name, staticmethod(_refusing(f"{cls.__name__}.{name}")))
