"""The command line of the regional analysis.

Exit status: 0 done, 1 the data cannot be processed (one sentence on standard error), 2 wrong usage, 130 cancelled
by Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from . import (
    atlas_command,
    cohort_command,
    label_command,
    lesions_command,
    measure_command,
    motor_cortex_command,
    protocols_command,
    readings_command,
    report_command,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except KeyboardInterrupt:
        print("Cancelled; nothing was written.", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"{error.filename}: {error.strerror}." if error.filename else f"{error}.", file=sys.stderr)
        return 1
    except MemoryError as error:
        print(f"There is not enough memory for these files: {error}", file=sys.stderr)
        return 1
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m QSMRoiAnalysisCore", description="Regional analysis of susceptibility maps."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    measure_command.add_command(commands)
    atlas_command.add_command(commands)
    label_command.add_command(commands)
    lesions_command.add_command(commands)
    motor_cortex_command.add_command(commands)
    cohort_command.add_command(commands)
    protocols_command.add_command(commands)
    readings_command.add_command(commands)
    report_command.add_command(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
