"""The section "Study": which nodes are the scan, what is known about it, and what to think of it."""

from __future__ import annotations

import math

import qt
import slicer
from slicer.i18n import tr as _

from QSMReconstructionCore.quality import Verdict

from .between_events import BetweenEvents
from .echo_table import EchoTable
from .echoes import Scan, known_echo_times
from .engine import Report
from .glance import first_verdicts
from .scan_folder import FoundScan, ReadScan, ScanFolder
from .study import StillMissingError, echoes_of, is_sequence, scan_of
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
        #: Role -> what the tool tip of its selector says before the name, which may be too long to be read there.
        self._selectors = {role: getattr(ui, f"{role}Selector").toolTip for role in ("magnitude", "phase")}
        self._judged: tuple[tuple, list[Verdict]] = ((), [])
        self._folder: ScanFolder | None = None
        self._reading = BetweenEvents()
        self.scan: Scan | None = None
        self.missing = ""
        self.table = EchoTable(ui.echoTable, ui.addEchoButton, ui.removeEchoButton, ui.resetEchoTimesButton)
        ui.magnitudeSelector.connect("nodeActivated(vtkMRMLNode*)", lambda node: self.table.forget_entries())
        ui.openFolderButton.connect("clicked(bool)", self._choose_folder)
        ui.foundScanComboBox.connect("activated(int)", lambda index: self._read(index - 1) if index > 0 else None)
        ui.foundScanComboBox.visible = False
        self._say("")
        self._show_reading()
        slicer.app.connect("aboutToQuit()", self.cancel_reading)

    def show(self, parameters) -> None:
        """Show what the parameters choose."""
        ui = self.ui
        self.scan, self.missing = None, ""
        line = problem_line
        verdicts: list[Verdict] = []
        try:
            scan = scan_of(parameters)
            verdicts = self._verdicts_on(scan)
            self.scan = scan
        except StillMissingError as request:
            self.missing, line = str(request), request_line
        except ValueError as reason:
            self.missing = str(reason)
        for role, words in self._selectors.items():
            chosen = getattr(parameters, role)
            getattr(ui, f"{role}Selector").toolTip = f"{words}\n\n{chosen.GetName()}" if chosen else words
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
            ui.studyVerdictsLabel.text = verdict_lines(verdicts)
            ui.studyVerdictsLabel.toolTip = in_full(verdicts)
        else:
            ui.studyVerdictsLabel.text = line(self.missing)
            ui.studyVerdictsLabel.toolTip = ""

    def _verdicts_on(self, scan: Scan) -> list[Verdict]:
        """Verdicts on a scan. Those of the last one are kept, because most changes of parameters are none to them."""
        modified = [image.GetMTime() for image in scan.magnitude]  # no two changes have the same number
        facts = (modified, scan.echo_times, scan.field_strength, scan.imaging_frequency, scan.grid, scan.protocol)
        if facts != self._judged[0]:
            self._judged = facts, first_verdicts(scan)
        return self._judged[1]

    def open(self, folder) -> None:
        """Read the scan in a folder into the scene and choose it; if there are several, offer them."""
        self._folder = ScanFolder(folder, slicer.app.temporaryPath)
        self.ui.foundScanComboBox.visible = False
        self._read(None)

    @property
    def reading(self) -> bool:
        """Whether a folder is being read."""
        return self._reading.busy

    def cancel_reading(self) -> None:
        """Give up what is being read; the scene is as it was."""
        if self._reading.busy:
            self._reading.stop()
            self._show_reading()
            self._say(_("Reading was cancelled. The scene is as it was."))

    def close(self) -> None:
        """Give up what is being read, and forget the application."""
        self.cancel_reading()
        slicer.app.disconnect("aboutToQuit()", self.cancel_reading)

    def _read(self, number: int | None) -> None:
        """Read a scan, by its place in the list of those that were found, or look for scans."""
        self._reading.start(self._folder.read(number, self._show_progress), self._has_read)
        self._say("")
        self._show_reading()
        self._show_progress(Report(0.0, _("Looking for scans"), ""))

    def _has_read(self, scan: ReadScan | None, error: Exception | None) -> None:
        self._show_reading()
        if isinstance(error, (ValueError, OSError)):
            self._say(_("Cannot read: {reason}").format(reason=error))
        elif error is not None:
            raise error
        elif scan is None:
            self._offer(self._folder.scans)
        else:
            self.table.forget_entries()
            self.ui.magnitudeSelector.setCurrentNode(scan.magnitude)
            self.ui.phaseSelector.setCurrentNode(scan.phase)
            self._say(_("Read: {title}").format(title=scan.title))

    def _offer(self, scans: list[FoundScan]) -> None:
        box = self.ui.foundScanComboBox
        box.clear()
        box.addItem(_("{count} scans found: choose one").format(count=len(scans)))
        box.addItems([scan.title for scan in scans])
        for index, scan in enumerate(scans, 1):
            box.setItemData(index, f"{scan.about} {scan.fault}".strip(), qt.Qt.ToolTipRole)
        box.visible = True
        self._say(_("{count} scans found: choose one").format(count=len(scans)))

    def _say(self, text: str) -> None:
        """Show what has become of reading a folder, below the button that has begun it."""
        self.ui.readingLabel.text = text
        self.ui.readingLabel.visible = bool(text)

    def _show_reading(self) -> None:
        """Offer what can be done while something is being read, or while nothing is."""
        ui, busy = self.ui, self._reading.busy
        ui.openFolderButton.text = _("Cancel reading") if busy else _("Open &folder...")
        ui.foundScanComboBox.enabled = not busy
        ui.readingProgressBar.visible = busy

    def _show_progress(self, report: Report) -> None:
        self.ui.readingProgressBar.value = round(100 * report.fraction)
        self.ui.readingProgressBar.format = f"{report.stage}: %p %"

    def _choose_folder(self) -> None:
        if self._reading.busy:
            self.cancel_reading()
            return
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
