"""Loads `.ui` files as Slicer does, and refuses what a stand-in would otherwise drop without a word."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from PySide6 import QtCore, QtUiTools, QtWidgets

from .qt_attributes import has_property
from .qt_signals import connect

_BUDDY = "buddy"

#: Class name -> stand-in of a widget class of CTK or Slicer.
_stand_ins: dict[str, type] = {}


def stand_in_widget(cls: type) -> type:
    """Class decorator: the class stands for the C++ widget class of the same name in `.ui` files."""
    if "cpp_signals" not in vars(cls):
        cls.cpp_signals = dict(getattr(cls, "cpp_signals", {}))
    _stand_ins[cls.__name__] = cls
    return cls


def stand_in_widgets() -> dict[str, type]:
    """All registered stand-ins by class name."""
    return dict(_stand_ins)


class QUiLoader(QtUiTools.QUiLoader):
    """Loader that knows the stand-ins.

    Raises
    ------
    RuntimeError
        If a file has a widget class, property or connection that does not exist.
    """

    #: Makes the class of a name that has no stand-in, or None; nothing is made unless this is set.
    missing_class = staticmethod(lambda name: None)

    def load(self, device, parent=None):
        root = ElementTree.fromstring(bytes(device.readAll().data()))
        for element in root.iter("widget"):
            if element.get("class") not in _stand_ins and not hasattr(QtWidgets, element.get("class")):
                self.missing_class(element.get("class"))
            _check_widget(element)
        for cls in _stand_ins.values():
            self.registerCustomWidget(cls)
        _check_buddies(root)
        # Qt cannot find C++ signatures on Python classes, so connections are taken out and made afterwards.
        connections = root.find("connections")
        if connections is not None:
            root.remove(connections)
        buffer = QtCore.QBuffer()
        buffer.setData(ElementTree.tostring(root))
        buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        widget = super().load(buffer, parent)
        if widget is None:
            raise RuntimeError(f"Could not load the .ui file: {self.errorString()}")
        for connection in connections if connections is not None else ():
            _connect(widget, *(connection.findtext(key) for key in ("sender", "signal", "receiver", "slot")))
        return widget


def _check_widget(element: ElementTree.Element) -> None:
    class_name, name = element.get("class"), element.get("name")
    cls = _stand_ins.get(class_name) or getattr(QtWidgets, class_name, None)
    if cls is None:
        raise RuntimeError(f"Widget '{name}' is a {class_name}, which has no stand-in")
    for declared in element.findall("property"):
        is_dynamic = declared.get("stdset") == "0"
        if not is_dynamic and not has_property(cls, declared.get("name")) and declared.get("name") != _BUDDY:
            raise RuntimeError(f"Widget '{name}': {class_name} has no property '{declared.get('name')}'")


def _check_buddies(root: ElementTree.Element) -> None:
    """Labels name the widgets they stand for, which is no property but known to the loader."""
    names = {element.get("name") for element in root.iter("widget")}
    for label in root.iter("widget"):
        for declared in label.findall(f"property[@name='{_BUDDY}']"):
            if declared.findtext("cstring") not in names or label.get("class") != "QLabel":
                raise RuntimeError(f"Widget '{label.get('name')}' is no label of a widget of the file")


def _connect(widget, sender: str, signal: str, receiver: str, slot: str) -> None:
    ends = {name: widget if widget.objectName == name else widget.findChild(QtCore.QObject, name)
            for name in (sender, receiver)}
    missing = [name for name, end in ends.items() if end is None]
    if missing:
        raise RuntimeError(f"A connection in the .ui file names the unknown widget '{missing[0]}'")
    connect(ends[sender], signal, ends[receiver], slot)
