"""python3 Testing/run.py demo: the command line of the demo."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from QSMReconstructionCore.commandline.options import progress_as
from QSMReconstructionCore.io.staging import check_writable
from QSMReconstructionCore.progress import part_of
from QSMReconstructionCore.recipe import PRESETS

#: Part of the progress bar for making or reading the scan; measured at 1 mm.
_SHARE_OF_SCAN = {True: 0.65, False: 0.05}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return its exit status: 0 done, 1 the data cannot be processed, 130 cancelled."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if bool(chosen.phase) != bool(chosen.magnitude):
        parser.error("--phase and --magnitude are both needed")
    if chosen.bids and chosen.phase:
        parser.error("give either --bids, or --phase with --magnitude")
    try:
        _run(chosen)
    except KeyboardInterrupt:
        print("\nCancelled; nothing was written.", file=sys.stderr)
        return 130
    except (ValueError, OSError, MemoryError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def _run(chosen: argparse.Namespace) -> None:
    began = time.monotonic()
    check_writable(chosen.out)
    progress = progress_as("bar")
    own_data = chosen.bids or chosen.phase
    progress(0.0, "Reading the scan" if own_data else "Simulating a head")

    from .scans import bids_scan, file_scan, simulated_scan
    from .workflow import run

    share = _SHARE_OF_SCAN[not own_data]
    facts = {"echo_times": chosen.echo_times, "field_strength": chosen.field_strength}
    if chosen.bids:
        scan = bids_scan(chosen.bids, chosen.subject, chosen.session, **facts)
    elif own_data:
        scan = file_scan(chosen.phase, chosen.magnitude, **facts)
    else:
        size = chosen.voxel_size[::-1] if len(chosen.voxel_size) == 3 else 3 * chosen.voxel_size
        scan = simulated_scan(
            size, **facts, snr=chosen.snr, tilt=chosen.tilt, progress=part_of(progress, 0, share, "Simulating a head")
        )
    outcome = run(scan, chosen.out, recipe=chosen.recipe, progress=part_of(progress, share, 1))
    progress(1.0, "Done")

    print(file=sys.stderr)
    for note in outcome.notes:
        print(f"Note: {note}", file=sys.stderr)
    print(f"Took {time.monotonic() - began:.0f} s{_peak_memory()}. Results:", file=sys.stderr)
    for path in sorted(chosen.out.iterdir()):
        print(f"  {path}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "run.py demo",
        description="From scanner phase to a susceptibility map and a regional table: of a simulated head whose truth "
        "is known, or of a scan of your own.",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("demo-output"), metavar="DIR", help="folder for the results (demo-output)"
    )
    parser.add_argument("--recipe", choices=PRESETS, default="default", help="how to reconstruct (default)")
    own = parser.add_argument_group("a scan of your own")
    own.add_argument("--phase", nargs="+", type=Path, metavar="F", help="NIfTI: one 4D file, or one file per echo")
    own.add_argument("--magnitude", nargs="+", type=Path, metavar="F", help="likewise")
    own.add_argument("--bids", type=Path, metavar="DIR", help="root of a BIDS data set, instead of files")
    own.add_argument("--subject", metavar="LABEL", help="needed where the data set has more than one")
    own.add_argument("--session", metavar="LABEL", help="needed where the subject has more than one")
    both = parser.add_argument_group("the scanner (read from the JSON files of your scan, if they tell it)")
    both.add_argument("--echo-times", nargs="+", type=float, metavar="S", help="in seconds")
    both.add_argument("--field-strength", type=float, metavar="T", help="in tesla (simulated: 3)")
    simulated = parser.add_argument_group("the simulated scan")
    simulated.add_argument(
        "--voxel-size", nargs="+", type=float, default=[1.0], metavar="MM", help="one length, or three: i j k (1)"
    )
    simulated.add_argument("--snr", type=float, default=100.0, help="in the first echo (100)")
    simulated.add_argument(
        "--tilt", nargs=2, type=float, default=(0.0, 0.0), metavar="DEG", help="oblique slices (0 0)"
    )
    return parser


def _peak_memory() -> str:
    try:
        import resource
    except ImportError:  # Windows
        return ""
    unit = 2**30 if sys.platform == "darwin" else 2**20
    return f", with at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit:.1f} GiB of memory"


if __name__ == "__main__":
    sys.exit(main())
