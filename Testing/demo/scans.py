"""The scan of the demo: simulated, with its truth, or read from files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from QSMReconstructionCore.acquisition import Acquisition
from QSMReconstructionCore.io.bids import find_scan
from QSMReconstructionCore.io.scan import read_scan
from QSMReconstructionCore.phantom import LABELS, head_phantom
from QSMReconstructionCore.progress import Progress, no_progress

#: Size of the simulated head's volume along (k, j, i), in mm.
_FIELD_OF_VIEW = (180.0, 216.0, 180.0)


@dataclass(frozen=True, eq=False)
class Truth:
    """What the simulation knows. Arrays have shape (k, j, i).

    Attributes
    ----------
    susceptibility : ndarray, float32
        In ppm relative to water.
    mask : ndarray, bool
        The brain.
    labels : ndarray, uint8
        Regions, 0 where there is none.
    names : dict
        Label -> name.
    """

    susceptibility: np.ndarray
    mask: np.ndarray
    labels: np.ndarray
    names: dict[int, str]


@dataclass(frozen=True, eq=False)
class DemoScan:
    """A scan and what is known about it.

    Attributes
    ----------
    name : str
        What its nodes in the scene are called.
    description : str
        One sentence for the report.
    acquisition : Acquisition
    truth : Truth or None
        None for a scan that was not simulated.
    files : tuple of Path
        The files it was read from.
    """

    name: str
    description: str
    acquisition: Acquisition
    truth: Truth | None = None
    files: tuple[Path, ...] = ()


def simulated_scan(
    voxel_size: Sequence[float],
    *,
    field_strength: float | None = None,
    echo_times: Sequence[float] | None = None,
    snr: float = 100.0,
    tilt: Sequence[float] = (0.0, 0.0),
    progress: Progress = no_progress,
) -> DemoScan:
    """Simulate a scan of a head.

    Parameters
    ----------
    voxel_size : (float, float, float)
        Along (k, j, i), in mm.
    field_strength, echo_times, snr, tilt, progress
        See `head_phantom`; 3 T if not given.

    Raises
    ------
    ValueError
        If the parameters do not describe a scan.
    """
    if len(voxel_size) != 3 or not min(voxel_size) > 0:
        raise ValueError(f"The voxel size must be one or three positive lengths in mm, but got {list(voxel_size)}.")
    phantom = head_phantom(
        shape=tuple(round(length / size) for length, size in zip(_FIELD_OF_VIEW, voxel_size)),
        spacing=tuple(voxel_size),
        field_strength=field_strength or 3.0,
        echo_times=None if echo_times is None else tuple(echo_times),
        snr=snr,
        tilt=tuple(tilt),
        progress=progress,
    )
    truth = Truth(phantom.susceptibility, phantom.mask, phantom.labels, LABELS)
    oblique = f", slices tilted by {tilt[0]:g} and {tilt[1]:g} degrees" if any(tilt) else ""
    return DemoScan("Head", f"Simulated head, signal-to-noise ratio {snr:g}{oblique}", phantom.acquisition, truth)


def file_scan(
    phase: Sequence[Path],
    magnitude: Sequence[Path],
    *,
    echo_times: Sequence[float] | None = None,
    field_strength: float | None = None,
) -> DemoScan:
    """Read a scan from NIfTI files; see `read_scan` for the parameters and errors."""
    acquisition = read_scan(phase, magnitude, echo_times=echo_times, field_strength=field_strength)
    name = phase[0].name.partition(".")[0]
    return DemoScan(name, f"Scan read from {phase[0]}", acquisition, files=(*phase, *magnitude))


def bids_scan(
    root: Path,
    subject: str | None = None,
    session: str | None = None,
    *,
    echo_times: Sequence[float] | None = None,
    field_strength: float | None = None,
) -> DemoScan:
    """Read a scan from a BIDS data set; the subject may be left out where there is only one.

    Raises
    ------
    ValueError
        If the subject is not clear, or as `find_scan` and `read_scan` do.
    """
    if subject is None:
        subjects = sorted(folder.name for folder in root.glob("sub-*") if folder.is_dir())
        if len(subjects) != 1:
            there = f"{', '.join(subjects[:10])}{', ...' if len(subjects) > 10 else ''}" if subjects else "none"
            raise ValueError(f"Choose one subject of {root} with --subject. There are: {there}.")
        (subject,) = subjects
    found = find_scan(root, subject, session)
    acquisition = read_scan(
        **found.parts, echo_times=echo_times, field_strength=field_strength, metadata=found.metadata
    )
    name = found.derivative_prefix.name
    about = f"Scan {name} of the BIDS data set {root.resolve().name}"
    return DemoScan(name, about, acquisition, files=found.files)
