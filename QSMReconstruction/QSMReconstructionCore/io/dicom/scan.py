"""From the images of a scan to an `Acquisition`, with the source of every fact."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from ...acquisition import GAMMA_BAR, Acquisition
from ...progress import Progress, no_progress, part_of
from ..complex_parts import magnitude_and_phase
from ..phase_scale import Scale, phase_in_radians
from ..polarity import same_polarity
from ..vendors import OPPOSITE_SIGN, sign_source
from .conventions import IMAGINARY, MAGNITUDE, PHASE, REAL
from .phase_scale import phase_scale
from .pixels import read_stored, scaled
from .protocol import read_protocol
from .selection import Selection, select_scan
from .stacks import Stack, find_stacks

_PI = np.float32(np.pi)
#: Room for rounding beyond pi.
_ROUNDING = 1.001
#: An imaging frequency further from that of the field strength than this part is not one of protons.
_SAME_FREQUENCY = 0.05


def read_dicom(
    source: str | os.PathLike,
    *,
    series: int | None = None,
    echo_times: Sequence[float] | None = None,
    field_strength: float | None = None,
    progress: Progress = no_progress,
) -> Acquisition:
    """Read the gradient-echo scan in a DICOM folder or in one multi-frame file.

    Parameters
    ----------
    source : path
        A folder with any files, searched with all folders in it, or a file.
    series : int, optional
        Number of a series of the scan, needed only if there are several scans with phase.
    echo_times : sequence of float, optional
        In s, instead of those in the headers, in the order of the echo numbers.
    field_strength : float, optional
        In T, instead of that in the headers.
    progress : callable

    Returns
    -------
    Acquisition

    Raises
    ------
    ValueError
        If there is no scan with phase, several, an incomplete or a damaged one, or if pydicom is missing.
    """
    found = find_stacks(source, part_of(progress, 0.0, 0.5))
    scan = select_scan(found, series, by_number=echo_times is not None)
    return read_selection(
        scan, echo_times=echo_times, field_strength=field_strength, progress=part_of(progress, 0.5, 1.0)
    )


def read_selection(
    scan: Selection,
    *,
    echo_times: Sequence[float] | None = None,
    field_strength: float | None = None,
    progress: Progress = no_progress,
) -> Acquisition:
    """Read the values of a scan that was found; parameters and errors as `read_dicom`."""
    first = scan.stacks[0].first
    sources = {
        "images": str(scan),
        "orientation": "tags ImageOrientationPatient and ImagePositionPatient",
        "kinds": ", ".join(f"{kind}: {stacks[0].first.kind_source}" for kind, stacks in scan.parts.items()),
    }
    if echo_times is None:
        sources["echo_times"] = "tag EchoTime or EffectiveEchoTime"
        echo_times = [stack.echo_time for stack in next(iter(scan.parts.values()))]
    else:
        sources["echo_times"] = "given"
    if field_strength is None:
        field_strength, sources["field_strength"] = _field_strength(scan)
    else:
        sources["field_strength"] = "given"
    frequency, sources["imaging_frequency"] = _imaging_frequency(scan, field_strength)

    images = iter(read_stored([frame for stack in scan.stacks for frame in stack.frames], progress))
    stored = {kind: [[next(images) for _ in s.frames] for s in stacks] for kind, stacks in scan.parts.items()}
    if REAL in scan.parts:
        real, imaginary = (_volumes(stored[kind], scan.parts[kind]) for kind in (REAL, IMAGINARY))
        magnitude, phase = magnitude_and_phase(real, imaginary)
        sources["phase"] = sources["magnitude"] = "real and imaginary part"
    else:
        magnitude = _volumes(stored[MAGNITUDE], scan.parts[MAGNITUDE])
        phase, sources["phase"] = _phase([np.stack(images) for images in stored[PHASE]], scan.parts[PHASE])
    sources["phase_sign"] = sign_source(first.vendor)
    if first.vendor in OPPOSITE_SIGN:
        phase = -phase
    phase, polarity = same_polarity(magnitude, phase, first.vendor)
    if polarity:
        sources["slice_polarity"] = polarity
    return Acquisition(
        magnitude, phase, tuple(echo_times), field_strength, scan.stacks[0].grid, frequency, sources,
        read_protocol(first),
    )


def _volumes(stored: Sequence[Sequence[np.ndarray]], stacks: Sequence[Stack]) -> np.ndarray:
    """Values of one kind of image, shape (echo, k, j, i)."""
    return np.stack([scaled(images, stack.frames) for images, stack in zip(stored, stacks)])


def _phase(stored: Sequence[np.ndarray], stacks: Sequence[Stack]) -> tuple[np.ndarray, str]:
    """Phase in rad with the vendor's sign, shape (echo, k, j, i), and how it was found."""
    first = stacks[0].first
    scales = [[phase_scale(frame) for frame in stack.frames] for stack in stacks]
    if all(scale is not None for stack in scales for scale in stack):
        volumes = [_in_radians(*pair) for pair in zip(stored, scales)]
        largest = max(float(np.abs(volume).max()) for volume in volumes)
        if largest <= np.pi * _ROUNDING:
            return np.clip(np.stack(volumes), -_PI, _PI), scales[0][0][2]
    told = {(frame.slope, frame.intercept) for stack in stacks for frame in stack.frames}
    if len(told) > 1:
        raise ValueError(f"{stacks[0].name.capitalize()} is scaled in several ways. Export the series again.")
    scale = Scale(*told.pop())
    vendor = first.vendor if first.vendor not in OPPOSITE_SIGN else None  # the sign is not changed here
    values, source = phase_in_radians([scale] * len(stored), stored, vendor)
    return np.clip(values, -_PI, _PI), f"assumed from the values, because no tag tells: {source}"


def _in_radians(stored: np.ndarray, scales: list[tuple[float, float, str]]) -> np.ndarray:
    slopes, intercepts = (np.array([s[n] for s in scales], dtype=np.float32)[:, None, None] for n in (0, 1))
    return stored * slopes + intercepts


def _field_strength(scan: Selection) -> tuple[float, str]:
    told = {frame.field_strength for stack in scan.stacks for frame in stack.frames if frame.field_strength}
    if told and max(told) - min(told) > 1e-3 * max(told):
        raise ValueError(
            f"The images tell field strengths from {min(told):g} to {max(told):g} T. All must be of one scan."
        )
    if told:
        return told.pop(), "tag MagneticFieldStrength"
    frequency = _frequency(scan)
    if frequency is None:
        raise ValueError("The headers tell neither the field strength nor the imaging frequency. Give the former in T.")
    return frequency / GAMMA_BAR, "tag ImagingFrequency or TransmitterFrequency, divided by gamma"


def _imaging_frequency(scan: Selection, field_strength: float) -> tuple[float | None, str]:
    frequency = _frequency(scan)
    if frequency is None:
        return None, "assumed: that of the field strength, because the headers tell none"
    if not abs(frequency - GAMMA_BAR * float(field_strength)) < _SAME_FREQUENCY * frequency:
        return None, f"assumed: that of the field strength, because {frequency:g} MHz in the header does not fit it"
    return frequency, "tag ImagingFrequency or TransmitterFrequency"


def _frequency(scan: Selection) -> float | None:
    told = (frame.imaging_frequency for stack in scan.stacks for frame in stack.frames)
    return next((frequency for frequency in told if frequency), None)
