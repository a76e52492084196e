"""Stand-in for `slicer.parameterNodeWrapper`: a class whose annotated fields live in a parameter node.

Supported field types: bool, int, float, str, pathlib.Path, `enum.Enum` classes (stored by member name), MRML node
classes and unions of these with None (stored as node references). Supported annotations: those of
`parameter_annotations`. Anything else is refused, because Slicer might treat it otherwise than a guess made here.
"""

from __future__ import annotations

import enum
import types
import typing
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
import vtk

from .parameter_annotations import (
    Choice,
    Decimals,
    Default,
    Label,
    Maximum,
    Minimum,
    NotNone,
    SingleStep,
    Validator,
    WithinRange,
)

__all__ = [
    "Choice",
    "Decimals",
    "Default",
    "Label",
    "Maximum",
    "Minimum",
    "NotNone",
    "SingleStep",
    "SlicerParameterNamePropertyName",
    "Validator",
    "WithinRange",
    "isParameterNodeWrapper",
    "parameterNodeWrapper",
]

SlicerParameterNamePropertyName = "SlicerParameterName"


class _Text:
    """Stores a value as a text parameter."""

    def __init__(self, kind: type, to_text: Callable[[Any], str], from_text: Callable[[str], Any], default: Any):
        self.kind, self.to_text, self.from_text, self.default = kind, to_text, from_text, default

    def is_in(self, node, name: str) -> bool:
        return node.HasParameter(name)

    def read(self, node, name: str):
        return self.from_text(node.GetParameter(name))

    def write(self, node, name: str, value) -> None:
        if self.kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, self.kind) or (self.kind is not bool and isinstance(value, bool)):
            raise TypeError(f"{name} must be of type {self.kind.__name__}, but got {value!r}")
        node.SetParameter(name, self.to_text(value))


class _NodeReference:
    """Stores a node of one of several classes as a node reference."""

    default = None

    def __init__(self, kinds: tuple[type, ...]):
        self.kinds = kinds

    def is_in(self, node, name: str) -> bool:
        return node.HasParameter(name)

    def read(self, node, name: str):
        return node.GetNodeReference(name)

    def write(self, node, name: str, value) -> None:
        if value is not None and not isinstance(value, self.kinds):
            allowed = ", ".join(kind.__name__ for kind in self.kinds)
            raise TypeError(f"{name} must be a node of class {allowed}, but got {value!r}")
        node.SetParameter(name, "")  # so that None can be told from a field never written
        node.SetNodeReferenceID(name, value.GetID() if value is not None else None)


def _storage(kind: Any) -> _Text | _NodeReference:
    """How values of an annotated type are kept in a parameter node."""
    if kind is bool:
        return _Text(bool, str, lambda text: text == "True", False)
    if kind in (int, float):
        return _Text(kind, repr, kind, kind())
    if kind in (str, Path):
        return _Text(kind, str, kind, kind())
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _Text(kind, lambda member: member.name, lambda name: kind[name], next(iter(kind)))
    if isinstance(kind, types.UnionType):
        raise TypeError(f"Write {kind} as typing.Union: not every version of Slicer's wrapper knows the form A | B.")
    members = typing.get_args(kind) if typing.get_origin(kind) else (kind,)
    classes = tuple(member for member in members if member is not type(None))
    if not all(isinstance(member, type) and issubclass(member, slicer.vtkMRMLNode) for member in classes):
        raise TypeError(f"The stand-in of parameterNodeWrapper does not know how to store {kind}.")
    if len(classes) > 1 and type(None) not in members:
        raise TypeError(f"A union of node classes must include None, but got {kind}: Slicer refuses it otherwise.")
    return _NodeReference(classes)


class _Field:
    """One annotated field of a wrapper class; a property of its instances."""

    def __init__(self, name: str, annotation: Any, **default):
        kind, *notes = (typing.get_args(annotation) if typing.get_origin(annotation) is typing.Annotated
                        else (annotation,))
        unknown = [note for note in notes if not isinstance(note, (Validator, Decimals, SingleStep, Label, Default))]
        if unknown:
            raise TypeError(f"{name} has an annotation that is not understood: {unknown[0]!r}")
        self.name, self.kind, self.notes, self.storage = name, kind, notes, _storage(kind)
        self.default = Default(default.get("value", self.storage.default))
        for note in notes:
            if isinstance(note, Default):
                self.default = note

    def note(self, kind: type):
        """The first annotation of a class, or None."""
        return next((note for note in self.notes if isinstance(note, kind)), None)

    def __get__(self, wrapper, owner=None):
        return self if wrapper is None else self.storage.read(wrapper.parameterNode, wrapper._prefix + self.name)

    def __set__(self, wrapper, value) -> None:
        for note in self.notes:
            if isinstance(note, Validator):
                note.validate(value)
        self.storage.write(wrapper.parameterNode, wrapper._prefix + self.name, value)


