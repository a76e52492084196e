"""How susceptibility is colored: gray, or blue where diamagnetic and red where paramagnetic, with a legend in ppm."""

from __future__ import annotations

import numpy as np
import slicer

#: Attribute of the color table. It is a file format.
_MARK = "QSM.Colors"
#: Color at the lower end, at zero and at the upper end.
_BLUE, _MIDDLE, _RED = np.array([[0.23, 0.30, 0.75], [0.87, 0.87, 0.87], [0.71, 0.02, 0.15]])
_COLORS = 255  # an odd number, so that zero has a color of its own


def color(volume, diverging: bool) -> None:
    """Show a map in gray, or in colors that diverge from zero; its window stays as it is.

    Parameters
    ----------
    volume : vtkMRMLScalarVolumeNode
        With a display node and a symmetric window.
    diverging : bool
    """
    node_id = _diverging_colors().GetID() if diverging else "vtkMRMLColorTableNodeGrey"
    volume.GetDisplayNode().SetAndObserveColorNodeID(node_id)


def add_legend(volume, unit: str):
    """Add a color legend with the unit of a map, which the views show with the map.

    Returns
    -------
    vtkMRMLColorLegendDisplayNode
    """
    legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(volume)
    legend.SetTitleText(unit)
    legend.SetLabelFormat("%.2f")
    legend.SetNumberOfLabels(3)
    legend.SetSize(0.12, 0.3)
    legend.SetPosition(0.98, 0.03)
    return legend


def _diverging_colors():
    for node in slicer.util.getNodesByClass("vtkMRMLColorTableNode"):
        if node.GetAttribute(_MARK):
            return node
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLColorTableNode", "Blue to red")
    node.SetAttribute(_MARK, "diverging")
    node.SetTypeToUser()
    node.SetNumberOfColors(_COLORS)
    for index, place in enumerate(np.linspace(-1, 1, _COLORS)):
        end = _BLUE if place < 0 else _RED
        red, green, blue = _MIDDLE + abs(place) * (end - _MIDDLE)
        node.SetColor(index, f"{place:.3f}", red, green, blue, 1.0)
    return node
