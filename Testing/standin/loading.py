"""Loads scripted modules and creates their panels in the order in which the application does."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import slicer

from .application import start as start_application
from .file_readers import register_file_reader


class qSlicerScriptedLoadableModule:
    """The application's record of a module, which the module file fills in; unknown fields are refused."""

    _FIELDS = frozenset(
        "title categories dependencies contributors helpText acknowledgementText icon hidden index "
        "associatedNodeTypes widgetRepresentationCreationEnabled defaultDocumentationLink".split()
    )

    def __init__(self, path: Path):
        object.__setattr__(self, "path", str(path))
        object.__setattr__(self, "name", path.stem)

    def __setattr__(self, field, value):
        if field not in self._FIELDS:
            raise AttributeError(f"'{field}' does not exist on qSlicerScriptedLoadableModule")
        object.__setattr__(self, field, value)


def load_module(path):
    """Import a module file and create its module object; `slicer.modules.<name in lower case>` is the record of it."""
    start_application()  # module files find it as slicer.app
    path = Path(path).resolve()
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    specification.loader.exec_module(module)
    record = qSlicerScriptedLoadableModule(path)
    setattr(slicer.modules, path.stem.lower(), record)
    setattr(slicer.modules, f"{path.stem}Instance", getattr(module, path.stem)(record))
    if hasattr(module, f"{path.stem}FileReader"):
        register_file_reader(getattr(module, f"{path.stem}FileReader"))
    return module


def create_widget(name: str):
    """Create the panel of a loaded module: a parent with layout and scene, the widget, `setup()`, `enter()`."""
    import qt

    from .slicer_widgets import qSlicerScriptedLoadableModuleWidget

    parent = qSlicerScriptedLoadableModuleWidget()
    parent.setObjectName(f"{name}ModuleWidget")
    parent.setLayout(qt.QVBoxLayout())
    parent.setMRMLScene(slicer.mrmlScene)
    widget = getattr(sys.modules[name], f"{name}Widget")(parent)
    setattr(slicer.modules, f"{name}Widget", widget)
    widget.setup()
    parent._entered = True
    widget.enter()
    return widget


def close_widget(widget) -> None:
    """End a panel: `exit()`, `cleanup()`, and its widgets are destroyed at once."""
    import qt

    widget.parent._entered = False
    widget.exit()
    widget.cleanup()
    widget.parent.close()
    widget.parent.deleteLater()
    qt.QCoreApplication.sendPostedEvents(None, qt.QEvent.Type.DeferredDelete)
