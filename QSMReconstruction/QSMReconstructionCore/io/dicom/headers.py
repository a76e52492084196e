"""What DICOM files say about each image in them, classic (one image a file) and enhanced (many) alike.

Only what is needed to assemble a scan is read; nothing that identifies the patient is. Messages name tags and files,
never the contents of a tag, because a damaged file may show anything in any place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..vendors import vendor_named
from .conventions import image_kind
from .parsing import discreet_pydicom, read_dataset

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

#: MR Image Storage, Enhanced MR Image Storage, Legacy Converted Enhanced MR Image Storage.
_MR_IMAGES = tuple(f"1.2.840.10008.5.1.4.1.1.4{suffix}" for suffix in ("", ".1", ".4"))
#: Where enhanced files keep, for each frame or for all, what classic files keep at the top level.
_FUNCTIONAL_GROUPS = {
    "EffectiveEchoTime": "MREchoSequence",
    "FrameType": "MRImageFrameTypeSequence",
    "ComplexImageComponent": "MRImageFrameTypeSequence",
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "SpacingBetweenSlices": "PixelMeasuresSequence",
    "SliceThickness": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
    "RescaleType": "PixelValueTransformationSequence",
    "RealWorldValueSlope": "RealWorldValueMappingSequence",
    "RealWorldValueIntercept": "RealWorldValueMappingSequence",
    "MeasurementUnitsCodeSequence": "RealWorldValueMappingSequence",
    "TransmitterFrequency": "MRImagingModifierSequence",
}
#: Above this, a field strength is in gauss, as some older scanners write it.
_LARGEST_TESLA = 100.0
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


class FrameHeader:
    """Look up what the header says about one frame, wherever it says so.

    Parameters
    ----------
    dataset : pydicom.Dataset
    index : int
        Number of the frame from 0.

    Attributes
    ----------
    described_frames : int
        How many frames the file describes one by one; 0 in classic files.
    """

    def __init__(self, dataset: Dataset, index: int = 0) -> None:
        self._dataset = dataset
        self._groups = [dataset]  # classic files keep real world values in a sequence, too
        frames, shared = (self._items(f"{whose}FunctionalGroupsSequence") for whose in ("PerFrame", "Shared"))
        self._groups = [*frames[index : index + 1], *shared[:1], dataset]
        self.described_frames = len(frames)

    def _items(self, keyword: str) -> Sequence[Dataset]:
        try:
            return self._dataset.get(keyword) or []
        except Exception as error:  # as in `value`
            raise ValueError(f"its {keyword} is damaged") from error

    def value(self, keyword: str) -> object:
        """Value of a tag, or None where it is missing or empty."""
        try:
            found = None
            if keyword in _FUNCTIONAL_GROUPS:
                items = (group.get(_FUNCTIONAL_GROUPS[keyword]) for group in self._groups)
                found = next((item[0].get(keyword) for item in items if item and keyword in item[0]), None)
            if found is None:
                found = self._dataset.get(keyword)
        except Exception as error:  # pydicom converts values when asked; a damaged one may raise anything
            raise ValueError(f"its {keyword} is damaged") from error
        return None if found is None or found == "" else found

    def text(self, keyword: str) -> str:
        """Text of a tag, empty where it is missing."""
        value = self.value(keyword)
        return "" if value is None else str(value).strip()

    def words(self, keyword: str) -> tuple[str, ...]:
        """Words of a tag of several, in upper case."""
        value = self.value(keyword)
        if value is None:
            return ()
        parts = [value] if isinstance(value, str) or not isinstance(value, Sequence) else value
        return tuple(str(part).strip().upper() for part in parts)

    def number(self, keyword: str) -> float | None:
        """Number of a tag, the first of several, or None where it is missing."""
        numbers = self.numbers(keyword)
        return numbers[0] if numbers else None

    def numbers(self, keyword: str, count: int | None = None) -> tuple[float, ...]:
        """Numbers of a tag; none where it is missing.

        Raises
        ------
        ValueError
            If they are not numbers, not finite, or not as many as `count`.
        """
        value = self.value(keyword)
        if value is None:
            return ()
        several = isinstance(value, Sequence) and not isinstance(value, (str, bytes))
        try:
            numbers = tuple(float(one) for one in (value if several else [value]))
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"its {keyword} is not a number") from None
        if not all(map(math.isfinite, numbers)):
            raise ValueError(f"its {keyword} is not finite")
        if count is not None and len(numbers) != count:
            raise ValueError(f"its {keyword} has {len(numbers)} numbers instead of {count}")
        return numbers

    def private(self, group: int, element: int) -> object:
        """Value of a private tag: an int or a text, or None where it is missing."""
        try:
            found = self._dataset.get((group, element))
            value = None if found is None else found.value
        except Exception as error:  # as in `value`
            raise ValueError(f"its private tag ({group:04X},{element:04X}) is damaged") from error
        if isinstance(value, bytes):  # nobody told pydicom the type of this tag
            text = value.strip(b" \0")
            return text.decode("ascii") if text.isalpha() else int.from_bytes(value[:2], "little")
        return value


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
    shows = header.text("SOPClassUID") or str(dataset.file_meta.get("MediaStorageSOPClassUID") or "")
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
        position=_needed(header, "ImagePositionPatient", 3),
        orientation=_orientation(header),
        shape=_shape(header),
        pixel_spacing=_pixel_spacing(header),
        slice_spacing=header.number("SpacingBetweenSlices") or header.number("SliceThickness"),
        slope=slope,
        intercept=intercept,
        unit=unit,
        rescaled=rescaled,
        bits_stored=int(header.number("BitsStored") or 16),
        signed=bool(header.number("PixelRepresentation")),
        field_strength=strength,
        imaging_frequency=frequency,
    )


def _scale(header: FrameHeader) -> tuple[float, float, str, bool]:
    """Slope, intercept and unit: the real world values if their unit is physical, else what rescaling says."""
    codes = header.value("MeasurementUnitsCodeSequence")
    unit = str(codes[0].get("CodeValue") or "").strip().lower() if isinstance(codes, Sequence) and codes else ""
    if unit in ("rad", "mrad", "hz", "ppm", "[ppm]") and header.number("RealWorldValueSlope"):
        return header.number("RealWorldValueSlope"), header.number("RealWorldValueIntercept") or 0.0, unit, True
    slope = header.number("RescaleSlope")
    if slope is None:
        return 1.0, 0.0, unit, False
    if slope == 0:
        raise ValueError("its RescaleSlope is 0")
    return slope, header.number("RescaleIntercept") or 0.0, header.text("RescaleType").lower() or unit, True


def _needed(header: FrameHeader, keyword: str, count: int) -> tuple[float, ...]:
    numbers = header.numbers(keyword, count) if header.value(keyword) is not None else ()
    if not numbers:
        raise ValueError(f"has no {keyword}")
    return numbers


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
    if min(spacing) <= 0:
        raise ValueError("its PixelSpacing is not positive")
    return spacing
