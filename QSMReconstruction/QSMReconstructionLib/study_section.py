"""The section "Study": which nodes are the scan, what is known about it, and what to think of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import qt
import slicer
from slicer.i18n import tr as _

from QSMReconstructionCore.quality import protocol

from .echo_table import EchoTable
from .echoes import Scan, known_echo_times
from .scan_folder import FoundScan, scans_in
from .scans import add_scan
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
    say : callable
        Shows a message to the user.

    Attributes
    ----------
    scan : Scan or None
        The scan, if nothing is missing.
    missing : str
        What is missing or does not fit otherwise.
    """

    def __init__(self, ui, say: Callable[[str], None]) -> None:
        self.ui, self._say = ui, say
        self._found: list[FoundScan] = []
        self.scan: Scan | None = None
        self.missing = ""
        self.table = EchoTable(ui.echoTable, ui.addEchoButton, ui.removeEchoButton, ui.resetEchoTimesButton)
        ui.magnitudeSelector.connect("nodeActivated(vtkMRMLNode*)", lambda node: self.table.forget_entries())
        ui.openFolderButton.connect("clicked(bool)", self._choose_folder)
        ui.foundScanComboBox.connect("activated(int)", self._read)
        ui.foundScanComboBox.visible = False

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

    def open(self, folder) -> None:
        """Read the scan in a folder into the scene and choose it; if there are several, offer them."""
        box = self.ui.foundScanComboBox
        with self._reading():
            self._found = scans_in(folder, self._show_progress)
            box.clear()
            box.addItem(_("{count} scans found: choose one").format(count=len(self._found)))
            box.addItems([scan.title for scan in self._found])
            for index, scan in enumerate(self._found, 1):
                box.setItemData(index, f"{scan.about} {scan.fault}".strip(), qt.Qt.ToolTipRole)
            box.visible = len(self._found) > 1
        if len(self._found) == 1:
            self._read(1)

    def _read(self, index: int) -> None:
        """Read a scan that was found, by its place in the combo box."""
        if index < 1:
            return
        scan = self._found[index - 1]
        with self._reading():
            if scan.fault:
                raise ValueError(scan.fault)
            magnitude, phase = add_scan(scan.read(self._show_progress), scan.title)
            self.table.forget_entries()
            self.ui.magnitudeSelector.setCurrentNode(magnitude)
            self.ui.phaseSelector.setCurrentNode(phase)
            self._say(_("Read: {title}").format(title=scan.title))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Lock the section, and say what cannot be read."""
        section = self.ui.studyCollapsibleButton
        section.enabled = False
        try:
            yield
        except (ValueError, OSError) as reason:
            self._say(_("Cannot read: {reason}").format(reason=reason))
        finally:
            section.enabled = True

    def _show_progress(self, fraction: float, message: str) -> None:
        self._say(f"{message} ({fraction:.0%})")
        slicer.app.processEvents()

    def _choose_folder(self) -> None:
        caption = _("Folder of DICOM files, or BIDS data set")
        folder = qt.QFileDialog.getExistingDirectory(self.ui.openFolderButton, caption)
        if folder:
            self.open(folder)

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
