"""How a job has ended: in words, and in the views."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from .colors import add_legend, color
from .estimate import remember
from .job import JobState, ReconstructionJob
from .maps import ReconstructionNodes


def in_words(job: ReconstructionJob) -> str:
    """How a job has ended, for the user; how long its stages took is remembered for estimates."""
    if job.state is JobState.FAILED:
        return _("Cannot reconstruct: {reason}").format(reason=job.reason)
    if job.nodes is None:
        return job.message
    provenance = job.nodes.provenance
    remember(provenance["Recipe"], provenance["Seconds"], job.scan.grid.size, slicer.app.userSettings())
    lines = [job.nodes.summary()]
    if job.as_before:
        lines.append(_("As before, so not computed again: {stages}.").format(stages=", ".join(job.as_before)))
    return "\n".join(lines)


def show(nodes: ReconstructionNodes, diverging: bool) -> None:
    """Show a new susceptibility map in the slice views, in gray or diverging colors, with a legend."""
    color(nodes.susceptibility, diverging)
    add_legend(nodes.susceptibility, "ppm")
    logic = slicer.app.applicationLogic()
    logic.GetSelectionNode().SetActiveVolumeID(nodes.susceptibility.GetID())
    logic.PropagateVolumeSelection()
