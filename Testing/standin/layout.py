"""Stand-in for the layout with its views: the real nodes and slice logics behind widgets that nobody sees."""

from __future__ import annotations

import slicer
import vtk
from PySide6.QtCore import Property, QObject, Signal
from PySide6.QtWidgets import QWidget

from .header_widgets import widget_from_header
from .limits import NotStoodIn
from .slicer_widgets import qMRMLWidget
from .ui_files import stand_in_widget, stand_in_widgets
from .view_windows import ViewWindow

#: Pixels of a view that nobody has resized.
_SIZE = (400, 400)


class _View(QWidget):
    """A view, which draws off screen once it is asked for its window."""

    cpp_signals: dict[str, str] = {}

    def __init__(self, parent=None):
        super().__init__(parent)
        self._node = self._drawing = None
        self._annotation = vtk.vtkCornerAnnotation()

    def show_node(self, node) -> None:
        """Set the view node."""
        self._node = node

    def mrmlViewNode(self):
        """The view node."""
        return self._node

    mrmlSliceNode = mrmlTableViewNode = mrmlPlotViewNode = mrmlViewNode

    def _window(self) -> ViewWindow:
        if self._drawing is None:
            self._drawing = ViewWindow(self._node, _SIZE)
        return self._drawing

    def renderWindow(self):
        """The off-screen render window, with what the view shows now."""
        self._window().render()
        return self._drawing.window

    def renderer(self):
        """The renderer."""
        return self._window().renderer

    def interactor(self):
        """What gets the events of mouse and keyboard, and does not hand them on to the scene."""
        return self._window().interactor

    def interactorStyle(self):
        """Slicer hands events on to the scene; the stand-in says that it does not."""
        raise NotStoodIn("The views of the stand-in are drawn, but they do not hand mouse events on to the scene")

    def cornerAnnotation(self):
        """Texts in the corners, which are not drawn."""
        return self._annotation

    def forceRender(self):
        """Draw now, if there is a window."""
        if self._drawing is not None:
            self._drawing.render()

    scheduleRender = forceRender

    def resetCamera(self):
        """Show all that is in the view, if there is a window."""
        if self._drawing is not None:
            self._drawing.renderer.ResetCamera()

    resetFocalPoint = resetCamera

    def fitToContent(self):
        """There is nothing to fit."""

    rotateToViewAxis = fitToContent


def _view_class(name: str) -> type:
    return stand_in_widget(type(name, (_View,), {"__doc__": "A view."}))


#: Class of a view node -> the class of the view in it, and that of the bar above it.
_VIEWS = {
    f"vtkMRML{kind}Node": (_view_class(f"qMRML{view}").__name__, f"qMRML{controller}ControllerWidget")
    for kind, view, controller in (
        ("Slice", "SliceView", "Slice"), ("View", "ThreeDView", "ThreeDView"),
        ("TableView", "TableViewOfLayout", "TableView"), ("PlotView", "PlotView", "PlotView"),
    )
}  # fmt: skip


