"""Takes the steps of jobs between the events of the application."""

from __future__ import annotations

import time
from collections.abc import Callable

import qt
import slicer

from .job import ReconstructionJob
from .session_folder import SessionFolder

#: Seconds of work between two chances for the application to handle events.
_SLICE = 0.03


class JobQueue:
    """Jobs in the order in which they were added: all write their input at once, one at a time computes.

    Each takes over from earlier ones what would come out the same. When the scene is closed or the application ends,
    all jobs are cancelled, and what they could take over is removed.

    Parameters
    ----------
    on_change : callable
        Called with a job after each of its steps that may have changed something, and a last time when it has ended.
    """

    def __init__(self, on_change: Callable[[ReconstructionJob], None]) -> None:
        self.jobs: list[ReconstructionJob] = []
        self._session = SessionFolder(slicer.app.temporaryPath)
        self._on_change = on_change
        self._due: dict[ReconstructionJob, float] = {}
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.connect("timeout()", self._work)
        self._scene = slicer.mrmlScene
        self._observer = self._scene.AddObserver(self._scene.StartCloseEvent, lambda *_: self.forget_all())
        slicer.app.connect("aboutToQuit()", self.forget_all)

    def add(self, job: ReconstructionJob) -> None:
        """Start a job, or put it behind those that compute or wait already."""
        job.session = self._session
        self.jobs.append(job)
        self._due[job] = 0.0
        self._timer.start(0)

    def cancel(self, job: ReconstructionJob) -> None:
        """Cancel a job; the next one takes its turn."""
        if job in self.jobs:
            job.cancel()
            self._take_out(job)

    def cancel_all(self) -> None:
        """Cancel all jobs, the last one first so that none takes the turn of another."""
        for job in reversed(list(self.jobs)):
            self.cancel(job)

    def forget_all(self) -> None:
        """Cancel all jobs, and remove what earlier ones have left for later ones."""
        self.cancel_all()
        self._session.remove()

    def close(self) -> None:
        """Cancel all jobs and forget them, the scene and the application."""
        self.forget_all()
        self._timer.stop()
        self._scene.RemoveObserver(self._observer)
        slicer.app.disconnect("aboutToQuit()", self.forget_all)

    def _take_out(self, job: ReconstructionJob) -> None:
        self.jobs.remove(job)
        del self._due[job]
        self._on_change(job)

    def _work(self) -> None:
        began = time.monotonic()
        for job in list(self.jobs):
            while job in self.jobs and self._due[job] <= time.monotonic() < began + _SLICE:
                self._step(job)
        if self.jobs:
            wait = min(self._due.values()) - time.monotonic()
            self._timer.start(max(0, round(1000 * wait)))

    def _step(self, job: ReconstructionJob) -> None:
        wait = job.step(lambda: job is self.jobs[0])
        self._due[job] = time.monotonic() + wait
        if job.state.ended:
            self._take_out(job)
        else:
            self._on_change(job)
