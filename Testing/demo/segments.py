"""Regions of a label image as a segmentation that is good to look at."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping

import numpy as np
import slicer

from QSMRoiAnalysisCore.laterality import split_side

#: Tissues that fill the brain: measured, but not drawn over the map that they would hide.
TISSUES = ("White matter", "Grey matter", "Cerebrospinal fluid")

#: Steps of the hue circle that keep neighbors in the list apart.
_GOLDEN_RATIO = 0.618034


def add_regions(labels: np.ndarray, names: Mapping[int, str], volume):
    """Add the regions of a label image to the scene.

    Parameters
    ----------
    labels : ndarray of uint8, shape (k, j, i)
        On the voxels of `volume`.
    names : mapping of int to str
        Label -> name of the segment. Left and right of a structure get the same color.
    volume : vtkMRMLScalarVolumeNode

    Returns
    -------
    vtkMRMLSegmentationNode
        One segment for each label that occurs, tissues hidden, with closed surfaces.
    """
    scene = slicer.mrmlScene
    present = [label for label in names if np.any(labels == label)]
    colors = scene.AddNewNodeByClass("vtkMRMLColorTableNode")
    colors.SetTypeToUser()
    colors.SetNumberOfColors(max(names) + 1)
    for label, color in _colors(names).items():
        colors.SetColor(label, names[label], *color, 1.0)
    label_volume = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    label_volume.CopyOrientation(volume)
    slicer.util.updateVolumeFromArray(label_volume, labels)
    label_volume.CreateDefaultDisplayNodes()
    label_volume.GetDisplayNode().SetAndObserveColorNodeID(colors.GetID())

    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", f"{volume.GetName()} regions")
    segmentation.CreateDefaultDisplayNodes()
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    slicer.vtkSlicerSegmentationsModuleLogic.ImportLabelmapToSegmentationNode(label_volume, segmentation)
    for node in (label_volume, colors):
        scene.RemoveNode(node)
    segments = segmentation.GetSegmentation()
    display = segmentation.GetDisplayNode()
    display.SetOpacity2DFill(0.1)
    for segment_id in segments.GetSegmentIDs():
        display.SetSegmentVisibility(segment_id, segments.GetSegment(segment_id).GetName() not in TISSUES)
    if segments.GetNumberOfSegments() != len(present):
        raise RuntimeError(f"{len(present)} labels gave {segments.GetNumberOfSegments()} segments.")
    segmentation.CreateClosedSurfaceRepresentation()
    return segmentation


def _colors(names: Mapping[int, str]) -> dict[int, tuple[float, float, float]]:
    """A color for each label, the same for both sides of a structure."""
    structures = {label: split_side(name)[0] for label, name in names.items()}
    order = {structure: number for number, structure in enumerate(dict.fromkeys(structures.values()))}
    return {
        label: colorsys.hsv_to_rgb((0.02 + _GOLDEN_RATIO * order[structure]) % 1, 0.65, 1.0)
        for label, structure in structures.items()
    }
