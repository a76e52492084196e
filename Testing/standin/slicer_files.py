"""Slicer's own Python files in place of the stand-ins, from a source tree.

They, and modules from the same tree, name widget classes that have no stand-in: in `.ui` files, in annotations and in
comparisons of types. These are made from the list of names in Slicer's headers; a class that is not in the list is an
empty one.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
import types
from pathlib import Path

import slicer

from . import dicom_library
from .header_widgets import widget_from_header
from .limits import NotStoodIn

#: Libraries that Slicer has at the top level.
_LIBRARIES = ("vtkITK", "vtkTeem", "vtkSegmentationCore")
#: Modules with the widget classes of Slicer's loadable modules, which some files import from by name.
_WIDGET_MODULES = tuple(
    f"qSlicer{name}ModuleWidgetsPythonQt"
    for name in ("SubjectHierarchy", "Segmentations", "Sequences", "Markups", "Volumes", "Terminologies", "Colors")
)


def use(given: str) -> None:
    """Make `slicer.ScriptedLoadableModule` and so on importable from a source tree.

    Parameters
    ----------
    given : str
        The tree, in one of the ways that `source_folder` takes.
    """
    from .application import start
    from .pythonqt import ctk
    from .ui_files import QUiLoader, stand_in_widgets

    folder = source_folder(given)
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
    slicer.__path__.append(str(folder))
    if (folder / "cli.py").is_file():
        del sys.modules["slicer.cli"]
        slicer.cli = importlib.import_module("slicer.cli")
    root = tree_root(folder)
    _offer_modules(root)
    _import_libraries(root)


def _import_libraries(root: Path) -> None:
    """Import what loadable modules import as the application starts: it connects their widgets to parameter nodes.

    As there, a library that cannot be imported is printed with its reason, and the application starts without it.
    """
    for connectors in sorted(root.glob("Modules/Loadable/*/*Lib/parameterNodeWrapper")):
        library = connectors.parent
        sys.path.append(str(library.parent))
        try:
            importlib.import_module(library.name)
        except Exception:
            print(f"{library.name} of {root} cannot be imported:", file=sys.stderr)
            traceback.print_exc()


def tree_root(given: str | os.PathLike) -> Path:
    """The root of a source tree, from it or from a folder that `source_folder` takes."""
    folder = source_folder(given)
    return folder.parents[2] if folder.parts[-3:] == ("Base", "Python", "slicer") else folder


def _offer_modules(root: Path) -> None:
    """Let modules of the tree import each other and the packages of its loadable modules, as installed ones do."""
    modules = {path.parent for path in root.glob("Modules/Scripted/*/*.py") if path.stem == path.parent.name}
    packages = {path for pattern in ("Widgets/Python", "Python") for path in root.glob(f"Modules/Loadable/*/{pattern}")}
    sys.path += [str(path) for path in sorted(modules | packages)]
    if (library := root / "Modules" / "Scripted" / "DICOMLib").is_dir():
        dicom_library.add_files(library)
    plugins = types.ModuleType("SubjectHierarchyPlugins", "Installed modules put their files into one such package.")
    plugins.__path__ = [str(path) for path in sorted(root.glob("Modules/*/**/SubjectHierarchyPlugins"))]

    def plugin(name: str) -> type:
        try:
            cls = getattr(importlib.import_module(f"SubjectHierarchyPlugins.{name}"), name)
        except ModuleNotFoundError as missing:
            raise AttributeError(f"SubjectHierarchyPlugins has no '{name}': {missing}") from missing
        setattr(plugins, name, cls)  # the import has put the file there
        return cls

    plugins.__getattr__ = plugin
    sys.modules["SubjectHierarchyPlugins"] = plugins
    if "AbstractScriptedSubjectHierarchyPlugin" not in sys.modules:
        sys.modules["AbstractScriptedSubjectHierarchyPlugin"] = base = types.ModuleType("base of the plugins")
        base.AbstractScriptedSubjectHierarchyPlugin = type("AbstractScriptedSubjectHierarchyPlugin", (), {})


def source_folder(given: str | os.PathLike) -> Path:
    """The folder `Base/Python/slicer` of a source tree, from that folder or one that it is in.

    Parameters
    ----------
    given : path-like
        The root of the tree, its `Base/Python`, or its `Base/Python/slicer`.

    Raises
    ------
    ValueError
        If there is no `ScriptedLoadableModule.py` in any of these.
    """
    candidates = [Path(given) / part for part in (".", "slicer", "Base/Python/slicer")]
    for folder in candidates:
        if (folder / "ScriptedLoadableModule.py").is_file():
            return folder.resolve()
    raise ValueError(
        f"SLICER_PY must be the root of a Slicer source tree, or its folder Base/Python or Base/Python/slicer, but "
        f"'{given}' has no ScriptedLoadableModule.py there"
    )


class _Unlisted:
    """A class that the list of headers does not have: it can be named and made, and nothing else."""

    def __init__(self, *arguments):
        pass

    def __getattr__(self, name: str):
        raise NotStoodIn(f"There is no stand-in of {type(self).__name__}, so it has no '{name}'")


def _class_named(*prefixes: str):
    made: dict[str, type] = {}

    def get(name: str) -> type:
        if not name.startswith(prefixes):
            raise AttributeError(name)
        return made.setdefault(name, widget_from_header(name) or type(name, (_Unlisted,), {}))

    return get
