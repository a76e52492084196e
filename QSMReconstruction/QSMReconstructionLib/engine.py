"""The core's command line as a process of its own, which is read without ever waiting for it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from slicer.i18n import tr as _

#: Seconds between two looks at the engine.
PATIENCE = 0.05

#: The core whose command line reconstructs.
RECONSTRUCTION = "QSMReconstructionCore"

_CORE_FOLDER = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Report:
    """One line of progress: the fraction of all work that is done, the stage at work, and its message."""

    fraction: float
    stage: str
    message: str


def core_command(core: str) -> list[str]:
    """How to start a core: with the Python of the application, or else with the interpreter that runs this."""
    return [shutil.which("PythonSlicer") or sys.executable, "-m", core]


class Engine:
    """A running command of the core, with all processes that it starts.

    It ends by itself when the application is gone, because it cannot report its progress to anyone then.

    Parameters
    ----------
    arguments : sequence of str
        Of the command line of the core; it must report its progress as JSON.
    core : str
        Package of the core, which this application can import.
    """

    def __init__(self, arguments: Sequence[str], core: str = RECONSTRUCTION) -> None:
        own_folder = Path(importlib.util.find_spec(core).origin).parent.parent
        paths = dict.fromkeys([str(own_folder), str(_CORE_FOLDER), os.environ.get("PYTHONPATH", "")])
        environment = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONIOENCODING": "utf-8"}
        if os.name == "nt":
            own = {"creationflags": subprocess.CREATE_NO_WINDOW}
        else:
            own = {"start_new_session": True}  # so that the launcher and the interpreter it starts end together
        self._process = subprocess.Popen(
            [*core_command(core), *arguments], env={**os.environ, **environment}, bufsize=0, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **own,
        )  # fmt: skip
        self._reports, self._messages = _Lines(self._process.stdout), _Lines(self._process.stderr)
        self.messages: list[str] = []

    @property
    def process_id(self) -> int:
        """Number of the process that was started."""
        return self._process.pid

    def read(self) -> list[Report]:
        """What the engine has reported since the last call; its other messages gather in `messages`."""
        self.messages += self._messages.new()
        reports = []
        for line in self._reports.new():
            try:
                told = json.loads(line)
                reports.append(Report(float(told["fraction"]), str(told["stage"]), str(told["message"])))
            except (ValueError, KeyError, TypeError):
                self.messages.append(line)  # a library that prints
        return reports

    def follow(self, take: Callable[[Report], None]) -> Iterator[float]:
        """Hand on every report until the process has ended; yields the seconds to wait. Giving up ends the process."""
        try:
            ended = False
            while not ended:
                yield PATIENCE
                ended = self.ended()  # asked before reading, so that nothing said before the end is missed
                for report in self.read():
                    take(report)
        finally:
            self.stop()

    def ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def failure(self) -> str:
        """Why the process has ended early, in a sentence; empty if it did its work."""
        status = self._process.returncode
        if status == 0:
            return ""
        if self.messages and status > 0:
            return self.messages[-1]
        if status < 0:
            ending = signal.Signals(-status).name if -status in list(signal.Signals) else str(-status)
            return _(
                "The engine was ended from outside ({signal}). If nobody has ended it, the memory may have been full: "
                "close other programs, or crop the scan."
            ).format(signal=ending)
        return _("The engine ended with status {status} and left no message.").format(status=status)

    def stop(self) -> None:
        """End the process and all that it started, at once."""
        if not self.ended():
            if os.name == "nt":
                command = ["taskkill", "/F", "/T", "/PID", str(self._process.pid)]
                subprocess.run(command, capture_output=True, check=False, creationflags=subprocess.CREATE_NO_WINDOW)
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for stream in (self._process.stdout, self._process.stderr):
            stream.close()


class _Lines:
    """Complete lines of a pipe, as far as they have arrived."""

    def __init__(self, pipe) -> None:
        self._pipe, self._begun = pipe, b""
        os.set_blocking(pipe.fileno(), False)

    def new(self) -> list[str]:
        """The lines that have arrived since the last call."""
        while True:
            try:
                piece = os.read(self._pipe.fileno(), 1 << 16)
            except BlockingIOError:
                break
            if not piece:
                break
            self._begun += piece
        *lines, self._begun = self._begun.split(b"\n")
        return [line.decode("utf-8", "replace").rstrip() for line in lines if line.strip()]
