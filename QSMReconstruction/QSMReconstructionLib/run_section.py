"""Apply and Cancel, the progress of jobs, and the log."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from .estimate import duration_in_words
from .job import JobState, ReconstructionJob


class RunSection:
    """Shows the job that computes and how many wait.

    Parameters
    ----------
    ui : object
        The widgets of the panel.
    """

    def __init__(self, ui) -> None:
        self.ui = ui
        self._logged: dict[ReconstructionJob, int] = {}
        self._cancel_tool_tip = ui.cancelButton.toolTip
        ui.logTextEdit.setMaximumBlockCount(2000)
        ui.copyLogButton.connect("clicked(bool)", self._copy_log)
        ui.progressBar.format = "%p %"
        ui.stageProgressBar.format = "%p %"
        self.show_jobs([])

    def show_missing(self, missing: str, jobs: int) -> None:
        """Offer Apply, or say why not."""
        button = self.ui.applyButton
        button.enabled = not missing
        button.text = _("Apply") if not jobs else _("Apply (put in line)")
        button.toolTip = missing or (
            _("Reconstruct this too, after those that run") if jobs
            else _("Compute the susceptibility map in the background and add it to the scene")
        )

    def show_message(self, text: str) -> None:
        """Show a result or a reason."""
        self.ui.messageLabel.text = text

    def show_jobs(self, jobs: list[ReconstructionJob]) -> None:
        """Show the progress of the first of the jobs that have not ended."""
        ui = self.ui
        running = bool(jobs)
        ui.cancelButton.enabled = running
        ui.cancelButton.toolTip = self._cancel_tool_tip if running else _("No reconstruction is running")
        for bar in (ui.progressBar, ui.stageProgressBar):
            bar.visible = running
        if not running:
            return
        job = jobs[0]
        ui.progressBar.value = round(100 * job.fraction)
        ui.stageProgressBar.visible = job.state is JobState.COMPUTING
        ui.stageProgressBar.value = round(100 * job.stage_fraction)
        ui.stageProgressBar.format = f"{job.stage}: %p %"
        text = f"{job.name}: {job.stage}"
        if job.message:
            text += f", {job.message}"
        left = job.seconds_left
        if left is not None:
            text += "\n" + _("About {time} left").format(time=duration_in_words(left))
        if len(jobs) > 1:
            text += "\n" + _("Waiting: {names}").format(names=", ".join(other.name for other in jobs[1:]))
        ui.messageLabel.text = text

    def show_log(self, job: ReconstructionJob) -> None:
        """Append what a job has newly logged."""
        shown = self._logged.get(job, 0)
        for line in job.log[shown:]:
            self.ui.logTextEdit.appendPlainText(line)
        self._logged[job] = len(job.log)
        if job.state.ended:
            del self._logged[job]

    def _copy_log(self) -> None:
        qt.QApplication.clipboard().setText(self.ui.logTextEdit.plainText)
