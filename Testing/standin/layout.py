"""Stand-in for the layout with its views: the real nodes and slice logics behind widgets that draw nothing."""

from __future__ import annotations

import slicer
from PySide6.QtCore import Property, QObject, Signal
from PySide6.QtWidgets import QWidget

from .slicer_widgets import qMRMLWidget
from .ui_files import stand_in_widget

#: Pixels of a view that nobody has resized.
_SIZE = (400, 400)


class _View(QWidget):
    """A view that draws nothing; its class has the name of the view that it stands for."""

    cpp_signals: dict[str, str] = {}

    def __init__(self, node=None, parent=None):
        super().__init__(parent)
        self._node = node

    def mrmlViewNode(self):
        """The view node."""
        return self._node

    mrmlSliceNode = mrmlTableViewNode = mrmlPlotViewNode = mrmlViewNode

    def scheduleRender(self):
        """There is nothing to draw."""

    forceRender = resetFocalPoint = resetCamera = rotateToViewAxis = fitToContent = scheduleRender


#: Class of a view node -> class of the view.
_VIEWS = {
    f"vtkMRML{kind}Node": type(f"qMRML{view}", (_View,), {})
    for kind, view in (
        ("Slice", "SliceView"), ("View", "ThreeDView"), ("TableView", "TableView"), ("PlotView", "PlotView")
    )
}  # fmt: skip


@stand_in_widget
class qMRMLSliceWidget(qMRMLWidget):
    """A slice view."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._logic = self._view = None

    def show_slices_of(self, logic) -> None:
        """Stand for the view of a slice logic."""
        self._logic = logic
        self._view = _VIEWS["vtkMRMLSliceNode"](logic.GetSliceNode(), self)
        self.setMRMLScene(logic.GetMRMLScene())

    def sliceLogic(self):
        """The real slice logic."""
        return self._logic

    def mrmlSliceNode(self):
        """The slice node."""
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self):
        """What says which volumes are shown."""
        return self._logic.GetSliceCompositeNode()

    def sliceView(self):
        """Where the slice would be drawn."""
        return self._view

    def fitSliceToBackground(self):
        """Show the whole background volume."""
        self._logic.FitSliceToBackground()


class _ViewWidget(QWidget):
    """What holds a 3D, table or plot view."""

    cpp_signals: dict[str, str] = {}

    def __init__(self, node, parent=None):
        super().__init__(parent)
        self._view = _VIEWS[node.GetClassName()](node, self)

    def threeDView(self):
        """The view."""
        return self._view

    tableView = plotView = threeDView

    def mrmlViewNode(self):
        """The view node."""
        return self._view.mrmlViewNode()


@stand_in_widget
class qSlicerLayoutManager(QObject):
    """The layout of the views; view nodes are made by the real layout logic."""

    layoutChanged = Signal(int)
    cpp_signals = {"layoutChanged(int)": "layoutChanged"}

    def __init__(self, session):
        super().__init__()
        self._application = session.application
        self._logic = slicer.vtkMRMLLayoutLogic()
        self._logic.SetMRMLScene(session.scene)
        self._widgets: dict[str, QWidget] = {}
        self.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)

    def setLayout(self, layout: int):
        """Arrange the views."""
        self._logic.GetLayoutNode().SetViewArrangement(layout)
        for name in self.sliceViewNames():
            self.sliceWidget(name)
        for node in self._nodes("vtkMRMLViewNode"):
            if slicer.modules.cameras.logic().GetViewActiveCameraNode(node) is None:
                camera = node.GetScene().AddNewNodeByClass("vtkMRMLCameraNode", "Camera")
                camera.SetLayoutName(node.GetLayoutName())
        self.layoutChanged.emit(layout)

    layout = Property(int, lambda self: self._logic.GetLayoutNode().GetViewArrangement(), setLayout)
    threeDViewCount = Property(int, lambda self: len(self._nodes("vtkMRMLViewNode")))
    tableViewCount = Property(int, lambda self: len(self._nodes("vtkMRMLTableViewNode")))
    plotViewCount = Property(int, lambda self: len(self._nodes("vtkMRMLPlotViewNode")))

    def layoutLogic(self):
        """The real layout logic."""
        return self._logic

    def mrmlSliceLogics(self):
        """The real slice logics."""
        return self._application.GetSliceLogics()

    def sliceViewNames(self):
        """Names of the slice views."""
        return [node.GetLayoutName() for node in self._nodes("vtkMRMLSliceNode")]

    def sliceWidget(self, name):
        """The slice view of a name, or None."""
        for node in self._nodes("vtkMRMLSliceNode"):
            if node.GetLayoutName() == name:
                if node.GetID() not in self._widgets:  # the layout node can be changed without this object
                    self._widgets[node.GetID()] = self._slice_widget(node)
                return self._widgets[node.GetID()]
        return None

    def threeDWidget(self, index):
        """A 3D view by its number, or None."""
        return self._view_widget("vtkMRMLViewNode", index)

    def tableWidget(self, index):
        """A table view by its number, or None."""
        return self._view_widget("vtkMRMLTableViewNode", index)

    def plotWidget(self, index):
        """A plot view by its number, or None."""
        return self._view_widget("vtkMRMLPlotViewNode", index)

    def resetSliceViews(self):
        """Show the whole background volume in all slice views."""
        for name in self.sliceViewNames():
            self.sliceWidget(name).fitSliceToBackground()

    def resetThreeDViews(self):
        """Nothing is drawn."""

    def _nodes(self, class_name: str) -> list:
        shown = self._logic.GetViewNodes()
        nodes = map(shown.GetItemAsObject, range(shown.GetNumberOfItems()))
        return [node for node in nodes if node.IsA(class_name)]

    def _slice_widget(self, node) -> qMRMLSliceWidget:
        logics = self.mrmlSliceLogics()
        logic = self._application.GetSliceLogic(node)
        if logic is None:
            logic = slicer.vtkMRMLSliceLogic()
            logic.SetMRMLApplicationLogic(self._application)
            logics.AddItem(logic)
            logic.SetMRMLScene(node.GetScene())
            logic.SetSliceNode(node)
            logic.ResizeSliceNode(*_SIZE)
        widget = qMRMLSliceWidget()
        widget.show_slices_of(logic)
        return widget

    def _view_widget(self, class_name: str, index: int):
        nodes = self._nodes(class_name)
        if index >= len(nodes):
            return None
        return self._widgets.setdefault(nodes[index].GetID(), _ViewWidget(nodes[index]))
