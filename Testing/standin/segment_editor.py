"""Stand-in for the widget of the Segment Editor, which has no effects; its choices are in the real parameter node."""

from __future__ import annotations

import slicer
from PySide6.QtCore import Signal

from .limits import NotStoodIn
from .slicer_widgets import qMRMLWidget
from .ui_files import stand_in_widget


@stand_in_widget
class qMRMLSegmentEditorWidget(qMRMLWidget):
    """Keeps the segmentation, the source volume and the segment that are chosen."""

    segmentationNodeChanged = Signal(object)
    sourceVolumeNodeChanged = Signal(object)
    currentSegmentIDChanged = Signal(str)
    cpp_signals = {
        "segmentationNodeChanged(vtkMRMLSegmentationNode*)": "segmentationNodeChanged",
        "sourceVolumeNodeChanged(vtkMRMLVolumeNode*)": "sourceVolumeNodeChanged",
        "masterVolumeNodeChanged(vtkMRMLVolumeNode*)": "sourceVolumeNodeChanged",
        "currentSegmentIDChanged(QString)": "currentSegmentIDChanged",
    }

    def __init__(self, parent=None):
        super().__init__(parent)
        self._node = None

    def mrmlSegmentEditorNode(self):
        """The parameter node, or None."""
        return self._node

    def setMRMLSegmentEditorNode(self, node):
        """Set the parameter node, without which nothing can be chosen."""
        self._node = node

    def updateWidgetFromMRML(self):
        """The widget always shows what is in its parameter node."""

    def segmentationNode(self):
        """The segmentation, or None."""
        return self._node.GetSegmentationNode() if self._node else None

    def segmentationNodeID(self):
        """The ID of the segmentation, or nothing."""
        return self.segmentationNode().GetID() if self.segmentationNode() else ""

    def setSegmentationNode(self, node):
        """Choose a segmentation."""
        if self._node and node is not self.segmentationNode():
            self._node.SetAndObserveSegmentationNode(node)
            self.segmentationNodeChanged.emit(node)

    def setSegmentationNodeID(self, nodeID):
        """Choose a segmentation by its ID."""
        self.setSegmentationNode(slicer.mrmlScene.GetNodeByID(nodeID) if nodeID else None)

    def sourceVolumeNode(self):
        """The volume that effects look at, or None."""
        return self._node.GetSourceVolumeNode() if self._node else None

    def sourceVolumeNodeID(self):
        """The ID of the volume, or nothing."""
        return self.sourceVolumeNode().GetID() if self.sourceVolumeNode() else ""

    def setSourceVolumeNode(self, node):
        """Choose the volume that effects look at."""
        if self._node and node is not self.sourceVolumeNode():
            self._node.SetAndObserveSourceVolumeNode(node)
            self.sourceVolumeNodeChanged.emit(node)

    def setSourceVolumeNodeID(self, nodeID):
        """Choose the volume by its ID."""
        self.setSourceVolumeNode(slicer.mrmlScene.GetNodeByID(nodeID) if nodeID else None)

    masterVolumeNode, setMasterVolumeNode = sourceVolumeNode, setSourceVolumeNode
    masterVolumeNodeID, setMasterVolumeNodeID = sourceVolumeNodeID, setSourceVolumeNodeID

    def currentSegmentID(self):
        """The ID of the chosen segment, or nothing."""
        return (self._node.GetSelectedSegmentID() or "") if self._node else ""

    def setCurrentSegmentID(self, segmentID):
        """Choose a segment."""
        if self._node and segmentID != self.currentSegmentID():
            self._node.SetSelectedSegmentID(segmentID)
            self.currentSegmentIDChanged.emit(segmentID)

    def availableEffectNames(self):
        """Effects are not stood in for."""
        return []

    def activeEffect(self):
        """None is ever active."""
        return

    def effectByName(self, name):
        """None has any name, which Slicer says for a name that it does not know."""
        return

    def setActiveEffect(self, effect):
        """Only None can be active.

        Raises
        ------
        NotStoodIn
            For anything else.
        """
        if effect is not None:
            raise NotStoodIn("The stand-in of the Segment Editor has no effects")

    def setActiveEffectByName(self, name):
        """Activate an effect, of which there are none; an empty name is allowed."""
        self.setActiveEffect(name or None)

    def setEffectNameOrder(self, names):
        """There are no effects to order."""

    def turnOffLightboxes(self):
        """Slice views never show several slices here."""
        return False

    def setupViewObservations(self):
        """Effects would observe the views."""

    removeViewObservations = uninstallKeyboardShortcuts = setupViewObservations

    def installKeyboardShortcuts(self, parent=None):
        """There is no keyboard."""
