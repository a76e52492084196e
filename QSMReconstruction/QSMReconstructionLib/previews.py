"""A look at what the inversion of a recipe would give, in a small box of the last result."""

from __future__ import annotations

import numpy as np
import slicer
import vtk

from QSMReconstructionCore.methods import method
from QSMReconstructionCore.pipeline import weights_of
from QSMReconstructionCore.preview import box_around, preview_inversion
from QSMReconstructionCore.recipe import Recipe

from .compare import magnitude_of, map_of
from .geometry import grid_of, ijk_to_ras

#: Attribute of the node that shows the preview; it is not saved.
_MARK = "QSM.Preview"


def update_preview(volume, recipe: Recipe):
    """Invert a box around the crosshair, or in the middle of the brain, and show it over the slice views.

    Parameters
    ----------
    volume : vtkMRMLScalarVolumeNode
        The susceptibility map of the last result. Its local field and field noise must be in the scene.
    recipe : Recipe
        Its stage "inversion" is tried.

    Returns
    -------
    vtkMRMLScalarVolumeNode
        The preview, the only one in the scene.

    Raises
    ------
    ValueError
        If the local field is not in the scene any more, or the recipe cannot be tried there.
    """
    field_node, noise_node = map_of(volume, "localField"), map_of(volume, "fieldNoise")
    if field_node is None or noise_node is None:
        raise ValueError("The local field and its noise are needed for a preview. Keep them among the outputs.")
    inversion = method("inversion", recipe.stages["inversion"]["method"])
    if inversion.works_on_total_field:
        raise ValueError(
            f"{inversion.title} works on the total field, whose sources lie outside any box. It has no preview."
        )
    array, grid = slicer.util.arrayFromVolume(volume), grid_of(volume)
    mask = array != 0
    magnitude = magnitude_of(volume)
    chosen = dict(recipe.stages["inversion"])
    preview = preview_inversion(
        slicer.util.arrayFromVolume(field_node),
        mask,
        grid,
        weights=weights_of(slicer.util.arrayFromVolume(noise_node), mask),
        magnitude=None if magnitude is None else slicer.util.arrayFromVolume(magnitude),
        method=chosen.pop("method"),
        parameters=chosen,
        box=(box := box_around(_voxel_of_interest(volume, mask), grid, method=inversion.name)),
    )
    shown = array[box]
    inside = preview.mask & (shown != 0)
    values = preview.susceptibility.copy()
    if inside.any():  # its zero is arbitrary: it gets that of the map it is compared with
        values[preview.mask] += shown[inside].mean(dtype=float) - values[inside].mean(dtype=float)
    return _show(values, volume, [part.start for part in box])


def remove_preview() -> None:
    """Take the preview off the views and out of the scene."""
    node = shown_preview()
    if node is not None:
        slicer.mrmlScene.RemoveNode(node)


def shown_preview():
    """The node that shows the preview; None if there is none."""
    nodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    return next((node for node in nodes if node.GetAttribute(_MARK)), None)


def _voxel_of_interest(volume, mask: np.ndarray) -> tuple[int, int, int]:
    """Where the crosshair is, or the middle of the brain if that is elsewhere."""
    crosshair = slicer.util.getFirstNodeByClassByName("vtkMRMLCrosshairNode", "default")
    if crosshair is not None:
        ras_to_ijk = vtk.vtkMatrix4x4()
        volume.GetRASToIJKMatrix(ras_to_ijk)
        point = np.array(crosshair.GetCrosshairRAS())
        transform = vtk.vtkGeneralTransform()
        slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(None, volume.GetParentTransformNode(), transform)
        ijk = ras_to_ijk.MultiplyPoint([*transform.TransformPoint(point), 1])[:3]
        voxel = tuple(round(coordinate) for coordinate in reversed(ijk))
        if all(0 <= v < n for v, n in zip(voxel, mask.shape)) and mask[voxel]:
            return voxel
    return tuple(int(np.median(indices)) for indices in np.nonzero(mask))


def _show(values: np.ndarray, volume, start: list[int]):
    """The preview as a node over the views, with the window of the map."""
    node = shown_preview()
    if node is None:
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "QSM preview")
        node.SetAttribute(_MARK, "1")
        node.CreateDefaultDisplayNodes()
        node.SetSaveWithScene(False)
        node.GetDisplayNode().SetSaveWithScene(False)
    matrix = ijk_to_ras(volume)
    matrix[:3, 3] += matrix[:3, :3] @ start[::-1]
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
    node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
    slicer.util.updateVolumeFromArray(node, values.astype(np.float32))
    display, window = node.GetDisplayNode(), volume.GetDisplayNode()
    display.SetAndObserveColorNodeID(window.GetColorNodeID())
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(window.GetWindowLevelMin(), window.GetWindowLevelMax())
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        composite.SetForegroundVolumeID(node.GetID())
        composite.SetForegroundOpacity(1.0)
    return node
