"""From the scene to the core: the segments of a segmentation become regions on the grid of a map."""

from __future__ import annotations

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from QSMReconstructionLib.geometry import ijk_to_ras
from QSMRoiAnalysisCore.laterality import split_side
from QSMRoiAnalysisCore.regions import Region

from .maps import check_linear_transform


def regions_from_node(segmentation, volume) -> tuple[Region, ...]:
    """The segments of a segmentation as regions on the voxels of a volume.

    Parameters
    ----------
    segmentation : vtkMRMLSegmentationNode
        Its segments may overlap, be empty, have another geometry than the volume, and lie under another linear
        transform: their voxels are brought to those of the volume by nearest neighbor.
    volume : vtkMRMLScalarVolumeNode
        The map, which is never resampled.

    Returns
    -------
    tuple of Region
        One for each segment, in the order of the segmentation, labeled from 1.

    Raises
    ------
    ValueError
        If there is no segmentation or no segment, all segments are empty, or a transform is not linear.
    """
    if segmentation is None:
        raise ValueError("The segmentation is missing. Choose the segmentation whose segments are to be measured.")
    name = segmentation.GetName()
    if not segmentation.IsA("vtkMRMLSegmentationNode"):
        raise ValueError(
            f"The regions must be a segmentation, but '{name}' is a {segmentation.GetClassName()}. "
            "Import a label map into a segmentation first."
        )
    check_linear_transform(segmentation)
    check_linear_transform(volume)
    segment_ids = segmentation.GetSegmentation().GetSegmentIDs()
    if not segment_ids:
        raise ValueError(f"Segmentation '{name}' has no segment. Draw or import the regions first.")
    regions = tuple(
        _region(segmentation, segment_id, number, volume) for number, segment_id in enumerate(segment_ids, 1)
    )
    if not any(region.voxels for region in regions):
        raise ValueError(
            f"None of the segments of '{name}' has a voxel on '{volume.GetName()}'. Draw them in Segment Editor, or "
            "check in the slice views that they lie on the map."
        )
    return regions


def region_names(segmentation) -> list[str]:
    """Names by which a region of a segmentation can be chosen: structures of two sides, then all segments."""
    segments = segmentation.GetSegmentation()
    names = [segments.GetSegment(segment_id).GetName() for segment_id in segments.GetSegmentIDs()]
    structures = [structure for structure, side in map(split_side, names) if side]
    both = [structure for structure in dict.fromkeys(structures) if structures.count(structure) > 1]
    return list(dict.fromkeys([*both, *names]))


def _region(segmentation, segment_id: str, number: int, volume) -> Region:
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment_id, volume) > 0
    name = segmentation.GetSegmentation().GetSegment(segment_id).GetName()
    return Region.from_mask(name, number, mask, _fraction_in_field(segmentation, segment_id, volume))


def _fraction_in_field(segmentation, segment_id: str, volume) -> float:
    """Fraction of the voxels of a segment, in its own geometry, whose centers lie within the voxels of a volume."""
    image = segmentation.GetBinaryLabelmapInternalRepresentation(segment_id)  # shared with segments it does not overlap
    if image is None or image.IsEmpty():
        return 1.0  # nothing of an empty segment lies outside
    to_index = _segment_to_volume_index(segmentation, image, volume)
    limits = np.array(slicer.util.arrayFromVolume(volume).shape[::-1])
    corners = np.stack(np.meshgrid(*np.reshape(image.GetExtent(), (3, 2)), indexing="ij"), axis=-1).reshape(-1, 3)
    if _inside(corners, to_index, limits).all():
        return 1.0
    low, shape = image.GetExtent()[::2], image.GetDimensions()[::-1]
    labels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(shape)
    label = segmentation.GetSegmentation().GetSegment(segment_id).GetLabelValue()
    marked = np.argwhere(labels == label)[:, ::-1] + low
    return float(_inside(marked, to_index, limits).mean()) if marked.size else 1.0


def _segment_to_volume_index(segmentation, image, volume) -> np.ndarray:
    """4 x 4 matrix from (i, j, k) of a segment's image to (i, j, k) of a volume, through their parent transforms."""
    image_to_ras, between = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(image_to_ras)
    slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(
        segmentation.GetParentTransformNode(), volume.GetParentTransformNode(), between
    )
    array = slicer.util.arrayFromVTKMatrix
    return np.linalg.inv(ijk_to_ras(volume)) @ array(between) @ array(image_to_ras)


def _inside(index: np.ndarray, to_index: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Which of the points, (n, 3) in (i, j, k), fall within a volume of `limits` voxels, to a thousandth of one."""
    found = index @ to_index[:3, :3].T + to_index[:3, 3]
    return np.all((found > -0.501) & (found < limits - 0.499), axis=1)
