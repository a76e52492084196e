"""Susceptibility maps as DICOM: written beside the scan they were computed from, and read again.

A map is a series of derived MR images in the study and frame of reference of its scan, so that archives file it there
and viewers overlay it. Values are 16-bit integers with a slope in ppm; each image names the images it came from.

References
----------
DICOM PS3.3 A.4 (MR image), C.12.4 (references), PS3.16 CID 7202 (source image purposes), UCUM unit [ppm]
"""

from __future__ import annotations

import datetime
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ... import __version__
from ...acquisition import checked_volume
from ...grid import Grid
from ..staging import staged_folder
from .conventions import SUSCEPTIBILITY
from .frames import Frame
from .parsing import discreet_pydicom, imported_pydicom, read_dataset
from .pixels import read_stored, scaled
from .selection import Selection
from .stacks import find_stacks

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from ...reconstruction import Reconstruction

_MR_IMAGE, _ENHANCED_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"
#: Who was scanned, in which study and how: the map is of the same person, in the same study.
_KEPT = (
    "SpecificCharacterSet",
    *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "PatientAge", "PatientWeight"),
    *("StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "StudyDescription", "AccessionNumber"),
    *("ReferringPhysicianName", "FrameOfReferenceUID", "PositionReferenceIndicator", "PatientPosition"),
    *("BodyPartExamined", "ProtocolName", "MagneticFieldStrength", "ImagingFrequency", "ImagedNucleus"),
    *("ScanningSequence", "SequenceVariant", "ScanOptions", "MRAcquisitionType", "RepetitionTime", "FlipAngle"),
)
#: What every MR image must have, where the scan's headers have it elsewhere or not at all.
_REQUIRED = {
    "PatientName": "", "PatientID": "", "PatientBirthDate": "", "PatientSex": "", "StudyDate": "", "StudyTime": "",
    "StudyID": "", "AccessionNumber": "", "ReferringPhysicianName": "", "PositionReferenceIndicator": "",
    "PatientPosition": "", "ScanningSequence": "GR", "SequenceVariant": "NONE", "ScanOptions": "",
    "MRAcquisitionType": "", "EchoTime": None, "EchoTrainLength": None,
}  # fmt: skip
_LARGEST_STORED = 32767
#: Numbers in DICOM have at most 16 characters.
_SLOPE_DIGITS = 9
#: The gray window of maps of the brain, in ppm.
_WINDOW = 0.4
#: Series derived here are numbered from here on.
_FIRST_SERIES = 9000
_LONGEST_DERIVATION = 1024
_RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])


@discreet_pydicom()
def write_susceptibility(out: str | os.PathLike, reconstruction: Reconstruction, scan: Selection) -> list[Path]:
    """Write a map as DICOM, one image per slice: all of them, or none.

    Parameters
    ----------
    out : path
        The folder; made if need be. A map that this function wrote there before is replaced.
    reconstruction : Reconstruction
    scan : Selection
        What it was reconstructed from.

    Returns
    -------
    list of Path
        The files, in the order of the slices.

    Raises
    ------
    ValueError
        If the map does not fit the scan, or pydicom is missing.
    OSError
        If the folder cannot be written to.
    """
    pydicom = imported_pydicom()
    grid = reconstruction.grid
    values = checked_volume("susceptibility", reconstruction.susceptibility, grid.shape)
    if not grid.same_geometry(scan.stacks[0].grid, tolerance=0.01 * min(grid.spacing)):
        raise ValueError("The map does not lie where the scan lies, so it cannot be written as derived from it.")
    # The same map of the same scan gets the same identifiers, so that archives know it again.
    identity = f"{reconstruction.input_identity} {hashlib.sha256(values.tobytes()).hexdigest()} {__version__}"
    template = read_dataset(scan.stacks[0].first.path, pixels=False)
    stored, slope = _stored(values)
    series = pydicom.uid.generate_uid(entropy_srcs=[identity, "series"])
    now = datetime.datetime.now()
    names = [f"chimap_{k + 1:04d}.dcm" for k in range(grid.shape[0])]
    with staged_folder(out) as stage:
        for k, name in enumerate(names):
            image = _copied(template)
            image.SOPClassUID = _MR_IMAGE
            image.SOPInstanceUID = pydicom.uid.generate_uid(entropy_srcs=[identity, str(k)])
            image.SeriesInstanceUID = series
            image.SeriesNumber = _FIRST_SERIES + (scan.series[0] if scan.series else 0)
            image.SeriesDescription = "Susceptibility map (QSM) in ppm"
            image.Modality = "MR"
            image.Manufacturer = "Quantitative Susceptibility Mapping for 3D Slicer"
            image.SoftwareVersions = __version__
            image.ImageType = ["DERIVED", "PRIMARY", "SUSCEPTIBILITY"]
            image.DerivationDescription = _derivation(reconstruction)
            image.InstanceCreationDate = image.ContentDate = now.strftime("%Y%m%d")
            image.InstanceCreationTime = image.ContentTime = now.strftime("%H%M%S")
            image.InstanceNumber = k + 1
            _add_geometry(image, grid, k)
            _add_values(image, stored[k], slope)
            _add_sources(image, [stack.frames[k] for stack in scan.stacks])
            image.file_meta = pydicom.dataset.FileMetaDataset()
            image.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
            image.save_as(stage / name, enforce_file_format=True)
    for left in set(Path(out).glob("chimap_[0-9][0-9][0-9][0-9].dcm")) - {Path(out) / name for name in names}:
        left.unlink()  # of a scan with more slices
    return [Path(out) / name for name in names]


