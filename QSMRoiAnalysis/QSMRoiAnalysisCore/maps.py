"""Maps with what their numbers mean: unit and, for susceptibility, the reference."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from QSMReconstructionCore.acquisition import checked_mask
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import read_nifti

#: What to multiply ppm with to get the unit.
UNITS: dict[str, float] = {"ppm": 1.0, "ppb": 1000.0}


@dataclass(frozen=True)
class MapReference:
    """What a map calls zero.

    Attributes
    ----------
    region : str
        The region, in words.
    mean, sd : float
        Mean of the region before it was called zero, and its standard deviation, in ppm; NaN where unknown.
    """

    region: str
    mean: float = float("nan")
    sd: float = float("nan")


@dataclass(frozen=True, eq=False)
class SusceptibilityMap:
    """A map with what is known about it.

    Attributes
    ----------
    values : ndarray, float, shape (k, j, i)
        Susceptibility in `unit`.
    grid : Grid
        Where the voxels lie.
    unit : {"ppm", "ppb"}
        Unit of `values`.
    reference : MapReference, optional
        What was called zero, where it is known.
    name : str
        How tables call the map.
    mask : ndarray, bool, shape (k, j, i), optional
        Where the map is defined. Without it, every voxel counts, also those that a reconstruction set to 0 outside the
        brain.

    Raises
    ------
    ValueError
        If the values are not one volume on the grid, the unit is neither ppm nor ppb, or the mask does not fit.
    """

    values: np.ndarray
    grid: Grid
    unit: str = "ppm"
    reference: MapReference | None = None
    name: str = "map"
    mask: np.ndarray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _checked_volume(self.name, self.values, self.grid))
        check_unit("the unit of the map", self.unit)
        if self.mask is not None:
            object.__setattr__(self, "mask", checked_mask(self.mask, self.grid.shape))

    def without(self, excluded: np.ndarray) -> SusceptibilityMap:
        """The map without the voxels that a bool array marks, such as veins or voxels of low quality.

        They are then no part of the mask, so the coverage of a region says how much of it is left.
        """
        excluded = checked_mask(excluded, self.grid.shape)
        return replace(self, mask=~excluded if self.mask is None else self.mask & ~excluded)


@dataclass(frozen=True, eq=False)
class ParameterMap:
    """A map of another quantity, such as R2* in 1/s, to measure in the same regions.

    Attributes
    ----------
    values : ndarray, float, shape (k, j, i)
        In `unit`.
    grid : Grid
        Where the voxels lie.
    unit : str
        Unit of the values, as tables shall name it; "1" for none.
    name : str
        How tables call the map.
    mask : ndarray, bool, shape (k, j, i), optional
        Where the map is defined.

    Raises
    ------
    ValueError
        If the values are not one volume on the grid, the unit is empty or one of susceptibility, or the mask does not
        fit.
    """

    values: np.ndarray
    grid: Grid
    unit: str
    name: str
    mask: np.ndarray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _checked_volume(self.name, self.values, self.grid))
        if not self.unit.strip() or self.unit in UNITS:
            raise ValueError(
                f"the unit of {self.name} must be that of another quantity than susceptibility, 1/s for instance, but "
                f"got {self.unit!r}."
            )
        if self.mask is not None:
            object.__setattr__(self, "mask", checked_mask(self.mask, self.grid.shape))


def _checked_volume(name: str, values: np.ndarray, grid: Grid) -> np.ndarray:
    values = np.asarray(values)
    if values.shape != grid.shape:
        raise ValueError(f"{name} must be one volume of the shape {grid.shape} (k, j, i), but got {values.shape}.")
    if values.dtype.kind not in "iuf":
        raise ValueError(f"{name} must hold real numbers, but got {values.dtype}.")
    return values


def check_unit(name: str, unit: str) -> None:
    """Raise a `ValueError` unless the unit is one of susceptibility."""
    if unit not in UNITS:
        raise ValueError(f"{name} must be {' or '.join(UNITS)}, but got {unit!r}.")


def read_map(path: str | Path, unit: str | None = None) -> SusceptibilityMap:
    """Read a susceptibility map and what is said about it.

    Parameters
    ----------
    path : path
        NIfTI file. A JSON file of the same name beside it says the unit (`Units`), the reference (`Reference`), and
        by a `Recipe` that this software made the map, which is then defined where it is not 0.
    unit : {"ppm", "ppb"}, optional
        Unit of the stored values, if it is to win over the JSON file. Without either, ppm.

    Returns
    -------
    SusceptibilityMap

    Raises
    ------
    ValueError
        If the file is no volume, the JSON file is damaged, or the unit is neither ppm nor ppb.
    """
    path = Path(path)
    values, grid = read_nifti(path)
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    sidecar = path.with_name(f"{stem}.json")
    facts = _read_json(sidecar) if sidecar.is_file() else {}
    reference = _reference(facts.get("Reference"), sidecar.name)
    mask = values != 0 if "Recipe" in facts else None
    return SusceptibilityMap(values, grid, unit or facts.get("Units") or "ppm", reference, stem, mask)


def _read_json(path: Path) -> Mapping:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} beside the map is not valid JSON: {error}.") from None
    if not isinstance(facts, dict):
        raise ValueError(f"{path.name} beside the map must hold names and values, but got {type(facts).__name__}.")
    return facts


def _reference(facts: Mapping | None, source: str) -> MapReference | None:
    if facts is None:
        return None
    try:
        numbers = {name: float(facts[name]) for name in ("mean", "sd") if name in facts}
        return MapReference(str(facts["region"]), **numbers)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"Reference in {source} must give a region and may give numbers mean and sd, but this is wrong: {error}."
        ) from None
