"""Slice views and a 3D view of the scene, drawn off screen by Slicer's own slice logics and displayable managers.

A slice view is drawn with OpenGL where there is OpenGL (`opengl`). Elsewhere its image comes straight from the slice
logic, which reslices and blends in software, with the outlines of the segmentation as label layer. A 3D view needs
OpenGL.
"""

from __future__ import annotations

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from . import opengl
from .scene import Session

SLICE_MANAGERS = (
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLColorLegendDisplayableManager",
)
THREE_D_MANAGERS = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLMarkupsDisplayableManager",
)


class SliceView:
    """A slice view.

    A color legend shows up if its node is added to the scene after the view was made, as in the application.

    Parameters
    ----------
    session : Session
    name : str
        Layout name, such as "Red".
    orientation : {"Axial", "Coronal", "Sagittal"}
    size : (int, int)
        Width and height in pixels.
    """

    def __init__(self, session: Session, name: str, orientation: str, size: tuple[int, int] = (480, 480)) -> None:
        self._scene = session.scene
        self._window = OffScreenWindow(size) if opengl.available() else None
        if self._window:
            # The image must be the first prop of its renderer: what managers draw is blended onto what came before.
            self._mapper = self._window.add_background_image()
            self._group = self._window.displayable_managers(
                slicer.vtkMRMLSliceViewDisplayableManagerFactory, session.application, SLICE_MANAGERS
            )
        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLApplicationLogic(session.application)
        session.application.GetSliceLogics().AddItem(self.logic)
        self.logic.SetMRMLScene(session.scene)
        # Slicer keeps the nodes of its views when a scene is closed; a second node of the same name would stay outside.
        kept = session.scene.GetSingletonNode(name, "vtkMRMLSliceNode")
        if kept:
            self.logic.SetSliceNode(kept)
        self.node = kept or self.logic.AddSliceNode(name)
        self.node.SetOrientation(orientation)
        self.logic.ResizeSliceNode(*size)
        if self._window:
            self._group.SetMRMLDisplayableNode(self.node)

    def show(
        self,
        volume,
        position: tuple[float, float, float] | None = None,
        *,
        center: tuple[float, float, float] | None = None,
        field_of_view: float | None = None,
    ) -> None:
        """Show a volume.

        Parameters
        ----------
        volume : vtkMRMLVolumeNode
        position : (float, float, float), optional
            Point in RAS mm through which to slice; by default the middle of the volume.
        center : (float, float, float), optional
            Point in RAS mm to show in the middle of the view; by default the middle of the volume.
        field_of_view : float, optional
            Width of the view in mm; by default, the whole volume is seen.
        """
        self.logic.GetSliceCompositeNode().SetBackgroundVolumeID(volume.GetID())
        self.logic.FitSliceToBackground()
        if field_of_view is not None:
            width, height, depth = self.node.GetFieldOfView()
            self.node.SetFieldOfView(field_of_view, field_of_view * height / width, depth)
        if center is not None:
            self.node.JumpSliceByCentering(*center)
        if position is not None:
            self.node.JumpSliceByOffsetting(*position)

    def picture(self) -> np.ndarray:
        """What the view shows now, as RGB.

        Returns
        -------
        ndarray, uint8, shape (height, width, 3)
        """
        if self._window:
            self._mapper.SetInputConnection(self.logic.GetImageDataConnection())
            return self._window.picture()
        labels = self._visible_segments_as_labels()
        self.logic.GetImageDataConnection().GetProducer().Update()
        blended = _as_array(self.logic.GetImageDataConnection().GetProducer().GetOutputDataObject(0))
        for node in labels:
            self._scene.RemoveNode(node)
        return blended

    def close(self) -> None:
        """Remove the view, but not its nodes, as Slicer does when a layout hides a view."""
        if self._window:
            self._group.SetMRMLDisplayableNode(None)
            self._window.close()
        self.logic.GetMRMLApplicationLogic().GetSliceLogics().RemoveItem(self.logic)

    def _visible_segments_as_labels(self) -> list:
        """Put the segmentation into the label layer, and return the nodes made for that."""
        composite = self.logic.GetSliceCompositeNode()
        volume = self._scene.GetNodeByID(composite.GetBackgroundVolumeID())
        for segmentation in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
            display = segmentation.GetDisplayNode()
            if display and display.GetVisibility() and display.GetVisibility2D():
                labels = self._scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
                slicer.vtkSlicerSegmentationsModuleLogic.ExportVisibleSegmentsToLabelmapNode(
                    segmentation, labels, volume
                )
                composite.SetLabelVolumeID(labels.GetID())
                composite.SetLabelOpacity(display.GetOpacity2DOutline())
                self.node.SetUseLabelOutline(True)
                return [labels, labels.GetDisplayNode(), labels.GetDisplayNode().GetColorNode()]
        return []


