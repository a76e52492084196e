"""The command line of the regional analysis.

Exit status: 0 done, 1 the data cannot be processed (one sentence on standard error), 2 wrong usage, 130 cancelled
by Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from QSMReconstructionCore.io.nifti import read_nifti

from .lookup import read_lookup
from .maps import UNITS, read_map
from .measures import measure
from .regions import check_same_grid, regions_from_labels
from .remarks import absent, remarks
from .table import write_table


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
    command = commands.add_parser(
        "measure",
        help="measure the regions of a label image",
        description="Measure the regions of a label image on a susceptibility map, as a table of one row a region.",
    )
    command.set_defaults(command=_measure)
    command.add_argument("--map", type=Path, required=True, metavar="F", help="susceptibility map (NIfTI)")
    command.add_argument("--labels", type=Path, required=True, metavar="F", help="label image on the grid of the map")
    command.add_argument(
        "--lookup", type=Path, metavar="F",
        help="names of the labels: a dseg.tsv, or one value and name a line (default: the .tsv beside the labels)",
    )
    command.add_argument(
        "--mask", type=Path, metavar="F",
        help="where the map is defined (default: where it is not 0 for maps of this software, else everywhere)",
    )
    command.add_argument(
        "--reference", metavar="NAME", help="region to call zero (default: keep the reference of the map)"
    )
    command.add_argument("--unit", choices=tuple(UNITS), default="ppm", help="unit of the table (default: ppm)")
    command.add_argument(
        "--map-unit", choices=tuple(UNITS), help="unit of the map (default: as its JSON file says, else ppm)"
    )
    command.add_argument("--out", type=Path, required=True, metavar="T.tsv", help="the table")
    return parser


def _measure(options: argparse.Namespace) -> None:
    susceptibility = read_map(options.map, options.map_unit)
    labels, grid = read_nifti(options.labels)
    check_same_grid(f"labels ({options.labels.name})", grid, susceptibility.grid)
    lookup = _lookup(options)
    regions = regions_from_labels(labels, lookup)
    if options.mask is not None:
        mask, grid = read_nifti(options.mask)
        check_same_grid(f"mask ({options.mask.name})", grid, susceptibility.grid)
        susceptibility = replace(susceptibility, mask=mask)
    rows = measure(susceptibility, regions, reference=options.reference, unit=options.unit)
    write_table(options.out, rows)

    reference = f"relative to {rows[0].reference}" if rows[0].reference else "reference unknown"
    print(f"Measured {len(rows)} regions of {susceptibility.name} in {options.unit}, {reference}: {options.out}")
    notes = list(remarks(susceptibility, regions, rows))
    if missing := absent(lookup or {}, regions):
        notes.append(f"{len(missing)} name(s) of the lookup have no voxel, {missing[0]} for instance.")
    for note in notes:
        print(f"Note: {note}", file=sys.stderr)


def _lookup(options: argparse.Namespace) -> dict[int, str] | None:
    if options.lookup is not None:
        return read_lookup(options.lookup)
    stem = options.labels.name.removesuffix(".gz").removesuffix(".nii")
    beside = options.labels.with_name(f"{stem}.tsv")
    return read_lookup(beside) if beside.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
