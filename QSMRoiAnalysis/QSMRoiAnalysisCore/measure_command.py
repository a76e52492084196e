"""The command that measures the regions of a label image."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from QSMReconstructionCore.grid import Grid

from . import subregions
from .affected import read_more_affected
from .descriptors import DESCRIPTORS
from .histogram import HistogramBin, histogram
from .maps import UNITS, ParameterMap, SusceptibilityMap, read_map
from .measures import Measurement, measure, measure_parameter
from .norms import read_norms
from .parts import PARTS, parts_of
from .profiles import ProfileStep, profiles
from .region_files import read_regions
from .regions import Region, volume_on
from .remarks import absent, remarks
from .request import Request
from .table import write_table
from .texture import TextureFeature, texture

#: Voxels are taken for cubes if no side is longer than another by more than this factor.
ISOTROPY = 1.05


def add_command(commands) -> None:
    """Add `measure` to the commands of a parser."""
    command = commands.add_parser(
        "measure",
        help="measure the regions of a label image",
        description="Measure the regions of a label image on a susceptibility map, as a table of one row a region.",
    )
    command.set_defaults(command=run)
    command.add_argument("--map", type=Path, required=True, metavar="F", help="susceptibility map (NIfTI)")
    command.add_argument(
        "--labels", type=Path, required=True, metavar="F",
        help="label image (NIfTI) or segmentation (.seg.nrrd) on the grid of the map",
    )
    command.add_argument(
        "--lookup", type=Path, metavar="F",
        help="names of the labels: a dseg.tsv, or one value and name a line (default: the .tsv beside the labels)",
    )
    command.add_argument(
        "--mask", type=Path, metavar="F",
        help="where the map is defined (default: where it is not 0 for maps of this software, else everywhere)",
    )
    command.add_argument(
        "--exclude", type=Path, metavar="F", action="append", default=[],
        help="what not to measure, such as veins or voxels of low quality (repeatable); lowers the coverage",
    )
    command.add_argument(
        "--reference", metavar="NAME", help="region to call zero (default: keep the reference of the map)"
    )
    command.add_argument("--unit", choices=tuple(UNITS), default="ppm", help="unit of the table (default: ppm)")
    command.add_argument(
        "--map-unit", choices=tuple(UNITS), help="unit of the map (default: as its JSON file says, else ppm)"
    )
    command.add_argument("--out", type=Path, required=True, metavar="T.tsv", help="the table")
    _add_region_options(command.add_argument_group("regions"))
    _add_measure_options(command.add_argument_group("measures"))


def _add_region_options(group) -> None:
    for part in PARTS.values():
        group.add_argument(
            f"--{part.name}", action="append", default=[], metavar=part.form,
            help=f"also measure {part.description} (repeatable)",
        )
    group.add_argument(
        "--erode", type=float, default=0.0, metavar="MM",
        help="leave out the voxels within MM of the surface of each labeled region; adds the column erosion_mm",
    )


def _add_measure_options(group) -> None:
    group.add_argument(
        "--measures", nargs="+", default=[], metavar="NAME",
        help=f"columns to add: {', '.join(DESCRIPTORS)}, or p90, trimmed_mean_10, fraction_below_70ppb, "
        "fraction_above_70ppb with other numbers",
    )
    group.add_argument(
        "--noise", type=Path, metavar="F",
        help="standard deviation of the noise of the map (not of the field), in the unit of the map",
    )
    group.add_argument(
        "--weights", type=Path, metavar="F", help="part of each voxel that is tissue, 0 to 1; for tissue_mean"
    )
    group.add_argument("--neighbor", default="", metavar="NAME", help="region for neighbor_difference")
    group.add_argument(
        "--norms", type=Path, metavar="T.tsv", help="controls with the columns region, age, mean, unit; for rii_..."
    )
    group.add_argument("--age", type=float, default=float("nan"), metavar="YEARS", help="age of the subject")
    group.add_argument(
        "--participants", type=Path, metavar="T.tsv", help="table of the study with the more affected side of the body"
    )
    group.add_argument("--subject", metavar="LABEL", help="participant_id in that table")
    group.add_argument(
        "--affected-column", default="more_affected_side", metavar="NAME",
        help="its column in that table (default: more_affected_side)",
    )
    group.add_argument(
        "--also", nargs=2, action="append", default=[], metavar=("F", "UNIT"),
        help="another map to measure in the same voxels, with its unit: r2star.nii.gz 1/s (repeatable)",
    )
    group.add_argument("--histogram", type=Path, metavar="T.tsv", help="also write histograms of the regions")
    group.add_argument(
        "--bin-width", type=float, default=10.0, metavar="PPB",
        help="width of the bins of histograms and of the gray levels of texture, in ppb (default: 10)",
    )
    group.add_argument(
        "--profile", type=Path, metavar="T.tsv", help="also write profiles of the regions over the depth in them"
    )
    group.add_argument(
        "--surface", metavar="NAME", help="region that profiles lead away from, such as white matter under the cortex"
    )
    group.add_argument(
        "--profile-step", type=float, default=1.0, metavar="MM", help="thickness of a step of a profile (default: 1)"
    )
    group.add_argument("--texture", type=Path, metavar="T.tsv", help="also write texture of the regions (IBSI)")
    group.add_argument(
        "--lowest-level", type=float, metavar="PPB",
        help="where the first gray level begins, in ppb (default: at the smallest value of each region)",
    )


def run(options: argparse.Namespace) -> None:
    """Measure as the options say, and write the tables."""
    susceptibility = read_map(options.map, options.map_unit)
    grid = susceptibility.grid
    regions, names = read_regions(options.labels, grid, options.lookup)
    if options.mask is not None:
        susceptibility = replace(susceptibility, mask=volume_on(grid, "mask", options.mask))
    for path in options.exclude:
        susceptibility = susceptibility.without(volume_on(grid, "exclude", path) != 0)
    labeled = regions
    if options.erode:
        regions = tuple(subregions.eroded(region, grid, options.erode) for region in regions)
        if not any(region.voxels for region in regions):
            raise ValueError(f"Nothing is left of the regions after {options.erode:g} mm are taken off. Erode less.")
    derived = parts_of(regions, {name: getattr(options, name) for name in PARTS}, grid)
    regions = (*regions, *derived)
    request = _request(options, grid)
    rows = measure(susceptibility, regions, reference=options.reference, unit=options.unit, request=request)
    others = [
        row for path, unit in options.also for row in _measure_other(path, unit, susceptibility, regions, request)
    ]
    bins: tuple[HistogramBin, ...] = ()
    if options.histogram:
        bins = histogram(
            susceptibility, regions, reference=options.reference, unit=options.unit, bin_width=options.bin_width
        )
    features: tuple[TextureFeature, ...] = ()
    if options.texture:
        features = texture(
            susceptibility, regions, reference=options.reference, bin_width=options.bin_width,
            lowest=options.lowest_level,
        )
    steps: tuple[ProfileStep, ...] = ()
    if options.profile:
        steps = profiles(
            susceptibility, regions, surface=options.surface, step=options.profile_step, reference=options.reference,
            unit=options.unit,
        )
    write_table(options.out, [*rows, *others])
    if options.histogram:
        write_table(options.histogram, bins, HistogramBin)
    if options.texture:
        write_table(options.texture, features, TextureFeature)
    if options.profile:
        write_table(options.profile, steps, ProfileStep)

    reference = f"relative to {rows[0].reference}" if rows[0].reference else "reference unknown"
    print(f"Measured {len(rows)} regions of {susceptibility.name} in {options.unit}, {reference}: {options.out}")
    notes = [*remarks(susceptibility, regions, rows, len(derived)), *_norm_notes(request, regions)]
    if missing := absent(names, labeled):
        notes.append(f"{len(missing)} name(s) of the lookup have no voxel, {missing[0]} for instance.")
    if options.texture and max(grid.spacing) > ISOTROPY * min(grid.spacing):
        notes.append(
            "Voxels are not cubes, so texture looks further along one axis than along another. Reconstruct with cubes."
        )
    for note in notes:
        print(f"Note: {note}", file=sys.stderr)


def _request(options: argparse.Namespace, grid: Grid) -> Request:
    more_affected = ""
    if options.participants is not None:
        if options.subject is None:
            raise ValueError("--participants needs --subject, the participant_id of this map.")
        more_affected = read_more_affected(options.participants, options.subject, options.affected_column)
    return Request(
        descriptors=(*options.measures, *(("erosion_mm",) if options.erode else ())),
        noise=volume_on(grid, "noise", options.noise) if options.noise else None,
        weights=volume_on(grid, "weights", options.weights) if options.weights else None,
        neighbor=options.neighbor,
        norms=read_norms(options.norms) if options.norms else None,
        age=options.age,
        more_affected=more_affected,
    )


def _measure_other(
    path: str, unit: str, susceptibility: SusceptibilityMap, regions: Sequence[Region], request: Request
) -> tuple[Measurement, ...]:
    name = Path(path).name.removesuffix(".gz").removesuffix(".nii")
    values = volume_on(susceptibility.grid, name, Path(path))
    other = ParameterMap(values, susceptibility.grid, unit, name, susceptibility.mask)
    return measure_parameter(other, regions, request=request)


def _norm_notes(request: Request, regions: Sequence[Region]) -> list[str]:
    if not request.norms or not any(name.startswith("rii_") for name in request.descriptors):
        return []
    notes = []
    norms = {region.name: request.norm_of(region) for region in regions}
    if without := [name for name, norm in norms.items() if norm is None]:
        notes.append(f"{len(without)} region(s) have no norm and so no high-iron part, {without[0]} for instance.")
    if any(norm and not norm.ages[0] <= request.age <= norm.ages[1] for norm in norms.values()):
        notes.append(f"The age of {request.age:g} years lies outside that of the controls: the norm is extrapolated.")
    return notes
