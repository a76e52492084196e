"""The table of lesions: one row for each lesion and visit, with fields that a reader fills in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from QSMReconstructionCore.grid import Grid

from .lesions import Match, Shells
from .maps import UNITS, SusceptibilityMap, check_unit
from .measures import finite_values

_NAN = float("nan")

#: A rim is worth a reader's look where it exceeds core and surroundings by this much, in ppb. It is about the spread
#: of white matter in maps of 1 mm and no validated limit: the reader decides.
RIM_CONTRAST = 10.0

#: A rim must show on as many slices: a vein or an artifact often shows on one.
RIM_SLICES = 2


def _column(description: str, unit: str = "", default: object = None):
    metadata = {"description": description, "unit": unit}
    return field(metadata=metadata) if default is None else field(default=default, metadata=metadata)


@dataclass(frozen=True)
class LesionRow:
    """One lesion at one visit; its means are NaN where the part has no voxel inside the mask."""

    subject: str = _column("participant_id")
    visit: str = _column("Name of the visit")
    time_years: float = _column("Time since the first visit", "years")
    lesion: int = _column("Number of the lesion, the same at all visits")
    label: int = _column("Number of the lesion at this visit, from the largest")
    status: str = _column("baseline, new, followed from an earlier visit, or fragment of a lesion seen before")
    overlap: float = _column("Dice coefficient with where the lesion was last seen")
    also_overlaps: str = _column("Other lesions seen before that this one covers")
    r_mm: float = _column("Center in world coordinates, toward the right", "mm")
    a_mm: float = _column("Center in world coordinates, toward anterior", "mm")
    s_mm: float = _column("Center in world coordinates, toward superior", "mm")
    voxels: int = _column("Voxels measured")
    volume_mm3: float = _column("Volume of the lesion, also outside the mask", "mm3")
    coverage: float = _column("Part of the lesion that was measured")
    mean: float = _column("Mean of the lesion", "map")
    sd: float = _column("Standard deviation over its voxels (n - 1)", "map")
    rim_mean: float = _column("Mean of the rim", "map")
    rim_volume_mm3: float = _column("Volume of the rim", "mm3")
    core_mean: float = _column("Mean of the core", "map")
    core_volume_mm3: float = _column("Volume of the core", "mm3")
    peri_mean: float = _column("Mean of the surroundings", "map")
    nawm_mean: float = _column("Mean of normal-appearing white matter", "map")
    rim_slices: int = _column("Slices on which the rim exceeds core and surroundings by the contrast")
    rim_candidate: str = _column("yes or no: worth a reader's look; empty where the lesion has no core")
    reference: str = _column("Region whose mean is called zero; empty if unknown")
    unit: str = _column("Unit of the susceptibilities of this row")
    map: str = _column("Name of the map")
    rim: str = _column("To be filled in by the reader: yes, no or uncertain", default="")
    rater: str = _column("To be filled in: who read", default="")
    central_vein: str = _column("To be filled in: yes, no or uncertain", default="")
    enhancing: str = _column("To be filled in: enhances with gadolinium, yes or no", default="")
    location: str = _column("To be filled in: such as periventricular, juxtacortical", default="")


def measure_lesions(
    susceptibility: SusceptibilityMap,
    parts: dict[int, Shells],
    matches: dict[int, Match],
    *,
    subject: str = "",
    visit: str = "",
    time_years: float = _NAN,
    nawm: np.ndarray | None = None,
    rim_contrast: float = RIM_CONTRAST,
    unit: str = "ppm",
) -> tuple[LesionRow, ...]:
    """Measure the lesions of one visit.

    Parameters
    ----------
    susceptibility : SusceptibilityMap
        The map. Only voxels inside its mask are measured.
    parts : dict of int to Shells
        Of the lesions, by label (`lesions.shells`).
    matches : dict of int to Match
        Numbers of the lesions over visits (`lesions.match_lesions`).
    subject, visit : str
        For the columns.
    time_years : float
        Time since the first visit.
    nawm : ndarray, bool, shape (k, j, i), optional
        Normal-appearing white matter.
    rim_contrast : float
        In ppb. A lesion is a candidate for a paramagnetic rim if, on at least 2 slices, its rim exceeds both its core
        and its surroundings (their means over all slices) by this much.
    unit : {"ppm", "ppb"}
        Unit of the measures.

    Returns
    -------
    tuple of LesionRow
        In the order of the numbers of the lesions.

    Raises
    ------
    ValueError
        If the unit is unknown, the contrast is not a number, or a value to be measured is not finite.
    """
    check_unit("unit", unit)
    if not np.isfinite(rim_contrast):
        raise ValueError(f"rim_contrast must be a number of ppb, but got {rim_contrast}.")
    factor = UNITS[unit] / UNITS[susceptibility.unit]
    volume = susceptibility.grid.voxel_volume
    everywhere = (slice(None),) * 3
    nawm_mean = _NAN if nawm is None else _mean(finite_values(susceptibility, everywhere, nawm, "the white matter"))
    rows = []
    for label, part in sorted(parts.items(), key=lambda item: matches[item[0]].lesion):
        match, name = matches[label], f"lesion {label}"
        lesion, rim, core, peri = (
            finite_values(susceptibility, part.box, inside, name) * factor
            for inside in (part.lesion, part.rim, part.core, part.surroundings)
        )
        size = int(np.count_nonzero(part.lesion))
        slices = _rim_slices(susceptibility, part, rim_contrast / 1000 * UNITS[susceptibility.unit])
        right, anterior, superior = _center(part, susceptibility.grid)
        rows.append(
            LesionRow(
                subject=subject, visit=visit, time_years=time_years, lesion=match.lesion, label=label,
                status=match.status, overlap=match.overlap, also_overlaps=" ".join(map(str, match.also_overlaps)),
                r_mm=right, a_mm=anterior, s_mm=superior, voxels=lesion.size, volume_mm3=size * volume,
                coverage=lesion.size / size, mean=_mean(lesion),
                sd=float(lesion.std(ddof=1)) if lesion.size > 1 else _NAN, rim_mean=_mean(rim),
                rim_volume_mm3=np.count_nonzero(part.rim) * volume, core_mean=_mean(core),
                core_volume_mm3=np.count_nonzero(part.core) * volume, peri_mean=_mean(peri),
                nawm_mean=nawm_mean * factor, rim_slices=slices,
                rim_candidate=("yes" if slices >= RIM_SLICES else "no") if core.size and peri.size else "",
                reference=susceptibility.reference.region if susceptibility.reference else "",
                unit=unit, map=susceptibility.name,
            )
        )
    return tuple(rows)


def _rim_slices(susceptibility: SusceptibilityMap, part: Shells, contrast: float) -> int:
    """Slices, across the array axis that runs most upward, on which the rim stands out."""
    mask = True if susceptibility.mask is None else susceptibility.mask[part.box]
    values = susceptibility.values[part.box]
    if not ((part.core & mask).any() and (part.surroundings & mask).any()):
        return 0
    level = contrast + max(values[part.core & mask].mean(), values[part.surroundings & mask].mean())
    axis = int(np.argmax(np.abs(np.asarray(susceptibility.grid.direction)[2])))
    across = tuple({0, 1, 2} - {axis})
    count = np.count_nonzero(part.rim & mask, axis=across)
    total = np.sum(values, axis=across, where=part.rim & mask, dtype=np.float64)
    return int(np.count_nonzero(total[count > 0] >= level * count[count > 0]))


def _center(part: Shells, grid: Grid) -> tuple[float, float, float]:
    index = np.argwhere(part.lesion).mean(axis=0) + [side.start for side in part.box]
    return tuple(float(x) for x in np.asarray(grid.direction) @ (index * grid.spacing) + grid.origin)


def _mean(values: Sequence[float] | np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else _NAN
