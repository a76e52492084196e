"""What differs from vendor to vendor: which tag says what an image shows, and in which scale phase is stored.

References
----------
DICOM PS3.3 C.8.13.3.1 (complex image component); conformance statements and images of the vendors.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .frames import Frame
    from .headers import FrameHeader

MAGNITUDE, PHASE, REAL, IMAGINARY = "magnitude", "phase", "real", "imaginary"
PHASE_DIFFERENCE, FIELD_MAP, SUSCEPTIBILITY, OTHER = "phase difference", "field map", "susceptibility", "other"

#: GE says in these what an image shows (raw data type) and, in its field maps, which of the two images it is.
_GE_DATA_TYPE, _GE_COLLAPSE, _GE_SEQUENCE = (0x0043, 0x102F), (0x0043, 0x1030), (0x0019, 0x109E)
_GE_KINDS = (MAGNITUDE, PHASE, REAL, IMAGINARY)
_GE_FIELD_MAP_MAGNITUDE = 2
_PHILIPS_DATA_TYPE = (0x2005, 0x1011)
_WORDS = {
    MAGNITUDE: ("M", "MAG", "MAGNITUDE", "M_FFE", "M_SE", "M_IR"),
    PHASE: ("P", "PHA", "PHASE", "PHASE MAP", "PHASE_MAP", "P_FFE", "P_SE", "P_IR"),
    REAL: ("R", "REAL", "R_FFE", "R_SE", "R_IR"),
    IMAGINARY: ("I", "IMAG", "IMAGINARY", "I_FFE", "I_SE", "I_IR"),
}
#: Words of images that were computed from others and are neither magnitude nor phase of an echo.
_COMPUTED = re.compile(
    r"^(SWI|MIP|MNIP|MINIP|MPR|PROJECTION IMAGE|ADC|TRACEW|FA|DIXON|WATER|FAT|PC|VELOCITY)$|VELOCITY|"
    r"(?<!PHASE)_MAP$|(?<!PHASE)(?<!B0) MAP$"
)
_DIFFERENCE = re.compile(r"PHASE.?DIFF|^DELTA.?PHASE")
_FIELD = re.compile(r"^B0( MAP)?$|^FIELD.?MAP$")
#: The source of the kind of such images.
FIELD_MAPPING_SEQUENCE = "SequenceName of a field mapping sequence"
#: Siemens' field mapping sequence saves the phase difference of its two echoes as if it were a phase.
_SIEMENS_FIELD_MAPPING = re.compile(r"\*?fm2d", re.IGNORECASE)

#: A header that gives pi in three digits means pi.
_ROUNDED_PI = 1e-3
#: GE stores phase in thousandths of a radian, with a sign.
_GE_LARGEST_PHASE = 3142


def image_kind(header: FrameHeader, vendor: str) -> tuple[str, str]:
    """What an image shows, and which tag says so.

    Parameters
    ----------
    header : FrameHeader
    vendor : str
        As `io.vendors.vendor_named` calls it.

    Returns
    -------
    kind, source : str
        One of the kinds of this module.
    """
    types = [word for keyword in ("ImageType", "FrameType") for word in header.words(keyword)[2:]]
    if "SUSCEPTIBILITY" in types:
        return SUSCEPTIBILITY, "ImageType"
    if any(map(_DIFFERENCE.search, types)):
        return PHASE_DIFFERENCE, "ImageType"
    units = header.value("MeasurementUnitsCodeSequence")
    in_hertz = header.text("RescaleType").lower() == "hz" or (units and str(units[0].get("CodeValue")).lower() == "hz")
    if any(map(_FIELD.search, types)) or in_hertz:
        return FIELD_MAP, "RescaleType" if in_hertz else "ImageType"
    if any(map(_COMPUTED.search, types)):
        return OTHER, "ImageType"
    if vendor == "GE":
        kind = _ge_kind(header)
        if kind is not None:
            return kind
    kind, source = _kind_in_words(header, types)
    if kind == PHASE and vendor == "Siemens" and _is_field_mapping(header):
        return PHASE_DIFFERENCE, FIELD_MAPPING_SEQUENCE
    return kind, source


def _ge_kind(header: FrameHeader) -> tuple[str, str] | None:
    if str(header.private(*_GE_SEQUENCE) or "").strip().lower() == "b0map":
        shows_magnitude = header.private(*_GE_COLLAPSE) == _GE_FIELD_MAP_MAGNITUDE
        return (MAGNITUDE if shows_magnitude else FIELD_MAP), "private tags (0019,109E) and (0043,1030)"
    number = header.private(*_GE_DATA_TYPE)
    if isinstance(number, int) and 0 <= number < len(_GE_KINDS):
        return _GE_KINDS[number], "private tag (0043,102F)"
    return None


def _kind_in_words(header: FrameHeader, types: list[str]) -> tuple[str, str]:
    philips = header.private(*_PHILIPS_DATA_TYPE)
    told = (
        ("ComplexImageComponent", header.words("ComplexImageComponent")),
        ("ImageType", types),
        ("private tag (2005,1011)", [philips.strip().upper()] if isinstance(philips, str) else []),
    )
    sources = {}
    for source, words in told:
        kinds = {kind for kind, names in _WORDS.items() for word in words if word in names}
        if len(kinds) == 1:
            sources.setdefault(kinds.pop(), source)
    # Where tags contradict each other, one of them was left at magnitude, what images show as a rule.
    for kind in (PHASE, REAL, IMAGINARY, MAGNITUDE):
        if kind in sources:
            return kind, sources[kind]
    return MAGNITUDE, "assumed, because no tag says what they show"


def _is_field_mapping(header: FrameHeader) -> bool:
    names = (header.text("SequenceName"), header.text("PulseSequenceName"))
    return any(map(_SIEMENS_FIELD_MAPPING.match, names))


def phase_scale(frame: Frame) -> tuple[float, float, str] | None:
    """Slope and intercept that take stored phase to radians, from the header and what is known of its vendor.

    Parameters
    ----------
    frame : Frame
        Any image of the phase.

    Returns
    -------
    slope, intercept, source : float, float, str
        Or None if neither tells; then only the values themselves can.

    Notes
    -----
    Phase is stored in all the numbers that its bits can express, and the smallest is -pi. So what the header makes
    of the smallest stored number tells the scale, whatever the unit. Where the unit is told as well, it has the last
    word, except that 3142 thousandths are pi.
    """
    smallest = -frame.intercept if frame.rescaled and not frame.signed else 0.0
    if frame.unit in ("rad", "mrad"):
        half = np.pi if frame.unit == "rad" else 1000 * np.pi
        if abs(smallest / half - 1) < _ROUNDED_PI:
            half = smallest
        return frame.slope * np.pi / half, frame.intercept * np.pi / half, f"header, in {frame.unit}"
    if smallest > 0 and abs(2 * smallest / (frame.slope * 2**frame.bits_stored) - 1) < _ROUNDED_PI:
        source = f"header, {-smallest:g} to {smallest:g} as -pi to pi"
        return frame.slope * np.pi / smallest, -np.pi, source
    if frame.vendor == "Siemens" and not frame.rescaled and not frame.signed:
        half = 2.0 ** (frame.bits_stored - 1)
        return np.pi / half, -np.pi, f"stored 0 to {2 * half - 1:g} as -pi to pi, as Siemens stores it"
    if frame.vendor == "GE" and frame.signed and frame.slope == 1 and frame.intercept == 0:
        return np.pi / _GE_LARGEST_PHASE, 0.0, "thousandths of a radian, as GE stores it"
    return None
