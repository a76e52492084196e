"""The command that measures lesions at the visits of a subject."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from QSMReconstructionCore.io.nifti import write_nifti

from .lesion_table import RIM_CONTRAST, LesionRow, measure_lesions
from .lesions import SMALLEST_VOLUME, SPLIT_DEPTH, find_lesions, match_lesions, shells
from .maps import UNITS, read_map
from .regions import volume_on
from .table import write_table


def add_command(commands) -> None:
    """Add `lesions` to the commands of a parser."""
    command = commands.add_parser(
        "lesions",
        help="measure lesions at one or more visits",
        description="Tell the lesions of masks apart, follow them over the visits of a subject, and measure lesion, "
        "rim, core and surroundings, as a table of one row a lesion and visit. Visits must be registered.",
    )
    command.set_defaults(command=run)
    command.add_argument("--map", type=Path, nargs="+", required=True, metavar="F", help="map of each visit")
    command.add_argument(
        "--lesions", type=Path, nargs="+", required=True, metavar="F",
        help="lesion mask of each visit, on the grid of its map",
    )
    command.add_argument("--visits", nargs="+", metavar="NAME", help="names of the visits (default: 1, 2, ...)")
    command.add_argument("--years", type=float, nargs="+", metavar="T", help="years since the first visit")
    command.add_argument("--subject", default="", metavar="LABEL", help="participant_id for the table")
    command.add_argument("--mask", type=Path, nargs="+", default=[], metavar="F", help="where each map is defined")
    command.add_argument(
        "--white-matter", type=Path, nargs="+", default=[], metavar="F",
        help="white matter of each visit: surroundings stay inside; outside lesions it is normal-appearing",
    )
    command.add_argument("--rim", type=float, default=2.0, metavar="MM", help="depth of the rim (default: 2)")
    command.add_argument("--surroundings", type=float, default=2.0, metavar="MM", help="reach of these (default: 2)")
    command.add_argument(
        "--rim-contrast", type=float, default=RIM_CONTRAST, metavar="PPB",
        help=f"how much the rim of a candidate exceeds core and surroundings (default: {RIM_CONTRAST:g})",
    )
    command.add_argument(
        "--smallest-volume", type=float, default=SMALLEST_VOLUME, metavar="MM3",
        help=f"leave out smaller lesions (default: {SMALLEST_VOLUME:g})",
    )
    command.add_argument(
        "--split-depth", type=float, default=SPLIT_DEPTH, metavar="MM",
        help="cut confluent lesions at necks that are narrower by this much in radius "
        f"(default: {SPLIT_DEPTH:g}; inf: never)",
    )
    command.add_argument("--unit", choices=tuple(UNITS), default="ppm", help="unit of the table (default: ppm)")
    command.add_argument("--map-unit", choices=tuple(UNITS), help="unit of the maps (default: as their JSON files say)")
    command.add_argument("--out", type=Path, required=True, metavar="T.tsv", help="the table")
    command.add_argument(
        "--labels-out", type=Path, nargs="+", default=[], metavar="F",
        help="also write the lesions of each visit as a label image, by the number that they have at all visits",
    )


def run(options: argparse.Namespace) -> None:
    """Measure as the options say, and write the table and the label images."""
    count = len(options.map)
    names = options.visits or [str(number) for number in range(1, count + 1)]
    years = options.years or ([0.0] if count == 1 else [float("nan")] * count)
    for option, given in (
        ("--lesions", options.lesions), ("--visits", names), ("--years", years), ("--mask", options.mask),
        ("--white-matter", options.white_matter), ("--labels-out", options.labels_out),
    ):
        if given and len(given) != count:
            raise ValueError(f"{option} must be given for each of the {count} map(s), but got {len(given)}.")
    if len(set(names)) < count:
        raise ValueError(f"--visits must differ, but got {', '.join(names)}.")
    maps = [read_map(path, options.map_unit) for path in options.map]
    if options.mask:
        maps = [replace(one, mask=volume_on(one.grid, "mask", path)) for one, path in zip(maps, options.mask)]
    split_depth = options.split_depth if np.isfinite(options.split_depth) else None
    labels = [
        find_lesions(
            volume_on(one.grid, "lesions", path), one.grid, smallest_volume=options.smallest_volume,
            split_depth=split_depth,
        )
        for one, path in zip(maps, options.lesions)
    ]
    if not any(found.any() for found in labels):
        raise ValueError("No visit has a lesion: all masks are 0, or all lesions are below --smallest-volume.")
    matches = match_lesions(labels, [one.grid for one in maps])
    rows: list[LesionRow] = []
    for number, (one, found, matched) in enumerate(zip(maps, labels, matches)):
        tissue = None
        if options.white_matter:
            tissue = volume_on(one.grid, "white matter", options.white_matter[number]) != 0
        parts = shells(found, one.grid, rim=options.rim, surroundings=options.surroundings, mask=tissue)
        rows += measure_lesions(
            one, parts, matched, subject=options.subject, visit=names[number], time_years=years[number],
            nawm=None if tissue is None else tissue & (found == 0), rim_contrast=options.rim_contrast,
            unit=options.unit,
        )
    write_table(options.out, rows, LesionRow)
    for path, one, found, matched in zip(options.labels_out, maps, labels, matches):
        numbers = np.zeros(found.max() + 1, np.int32)
        for label, match in matched.items():
            numbers[label] = match.lesion
        write_nifti(path, numbers[found], one.grid)
    _report(options, rows, names)


def _report(options: argparse.Namespace, rows: list[LesionRow], names: list[str]) -> None:
    for name in names:
        here = [row for row in rows if row.visit == name]
        volume = sum(row.volume_mm3 for row in here)
        new = sum(row.status == "new" for row in here)
        candidates = sum(row.rim_candidate == "yes" for row in here)
        print(
            f"Visit {name}: {len(here)} lesions, {volume:.0f} mm3, {new} new, {candidates} with a rim worth a reader's "
            "look"
        )
    print(f"Measured {len(rows)} rows in {options.unit}: {options.out}")
