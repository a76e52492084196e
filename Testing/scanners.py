"""Write a scan as DICOM the way scanners of several vendors export it, for tests of the reader.

The names of the files say nothing about what is in them, as on a real disk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from QSMReconstructionCore.acquisition import Acquisition

#: Stands in every tag where scanners write names; must never come out anywhere.
PATIENT = "Sesam^Geheim"
CLASSIC, ENHANCED = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"
_ROOT = "1.2.826.0.1.3680043.8.498.77."
#: Largest magnitude after scaling, in unsigned images of 12 bits and in signed ones of 16.
_PEAK, _SIGNED_PEAK = 4000, 30000
_PI_4096, _PI_MRAD = 4096 / np.pi, 3142 / np.pi


@dataclass(frozen=True)
class Storage:
    """How one kind of image is stored.

    Attributes
    ----------
    kind : str
        magnitude, phase, real or imaginary.
    series : int
    words : tuple of str
        The third and further values of ImageType.
    slope, intercept : float
        In the header, if `rescaled`. Stored values are whole numbers.
    units_per_value : float
        What the header's values are per rad of phase; 1 for other kinds.
    """

    kind: str
    series: int
    words: tuple[str, ...]
    slope: float = 1.0
    intercept: float = 0.0
    rescaled: bool = False
    rescale_type: str = "US"
    signed: bool = False
    units_per_value: float = 1.0
    unit_code: str = ""
    private: dict[tuple[int, int], tuple[str, object]] = field(default_factory=dict)
    description: str = "gre_qsm"


@dataclass(frozen=True)
class Manner:
    """How a vendor exports: its name, its kinds of images, and the sign of its phase."""

    manufacturer: str
    storages: tuple[Storage, ...]
    enhanced: bool = False
    opposite_sign: bool = False
    alternating: bool = False
    echo_numbers: bool = True
    sequence: str = "gre3d"


_M, _P, _R, _I = "magnitude", "phase", "real", "imaginary"
_SIEMENS_PHASE = dict(slope=2, intercept=-4096, rescaled=True, units_per_value=_PI_4096)
_PHILIPS_PHASE = dict(slope=2 * 3142 / 4095, intercept=-3142, rescaled=True, units_per_value=_PI_MRAD)
_GE = dict(signed=True)


def _ge(number: int) -> dict:
    return {"private": {(0x0043, 0x102F): ("SS", number)}}


MANNERS = {
    "siemens": Manner(
        "SIEMENS",
        (Storage(_M, 5, ("M", "ND")), Storage(_P, 6, ("P", "ND"), **_SIEMENS_PHASE)),
    ),
    "siemens xa": Manner(
        "Siemens Healthineers",
        (Storage(_M, 5, ("M", "NONE")), Storage(_P, 6, ("P", "NONE"), **_SIEMENS_PHASE)),
        enhanced=True, echo_numbers=False,
    ),
    "philips": Manner(
        "Philips Medical Systems",
        (
            Storage(_M, 301, ("M_FFE", "M", "FFE"), slope=1.3, rescaled=True, rescale_type="normalized"),
            Storage(_P, 301, ("PHASE MAP", "P", "FFE"), **_PHILIPS_PHASE, rescale_type="mrad", unit_code="mrad"),
        ),
    ),
    "philips enhanced": Manner(
        "Philips",
        (
            Storage(_M, 301, ("T1", "M"), slope=1.3, rescaled=True),
            Storage(_P, 301, ("T1", "P"), **_PHILIPS_PHASE, unit_code="mrad"),
        ),
        enhanced=True,
    ),
    "ge": Manner(
        "GE MEDICAL SYSTEMS",
        (Storage(_R, 7, ("OTHER",), **_GE, **_ge(2)), Storage(_I, 7, ("OTHER",), **_GE, **_ge(3))),
        opposite_sign=True, alternating=True,
    ),
    "ge corrected": Manner(
        "GE MEDICAL SYSTEMS",
        (Storage(_R, 7, ("OTHER",), **_GE, **_ge(2)), Storage(_I, 7, ("OTHER",), **_GE, **_ge(3))),
        opposite_sign=True,
    ),
    "ge phase": Manner(
        "GE MEDICAL SYSTEMS",
        (
            Storage(_M, 7, ("OTHER",), **_ge(0)),
            Storage(_P, 7, ("OTHER",), signed=True, units_per_value=_PI_MRAD, **_ge(1)),
        ),
        opposite_sign=True, alternating=True,
    ),
    "uih": Manner(
        "UIH",
        (Storage(_M, 401, ("M",)), Storage(_P, 402, ("PHASE",), **_SIEMENS_PHASE)),
        opposite_sign=True,
    ),
    "canon": Manner(
        "CANON_MEC",
        (Storage(_M, 2001, ("MAGNITUDE",)), Storage(_P, 2002, ("PHASE",), **_SIEMENS_PHASE)),
    ),
    "hitachi": Manner(
        "Hitachi Medical Corporation",
        (
            Storage(_M, 3, ("OTHER",), description="GRE 3D"),
            Storage(_P, 4, ("OTHER",), description="GRE 3D phase", intercept=-2048, units_per_value=2048 / np.pi),
        ),
        opposite_sign=True, echo_numbers=False,
    ),
    "philips real imaginary": Manner(
        "Philips Medical Systems",
        tuple(
            Storage(kind, 401, (f"{word}_FFE", word, "FFE"), slope=16.0, intercept=-32768.0, rescaled=True)
            for kind, word in ((_R, "R"), (_I, "I"))
        ),
    ),
}  # fmt: skip


def export(
    folder: Path,
    scan: Acquisition,
    manner: Manner,
    *,
    edit: Callable[[Dataset, str, int, int], None] = lambda dataset, kind, echo, k: None,
) -> Path:
    """Write a scan into a folder, in an order of file names that tells nothing.

    Parameters
    ----------
    folder : Path
        Made if need be.
    scan : Acquisition
    manner : Manner
    edit : callable
        Called with each dataset before it is written, what it shows, its echo and its slice (-1: all of them).

    Returns
    -------
    Path
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    values = _values(scan, manner)
    order = iter(np.random.default_rng(0).permutation(len(manner.storages) * scan.phase.shape[0] * scan.grid.shape[0]))
    for storage in manner.storages:
        stored = _stored(values[storage.kind], storage)
        for echo in range(len(scan.echo_times)):
            if manner.enhanced:
                dataset = _enhanced(scan, manner, storage, stored[echo], echo)
                edit(dataset, storage.kind, echo, -1)
                _save(dataset, folder / f"{next(order):05d}.dcm")
                continue
            for k in range(scan.grid.shape[0]):
                dataset = _classic(scan, manner, storage, stored[echo, k], echo, k)
                edit(dataset, storage.kind, echo, k)
                _save(dataset, folder / f"IM{next(order):05d}")
    return folder