def isParameterNodeWrapper(classOrInstance) -> bool:
    """Whether a class was made by `parameterNodeWrapper`, or an object is an instance of one."""
    return hasattr(classOrInstance, "allParameters")


def parameterNodeWrapper(wrapped: type | None = None):
    """Class decorator: the annotated fields of the class are kept in the parameter node given to its constructor."""
    if wrapped is None:
        return parameterNodeWrapper
    fields = {}
    for name, annotation in typing.get_type_hints(wrapped, include_extras=True).items():
        if hasattr(_Wrapper, name):
            raise ValueError(f"Cannot use reserved name '{name}' in a parameterNodeWrapper")
        given = {"value": getattr(wrapped, name)} if hasattr(wrapped, name) else {}
        fields[name] = _Field(name, annotation, **given)
    body = {name: value for name, value in vars(wrapped).items() if name not in ("__dict__", "__weakref__")}
    return type(wrapped.__name__, (_Wrapper,), {**body, **fields, "allParameters": fields})


class _Wrapper:
    """What every wrapper class can do."""

    allParameters: dict[str, _Field]

    def __init__(self, parameterNode, prefix: str | None = None):
        if parameterNode is None:
            raise ValueError("A parameterNodeWrapper needs a parameter node, but got None")
        self.parameterNode, self._prefix = parameterNode, prefix or ""
        self._guis: dict[int, dict] = {}
        self._updating = False
        for name, field in self.allParameters.items():
            if not field.storage.is_in(parameterNode, self._prefix + name):
                field.storage.write(parameterNode, self._prefix + name, field.default.value)
        self._observer = None

    def _field(self, name: str) -> _Field:
        if name not in self.allParameters:
            known = ", ".join(self.allParameters)
            raise ValueError(f"Cannot find a param with the given name: {name}. Fields: {known}")
        return self.allParameters[name]

    def default(self, name: str) -> Default:
        """The default of a field."""
        return self._field(name).default

    def dataType(self, name: str) -> Any:
        """The annotated type of a field."""
        return self._field(name).kind

    def isCached(self, name: str) -> bool:
        """Whether a field is read from a copy; here never."""
        self._field(name)
        return False

    def getValue(self, name: str):
        """The value of a field by its name."""
        self._field(name)
        return getattr(self, name)

    def setValue(self, name: str, value) -> None:
        """Set a field by its name."""
        self._field(name)
        setattr(self, name, value)

    def connectGui(self, gui) -> int:
        """Connect the widgets of `slicer.util.childWidgetVariables` by their property `SlicerParameterName`."""
        named = {widget.property(SlicerParameterNamePropertyName): widget for widget in vars(gui).values()}
        return self.connectParametersToGui({name: widget for name, widget in named.items() if name})

    def connectParametersToGui(self, widgets: dict[str, Any]) -> int:
        """Connect widgets to fields in both ways; returns a tag for `disconnectGui`."""
        from .parameter_gui import connector

        connectors = {name: connector(widget, self._field(name)) for name, widget in widgets.items()}
        tag = max(self._guis, default=-1) + 1
        self._guis[tag] = connectors
        for name, connected in connectors.items():
            connected.write(self.getValue(name))
            connected.on_changed(lambda *, name=name, connected=connected: self._read_gui(name, connected))
        if self._observer is None:
            # A strong reference would close a cycle through the node; Python's garbage collection would then take the
            # function apart while the node still calls it.
            weak_self = weakref.ref(self)
            self._observer = self.AddObserver(
                vtk.vtkCommand.ModifiedEvent, lambda *_: weak_self() and weak_self()._write_guis()
            )
        return tag

    def disconnectGui(self, tag: int) -> None:
        """Undo `connectGui`."""
        for connected in self._guis.pop(tag, {}).values():
            connected.on_changed(None)
        if not self._guis and self._observer is not None:
            self.RemoveObserver(self._observer)
            self._observer = None

    def _read_gui(self, name: str, connected) -> None:
        if not self._updating:
            self.setValue(name, connected.read())

    def _write_guis(self) -> None:
        if self._updating:
            return
        self._updating = True
        try:
            for connectors in self._guis.values():
                for name, connected in connectors.items():
                    connected.write(self.getValue(name))
        finally:
            self._updating = False

    def StartModify(self):
        """Hold back events of the parameter node."""
        return self.parameterNode.StartModify()

    def EndModify(self, wasModifying):
        """Send the events held back since `StartModify`."""
        return self.parameterNode.EndModify(wasModifying)

    def Modified(self) -> None:
        """Send a modified event of the parameter node."""
        self.parameterNode.Modified()

    def AddObserver(self, event, callback, priority: float = 0.0) -> int:
        """Observe the parameter node."""
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag: int) -> None:
        """Stop observing the parameter node."""
        self.parameterNode.RemoveObserver(tag)
