"""Parse DICOM files with pydicom, discreetly: nothing it says about what it reads comes out."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def read_dataset(path: str | os.PathLike, *, pixels: bool) -> Dataset | None:
    """Parse a file, with or without its pixels; None if it is no DICOM file.

    Raises
    ------
    ValueError
        If it is damaged, as a phrase that follows the name of the file.
    """
    pydicom = imported_pydicom()
    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=not pixels, force=_lacks_preamble(path))
        if "TransferSyntaxUID" not in dataset.file_meta:
            implicit, little = dataset.original_encoding
            dataset.file_meta.TransferSyntaxUID = (
                pydicom.uid.ImplicitVRLittleEndian if implicit
                else pydicom.uid.ExplicitVRLittleEndian if little
                else pydicom.uid.ExplicitVRBigEndian
            )  # fmt: skip
        return dataset
    except pydicom.errors.InvalidDicomError:
        return None
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or 'the disk does not answer'}") from error
    except Exception as error:  # a parser meets damage in more ways than it has words for
        raise ValueError("is damaged or cut short in its header") from error


def _lacks_preamble(path: str | os.PathLike) -> bool:
    """Whether a file begins with the first group of a DICOM data set, as files of old archives do."""
    with open(path, "rb") as file:
        begin = file.read(8)
    group, element = (int.from_bytes(begin[n : n + 2], "little") for n in (0, 2))
    if (group, begin[4:6].isalpha()) == (0x0008, True):  # explicit types
        return element <= 0x0018
    return group == 0x0008 and element <= 0x0018 and int.from_bytes(begin[4:8], "little") <= 64


@contextlib.contextmanager
def discreet_pydicom() -> Iterator[None]:
    """Keep pydicom from warning and logging, because it quotes values of any tag, and among these are names.

    It converts values when they are asked for, so this goes around all that asks.
    """
    pydicom = imported_pydicom()
    mode, disabled = pydicom.config.settings.reading_validation_mode, pydicom.config.logger.disabled
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    pydicom.config.logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        pydicom.config.settings.reading_validation_mode = mode
        pydicom.config.logger.disabled = disabled


def imported_pydicom():
    """The package pydicom, which Slicer brings, or a `ValueError` that says how to get it."""
    try:
        import pydicom
        import pydicom.config
        import pydicom.errors
    except ModuleNotFoundError as error:
        raise ValueError(
            "Reading DICOM needs the Python package pydicom, which Slicer brings but this Python does not have. "
            "Install it with: python -m pip install pydicom"
        ) from error
    return pydicom
