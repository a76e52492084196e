"""The section "Measures": columns to add, what to leave out of the regions, and maps to measure along."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from QSMReconstructionLib.compare import map_of
from QSMRoiAnalysisCore.descriptors import DESCRIPTORS

from .segments import region_names

#: Added by itself where regions are eroded.
_AUTOMATIC = {"erosion_mm"}
_COLUMNS = 2


class MeasuresSection:
    """Lets the user choose what to measure beyond mean and percentiles.

    Parameters
    ----------
    ui : object
        The widgets of the panel.
    """

    def __init__(self, ui) -> None:
        self.ui = ui
        self._parameters = None
        self._boxes = {}
        self._offered: list[str] = []
        layout = qt.QGridLayout(ui.measuresWidget)
        layout.setContentsMargins(0, 0, 0, 0)
        for one in DESCRIPTORS.values():
            if one.needs or one.name in _AUTOMATIC:  # what needs more than the map is for the command line
                continue
            box = qt.QCheckBox(one.title)
            box.objectName = f"{one.name}CheckBox"
            box.toolTip = one.description
            box.connect("toggled(bool)", lambda wanted, name=one.name: self._want(name, wanted))
            layout.addWidget(box, len(self._boxes) // _COLUMNS, len(self._boxes) % _COLUMNS)
            self._boxes[one.name] = box
        ui.excludeComboBox.connect("activated(int)", self._segment_chosen)

    def show(self, parameters) -> None:
        """Show the choices of the parameters, and offer what the scene has."""
        self._parameters = None  # what the widgets say now is not the user's
        wanted = parameters.measures.split()
        for name, box in self._boxes.items():
            box.checked = name in wanted
        self._offer_segments(parameters)
        r2star = r2star_of(parameters)
        self.ui.r2starCheckBox.enabled = r2star is not None
        self.ui.r2starCheckBox.toolTip = (
            _("Measure '{name}' in the same regions, as further rows").format(name=r2star.GetName()) if r2star
            else _("The scene has no R2* map of the reconstruction that made the map")
        )
        self._parameters = parameters

    def _offer_segments(self, parameters) -> None:
        box, segmentation, chosen = self.ui.excludeComboBox, parameters.segmentation, parameters.exclude
        names = ["", *(region_names(segmentation) if segmentation else [])]
        names += [] if chosen in names else [chosen]
        if names != self._offered:
            box.clear()
            for name in names:
                box.addItem(name or _("Nothing"))
            self._offered = names
        box.currentIndex = names.index(chosen)

    def _want(self, name: str, wanted: bool) -> None:
        if self._parameters is not None:
            chosen = {*self._parameters.measures.split(), name} if wanted else {
                *self._parameters.measures.split()} - {name}
            self._parameters.measures = " ".join(known for known in self._boxes if known in chosen)

    def _segment_chosen(self, index: int) -> None:
        self._parameters.exclude = self._offered[index]


def r2star_of(parameters):
    """The R2* map of the reconstruction that made the chosen map, or None."""
    volume = parameters.map
    return map_of(volume, "r2star") if volume and volume.GetAttribute("QSM.InputIdentity") else None


def options_of(parameters) -> dict:
    """The arguments of `measuring.measure_nodes` that this section chooses."""
    others = [parameters.otherMap, r2star_of(parameters) if parameters.r2star else None]
    return {
        "measures": tuple(dict.fromkeys([*parameters.measures.split(), *parameters.furtherMeasures.split()])),
        "erosion": parameters.erosion,
        "exclude": parameters.exclude,
        "others": tuple(dict.fromkeys(other for other in others[::-1] if other)),
    }
