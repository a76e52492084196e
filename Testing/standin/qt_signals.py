"""PythonQt's signals on PySide6 objects: `button.connect("clicked(bool)", function)`.

As in PythonQt, a function gets as many arguments as it can take. Unlike PythonQt, which prints a line and goes on,
connecting to a signal that does not exist is an error.
"""

from __future__ import annotations

import inspect

import shiboken6
from PySide6 import QtCore

_connect_in_qt = QtCore.QObject.connect

#: Address of the sender -> its slots. A reference to the sender itself would keep it from being destroyed.
_connections: dict[int, list[_Slot]] = {}


class _Slot:
    """A Python function connected to a signal."""

    def __init__(self, function, signature: str, signal):
        arguments = signature[:-1].partition("(")[2]
        taken = min(len(arguments.split(",")) if arguments else 0, _accepted_arguments(function))
        # PySide6 hands all arguments to a plain function that takes any number, but none to a callable object.
        self.receiver = lambda *given: function(*given[:taken])
        self.function, self.signature, self.signal = function, signature, signal
        signal.connect(self.receiver)

    def disconnect(self) -> None:
        self.signal.disconnect(self.receiver)


def _accepted_arguments(function) -> int:
    """How many arguments PythonQt hands on: all, unless it can read from the code object that there are fewer."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None or code.co_flags & inspect.CO_VARARGS:
        return 99
    return code.co_argcount - inspect.ismethod(function)


def _normalized(signature: str) -> str:
    return bytes(QtCore.QMetaObject.normalizedSignature(signature).data()).decode()


def _bound_signal(sender, signature: str):
    """The PySide6 signal for a C++ signature."""
    for cls in type(sender).__mro__:
        if stand_in := vars(cls).get("cpp_signals", {}).get(signature):
            return getattr(sender, stand_in)
    if sender.metaObject().indexOfSignal(signature) < 0:
        raise RuntimeError(f"Signal '{signature}' does not exist on {sender.metaObject().className()}")
    name, _, arguments = signature[:-1].partition("(")
    return getattr(sender, name)[arguments] if arguments else getattr(sender, name)


def connect(sender, signature: str, *receiver) -> bool:
    """Connect a signal to a function, or to a slot of another object that is given by its signature.

    Raises
    ------
    RuntimeError
        If the sender has no such signal.
    """
    if not isinstance(signature, str):
        # PySide6 itself asks a timer or a sender to connect, with objects before the signature.
        return _connect_in_qt(signature, *receiver)
    signature = _normalized(signature)
    if len(receiver) == 2:
        slot = _normalized(receiver[1])
        if sender.metaObject().indexOfSignal(signature) >= 0 and receiver[0].metaObject().indexOfSlot(slot) >= 0:
            # Slots of Qt itself are left to Qt: some, such as QSignalMapper.map, ask who called.
            return bool(_connect_in_qt(sender, QtCore.SIGNAL(signature), receiver[0], QtCore.SLOT(slot)))
        function = getattr(receiver[0], slot.partition("(")[0])
    else:
        (function,) = receiver
    address = _address(sender)
    if address not in _connections:
        _connections[address] = []
        sender.destroyed.connect(lambda: _connections.pop(address, None))
    _connections[address].append(_Slot(function, signature, _bound_signal(sender, signature)))
    return True


def disconnect(sender, signature: str, function=None) -> bool:
    """Undo `connect`, for all functions unless one is given; returns whether there was a connection."""
    slots = _connections.get(_address(sender), [])
    signature = _normalized(signature)
    undone = [slot for slot in slots if slot.signature == signature and function in (None, slot.function)]
    for slot in undone:
        slot.disconnect()
        slots.remove(slot)
    return bool(undone)


def _address(sender) -> int:
    return shiboken6.getCppPointer(sender)[0]
