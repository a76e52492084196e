"""The command line: one module per command, each with `add_to` (its options) and `run`.

Exit status: 0 done, 1 the data cannot be processed (one sentence on standard error), 2 wrong usage, 130 cancelled by
Ctrl-C or by ending the process politely (SIGTERM).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence

from .. import __version__
from ..progress import Cancelled
from . import combine, listing, methods, read, reconstruct, reference, score, simulate, stage
from .options import INTERRUPTED, WrongUsage

DONE, FAILED, CANCELLED = 0, 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        As typed after the program's name; those of this process if not given.

    Returns
    -------
    int
        Exit status. Wrong usage leaves through `SystemExit` with status 2, as `argparse` does.
    """
    chosen = _parser().parse_args(arguments)
    try:
        with _interruptible():
            chosen.run(chosen)
    except WrongUsage as error:
        chosen.parser.error(str(error))
    except (KeyboardInterrupt, Cancelled):
        print("Cancelled; nothing was written.", file=sys.stderr)
        return CANCELLED
    except MemoryError as error:
        print(f"There is not enough memory for this scan: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:  # whoever read our output has read enough; Python must not try to write the rest
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  (open until the process ends)
        return FAILED
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return FAILED
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m QSMReconstructionCore",
        description="Quantitative susceptibility mapping, from phase to susceptibility in ppm.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (methods, simulate, listing, read, combine, reconstruct, reference, stage, score):
        command.add_to(commands)
    return parser


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM unwind the stack, so that temporary files are removed."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        INTERRUPTED.set()
        raise KeyboardInterrupt

    wanted = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        INTERRUPTED.clear()  # what this process runs next was not interrupted
