"""From the core to the scene: measurements become a table node."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from dataclasses import fields

import slicer
import vtk

from QSMReconstructionCore import __version__
from QSMRoiAnalysisCore.measures import Measurement
from QSMRoiAnalysisCore.table import plain_text

_COLUMN_CLASSES = {str: vtk.vtkStringArray, int: vtk.vtkIntArray, float: vtk.vtkDoubleArray}


def add_table(rows: Sequence[Measurement], remarks: Sequence[str], volume, segmentation, table=None):
    """Show measurements as a table of the scene, beside the map that was measured.

    The attributes of the table node are a file format: `QSM.Table` ("regions"), `QSM.MapName`, `QSM.SegmentationName`,
    `QSM.Unit`, `QSM.Reference`, `QSM.Remarks` (sentences), `QSM.Version` (of this software), and `QSM.Recipe` and
    `QSM.InputIdentity` of the map, so that a table that is saved alone can still be traced. The node references
    `QSM.MapNode` and `QSM.SegmentationNode` lead to the nodes.

    Parameters
    ----------
    rows : sequence of Measurement
        At least one; those of the map first.
    remarks : sequence of str
        What limits the result, in sentences.
    volume : vtkMRMLScalarVolumeNode
        The map.
    segmentation : vtkMRMLSegmentationNode
        The regions.
    table : vtkMRMLTableNode, optional
        Its content is replaced. By default, a new node.

    Returns
    -------
    vtkMRMLTableNode

    Raises
    ------
    ValueError
        If `table` is not a table node.
    """
    if table is not None and not table.IsA("vtkMRMLTableNode"):
        raise ValueError(f"The result must go to a table, but '{table.GetName()}' is a {table.GetClassName()}.")
    if table is None:
        name = slicer.mrmlScene.GenerateUniqueName(f"{volume.GetName()} regions")
        table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", name)
    with slicer.util.NodeModify(table):
        fill_table(table, rows)
        _set_provenance(table, rows[0], remarks, volume, segmentation)
    place_beside(table, volume)
    return table


def fill_table(table, rows: Sequence[Measurement]) -> None:
    """Replace the content of a table node by measurements.

    Every column has the name of its field, a title for the eye, a description and, where it has one, a unit. Text is
    neutralized as in `write_table`, because Slicer exports tables for spreadsheets too; a missing number is NaN.

    Parameters
    ----------
    table : vtkMRMLTableNode
        Emptied first.
    rows : sequence of Measurement
        At least one.
    """
    kinds = typing.get_type_hints(type(rows[0]))
    units = {row.unit for row in rows}
    with slicer.util.NodeModify(table):
        table.RemoveAllColumns()
        for column in fields(rows[0]):
            array = _COLUMN_CLASSES[kinds[column.name]]()
            array.SetName(column.name)
            for row in rows:
                value = getattr(row, column.name)
                array.InsertNextValue(plain_text(value) if isinstance(value, str) else value)
            table.AddColumn(array)
            title, unit = column.metadata["title"], column.metadata["unit"]
            if "map" in unit:  # every row says its own, and that of the column is known where they agree
                unit = unit.replace("map", rows[0].unit) if len(units) == 1 else ""
            table.SetColumnTitle(column.name, f"{title} [{unit}]" if unit else title)
            table.SetColumnUnitLabel(column.name, unit)
            table.SetColumnDescription(column.name, column.metadata["description"])
        table.SetUseColumnTitleAsColumnHeader(True)


def _set_provenance(table, row: Measurement, remarks: Sequence[str], volume, segmentation) -> None:
    table.SetNodeReferenceID("QSM.MapNode", volume.GetID())
    table.SetNodeReferenceID("QSM.SegmentationNode", segmentation.GetID())
    attributes = {
        "QSM.Table": "regions",
        "QSM.MapName": volume.GetName(),
        "QSM.SegmentationName": segmentation.GetName(),
        "QSM.Unit": row.unit,
        "QSM.Reference": row.reference,
        "QSM.Remarks": " ".join(remarks),
        "QSM.Version": __version__,
        **{name: volume.GetAttribute(name) for name in ("QSM.Recipe", "QSM.InputIdentity")},
    }
    for name, value in attributes.items():
        table.SetAttribute(name, value)


def place_beside(node, neighbor) -> None:
    """Put a node into the subject hierarchy folder of its neighbor."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    neighbor_item = hierarchy.GetItemByDataNode(neighbor)
    folder = hierarchy.GetItemParent(neighbor_item) if neighbor_item else hierarchy.GetSceneItemID()
    item = hierarchy.GetItemByDataNode(node)  # the application has made one; without it there is none yet
    if item:
        hierarchy.SetItemParent(item, folder)
    else:
        hierarchy.CreateItem(folder, node)
