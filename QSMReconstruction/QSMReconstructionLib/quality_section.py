"""The section "Quality": what to think of the last result."""

from __future__ import annotations

import json
from html import escape

import qt
import slicer
from slicer.i18n import tr as _

from QSMReconstructionCore.quality import Verdict

from .compare import compare
from .reports import pictures_in, report_of, write_report
from .verdict_lines import in_full, verdict_lines

#: Width of a picture in pixels: that of the panel at its narrowest, without margins.
_WIDTH = 340


class QualitySection:
    """Shows the verdicts that the susceptibility map carries, and pictures from its report.

    Parameters
    ----------
    ui : object
        The widgets of the panel.
    """

    def __init__(self, ui) -> None:
        self.ui = ui
        self._result = self._shown = None
        self._tool_tips = {name: getattr(ui, name).toolTip for name in ("openReportButton", "compareButton")}
        ui.picturesWidget.visible = False
        ui.openReportButton.connect("clicked(bool)", self._open_report)
        ui.compareButton.connect("clicked(bool)", self._compare)

    def show(self, parameters) -> None:
        """Show the verdicts on the result of the parameters."""
        node = self._result = parameters.result
        report = report_of(node) if node else None
        no_result = "" if node else _("There is no result yet.")
        self._offer("openReportButton", no_result or ("" if report else _("This result has no report.")))
        self._offer("compareButton", no_result)
        self._show_pictures(report)
        text = node.GetAttribute("QSM.Verdicts") if node else None
        if not text:
            self.ui.qualityLabel.text = no_result or _("This result has no verdicts.")
            self.ui.qualityLabel.toolTip = ""
            return
        verdicts = [Verdict.from_dict(entry) for entry in json.loads(text)]
        region = node.GetAttribute("QSM.Reference")
        title = _("{name}, relative to: {region}").format(name=node.GetName(), region=region)
        self.ui.qualityLabel.text = f"<p>{escape(title)}</p>{verdict_lines(verdicts)}"
        self.ui.qualityLabel.toolTip = in_full(verdicts)

    def _offer(self, name: str, missing: str) -> None:
        """Offer a button, or say in its tool tip what is missing."""
        button = getattr(self.ui, name)
        button.enabled = not missing
        button.toolTip = missing or self._tool_tips[name]

    def _show_pictures(self, report) -> None:
        shown = report and (report.GetID(), report.GetMTime())  # another reference changes a report
        if shown == self._shown:
            return
        self._shown = shown
        layout = self.ui.picturesWidget.layout()
        while layout.count():
            layout.takeAt(0).widget().deleteLater()
        self.ui.picturesWidget.visible = report is not None
        for words, png in pictures_in(report.GetText()) if report else ():
            picture = qt.QPixmap()
            picture.loadFromData(png, "PNG")
            picture = picture.scaledToWidth(_WIDTH, qt.Qt.SmoothTransformation)
            button = qt.QToolButton()
            button.setIcon(qt.QIcon(picture))
            button.setIconSize(picture.size())
            button.setAutoRaise(True)
            button.setAccessibleName(words)
            button.setToolTip(_("{words}. Click to open the report.").format(words=words))
            button.connect("clicked(bool)", self._open_report)
            caption = qt.QLabel(words)
            caption.setWordWrap(True)
            for widget in (button, caption):
                layout.addWidget(widget)

    def _open_report(self) -> None:
        path = write_report(report_of(self._result), slicer.app.temporaryPath)
        qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(path)))

    def _compare(self) -> None:
        compare(self._result)
