"""The section "Regions from an atlas": choose an atlas, read its terms, label the regions, see the verdicts."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import ctk
import slicer
from slicer.i18n import tr as _

from QSMReconstructionCore.progress import Cancelled
from QSMReconstructionLib.verdict_lines import in_full, problem_line, request_line, verdict_lines
from QSMRoiAnalysisCore.atlas.atlas import read_description

from .atlas_labels import AtlasLabels
from .import_box import ImportBox


class AtlasSection:
    """Labels the regions of the map that the panel has chosen.

    The registration runs in a process of its own. The application handles events meanwhile.

    Parameters
    ----------
    ui : object
        The widgets of the panel.
    label : callable
        Takes the parameter node and a progress callable, and returns `AtlasLabels`.
    """

    def __init__(self, ui, label: Callable[..., AtlasLabels]) -> None:
        self.ui, self._label = ui, label
        self._parameters = None
        self._folder: str | None = None
        self._fault = ""
        self._running = self._cancelled = False
        ui.atlasFolderPathLineEdit.filters = ctk.ctkPathLineEdit.Dirs
        ui.atlasFolderPathLineEdit.connect("currentPathChanged(QString)", self._folder_chosen)
        self._import = ImportBox(ui, self._folder_chosen)
        ui.labelButton.connect("clicked(bool)", lambda checked: self._start())
        ui.cancelLabelingButton.connect("clicked(bool)", lambda checked: self.cancel())
        self._show_running()

    def show(self, parameters) -> None:
        """Show the atlas of the parameters and what is missing; without parameters, forget the last verdicts."""
        self._parameters = parameters
        if parameters is None:
            self.cancel()
            self._show_verdicts("")
            return
        if parameters.atlasFolder != self._folder:
            self._folder = parameters.atlasFolder
            self._show_terms()
        if self.ui.atlasFolderPathLineEdit.currentPath != self._folder:
            self.ui.atlasFolderPathLineEdit.currentPath = self._folder
        self._show_button()

    def cancel(self) -> None:
        """Stop what runs, at its next step."""
        self._cancelled = True

    def _folder_chosen(self, path: str) -> None:
        if self._parameters is not None:
            self._parameters.atlasFolder = path

    def _show_terms(self) -> None:
        """Say under which terms the atlas may be used, before it is."""
        label, self._fault = self.ui.atlasTermsLabel, ""
        label.text = ""
        if self._folder:
            try:
                facts = read_description(self._folder)
            except ValueError as reason:
                self._fault = str(reason)
                label.text = problem_line(self._fault)
            else:
                name = f"{facts['Name']} {facts.get('Version', '')}".strip()
                lines = (_("License: {license}"), _("Please cite: {citation}"))
                terms = "<br>".join(
                    escape(line.format(license=facts["License"], citation=facts["Citation"])) for line in lines
                )
                label.text = f"<b>{escape(name)}</b><br>{terms}"
        label.visible = bool(label.text)

    def _show_button(self) -> None:
        missing = self._missing()
        self.ui.labelButton.enabled = not missing
        self.ui.labelButton.toolTip = missing or _("Add a segmentation with the regions of the atlas on the map")

    def _missing(self) -> str:
        if self._running:
            return _("The regions are being labeled")
        if not self._parameters.map:
            return _("Choose the susceptibility map")
        if not self._folder:
            return _("Choose the folder of an atlas")
        return self._fault

    def _start(self) -> None:
        parameters = self._parameters
        self._running, self._cancelled = True, False
        self._show_verdicts("")
        self._show_running()
        labels = None
        try:
            with slicer.util.tryWithErrorDisplay(_("The regions could not be labeled.")):
                try:
                    labels = self._label(parameters, self._progress)
                except ValueError as reason:  # a sentence for the user about the data
                    self._show_verdicts(problem_line(str(reason)))
                except Cancelled:
                    self._show_verdicts(request_line(_("Cancelled. Nothing was added to the scene.")))
        finally:
            self._running = False
            self._show_running()
        if labels:
            self._show_verdicts(verdict_lines(labels.verdicts), in_full(labels.verdicts))
        if self._parameters is not None:  # the scene is still there
            if labels:
                self._parameters.segmentation = labels.segmentation
            self._show_button()

    def _progress(self, fraction: float, message: str) -> None:
        self.ui.labelingProgressBar.value = round(100 * fraction)
        self.ui.labelingProgressBar.format = f"{message}: %p %" if message else "%p %"
        slicer.app.processEvents()
        if self._cancelled:
            raise Cancelled

    def _show_running(self) -> None:
        ui = self.ui
        ui.cancelLabelingButton.enabled = ui.labelingProgressBar.visible = self._running
        if self._parameters is not None:
            self._show_button()

    def _show_verdicts(self, html: str, tool_tip: str = "") -> None:
        label = self.ui.atlasVerdictsLabel
        label.text, label.toolTip, label.visible = html, tool_tip, bool(html)
