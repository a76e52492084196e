"""Measures of the regions of a susceptibility map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, make_dataclass
from functools import lru_cache

import numpy as np

from .descriptors import Descriptor, descriptor
from .distances import depth_inside
from .maps import UNITS, ParameterMap, SusceptibilityMap, check_unit
from .regions import Region, find_regions, union_mask
from .request import Request
from .sample import Sample

_NAN = float("nan")


def _column(title: str, description: str, unit: str = ""):
    """A field with what a table says about its column; the unit "map" stands for that of the row."""
    return field(metadata={"title": title, "description": description, "unit": unit})


@dataclass(frozen=True)
class Measurement:
    """One region of one map: a row of the tidy table, whose columns are these fields in this order.

    A measure is NaN where the region has no voxel to measure, the sd also where it has only one, and the coverage
    where the region has no voxel at all.
    """

    region: str = _column("Region", "Structure, without its side")
    side: str = _column("Side", "left or right; empty for the midline")
    label: int = _column("Label", "Value in the label image, or position in the segmentation")
    voxels: int = _column("Voxels", "Voxels measured: those of the region that lie inside the mask")
    volume_mm3: float = _column("Volume", "Volume measured", "mm3")
    mean: float = _column("Mean", "Mean susceptibility", "map")
    sd: float = _column("SD", "Standard deviation over the voxels (n - 1)", "map")
    median: float = _column("Median", "Median susceptibility", "map")
    p5: float = _column("P5", "5th percentile", "map")
    p25: float = _column("P25", "25th percentile", "map")
    p75: float = _column("P75", "75th percentile", "map")
    p95: float = _column("P95", "95th percentile", "map")
    coverage: float = _column("Coverage", "Fraction of the region that lies inside the mask and the field of view")
    reference: str = _column("Reference", "Region whose mean is called zero; empty if unknown")
    reference_mean: float = _column("Reference mean", "Mean of the reference region before it was called zero", "map")
    reference_sd: float = _column("Reference SD", "Standard deviation of the reference region", "map")
    unit: str = _column("Unit", "Unit of the susceptibilities of this row")
    map: str = _column("Map", "Name of the map")


@lru_cache
def row_type(names: tuple[str, ...] = ()) -> type[Measurement]:
    """The class of rows that have the columns of `Measurement` and, behind them, those of some descriptors.

    Parameters
    ----------
    names : tuple of str
        Descriptors (`descriptors.DESCRIPTORS`), each once.

    Returns
    -------
    type
        `Measurement` itself without names, else a dataclass that extends it.

    Raises
    ------
    ValueError
        If a name is unknown, occurs twice, or is a column of every table.
    """
    if not names:
        return Measurement
    if len(set(names)) < len(names):
        raise ValueError(f"Each descriptor can be asked for once, but got {', '.join(names)}.")
    if known := [name for name in names if name in Measurement.__dataclass_fields__]:
        raise ValueError(f"{known[0]!r} is a column of every table. Leave it out of the descriptors.")
    columns = [(one.name, one.kind, _column(one.title, one.description, one.unit)) for one in map(descriptor, names)]
    return make_dataclass("Measurement", columns, bases=(Measurement,), frozen=True)


def measure(
    susceptibility: SusceptibilityMap,
    regions: Sequence[Region],
    *,
    reference: str | None = None,
    unit: str = "ppm",
    request: Request | None = None,
) -> tuple[Measurement, ...]:
    """Measure every region of a map.

    Parameters
    ----------
    susceptibility : SusceptibilityMap
        The map, on the grid of the regions. Only voxels inside its mask are measured.
    regions : sequence of Region
        They may overlap.
    reference : str, optional
        Name of a region whose mean is subtracted from all values (a structure without its side takes both sides). By
        default, the reference of the map is kept.
    unit : {"ppm", "ppb"}
        Unit of the measures.
    request : Request, optional
        Descriptors to add as further columns.

    Returns
    -------
    tuple of Measurement
        One for each region, in their order.

    Raises
    ------
    ValueError
        If the unit, the reference, a descriptor or what it needs is unknown, no region has a voxel, the reference has
        none inside the mask, or a value to be measured is not finite.

    Notes
    -----
    Sums are accumulated in float64; percentiles interpolate linearly between order statistics. Referring to a region
    removes an offset that all regions share, and adds the error of that region's mean to each of them.
    """
    check_unit("unit", unit)
    _check_regions(regions)
    factor = UNITS[unit] / UNITS[susceptibility.unit]
    zero, zero_facts = _zero(susceptibility, regions, reference, UNITS[unit], factor)
    return _rows(susceptibility, regions, request or Request(), zero, factor, {**zero_facts, "unit": unit})


def values_of(
    susceptibility: SusceptibilityMap, regions: Sequence[Region], *, reference: str | None = None, unit: str = "ppm"
) -> tuple[np.ndarray, ...]:
    """The values that `measure` summarizes: for each region those of its voxels inside the mask, float64, shape (n,).

    Parameters and errors are those of `measure`.
    """
    check_unit("unit", unit)
    _check_regions(regions)
    factor = UNITS[unit] / UNITS[susceptibility.unit]
    zero, _ = _zero(susceptibility, regions, reference, UNITS[unit], factor)
    return _values(susceptibility, regions, zero, factor)


def measure_parameter(
    parameter: ParameterMap, regions: Sequence[Region], *, request: Request | None = None
) -> tuple[Measurement, ...]:
    """Measure every region of a map of another quantity, in its own unit and without a reference.

    Parameters
    ----------
    parameter : ParameterMap
        The map, on the grid of the regions.
    regions : sequence of Region
        They may overlap.
    request : Request, optional
        Descriptors to add. Those that need noise, norms or a threshold in ppb concern susceptibility; they are NaN.

    Returns
    -------
    tuple of Measurement
        One for each region, with the columns that `measure` gives for the same request.

    Raises
    ------
    ValueError
        As for `measure`.
    """
    _check_regions(regions)
    request = request or Request()
    facts = {"reference": "", "reference_mean": _NAN, "reference_sd": _NAN, "unit": parameter.unit}
    return _rows(parameter, regions, request, 0.0, 1.0, facts)


def _check_regions(regions: Sequence[Region]) -> None:
    if not any(region.voxels for region in regions):
        raise ValueError("None of the regions has a voxel on the map. Choose regions inside its field of view.")


def _values(measured, regions: Sequence[Region], zero: float, factor: float) -> tuple[np.ndarray, ...]:
    return tuple(
        (finite_values(measured, region.box, region.inside, region.name) - zero) * factor for region in regions
    )


def _rows(measured, regions, request: Request, zero: float, factor: float, facts: dict) -> tuple[Measurement, ...]:
    values = _values(measured, regions, zero, factor)
    chosen, row = tuple(map(descriptor, request.descriptors)), row_type(request.descriptors)
    samples = _samples(measured, regions, values, request, factor, facts["unit"]) if chosen else [None] * len(values)
    return tuple(
        row(
            region=region.structure,
            side=region.side,
            label=region.label,
            voxels=within.size,
            volume_mm3=within.size * measured.grid.voxel_volume,
            **_statistics(within),
            coverage=_coverage(region, within.size),
            **facts,
            map=measured.name,
            **{one.name: _described(one, sample) for one in chosen},
        )
        for region, within, sample in zip(regions, values, samples)
    )


def _samples(measured, regions, values, request: Request, factor: float, unit: str) -> list[Sample]:
    """What the descriptors look at: the values of each region with those of the regions it is compared to."""
    depth = None
    if "edge_distance_mm" in request.descriptors and measured.mask is not None:
        depth = depth_inside(measured.mask, measured.grid.spacing)
    by_name = {(region.structure, region.side): within for region, within in zip(regions, values)}
    neighbors = find_regions(regions, request.neighbor) if request.neighbor else ()
    is_susceptibility = unit in UNITS
    samples = []
    for region, within in zip(regions, values):
        neighbor = [one for one in neighbors if one.side == region.side] or neighbors
        noise, limit = None, _NAN
        if is_susceptibility and request.noise is not None:
            noise = _noise(measured, region, request.noise) * factor
        norm = request.norm_of(region)
        if is_susceptibility and norm:
            limit = norm.prediction_interval(request.age).high * UNITS[unit]
        other = {"left": "right", "right": "left"}.get(region.side)
        samples.append(
            Sample(
                values=within,
                unit=unit,
                voxel_volume=measured.grid.voxel_volume,
                side=region.side,
                noise=noise,
                opposite=by_name.get((region.structure, other)),
                neighbor=np.concatenate([by_name[one.structure, one.side] for one in neighbor]) if neighbor else None,
                neighbor_name=", ".join(one.name for one in neighbor),
                high_iron_threshold=limit,
                more_affected=request.more_affected,
                erosion=region.erosion,
                edge_distance=_edge_distance(measured, region, depth),
                weights=None if request.weights is None else _weights(measured, region, request.weights),
            )
        )
    return samples


def _edge_distance(measured, region: Region, depth: np.ndarray | None) -> float:
    if depth is None:
        return _NAN
    return float(np.min(_measured_voxels(measured, region.box, region.inside, depth), initial=np.inf))


def _noise(measured, region: Region, noise: np.ndarray) -> np.ndarray:
    noise = np.asarray(noise)
    if noise.shape != measured.grid.shape:
        raise ValueError(f"noise must have the shape of the map, {measured.grid.shape}, but got {noise.shape}.")
    found = _measured_voxels(measured, region.box, region.inside, noise)
    if not np.all(np.isfinite(found)) or np.any(found < 0):
        raise ValueError(f"noise must be finite and not negative, but is not so in {region.name}.")
    return found


def _weights(measured, region: Region, weights: np.ndarray) -> np.ndarray:
    weights = np.asarray(weights)
    if weights.shape != measured.grid.shape:
        raise ValueError(f"weights must have the shape of the map, {measured.grid.shape}, but got {weights.shape}.")
    found = _measured_voxels(measured, region.box, region.inside, weights)
    if not np.all((found >= 0) & (found <= 1)):
        raise ValueError(f"weights must lie between 0 and 1, but do not so in {region.name}.")
    return found


def _described(one: Descriptor, sample: Sample) -> float | str:
    if one.needs == "noise" and sample.noise is None:
        return _NAN  # a map of another quantity, whose noise is not given
    return one(sample)


def _zero(susceptibility, regions, reference, unit_per_ppm, factor) -> tuple[float, dict[str, object]]:
    """What to subtract, in the unit of the map, and what the rows say about it, in the unit of the rows."""
    known = susceptibility.reference
    if reference is None:
        facts = (known.region, known.mean * unit_per_ppm, known.sd * unit_per_ppm) if known else ("", _NAN, _NAN)
        return 0.0, dict(zip(("reference", "reference_mean", "reference_sd"), facts))
    chosen = find_regions(regions, reference)
    inside = union_mask(chosen, susceptibility.grid.shape)
    values = finite_values(susceptibility, (slice(None),) * 3, inside, f"the reference {reference}")
    if not values.size:
        raise ValueError(f"The reference region {reference!r} has no voxel inside the mask. Choose another region.")
    name = chosen[0].name if len(chosen) == 1 else chosen[0].structure
    statistics = _statistics(values * factor)
    return float(values.mean()), {
        "reference": name, "reference_mean": statistics["mean"], "reference_sd": statistics["sd"]
    }


def _measured_voxels(measured, box, inside: np.ndarray, volume: np.ndarray) -> np.ndarray:
    """Values of a volume where a region lies inside the mask of the map."""
    if measured.mask is not None:
        inside = inside & measured.mask[box]
    return volume[box][inside].astype(np.float64)


def finite_values(measured: SusceptibilityMap | ParameterMap, box, inside: np.ndarray, name: str) -> np.ndarray:
    """The values of a map in a part of a box, float64, shape (n,): those inside its mask, which must be finite."""
    values = _measured_voxels(measured, box, inside, measured.values)
    bad = values.size - int(np.count_nonzero(np.isfinite(values)))
    if bad:
        raise ValueError(
            f"{measured.name} has {bad} voxel(s) in {name} that are not finite (NaN or infinite). "
            "Give a mask that leaves them out."
        )
    return values


def _coverage(region: Region, measured: int) -> float:
    if region.voxels:
        return region.in_field * measured / region.voxels
    return _NAN if region.in_field else 0.0  # nothing to cover, or all of it beyond the field of view


def _statistics(values: np.ndarray) -> dict[str, float]:
    names = ("mean", "sd", "median", "p5", "p25", "p75", "p95")
    if not values.size:
        return dict.fromkeys(names, _NAN)
    p5, p25, median, p75, p95 = np.percentile(values, (5, 25, 50, 75, 95))
    sd = values.std(ddof=1) if values.size > 1 else _NAN
    return {name: float(x) for name, x in zip(names, (values.mean(), sd, median, p5, p25, p75, p95))}
