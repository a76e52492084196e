"""Loads scripted modules and creates their panels in the order in which the application does."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import slicer
from PySide6.QtCore import Property, QObject
from PySide6.QtGui import QIcon

from .application import start as start_application
from .file_readers import register_file_reader
from .limits import NotStoodIn
from .ui_files import stand_in_widget


def _field(kind: str, name: str, first):
    return Property(kind, lambda self: self._fields.get(name, first), lambda self, value: self._assign(name, value))


@stand_in_widget
class qSlicerScriptedLoadableModule(QObject):
    """The application's record of a module, which the module file fills in; unknown fields are refused."""

    def __init__(self, path: Path):
        super().__init__()
        self._fields: dict[str, object] = {}
        self._path = str(path)
        self._name = path.stem
        self._widget = None
        self._instance = None

    def _assign(self, name, value):
        self._fields[name] = value

    name = Property("QString", lambda self: self._name)
    path = Property("QString", lambda self: self._path)
    title = _field("QString", "title", "")
    categories = _field("QStringList", "categories", [])
    dependencies = _field("QStringList", "dependencies", [])
    contributors = _field("QStringList", "contributors", [])
    associatedNodeTypes = _field("QStringList", "associatedNodeTypes", [])
    helpText = _field("QString", "helpText", "")
    acknowledgementText = _field("QString", "acknowledgementText", "")
    icon = _field("QVariant", "icon", QIcon())
    hidden = _field(bool, "hidden", False)
    index = _field(int, "index", -1)
    widgetRepresentationCreationEnabled = _field(bool, "widgetRepresentationCreationEnabled", True)
    slicerWikiUrl = Property("QString", lambda self: "https://www.slicer.org/wiki")
    defaultDocumentationLink = Property(
        "QString", lambda self: f'<p><a href="{slicer.app.moduleDocumentationUrl(self.name)}">Documentation</a>.</p>'
    )

    def logic(self):
        """The C++ side of the module's logic, which can do nothing."""
        logic = slicer.vtkSlicerScriptedLoadableModuleLogic()
        logic.SetMRMLScene(slicer.mrmlScene)
        return logic

    def widgetRepresentation(self):
        """The panel's parent widget, created when it is first asked for; None where the module has no panel."""
        if self._widget is None and hasattr(sys.modules[self.name], f"{self.name}Widget"):
            self._widget = self.createNewWidgetRepresentation()
        return self._widget

    def createNewWidgetRepresentation(self):
        """Another parent widget with a panel of its own."""
        return _create_panel(self.name)


def load_module(path):
    """Import a module file and create its module object; `slicer.modules.<name in lower case>` is the record of it."""
    start_application()  # module files find it as slicer.app
    path = Path(path).resolve()
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    _offer_to_main()
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    specification.loader.exec_module(module)
    record = qSlicerScriptedLoadableModule(path)
    setattr(slicer.modules, path.stem.lower(), record)
    instance = getattr(module, path.stem)(record)
    setattr(slicer.modules, f"{path.stem}Instance", instance)
    if hasattr(module, f"{path.stem}FileReader"):
        register_file_reader(getattr(module, f"{path.stem}FileReader"))
    if hasattr(instance, "setup"):
        instance.setup()
    slicer.app.moduleManager().moduleLoaded.emit(path.stem)
    return module


def _offer_to_main() -> None:
    """Names that older modules import from `__main__`, which is Slicer's console."""
    import ctk
    import qt
    import vtk

    for name, value in {"slicer": slicer, "vtk": vtk, "qt": qt, "ctk": ctk}.items():
        vars(sys.modules["__main__"]).setdefault(name, value)


def _create_panel(name: str):
    import qt

    parent = slicer.qSlicerScriptedLoadableModuleWidget()
    parent.setObjectName(f"{name}ModuleWidget")
    parent.setLayout(qt.QVBoxLayout())
    parent.setMRMLScene(slicer.mrmlScene)
    parent.fill(name)
    return parent


def create_widget(name: str):
    """Create the panel of a loaded module: a parent with layout and scene, the widget, `setup()`, `enter()`."""
    if not hasattr(sys.modules[name], f"{name}Widget"):
        raise NotStoodIn(f"Module {name} has no panel: there is no class {name}Widget")
    record = getattr(slicer.modules, name.lower())
    parent = record._widget = record.createNewWidgetRepresentation()
    parent.enter()
    return parent.self()


def close_widget(widget) -> None:
    """End a panel: `exit()`, `cleanup()`, and its widgets are destroyed at once."""
    import qt

    parent = widget.parent
    name = parent.moduleName
    parent.exit()
    # The base class of panels waits for this signal to call cleanup().
    slicer.app.moduleManager().moduleAboutToBeUnloaded.emit(name)
    getattr(slicer.modules, name.lower())._widget = None
    parent.close()
    parent.deleteLater()
    qt.QCoreApplication.sendPostedEvents(None, qt.QEvent.Type.DeferredDelete)
