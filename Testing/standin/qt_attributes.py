"""PythonQt's attribute access on PySide6 objects.

In Slicer, a Qt property is a data attribute (`label.text` is a string) that hides its getter, while its setter stays
(`label.setText`). `name` is the object name; dynamic properties and named children are attributes; anything else
cannot be assigned on a C++ object. PySide6 knows none of this, so its classes are changed in place.
"""

from __future__ import annotations

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

#: Virtual getters, which Shiboken would look up again and again if a property hid them.
_LEFT_ALONE = {"sizeHint", "minimumSizeHint"}

_get_property = QtCore.QObject.property
_set_property = QtCore.QObject.setProperty
_native_set_parent = QtWidgets.QWidget.setParent
_native_init_menu = QtWidgets.QMenu.__init__
_native_getattribute = QtCore.QObject.__getattribute__
_native_setattr = shiboken6.Shiboken.Object.__setattr__


class _Property:
    """A Qt property as a data attribute of its class."""

    def __init__(self, name: str, getter=None):
        self.name, self.getter = name, getter

    def __get__(self, instance, owner=None):
        if instance is None:
            return self.getter or self
        return _get_property(instance, self.name)

    def __set__(self, instance, value):
        _assign(instance, self.name, value)


def _assign(instance, name: str, value) -> None:
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


def _getattribute(self, name):
    # Shiboken finds its own connect and disconnect before it looks into the class.
    if name == "connect":
        return lambda *arguments: connect(self, *arguments)
    if name == "disconnect":
        return lambda *arguments: disconnect(self, *arguments)
    return _native_getattribute(self, name)


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
    if any("cpp_signals" in vars(cls) for cls in type(self).__mro__ if not cls.__module__.startswith("PySide6")):
        raise NotStoodIn(f"The stand-in of {type(self).__name__} has no attribute named '{name}'")
    raise AttributeError(f"{type(self).__name__} has no attribute named '{name}'")


def _setattr(self, name, value):
    cls = type(self)
    name = "objectName" if name == "name" else name
    found = inspect.getattr_static(cls, name, None)
    if isinstance(found, QtCore.Property):
        _assign(self, name, value)
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


def _set_parent(self, parent, *flags):
    _native_set_parent(self, None if parent == 0 else parent, *flags)  # a null pointer may be written 0


def _init_menu(self, *arguments, **properties):
    # Slicer's base class of panels passes itself, which is no widget: PythonQt makes it the title, as text.
    if arguments and not isinstance(arguments[0], (str, QtWidgets.QWidget, type(None))):
        arguments = (str(arguments[0]), *arguments[1:])
    _native_init_menu(self, *arguments, **properties)


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
            if name not in _LEFT_ALONE:
                setattr(cls, name, _Property(name, vars(cls).get(name)))
        if "__setattr__" in vars(cls):
            cls.__setattr__ = _setattr
    QtWidgets.QWidget.setParent = _set_parent
    QtWidgets.QMenu.__init__ = _init_menu
    QtCore.QObject.__getattribute__ = _getattribute
    QtCore.QObject.__getattr__ = _getattr
    QtCore.QObject.className = lambda self: self.metaObject().className()