def _values(scan: Acquisition, manner: Manner) -> dict[str, np.ndarray]:
    phase = -scan.phase if manner.opposite_sign else scan.phase
    signed = any(storage.kind == _R for storage in manner.storages)
    magnitude = scan.magnitude * ((_SIGNED_PEAK if signed else _PEAK) / scan.magnitude.max())
    complex_image = magnitude * np.exp(1j * phase.astype(float))
    if manner.alternating:
        complex_image[:, 1::2] *= -1
    return {_M: magnitude, _P: np.angle(complex_image), _R: complex_image.real, _I: complex_image.imag}


def _stored(values: np.ndarray, storage: Storage) -> np.ndarray:
    low, high = (-32768, 32767) if storage.signed else (0, 4095)
    stored = np.rint((values * storage.units_per_value - storage.intercept) / storage.slope)
    return np.clip(stored, low, high).astype(np.int16 if storage.signed else np.uint16)


def _frame_position(scan: Acquisition, k: int) -> list[str]:
    lps = np.array([-1, -1, 1]) * (scan.grid.ijk_to_ras @ [0, 0, k, 1])[:3]
    return [f"{x:.9g}" for x in lps]


def _orientation(scan: Acquisition) -> list[str]:
    columns = np.array(scan.grid.direction) * np.array([[-1], [-1], [1]])
    return [f"{x:.9f}" for x in (*columns[:, 2], *columns[:, 1])]


