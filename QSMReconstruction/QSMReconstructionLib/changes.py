"""Changes of the scene that happen entirely or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import slicer
import vtk


@contextmanager
def all_or_nothing(scene) -> Iterator[None]:
    """Context in which nodes are added to a scene: if it fails half-way, what was added is taken away again."""
    nodes_before = set(_node_ids(scene))
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    items_before = set(_item_ids(hierarchy))
    try:
        yield
    except BaseException:
        for node_id in reversed(_node_ids(scene)):
            if node_id not in nodes_before and scene.GetNodeByID(node_id):
                scene.RemoveNode(scene.GetNodeByID(node_id))
        for item in reversed(_item_ids(hierarchy)):
            if item not in items_before:
                hierarchy.RemoveItem(item, False, False)
        raise


def detached_node(class_name: str):
    """A new node that is not in the scene yet, with the defaults that the user has given nodes of its class."""
    node = slicer.mrmlScene.CreateNodeByClass(class_name)
    node.UnRegister(None)  # the reference that belongs to the caller in C++
    return node


def _node_ids(scene) -> list[str]:
    return [scene.GetNthNode(index).GetID() for index in range(scene.GetNumberOfNodes())]


def _item_ids(hierarchy) -> list[int]:
    items = vtk.vtkIdList()
    hierarchy.GetItemChildren(hierarchy.GetSceneItemID(), items, True)
    return [items.GetId(index) for index in range(items.GetNumberOfIds())]
