"""Widgets of CTK and Slicer that nobody wrote a stand-in for, made from the list of the names in their headers.

They let modules that this test bed was not written for load and show their panels. A made widget keeps the values of
its properties and what its slots `set...` are given, which the getter of the name gives back; it has its signals, of
which it emits those that tell of such changes; and it answers its other slots. It draws nothing and does nothing by
itself. The file `widget_headers.json` has the base class, properties, signals and slots of each class.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import slicer
from PySide6 import QtCore, QtGui, QtWidgets

from .ui_files import stand_in_widget, stand_in_widgets

#: C++ type of a property -> its type and first value here. Any other type is kept as it is given.
_PROPERTIES = {
    "bool": ("bool", False),
    "int": ("int", 0),
    "double": ("double", 0.0),
    "float": ("double", 0.0),
    "QString": ("QString", ""),
    "QStringList": ("QStringList", []),
}
#: C++ type of the argument of a slot `set...` -> what its getter gives before. A pointer is None.
_FIRST = {"bool": False, "int": 0, "double": 0.0, "QString": "", "QStringList": [], "vtkIdType": 0}
#: C++ type of an argument of a signal -> its type here. Pointers and values of any other type are objects.
_ARGUMENTS = {"bool": bool, "int": int, "double": float, "float": float, "QString": str}


@cache
def headers() -> dict[str, dict]:
    """Class name -> base, properties (name -> type), signals and slots (signatures)."""
    return json.loads(Path(__file__).with_name("widget_headers.json").read_text(encoding="utf-8"))


@cache
def widget_from_header(name: str) -> type | None:
    """The class of a name, with all that its header declares; None if the list does not have it.

    A stand-in that was written by hand is taken as base, and gets what it leaves out.
    """
    entry = headers().get(name)
    if entry is None:
        return None
    base = stand_in_widgets().get(name)
    if base is not None:
        entry = _with_inherited(name)
    else:
        base = widget_from_header(entry["base"]) or _qt_class(entry["base"])
    cpp_signals = dict(getattr(base, "cpp_signals", {}))
    members: dict = {"__doc__": f"Made from the header of {name}.", "cpp_signals": cpp_signals}
    for number, signature in enumerate(entry["signals"]):
        short, _, arguments = signature[:-1].partition("(")
        if signature in cpp_signals or hasattr(base, short):
            continue
        kinds = [kind.removeprefix("const ").rstrip("&") for kind in arguments.split(",") if kind]
        attribute = short if short not in members else f"{short}_{number}"
        members[attribute] = QtCore.Signal(*(_ARGUMENTS.get(kind, object) for kind in kinds))
        cpp_signals[signature] = attribute
    for short, kind in entry["properties"].items():
        if not hasattr(base, short):
            _add_property(members, short, kind)
    for signature in sorted(entry["slots"], key=lambda slot: "NodeID(" in slot):  # nodes before their IDs
        short, _, kind = signature[:-1].partition("(")
        if hasattr(base, short) or short in members:
            continue
        if short.startswith("set") and (kind in _FIRST or kind.endswith("*")) and not hasattr(base, _getter(short)):
            _add_setter(members, short, kind)
        else:
            members[short] = _answer
    if "setMRMLScene" in members:
        members["setMRMLScene"] = lambda self, scene: self.setProperty("_scene", scene)
        members["mrmlScene"] = lambda self: self.property("_scene")
    return stand_in_widget(type(name, (base,), members))


def _with_inherited(name: str) -> dict:
    """What the header of a class and those of its bases declare, for stand-ins that were written without the bases."""
    entry: dict = {"properties": {}, "signals": [], "slots": []}
    while name in headers():
        declared = headers()[name]
        entry["properties"] = {**declared["properties"], **entry["properties"]}
        for kind in ("signals", "slots"):
            entry[kind] = [*entry[kind], *(it for it in declared[kind] if it not in entry[kind])]
        name = declared["base"]
    return entry


def _qt_class(name: str) -> type:
    found = next((getattr(module, name) for module in (QtWidgets, QtGui, QtCore) if hasattr(module, name)), None)
    # The base classes of a few come from VTK's Qt widgets or are no QObject: views, which there are none of here.
    return found if isinstance(found, type) and issubclass(found, QtCore.QObject) else QtWidgets.QWidget


def _add_property(members: dict, name: str, kind: str) -> None:
    """A property that keeps its value, with its setter; a change emits the signal that is named after it."""
    own, first = _PROPERTIES.get(kind, ("QVariant", None))
    kept = f"_kept_{name}"
    told = next((attribute for attribute in (f"{name}Changed",) if attribute in members), None)

    def get(self):
        return vars(self).get(kept, first)

    def assign(self, value):
        changed = get(self) != value
        vars(self)[kept] = value
        if changed and told:
            getattr(self, told).emit(value)

    members[name] = QtCore.Property(own, get, assign)
    members[f"set{name[0].upper()}{name[1:]}"] = assign


def _getter(setter: str) -> str:
    """The name of what gives back what a setter was given, such as `mrmlSliceNode` of `setMRMLSliceNode`."""
    name = setter.removeprefix("set")
    return f"mrml{name[4:]}" if name.startswith("MRML") else f"{name[0].lower()}{name[1:]}"


def _add_setter(members: dict, setter: str, kind: str) -> None:
    """A slot that keeps its argument, and what gives it back; a node is also known by its ID."""
    name = _getter(setter)
    node = name.removesuffix("ID")
    if name in members:
        members[setter] = _answer
        return
    if name != node and node in members:

        def get(self):
            chosen = getattr(self, node)()
            return chosen.GetID() if chosen is not None else ""

        def assign(self, node_id):
            getattr(self, setter.removesuffix("ID"))(slicer.mrmlScene.GetNodeByID(node_id) if node_id else None)
    else:
        told = {signature: attribute for signature, attribute in members["cpp_signals"].items()
                if signature.startswith(f"{name}Changed(") and signature.count(",") == 0}  # fmt: skip

        def get(self):
            return vars(self).get(f"_kept_{name}", _FIRST.get(kind))

        def assign(self, value, *_):
            changed = get(self) != value
            vars(self)[f"_kept_{name}"] = value
            for signature, attribute in told.items() if changed else ():
                arguments = {"()": (), "(bool)": (bool(value),)}.get(signature[signature.index("(") :], (value,))
                getattr(self, attribute).emit(*arguments)

    members[setter], members[name] = assign, get


def _answer(self, *arguments):
    """A slot that there is nothing to do for."""
