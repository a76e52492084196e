"""The page about a result, kept in the scene as a text node, so that it is saved and found with the maps."""

from __future__ import annotations

import base64
from html.parser import HTMLParser
from pathlib import Path

import slicer

from QSMReconstructionCore.report.pictures import FIRST_LOOK

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


def pictures_in(page: str) -> list[tuple[str, bytes]]:
    """The pictures of a report that a first look needs.

    Parameters
    ----------
    page : str
        The report.

    Returns
    -------
    list of (str, bytes)
        What each shows, in words, and its PNG file.
    """
    reader = _Pictures()
    reader.feed(page)
    return reader.found


class _Pictures(HTMLParser):
    _PNG = "data:image/png;base64,"

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, bytes]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attributes}
        source, words = told.get("src", ""), told.get("alt", "")
        if tag == "img" and source.startswith(self._PNG) and words.startswith(FIRST_LOOK):
            self.found.append((words, base64.b64decode(source.removeprefix(self._PNG))))
