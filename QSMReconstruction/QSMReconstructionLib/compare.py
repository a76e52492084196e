"""Maps side by side in the slice views."""

from __future__ import annotations

import slicer

from .geometry import proxy_of
from .maps import MAGNITUDE

#: Slice view -> key of the map it shows.
_VIEWS = {"Red": "magnitude", "Yellow": "localField", "Green": "susceptibility"}


def compare(volume) -> None:
    """Show magnitude, local field and susceptibility of a reconstruction in three linked axial views.

    Parameters
    ----------
    volume : vtkMRMLScalarVolumeNode
        Its susceptibility map. A map that is not in the scene leaves its view empty.
    """
    scene = slicer.mrmlScene
    shown = {"susceptibility": volume, "localField": map_of(volume, "localField"), "magnitude": magnitude_of(volume)}
    for view, key in _VIEWS.items():
        slice_node = scene.GetSingletonNode(view, "vtkMRMLSliceNode")
        composite = scene.GetSingletonNode(view, "vtkMRMLSliceCompositeNode")
        if slice_node is None or composite is None:  # a layout without this view
            continue
        slice_node.SetOrientation("Axial")
        composite.SetLinkedControl(True)
        composite.SetBackgroundVolumeID(shown[key].GetID() if shown[key] else None)
        composite.SetForegroundVolumeID(None)
    layout = slicer.app.layoutManager()
    if layout is not None:
        layout.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
        slicer.util.resetSliceViews()


def map_of(volume, key: str):
    """Another map of the same reconstruction: the last one in the scene that was made from the same input."""
    identity = volume.GetAttribute("QSM.InputIdentity")
    nodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    found = [node for node in nodes
             if node.GetAttribute("QSM.Map") == key and node.GetAttribute("QSM.InputIdentity") == identity]  # fmt: skip
    return found[-1] if found else None


def magnitude_of(volume):
    """The volume of the scene that shows the magnitude the map was made from."""
    node = volume.GetNodeReference(MAGNITUDE)
    if node is None or not node.IsA("vtkMRMLSequenceNode"):
        return node
    return proxy_of(node)
