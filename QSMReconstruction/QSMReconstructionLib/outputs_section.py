"""The section "Outputs": which maps to keep, how to call them, and what they are relative to."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from QSMReconstructionCore.io.provenance import OUTPUTS

from .colors import color
from .maps import title_of
from .study import recipe_of

#: Always added to the scene.
_NEEDED = {"chimap", "mask"}


class OutputsSection:
    """Lets the user choose outputs and the reference region.

    Parameters
    ----------
    ui : object
        The widgets of the panel.
    """

    def __init__(self, ui) -> None:
        self.ui = ui
        self._parameters = None
        self._boxes = {}
        layout = qt.QVBoxLayout(ui.mapsWidget)
        layout.setContentsMargins(0, 0, 0, 0)
        for output in OUTPUTS:
            if output.name in _NEEDED:
                continue
            title = title_of(output.name)
            box = qt.QCheckBox(title[:1].upper() + title[1:])
            box.objectName = f"{output.name}CheckBox"
            box.toolTip = output.description + (f", {output.unit}" if output.unit else "")
            box.connect("toggled(bool)", lambda kept, name=output.name: self._keep(name, kept))
            layout.addWidget(box)
            self._boxes[output.name] = box
        ui.divergingColorsCheckBox.connect("toggled(bool)", self._color)
        ui.referenceSegmentComboBox.connect("activated(int)", self._segment_chosen)

    def show(self, parameters) -> None:
        """Show the outputs and the reference of the parameters."""
        self._parameters = None  # what the widgets say now is not the user's
        left_out = parameters.leftOut.split()
        for name, box in self._boxes.items():
            box.checked = name not in left_out
        ui = self.ui
        given = recipe_of(parameters).stages["reference"]["method"] == "region"
        for name in ("referenceSelector", "referenceSegmentComboBox"):
            getattr(ui, name).visible = getattr(ui, f"{name}Label").visible = given
        ui.referenceSegmentComboBox.clear()
        node = parameters.referenceSegmentation
        for segment_id in node.GetSegmentation().GetSegmentIDs() if node else ():
            ui.referenceSegmentComboBox.addItem(node.GetSegmentation().GetSegment(segment_id).GetName(), segment_id)
        index = ui.referenceSegmentComboBox.findData(parameters.referenceSegment)
        ui.referenceSegmentComboBox.currentIndex = max(index, 0)
        ui.referAgainButton.enabled = parameters.result is not None
        ui.referAgainButton.toolTip = (
            _("Refer '{name}' to this region, without computing it again").format(name=parameters.result.GetName())
            if parameters.result else _("There is no result yet")
        )
        self._parameters = parameters

    def chosen_segment(self) -> str:
        """ID of the segment that is shown, or an empty text."""
        return self.ui.referenceSegmentComboBox.currentData or ""

    def _keep(self, name: str, kept: bool) -> None:
        if self._parameters is not None:
            left_out = set(self._parameters.leftOut.split()) - {name} if kept else {
                *self._parameters.leftOut.split(), name}
            self._parameters.leftOut = " ".join(sorted(left_out))

    def _color(self, diverging: bool) -> None:
        if self._parameters is not None and self._parameters.result is not None:
            color(self._parameters.result, diverging)

    def _segment_chosen(self, index: int) -> None:
        self._parameters.referenceSegment = self.ui.referenceSegmentComboBox.itemData(index)
