"""Stand-in for the main window, which nobody sees: modules find its menus, its module selector and its status bar."""

from __future__ import annotations

import slicer
from PySide6.QtCore import Property, Qt, Signal
from PySide6.QtWidgets import QDialog, QDockWidget, QLabel, QMainWindow, QMenu, QToolBar, QVBoxLayout, QWidget
from shiboken6 import isValid

from .ctk_widgets import ctkCollapsibleButton
from .header_widgets import widget_from_header
from .ui_files import stand_in_widget

#: Object names of the menus, which modules look up among all top-level widgets, and their titles.
_MENUS = {"FileMenu": "File", "EditMenu": "Edit", "ViewMenu": "View", "HelpMenu": "Help"}
_TOOL_BARS = ("MainToolBar", "ModuleToolBar", "ModuleSelectorToolBar", "ViewToolBar", "MouseModeToolBar")


@stand_in_widget
class qSlicerModuleSelectorToolBar(QToolBar):
    """Says which module is shown, and shows another one."""

    moduleSelected = Signal(str)
    cpp_signals = {"moduleSelected(QString)": "moduleSelected"}
    selectedModule = Property(str, lambda self: self._selected)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._selected = ""
        self._panel = None

    def selectModule(self, name: str) -> None:
        """Leave the panel that is shown and show that of a module; of Slicer's own modules there are none to show.

        Raises
        ------
        RuntimeError
            If there is no such module.
        """
        record = slicer.util.getModule(name)
        if self._panel is not None and isValid(self._panel) and self._panel.isEntered:
            self._panel.exit()
        self._selected = record.name
        self._panel = record.widgetRepresentation() if hasattr(record, "widgetRepresentation") else None
        if self._panel is not None:
            self._panel.enter()
        self.moduleSelected.emit(record.name)


@stand_in_widget
class ctkSettingsDialog(QDialog):
    """Holds panels of settings, which nobody sees."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._panels: dict[str, QWidget] = {}

    def addPanel(self, label, panel, parent=None):
        """Add a panel."""
        panel.setParent(self)
        self._panels[label] = panel

    def panel(self, label):
        """The panel of a label, or None."""
        return self._panels.get(label)


@stand_in_widget
class qSlicerMainWindow(QMainWindow):
    """The main window."""

    def __init__(self):
        super().__init__()
        self.setObjectName("qSlicerMainWindow")
        for name, title in _MENUS.items():
            menu = QMenu(title, self)
            menu.setObjectName(name)
            self.menuBar().addMenu(menu)
        for name in _TOOL_BARS:
            tool_bar = QToolBar(self)
            tool_bar.setObjectName(name)
            self.addToolBar(tool_bar)
        dock, panel = QDockWidget(self), widget_from_header("qSlicerModulePanel")()
        dock.setObjectName("PanelDockWidget")
        dock.setTitleBarWidget(QLabel())
        panel.setObjectName("ModulePanel")
        QVBoxLayout(panel)
        help_text, probe = ctkCollapsibleButton("Help & Acknowledgement"), ctkCollapsibleButton("Data Probe")
        help_text.setObjectName("HelpCollapsibleButton")
        probe.setObjectName("DataProbeCollapsibleWidget")
        QVBoxLayout(probe)
        for part in (help_text, probe):
            panel.layout().addWidget(part)
        dock.setWidget(panel)
        self.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
        self._selector = qSlicerModuleSelectorToolBar(self)

    def moduleSelector(self) -> qSlicerModuleSelectorToolBar:
        """What selects modules."""
        return self._selector
