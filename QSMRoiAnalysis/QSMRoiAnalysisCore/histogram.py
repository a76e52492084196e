"""How the values of a region are distributed, as counts in bins that all regions share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .maps import UNITS, SusceptibilityMap, check_unit
from .measures import values_of
from .regions import Region

#: More bins than this are a mistake in the width rather than a histogram.
MOST_BINS = 10_000


def _column(description: str):
    return field(metadata={"description": description})


@dataclass(frozen=True)
class HistogramBin:
    """One bin of one region: a row of the table of histograms."""

    region: str = _column("Structure, without its side")
    side: str = _column("left or right; empty for the midline")
    label: int = _column("Value in the label image")
    low: float = _column("Lower end of the bin, which belongs to it")
    high: float = _column("Upper end of the bin, which belongs to the next")
    voxels: int = _column("Voxels in the bin")
    fraction: float = _column("Part of the measured voxels of the region that lies in the bin")
    unit: str = _column("Unit of the bins")
    map: str = _column("Name of the map")


def histogram(
    susceptibility: SusceptibilityMap,
    regions: Sequence[Region],
    *,
    reference: str | None = None,
    unit: str = "ppm",
    bin_width: float = 10.0,
) -> tuple[HistogramBin, ...]:
    """Count the voxels of each region in bins of equal width.

    Parameters
    ----------
    susceptibility : SusceptibilityMap
    regions : sequence of Region
    reference, unit
        As for `measures.measure`.
    bin_width : float
        In ppb. Bins begin at whole multiples of it, so that those of different regions, subjects and visits match.

    Returns
    -------
    tuple of HistogramBin
        For each region, those from its lowest to its highest value, empty ones between them included.

    Raises
    ------
    ValueError
        As `measures.measure`, and if the width is not positive or so small that it gives more than 10000 bins.
    """
    check_unit("unit", unit)
    if not (math.isfinite(bin_width) and bin_width > 0):
        raise ValueError(f"bin_width must be a positive number of ppb, but got {bin_width}.")
    width, rows = bin_width / 1000 * UNITS[unit], []
    for region, values in zip(regions, values_of(susceptibility, regions, reference=reference, unit=unit)):
        # A value on a border belongs above it, also where the single precision of maps has put it a hair below.
        bins = np.floor(values / width + 1e-6)
        if not bins.size:
            continue
        first, last = int(bins.min()), int(bins.max())
        if last - first >= MOST_BINS:
            raise ValueError(
                f"bin_width of {bin_width:g} ppb gives {region.name} {last - first + 1} bins. Choose a wider one, or "
                "check the unit of the map."
            )
        counts = np.bincount((bins - first).astype(int), minlength=last - first + 1)
        rows += [
            HistogramBin(
                region.structure, region.side, region.label, (first + number) * width, (first + number + 1) * width,
                int(count), count / values.size, unit, susceptibility.name,
            )
            for number, count in enumerate(counts)
        ]
    return tuple(rows)