class ThreeDView:
    """A 3D view. Needs OpenGL.

    Parameters
    ----------
    session : Session
    name : str
        Layout name.
    size : (int, int)
        Width and height in pixels.
    background : (float, float, float)
        Color, from 0 to 1.
    """

    def __init__(
        self,
        session: Session,
        name: str = "1",
        size: tuple[int, int] = (480, 480),
        background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> None:
        if not opengl.available():
            raise RuntimeError(opengl.REMEDY)
        self._window = OffScreenWindow(size)
        self._group = self._window.displayable_managers(
            slicer.vtkMRMLThreeDViewDisplayableManagerFactory, session.application, THREE_D_MANAGERS
        )
        self.logic = slicer.vtkMRMLViewLogic()
        self.logic.SetMRMLApplicationLogic(session.application)
        session.application.GetViewLogics().AddItem(self.logic)
        self.logic.SetMRMLScene(session.scene)
        self.node = session.scene.GetSingletonNode(name, "vtkMRMLViewNode") or self.logic.AddViewNode(name)
        self.node.SetBackgroundColor(background)
        self.node.SetBackgroundColor2(background)
        self._group.SetMRMLDisplayableNode(self.node)

    def look_from(self, direction: tuple[float, float, float], zoom: float = 1.0) -> None:
        """Turn the camera so that all that is shown fills the view, seen from a direction in RAS, superior up."""
        self._window.renderer.ResetCamera()
        camera = self._window.renderer.GetActiveCamera()
        focus, distance = np.array(camera.GetFocalPoint()), camera.GetDistance()
        camera.SetPosition(*(focus + distance * np.array(direction) / np.linalg.norm(direction)))
        camera.SetViewUp(0, 0, 1)
        camera.OrthogonalizeViewUp()
        self._window.renderer.ResetCamera()
        camera.Zoom(zoom)
        self._window.renderer.ResetCameraClippingRange()

    def picture(self) -> np.ndarray:
        """What the view shows now, as RGB, uint8, shape (height, width, 3)."""
        return self._window.picture()

    def close(self) -> None:
        """Remove the view, but not its nodes."""
        self._group.SetMRMLDisplayableNode(None)
        self._window.close()
        self.logic.GetMRMLApplicationLogic().GetViewLogics().RemoveItem(self.logic)


class OffScreenWindow:
    """An off-screen render window with a renderer and an interactor. Needs OpenGL.

    Parameters
    ----------
    size : (int, int)
        Width and height in pixels.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.renderer = vtk.vtkRenderer()
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(True)
        self.window.ShowWindowOff()
        self.window.SetMultiSamples(0)
        self.window.SetSize(*size)
        self.window.AddRenderer(self.renderer)
        self.interactor = vtk.vtkGenericRenderWindowInteractor()
        self.interactor.SetRenderWindow(self.window)

    def add_background_image(self) -> vtk.vtkImageMapper:
        """Draw an image behind everything else; the mapper gets it."""
        self.renderer.GetActiveCamera().ParallelProjectionOn()
        mapper = vtk.vtkImageMapper()
        mapper.SetColorWindow(255)
        mapper.SetColorLevel(127.5)
        actor = vtk.vtkActor2D()
        actor.SetMapper(mapper)
        actor.GetProperty().SetDisplayLocationToBackground()
        self.renderer.AddViewProp(actor)
        return mapper

    def displayable_managers(self, factory_class, application, names: tuple[str, ...]):
        """A group of the managers of these names, which draw what the scene shows."""
        factory = factory_class.GetInstance()
        factory.SetMRMLApplicationLogic(application)
        for name in names:
            if not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)
        group = slicer.vtkMRMLDisplayableManagerGroup()
        group.Initialize(factory, self.renderer)
        return group

    def picture(self) -> np.ndarray:
        """What the window shows now, as RGB."""
        self.window.Render()
        grabber = vtk.vtkWindowToImageFilter()
        grabber.SetInput(self.window)
        grabber.ReadFrontBufferOff()
        grabber.Update()
        return _as_array(grabber.GetOutput())

    def close(self) -> None:
        """Free the window."""
        self.interactor.SetRenderWindow(None)
        self.window.Finalize()


def _as_array(image: vtk.vtkImageData) -> np.ndarray:
    """A 2D image of bytes as RGB, first row on top; transparent parts are black."""
    width, height, _ = image.GetDimensions()
    pixels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, -1)[::-1]
    if pixels.shape[2] == 4:
        opacity = pixels[..., 3:].astype(np.uint16)
        return (pixels[..., :3] * opacity // 255).astype(np.uint8)
    return pixels.copy()