def _head(scan: Acquisition, manner: Manner, storage: Storage, stored: np.ndarray) -> Dataset:
    dataset = Dataset()
    dataset.SOPInstanceUID = pydicom.uid.generate_uid()
    dataset.ImageType = ["ORIGINAL", "PRIMARY", *storage.words]
    dataset.Modality = "MR"
    dataset.Manufacturer = manner.manufacturer
    dataset.PatientName = dataset.PatientID = dataset.ReferringPhysicianName = dataset.OperatorsName = PATIENT
    dataset.StudyInstanceUID = _ROOT + "1"
    dataset.SeriesInstanceUID = f"{_ROOT}2.{storage.series}"
    dataset.FrameOfReferenceUID = _ROOT + "3"
    dataset.SeriesNumber = storage.series
    dataset.SeriesDescription, dataset.ProtocolName = storage.description, "gre_qsm"
    dataset.SequenceName = manner.sequence
    dataset.MagneticFieldStrength = f"{scan.field_strength:g}"
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    dataset.BitsAllocated = 16
    dataset.BitsStored = 16 if storage.signed else 12
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(storage.signed)
    dataset.PixelData = stored.astype("<i2" if storage.signed else "<u2").tobytes()
    for tag, (vr, value) in storage.private.items():
        dataset.add_new((tag[0], 0x0010), "LO", "GEMS_PARM_01")
        dataset.add_new(tag, vr, value)
    return dataset


def _classic(scan, manner, storage, stored, echo, k) -> Dataset:
    dataset = _head(scan, manner, storage, stored)
    dataset.SOPClassUID = CLASSIC
    dataset.EchoTime = f"{1000 * scan.echo_times[echo]:g}"
    if manner.echo_numbers:
        dataset.EchoNumbers = echo + 1
    if scan.imaging_frequency:
        dataset.ImagingFrequency = f"{scan.imaging_frequency:.6f}"
    dataset.ImagePositionPatient = _frame_position(scan, k)
    dataset.ImageOrientationPatient = _orientation(scan)
    dataset.PixelSpacing = [f"{s:g}" for s in scan.grid.spacing[1:]]
    dataset.SliceThickness = dataset.SpacingBetweenSlices = f"{scan.grid.spacing[0]:g}"
    if storage.rescaled:
        _add_rescale(dataset, storage)
    if storage.unit_code:
        dataset.RealWorldValueMappingSequence = [_real_world(storage)]
    return dataset


def _enhanced(scan, manner, storage, stored, echo) -> Dataset:
    dataset = _head(scan, manner, storage, stored)
    dataset.SOPClassUID = ENHANCED
    dataset.NumberOfFrames = len(stored)
    measures = Dataset()
    measures.PixelSpacing = [f"{s:g}" for s in scan.grid.spacing[1:]]
    measures.SliceThickness = measures.SpacingBetweenSlices = f"{scan.grid.spacing[0]:g}"
    shared = Dataset()
    shared.PixelMeasuresSequence = [measures]
    dataset.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for k in range(len(stored)):
        frame, echoes, kind, plane, turned = (Dataset() for _ in range(5))
        echoes.EffectiveEchoTime = 1000 * scan.echo_times[echo]
        kind.FrameType = dataset.ImageType
        kind.ComplexImageComponent = storage.kind.upper()
        plane.ImagePositionPatient = _frame_position(scan, k)
        turned.ImageOrientationPatient = _orientation(scan)
        frame.MREchoSequence, frame.MRImageFrameTypeSequence = [echoes], [kind]
        frame.PlanePositionSequence, frame.PlaneOrientationSequence = [plane], [turned]
        if storage.rescaled:
            transformation = Dataset()
            _add_rescale(transformation, storage)
            frame.PixelValueTransformationSequence = [transformation]
        if storage.unit_code:
            frame.RealWorldValueMappingSequence = [_real_world(storage)]
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = frames
    return dataset


def _add_rescale(dataset: Dataset, storage: Storage) -> None:
    dataset.RescaleSlope, dataset.RescaleIntercept = f"{storage.slope:.12g}", f"{storage.intercept:g}"
    dataset.RescaleType = storage.rescale_type


def _real_world(storage: Storage) -> Dataset:
    units, mapping = Dataset(), Dataset()
    units.CodeValue, units.CodingSchemeDesignator = storage.unit_code, "UCUM"
    mapping.MeasurementUnitsCodeSequence = [units]
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = float(storage.slope), float(storage.intercept)
    return mapping


def _save(dataset: Dataset, path: Path) -> None:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(path, enforce_file_format=True)
