"""Facts about each image in a DICOM file, checked once where they enter.

Only what is needed to assemble a scan is read; nothing that identifies the patient is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..vendors import vendor_named
from .conventions import IMAGINARY, MAGNITUDE, PHILIPS_RESCALE, REAL, image_kind, philips_precise
from .headers import FrameHeader
from .parsing import discreet_pydicom, read_dataset

#: MR Image Storage, Enhanced MR Image Storage, Legacy Converted Enhanced MR Image Storage.
_MR_IMAGES = tuple(f"1.2.840.10008.5.1.4.1.1.4{suffix}" for suffix in ("", ".1", ".4"))
#: Above this, a field strength is in gauss, as some older scanners write it.
_LARGEST_TESLA = 100.0
#: No place in a scanner is further away than this, in mm, and no slope of an image larger than this.
_LARGEST_LENGTH, _LARGEST_VALUE = 1e5, 1e12
#: Echo times in s; those of one echo may differ from slice to slice in what is rounding.
_ECHO_TIME_DECIMALS = 6
#: Unit vectors in headers are rounded to about this.
_DIRECTION_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Frame:
    """One image of one slice.

    Attributes
    ----------
    path, index : Path, int
        The file, and the number of the frame in it from 0.
    enhanced : bool
        Whether the file may hold many images.
    instance, study, series, frame_of_reference : str
        Unique identifiers.
    series_number : int, optional
    description, protocol, sequence : str
    vendor : str
        As `io.vendors.vendor_named` calls it.
    kind, kind_source : str
        As `conventions.image_kind` finds it.
    echo_time : float, optional
        In s.
    echo_number : int, optional
    position : (float, float, float)
        Center of the first voxel, in mm, in LPS coordinates.
    orientation : six floats
        Unit vectors of increasing column and of increasing row in LPS coordinates.
    shape : (int, int)
        Rows, columns.
    pixel_spacing : (float, float)
        Between rows, between columns, in mm.
    slice_spacing : float, optional
        Between slices, or thickness where that is not told, in mm.
    slope, intercept, unit : float, float, str
        From stored values to values, and their unit as the header calls it, in lower case.
    rescaled : bool
        Whether the header gives the slope and intercept.
    bits_stored, signed : int, bool
        How values are stored.
    field_strength : float, optional
        In T.
    imaging_frequency : float, optional
        In MHz.
    """

    path: Path
    index: int
    enhanced: bool
    instance: str
    study: str
    series: str
    frame_of_reference: str
    series_number: int | None
    description: str
    protocol: str
    sequence: str
    vendor: str
    kind: str
    kind_source: str
    echo_time: float | None
    echo_number: int | None
    position: tuple[float, float, float]
    orientation: tuple[float, ...]
    shape: tuple[int, int]
    pixel_spacing: tuple[float, float]
    slice_spacing: float | None
    slope: float
    intercept: float
    unit: str
    rescaled: bool
    bits_stored: int
    signed: bool
    field_strength: float | None
    imaging_frequency: float | None


@discreet_pydicom()
def read_frames(path: Path) -> tuple[Frame, ...] | None:
    """What the header of a file says about each of its images.

    Returns
    -------
    tuple of Frame, or None
        None if the file is no DICOM file, or one without MR images.

    Raises
    ------
    ValueError
        If the file is empty, damaged, or lacks what places an image in space. The message completes a sentence that
        begins with the name of the file.
    """
    if path.stat().st_size == 0:
        raise ValueError("is empty")
    dataset = read_dataset(path, pixels=False)
    if dataset is None:
        return None
    header = FrameHeader(dataset)
    shows = header.text("SOPClassUID") or FrameHeader(dataset.file_meta).text("MediaStorageSOPClassUID")
    if not shows:
        raise ValueError("is cut short: it does not say what it holds")
    if shows not in _MR_IMAGES:
        return None
    count, described = header.number("NumberOfFrames") or 1, header.described_frames
    if described != count and (described or count != 1):
        raise ValueError(f"promises {count:g} frames, but describes {described}")
    return tuple(_frame(path, index, FrameHeader(dataset, index)) for index in range(max(described, 1)))


def _frame(path: Path, index: int, header: FrameHeader) -> Frame:
    vendor = vendor_named(header.text("Manufacturer"))
    kind, kind_source = image_kind(header, vendor)
    slope, intercept, unit, rescaled = _scale(header)
    if vendor == "Philips" and kind in (MAGNITUDE, REAL, IMAGINARY):
        slope, intercept = philips_precise(header, slope, intercept)
    echo_time = header.number("EffectiveEchoTime") or header.number("EchoTime")
    echo_number, series_number = header.number("EchoNumbers"), header.number("SeriesNumber")
    strength = header.number("MagneticFieldStrength") or None
    if strength is not None and strength > _LARGEST_TESLA:
        strength /= 1e4
    frequency = header.number("TransmitterFrequency") or header.number("ImagingFrequency") or None
    return Frame(
        path=path,
        index=index,
        enhanced=header.described_frames > 0,
        instance=header.text("SOPInstanceUID"),
        study=header.text("StudyInstanceUID"),
        series=header.text("SeriesInstanceUID"),
        frame_of_reference=header.text("FrameOfReferenceUID"),
        series_number=None if series_number is None else int(series_number),
        description=header.text("SeriesDescription"),
        protocol=header.text("ProtocolName"),
        sequence=header.text("PulseSequenceName") or header.text("SequenceName"),
        vendor=vendor,
        kind=kind,
        kind_source=kind_source,
        echo_time=round(echo_time / 1000, _ECHO_TIME_DECIMALS) if echo_time else None,
        echo_number=None if echo_number is None else int(echo_number),
        position=_position(header),
        orientation=_orientation(header),
        shape=_shape(header),
        pixel_spacing=_pixel_spacing(header),
        slice_spacing=header.number("SpacingBetweenSlices") or header.number("SliceThickness"),
        slope=slope,
        intercept=intercept,
        unit=unit,
        rescaled=rescaled,
        bits_stored=_bits_stored(header),
        signed=bool(header.number("PixelRepresentation")),
        field_strength=strength,
        imaging_frequency=frequency,
    )


def _scale(header: FrameHeader) -> tuple[float, float, str, bool]:
    """Slope, intercept and unit: the real world values if their unit is physical, else what rescaling says."""
    codes = header.value("MeasurementUnitsCodeSequence")
    unit = str(codes[0].get("CodeValue") or "").strip().lower() if isinstance(codes, Sequence) and codes else ""
    real_world, rescale = ((f"{source}Slope", f"{source}Intercept") for source in ("RealWorldValue", "Rescale"))
    physical = unit in ("rad", "mrad", "hz", "ppm", "[ppm]")
    for slope_name, intercept_name in (real_world, rescale) if physical else (rescale, real_world):
        slope, intercept = header.number(slope_name), header.number(intercept_name) or 0.0
        if slope is not None:
            break
    else:
        slope_name, intercept_name = "private slope", "private intercept"
        slope, intercept = (header.private_number(*tag) for tag in PHILIPS_RESCALE)
    if slope is None:
        return 1.0, 0.0, unit, False
    intercept = intercept or 0.0
    if slope == 0 or max(abs(slope), abs(intercept)) > _LARGEST_VALUE:
        raise ValueError(f"its {slope_name} or {intercept_name} is absurd")
    told = unit if physical and slope_name == real_world[0] else header.text("RescaleType").lower() or unit
    return slope, intercept, told, True


def _needed(header: FrameHeader, keyword: str, count: int) -> tuple[float, ...]:
    numbers = header.numbers(keyword, count) if header.value(keyword) is not None else ()
    if not numbers:
        raise ValueError(f"has no {keyword}")
    return numbers


def _position(header: FrameHeader) -> tuple[float, ...]:
    position = _needed(header, "ImagePositionPatient", 3)
    if max(map(abs, position)) > _LARGEST_LENGTH:
        raise ValueError("its ImagePositionPatient is outside of any scanner")
    return position


def _orientation(header: FrameHeader) -> tuple[float, ...]:
    x = _needed(header, "ImageOrientationPatient", 6)
    lengths = math.hypot(*x[:3]), math.hypot(*x[3:])
    product = sum(a * b for a, b in zip(x[:3], x[3:]))
    if any(abs(n - 1) > _DIRECTION_TOLERANCE for n in lengths) or abs(product) > _DIRECTION_TOLERANCE:
        raise ValueError("its ImageOrientationPatient is not two perpendicular unit vectors")
    return x


def _shape(header: FrameHeader) -> tuple[int, int]:
    rows, columns = (header.number(keyword) or 0 for keyword in ("Rows", "Columns"))
    if min(rows, columns) < 1:
        raise ValueError("says that it has no rows or no columns")
    return int(rows), int(columns)


def _pixel_spacing(header: FrameHeader) -> tuple[float, float]:
    spacing = _needed(header, "PixelSpacing", 2)
    if not 0 < min(spacing) <= max(spacing) < _LARGEST_LENGTH:
        raise ValueError("its PixelSpacing is not that of an image")
    return spacing


def _bits_stored(header: FrameHeader) -> int:
    bits = header.number("BitsStored") or 16
    if not 1 <= bits <= 64:
        raise ValueError("its BitsStored is not between 1 and 64")
    return int(bits)
