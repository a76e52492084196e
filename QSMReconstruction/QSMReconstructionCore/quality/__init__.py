"""Verdicts: what can be judged about a scan and a reconstruction only by looking at the data.

What is certainly wrong is refused where it enters, with a `ValueError`. What may be wrong, or only poor, gets a
verdict: the value that was measured, the limits, what it means and what to do. Panel, report and command line show the
same ones. Each module judges one thing and lists its checks in `CHECKS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..progress import Progress, no_progress
from . import brain_mask, echoes, field, phase, protocol, susceptibility
from .result import Result
from .sample import Sample
from .verdict import BAD, CAUTION, GOOD, LEVELS, NOT_ASSESSED, Verdict

if TYPE_CHECKING:
    from ..acquisition import Acquisition
    from ..reconstruction import Reconstruction

__all__ = [
    "BAD", "CAUTION", "GOOD", "LEVELS", "NOT_ASSESSED", "Verdict", "assess_acquisition", "assess_magnitude",
    "assess_reconstruction",
]  # fmt: skip


def assess_acquisition(acquisition: Acquisition, *, preview: bool = True) -> tuple[Verdict, ...]:
    """Judge a scan before it is reconstructed: quick enough to show when it is loaded.

    Parameters
    ----------
    acquisition : Acquisition
    preview : bool
        Also judge the sign of the phase and the direction of B0, by a coarse map. It takes most of the time, and the
        reconstruction tells the same better.

    Returns
    -------
    tuple of Verdict
        One for every check, good ones and those that could not be assessed included.
    """
    told = [check(acquisition) for check in protocol.CHECKS]
    sample = Sample(acquisition)
    for question, measure in (*phase.CHECKS, *echoes.CHECKS):
        told.append(question.judged(measure(sample) if sample.tells else "Too few voxels give signal."))
    if preview:
        told += _previewed(acquisition)
    return tuple(told)


def assess_magnitude(acquisition: Acquisition) -> tuple[Verdict, ...]:
    """The part of `assess_acquisition` that needs neither the phase nor neighbors: echoes in order, and their decay.

    Every n-th voxel of a scan will do, so a program can ask for it whenever an echo time is changed. Nothing but
    magnitude, grid, echo times and field strength is looked at.
    """
    sample = Sample(acquisition)
    return tuple(
        question.judged(measure(sample) if sample.tells else "Too few voxels give signal.")
        for question, measure in ((echoes.ORDER, echoes.largest_growth), (echoes.DECAY, echoes.unlikeliness_of_decay))
    )


def _previewed(acquisition: Acquisition) -> list[Verdict]:
    """What takes a map to judge, from a coarse one."""
    checks = ((susceptibility.SIGN, susceptibility.paramagnetism_of_decay), (field.B0_DIRECTION, field.turn_of_b0))
    try:
        result = Result.preview(acquisition)
    except ValueError as refusal:
        return [question.not_assessed(f"No preview of the map can be made. {refusal}") for question, _ in checks]
    return [question.judged(measure(result)) for question, measure in checks]


def assess_reconstruction(
    reconstruction: Reconstruction, acquisition: Acquisition, progress: Progress = no_progress
) -> tuple[Verdict, ...]:
    """Judge a reconstruction by its maps.

    Parameters
    ----------
    reconstruction : Reconstruction
    acquisition : Acquisition
        What it was reconstructed from.
    progress : callable
        See `progress`.

    Returns
    -------
    tuple of Verdict
        As `assess_acquisition`; the verdicts of that are not repeated.
    """
    result = Result.of(reconstruction, acquisition)
    checks = (*brain_mask.CHECKS, *field.CHECKS, *susceptibility.CHECKS)
    told = []
    for number, (question, measure) in enumerate(checks):
        progress(number / len(checks), question.title)
        told.append(question.judged(measure(result)))
    return tuple(told)
