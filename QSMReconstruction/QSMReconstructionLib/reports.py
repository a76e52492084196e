"""The page about a result, kept in the scene as a text node, so that it is saved and found with the maps."""

from __future__ import annotations

from pathlib import Path

import slicer

from .changes import detached_node

#: Role of the reference from a susceptibility map to its report. It is a file format.
_ROLE = "qsmReport"


def add_report(page: str, name: str, volume):
    """Add a page of HTML to the scene, referenced by the susceptibility map.

    Parameters
    ----------
    page : str
        The page, with its pictures in it.
    name : str
        Name of the node.
    volume : vtkMRMLScalarVolumeNode
        The map, in the scene.

    Returns
    -------
    vtkMRMLTextNode
    """
    node = detached_node("vtkMRMLTextNode")
    node.SetName(name)
    node.SetText(page)
    node = slicer.mrmlScene.AddNode(node)
    volume.SetNodeReferenceID(_ROLE, node.GetID())
    return node


def report_of(volume):
    """The report of a susceptibility map; None if it has none."""
    return volume.GetNodeReference(_ROLE)


def write_report(node, folder) -> Path:
    """Write a report into a folder, for a browser to open.

    Returns
    -------
    Path
    """
    path = Path(folder) / f"report-{node.GetID()}.html"
    path.write_text(node.GetText(), encoding="utf-8")
    return path
