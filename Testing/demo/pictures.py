"""What Slicer's views show of the result."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import slicer

from headless import opengl
from headless.scene import Session
from headless.views import SliceView, ThreeDView
from QSMReconstructionCore.report.png import as_png

from . import canvas

#: Layout name of the view -> orientation, and which coordinate its slice is at.
_SLICES = {"Red": ("Axial", "S", 2), "Green": ("Coronal", "A", 1), "Yellow": ("Sagittal", "R", 0)}
_SIZE = (480, 480)
#: Gray window of the susceptibility map in ppm: deep gray nuclei bright, but not saturated.
_WINDOW = (-0.1, 0.2)
#: Slices go through the middle of these regions, so that most nuclei are seen.
_CENTRAL_REGIONS = ("Caudate nucleus right", "Globus pallidus right", "Putamen right", "Thalamus right")


@dataclass(frozen=True)
class Pictures:
    """PNG files.

    Attributes
    ----------
    views : bytes
        Three slice views of the susceptibility map with the regions, and a 3D view of the regions.
    notes : tuple of str
        What could not be shown, in sentences.
    """

    views: bytes
    notes: tuple[str, ...]


def take_pictures(session: Session, nodes, regions) -> Pictures:
    """Show the result in Slicer's views and take their pictures.

    Parameters
    ----------
    session : Session
    nodes : ReconstructionNodes
    regions : vtkMRMLSegmentationNode
        Drawn over the map.

    Returns
    -------
    Pictures
    """
    notes = () if opengl.available() else (opengl.REMEDY,)
    position = _central_point(nodes, regions)
    nodes.susceptibility.GetDisplayNode().SetWindowLevelMinMax(*_WINDOW)
    if regions is not nodes.mask:
        nodes.mask.GetDisplayNode().SetVisibility2D(False)
    views = _slices(session, nodes, position)
    views.append(_regions_in_space(session, nodes, regions))
    return Pictures(as_png(canvas.tiled([views[:2], views[2:]])), notes)


def _slices(session: Session, nodes, position) -> list[np.ndarray]:
    center, extent = _brain_box(nodes.reconstruction)
    views = [SliceView(session, name, orientation, _SIZE) for name, (orientation, _, _) in _SLICES.items()]
    for view in views:
        view.show(nodes.susceptibility, position, center=center, field_of_view=1.05 * extent)
    legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(nodes.susceptibility)
    legend.SetTitleText("ppm")
    legend.SetLabelFormat("%.2f")
    legend.SetNumberOfLabels(3)
    legend.SetSize(0.12, 0.3)
    legend.SetPosition(0.98, 0.03)
    legend.SetViewNodeIDs([view.node.GetID() for view in views[:2]])  # where the brain leaves that corner free
    pictures = []
    for view, (orientation, letter, axis) in zip(views, _SLICES.values()):
        picture = view.picture()
        view.close()
        canvas.write_text(picture, f"{orientation}  {letter} {round(position[axis])} mm", (10, 8))
        if not opengl.available():
            canvas.write_text(picture, f"black {_WINDOW[0]:g} to white {_WINDOW[1]:g} ppm", (10, _SIZE[1] - 30))
        pictures.append(picture)
    return pictures


def _regions_in_space(session: Session, nodes, regions) -> np.ndarray:
    if not opengl.available():
        return canvas.text_tile(opengl.REMEDY, _SIZE)
    if regions is not nodes.mask:
        nodes.mask.GetDisplayNode().SetOpacity3D(0.2)
        nodes.mask.CreateClosedSurfaceRepresentation()
    regions.CreateClosedSurfaceRepresentation()
    view = ThreeDView(session, size=_SIZE)
    view.node.SetBoxVisible(False)
    view.node.SetAxisLabelsVisible(False)
    view.node.SetOrientationMarkerType(view.node.OrientationMarkerTypeAxes)
    view.look_from((0.6, 1.0, 0.35), zoom=1.15)
    picture = view.picture()
    view.close()
    canvas.write_text(picture, "Regions in the brain mask, from the front right", (10, 8))
    return picture


def _central_point(nodes, regions) -> np.ndarray:
    """Where the slices go through, in RAS mm: amid the central regions if there are any, else amid the mask."""
    segment_ids = map(regions.GetSegmentation().GetSegmentIdBySegmentName, _CENTRAL_REGIONS)
    centers = [regions.GetSegmentCenterRAS(segment_id) for segment_id in segment_ids if segment_id]
    return np.mean(centers, axis=0) if centers else _brain_box(nodes.reconstruction)[0]


def _brain_box(reconstruction) -> tuple[np.ndarray, float]:
    """Middle of the mask's bounding box in RAS mm, and the length of its longest side in mm."""
    inside = np.nonzero(reconstruction.mask)
    low, high = (np.array([f(axis) for axis in inside[::-1]]) for f in (np.min, np.max))
    middle = reconstruction.grid.ijk_to_ras @ [*(low + high) / 2, 1.0]
    return middle[:3], float(max((high - low + 1) * reconstruction.grid.spacing[::-1]))
