"""Slicer's own Python files in place of the stand-ins, from a source tree.

They, and modules from the same tree, name widget classes that have no stand-in: in `.ui` files, in annotations and in
comparisons of types. These are made from the list of names in Slicer's headers; a class that is not in the list is an
empty one.
"""

from __future__ import annotations

import importlib
import sys
import types

import slicer

from .header_widgets import widget_from_header

#: Libraries that Slicer has at the top level.
_LIBRARIES = ("vtkITK", "vtkTeem", "vtkSegmentationCore")
#: Modules with the widget classes of Slicer's loadable modules, which some files import from by name.
_WIDGET_MODULES = tuple(
    f"qSlicer{name}ModuleWidgetsPythonQt"
    for name in ("SubjectHierarchy", "Segmentations", "Sequences", "Markups", "Volumes", "Terminologies", "Colors")
)


def use(folder: str) -> None:
    """Make `slicer.ScriptedLoadableModule` and so on importable from a folder `Base/Python/slicer`."""
    from .application import start
    from .pythonqt import ctk
    from .ui_files import QUiLoader, stand_in_widgets

    start()  # the files import qt, ctk and the widgets at file scope
    for name in stand_in_widgets():  # what was written by hand gets what it leaves out
        if complete := widget_from_header(name):
            setattr(ctk if name.startswith("ctk") else slicer, name, complete)
    ctk.__getattr__ = _class_named("ctk")
    slicer.__getattr__ = _class_named("qMRML", "qSlicer")
    QUiLoader.missing_class = staticmethod(widget_from_header)
    for title in _WIDGET_MODULES:
        module = types.ModuleType(title)
        module.__getattr__ = _class_named("qMRML", "qSlicer")
        sys.modules[title] = module
    for title in _LIBRARIES:
        sys.modules.setdefault(title, importlib.import_module(f"slicer_core.{title}"))
    sys.modules["vtkSegmentationCorePython"] = sys.modules["vtkSegmentationCore"]
    sys.modules["slicer.modules"] = slicer.modules
    slicer.__path__.append(folder)


def _class_named(*prefixes: str):
    made: dict[str, type] = {}

    def get(name: str) -> type:
        if not name.startswith(prefixes):
            raise AttributeError(name)
        return made.setdefault(name, widget_from_header(name) or type(name, (), {}))

    return get
