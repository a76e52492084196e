"""Write a reconstruction with all that is needed to know, and to repeat, how it came about."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import __version__
from ..cores import on_all_cores
from .nifti import write_nifti
from .staging import staged_folder

if TYPE_CHECKING:
    from ..acquisition import Acquisition
    from ..reconstruction import Reconstruction
    from .bids import BidsScan

_BIDS_VERSION = "1.10.0"


@dataclass(frozen=True)
class Output:
    """A map of a reconstruction: its file name, its BIDS suffix, its unit, and what it is."""

    name: str
    bids_suffix: str
    unit: str
    description: str


OUTPUTS = (
    Output("chimap", "Chimap", "ppm", "Magnetic susceptibility"),
    Output("mask", "desc-brain_mask", "", "Brain, found by the recipe or given"),
    Output("totalfield", "desc-total_fieldmap", "ppm", "Total field relative to B0"),
    Output("localfield", "desc-local_fieldmap", "ppm", "Field of the sources inside the mask, relative to B0"),
    Output("fieldnoise", "desc-noise_fieldmap", "ppm", "Standard deviation of the total field"),
    Output("quality", "desc-quality_fieldmap", "", "Coherence of the phase with its neighbours, 0 to 1"),
    Output("r2star", "R2starmap", "1/s", "Effective transverse relaxation rate"),
)
#: Beside the maps, as JSON.
RECIPE = Output("recipe", "desc-recipe_Chimap", "", "Every method and parameter")
VERDICTS = Output("verdicts", "desc-verdicts_Chimap", "", "What was judged of scan and maps")


def write_reconstruction(
    out: str | os.PathLike,
    reconstruction: Reconstruction,
    acquisition: Acquisition,
    *,
    files: Sequence[str | os.PathLike] = (),
    bids: BidsScan | None = None,
    compressed: bool = True,
) -> list[Path]:
    """Write all maps, the recipe, the verdicts and the provenance into a folder: all of them, or none.

    Parameters
    ----------
    out : path
        The folder; made if need be. Maps of an earlier reconstruction there are replaced.
    reconstruction : Reconstruction
    acquisition : Acquisition
        What it was reconstructed from.
    files : sequence of path
        The input files; their checksums are kept.
    bids : BidsScan, optional
        Write BIDS derivatives of this scan instead of the plain names.
    compressed : bool
        Write `.nii.gz`; otherwise `.nii`, which is larger but read and written several times faster.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    out = Path(out)
    maps = {
        "chimap": reconstruction.susceptibility,
        "mask": reconstruction.mask,
        "totalfield": reconstruction.field_map.field,
        "localfield": reconstruction.local_field.field,
        "fieldnoise": reconstruction.field_map.noise,
        "quality": reconstruction.field_map.quality,
        "r2star": reconstruction.r2star,
    }
    there = [output for output in OUTPUTS if maps[output.name] is not None]
    provenance = provenance_of(reconstruction, acquisition, files, None if bids is None else bids.root)
    extension = ".nii.gz" if compressed else ".nii"
    paths = {output.name: output_path(output, extension, bids) for output in there}
    recipe, verdicts = (output_path(output, ".json", bids) for output in (RECIPE, VERDICTS))
    with staged_folder(out, output_patterns(bids)) as stage:
        for path in paths.values():
            (stage / path).parent.mkdir(parents=True, exist_ok=True)
        on_all_cores(  # one compresses one map at a time
            lambda output: write_nifti(stage / paths[output.name], maps[output.name], reconstruction.grid), there
        )
        for output in there:
            about = {"Description": output.description}
            if output.unit:
                about["Units"] = output.unit
            if output.name == "mask":
                about["Type"] = "Brain"
            _write_json(stage / output_path(output, ".json", bids), about | provenance)
        (stage / recipe).write_text(reconstruction.recipe.to_json() + "\n", encoding="utf-8")
        _write_json(stage / verdicts, {"Verdicts": [verdict.as_dict() for verdict in reconstruction.verdicts]})
        if bids is not None:
            _write_json(stage / "dataset_description.json", _dataset_description())
    return [out / path for path in (*paths.values(), recipe, verdicts)]


def output_path(output: Output, extension: str, bids: BidsScan | None) -> Path:
    """Where an output lies in the folder of the results."""
    if bids is None:
        return Path(output.name + extension)
    prefix = bids.derivative_prefix
    return prefix.with_name(f"{prefix.name}_{output.bids_suffix}{extension}")


def output_patterns(bids: BidsScan | None) -> list[str]:
    """Patterns of all files that a reconstruction may write, in any form, to find those that an earlier one left."""
    outputs = (*OUTPUTS, RECIPE, VERDICTS)
    return [
        glob.escape(output_path(output, extension, bids).as_posix())
        for output in outputs for extension in (".nii", ".nii.gz", ".json")
    ]  # fmt: skip


def provenance_of(
    reconstruction: Reconstruction,
    acquisition: Acquisition,
    files: Sequence[str | os.PathLike] = (),
    root: Path | None = None,
) -> dict:
    """How a map came about, as plain data.

    Parameters
    ----------
    reconstruction : Reconstruction
    acquisition : Acquisition
    files : sequence of path
        The input files.
    root : Path, optional
        The folder from which on their names are given, where they lie in it.

    Returns
    -------
    dict
        `EchoTime` (s), `MagneticFieldStrength` (T), `ImagingFrequency` (MHz), `B0Direction` (along the image axes
        x, y, z), `Reference` (region, voxels, what was subtracted, mean and sd in ppm), `Recipe`, `Versions`,
        `InputIdentity` (SHA-256 of the acquisition), `InputFiles` (name and SHA-256), `FactSources`, `Notes`,
        `Verdicts` (level of each by its name; the file of verdicts tells more), `Seconds` of each stage.
    """
    return {
        "EchoTime": list(acquisition.echo_times),
        "MagneticFieldStrength": acquisition.field_strength,
        "ImagingFrequency": acquisition.hz_per_ppm,
        "B0Direction": list(acquisition.grid.b0_direction[::-1]),
        "Reference": asdict(reconstruction.reference),
        "Recipe": {stage: dict(chosen) for stage, chosen in reconstruction.recipe.stages.items()},
        "Versions": versions(),
        "InputIdentity": reconstruction.input_identity,
        "InputFiles": [
            {"Path": _name(Path(path), root), "SHA256": digest}
            for path, digest in zip(files, on_all_cores(file_hash, files))
        ],
        "FactSources": dict(acquisition.sources),
        "Notes": list(reconstruction.notes),
        "Verdicts": {verdict.name: verdict.level for verdict in reconstruction.verdicts},
        "Seconds": {stage: round(seconds, 2) for stage, seconds in reconstruction.seconds.items()},
    }


def versions() -> dict[str, str]:
    """Versions of what computed the result."""
    import scipy
    import SimpleITK

    return {
        "QSMReconstructionCore": __version__,
        "Python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "SimpleITK": SimpleITK.Version.VersionString(),
    }


def _name(path: Path, root: Path | None) -> str:
    inside = root is not None and path.is_relative_to(root)
    return path.relative_to(root).as_posix() if inside else str(path)


def _dataset_description() -> dict:
    return {
        "Name": "Quantitative susceptibility maps",
        "BIDSVersion": _BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "QSMReconstructionCore", "Version": __version__}],
    }


def _write_json(path: Path, entries: dict) -> None:
    path.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


def file_hash(path: str | os.PathLike) -> str:
    """SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
