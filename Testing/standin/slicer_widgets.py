"""Stand-ins for the widgets of Slicer that the panels use, backed by the real scene."""

from __future__ import annotations

import sys

import slicer
import vtk
from PySide6.QtCore import Property, Qt, Signal
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QTableView, QTableWidget, QVBoxLayout, QWidget

from .ui_files import stand_in_widget


@stand_in_widget
class qMRMLWidget(QWidget):
    """A widget that knows the scene."""

    mrmlSceneChanged = Signal(object)
    cpp_signals = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged"}

    def __init__(self, parent=None):
        super().__init__(parent)
        self._scene = None

    def mrmlScene(self):
        """The scene."""
        return self._scene

    def setMRMLScene(self, scene):
        """Set the scene, which a `.ui` file hands on to the widgets inside."""
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)


@stand_in_widget
class qSlicerWidget(qMRMLWidget):
    """A widget of the application."""


@stand_in_widget
class qSlicerScriptedLoadableModuleWidget(qSlicerWidget):
    """The parent of a scripted module's panel, which is an object of the module's own class."""

    moduleName = Property("QString", lambda self: self._module_name)
    isEntered = Property(bool, lambda self: self._entered)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._module_name = ""
        self._entered = False
        self._panel = None

    def self(self):
        """The panel."""
        return self._panel

    def fill(self, module_name: str) -> None:
        """Create the panel of a module in this widget and set it up; `slicer.modules.<name>Widget` is the last one."""
        self._module_name = module_name
        self._panel = getattr(sys.modules[module_name], f"{module_name}Widget")(self)
        setattr(slicer.modules, f"{module_name}Widget", self._panel)
        self._panel.setup()

    def reload(self) -> None:
        """Create the panel again, from the class that the module has now."""
        self.fill(self._module_name)

    def enter(self) -> None:
        """The user shows the module. Panels need not have an `enter` of their own."""
        self._entered = True
        getattr(self._panel, "enter", lambda: None)()

    def exit(self) -> None:
        """The user leaves the module."""
        self._entered = False
        getattr(self._panel, "exit", lambda: None)()


def _choice(kind, name, default):
    """A property that decides which nodes a combo box offers."""

    def assign(self, value):
        self._choices[name] = list(value) if isinstance(value, (list, tuple)) else value
        self._offer_nodes()

    return Property(kind, lambda self: self._choices.get(name, default), assign)


def _stop_observing(observed):
    """Remove observers, a list of (object, tag), and empty the list."""
    while observed:
        subject, tag = observed.pop()
        subject.RemoveObserver(tag)


@stand_in_widget
class qMRMLNodeComboBox(QWidget):
    """A combo box of the nodes in the scene."""

    currentNodeChanged = Signal(object)
    currentNodeIDChanged = Signal(str)
    currentNodeIsValid = Signal(bool)
    nodeActivated = Signal(object)
    nodeAdded = Signal(object)
    nodeAddedByUser = Signal(object)
    cpp_signals = {
        "currentNodeChanged(vtkMRMLNode*)": "currentNodeChanged",
        "currentNodeChanged(bool)": "currentNodeIsValid",
        "currentNodeIDChanged(QString)": "currentNodeIDChanged",
        "nodeActivated(vtkMRMLNode*)": "nodeActivated",
        "nodeAdded(vtkMRMLNode*)": "nodeAdded",
        "nodeAddedByUser(vtkMRMLNode*)": "nodeAddedByUser",
    }

    def __init__(self, parent=None):
        super().__init__(parent)
        self._scene = None
        self._choices = {}
        self._attributes = []
        self._observed = observed = []
        self.connect("destroyed()", lambda: _stop_observing(observed))
        self._node_id = ""
        self._combo_box = QComboBox(self)
        # As in Slicer, a long node name must not widen the panel.
        self._combo_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._combo_box.setMinimumContentsLength(8)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._combo_box)
        self._combo_box.connect("activated(int)", self._activated)

    nodeTypes = _choice("QStringList", "nodeTypes", [])
    hideChildNodeTypes = _choice("QStringList", "hideChildNodeTypes", [])
    showChildNodeTypes = _choice(bool, "showChildNodeTypes", True)
    showHidden = _choice(bool, "showHidden", False)
    noneEnabled = _choice(bool, "noneEnabled", False)
    noneDisplay = _choice(str, "noneDisplay", "None")
    addEnabled = _choice(bool, "addEnabled", True)
    removeEnabled = _choice(bool, "removeEnabled", True)
    renameEnabled = _choice(bool, "renameEnabled", False)
    editEnabled = _choice(bool, "editEnabled", False)
    selectNodeUponCreation = _choice(bool, "selectNodeUponCreation", True)
    baseName = _choice(str, "baseName", "")

    def addAttribute(self, nodeType, name, value=None):
        """Offer only nodes of a class that have an attribute, with a value if one is given."""
        self._attributes.append((nodeType, name, value))
        self._offer_nodes()

    def mrmlScene(self):
        """The scene."""
        return self._scene

    def setMRMLScene(self, scene):
        """Offer the nodes of a scene."""
        _stop_observing(self._observed)
        events = ("NodeAddedEvent", "NodeRemovedEvent", "EndCloseEvent", "EndImportEvent", "EndBatchProcessEvent")
        self._observed += [
            (scene, scene.AddObserver(getattr(scene, event), self._scene_changed)) for event in events if scene
        ]
        self._scene = scene
        self._offer_nodes()

    def currentNode(self):
        """The chosen node, or None."""
        return self._scene.GetNodeByID(self._node_id) if self._scene and self._node_id else None

    def setCurrentNode(self, node):
        """Choose a node; one that is not offered counts as None."""
        self._choose(node.GetID() if node is not None and self._is_offered(node) else "")

    def setCurrentNodeID(self, nodeID):
        """Choose a node by its ID."""
        self.setCurrentNode(self._scene.GetNodeByID(nodeID) if self._scene and nodeID else None)

    currentNodeID = Property(str, lambda self: self._node_id, setCurrentNodeID)

    def nodeCount(self):
        """Number of nodes offered."""
        return len(self._nodes())

    def nodeFromIndex(self, index):
        """The node offered at an index."""
        return self._nodes()[index]

    def addNode(self, className=None):
        """Add a node to the scene, as the user does with the last entries."""
        node = self._scene.AddNewNodeByClass(className or self.nodeTypes[0], self.baseName)
        if self.selectNodeUponCreation:
            self.setCurrentNode(node)
        self.nodeAdded.emit(node)
        self.nodeAddedByUser.emit(node)
        return node

    def _is_offered(self, node):
        of_type = any(
            node.IsA(name) if self.showChildNodeTypes else node.GetClassName() == name for name in self.nodeTypes
        )
        with_attributes = all(
            node.GetAttribute(name) is not None and value in (None, node.GetAttribute(name))
            for node_type, name, value in self._attributes
            if node.IsA(node_type)
        )
        hidden = node.GetHideFromEditors() and not self.showHidden
        return of_type and with_attributes and not hidden and not any(map(node.IsA, self.hideChildNodeTypes))

    def _nodes(self):
        if self._scene is None:
            return []
        nodes = map(self._scene.GetNthNode, range(self._scene.GetNumberOfNodes()))
        return [node for node in nodes if self._is_offered(node)]

    def _scene_changed(self, caller, event):
        if not caller.IsBatchProcessing():
            self._offer_nodes()

    def _offer_nodes(self):
        if self._scene is None:
            return
        nodes = self._nodes()
        self._combo_box.clear()
        if self.noneEnabled or not nodes:
            self._combo_box.addItem(self.noneDisplay, "")
        for node in nodes:
            self._combo_box.addItem(node.GetName(), node.GetID())
        if self.addEnabled:
            self._combo_box.insertSeparator(self._combo_box.count)
            for name in self.nodeTypes:
                self._combo_box.addItem(f"Create new {name}", f"new {name}")
        first = "" if self.noneEnabled or not nodes else nodes[0].GetID()
        self._choose(self._node_id if self._node_id in [node.GetID() for node in nodes] else first)

    def _choose(self, node_id):
        self._combo_box.setCurrentIndex(max(0, self._combo_box.findData(node_id)))
        if node_id != self._node_id:
            self._node_id = node_id
            self.currentNodeChanged.emit(self.currentNode())
            self.currentNodeIDChanged.emit(node_id)
            self.currentNodeIsValid.emit(bool(node_id))

    def _activated(self, index):
        chosen = self._combo_box.itemData(index) or ""
        if chosen.startswith("new "):
            self.addNode(chosen.removeprefix("new "))
        else:
            self._choose(chosen)
            self.nodeActivated.emit(self.currentNode())


