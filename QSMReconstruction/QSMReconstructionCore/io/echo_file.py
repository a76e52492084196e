"""One four-dimensional NIfTI file: all echoes of magnitude, or of phase, with what lies beside it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..acquisition import checked_echo_times
from ..grid import Grid
from .nifti import read_header, read_nifti
from .params import Params, read_params
from .phase_scale import phase_in_radians
from .protocol import protocol_of
from .scan import check_is_echo_phase, common_fact, listed_echo_times, sidecar

#: What headers (ImageType) call the two, and the words for them in file names.
_IMAGE_TYPES = {"magnitude": {"M", "MAGNITUDE", "M_FFE"}, "phase": {"P", "PHASE", "PHASE MAP"}}
_WORDS = {"magnitude": {"mag", "magn", "magnitude"}, "phase": {"ph", "pha", "phase"}}


@dataclass(frozen=True, eq=False)
class EchoFile:
    """The echoes of a file.

    Attributes
    ----------
    name : str
        Of the file, without its extension.
    role : {"magnitude", "phase"}
    values : ndarray, float32, shape (echo, k, j, i)
        Phase in rad with a paramagnetic source positive; magnitude in arbitrary units.
    echo_times : tuple of float
        In s.
    field_strength : float or None
        In T, where the sidecar tells it.
    imaging_frequency : float or None
        In MHz, where the sidecar tells it.
    grid : Grid
    sources : dict
        Where each fact came from.
    protocol : dict
        What else the sidecar tells, by BIDS name.
    """

    name: str
    role: str
    values: np.ndarray
    echo_times: tuple[float, ...]
    field_strength: float | None
    imaging_frequency: float | None
    grid: Grid
    sources: dict[str, str]
    protocol: dict[str, object]


def is_echo_file(path: str | os.PathLike) -> bool:
    """Whether a file looks like the echoes of magnitude or phase: several volumes, echo times beside it, a known role.

    Reads the header and the sidecar only; what is wrong with them is found out by `read_echo_file`.
    """
    path = Path(path)
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        return False
    try:
        facts, params = sidecar(path), _params(path)
        return (
            read_header(path).volumes > 1
            and (facts.get("EchoTime") is not None or params.echo_times is not None)
            and _role(path, facts) is not None
        )
    except ValueError:  # not readable at all, so not recognized either
        return False


def read_echo_file(path: str | os.PathLike) -> EchoFile:
    """Read the echoes of a four-dimensional NIfTI file.

    Parameters
    ----------
    path : path
        With a JSON sidecar of the same name (EchoTime: one number per echo, in s; MagneticFieldStrength,
        ImagingFrequency, Manufacturer, ImageType), or with a `params.json` in the same folder.

    Returns
    -------
    EchoFile

    Raises
    ------
    ValueError
        If the file or what lies beside it cannot be read or understood, or it is not told whether this is magnitude or
        phase, or what the echo times are.
    """
    path = Path(path)
    facts, params, header = sidecar(path), _params(path), read_header(path)
    role = _role(path, facts)
    if role is None:
        raise ValueError(
            f"Neither the name of {path.name} nor ImageType in its sidecar tells whether this is magnitude or phase. "
            "Rename it to contain 'mag' or 'phase'."
        )
    echo_times, source = listed_echo_times(path, facts.get("EchoTime"), header.volumes), "sidecar"
    if echo_times is None:
        echo_times, source = params.echo_times, "params.json"
    if echo_times is None:
        raise ValueError(
            f"Nothing beside {path.name} tells its echo times. Put a {path.name.partition('.')[0]}.json there, with "
            'EchoTime in seconds, such as {"EchoTime": [0.005, 0.010]}.'
        )
    if len(echo_times) != header.volumes:
        raise ValueError(f"{path.name} has {header.volumes} volumes, but {source} tells {len(echo_times)} echo times.")
    grid = params.oriented(header.grid, path.name)
    sources = {"echo_times": source, "orientation": "header" if header.oriented else "assumed: the slices are axial"}
    if role == "phase":
        check_is_echo_phase(path, facts)
        values, sources["phase"] = phase_in_radians([header], [read_nifti(path, stored=True)[0]],
                                                    facts.get("Manufacturer"))  # fmt: skip
    else:
        values = read_nifti(path)[0]
    order = np.argsort(echo_times, kind="stable")
    strength, frequency = (common_fact({path: facts}, key) for key in ("MagneticFieldStrength", "ImagingFrequency"))
    if strength is not None:
        sources["field_strength"] = "sidecar"
    elif params.field_strength is not None:
        strength, sources["field_strength"] = params.field_strength, "params.json"
    if frequency is not None:
        sources["imaging_frequency"] = "sidecar"
    return EchoFile(
        path.name.removesuffix(".gz").removesuffix(".nii"),
        role,
        np.asarray(values, dtype=np.float32).reshape(-1, *grid.shape)[order],
        checked_echo_times([echo_times[n] for n in order]),
        strength,
        frequency,
        grid,
        sources,
        protocol_of([facts]),
    )


def _params(path: Path) -> Params:
    beside = path.with_name("params.json")
    return read_params(beside) if beside.exists() else Params()


def _role(path: Path, facts: dict) -> str | None:
    """What ImageType says, or else the name of the file; None if they name neither, or both."""
    told = facts.get("ImageType")
    types = {text.upper() for text in told if isinstance(text, str)} if isinstance(told, list) else set()
    words = set(re.split(r"[^a-z]+", path.name.lower()))
    for found, names in ((types, _IMAGE_TYPES), (words, _WORDS)):
        roles = [role for role, known in names.items() if known & found]
        if len(roles) == 1:
            return roles[0]
    return None
