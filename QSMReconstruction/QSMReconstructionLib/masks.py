"""Brain masks as segmentations, which the user can correct in Segment Editor, and back."""

from __future__ import annotations

import numpy as np
import slicer

from .geometry import grid_of


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
        mask |= slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, volume) > 0
    return mask


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
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
    segment_id = node.GetSegmentation().AddEmptySegment("Brain", "Brain", (0.95, 0.75, 0.35))
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask.astype(np.uint8), node, segment_id, volume)
    node.GetDisplayNode().SetOpacity2DFill(0.0)
    return node
