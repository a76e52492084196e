"""Slicer's own Python files in place of the stand-ins, from a source tree.

They name some widget classes that have no stand-in, in annotations and in comparisons of types. For these, an empty
class is enough.
"""

from __future__ import annotations

import sys
import types

import slicer


def use(folder: str) -> None:
    """Make `slicer.ScriptedLoadableModule` and so on importable from a folder `Base/Python/slicer`."""
    from .application import start
    from .pythonqt import ctk

    start()  # the files import qt, ctk and the widgets at file scope
    ctk.__getattr__ = _empty_class("ctk")
    slicer.__getattr__ = _empty_class("qMRML")
    hierarchy = types.ModuleType("qSlicerSubjectHierarchyModuleWidgetsPythonQt")
    hierarchy.__getattr__ = _empty_class("qMRML")
    sys.modules[hierarchy.__name__] = hierarchy
    slicer.__path__.append(folder)


def _empty_class(prefix: str):
    made: dict[str, type] = {}

    def get(name: str) -> type:
        if not name.startswith(prefix):
            raise AttributeError(name)
        return made.setdefault(name, type(name, (), {}))

    return get
