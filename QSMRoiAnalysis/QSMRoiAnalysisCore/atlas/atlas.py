"""An atlas: a template of some contrast with regions drawn on it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import read_header, read_nifti

from ..lookup import read_lookup
from ..regions import check_same_grid

#: What the template of an atlas can show. A hybrid is a T1-weighted image with susceptibility subtracted.
CONTRASTS = ("T1w", "T2starw", "susceptibility", "hybrid")
#: File that describes an atlas, in its folder.
DESCRIPTION = "atlas.json"


@dataclass(frozen=True, eq=False)
class Atlas:
    """A template, the regions drawn on it, and the terms under which they may be used.

    Attributes
    ----------
    name, version : str
        For tables and provenance.
    license, citation : str
        To be shown before the atlas is used, and with its results.
    templates : dict of str to ndarray, shape (k, j, i)
        Contrast -> image; see `CONTRASTS`.
    grid : Grid
        Of the templates and the labels.
    names : dict of int to str
        Label value -> region.
    labels : ndarray, int, shape (k, j, i), optional
    probabilities : dict of int to ndarray, shape (k, j, i)
        Label value -> probability from 0 to 1, of an atlas that gives these instead of labels.
    brain : ndarray, bool, shape (k, j, i), optional
        Where the templates show brain.
    """

    name: str
    license: str
    citation: str
    templates: dict[str, np.ndarray]
    grid: Grid
    names: dict[int, str]
    labels: np.ndarray | None = None
    probabilities: dict[int, np.ndarray] = field(default_factory=dict)
    brain: np.ndarray | None = None
    version: str = ""

    def __post_init__(self) -> None:
        if not self.templates or not set(self.templates) <= set(CONTRASTS):
            raise ValueError(
                f"templates must be among {', '.join(CONTRASTS)}, at least one, but got "
                f"{', '.join(self.templates) or 'none'}."
            )
        if (self.labels is None) == (not self.probabilities):
            raise ValueError("An atlas has either labels or probabilities. Give one of them.")
        volumes = {**self.templates, "labels": self.labels, "brain": self.brain}
        volumes |= {f"probability of label {value}": volume for value, volume in self.probabilities.items()}
        for name, volume in volumes.items():
            if volume is not None and volume.shape != self.grid.shape:
                raise ValueError(f"{name} of atlas {self.name} must have shape {self.grid.shape}, not {volume.shape}.")
        if not self.license.strip():
            raise ValueError(f"Atlas {self.name} states no license. Ask its authors, and write it into {DESCRIPTION}.")

    @property
    def values(self) -> tuple[int, ...]:
        """The label values, in order."""
        return tuple(sorted(self.names))


@dataclass(frozen=True)
class Terms:
    """What an atlas is called and the terms under which it may be used."""

    name: str
    version: str
    license: str
    citation: str


def read_terms(folder: str | Path) -> Terms:
    """The terms of the atlas in a folder, without a look at the images; errors as `read_description`."""
    facts = read_description(folder)
    return Terms(*(str(facts.get(name, "")) for name in ("Name", "Version", "License", "Citation")))


def read_description(folder: str | Path) -> dict[str, Any]:
    """What the file `atlas.json` of a folder says, license and citation among it, without a look at the images.

    Raises
    ------
    ValueError
        If there is none, or it is damaged or lacks an entry.
    """
    folder = Path(folder)
    description = folder / DESCRIPTION
    if not description.is_file():
        raise ValueError(
            f"{folder} has no {DESCRIPTION}. An atlas is a folder with its images and this file, which names them, the "
            "license and the citation; the documentation shows one."
        )
    try:
        facts = json.loads(description.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{description} is not valid JSON: {error}.") from None
    if not isinstance(facts, dict):
        raise ValueError(f"{description} must hold names and values, but holds {type(facts).__name__}.")
    missing = [name for name in ("Name", "License", "Citation", "Templates", "Lookup") if not facts.get(name)]
    if missing:
        raise ValueError(f"{description} lacks {', '.join(missing)}.")
    if not isinstance(facts["Templates"], dict):
        raise ValueError(f"Templates in {description} must name a file for each contrast.")
    return facts


def read_atlas(folder: str | Path) -> Atlas:
    """Read an atlas from a folder.

    Parameters
    ----------
    folder : path
        With a file `atlas.json`: Name, Version, License, Citation, Templates (contrast -> file), Labels (file of label
        values) or Probabilities (a four-dimensional file, its volumes in the order of the lookup list, or label value
        -> file), Lookup (list that names the label values, in any form that `lookup.read_lookup` takes), and possibly
        Brain (file). File names are relative to the folder. All images must lie on one grid.

    Returns
    -------
    Atlas

    Raises
    ------
    ValueError
        If a file is missing or damaged, the grids differ, or license or citation are not stated.
    """
    folder = Path(folder)
    facts = read_description(folder)
    description = folder / DESCRIPTION
    names = read_lookup(_inside(folder, facts["Lookup"]))
    first = next(iter(facts["Templates"].values()))
    grid = read_header(_inside(folder, first)).grid

    def volume(name: str) -> np.ndarray:
        values, own = read_nifti(_inside(folder, name))
        check_same_grid(str(name), own, grid)
        return values

    labels, probabilities = None, {}
    if facts.get("Labels"):
        labels = volume(facts["Labels"])
        if labels.dtype.kind not in "iu" and not np.array_equal(labels, np.rint(labels)):
            raise ValueError(f"{facts['Labels']} must hold whole numbers, the label values, but it does not.")
        labels = labels.astype(np.int32)
    elif isinstance(facts.get("Probabilities"), dict):
        try:
            probabilities = {int(value): volume(name) for value, name in facts["Probabilities"].items()}
        except ValueError as error:
            raise ValueError(f"Probabilities in {description}: {error}") from None
    elif facts.get("Probabilities"):
        stacked = volume(facts["Probabilities"])
        if stacked.ndim != 4 or len(stacked) != len(names):
            raise ValueError(f"{facts['Probabilities']} must have one volume for each of the {len(names)} regions.")
        probabilities = dict(zip(names, stacked))
    return Atlas(
        str(facts["Name"]), str(facts["License"]), str(facts["Citation"]),
        {contrast: volume(name).astype(np.float32) for contrast, name in facts["Templates"].items()},
        grid, names, labels, probabilities,
        volume(facts["Brain"]) != 0 if facts.get("Brain") else None, str(facts.get("Version", "")),
    )  # fmt: skip


def _inside(folder: Path, name: object) -> Path:
    """The file of a name, which must not lead out of the folder."""
    path = (folder / str(name)).resolve()
    if folder.resolve() not in path.parents:
        raise ValueError(f"{name} in {DESCRIPTION} leads out of the folder of the atlas. Put the file into it.")
    if not path.is_file():
        raise ValueError(f"{path} does not exist, but {DESCRIPTION} names it.")
    return path
