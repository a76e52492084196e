"""The facts of `io.protocol` from the tags of a DICOM file, classic or enhanced, and on request who was scanned."""

from __future__ import annotations

from collections.abc import Sequence

from ..protocol import PROTOCOL, as_fact
from .frames import Frame
from .headers import FrameHeader
from .parsing import discreet_pydicom, read_dataset

#: BIDS name -> DICOM keyword and factor, where keyword or unit differ, or the tag holds a number.
_TAGS = {
    "ManufacturersModelName": ("ManufacturerModelName", None),
    "SequenceName": ("SequenceName", None),
    "RepetitionTime": ("RepetitionTime", 1e-3),
    "FlipAngle": ("FlipAngle", 1.0),
    "PixelBandwidth": ("PixelBandwidth", 1.0),
    "ParallelReductionFactorInPlane": ("ParallelReductionFactorInPlane", 1.0),
    "ParallelReductionFactorOutOfPlane": ("ParallelReductionFactorOutOfPlane", 1.0),
    "EchoPlanar": ("EchoPlanarPulseSequence", None),
    "KSpaceTraversal": ("GeometryOfKSpaceTraversal", None),
    "NumberOfAverages": ("NumberOfAverages", 1.0),
    "PercentSampling": ("PercentSampling", 1.0),
    "PercentPhaseFieldOfView": ("PercentPhaseFieldOfView", 1.0),
    "InPlanePhaseEncodingDirectionDICOM": ("InPlanePhaseEncodingDirection", None),
    "AcquisitionDuration": ("AcquisitionDuration", 1.0),
}
#: BIDS names of facts that no tag of the standard tells, or that are read as more than text.
_WITHOUT_TAG = ("PulseSequenceType", "NonlinearGradientCorrection", "ImageOrientationPatientDICOM", "ReadoutPolarity")
_IDENTITY = ("PatientName", "PatientID", "PatientBirthDate", "StudyDate", "AccessionNumber")
#: Words of ImageType that tell of a correction for nonlinear gradients.
_CORRECTED = {"DIS2D", "DIS3D", "DIS2", "DIS3"}
_UNCORRECTED = {"ND"}


@discreet_pydicom()
def read_protocol(frame: Frame) -> dict[str, object]:
    """What the header of an image tells of scanner and sequence.

    Returns
    -------
    dict
        As `io.protocol.protocol_of`. A damaged tag counts as one that is missing: nothing is computed from these.
    """
    dataset = read_dataset(frame.path, pixels=False)
    if dataset is None:
        return {}
    header = FrameHeader(dataset, frame.index)
    told = {name: _fact(header, *_TAGS.get(name, (name, None))) for name in PROTOCOL if name not in _WITHOUT_TAG}
    told["SequenceName"] = told["SequenceName"] or _fact(header, "PulseSequenceName", None)
    words = set(_words(header, "ImageType"))
    if words & (_CORRECTED | _UNCORRECTED):
        told["NonlinearGradientCorrection"] = bool(words & _CORRECTED)
    return {name: told[name] for name in PROTOCOL if told.get(name) not in (None, "")}


@discreet_pydicom()
def read_identity(frame: Frame) -> dict[str, str]:
    """Who was scanned and when, by the names of the tags: only for those who ask for it.

    Returns
    -------
    dict
        What the header does not tell is absent.
    """
    dataset = read_dataset(frame.path, pixels=False)
    header = FrameHeader(dataset, frame.index)
    told = {keyword: _fact(header, keyword, None) for keyword in _IDENTITY}
    return {keyword: str(value) for keyword, value in told.items() if value}


def _fact(header: FrameHeader, keyword: str, factor: float | None) -> str | float | bool | None:
    try:
        if factor is None:
            return as_fact(" ".join(map(str, _parts(header.value(keyword)))))
        number = header.number(keyword)
    except ValueError:
        return None
    return None if number is None else as_fact(round(number * factor, 9))


def _parts(value: object) -> list:
    if value is None:
        return []
    several = isinstance(value, Sequence) and not isinstance(value, (str, bytes))
    return list(value) if several else [value]


def _words(header: FrameHeader, keyword: str) -> tuple[str, ...]:
    try:
        return header.words(keyword)
    except ValueError:
        return ()
