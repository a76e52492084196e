"""The command that measures the motor cortex."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from .maps import UNITS, read_map
from .motor_cortex import REACH, MotorCortexRow, measure_motor_cortex
from .region_files import read_regions
from .regions import volume_on
from .remarks import FEW_VOXELS
from .table import write_table


def add_command(commands) -> None:
    """Add `motor-cortex` to the commands of a parser."""
    command = commands.add_parser(
        "motor-cortex",
        help="measure the motor cortex and its hand knob",
        description="Measure mean, spread and skewness of the motor cortex, and its hand knob against the tissue "
        "beside it, as a table of one row a side, with a field for the motor cortex score of a reader.",
    )
    command.set_defaults(command=run)
    command.add_argument("--map", type=Path, required=True, metavar="F", help="susceptibility map (NIfTI)")
    command.add_argument(
        "--labels", type=Path, required=True, metavar="F",
        help="label image (NIfTI) or segmentation (.seg.nrrd) on the grid of the map",
    )
    command.add_argument(
        "--lookup", type=Path, metavar="F", help="names of the labels (default: the .tsv beside the labels)"
    )
    command.add_argument("--mask", type=Path, metavar="F", help="where the map is defined")
    command.add_argument("--cortex", required=True, metavar="NAME", help="motor cortex or precentral gyrus")
    command.add_argument("--adjacent", required=True, metavar="NAME", help="white matter or CSF to compare it with")
    command.add_argument(
        "--hand-knob", type=float, nargs=2, required=True, metavar=("LOW", "HIGH"),
        help="heights between which the hand knob lies, in mm (S of RAS)",
    )
    command.add_argument(
        "--reach", type=float, default=REACH, metavar="MM",
        help=f"how far from the hand knob the other tissue may lie (default: {REACH:g})",
    )
    command.add_argument("--unit", choices=tuple(UNITS), default="ppm", help="unit of the table (default: ppm)")
    command.add_argument("--map-unit", choices=tuple(UNITS), help="unit of the map (default: as its JSON file says)")
    command.add_argument("--out", type=Path, required=True, metavar="T.tsv", help="the table")


def run(options: argparse.Namespace) -> None:
    """Measure as the options say, and write the table."""
    susceptibility = read_map(options.map, options.map_unit)
    regions, _ = read_regions(options.labels, susceptibility.grid, options.lookup)
    if options.mask is not None:
        susceptibility = replace(susceptibility, mask=volume_on(susceptibility.grid, "mask", options.mask))
    rows = measure_motor_cortex(
        susceptibility, regions, options.cortex, options.adjacent, tuple(options.hand_knob), reach=options.reach,
        unit=options.unit,
    )
    write_table(options.out, rows, MotorCortexRow)
    print(f"Measured the motor cortex of {len(rows)} side(s) of {susceptibility.name} in {options.unit}: {options.out}")
    for row in rows:
        if min(row.hand_voxels, row.adjacent_voxels) < FEW_VOXELS:
            print(
                f"Note: {row.region} {row.side}: {row.hand_voxels} voxels in the hand knob and {row.adjacent_voxels} "
                f"beside it; fewer than {FEW_VOXELS} are few.",
                file=sys.stderr,
            )
