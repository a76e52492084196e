"""What differs from vendor to vendor: which tag says what an image shows, and in which scale phase is stored.

References
----------
DICOM PS3.3 C.8.13.3.1 (complex image component); conformance statements and images of the vendors.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .headers import FrameHeader

MAGNITUDE, PHASE, REAL, IMAGINARY = "magnitude", "phase", "real", "imaginary"
PHASE_DIFFERENCE, FIELD_MAP, SUSCEPTIBILITY, OTHER = "phase difference", "field map", "susceptibility", "other"

#: GE says in these what an image shows (raw data type) and, in its field maps, which of the two images it is.
_GE_DATA_TYPE, _GE_COLLAPSE, _GE_SEQUENCE = (0x0043, 0x102F), (0x0043, 0x1030), (0x0019, 0x109E)
_GE_KINDS = (MAGNITUDE, PHASE, REAL, IMAGINARY)
_GE_FIELD_MAP_MAGNITUDE = 2
_PHILIPS_DATA_TYPE = (0x2005, 0x1011)
#: Slope and intercept where the tags of the standard were left out, and the slope to the numbers that were measured.
PHILIPS_RESCALE = ((0x2005, 0x140A), (0x2005, 0x1409))
_PHILIPS_PRECISE = (0x2005, 0x100E)
_METHOD = "(_(FFE|TFE|GRE|SE|IR))?"
_WORDS = {
    MAGNITUDE: re.compile(rf"M{_METHOD}|MAG(NITUDE)?([ _]IMAGE)?"),
    PHASE: re.compile(rf"P{_METHOD}|PHA(SE)?([ _]?(MAP|IMAGE))?"),
    REAL: re.compile(rf"R{_METHOD}|REAL([ _](PART|IMAGE))?"),
    IMAGINARY: re.compile(rf"I{_METHOD}|IMAG(INARY)?([ _](PART|IMAGE))?"),
}
#: Words in the name of a series, which count only where no tag tells.
_NAMES = {
    PHASE: re.compile(r"(?<![a-z])pha?(se)?(?![a-z])", re.IGNORECASE),
    REAL: re.compile(r"(?<![a-z])real(?![a-z])", re.IGNORECASE),
    IMAGINARY: re.compile(r"(?<![a-z])imag(inary)?(?![a-z])", re.IGNORECASE),
}
#: Words of images that were computed from others and are neither magnitude nor phase of an echo, or hold many slices.
_COMPUTED = re.compile(
    r"^(SWI|MIP|MNIP|MINIP|MPR|PROJECTION IMAGE|ADC|TRACEW|FA|DIXON|WATER|FAT|PC|[MPRI]_PCA|MOSAIC|VFRAME)$|VELOCITY|"
    r"(?<!PHASE)_MAP$|(?<!PHASE)(?<!B0) MAP$"
)
_DIFFERENCE = re.compile(r"PHASE.?DIFF|^DELTA.?PHASE")
_FIELD = re.compile(r"^B0( MAP)?$|^FIELD.?MAP$")
#: The source of the kind of such images.
FIELD_MAPPING_SEQUENCE = "SequenceName of a field mapping sequence"
#: Siemens' field mapping sequence saves the phase difference of its two echoes as if it were a phase.
_SIEMENS_FIELD_MAPPING = re.compile(r"\*?fm2d", re.IGNORECASE)


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
        kinds = {kind for kind, names in _WORDS.items() for word in words if names.fullmatch(word)}
        if len(kinds) == 1:
            sources.setdefault(kinds.pop(), source)
    # Where tags contradict each other, one of them was left at magnitude, what images show as a rule.
    for kind in (PHASE, REAL, IMAGINARY, MAGNITUDE):
        if kind in sources:
            return kind, sources[kind]
    name = header.text("SeriesDescription")
    kinds = [kind for kind, words in _NAMES.items() if words.search(name)]
    if len(kinds) == 1:
        return kinds[0], "SeriesDescription, because no other tag says what they show"
    return MAGNITUDE, "assumed, because no tag says what they show"


def philips_precise(header: FrameHeader, slope: float, intercept: float) -> tuple[float, float]:
    """Slope and intercept to the numbers that the scanner measured, which are the same scale in all images of a scan.

    What the rescale tags give is meant for display, and its scale may change from image to image.

    Parameters
    ----------
    header : FrameHeader
    slope, intercept : float
        For display.

    Returns
    -------
    slope, intercept : float
        Those for display where the header has no other.

    References
    ----------
    Chenevert et al. 2014, 10.1593/tlo.13811
    """
    precise = header.private_number(*_PHILIPS_PRECISE)
    if precise is None or precise <= 0:
        return slope, intercept
    return 1 / precise, intercept / (slope * precise)


def _is_field_mapping(header: FrameHeader) -> bool:
    names = (header.text("SequenceName"), header.text("PulseSequenceName"))
    return any(map(_SIEMENS_FIELD_MAPPING.match, names))
