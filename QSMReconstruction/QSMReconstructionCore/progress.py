"""Progress reports and cancellation, the same for every stage.

A progress callable is `progress(fraction, message)` with the fraction in [0, 1]. It is called at least once a second
on clinical sizes. Raising `Cancelled` from it stops the running stage; nothing else needs to be told.
"""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float, str], None]


class Cancelled(Exception):  # noqa: N818  (an outcome, not an error)
    """Raised from a progress callable to stop a computation."""


def no_progress(fraction: float, message: str) -> None:
    """Ignore the report. The default of every method."""


def part_of(progress: Progress, start: float, stop: float, stage: str = "") -> Progress:
    """Progress of one stage as a part of the whole.

    Parameters
    ----------
    progress : callable
        The progress of the whole.
    start, stop : float
        Fractions of the whole at which the stage begins and ends.
    stage : str
        Put before the stage's own message.

    Returns
    -------
    callable
        The progress to hand to the stage.
    """

    def report(fraction: float, message: str) -> None:
        text = f"{stage}: {message}" if stage and message else stage or message
        progress(start + (stop - start) * min(max(fraction, 0.0), 1.0), text)

    return report