@stand_in_widget
class qSlicerSimpleMarkupsWidget(qSlicerWidget):
    """A selector of markups; the table of their points stays empty here, and nothing is placed in views."""

    markupsNodeChanged = Signal()
    cpp_signals = {"markupsNodeChanged()": "markupsNodeChanged"}

    def __init__(self, parent=None):
        super().__init__(parent)
        self._selector = qMRMLNodeComboBox(self)
        self._selector.nodeTypes = ["vtkMRMLMarkupsNode"]
        self._table = QTableWidget(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._selector)
        layout.addWidget(self._table)
        self._selector.connect("currentNodeChanged(vtkMRMLNode*)", lambda node: self.markupsNodeChanged.emit())

    def setMRMLScene(self, scene):
        """Offer the markups of a scene."""
        super().setMRMLScene(scene)
        self._selector.setMRMLScene(scene)

    def markupsSelectorComboBox(self):
        """The selector."""
        return self._selector

    def tableWidget(self):
        """The table of points."""
        return self._table

    def currentNode(self):
        """The chosen markups, or None."""
        return self._selector.currentNode()

    def setCurrentNode(self, node):
        """Choose markups."""
        self._selector.setCurrentNode(node)


@stand_in_widget
class qMRMLTableView(QTableView):
    """The table of a table node; cells cannot be edited here."""

    mrmlSceneChanged = Signal(object)
    cpp_signals = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged"}

    def __init__(self, parent=None):
        super().__init__(parent)
        self._scene = self._node = None
        self._observed = observed = []
        self.connect("destroyed()", lambda: _stop_observing(observed))
        self.setModel(QStandardItemModel(self))

    def mrmlScene(self):
        """The scene."""
        return self._scene

    def setMRMLScene(self, scene):
        """Set the scene."""
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)

    def mrmlTableNode(self):
        """The table node, or None."""
        return self._node

    def setMRMLTableNode(self, node):
        """Show a table node, or nothing."""
        _stop_observing(self._observed)
        self._node = node
        if node is not None:
            self._observed.append((node, node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._table_changed)))
        self._fill()

    def _table_changed(self, caller, event):
        self._fill()

    def _fill(self):
        model = self.model()
        model.clear()
        table = self._node.GetTable() if self._node is not None else None
        for column in range(table.GetNumberOfColumns() if table else 0):
            values = table.GetColumn(column)
            cells = [QStandardItem(values.GetVariantValue(row).ToString()) for row in range(table.GetNumberOfRows())]
            for cell in cells:
                cell.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            model.appendColumn(cells)
            title = self._node.GetColumnTitle(values.GetName())
            model.setHorizontalHeaderItem(column, QStandardItem(title or values.GetName()))
