"""Assemble a scan from NIfTI files: phase and magnitude of every echo, and every fact with where it was found."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..acquisition import Acquisition, checked_echo_times, checked_mask
from ..cores import on_all_cores
from ..grid import Grid
from .complex_parts import magnitude_and_phase
from .nifti import read_header, read_nifti
from .nifti_header import Header
from .params import Params, is_number, read_json
from .phase_scale import phase_in_radians
from .polarity import same_polarity
from .protocol import protocol_of
from .vendors import OPPOSITE_SIGN, sign_source, vendor_named

#: Volumes whose voxels lie apart by less than this part of a voxel share a grid; headers are rounded.
_SAME_PLACE = 0.01


def sidecar(path: Path) -> dict:
    """What the JSON file of the same name beside a NIfTI file says; empty where there is none."""
    beside = path.with_name(_stem(path) + ".json")
    return read_json(beside) if beside.exists() else {}


def read_scan(
    phase: Sequence[str | os.PathLike] = (),
    magnitude: Sequence[str | os.PathLike] = (),
    *,
    real: Sequence[str | os.PathLike] = (),
    imaginary: Sequence[str | os.PathLike] = (),
    echo_times: Sequence[float] | None = None,
    field_strength: float | None = None,
    params: Params | None = None,
    metadata: Callable[[Path], dict] = sidecar,
) -> Acquisition:
    """Read a scan from one 4D file, or one 3D file per echo, of each of its two parts.

    Parameters
    ----------
    phase, magnitude : sequence of path
        The files. If their sidecars tell the echo times they are put in order by them; otherwise they stand in the
        order of the echo times given.
    real, imaginary : sequence of path
        Real and imaginary part instead of phase and magnitude.
    echo_times : sequence of float, optional
        In s. Taken from `params`, then from the sidecars (EchoTime), if not given.
    field_strength : float, optional
        In T. Taken from `params`, then from the sidecars (MagneticFieldStrength), if not given.
    params : Params, optional
        Contents of a `params.json`. Its B0 direction overrides that of the header.
    metadata : callable
        Gives the sidecar of a file as a dict.

    Returns
    -------
    Acquisition
        With the source of every fact.

    Raises
    ------
    ValueError
        If a file cannot be read, grids or numbers of echoes differ, a fact is missing, or the phase has an unknown
        scale.
    """
    params = params or Params()
    parts = _given_parts(phase=phase, magnitude=magnitude, real=real, imaginary=imaginary)
    files = [path for paths in parts.values() for path in paths]
    headers = {path: read_header(path) for path in files}
    facts = {path: metadata(path) for path in files}
    for path in parts.get("phase", ()):
        check_is_echo_phase(path, facts[path])
    grid = _common_grid(headers)
    counts = {name: sum(headers[path].volumes for path in paths) for name, paths in parts.items()}
    (one, first), (other, second) = counts.items()
    if first != second:
        raise ValueError(f"{one} has {first} echo(es), but {other} has {second}. Give both of every echo.")

    sources = {"orientation": "header" if all(h.oriented for h in headers.values()) else
               "assumed: the slices are axial, because the header states no orientation"}
    if params.b0_direction is not None:
        sources["b0_direction"] = "params.json"
    grid = params.oriented(grid, files[0].name)

    orders = {name: list(range(first)) for name in parts}
    if echo_times is not None:
        sources["echo_times"] = "given"
    elif params.echo_times is not None:
        echo_times, sources["echo_times"] = params.echo_times, "params.json"
    else:
        echo_times, orders = _echo_times_of_sidecars(parts, headers, facts)
        sources["echo_times"] = "sidecar"
    echo_times = checked_echo_times(echo_times)

    if field_strength is not None:
        sources["field_strength"] = "given"
    elif params.field_strength is not None:
        field_strength, sources["field_strength"] = params.field_strength, "params.json"
    else:
        field_strength = common_fact(facts, "MagneticFieldStrength")
        sources["field_strength"] = "sidecar"
    frequency = common_fact(facts, "ImagingFrequency")
    sources["imaging_frequency"] = (
        "sidecar" if frequency is not None else "assumed: that of the field strength, because no sidecar tells it"
    )

    protocol = protocol_of(facts.values())
    manufacturer = str(protocol.get("Manufacturer", ""))
    vendor = vendor_named(manufacturer)
    sources["phase_sign"] = sign_source(vendor)
    read = _read_together(parts)
    values = {name: _joined(read.pop(name), grid) for name in parts if name != "phase"}
    if "phase" in parts:
        values["phase"], sources["phase"] = phase_in_radians(
            [headers[path] for path in parts["phase"]], read.pop("phase"), manufacturer
        )
    else:
        values["magnitude"], values["phase"] = magnitude_and_phase(values.pop("real"), values.pop("imaginary"))
        if vendor in OPPOSITE_SIGN:
            values["phase"] = -values["phase"]
        sources["phase"] = sources["magnitude"] = "real and imaginary part"
        orders = dict(zip(("magnitude", "phase"), orders.values()))
    magnitude_values, phase_values = (_ordered(values[name], orders[name]) for name in ("magnitude", "phase"))
    phase_values, polarity = same_polarity(magnitude_values, phase_values, vendor)
    if polarity:
        sources["slice_polarity"] = polarity
    return Acquisition(
        magnitude_values, phase_values, echo_times, field_strength, grid, frequency, sources, protocol
    )


def read_volume(path: str | os.PathLike, grid: Grid, name: str) -> np.ndarray:
    """Read one volume that must lie on a given grid.

    Parameters
    ----------
    path : path
    grid : Grid
        The grid of the data it belongs to.
    name : str
        What it is, for messages.

    Returns
    -------
    ndarray, shape (k, j, i)

    Raises
    ------
    ValueError
        If the file cannot be read, holds several volumes, or lies elsewhere.
    """
    values, own = read_nifti(path)
    if values.ndim != 3:
        raise ValueError(f"{name} must be one volume, but {path} holds {len(values)}.")
    _check_same_grid(own, grid, f"{name} ({path})", "the data")
    return values


def read_mask(path: str | os.PathLike, grid: Grid) -> np.ndarray:
    """Read a mask on a given grid as bool array; errors as `read_volume`, and if it is empty."""
    return checked_mask(read_volume(path, grid, "mask"), grid.shape)


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".nii")


def _given_parts(**given: Sequence[str | os.PathLike]) -> dict[str, list[Path]]:
    """The two parts of the scan and their files: phase and magnitude, or real and imaginary."""
    files = {name: [Path(path) for path in paths] for name, paths in given.items() if len(paths)}
    pair = ("real", "imaginary") if files.keys() & {"real", "imaginary"} else ("phase", "magnitude")
    for name in files:
        if name not in pair:
            raise ValueError(f"{name} cannot go with {' and '.join(files.keys() & set(pair))}. Give one pair of parts.")
    for name in pair:
        if name not in files:
            raise ValueError(f"{name} has no file. Give one 4D file or one 3D file per echo.")
    return {name: files[name] for name in pair}


def _read_together(parts: dict[str, list[Path]]) -> dict[str, list[np.ndarray]]:
    """What the files of each part hold, of the phase as stored: a file on each core, because most are compressed."""
    jobs = [(path, name == "phase") for name, paths in parts.items() for path in paths]
    arrays = iter(on_all_cores(lambda job: read_nifti(job[0], stored=job[1])[0], jobs))
    return {name: [next(arrays) for _ in paths] for name, paths in parts.items()}


def _joined(arrays: list[np.ndarray], grid: Grid) -> np.ndarray:
    """All volumes in one array; those of a single file need no copy."""
    volumes = [array.reshape(-1, *grid.shape) for array in arrays]
    return volumes[0] if len(volumes) == 1 else np.concatenate(volumes)


def check_is_echo_phase(path: Path, facts: dict) -> None:
    if str(facts.get("Units", "")).lower() in ("hz", "rad/s", "t", "ppm"):
        raise ValueError(f"{path} is a field map in {facts['Units']}, not the phase of an echo.")
    if "EchoTime1" in facts and "EchoTime2" in facts:
        raise ValueError(
            f"{path} is the difference of the phases of two echoes, not the phase of an echo. "
            "Give the phase of each echo, which the scanner saves on request."
        )


def _common_grid(headers: dict[Path, Header]) -> Grid:
    (first, header), *others = headers.items()
    for path, other in others:
        _check_same_grid(other.grid, header.grid, str(path), str(first))
    return header.grid


def _check_same_grid(grid: Grid, wanted: Grid, name: str, other: str) -> None:
    if grid.shape != wanted.shape:
        own, needed = (" x ".join(map(str, g.shape[::-1])) for g in (grid, wanted))
        raise ValueError(f"{name} has {own} voxels, but {other} has {needed}. All must be from one scan.")
    if not grid.same_geometry(wanted, _SAME_PLACE * min(wanted.spacing)):
        raise ValueError(
            f"{name} lies elsewhere in the scanner than {other}: origin, voxel size or orientation differ. "
            "Resample it to the same grid first."
        )


def common_fact(facts: dict[Path, dict], key: str) -> float | None:
    """A number on which all sidecars that tell it agree."""
    told = {path: f[key] for path, f in facts.items() if f.get(key) is not None}
    for path, value in told.items():
        if not is_number(value):
            raise ValueError(f"{key} in the sidecar of {path} must be a number, but got {value!r}.")
    if told and max(told.values()) - min(told.values()) > 1e-3 * max(told.values()):
        (a, x), (b, y) = (pick(told.items(), key=lambda item: item[1]) for pick in (min, max))
        raise ValueError(f"{key} is {x:g} for {a}, but {y:g} for {b}. All echoes must be from one scan.")
    return next(iter(told.values()), None)


def _echo_times_of_sidecars(
    parts: dict[str, list[Path]], headers: dict[Path, Header], facts: dict[Path, dict]
) -> tuple[list[float] | None, dict[str, list[int]]]:
    """Increasing echo times, and for each part the order of its volumes in which they increase."""
    times = {}
    for name, paths in parts.items():
        told = [listed_echo_times(path, facts[path].get("EchoTime"), headers[path].volumes) for path in paths]
        if any(told):
            missing = [path for path, t in zip(paths, told) if t is None]
            if missing:
                raise ValueError(f"The sidecar of {missing[0]} tells no EchoTime. Give all echo times yourself.")
            times[name] = [t for one in told for t in one]
    if not times:
        return None, {name: [] for name in parts}
    known = next(iter(times.values()))
    orders = {name: np.argsort(times.get(name, known), kind="stable") for name in parts}
    ordered = {name: np.take(times.get(name, known), order) for name, order in orders.items()}
    (one, first), (other, second) = ordered.items()
    if not np.allclose(first, second, atol=1e-5):
        of_one, of_other = (", ".join(f"{t:g}" for t in part) for part in (first, second))
        raise ValueError(
            f"{one} has the echo times {of_one} s, but {other} has {of_other} s. Give both of the same scan."
        )
    return first.tolist(), {name: order.tolist() for name, order in orders.items()}


def _ordered(volumes: np.ndarray, order: list[int]) -> np.ndarray:
    return volumes if order == sorted(order) else volumes[order]


def listed_echo_times(path: Path, told: object, count: int) -> list[float] | None:
    if told is None:
        return None
    times = told if isinstance(told, list) else [told]
    if not all(map(is_number, times)) or len(times) != count:
        raise ValueError(
            f"EchoTime in the sidecar of {path} must be {count} number(s) in seconds, but got {told!r}. "
            "Give the echo times yourself."
        )
    return [float(t) for t in times]
