"""NIfTI files: voxel values and geometry, in and out.

The header is read and written here rather than by an image library, because three things matter that such libraries
hide: the values as they are stored next to what the header's slope makes of them (scanner phase is often scaled
wrongly by one of the two), the orientation of four-dimensional files, and refusing a header that promises more than
the file holds before memory is asked for. Where a file gives two orientations, the one that ITK and therefore Slicer
takes is taken.
"""

from __future__ import annotations

import contextlib
import gzip
import itertools
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..grid import Grid
from .nifti_header import STORED_TYPES, Header, header_bytes, parse_header
from .staging import staged_file

#: Deflate cannot expand a byte into more than this many.
_LARGEST_EXPANSION = 1032
#: Bytes read and written at a time, so that a short file is noticed early.
_CHUNK = 1 << 24


def read_header(path: str | os.PathLike) -> Header:
    """What the header of a NIfTI file says, without reading the voxels.

    Raises
    ------
    ValueError
        As `read_nifti`.
    """
    path = Path(path)
    with _opened(path) as (stream, most_bytes):
        return parse_header(stream, path, most_bytes)


def read_nifti(path: str | os.PathLike, *, stored: bool = False) -> tuple[np.ndarray, Grid]:
    """Read a NIfTI file (.nii or .nii.gz).

    Parameters
    ----------
    path : path
        The file.
    stored : bool
        Return the values as stored, without the slope and intercept of the header.

    Returns
    -------
    array : ndarray, shape (k, j, i), or (echo, k, j, i) for a file of several volumes
        Whole numbers keep their type where the header does not scale them (label maps); all else is float32.
    grid : Grid

    Raises
    ------
    ValueError
        If the file is missing, empty, truncated, damaged, not NIfTI, holds no real numbers, or promises more voxels
        than it or the memory can hold.
    """
    path = Path(path)
    with _opened(path) as (stream, most_bytes):
        header = parse_header(stream, path, most_bytes)
        count = header.volumes * header.grid.size
        raw = _read_exactly(stream, count * header.stored_type.itemsize, path)
        stream.read(1)  # reaching the end of a compressed stream compares its checksum
    array = raw.view(header.stored_type).reshape(header.volumes, *header.grid.shape)
    if header.volumes == 1:
        array = array[0]
    if header.scaled and not stored:
        wide = np.float64 if header.stored_type.itemsize > 4 else np.float32
        array = array.astype(wide)
        with np.errstate(over="ignore", invalid="ignore"):  # an absurd slope makes values that are not finite
            array *= wide(header.slope)
            array += wide(header.intercept)
        array = array.astype(np.float32, copy=False)
    elif header.stored_type.kind == "f":
        array = array.astype(np.float32, copy=False)
    else:
        array = array.astype(header.stored_type.newbyteorder("="), copy=False)
    return array, header.grid


def write_nifti(path: str | os.PathLike, array: np.ndarray, grid: Grid) -> None:
    """Write an array as a NIfTI file: complete under its name, or not at all.

    Parameters
    ----------
    path : path
        Ends in .nii or .nii.gz.
    array : ndarray, shape (k, j, i) or (echo, k, j, i)
        Masks are written as uint8, floating point numbers as float32, whole numbers in their own type.
    grid : Grid
        Geometry of one volume, written as both sform and qform in scanner coordinates.

    Raises
    ------
    ValueError
        If the name, the shape or the type of the array cannot be written.
    OSError
        If the disk is full or the folder cannot be written to.
    """
    path = Path(path)
    if not path.name.endswith((".nii", ".nii.gz")):
        raise ValueError(f"path must end in .nii or .nii.gz, but got {path.name!r}.")
    parts = nifti_parts(array, grid)
    with staged_file(path) as file:
        for part in _gzipped(parts) if path.name.endswith(".gz") else parts:
            file.write(part)


def nifti_parts(array: np.ndarray, grid: Grid) -> Iterator[bytes | memoryview]:
    """The bytes of an uncompressed NIfTI file, at most 16 MiB at a time, for who may not wait for all of them.

    Parameters and errors are those of `write_nifti`; errors come with the call, before the first bytes.
    """
    array = np.asarray(array)
    if array.ndim not in (3, 4) or array.shape[-3:] != grid.shape:
        raise ValueError(
            f"array must have the shape {grid.shape} of its grid (k, j, i), echoes first, but got {array.shape}."
        )
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    elif array.dtype.kind == "f":
        array = array.astype(np.float32, copy=False)
    if array.dtype not in STORED_TYPES:
        raise ValueError(f"array must hold real numbers, but got {array.dtype}.")
    values = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return itertools.chain((header_bytes(values, grid),), _chunks(values.data.cast("B")))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """The decompressed bytes of a file and the most there can be; every fault of the file becomes a `ValueError`."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                raise ValueError(f"{path} is empty. Copy or export it again.")
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if packed:
                with gzip.GzipFile(fileobj=file) as stream:
                    yield stream, size * _LARGEST_EXPANSION
            else:
                yield file, size
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist. Check the name and the folder.") from None
    except IsADirectoryError:
        raise ValueError(f"{path} is a folder. Give a NIfTI file (.nii or .nii.gz).") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is truncated or damaged ({error}). Copy or export it again.") from error
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}.") from error


def _read_exactly(stream: BinaryIO, count: int, path: Path) -> np.ndarray:
    try:
        raw = np.empty(count, np.uint8)
    except MemoryError:
        raise ValueError(f"{path} needs {count / 2**30:.1f} GiB of memory, more than there is.") from None
    done = 0
    while done < count:
        got = stream.readinto(raw[done : done + _CHUNK].data)
        if not got:
            raise ValueError(
                f"{path} is truncated: it holds {done} of the {count} bytes that its header promises. "
                "Copy or export it again."
            )
        done += got
    return raw


def _chunks(data: memoryview) -> Iterator[memoryview]:
    return (data[start : start + _CHUNK] for start in range(0, len(data), _CHUNK))


def _gzipped(parts: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Compress runs of zeros and little else.

    On noisy maps, that is as small as what a search for repeats gives, in a third of the time.
    """
    packer = zlib.compressobj(1, zlib.DEFLATED, 31, 9, zlib.Z_RLE)
    for part in parts:
        yield packer.compress(part)
    yield packer.flush()
