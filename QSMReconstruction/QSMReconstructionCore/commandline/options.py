"""Options that several commands share."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from ..progress import Cancelled, Progress
from ..quality.verdict import BAD, CAUTION, Verdict

#: Seconds between two reports of the same stage.
_PACE = 0.1
_BAR_WIDTH = 30

#: The process was asked to end. Python drops the exception if that comes while it runs a destructor or a callback of
#: its own; then the next report of progress cancels.
INTERRUPTED = threading.Event()


class WrongUsage(Exception):  # noqa: N818  (named as the exit status)
    """The arguments do not make sense; the message says why."""


def add_progress_option(parser: argparse.ArgumentParser) -> None:
    """Add `--progress`."""
    parser.add_argument(
        "--progress", choices=("bar", "json", "none"), default="bar",
        help="a bar on standard error (default), one JSON object a line on standard output, or nothing",
    )


def add_settings_option(parser: argparse.ArgumentParser, key: str) -> None:
    """Add `--set`, whose keys read as `key` says."""
    parser.add_argument(
        "--set", dest="settings", metavar=f"{key}=VALUE", action="append", default=[],
        help="change a parameter (repeat for more); `methods` lists them",
    )


def settings_from(texts: Sequence[str]) -> dict[str, str]:
    """Keys and values of `--set` options.

    Raises
    ------
    WrongUsage
        If one of them has no `=`.
    """
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise WrongUsage(f"--set needs a name and a value joined by '=', but got {text!r}.")
        pairs[key.strip()] = value.strip()
    return pairs


def progress_as(kind: str) -> Progress:
    """The progress callable of a `--progress` choice."""
    if kind == "none":
        return _heed_interruption
    return _Json(sys.stdout) if kind == "json" else _Bar(sys.stderr)


def _heed_interruption(fraction: float, message: str) -> None:
    if INTERRUPTED.is_set():
        raise Cancelled


@contextlib.contextmanager
def warnings_as_notes() -> Iterator[list[str]]:
    """The sentences that methods address to the user by logging a warning."""
    notes: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            notes.append(record.getMessage())

    logger, keeper = logging.getLogger("QSMReconstructionCore"), Keeper(logging.WARNING)
    logger.addHandler(keeper)
    try:
        yield notes
    finally:
        logger.removeHandler(keeper)


def print_verdicts(verdicts: Iterable[Verdict]) -> None:
    """Tell the user, on standard error, what is not good about a scan or a result, the worst first."""
    for level in (BAD, CAUTION):
        for verdict in verdicts:
            if verdict.level == level:
                print(f"{level.capitalize()}: {verdict.sentence}", file=sys.stderr)


def print_notes(notes: Sequence[str]) -> None:
    """Tell the user, on standard error, what is to be known about a result."""
    for note in notes:
        print(f"Note: {note}", file=sys.stderr)


class _Paced:
    """Progress that is passed on when the stage changes, at the end, and otherwise a few times a second."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.began = time.monotonic()
        self.fraction = 0.0
        self.stage = None
        self.last = 0.0

    def __call__(self, fraction: float, message: str) -> None:
        _heed_interruption(fraction, message)
        self.fraction = max(self.fraction, fraction)
        stage, _, detail = message.partition(": ")
        now = time.monotonic()
        changed = stage != self.stage
        if changed or fraction >= 1 or now - self.last >= _PACE:
            self.stage, self.last = stage, now
            self.report(stage, detail, changed)

    def report(self, stage: str, detail: str, changed: bool) -> None:
        raise NotImplementedError


class _Json(_Paced):
    """One JSON object a line."""

    def report(self, stage: str, detail: str, changed: bool) -> None:
        line = json.dumps({"fraction": round(self.fraction, 4), "stage": stage, "message": detail})
        print(line, file=self.stream, flush=True)


class _Bar(_Paced):
    """A bar on a terminal; one line a stage in a log file."""

    def report(self, stage: str, detail: str, changed: bool) -> None:
        words = f"{stage}: {detail}" if detail else stage
        seconds = time.monotonic() - self.began
        if self.stream.isatty():
            bar = ("#" * round(self.fraction * _BAR_WIDTH)).ljust(_BAR_WIDTH, ".")
            end = "\n" if self.fraction >= 1 else ""
            text = f"\r[{bar}] {self.fraction:4.0%} {seconds:5.0f} s  {words:<50.50}"
            print(text, end=end, file=self.stream, flush=True)
        elif changed:
            print(f"{self.fraction:4.0%} {seconds:6.1f} s  {words}", file=self.stream, flush=True)
