"""The table of texture: one row for each region and feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..maps import SusceptibilityMap
from ..measures import values_of
from ..regions import Region
from .cooccurrence import cooccurrence_features
from .first_order import first_order
from .gray_levels import gray_levels
from .run_length import run_length_features
from .size_zone import size_zone_features

#: In ppb. About the noise of a map at 1 mm; narrower bins describe the noise rather than the tissue.
BIN_WIDTH = 10.0


def _column(description: str):
    return field(metadata={"description": description})


@dataclass(frozen=True)
class TextureFeature:
    """One feature of one region: a row of the table of texture."""

    region: str = _column("Structure, without its side")
    side: str = _column("left or right; empty for the midline")
    label: int = _column("Value in the label image")
    family: str = _column("first order, GLCM, GLRLM or GLSZM")
    feature: str = _column("Name of the feature")
    ibsi: str = _column("Code that IBSI gives the feature")
    value: float = _column("Its value; susceptibilities of the first order are in ppb")
    voxels: int = _column("Voxels of the region that were measured")
    levels: int = _column("Highest gray level in the region")
    bin_width_ppb: float = _column("Width of the bins of gray levels")
    lowest_ppb: float = _column("Where the first bin begins")
    map: str = _column("Name of the map")


def texture(
    susceptibility: SusceptibilityMap,
    regions: Sequence[Region],
    *,
    reference: str | None = None,
    bin_width: float = BIN_WIDTH,
    lowest: float | None = None,
) -> tuple[TextureFeature, ...]:
    """Texture of every region of a map.

    Parameters
    ----------
    susceptibility : SusceptibilityMap
        The map. Only voxels inside its mask count.
    regions : sequence of Region
    reference : str, optional
        As for `measures.measure`.
    bin_width : float
        Of the gray levels, in ppb.
    lowest : float, optional
        Where the first gray level begins, in ppb. By default, at the smallest value of each region, as IBSI has it
        without a range of values; give one to compare features of low and high levels between regions and subjects.

    Returns
    -------
    tuple of TextureFeature
        For each region with a voxel.

    Raises
    ------
    ValueError
        As for `measures.measure` and `gray_levels.gray_levels`; the message names the region.

    Notes
    -----
    Neighbors are voxels that share a face, an edge or a corner, at whatever distance: IBSI asks for voxels of the same
    length in all directions. Maps are not resampled here, so reconstruct with such voxels for texture.
    """
    rows = []
    for region, values in zip(regions, values_of(susceptibility, regions, reference=reference, unit="ppb")):
        if not values.size:
            continue
        try:
            levels = gray_levels(values, bin_width, lowest)
        except ValueError as error:
            raise ValueError(f"{region.name}: {error}") from None
        inside = region.inside if susceptibility.mask is None else region.inside & susceptibility.mask[region.box]
        placed = np.zeros(inside.shape, np.int64)
        placed[inside] = levels
        start = float(values.min()) if lowest is None else float(lowest)
        families = {
            "first order": first_order(values, levels),
            "GLCM": cooccurrence_features(placed),
            "GLRLM": run_length_features(placed),
            "GLSZM": size_zone_features(placed),
        }
        rows += [
            TextureFeature(
                region.structure, region.side, region.label, family, name, code, value, values.size,
                int(levels.max()), float(bin_width), start, susceptibility.name,
            )
            for family, features in families.items()
            for (name, code), value in features.items()
        ]
    return tuple(rows)
