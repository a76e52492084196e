"""The section "Study": which nodes are the scan, what is known about it, and what to think of it."""

from __future__ import annotations

import math

from slicer.i18n import tr as _

from QSMReconstructionCore.quality import protocol

from .echo_table import EchoTable
from .echoes import Scan, known_echo_times
from .study import echoes_of, is_sequence, scan_of
from .verdict_lines import in_full, problem_line, request_line, verdict_lines

#: Voxel axes in the order of `Grid.b0_direction`.
_AXES = "kji"


class StudySection:
    """Shows the chosen scan.

    Parameters
    ----------
    ui : object
        The widgets of the panel.

    Attributes
    ----------
    scan : Scan or None
        The scan, if nothing is missing.
    missing : str
        What is missing or does not fit otherwise.
    """

    def __init__(self, ui) -> None:
        self.ui = ui
        self.scan: Scan | None = None
        self.missing = ""
        self.table = EchoTable(ui.echoTable, ui.addEchoButton, ui.removeEchoButton, ui.resetEchoTimesButton)
        ui.magnitudeSelector.connect("nodeActivated(vtkMRMLNode*)", lambda node: self.table.forget_entries())

    def show(self, parameters) -> None:
        """Show what the parameters choose."""
        ui = self.ui
        self.scan, self.missing = None, ""
        try:
            self.scan = scan_of(parameters)
        except ValueError as reason:
            self.missing = str(reason)
        scan = self.scan
        self.table.show(parameters, *self._known_times(parameters))
        carried = scan and not parameters.fieldStrength
        ui.fieldStrengthSpinBox.specialValueText = (
            _("{strength:g} T, from the scan").format(strength=scan.field_strength) if carried else _("not set")
        )
        ui.b0DirectionValue.text = _b0_in_words(scan.grid.b0_direction) if scan else ""
        ui.scannerValue.text = _scanner_in_words(scan.protocol) if scan else ""
        for name in ("b0Direction", "scanner"):
            value = getattr(ui, f"{name}Value")
            value.visible = getattr(ui, f"{name}ValueLabel").visible = bool(value.text)
        if scan:
            verdicts = [check(scan) for check in protocol.CHECKS]
            ui.studyVerdictsLabel.text = verdict_lines(verdicts)
            ui.studyVerdictsLabel.toolTip = in_full(verdicts)
        else:
            chosen = parameters.magnitude and parameters.phase
            ui.studyVerdictsLabel.text = problem_line(self.missing) if chosen else request_line(self.missing)
            ui.studyVerdictsLabel.toolTip = ""

    def _known_times(self, parameters) -> tuple[list[float] | None, str]:
        """Echo times in ms that the scan carries, and where they were found."""
        if not is_sequence(parameters.magnitude) or not all(echoes_of(parameters, "phase")):
            return None, ""
        try:
            times, source = known_echo_times(parameters.magnitude)
        except ValueError:  # the sentence below the table says what is wrong
            return None, ""
        return [1000 * time for time in times], source


def _b0_in_words(direction: tuple[float, float, float]) -> str:
    nearest = max(range(3), key=lambda axis: abs(direction[axis]))
    angle = math.degrees(math.acos(min(abs(direction[nearest]), 1.0)))
    i, j, k = reversed(direction)
    if angle < 0.05:
        return _("along the {axis} axis").format(axis=_AXES[nearest])
    return _("{angle:.1f}\u00b0 from the {axis} axis: ({i:.3f}, {j:.3f}, {k:.3f})").format(
        angle=angle, axis=_AXES[nearest], i=i, j=j, k=k
    )


def _scanner_in_words(facts: dict) -> str:
    return " ".join(str(facts[key]) for key in ("Manufacturer", "ManufacturersModelName") if facts.get(key))