class _ViewWidget(qMRMLWidget):
    """What holds a view and the bar above it."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._view = self._controller = None

    def show_node(self, node) -> None:
        """Stand for the view of a node."""
        view, controller = _VIEWS[node.GetClassName()]
        self._view = stand_in_widgets()[view](self)
        self._view.show_node(node)
        self._controller = widget_from_header(controller)(self)
        if hasattr(self._controller, "show_node"):
            self._controller.show_node(node)
        self.setMRMLScene(node.GetScene())

    def view(self):
        """The view."""
        return self._view

    def controller(self):
        """The bar above the view."""
        return self._controller

    def mrmlViewNode(self):
        """The view node."""
        return self._view.mrmlViewNode()

    mrmlAbstractViewNode = mrmlViewNode

    def interactorStyle(self):
        """Said to be missing by the view."""
        return self._view.interactorStyle()


@stand_in_widget
class qMRMLThreeDWidget(_ViewWidget):
    """A 3D view."""

    threeDView, threeDController = _ViewWidget.view, _ViewWidget.controller


@stand_in_widget
class qMRMLTableWidget(_ViewWidget):
    """A table view."""

    tableView, tableController = _ViewWidget.view, _ViewWidget.controller
    mrmlTableViewNode = _ViewWidget.mrmlViewNode


@stand_in_widget
class qMRMLPlotWidget(_ViewWidget):
    """A plot view."""

    plotView, plotController = _ViewWidget.view, _ViewWidget.controller
    mrmlPlotViewNode = _ViewWidget.mrmlViewNode


@stand_in_widget
class qMRMLSliceWidget(_ViewWidget):
    """A slice view."""

    sliceView, sliceController = _ViewWidget.view, _ViewWidget.controller
    mrmlSliceNode = _ViewWidget.mrmlViewNode
    sliceViewName = Property(str, lambda self: self.mrmlSliceNode().GetLayoutName())
    sliceViewLabel = Property(str, lambda self: self.mrmlSliceNode().GetLayoutLabel())

    def setSliceOrientation(self, orientation):
        """Show slices of an orientation, such as "Axial"."""
        self.mrmlSliceNode().SetOrientation(orientation)

    sliceOrientation = Property(str, lambda self: self.mrmlSliceNode().GetOrientation(), setSliceOrientation)

    def sliceLogic(self):
        """The real slice logic."""
        return slicer.app.applicationLogic().GetSliceLogic(self.mrmlSliceNode())

    def mrmlSliceCompositeNode(self):
        """What says which volumes are shown."""
        return self.sliceLogic().GetSliceCompositeNode()

    def fitSliceToBackground(self):
        """Show the whole background volume."""
        self.sliceLogic().FitSliceToBackground()


@stand_in_widget
class qMRMLSliceControllerWidget(qMRMLWidget):
    """The bar above a slice view."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._node = None

    def show_node(self, node) -> None:
        """Set the slice node."""
        self._node = node

    def sliceLogic(self):
        """The real slice logic."""
        return slicer.app.applicationLogic().GetSliceLogic(self._node)

    def mrmlSliceNode(self):
        """The slice node."""
        return self._node

    def setSliceVisible(self, visible):
        """Show the slice in 3D views."""
        self._node.SetSliceVisible(visible)

    def setSliceOffsetValue(self, offset):
        """Show the slice at an offset in mm."""
        self.sliceLogic().SetSliceOffset(offset)

    def fitSliceToBackground(self):
        """Show the whole background volume."""
        self.sliceLogic().FitSliceToBackground()


#: Class of a view node -> the class of the widget that holds the view.
_WIDGETS = {
    "vtkMRMLSliceNode": "qMRMLSliceWidget",
    "vtkMRMLViewNode": "qMRMLThreeDWidget",
    "vtkMRMLTableViewNode": "qMRMLTableWidget",
    "vtkMRMLPlotViewNode": "qMRMLPlotWidget",
}


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
        self._viewport = QWidget()
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
                return self._widget_of(node)
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
        """Show all that is in the 3D views which have windows."""
        for index in range(self.threeDViewCount):
            self.threeDWidget(index).threeDView().resetCamera()

    def viewport(self):
        """Where the views would be."""
        return self._viewport

    def activeMRMLThreeDViewNode(self):
        """The node of the first 3D view, or None."""
        return next(iter(self._nodes("vtkMRMLViewNode")), None)

    def activeThreeDRenderer(self):
        """The renderer of the first 3D view, or None."""
        return self.threeDWidget(0).threeDView().renderer() if self.threeDViewCount else None

    def addMaximizedViewNode(self, node):
        """Show one view only."""
        self._logic.GetLayoutNode().AddMaximizedViewNode(node)

    def removeAllMaximizedViewNodes(self):
        """Show all views of the layout again."""
        self._logic.GetLayoutNode().RemoveAllMaximizedViewNodes()

    def setRenderPaused(self, paused):
        """Nothing is drawn before it is asked for."""

    def mrmlScene(self):
        """The scene."""
        return self._logic.GetMRMLScene()

    def _nodes(self, class_name: str) -> list:
        shown = self._logic.GetViewNodes()
        nodes = map(shown.GetItemAsObject, range(shown.GetNumberOfItems()))
        return [node for node in nodes if node.IsA(class_name)]

    def _widget_of(self, node) -> _ViewWidget:
        if node.IsA("vtkMRMLSliceNode") and self._application.GetSliceLogic(node) is None:
            logic = slicer.vtkMRMLSliceLogic()
            logic.SetMRMLApplicationLogic(self._application)
            self.mrmlSliceLogics().AddItem(logic)
            logic.SetMRMLScene(node.GetScene())
            logic.SetSliceNode(node)
            logic.ResizeSliceNode(*_SIZE)
        widget = self._widgets.get(node.GetID())
        if widget is None or widget.mrmlViewNode() is not node:  # a node that was removed leaves its ID to the next
            widget = self._widgets[node.GetID()] = stand_in_widgets()[_WIDGETS[node.GetClassName()]]()
            widget.show_node(node)
        return widget

    def _view_widget(self, class_name: str, index: int):
        nodes = self._nodes(class_name)
        return self._widget_of(nodes[index]) if index < len(nodes) else None
