"""reference: refer a finished map to another region, without repeating its computation."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from .options import WrongUsage, add_settings_option, settings_from
from .score import label_names

if TYPE_CHECKING:
    from ..grid import Grid
    from ..referencing import Reference, ReferenceRegion


def add_to(commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("reference", help="refer a finished map to another region")
    parser.add_argument("map", metavar="CHIMAP", type=Path, help="as `reconstruct` wrote it, or any other, in ppm")
    parser.add_argument("--out", type=Path, required=True, metavar="F", help="the new map; its .json is written beside")
    parser.add_argument("--method", metavar="NAME", help="of the stage reference; `methods` lists them")
    add_region_options(parser)
    parser.add_argument("--mask", type=Path, metavar="F", help="the brain (default: the mask beside the map)")
    parser.add_argument("--r2star", type=Path, metavar="F", help="for the method csf (default: the one beside the map)")
    add_settings_option(parser, "PARAMETER")
    parser.set_defaults(run=run, parser=parser)


def add_region_options(parser) -> None:
    """Add `--reference-region` and `--reference-label`."""
    parser.add_argument(
        "--reference-region", type=Path, metavar="F", help="mask or label map of the region whose mean is called zero"
    )
    parser.add_argument(
        "--reference-label", type=int, nargs="+", metavar="N", help="labels of the region (default: all that is not 0)"
    )


def region_from(chosen: argparse.Namespace, grid: Grid) -> ReferenceRegion | None:
    """The region that the options name, on a grid.

    Raises
    ------
    WrongUsage
        If there are labels without a region.
    ValueError
        If the file does not fit, or a label does not occur in it.
    """
    if not chosen.reference_region:
        if chosen.reference_label:
            raise WrongUsage("--reference-label needs --reference-region")
        return None
    import numpy as np

    from ..io.scan import read_mask, read_volume
    from ..referencing import ReferenceRegion

    path = chosen.reference_region
    if not chosen.reference_label:
        return ReferenceRegion(path.name.partition(".nii")[0], read_mask(path, grid))
    labels = read_volume(path, grid, "reference-region")
    names = label_names(path) or {}
    for label in chosen.reference_label:
        if not (labels == label).any():
            raise ValueError(f"{path} has no voxel of label {label}.")
    called = " + ".join(names.get(label, f"label {label}") for label in chosen.reference_label)
    return ReferenceRegion(called, np.isin(labels, chosen.reference_label))


def run(chosen: argparse.Namespace) -> None:
    """Read the map and what belongs to it, refer it anew, write it with its sidecar."""
    from ..io.nifti import read_nifti, write_nifti
    from ..io.scan import read_mask, read_volume
    from ..io.staging import staged_folder
    from ..methods import method
    from ..referencing import rereference

    if not (chosen.method or chosen.reference_region):
        raise WrongUsage("give --method, or --reference-region")
    name = chosen.method or "region"
    if chosen.reference_region and name != "region":
        raise WrongUsage(f"--reference-region goes with the method region, not with {name}")
    try:
        found = method("reference", name)
        parameters = found.completed(settings_from(chosen.settings))
    except ValueError as error:
        raise WrongUsage(str(error)) from error
    susceptibility, grid = read_nifti(chosen.map)
    if susceptibility.ndim != 3:
        raise ValueError(f"{chosen.map} must hold one volume, but it holds {len(susceptibility)}.")
    mask_file = chosen.mask or _beside(chosen.map, "mask")
    mask = read_mask(mask_file, grid) if mask_file else susceptibility != 0
    rate_file = chosen.r2star or _beside(chosen.map, "r2star")
    facts = _sidecar(chosen.map)
    given = {
        "r2star": read_volume(rate_file, grid, "r2star") if rate_file else None,
        "region": region_from(chosen, grid),
    }
    region = found.run(mask, grid, given=given, parameters=parameters)
    susceptibility, reference = rereference(susceptibility, mask, region, _previous(facts, chosen.map))
    facts["Reference"] = asdict(reference)
    if "Recipe" in facts:
        facts["Recipe"]["reference"] = {"method": name, **parameters}
    with staged_folder(chosen.out.absolute().parent) as stage:
        write_nifti(stage / chosen.out.name, susceptibility, grid)
        sidecar = stage / (_stem(chosen.out) + ".json")
        sidecar.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    print(
        f"Reference: {reference.region}, {reference.voxels} voxels, {reference.subtracted:.4f} ppm subtracted; "
        f"relative to the whole brain its mean is {reference.mean:.4f} ppm and its sd {reference.sd:.4f} ppm."
    )


def _beside(path: Path, name: str) -> Path | None:
    """Another output of the reconstruction that wrote the map, if it is there."""
    from ..io.provenance import OUTPUTS

    outputs = {output.name: output for output in OUTPUTS}
    for map_name, other in (
        (outputs["chimap"].name, outputs[name].name), (outputs["chimap"].bids_suffix, outputs[name].bids_suffix)
    ):
        stem = _stem(path)
        if stem.endswith(map_name):
            found = path.with_name(f"{stem.removesuffix(map_name)}{other}.nii.gz")
            return found if found.is_file() else None
    return None


def _sidecar(path: Path) -> dict:
    sidecar = path.with_name(_stem(path) + ".json")
    if not sidecar.is_file():
        return {"Units": "ppm"}
    try:
        facts = json.loads(sidecar.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{sidecar} is not valid JSON: {error}.") from error
    if not isinstance(facts, dict):
        raise ValueError(f"{sidecar} must hold names and values, but it holds {type(facts).__name__}.")
    return facts


def _previous(facts: dict, path: Path) -> Reference | None:
    """The reference that the sidecar tells, or None where it tells none."""
    from ..referencing import Reference

    if "Reference" not in facts:
        return None
    try:
        return Reference(**facts["Reference"])
    except TypeError as error:
        raise ValueError(f"Reference beside {path} is not as `reconstruct` writes it: {error}.") from error


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".nii")
