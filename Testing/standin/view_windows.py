"""Off-screen render windows behind the views of the layout, made when a module asks for one of them."""

from __future__ import annotations

import atexit

import slicer

from headless import opengl
from headless.scene import start as start_headless
from headless.views import SLICE_MANAGERS, THREE_D_MANAGERS, OffScreenWindow

from .limits import NotStoodIn


class ViewWindow:
    """What a view draws with: window, renderer, and an interactor whose events nobody but the module hears.

    Parameters
    ----------
    node : vtkMRMLSliceNode or vtkMRMLViewNode
    size : (int, int)
        Width and height in pixels.

    Raises
    ------
    NotStoodIn
        If there is no OpenGL, or for a table or plot view.
    """

    def __init__(self, node, size: tuple[int, int]):
        if not opengl.available():
            raise NotStoodIn(opengl.REMEDY)
        application = start_headless().application
        drawn = self._drawn = OffScreenWindow(size)
        self._slice_logic = application.GetSliceLogic(node) if node.IsA("vtkMRMLSliceNode") else None
        if self._slice_logic:
            self._image = drawn.add_background_image()
            factory, managers = slicer.vtkMRMLSliceViewDisplayableManagerFactory, SLICE_MANAGERS
        elif node.IsA("vtkMRMLViewNode"):
            factory, managers = slicer.vtkMRMLThreeDViewDisplayableManagerFactory, THREE_D_MANAGERS
        else:
            raise NotStoodIn(f"The stand-in draws slice and 3D views, and no view of {node.GetClassName()}")
        self._group = drawn.displayable_managers(factory, application, managers)
        self._group.SetMRMLDisplayableNode(node)
        self.window, self.renderer, self.interactor = drawn.window, drawn.renderer, drawn.interactor
        self.interactor.SetInteractorStyle(None)  # Slicer's crash with this interactor, and VTK's own steer otherwise
        atexit.register(self.close)

    def render(self) -> None:
        """Draw the scene as it is now."""
        if self._slice_logic:
            self._image.SetInputConnection(self._slice_logic.GetImageDataConnection())
        self.window.Render()

    def close(self) -> None:
        """Free the window while the libraries that draw are still there."""
        self._group.SetMRMLDisplayableNode(None)
        self._drawn.close()
