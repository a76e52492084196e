"""Setters of enumerations take plain integers, as PythonQt's do."""

from __future__ import annotations

from functools import wraps

from PySide6 import QtCore, QtGui, QtWidgets

from .qt_attributes import QT_MODULES, assign

_ITEMS = (QtWidgets.QTableWidgetItem, QtWidgets.QListWidgetItem, QtWidgets.QTreeWidgetItem, QtGui.QStandardItem)

#: Setters that set no property: the classes that have them, the enumeration, and the place of the argument.
_SETTERS = {
    "setAttribute": ((QtWidgets.QWidget,), QtCore.Qt.WidgetAttribute, 0),
    "setCheckState": ((QtWidgets.QCheckBox, *_ITEMS), QtCore.Qt.CheckState, -1),
    "setFlags": (_ITEMS, QtCore.Qt.ItemFlag, -1),
}


def _converting(setter, kind, place: int):
    @wraps(setter)
    def set_converted(self, *arguments):
        arguments = list(arguments)
        if type(arguments[place]) is int:
            arguments[place] = kind(arguments[place])
        return setter(self, *arguments)

    return set_converted


def _assigning(setter, name: str):
    @wraps(setter)
    def set_property(self, *arguments):
        if len(arguments) == 1 and type(arguments[0]) is int:
            return assign(self, name, arguments[0])
        return setter(self, *arguments)

    return set_property


def accept_integers() -> None:
    """Let the setters of all enumerations that are properties, and some others, take integers."""
    for name, (classes, kind, place) in _SETTERS.items():
        for cls in classes:
            setattr(cls, name, _converting(getattr(cls, name), kind, place))
    for module in QT_MODULES:
        for cls in [getattr(module, name) for name in dir(module)]:
            if not (isinstance(cls, type) and issubclass(cls, QtCore.QObject)):
                continue
            declared = cls.staticMetaObject
            for index in range(declared.propertyOffset(), declared.propertyCount()):
                name = declared.property(index).name()
                setter = vars(cls).get(f"set{name[0].upper()}{name[1:]}")
                if declared.property(index).isEnumType() and callable(setter) and not isinstance(setter, staticmethod):
                    setattr(cls, setter.__name__, _assigning(setter, name))
