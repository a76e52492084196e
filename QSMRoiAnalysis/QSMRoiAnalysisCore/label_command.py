"""The command that labels the regions of a map by an atlas."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from QSMReconstructionCore.commandline.options import add_progress_option, progress_as
from QSMReconstructionCore.io.nifti import read_nifti, write_nifti
from QSMReconstructionCore.io.provenance import file_hash, versions
from QSMReconstructionCore.io.staging import staged_folder
from QSMReconstructionCore.quality.verdict import GOOD, NOT_ASSESSED

from .atlas.atlas import Atlas, read_atlas
from .atlas.labeling import THRESHOLD, Labeling, label
from .atlas.registration import read_transforms, write_transform
from .atlas.subject import Subject
from .maps import UNITS, SusceptibilityMap, read_map
from .regions import volume_on
from .table import write_table


@dataclass(frozen=True)
class LabelName:
    """A line of the list beside the labels, which the command `measure` reads."""

    index: int
    name: str


def add_command(commands) -> None:
    """Add `label` to the commands of a parser."""
    command = commands.add_parser(
        "label",
        help="label regions by an atlas",
        description="Register the template of an atlas to a subject and carry its labels onto the grid of the map, "
        "which is not resampled. Look at the result before you measure: small nuclei are uncertain.",
    )
    command.set_defaults(command=run)
    command.add_argument("--map", type=Path, required=True, metavar="F", help="susceptibility map")
    command.add_argument("--map-unit", choices=tuple(UNITS), help="unit of the map (default: as its JSON file says)")
    command.add_argument(
        "--atlas", type=Path, required=True, metavar="DIR",
        help="folder with atlas.json, which names template, labels, lookup, license and citation",
    )
    command.add_argument("--magnitude", type=Path, metavar="F", help="magnitude of the scan, on the grid of the map")
    command.add_argument("--t1w", type=Path, metavar="F", help="T1-weighted image of the subject, on any grid")
    command.add_argument("--mask", type=Path, metavar="F", help="brain, on the grid of the map (default: map not 0)")
    command.add_argument(
        "--transform", type=Path, nargs="+", metavar="F",
        help="use these transforms, made by BRAINSFit, Elastix or ANTs to bring the template onto the subject, in the "
        "order of ANTs' option -t, instead of registering",
    )
    command.add_argument("--affine-only", action="store_true", help="do without a deformation")
    command.add_argument(
        "--threshold", type=float, default=THRESHOLD, metavar="P",
        help=f"for atlases of probabilities: how likely a region must be (default: {THRESHOLD:g})",
    )
    command.add_argument(
        "--out", type=Path, required=True, metavar="DIR",
        help="folder for labels.nii.gz, labels.tsv, labels.json and transform.h5",
    )
    add_progress_option(command)


def run(options: argparse.Namespace) -> None:
    """Label as the options say, and write the labels with their names, their origin and the transform."""
    susceptibility = read_map(options.map, options.map_unit)
    grid = susceptibility.grid
    atlas = read_atlas(options.atlas)
    told = sys.stderr if options.progress == "json" else sys.stdout  # which then holds nothing but progress
    terms = f"Atlas: {atlas.name} {atlas.version}".rstrip() + f". License: {atlas.license}. Cite: {atlas.citation}"
    print(terms, file=told)
    t1w, t1w_grid = read_nifti(options.t1w) if options.t1w else (None, None)
    mask = _on_grid(susceptibility, "mask", options.mask)
    subject = Subject(
        (susceptibility.values / np.float32(UNITS[susceptibility.unit])).astype(np.float32),
        grid,
        _on_grid(susceptibility, "magnitude", options.magnitude),
        t1w,
        t1w_grid,
        susceptibility.mask if mask is None else mask != 0,
    )
    found = label(
        subject,
        atlas,
        transform=read_transforms(options.transform) if options.transform else None,
        threshold=options.threshold,
        deformable=not options.affine_only,
        progress=progress_as(options.progress),
    )
    with staged_folder(options.out) as stage:
        write_nifti(stage / "labels.nii.gz", found.labels, grid)
        write_table(stage / "labels.tsv", [LabelName(*entry) for entry in sorted(found.names.items())], LabelName)
        write_transform(stage / "transform.h5", found.transform)
        (stage / "labels.json").write_text(
            json.dumps(_provenance(options, atlas, found), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    count = len(np.unique(found.labels)) - 1
    print(f"Labeled {count} of {len(found.names)} regions: {options.out / 'labels.nii.gz'}", file=told)
    for verdict in found.verdicts:
        if verdict.level not in (GOOD, NOT_ASSESSED):
            print(f"{verdict.level.capitalize()}: {verdict.sentence}", file=sys.stderr)


def _on_grid(susceptibility: SusceptibilityMap, name: str, path: Path | None) -> np.ndarray | None:
    if path is None:
        return None
    volume = volume_on(susceptibility.grid, name, path)
    if volume.ndim != 3:
        raise ValueError(f"{name} must be one volume, but {path} holds {len(volume)}. Give one echo.")
    return volume


def _provenance(options: argparse.Namespace, atlas: Atlas, found: Labeling) -> dict:
    inputs = [options.map, options.magnitude, options.t1w, options.mask, *(options.transform or ())]
    return {
        "Atlas": {
            "Name": atlas.name, "Version": atlas.version, "License": atlas.license, "Citation": atlas.citation
        },
        "Registration": "transforms made elsewhere" if options.transform else {
            "Compared": list(found.compared),
            "Transform": "affine, by mutual information"
            + ("; symmetric forces demons" if found.transform.GetNumberOfTransforms() > 1 else ""),
        },
        "ProbabilityThreshold": options.threshold if atlas.probabilities else None,
        "Resampling": "linear, of probabilities" if atlas.probabilities else "nearest neighbor, of labels",
        "Inputs": {path.name: file_hash(path) for path in inputs if path},
        "Versions": versions(),
        "Verdicts": [verdict.as_dict() for verdict in found.verdicts],
    }  # fmt: skip
