"""PythonQt's attribute access on PySide6 objects.

In Slicer, a Qt property is a data attribute (`label.text` is a string) that hides its getter, while its setter stays
(`label.setText`). `name` is the object name; dynamic properties and named children are attributes; anything else
cannot be assigned on a C++ object. PySide6 knows none of this, so its classes are changed in place.
"""

from __future__ import annotations

import enum
import inspect
import math
from numbers import Real

import shiboken6
from PySide6 import QtCore, QtGui, QtNetwork, QtPrintSupport, QtSvg, QtWidgets

from .limits import NotStoodIn
from .qt_signals import connect, disconnect

QT_MODULES = (QtCore, QtGui, QtWidgets, QtNetwork, QtSvg, QtPrintSupport)

def _number(value) -> float:
    if not isinstance(value, Real):
        raise TypeError
    return float(value)


def _texts(value) -> list[str]:
    if not isinstance(value, (list, tuple)):
        raise TypeError
    return [str(item) for item in value]


#: C++ type of a property -> what PythonQt makes of a value that is assigned to it; TypeError where it gives up.
_CONVERSIONS = {
    "bool": bool,
    "int": lambda value: math.floor(_number(value)),
    "uint": lambda value: math.floor(_number(value)),
    "double": _number,
    "float": _number,
    "QString": str,
    "QStringList": _texts,
}

_METHOD = type(QtCore.QObject.property)  # of the methods that PySide6 wraps

#: Address of an object and name of its property, while the property is read.
_being_read: set[tuple[int, str]] = set()

_get_property = QtCore.QObject.property
_set_property = QtCore.QObject.setProperty
_native_setattr = shiboken6.Shiboken.Object.__setattr__


class _Property:
    """A Qt property as a data attribute of its class."""

    def __init__(self, name: str, getter=None):
        self.name, self.getter = name, getter

    def __get__(self, instance, owner=None):
        if instance is None:
            return self.getter or self
        asked = (id(instance), self.name)
        if asked in _being_read:  # Qt asks a virtual getter, and Shiboken looks whether Python has another one
            return self.getter.__get__(instance, owner)
        _being_read.add(asked)
        try:
            return _get_property(instance, self.name)
        finally:
            _being_read.discard(asked)

    def __set__(self, instance, value):
        assign(instance, self.name, value)


def assign(instance, name: str, value) -> None:
    """Set a Qt property, refusing what PythonQt refuses."""
    class_name = instance.metaObject().className()
    declared = instance.metaObject().property(instance.metaObject().indexOfProperty(name))
    if not declared.isWritable():
        raise AttributeError(f"Property '{name}' of {class_name} object is not writable")
    try:
        converted = _CONVERSIONS.get(declared.typeName(), lambda it: list(it) if isinstance(it, tuple) else it)(value)
        accepted = _set_property(instance, name, converted)
    except TypeError:
        accepted = False
    if not accepted:
        raise AttributeError(
            f"Property '{name}' of type '{declared.typeName()}' does not accept an object of type "
            f"{type(value).__name__} ({value!r})"
        )


def has_property(cls: type, name: str) -> bool:
    """Whether a widget class has a Qt property."""
    # Not from `staticMetaObject`: PySide6 frees that of a Python class while the class lives on.
    return isinstance(inspect.getattr_static(cls, name, None), (_Property, QtCore.Property))


def _is_cpp_class(cls: type) -> bool:
    """Whether the class stands for a C++ class, as opposed to a subclass written in Python by a module."""
    return cls.__module__.startswith("PySide6") or "cpp_signals" in vars(cls)


def _is_dynamic_property(instance, name: str) -> bool:
    return shiboken6.isValid(instance) and name.encode() in map(bytes, instance.dynamicPropertyNames())


def _is_own_name(name: str, value) -> bool:
    """Whether PySide6's loader of `.ui` files makes a widget an attribute of the outermost one, by its name."""
    return isinstance(value, QtCore.QObject) and _get_property(value, "objectName") == name


