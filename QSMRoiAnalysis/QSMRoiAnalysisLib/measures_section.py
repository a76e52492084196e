"""The section "Measures": columns to add, what to leave out of the regions, and maps to measure along."""

from __future__ import annotations

import json

import ctk
import qt
from slicer.i18n import tr as _

from QSMReconstructionLib.compare import map_of
from QSMRoiAnalysisCore.descriptors import DESCRIPTORS
from QSMRoiAnalysisCore.parts import PARTS

from .segments import region_names

#: Added by itself where regions are eroded.
_AUTOMATIC = {"erosion_mm"}
#: What descriptors can need and the panel can give -> what to tell who has not chosen it. What needs more is for
#: studies, which are measured on the command line.
_CHOICES = {
    "": "", "neighbor": _("Choose the neighbor below"), "noise": _("Choose the map of the noise below"),
    "norms": _("Choose the norms and state the age below"),
}  # fmt: skip
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
        self._regions = {
            "neighbor": _RegionBox(ui.neighborComboBox, _("None"), self._choose_region),
            "exclude": _RegionBox(ui.excludeComboBox, _("Nothing"), self._choose_region),
        }
        layout = qt.QGridLayout(ui.measuresWidget)
        layout.setContentsMargins(0, 0, 0, 0)
        for one in DESCRIPTORS.values():
            if one.needs not in _CHOICES or one.name in _AUTOMATIC:
                continue
            box = qt.QCheckBox(one.title)
            box.objectName = f"{one.name}CheckBox"
            box.connect("toggled(bool)", lambda wanted, name=one.name: self._want(name, wanted))
            layout.addWidget(box, len(self._boxes) // _COLUMNS, len(self._boxes) % _COLUMNS)
            self._boxes[one.name] = box
        ui.normsPathLineEdit.filters = ctk.ctkPathLineEdit.Files
        ui.normsPathLineEdit.connect("currentPathChanged(QString)", self._choose_norms)
        self._lines = self._add_part_fields()

    def _add_part_fields(self) -> dict:
        """A field for each kind of group or part; several lines are told apart by semicolons."""
        form = qt.QFormLayout(self.ui.partsGroupBox)
        fields = {}
        for part in PARTS.values():
            field = qt.QLineEdit()
            field.objectName = f"{part.name}LineEdit"
            field.placeholderText = part.form
            field.toolTip = _("Also measure {what}. Several are told apart by semicolons.").format(
                what=part.description
            )
            field.connect("textChanged(QString)", lambda text: self._choose_parts())
            form.addRow(f"{part.name.capitalize()}:", field)
            fields[part.name] = field
        return fields

    def show(self, parameters) -> None:
        """Show the choices of the parameters, and offer what the scene has."""
        self._parameters = None  # what the widgets say now is not the user's
        wanted = parameters.measures.split()
        for name, box in self._boxes.items():
            box.checked = name in wanted
            box.enabled = _is_possible(name, parameters)
            missing = "" if box.enabled else f"\n{_CHOICES[DESCRIPTORS[name].needs]}"
            box.toolTip = DESCRIPTORS[name].description + missing
        names = region_names(parameters.segmentation) if parameters.segmentation else []
        for field, region_box in self._regions.items():
            region_box.offer(names, getattr(parameters, field))
        if self.ui.normsPathLineEdit.currentPath != parameters.norms:
            self.ui.normsPathLineEdit.currentPath = parameters.norms
        chosen = _parts(parameters)
        for name, field in self._lines.items():
            if _lines_of(field.text) != chosen.get(name, []):  # what is being written is left alone
                field.text = "; ".join(chosen.get(name, []))
        r2star = r2star_of(parameters)
        self.ui.r2starCheckBox.enabled = r2star is not None
        self.ui.r2starCheckBox.toolTip = (
            _("Measure '{name}' in the same regions, as further rows").format(name=r2star.GetName()) if r2star
            else _("The scene has no R2* map of the reconstruction that made the map")
        )
        self._parameters = parameters

    def _want(self, name: str, wanted: bool) -> None:
        if self._parameters is not None:
            chosen = {*self._parameters.measures.split(), name} if wanted else {
                *self._parameters.measures.split()} - {name}
            self._parameters.measures = " ".join(known for known in self._boxes if known in chosen)

    def _choose_norms(self, path: str) -> None:
        if self._parameters is not None:
            self._parameters.norms = path

    def _choose_parts(self) -> None:
        if self._parameters is not None:
            wanted = {name: lines for name, field in self._lines.items() if (lines := _lines_of(field.text))}
            self._parameters.parts = json.dumps(wanted) if wanted else ""

    def _choose_region(self) -> None:
        if self._parameters is not None:
            for field, box in self._regions.items():
                setattr(self._parameters, field, box.chosen)


class _RegionBox:
    """A combo box of regions, or none of them."""

    def __init__(self, box, none: str, chosen) -> None:
        self._box, self._none = box, none
        self._offered: list[str] = []
        box.connect("activated(int)", lambda index: chosen())

    def offer(self, regions: list[str], chosen: str) -> None:
        """Offer regions and show the choice, which is kept where the segmentation does not have it any more."""
        names = ["", *regions]
        names += [] if chosen in names else [chosen]
        if names != self._offered:
            self._box.clear()
            for name in names:
                self._box.addItem(name or self._none)
            self._offered = names
        self._box.currentIndex = names.index(chosen)

    @property
    def chosen(self) -> str:
        return self._offered[self._box.currentIndex]


def _is_possible(name: str, parameters) -> bool:
    """Whether what a descriptor needs is chosen."""
    needs = DESCRIPTORS[name].needs
    return not needs or (bool(getattr(parameters, needs)) and (needs != "norms" or parameters.age > 0))


def _lines_of(text: str) -> list[str]:
    return [line.strip() for line in text.split(";") if line.strip()]


def _parts(parameters) -> dict[str, list[str]]:
    return json.loads(parameters.parts) if parameters.parts else {}


def r2star_of(parameters):
    """The R2* map of the reconstruction that made the chosen map, or None."""
    volume = parameters.map
    return map_of(volume, "r2star") if volume and volume.GetAttribute("QSM.InputIdentity") else None


def options_of(parameters) -> dict:
    """The arguments of `measuring.measure_nodes` that this section chooses."""
    others = [parameters.otherMap, r2star_of(parameters) if parameters.r2star else None]
    checked = [name for name in parameters.measures.split() if _is_possible(name, parameters)]
    return {
        "measures": tuple(dict.fromkeys([*checked, *parameters.furtherMeasures.split()])),
        "neighbor": parameters.neighbor,
        "noise": parameters.noise,
        "erosion": parameters.erosion,
        "exclude": parameters.exclude,
        "parts": _parts(parameters),
        "norms": parameters.norms,
        "age": parameters.age,
        "others": tuple(dict.fromkeys(other for other in others[::-1] if other)),
    }
