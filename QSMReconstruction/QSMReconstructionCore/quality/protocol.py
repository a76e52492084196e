"""Verdicts on how the scan was made, from what its headers tell: nothing here looks at a voxel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..acquisition import GAMMA_BAR, Acquisition
from .verdict import BAD, CAUTION, GOOD, NOT_ASSESSED, Question, Verdict

#: Spacings of echoes that differ by less than this part are equal: headers round echo times.
_SAME_SPACING = 0.02
#: Product of last echo time (ms) and B0 (T) below which tissue has gained little phase: 10 ms at 3 T, 4.3 ms at 7 T.
#: A field of 0.02 ppm, the contrast of gray and white matter, has then turned the phase by 0.16 rad, as noise of 1 / 6.
_SHORT = 30.0
#: Angles to B0 that differ by more than this, in degrees, are not those of the same slices.
_SAME_ANGLE = 2.0

ECHOES = Question(
    "echo_count", "Number of echoes",
    good="The scan has {value} echoes.",
    fault="The scan has fewer than three echoes ({value}), which leave nothing over to check the fit of the field by.",
    action="Prefer scans of three echoes or more; with one echo, the phase offset of the coils stays in the field.",
    caution=2, bad=-np.inf, decimals=0,
)  # fmt: skip
LAST_ECHO = Question(
    "last_echo_time", "Last echo time",
    good="The last echo comes at {value}, late enough for the contrast of tissue at this field strength.",
    fault="The last echo comes at {value}: tissue has turned its phase only a little by then, so the map is noisy.",
    action="Scan with a last echo near the T2* of the tissue, for instance 30 ms at 3 T.",
    caution=_SHORT / 3, bad=-np.inf, unit="ms", decimals=1,
)  # fmt: skip
ECHO_SPACING = Question(
    "echo_spacing", "Echo spacing",
    good="The echoes are equally spaced, to {value}.",
    fault="The distances between the echoes differ by {value}.",
    action="Field mapping takes this into account, but bipolar readout and wrong echoes cannot be told from the phase.",
    caution=100 * _SAME_SPACING, bad=np.inf, unit="%", decimals=1,
)  # fmt: skip
FREQUENCY = Question(
    "imaging_frequency", "Imaging frequency",
    good="The imaging frequency differs by {value} from that of the field strength; it is used for the scale of ppm.",
    fault="The imaging frequency differs by {value} from that of the field strength.",
    action="It is used for the scale of ppm; check that both are of this scan.",
    # Nominal 3 T is 2.89 T on some scanners, 3.5 % less (123.2 instead of 127.7 MHz); 5 % are refused by `Acquisition`.
    caution=4, bad=5, unit="%", decimals=1,
)  # fmt: skip
OBLIQUITY = Question(
    "obliquity", "Obliquity",
    good="B0 makes an angle of {value} with the nearest axis of the volume; the dipole kernel is turned with it.",
    fault="B0 makes an angle of {value} with the nearest axis of the volume.",
    action="Check the orientation of the volume.",
    caution=np.inf, bad=np.inf, unit="degrees", decimals=0,
)  # fmt: skip


def echo_count(scan: Acquisition) -> Verdict:
    """Whether there are enough echoes."""
    return ECHOES.judged(len(scan.echo_times))


def last_echo_time(scan: Acquisition) -> Verdict:
    """Whether phase had the time to develop."""
    limited = replace(LAST_ECHO, caution=_SHORT / scan.field_strength)
    return limited.judged(1000 * scan.echo_times[-1])


def echo_spacing(scan: Acquisition) -> Verdict:
    """Whether echoes are equally spaced."""
    spacings = np.diff(scan.echo_times)
    if len(spacings) < 2:
        return ECHO_SPACING.not_assessed("There are fewer than three echoes.")
    return ECHO_SPACING.judged(100 * (spacings.max() / spacings.min() - 1))


def imaging_frequency(scan: Acquisition) -> Verdict:
    """Whether the field strength fits the frequency at which the scanner ran."""
    told = scan.sources.get("imaging_frequency", "")
    if scan.imaging_frequency is None:
        reason = told.removeprefix("assumed: ").capitalize() or "The headers tell none"
        return FREQUENCY.not_assessed(
            f"{reason}. Values in ppm rest on the nominal field strength, which can be off by 4 %."
        )
    return FREQUENCY.judged(100 * abs(scan.imaging_frequency / (GAMMA_BAR * scan.field_strength) - 1))


def obliquity(scan: Acquisition) -> Verdict:
    """How far the volume is turned against B0."""
    return OBLIQUITY.judged(_tilt(scan.grid.b0_direction))


def orientation(scan: Acquisition) -> Verdict:
    """Whether the headers state the orientation, and agree on it."""
    name, title = "orientation", "Orientation"
    told = scan.sources.get("orientation", "")
    if told.startswith("assumed") and "b0_direction" not in scan.sources:
        return Verdict(
            name, title, CAUTION,
            f"The direction of B0 is not known, but {told}. If they are oblique, the map is wrong.",
            "Export the scan with its orientation, or give the direction of B0.",
        )  # fmt: skip
    stated = _numbers(scan.protocol.get("ImageOrientationPatientDICOM"))
    if len(stated) == 6:
        # A converter may flip and exchange axes, but the angle of B0 with the nearest axis remains.
        rows, columns = np.reshape(stated, (2, 3))
        scanned, stored = _tilt([rows[2], columns[2], np.cross(rows, columns)[2]]), _tilt(scan.grid.b0_direction)
        if abs(scanned - stored) > _SAME_ANGLE:
            return Verdict(
                name, title, BAD,
                f"The sidecar says that the volume was turned against B0 by {scanned:.0f} degrees, but the header of "
                f"the image says {stored:.0f}.",
                "The orientation was lost on the way, or the volume was resampled; convert the scan again.",
            )  # fmt: skip
    return Verdict(name, title, GOOD, f"The orientation is known: {told or 'given with the data'}.")


def _tilt(direction) -> float:
    """Angle of a direction with the nearest axis, in degrees."""
    return float(np.degrees(np.arccos(np.clip(np.abs(direction).max(), 0, 1))))


def partial_fourier(scan: Acquisition) -> Verdict:
    """Whether k-space was sampled completely."""
    name, title = "partial_fourier", "Partial Fourier"
    told = scan.protocol.get("PartialFourier")
    options = set(str(scan.protocol.get("ScanOptions", "")).upper().replace("\\", " ").split())
    reduced = " ".join(sorted(options & {"PFF", "PFP"}))
    if isinstance(told, (bool, str)):
        partial, shown = str(told).upper() in ("YES", "TRUE"), "as the header says"
    elif told is not None:
        partial, shown = 0 < told < 1, f"a fraction of {told:g}"
    elif options:
        partial, shown = bool(reduced), reduced
    else:
        return Verdict(name, title, NOT_ASSESSED, "The headers do not tell whether k-space was sampled completely.")
    if not partial:
        return Verdict(name, title, GOOD, "K-space was sampled completely.")
    return Verdict(
        name, title, CAUTION,
        f"K-space was sampled in part ({shown}), which blurs the phase where it varies quickly, as near sinuses.",
        "Scan without partial Fourier and partial echo, as the consensus paper recommends (10.1002/mrm.30006).",
    )  # fmt: skip


def slice_selection(scan: Acquisition) -> Verdict:
    """Whether the scan is two-dimensional."""
    name, title = "acquisition_type", "Acquisition type"
    told = str(scan.protocol.get("MRAcquisitionType", "")).upper()
    if told.startswith("3D"):
        return Verdict(name, title, GOOD, "The scan is three-dimensional.")
    if told.startswith("2D"):
        return Verdict(
            name, title, CAUTION,
            "The scan is two-dimensional: its slices have steps of phase between them, and often gaps.",
            "Prefer three-dimensional scans, as the consensus paper recommends (10.1002/mrm.30006).",
        )  # fmt: skip
    return Verdict(name, title, NOT_ASSESSED, "The headers do not tell whether the scan is two- or three-dimensional.")


def _numbers(told: object) -> list[float]:
    """The numbers in a text of them; none if it holds anything else."""
    try:
        return [float(word) for word in str(told).split()]
    except ValueError:
        return []


CHECKS = (
    echo_count, last_echo_time, echo_spacing, imaging_frequency, obliquity, orientation, partial_fourier,
    slice_selection,
)  # fmt: skip
