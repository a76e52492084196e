"""Constructors of widgets take what PythonQt takes: 0 for no parent, text made of any object, and a skipped class."""

from __future__ import annotations

from functools import wraps

from PySide6 import QtWidgets


def _null_pointers(arguments: tuple) -> tuple:
    return tuple(None if type(argument) is int and argument == 0 else argument for argument in arguments)


def _tolerant(cls: type, native):
    @wraps(native)
    def init(self, *arguments, **properties):
        own = next(base for base in type(self).__mro__ if base.__module__.startswith("PySide6"))
        if own is not cls:
            # A dialog with `super(qt.QDialog, self).__init__(parent)` would be no dialog: PythonQt makes one of it.
            own.__init__(self, *arguments, **properties)
            return
        try:
            native(self, *arguments, **properties)
        except TypeError:
            if not any(type(argument) is int and argument == 0 for argument in arguments):
                raise
            native(self, *_null_pointers(arguments), **properties)

    return init


def _menu(native):
    def init(self, *arguments, **properties):
        # Slicer's base class of panels passes itself, which is no widget: PythonQt makes it the title, as text.
        if arguments and not isinstance(arguments[0], (str, int, QtWidgets.QWidget, type(None))):
            arguments = (str(arguments[0]), *arguments[1:])
        native(self, *arguments, **properties)

    return init


def _set_parent(native):
    def set_parent(self, parent, *flags):
        native(self, None if parent == 0 else parent, *flags)  # a null pointer may be written 0

    return set_parent


def accept_null_pointers() -> None:
    """Change the constructors of all widget classes in this process."""
    for cls in [getattr(QtWidgets, name) for name in dir(QtWidgets)]:
        if isinstance(cls, type) and issubclass(cls, QtWidgets.QWidget) and cls.__init__ is not object.__init__:
            cls.__init__ = _tolerant(cls, cls.__init__)
    QtWidgets.QMenu.__init__ = _menu(QtWidgets.QMenu.__init__)
    QtWidgets.QWidget.setParent = _set_parent(QtWidgets.QWidget.setParent)
