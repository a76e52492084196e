"""Brain masks as segmentations, which the user can correct in Segment Editor, and back."""

from __future__ import annotations

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from QSMReconstructionCore.numerics.crop import bounding_box

from .changes import detached_node
from .geometry import grid_of, ijk_to_ras, proxy_of


def mask_from_node(node, volume) -> np.ndarray:
    """The mask that a node describes, on the voxels of a volume.

    Parameters
    ----------
    node : vtkMRMLSegmentationNode or vtkMRMLLabelMapVolumeNode
        A segmentation, of which all segments together are the mask, or a label map on the voxels of `volume`.
    volume : vtkMRMLScalarVolumeNode
        Whose voxels to use.

    Returns
    -------
    ndarray, bool, shape (k, j, i)

    Raises
    ------
    ValueError
        If the node is neither, has no segment, or is a label map with another geometry.
    """
    if node.IsA("vtkMRMLLabelMapVolumeNode"):
        if not grid_of(volume).same_geometry(grid_of(node)):
            raise ValueError(
                f"Mask '{node.GetName()}' differs from '{volume.GetName()}' in size, position or orientation. "
                "Import it into a segmentation, which is resampled."
            )
        return slicer.util.arrayFromVolume(node) > 0
    if not node.IsA("vtkMRMLSegmentationNode"):
        raise ValueError(
            f"mask must be a segmentation or a label map volume, but '{node.GetName()}' is a {node.GetClassName()}."
        )
    segment_ids = node.GetSegmentation().GetSegmentIDs()
    if not segment_ids:
        raise ValueError(f"Segmentation '{node.GetName()}' has no segment. Draw the brain, or leave the mask out.")
    mask = np.zeros(slicer.util.arrayFromVolume(volume).shape, bool)
    for segment_id in segment_ids:
        mask |= segment_from_node(node, segment_id, volume)
    return mask


def segment_from_node(node, segment_id: str, volume) -> np.ndarray:
    """One segment of a segmentation on the voxels of a volume, as a bool array of shape (k, j, i)."""
    return slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, volume) > 0


def add_segmentation(name: str, mask: np.ndarray, volume):
    """Add a segmentation with one segment, "Brain", to the scene.

    Parameters
    ----------
    name : str
        Name of the node.
    mask : ndarray, bool, shape (k, j, i)
        On the voxels of `volume`.
    volume : vtkMRMLScalarVolumeNode
        A volume of the scene.

    Returns
    -------
    vtkMRMLSegmentationNode
    """
    return put_segmentation_in_scene(detached_segmentation(mask, ijk_to_ras(volume)), name, volume)


def detached_segmentation(mask: np.ndarray, matrix: np.ndarray):
    """A segmentation node with one segment, "Brain", that is not in the scene.

    Parameters
    ----------
    mask : ndarray, bool, shape (k, j, i)
    matrix : ndarray, shape (4, 4)
        From voxel (i, j, k) to RAS in mm.

    Returns
    -------
    vtkMRMLSegmentationNode
    """
    image = slicer.vtkOrientedImageData()
    if mask.any():  # an empty mask is an empty segment
        box = bounding_box(mask)
        image.SetExtent([end for axis in box[::-1] for end in (axis.start, axis.stop - 1)])
        image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
        voxels = vtk_to_numpy(image.GetPointData().GetScalars())
        voxels[:] = mask[box].ravel()
        image.SetImageToWorldMatrix(slicer.util.vtkMatrixFromArray(matrix))
    segment = slicer.vtkSegment()
    segment.SetName("Brain")
    segment.SetColor(0.95, 0.75, 0.35)
    segment.AddRepresentation(slicer.vtkSegmentationConverter.GetBinaryLabelmapRepresentationName(), image)
    node = detached_node("vtkMRMLSegmentationNode")
    node.GetSegmentation().AddSegment(segment, "Brain")
    return node


def put_segmentation_in_scene(node, name: str, volume):
    """Add a detached segmentation to the scene, where a volume of the scene is.

    Returns
    -------
    vtkMRMLSegmentationNode
    """
    node.SetName(name)
    slicer.mrmlScene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
    node.GetDisplayNode().SetOpacity2DFill(0.0)
    return node


def edit(node, magnitude, other) -> None:
    """Open a segmentation in Segment Editor, over the volume that shows the magnitude.

    Parameters
    ----------
    node : vtkMRMLSegmentationNode
    magnitude : vtkMRMLSequenceNode or vtkMRMLScalarVolumeNode
        The magnitude of the scan. A sequence is shown by the volume of its browser.
    other : vtkMRMLScalarVolumeNode or None
        To paint on if no volume of the scene shows the magnitude.
    """
    scene = slicer.mrmlScene
    volume = magnitude
    if magnitude is not None and magnitude.IsA("vtkMRMLSequenceNode"):
        volume = proxy_of(magnitude)
    editor = scene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
    if editor is None:
        editor = slicer.vtkMRMLSegmentEditorNode()
        editor.SetSingletonTag("SegmentEditor")
        editor = scene.AddNode(editor)
    editor.SetAndObserveSegmentationNode(node)
    editor.SetAndObserveSourceVolumeNode(volume or other)
    slicer.util.selectModule("SegmentEditor")
