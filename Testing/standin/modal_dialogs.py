"""Dialogs that wait for a person would wait forever off screen: they say so instead."""

from __future__ import annotations

from PySide6 import QtCore, QtWidgets

from .limits import NotStoodIn

#: Seconds in which something else, such as a timer, may close a dialog. `slicer.util.messageBox` takes 3 s.
PATIENCE = 4.0

_WAITING = {
    QtWidgets.QMenu: ("exec", "exec_"),
    QtWidgets.QMessageBox: ("about", "critical", "information", "question", "warning"),
    QtWidgets.QFileDialog: ("getExistingDirectory", "getOpenFileName", "getOpenFileNames", "getSaveFileName"),
    QtWidgets.QInputDialog: ("getDouble", "getInt", "getItem", "getMultiLineText", "getText"),
    QtWidgets.QColorDialog: ("getColor",),
    QtWidgets.QFontDialog: ("getFont",),
}

_native_exec = QtWidgets.QDialog.exec


def _refusal(name: str) -> NotStoodIn:
    return NotStoodIn(
        f"{name} waits for a person, whom the stand-in has not. Let the test replace it by an answer."
    )


def _refusing(name: str):
    def refuse(*_arguments, **_options):
        raise _refusal(name)

    return refuse


def _wait_a_little(dialog) -> int:
    """Show a dialog until something closes it."""
    gave_up = []

    def give_up():
        gave_up.append(dialog)
        dialog.reject()

    watchdog = QtCore.QTimer()
    watchdog.setSingleShot(True)
    watchdog.connect("timeout()", give_up)
    watchdog.start(int(1000 * PATIENCE))
    result = _native_exec(dialog)
    watchdog.stop()
    if gave_up:
        raise _refusal(f"{type(dialog).__name__}.exec")
    return result


def refuse_to_wait() -> None:
    """Make all of them raise `NotStoodIn`, dialogs unless they are closed in time; tests replace them by answers."""
    for cls, names in _WAITING.items():
        for name in names:
            setattr(cls, name, staticmethod(_refusing(f"{cls.__name__}.{name}")))
    QtWidgets.QDialog.exec = QtWidgets.QDialog.exec_ = _wait_a_little
