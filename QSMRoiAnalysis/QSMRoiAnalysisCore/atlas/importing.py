"""Making a folder of an atlas, as `read_atlas` takes it, of a distribution in another form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813  (its own name for itself)

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import read_nifti, write_nifti
from QSMReconstructionCore.io.provenance import file_hash
from QSMReconstructionCore.io.staging import staged_folder

from ..regions import GRID_TOLERANCE
from ..table import MISSING, plain_text, write_cells
from .atlas import CONTRASTS, DESCRIPTION, read_atlas
from .distribution import Drawn, find_drawn, is_part, license_files, opened
from .images import image_of, resampled


@dataclass(frozen=True)
class ImportedAtlas:
    """An atlas that was imported.

    Attributes
    ----------
    folder : Path
    name, license, citation : str
    regions : dict of int to str
        Label value -> name, of those that occur.
    notes : tuple of str
        What was changed or left out.
    """

    folder: Path
    name: str
    license: str
    citation: str
    regions: dict[int, str]
    notes: tuple[str, ...]


def import_atlas(
    source: str | Path,
    out: str | Path,
    *,
    license: str,
    citation: str,
    templates: Mapping[str, str | Path],
    name: str = "",
    version: str = "",
    labels: str = "",
    lookup: str = "",
    brain: str | Path | None = None,
) -> ImportedAtlas:
    """Import an atlas.

    Parameters
    ----------
    source : path or str
        Folder, archive (.zip, .whl), installed Python package, XML file of FSL, or the image itself in its folder: an
        image of labels and the list that names them, which is a `dseg.tsv` of BIDS and TemplateFlow, a table, a color
        table of FreeSurfer, Slicer or ITK-SNAP, or an XML file of FSL.
    out : path
        New folder.
    license, citation : str
        Terms of use, or where they are stated, and what to cite: they are shown whenever the atlas is used.
    templates : mapping of str to path
        Contrast (`CONTRASTS`) -> image of the space in which the regions are drawn: a file, or the end of the path of
        one in the source. One on another grid is resampled to that of the labels.
    name, version : str
        By default the name of the image of labels.
    labels, lookup : str
        Image and list, where the source has several; see `distribution.find_drawn`.
    brain : path, optional
        Where the templates show brain; by default where the first is not 0, if most of its rim is 0.

    Raises
    ------
    ValueError
        If license, citation or template are missing, nothing or too much fits, or values have no names.
    """
    for what, given in (("license", license), ("citation", citation)):
        if not given.strip():
            raise ValueError(f"State the {what} of the atlas: a sentence or an address. Its authors tell it.")
    if unknown := [contrast for contrast in templates if contrast not in CONTRASTS]:
        raise ValueError(f"There is no contrast {', '.join(unknown)}; choose one of {', '.join(CONTRASTS)}.")
    if not templates:
        raise ValueError(
            "Registration needs a template of the space in which the regions are drawn, such as a T1-weighted image. "
            "Give one."
        )
    out = Path(out)
    if out.exists() and any(out.iterdir()):
        raise ValueError(f"{out} holds files already. Choose a new folder.")
    with opened(source) as folder, staged_folder(out) as stage:
        drawn = find_drawn(folder, Path(source).name if is_part(source) else labels, lookup)
        values, grid = read_nifti(drawn.image)
        notes = [f"The source has the license file {path.name}; read whether it is that of the atlas."
                 for path in license_files(folder)[:3]]  # fmt: skip
        facts: dict[str, object] = {
            "Name": name or _stem(drawn.image), "Version": version, "License": license.strip(),
            "Citation": citation.strip(), "Templates": {}, "Lookup": "labels.tsv",
        }  # fmt: skip
        regions, files = _write_regions(stage, drawn, values, grid, notes)
        facts |= files
        sources = [drawn.image, drawn.source]
        first = None
        for contrast, given in templates.items():
            path = _file(folder, given)
            facts["Templates"][contrast] = f"{contrast}.nii.gz"
            image = _on_grid(path, grid, notes, nearest=False)
            write_nifti(stage / f"{contrast}.nii.gz", image.astype(np.float32), grid)
            first = image if first is None else first
            sources.append(path)
        if brain is not None:
            path = _file(folder, brain)
            write_nifti(stage / "brain.nii.gz", (_on_grid(path, grid, notes, nearest=True) != 0).astype(np.uint8), grid)
            facts["Brain"] = "brain.nii.gz"
            sources.append(path)
        elif _is_cut_out(first):
            write_nifti(stage / "brain.nii.gz", (first != 0).astype(np.uint8), grid)
            facts["Brain"] = "brain.nii.gz"
            notes.append("The brain is where the template is not 0.")
        facts["Sources"] = {path.name: file_hash(path) for path in sources}
        text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
        (stage / DESCRIPTION).write_text(text, encoding="utf-8")
        read_atlas(stage)  # what labeling will do, before anything is kept
    return ImportedAtlas(out, str(facts["Name"]), license.strip(), citation.strip(), regions, tuple(notes))


def _write_regions(
    stage: Path, drawn: Drawn, values: np.ndarray, grid: Grid, notes: list[str]
) -> tuple[dict[int, str], dict[str, str]]:
    """Write labels or probabilities with their names; gives the names and the entries of the description."""
    if drawn.is_probability or values.ndim == 4:
        regions, files = drawn.names, {"Probabilities": "probabilities.nii.gz"}
        if values.ndim != 4 or len(values) != len(regions):
            count = len(values) if values.ndim == 4 else 1
            raise ValueError(f"{drawn.image.name} has {count} volume(s), but {drawn.source.name} {len(regions)} names.")
        highest = float(values.max())
        if highest > 100 or values.min() < 0:
            raise ValueError(f"{drawn.image.name} holds values up to {highest:g}: no probabilities and no percent.")
        if highest > 1:
            notes.append("Probabilities were given in percent.")
        values = (values / (100 if highest > 1 else 1)).astype(np.float32)
        write_nifti(stage / "probabilities.nii.gz", values, grid)
    else:
        whole = np.rint(values).astype(np.int32)
        if not np.array_equal(whole, values):
            raise ValueError(f"{drawn.image.name} must hold whole numbers, the label values, but it does not.")
        present = [int(value) for value in np.unique(whole) if value]
        regions = {value: drawn.names[value] for value in present if value in drawn.names}
        if not regions:
            raise ValueError(f"{drawn.source.name} names no value of {drawn.image.name}, which holds {present[:8]}.")
        if unnamed := [value for value in present if value not in regions]:
            notes.append(f"{len(unnamed)} value(s) have no name and were left out, {unnamed[0]} for instance.")
            whole[np.isin(whole, unnamed)] = 0
        write_nifti(stage / "labels.nii.gz", whole, grid)
        files = {"Labels": "labels.nii.gz"}
    rows = [[str(value), plain_text(region) or MISSING] for value, region in regions.items()]
    write_cells(stage / "labels.tsv", ("index", "name"), rows)
    return regions, files


def _file(folder: Path, given: str | Path) -> Path:
    """A file as it is named, or the only one in the folder whose path ends so."""
    if Path(given).is_file():
        return Path(given)
    found = [path for path in folder.rglob("*") if path.is_file() and path.as_posix().endswith(f"/{given}")]
    if len(found) != 1:
        count = "more than one" if found else "no"
        raise ValueError(f"There is {count} file {str(given)!r}, here or in the source.")
    return found[0]


def _on_grid(path: Path, grid: Grid, notes: list[str], *, nearest: bool) -> np.ndarray:
    values, own = read_nifti(path)
    if values.ndim != 3:
        raise ValueError(f"{path.name} must be one volume, but holds {len(values)}.")
    if own.same_geometry(grid, GRID_TOLERANCE * min(grid.spacing)):
        return values
    onto = image_of(np.zeros(grid.shape, np.uint8), grid)
    kind = values.dtype if nearest and values.dtype.kind in "iu" else np.float32
    moved = resampled(image_of(values.astype(kind), own), onto, sitk.Transform(3, sitk.sitkIdentity), nearest=nearest)
    if not moved.any():
        raise ValueError(f"{path.name} does not overlap the regions: it is of another space.")
    notes.append(f"{path.name} was resampled to the grid of the regions.")
    return moved


def _is_cut_out(template: np.ndarray) -> bool:
    """Whether a template shows the brain alone: nearly all of the outermost voxels are exactly 0."""
    rim = np.ones(template.shape, bool)
    rim[1:-1, 1:-1, 1:-1] = False
    return float(np.mean(template[rim] == 0)) > 0.99 and bool((template != 0).any())


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".nii")