def read_susceptibility(source: str | os.PathLike) -> tuple[np.ndarray, Grid]:
    """Read a susceptibility map from a DICOM folder.

    Returns
    -------
    susceptibility : ndarray, float32, shape (k, j, i)
        In ppm.
    grid : Grid

    Raises
    ------
    ValueError
        If there is no map, more than one, or an incomplete one.
    """
    found = find_stacks(source)
    maps = [stack for stack in found.stacks if stack.kind == SUSCEPTIBILITY]
    if len(maps) != 1:
        raise ValueError(f"{source} holds {len(maps)} susceptibility maps instead of one. Give the folder of one map.")
    (stack,) = maps
    if stack.fault:
        raise ValueError(" ".join([stack.fault, *found.damage()]))
    return scaled(read_stored(stack.frames), stack.frames), stack.grid


def _derivation(reconstruction: Reconstruction) -> str:
    recipe = "; ".join(f"{stage}: {chosen['method']}" for stage, chosen in reconstruction.recipe.stages.items())
    reference = reconstruction.reference.region
    text = f"Quantitative susceptibility mapping. {recipe}. Values are relative to: {reference}."
    return text.encode("ascii", "replace").decode()[:_LONGEST_DERIVATION]


def _stored(values: np.ndarray) -> tuple[np.ndarray, float]:
    """16-bit integers and the slope that makes values of them, as exactly as the header can tell it."""
    largest = float(np.abs(values).max()) or 1.0
    slope = float(f"{largest / _LARGEST_STORED:.{_SLOPE_DIGITS}e}")
    stored = np.rint(values.astype(np.float64) / slope)
    return np.clip(stored, -_LARGEST_STORED, _LARGEST_STORED).astype("<i2"), slope


def _copied(template: Dataset) -> Dataset:
    import pydicom

    image = pydicom.Dataset()
    for keyword in _KEPT:
        if keyword in template:
            image[keyword] = template[keyword]
    for keyword, value in _REQUIRED.items():
        if keyword not in image:
            setattr(image, keyword, value)
    return image


def _add_geometry(image: Dataset, grid: Grid, k: int) -> None:
    from pydicom.valuerep import DSfloat

    def numbers(values: Iterable[float]) -> list[DSfloat]:
        return [DSfloat(float(value), auto_format=True) for value in values]

    columns = np.array(grid.direction) * _RAS_TO_LPS[:, None]
    image.ImageOrientationPatient = numbers([*columns[:, 2], *columns[:, 1]])
    image.ImagePositionPatient = numbers(_RAS_TO_LPS * (grid.ijk_to_ras @ [0, 0, k, 1])[:3])
    image.PixelSpacing = numbers(grid.spacing[1:])
    image.SliceThickness, image.SpacingBetweenSlices = numbers([grid.spacing[0]] * 2)


def _add_values(image: Dataset, stored: np.ndarray, slope: float) -> None:
    from pydicom.dataset import Dataset
    from pydicom.valuerep import DSfloat

    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows, image.Columns = stored.shape
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit, image.PixelRepresentation = 15, 1
    image.PixelData = stored.tobytes()
    image["PixelData"].VR = "OW"
    image.RescaleSlope, image.RescaleIntercept = DSfloat(slope, auto_format=True), "0"
    image.RescaleType = "ppm"
    image.WindowCenter, image.WindowWidth = "0", f"{_WINDOW:g}"
    unit, mapping = Dataset(), Dataset()
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "[ppm]", "UCUM", "parts per million"
    mapping.LUTLabel, mapping.LUTExplanation = "ppm", "Magnetic susceptibility in ppm"
    mapping.MeasurementUnitsCodeSequence = [unit]
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = slope, 0.0
    mapping.add_new((0x0040, 0x9216), "SS", -_LARGEST_STORED)  # first and last value mapped
    mapping.add_new((0x0040, 0x9211), "SS", _LARGEST_STORED)
    image.RealWorldValueMappingSequence = [mapping]


def _add_sources(image: Dataset, frames: list[Frame]) -> None:
    """The images of the same slice, once as sources, once by series."""
    from pydicom.dataset import Dataset

    purpose = Dataset()
    purpose.CodeValue, purpose.CodingSchemeDesignator = "121322", "DCM"
    purpose.CodeMeaning = "Source image for image processing operation"
    sources, by_series = [], {}
    for frame in frames:
        source = Dataset()
        source.ReferencedSOPClassUID = _ENHANCED_MR_IMAGE if frame.enhanced else _MR_IMAGE
        source.ReferencedSOPInstanceUID = frame.instance
        if frame.enhanced:
            source.ReferencedFrameNumber = frame.index + 1
        by_series.setdefault(frame.series, []).append(source)
        source = Dataset(source)
        source.PurposeOfReferenceCodeSequence = [purpose]
        sources.append(source)
    image.SourceImageSequence = sources
    image.ReferencedSeriesSequence = []
    for uid, instances in by_series.items():
        series = Dataset()
        series.SeriesInstanceUID, series.ReferencedInstanceSequence = uid, instances
        image.ReferencedSeriesSequence.append(series)