def _connecting(native):
    """Attribute access with PythonQt's `connect` in place of that which Shiboken finds before it looks into a class."""

    def getattribute(self, name):
        if name == "connect":
            return lambda *arguments: connect(self, *arguments)
        if name == "disconnect":
            return lambda *arguments: disconnect(self, *arguments)
        return native(self, name)

    return getattribute


def _getattr(self, name):
    if name.startswith("__"):
        raise AttributeError(name)
    if not shiboken6.isValid(self):
        raise ValueError(f"Trying to read property '{name}' from a destroyed {type(self).__name__} object")
    if name == "name":
        return _get_property(self, "objectName")
    if _is_dynamic_property(self, name):
        return _get_property(self, name)
    for child in self.children():
        if _get_property(child, "objectName") == name:
            return child
    enumerated = getattr(type(self), name, None)  # members of enumerations are known to classes only
    if isinstance(enumerated, enum.Enum):
        return enumerated
    if any("cpp_signals" in vars(cls) for cls in type(self).__mro__ if not cls.__module__.startswith("PySide6")):
        raise NotStoodIn(f"The stand-in of {type(self).__name__} has no attribute named '{name}'")
    raise AttributeError(f"{type(self).__name__} has no attribute named '{name}'")


def _setattr(self, name, value):
    cls = type(self)
    name = "objectName" if name == "name" else name
    found = inspect.getattr_static(cls, name, None)
    if isinstance(found, QtCore.Property):
        assign(self, name, value)
    elif hasattr(type(found), "__set__"):
        type(found).__set__(found, self, value)
    elif name.startswith("_") or isinstance(value, (QtCore.Signal, QtCore.SignalInstance)):
        _native_setattr(self, name, value)
    elif _is_dynamic_property(self, name):
        _set_property(self, name, value)
    elif not _is_cpp_class(cls) or _is_own_name(name, value):
        _native_setattr(self, name, value)
    elif callable(found):
        raise AttributeError(f"Slot '{name}' can not be overwritten on {cls.__name__} object")
    else:
        raise AttributeError(
            f"'{name}' does not exist on {cls.__name__} and creating new attributes on C++ objects is not allowed"
        )


def _finding(native):
    """PythonQt knows the class of children also by its name."""

    def find(self, kind, *arguments):
        if not isinstance(kind, str):
            return native(self, kind, *arguments)
        named = native(self, QtCore.QObject, *arguments)
        children = named if isinstance(named, list) else native_children(self, QtCore.QObject, *arguments)
        found = [child for child in children if child.inherits(kind)]
        return found if isinstance(named, list) else next(iter(found), None)

    native_children = QtCore.QObject.findChildren
    return find


def _hide_getters(cls: type, name: str, classes: set[type]) -> None:
    """Put a property of a class in place of its getter, also where a derived class has its own."""
    for derived in classes:
        if derived is cls or (issubclass(derived, cls) and isinstance(vars(derived).get(name), _METHOD)):
            setattr(derived, name, _Property(name, vars(derived).get(name)))


def adopt_pythonqt_attributes() -> None:
    """Change the attribute access of all PySide6 classes in this process."""
    classes = {
        cls
        for module in QT_MODULES
        for cls in (getattr(module, name) for name in dir(module))  # PySide6 makes classes when asked for
        if isinstance(cls, type) and issubclass(cls, QtCore.QObject)
    }
    for cls in classes:
        declared = cls.staticMetaObject
        for index in range(declared.propertyOffset(), declared.propertyCount()):
            name = declared.property(index).name()
            _hide_getters(cls, name, classes)
        if "__setattr__" in vars(cls):
            cls.__setattr__ = _setattr
        if "__getattribute__" in vars(cls) or cls is QtCore.QObject:
            cls.__getattribute__ = _connecting(cls.__getattribute__)
    QtCore.QObject.__getattr__ = _getattr
    QtCore.QObject.findChild = _finding(QtCore.QObject.findChild)
    QtCore.QObject.findChildren = _finding(QtCore.QObject.findChildren)
    QtCore.QObject.className = lambda self: self.metaObject().className()
    QtCore.QObject.delete = lambda self: shiboken6.delete(self)
