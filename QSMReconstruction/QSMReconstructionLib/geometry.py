"""Where a volume node lies: its voxel grid in world coordinates."""

from __future__ import annotations

import numpy as np
import slicer
import vtk

from QSMReconstructionCore.grid import Grid


def ijk_to_ras(volume) -> np.ndarray:
    """4 x 4 matrix from voxel (i, j, k) to the node's own RAS coordinates in mm, without its parent transform."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def proxy_of(sequence):
    """The volume of the scene in which the browser of a sequence shows its items; None if there is none."""
    browser = slicer.modules.sequences.logic().GetFirstBrowserNodeForSequenceNode(sequence)
    return browser.GetProxyNode(sequence) if browser else None


def grid_of(volume, placed=None) -> Grid:
    """Grid of a volume in world coordinates, where B0 points along S.

    Parameters
    ----------
    volume : vtkMRMLVolumeNode
        It may lie under linear transforms, as it may after they were hardened: both place B0 alike.
    placed : vtkMRMLVolumeNode, optional
        Whose parent transform counts, for an item of a sequence, which has none of its own.

    Returns
    -------
    Grid

    Raises
    ------
    ValueError
        If the volume is empty, lies under a transform that is not linear, or has axes that are not perpendicular.
    """
    if volume.GetImageData() is None or 0 in volume.GetImageData().GetDimensions():
        raise ValueError(f"Volume '{volume.GetName()}' holds no voxels. Choose a volume with image data.")
    transform = (placed or volume).GetParentTransformNode()
    matrix = ijk_to_ras(volume)
    if transform is not None:
        if not transform.IsTransformToWorldLinear():
            raise ValueError(
                f"Volume '{volume.GetName()}' lies under transform '{transform.GetName()}', which is not linear, so "
                "the direction of B0 differs from voxel to voxel. Remove the transform before the reconstruction and "
                "apply it to the resulting maps."
            )
        to_world = vtk.vtkMatrix4x4()
        transform.GetMatrixTransformToWorld(to_world)
        matrix = slicer.util.arrayFromVTKMatrix(to_world) @ matrix
    i, j, k = volume.GetImageData().GetDimensions()
    return Grid.from_ijk_to_ras((k, j, i), matrix)
