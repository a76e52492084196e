"""PythonQt's signals on PySide6 objects: `button.connect("clicked(bool)", function)`.

As in PythonQt, a function gets as many arguments as it can take. Unlike PythonQt, which prints a line and goes on,
connecting to a signal that does not exist is an error.
"""

from __future__ import annotations

import inspect

import shiboken6
from PySide6 import QtCore

#: (address of the sender, signature) -> slots; a connection must outlive the caller's references to the function.
_connections: dict[tuple[int, str], list[_Slot]] = {}


class _Slot:
    """A Python function connected to a signal."""

    def __init__(self, function, arguments: int):
        self.function = function
        self.arguments = min(arguments, _accepted_arguments(function))
        self.signal = None

    def __call__(self, *arguments):
        self.function(*arguments[: self.arguments])


def _accepted_arguments(function) -> int:
    """How many arguments PythonQt hands on: all, unless it can read from the code object that there are fewer."""
    code = getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)
    if code is None or code.co_flags & inspect.CO_VARARGS:
        return 99
    return code.co_argcount - inspect.ismethod(function)


def _normalized(signature: str) -> str:
    return bytes(QtCore.QMetaObject.normalizedSignature(signature).data()).decode()


def _bound_signal(sender, signature: str):
    """The PySide6 signal for a C++ signature."""
    stand_in = getattr(type(sender), "cpp_signals", {}).get(signature)
    if stand_in:
        return getattr(sender, stand_in)
    if sender.metaObject().indexOfSignal(signature) < 0:
        raise RuntimeError(f"Signal '{signature}' does not exist on {sender.metaObject().className()}")
    name, _, arguments = signature[:-1].partition("(")
    signal = getattr(sender, name)
    overloads = [
        method for method in map(sender.metaObject().method, range(sender.metaObject().methodCount()))
        if bytes(method.name()).decode() == name and method.parameterCount()
    ]
    return signal[arguments] if arguments and len(overloads) > 1 else signal


def connect(sender, signature: str, *receiver) -> bool:
    """Connect a signal to a function, or to a slot of another object that is given by its signature.

    Raises
    ------
    RuntimeError
        If the sender has no such signal.
    """
    if len(receiver) == 2:
        function = getattr(receiver[0], receiver[1].partition("(")[0])
    else:
        (function,) = receiver
    signature = _normalized(signature)
    parameters = signature[:-1].partition("(")[2]
    slot = _Slot(function, len(parameters.split(",")) if parameters else 0)
    slot.signal = _bound_signal(sender, signature)
    slot.signal.connect(slot)
    _connections.setdefault((_address(sender), signature), []).append(slot)
    return True


def disconnect(sender, signature: str, function=None) -> bool:
    """Undo `connect`, for all functions unless one is given; returns whether there was a connection."""
    slots = _connections.get((_address(sender), _normalized(signature)), [])
    undone = [slot for slot in slots if function is None or slot.function == function]
    for slot in undone:
        slot.signal.disconnect(slot)
        slots.remove(slot)
    return bool(undone)


def _address(sender) -> int:
    return shiboken6.getCppPointer(sender)[0]
