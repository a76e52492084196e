"""Values of images, compressed or not."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...progress import Progress, no_progress
from .frames import Frame
from .parsing import discreet_pydicom, imported_pydicom, read_dataset

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

#: No compression that DICOM allows shrinks an image of noise, let alone of a head, by more than this.
_LARGEST_EXPANSION = 1000
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_MULTI_FRAME_WORDS = "1.2.840.10008.5.1.4.1.1.7.3"
_IMAGE_TAGS = (
    "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelData",
)  # fmt: skip


def read_stored(frames: Sequence[Frame], progress: Progress = no_progress) -> list[np.ndarray]:
    """Values of each image as they are stored, without slope and intercept.

    Parameters
    ----------
    frames : sequence of Frame
        Of one scan. Each file is read once, whatever images of it are wanted.
    progress : callable
        Called with the fraction of the files that was read.

    Returns
    -------
    list of ndarray, whole numbers, shape (row, column)
        In the order of the frames.

    Raises
    ------
    ValueError
        If a file is cut short, damaged, or compressed in a way that cannot be read here.
    """
    stored: list[np.ndarray] = [np.empty(0)] * len(frames)
    by_file: dict[Path, list[int]] = {}
    for place, frame in enumerate(frames):
        by_file.setdefault(frame.path, []).append(place)
    for number, (path, places) in enumerate(by_file.items()):
        progress(number / len(by_file), f"images {number + 1} of {len(by_file)}")
        images = _images(path)
        for place in places:
            frame = frames[place]
            if frame.index >= len(images) or images.shape[1:] != frame.shape:
                raise ValueError(f"{path.name} holds other images than its header says. Export it again.")
            stored[place] = images[frame.index]
    return stored


def scaled(stored: Sequence[np.ndarray], frames: Sequence[Frame]) -> np.ndarray:
    """Values with the slope and intercept of each image.

    Returns
    -------
    ndarray, float32, shape (image, row, column)
    """
    slopes, intercepts = (
        np.array([getattr(frame, name) for frame in frames], dtype=np.float32)[:, None, None]
        for name in ("slope", "intercept")
    )
    return np.stack(stored) * slopes + intercepts


@discreet_pydicom()
def _images(path: Path) -> np.ndarray:
    """All images of a file, shape (frame, row, column)."""
    pydicom = imported_pydicom()
    try:
        dataset = read_dataset(path, pixels=True)
    except ValueError as fault:
        raise ValueError(f"{path.name} {fault}. Export it again.") from fault
    if dataset is None or "PixelData" not in dataset:
        raise ValueError(f"{path.name} is cut short: it holds no voxels. Export it again.")
    try:
        count = int(dataset.get("NumberOfFrames") or 1)
        expected = count * int(dataset.Rows) * int(dataset.Columns) * int(dataset.BitsAllocated) // 8
        compressed = dataset.file_meta.TransferSyntaxUID.is_compressed
        held = len(dataset.PixelData)
        colors = int(dataset.get("SamplesPerPixel", 1)) != 1
    except Exception as error:  # pydicom converts values when asked; a damaged one may raise anything
        raise ValueError(f"{path.name} does not say how its voxels are stored. Export it again.") from error
    if colors:
        raise ValueError(f"{path.name} holds colors, not measured values. Export the scan as it was measured.")
    if expected > held * (_LARGEST_EXPANSION if compressed else 1):
        raise ValueError(
            f"{path.name} is cut short: it promises {expected} bytes of voxels, but holds {held}"
            f"{' compressed ones' if compressed else ''}. Export it again."
        )
    try:
        if compressed and not pydicom.pixels.get_decoder(dataset.file_meta.TransferSyntaxUID).is_available:
            images = _decoded_by_itk(dataset)
        else:
            images = dataset.pixel_array
    except Exception as error:  # decoders meet damage in more ways than they have words for
        raise ValueError(f"The voxels of {path.name} cannot be decoded ({type(error).__name__}).") from error
    return images.reshape(-1, *images.shape[-2:])


def _decoded_by_itk(dataset: Dataset) -> np.ndarray:
    """Images that pydicom alone cannot decompress.

    SimpleITK applies slope and intercept unasked, and only those of the first image, so it is given a file that has
    none.
    """
    import pydicom
    import SimpleITK as sitk  # noqa: N813

    bare = pydicom.Dataset()
    for keyword in _IMAGE_TAGS:
        if keyword in dataset:
            bare[keyword] = dataset[keyword]
    bare.SOPClassUID = _MULTI_FRAME_WORDS if int(dataset.get("NumberOfFrames") or 1) > 1 else _SECONDARY_CAPTURE
    bare.SOPInstanceUID = pydicom.uid.generate_uid()
    bare.file_meta = pydicom.dataset.FileMetaDataset()
    bare.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    bare.file_meta.MediaStorageSOPClassUID = bare.SOPClassUID
    bare.file_meta.MediaStorageSOPInstanceUID = bare.SOPInstanceUID
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "voxels.dcm"
        bare.save_as(path, enforce_file_format=True)
        return sitk.GetArrayFromImage(sitk.ReadImage(str(path), imageIO="GDCMImageIO"))
