"""reconstruct: from the files of a scan to susceptibility and all maps on the way."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..progress import part_of
from .options import (
    WrongUsage,
    add_progress_option,
    add_settings_option,
    print_notes,
    print_verdicts,
    progress_as,
    settings_from,
    warnings_as_notes,
)
from .reference import add_region_options, region_from

if TYPE_CHECKING:
    from ..acquisition import Acquisition
    from ..io.bids import BidsScan
    from ..io.dicom.selection import Selection
    from ..progress import Progress
    from ..recipe import Recipe
    from ..stage_folder import StageFolder

#: What the two parts of a scan can be.
_PAIRS = (("phase", "magnitude"), ("real", "imaginary"))
#: Maps as DICOM that an earlier reconstruction may have left.
_DICOM_MAPS = "dicom/chimap_[0-9][0-9][0-9][0-9].dcm"

#: Parts of the whole work at which the reconstruction proper begins and ends; before and after it are files.
_BEGIN, _END = 0.03, 0.95
SHARE_OF_RECONSTRUCTION = _END - _BEGIN


def add_to(commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("reconstruct", help="reconstruct susceptibility from magnitude and phase")
    parser.add_argument("out", metavar="OUT", type=Path, help="folder for the maps")
    dicom = parser.add_argument_group("the scan as DICOM")
    dicom.add_argument(
        "--dicom", type=Path, metavar="DIR", help="folder as the scanner exports it, or one multi-frame file"
    )
    dicom.add_argument("--series", type=int, metavar="N", help="a series of the scan, if several scans have phase")
    dicom.add_argument("--write-dicom", action="store_true", help="also write the map as DICOM, into OUT/dicom")
    dicom.add_argument("--identify", action="store_true", help="name the patient in the report")
    files = parser.add_argument_group("the scan as NIfTI files")
    files.add_argument("--phase", nargs="+", type=Path, metavar="F", help="one 4D file, or one 3D file per echo")
    files.add_argument("--magnitude", nargs="+", type=Path, metavar="F", help="likewise")
    files.add_argument("--real", nargs="+", type=Path, metavar="F", help="instead of phase and magnitude")
    files.add_argument("--imaginary", nargs="+", type=Path, metavar="F", help="likewise")
    files.add_argument("--params", type=Path, metavar="F", help="params.json with TE, B0, B0_dir, voxel_size")
    files.add_argument("--echo-times", nargs="+", type=float, metavar="S", help="in seconds, if no header has them")
    files.add_argument("--field-strength", type=float, metavar="T", help="in T, if no header has it")
    bids = parser.add_argument_group("the scan in a BIDS folder (the maps get BIDS names)")
    bids.add_argument("--bids", type=Path, metavar="DIR", help="root of the data set")
    bids.add_argument("--subject", metavar="LABEL")
    bids.add_argument("--session", metavar="LABEL", help="if the subject has several")
    bids.add_argument("--acquisition", metavar="LABEL", help="acq- of the scan, if there are several")
    bids.add_argument("--run", dest="run_label", metavar="LABEL", help="run- of the scan, if there are several")
    how = parser.add_argument_group("how")
    how.add_argument("--mask", type=Path, metavar="F", help="brain mask to use instead of finding one")
    how.add_argument("--recipe", default="default", metavar="NAME|FILE", help="a preset or a recipe.json")
    add_region_options(how)
    add_settings_option(how, "STAGE.PARAMETER")
    how.add_argument(
        "--stages", type=Path, metavar="DIR",
        help="keep the results of the stages in DIR, up to 2 GB, and take from there those whose input is the same",
    )  # fmt: skip
    how.add_argument("--uncompressed", action="store_true", help="write .nii: larger than .nii.gz, but much faster")
    add_progress_option(parser)
    parser.set_defaults(run=run, parser=parser)


def run(chosen: argparse.Namespace) -> None:
    """Read, reconstruct, write."""
    _check_usage(chosen)
    from ..io.dicom.protocol import read_identity
    from ..io.provenance import output_path, output_patterns, write_reconstruction
    from ..io.scan import read_mask
    from ..io.staging import check_writable, staged_folder
    from ..pipeline import reconstruct
    from ..quality import assess_acquisition
    from ..report.files import REPORT, report_patterns, write_report
    from ..report.report import report_of

    progress = progress_as(chosen.progress)
    recipe = _recipe(chosen)
    check_writable(chosen.out)
    progress(0.0, "Reading")
    scan = _found_in_dicom(chosen, part_of(progress, 0.0, _BEGIN / 2, "Reading")) if chosen.dicom else None
    acquisition, files, bids = _read(chosen, scan, part_of(progress, _BEGIN / 2, _BEGIN, "Reading"))
    files += [path for path in (chosen.params, chosen.mask, chosen.reference_region) if path]
    mask = read_mask(chosen.mask, acquisition.grid) if chosen.mask else None
    region = region_from(chosen, acquisition.grid)
    stages = _stages(chosen)
    with warnings_as_notes() as notes:
        try:
            result = reconstruct(
                acquisition, recipe, part_of(progress, _BEGIN, _END), mask=mask, reference_region=region, cache=stages
            )
        except ValueError:  # what is wrong with the scan is often the reason
            print_verdicts(assess_acquisition(acquisition))
            raise
    result = replace(result, notes=(*result.notes, *notes))
    progress(_END, "Writing")
    with staged_folder(chosen.out, (*output_patterns(bids), *report_patterns(bids), _DICOM_MAPS)) as stage:
        write_reconstruction(stage, result, acquisition, files=files, bids=bids, compressed=not chosen.uncompressed)
        report = report_of(
            result, acquisition, title=bids.derivative_prefix.name if bids else "Susceptibility map",
            identity=read_identity(scan.stacks[0].first) if chosen.identify else None, given_mask=mask is not None,
        )  # fmt: skip
        write_report(stage / output_path(REPORT, ".html", bids), report)
        if chosen.write_dicom:
            from ..io.dicom.susceptibility import write_susceptibility

            write_susceptibility(stage / "dicom", result, scan)
    progress(1.0, "Done")
    print_verdicts(result.verdicts)
    print_notes(result.notes)


def _stages(chosen: argparse.Namespace) -> StageFolder | None:
    """Where the results of stages are kept, if anywhere."""
    from ..stage_folder import StageFolder

    if chosen.stages is None:
        return None
    chosen.stages.mkdir(parents=True, exist_ok=True)
    return StageFolder(chosen.stages)


def _found_in_dicom(chosen: argparse.Namespace, progress: Progress) -> Selection:
    """The scan in a DICOM folder, after telling on standard error what the folder holds."""
    from ..io.dicom.selection import select_scan
    from ..io.dicom.stacks import find_stacks

    found = find_stacks(chosen.dicom, progress)
    print(found, file=sys.stderr)
    scan = select_scan(found, chosen.series, by_number=chosen.echo_times is not None)
    print(f"Taken: {scan}.", file=sys.stderr)
    return scan


def _read(
    chosen: argparse.Namespace, scan: Selection | None, progress: Progress
) -> tuple[Acquisition, list[Path], BidsScan | None]:
    """The scan, the files it came from, and where it lies in a BIDS folder."""
    from ..io.bids import find_scan
    from ..io.params import read_params
    from ..io.scan import read_scan

    facts = {"echo_times": chosen.echo_times, "field_strength": chosen.field_strength}
    if scan is not None:
        from ..io.dicom.scan import read_selection

        return read_selection(scan, **facts, progress=progress), list(scan.files), None
    facts["params"] = read_params(chosen.params) if chosen.params else None
    if chosen.bids:
        bids = find_scan(chosen.bids, chosen.subject, chosen.session, acq=chosen.acquisition, run=chosen.run_label)
        return read_scan(**bids.parts, **facts, metadata=bids.metadata), list(bids.files), bids
    parts = _given_parts(chosen)
    return read_scan(**parts, **facts), [path for paths in parts.values() for path in paths], None


def _given_parts(chosen: argparse.Namespace) -> dict[str, list[Path]]:
    """The files given for each part of the scan."""
    return {name: paths for pair in _PAIRS for name in pair if (paths := getattr(chosen, name))}


def _check_usage(chosen: argparse.Namespace) -> None:
    parts = tuple(_given_parts(chosen))
    if sum(map(bool, (chosen.dicom, chosen.bids, parts))) != 1:
        raise WrongUsage(
            "give either --dicom, or --bids with --subject, or --phase with --magnitude, or --real with --imaginary"
        )
    if parts and parts not in _PAIRS:
        raise WrongUsage("--phase and --magnitude are both needed, or --real and --imaginary")
    if chosen.bids and not chosen.subject:
        raise WrongUsage("--bids needs --subject")
    needs_dicom = (
        ("--series", chosen.series is not None), ("--write-dicom", chosen.write_dicom), ("--identify", chosen.identify)
    )  # fmt: skip
    names = (("--session", chosen.session), ("--acquisition", chosen.acquisition), ("--run", chosen.run_label))
    for option, given in needs_dicom:
        if given and not chosen.dicom:
            raise WrongUsage(f"{option} needs --dicom")
    for option, given in names:
        if given is not None and not chosen.bids:
            raise WrongUsage(f"{option} needs --bids")
    if chosen.dicom and chosen.params:
        raise WrongUsage("--params goes with NIfTI files; with --dicom, the headers tell these facts")


def _recipe(chosen: argparse.Namespace) -> Recipe:
    from ..recipe import PRESETS, Recipe

    try:
        if chosen.recipe in PRESETS:
            recipe = Recipe.preset(chosen.recipe)
        elif Path(chosen.recipe).is_file():
            recipe = Recipe.from_json(Path(chosen.recipe).read_text(encoding="utf-8"))
        else:
            raise WrongUsage(f"--recipe {chosen.recipe} is neither a file nor one of {', '.join(PRESETS)}")
        if chosen.reference_region:
            recipe = recipe.with_values({"reference.method": "region"})
        return recipe.with_values(settings_from(chosen.settings))
    except ValueError as error:
        raise WrongUsage(str(error)) from error
