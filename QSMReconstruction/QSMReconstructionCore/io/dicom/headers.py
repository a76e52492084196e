"""Look up what a DICOM header says about one image, wherever it says so: classic and enhanced files alike.

Messages name tags, never the contents of a tag, because a damaged file may show anything in any place.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

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
    "PixelBandwidth": "MRImagingModifierSequence",
    "RepetitionTime": "MRTimingAndRelatedParametersSequence",
    "FlipAngle": "MRTimingAndRelatedParametersSequence",
    "FlowCompensation": "MRModifierSequence",
    "PartialFourier": "MRModifierSequence",
    "PartialFourierDirection": "MRModifierSequence",
    "ParallelAcquisitionTechnique": "MRModifierSequence",
    "ParallelReductionFactorInPlane": "MRModifierSequence",
    "ParallelReductionFactorOutOfPlane": "MRModifierSequence",
    "InPlanePhaseEncodingDirection": "MRFOVGeometrySequence",
    "PercentSampling": "MRFOVGeometrySequence",
    "PercentPhaseFieldOfView": "MRFOVGeometrySequence",
    "NumberOfAverages": "MRAveragesSequence",
    "ReceiveCoilName": "MRReceiveCoilSequence",
}
#: Enhanced files of Philips keep in this sequence of each frame what its classic files hold.
_PHILIPS_CLASSIC = (0x2005, 0x140F)


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
        value = self._private(group, element)
        if isinstance(value, bytes):  # nobody told pydicom the type of this tag
            text = value.strip(b" \0")
            return text.decode("ascii") if text.isalpha() else int.from_bytes(value[:2], "little")
        return value

    def private_number(self, group: int, element: int) -> float | None:
        """Number in a private tag of type FL or DS; None where it is missing, damaged or not finite."""
        value = self._private(group, element)
        if isinstance(value, bytes):  # nobody told pydicom the type of this tag
            value = struct.unpack("<f", value)[0] if len(value) == 4 else value.strip(b" \0").decode("ascii", "replace")
        try:
            number = float(value)
        except (TypeError, ValueError):
            return None
        return number if math.isfinite(number) else None

    def _private(self, group: int, element: int) -> object:
        try:
            for functional_group in self._groups:
                inner = functional_group.get(_PHILIPS_CLASSIC)
                items = inner.value if inner is not None and inner.VR == "SQ" else []
                for place in (functional_group, *items[:1]):
                    if (group, element) in place:
                        return place[group, element].value
            return None
        except Exception as error:  # as in `value`
            raise ValueError(f"its private tag ({group:04X},{element:04X}) is damaged") from error
