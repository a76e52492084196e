"""The box "Import an atlas": from what its authors distribute to the folder that labeling takes."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import ctk
import slicer
from slicer.i18n import tr as _

from QSMReconstructionLib.verdict_lines import problem_line
from QSMRoiAnalysisCore.atlas.atlas import CONTRASTS
from QSMRoiAnalysisCore.atlas.importing import import_atlas


class ImportBox:
    """Imports an atlas whose license the user states.

    Parameters
    ----------
    ui : object
        The widgets of the panel.
    imported : callable
        Called with the folder of an atlas that was imported.
    """

    def __init__(self, ui, imported: Callable[[str], None]) -> None:
        self.ui, self._imported = ui, imported
        ui.importSourcePathLineEdit.filters = ctk.ctkPathLineEdit.Files
        ui.importTemplatePathLineEdit.filters = ctk.ctkPathLineEdit.Files
        ui.importFolderPathLineEdit.filters = ctk.ctkPathLineEdit.Dirs
        for contrast in CONTRASTS:
            ui.importContrastComboBox.addItem(contrast)
        for name, signal in (("Path", "currentPathChanged(QString)"), ("", "textChanged(QString)")):
            for field in ("Source", "Template", "Folder") if name else ("License", "Citation"):
                getattr(ui, f"import{field}{name}LineEdit").connect(signal, lambda text: self._show_button())
        ui.importButton.connect("clicked(bool)", lambda checked: self._import())
        self._show("")
        self._show_button()

    def _show(self, html: str) -> None:
        self.ui.importMessageLabel.text, self.ui.importMessageLabel.visible = html, bool(html)

    def _show_button(self) -> None:
        ui = self.ui
        needed = (
            (ui.importSourcePathLineEdit.currentPath, _("Choose what the authors of the atlas distribute")),
            (ui.importTemplatePathLineEdit.currentPath, _("Choose the template of the space of the atlas")),
            (ui.importLicenseLineEdit.text, _("State the license of the atlas")),
            (ui.importCitationLineEdit.text, _("State what to cite")),
            (ui.importFolderPathLineEdit.currentPath, _("Choose a new folder for the atlas")),
        )
        missing = next((sentence for given, sentence in needed if not given.strip()), "")
        ui.importButton.enabled = not missing
        ui.importButton.toolTip = missing or _("Make a folder of the atlas, and choose it above")

    def _import(self) -> None:
        ui = self.ui
        with slicer.util.tryWithErrorDisplay(_("The atlas could not be imported."), waitCursor=True):
            try:
                found = import_atlas(
                    ui.importSourcePathLineEdit.currentPath, ui.importFolderPathLineEdit.currentPath,
                    license=ui.importLicenseLineEdit.text, citation=ui.importCitationLineEdit.text,
                    templates={ui.importContrastComboBox.currentText: ui.importTemplatePathLineEdit.currentPath},
                    labels=ui.importImageLineEdit.text.strip(),
                )
            except ValueError as reason:  # a sentence for the user about the files
                self._show(problem_line(str(reason)))
                return
            said = _("{name}: {count} regions were imported.").format(name=found.name, count=len(found.regions))
            self._show("<br>".join(escape(sentence) for sentence in (said, *found.notes)))
            self._imported(str(found.folder))
