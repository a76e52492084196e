"""The header of a NIfTI file, versions 1 and 2: what it says about the voxels, and how it is written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..grid import Grid

# Name -> (type, offset in bytes) of the header fields that are used, in the two versions of the format.
_FIELDS_1 = {
    "sizeof_hdr": ("i4", 0), "dim": ("8i2", 40), "datatype": ("i2", 70), "bitpix": ("i2", 72), "pixdim": ("8f4", 76),
    "vox_offset": ("f4", 108), "scl_slope": ("f4", 112), "scl_inter": ("f4", 116), "xyzt_units": ("u1", 123),
    "qform_code": ("i2", 252), "sform_code": ("i2", 254), "quatern": ("3f4", 256), "qoffset": ("3f4", 268),
    "srow": ("(3,4)f4", 280), "magic": ("S4", 344),
}
_FIELDS_2 = {
    "sizeof_hdr": ("i4", 0), "magic": ("S8", 4), "datatype": ("i2", 12), "bitpix": ("i2", 14), "dim": ("8i8", 16),
    "pixdim": ("8f8", 104), "vox_offset": ("i8", 168), "scl_slope": ("f8", 176), "scl_inter": ("f8", 184),
    "qform_code": ("i4", 344), "sform_code": ("i4", 348), "quatern": ("3f8", 352), "qoffset": ("3f8", 376),
    "srow": ("(3,4)f8", 400), "xyzt_units": ("i4", 500),
}
_HEADER_BYTES = (348, 540)
_DATA_TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8",
}
STORED_TYPES = {np.dtype(kind): code for code, kind in _DATA_TYPES.items()}
_MM_PER_UNIT = {1: 1000.0, 3: 0.001}  # metre and micrometre; mm otherwise
_MM = 2
_SCANNER = 1


@dataclass(frozen=True)
class Header:
    """What the header of a NIfTI file says.

    Attributes
    ----------
    grid : Grid
        Geometry of one volume.
    volumes : int
        Number of volumes in the file: echoes, usually.
    stored_type : dtype
        Type of the stored values.
    slope, intercept : float
        Value = slope * stored value + intercept.
    oriented : bool
        Whether the header states an orientation. If not, `grid.direction` is only assumed.
    """

    grid: Grid
    volumes: int
    stored_type: np.dtype
    slope: float
    intercept: float
    oriented: bool

    @property
    def scaled(self) -> bool:
        """Whether the values differ from the stored ones."""
        return (self.slope, self.intercept) != (1.0, 0.0)


def parse_header(stream: BinaryIO, path: Path, most_bytes: int) -> Header:
    """Read and check the header; leaves the stream where the voxels begin.

    Parameters
    ----------
    stream : binary file
        The decompressed file from its beginning.
    path : Path
        Named in error messages.
    most_bytes : int
        The most bytes the stream can hold.

    Raises
    ------
    ValueError
        If this is not the header of a NIfTI file with real numbers, or it promises more than the file or memory holds.
    """
    begin = stream.read(_HEADER_BYTES[0])
    sizes = {np.array(size, order + "i4").tobytes(): (version, order)
             for version, size in enumerate(_HEADER_BYTES) for order in "<>"}
    if begin[:4] not in sizes:
        raise ValueError(f"{path} is not a NIfTI file. Give a .nii or .nii.gz file.")
    version, order = sizes[begin[:4]]
    begin += stream.read(_HEADER_BYTES[version] - len(begin))
    if len(begin) < _HEADER_BYTES[version]:
        raise ValueError(f"{path} is truncated: its header is not complete. Copy or export it again.")
    fields = np.frombuffer(begin, _header_type(version, order))[0]
    magic = bytes(fields["magic"])[:3]
    if magic not in (b"n+1", b"n+2"):
        half = magic in (b"ni1", b"ni2")
        reason = "is one half of a .hdr/.img pair" if half else "is not a NIfTI file (Analyze, perhaps)"
        raise ValueError(f"{path} {reason}. Convert it to a single .nii or .nii.gz file.")

    dimensions = [int(n) for n in fields["dim"]]
    if not 2 <= dimensions[0] <= 7 or min(dimensions[1 : dimensions[0] + 1]) < 1:
        raise ValueError(f"{path} is damaged: its header gives the dimensions {dimensions}.")
    lengths = dimensions[1 : dimensions[0] + 1] + [1] * (7 - dimensions[0])
    if max(lengths[4:]) > 1:
        raise ValueError(f"{path} has more than four dimensions ({lengths}). Give three, or four with echoes last.")
    code = int(fields["datatype"])
    if code not in _DATA_TYPES:
        raise ValueError(
            f"{path} stores values of NIfTI type {code}, which are not real numbers. "
            "Save complex data as magnitude and phase."
        )
    stored_type = np.dtype(order + _DATA_TYPES[code])
    offset = float(fields["vox_offset"])
    start = _HEADER_BYTES[version] + 4
    offset = max(int(offset), start) if np.isfinite(offset) else start
    _check_size(int(np.prod(lengths, dtype=object)) * stored_type.itemsize, offset, path, most_bytes)

    slope, intercept = float(fields["scl_slope"]), float(fields["scl_inter"])
    if not (np.isfinite(slope) and np.isfinite(intercept)) or slope == 0:
        slope, intercept = 1.0, 0.0
    try:
        grid, oriented = _geometry(fields, tuple(lengths[2::-1]))
    except ValueError as error:
        raise ValueError(f"{path} has a geometry that cannot be used: {error}") from error
    skipped = stream.read(offset - len(begin))
    if len(skipped) < offset - len(begin):
        raise ValueError(f"{path} is truncated: it ends before its voxels begin. Copy or export it again.")
    return Header(grid, lengths[3], stored_type, slope, intercept, oriented)


def _header_type(version: int, order: str = "<") -> np.dtype:
    fields = (_FIELDS_1, _FIELDS_2)[version]
    formats, offsets = zip(*fields.values())
    layout = np.dtype({"names": list(fields), "formats": formats, "offsets": offsets,
                       "itemsize": _HEADER_BYTES[version]})
    return layout.newbyteorder(order)


def _check_size(count: int, offset: int, path: Path, most_bytes: int) -> None:
    if offset + count > most_bytes:
        raise ValueError(
            f"{path} is truncated or damaged: its header promises {count} bytes of voxels, more than the file can "
            "hold. Copy or export it again."
        )
    memory = _physical_memory()
    if memory is not None and count > memory:
        raise ValueError(
            f"{path} needs {count / 2**30:.1f} GiB of memory, but this computer has {memory / 2**30:.1f} GiB."
        )


def _physical_memory() -> int | None:
    """Bytes of memory of this computer; None where the system does not say (Windows), so allocation has to tell."""
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _geometry(fields: np.void, shape: tuple[int, int, int]) -> tuple[Grid, bool]:
    scale = _MM_PER_UNIT.get(int(fields["xyzt_units"]) & 7, 1.0)
    qform, sform = int(fields["qform_code"]), int(fields["sform_code"])
    # Only scanner coordinates have B0 along S, so a sform to an atlas yields to the qform. This is also ITK's rule.
    if sform > 0 and (sform == _SCANNER or qform <= 0):
        matrix = np.vstack([fields["srow"].astype(float), [0, 0, 0, 1]])
    else:
        spacing = np.abs(fields["pixdim"][1:4].astype(float))
        spacing[(spacing == 0) & (np.array(shape[::-1]) == 1)] = 1.0  # an axis of one voxel may have no length
        matrix = np.eye(4)
        if qform > 0:
            matrix[:3, :3] = _rotation(fields["quatern"].astype(float))
            matrix[:3, 2] *= -1.0 if fields["pixdim"][0] < 0 else 1.0
            matrix[:3, 3] = fields["qoffset"]
        else:
            matrix[:2] *= -1.0  # no orientation: the axes of the file taken as L, P, S, as ITK does
        matrix[:3, :3] *= spacing
    matrix[:3] *= scale
    return Grid.from_ijk_to_ras(shape, matrix), qform > 0 or sform > 0


def _rotation(quaternion: np.ndarray) -> np.ndarray:
    """Rotation matrix of the unit quaternion whose last three components are given."""
    b, c, d = quaternion
    norm = b * b + c * c + d * d
    if norm > 1.0:
        b, c, d = quaternion / np.sqrt(norm)
    a = np.sqrt(max(1.0 - norm, 0.0))
    return np.array([
        [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
        [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
        [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ])


def _quaternion(rotation: np.ndarray) -> np.ndarray:
    """Last three components of the unit quaternion of a rotation matrix, the first one not negative."""
    r = rotation
    # The symmetric 4 x 4 matrix whose leading eigenvector is the quaternion (Bar-Itzhack 2000, 10.2514/2.4654): it
    # needs no case distinction and finds the nearest rotation where rounding has left the axes slightly askew.
    matrix = np.array([
        [r[0, 0] + r[1, 1] + r[2, 2], r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]],
        [r[2, 1] - r[1, 2], r[0, 0] - r[1, 1] - r[2, 2], r[0, 1] + r[1, 0], r[0, 2] + r[2, 0]],
        [r[0, 2] - r[2, 0], r[0, 1] + r[1, 0], r[1, 1] - r[0, 0] - r[2, 2], r[1, 2] + r[2, 1]],
        [r[1, 0] - r[0, 1], r[0, 2] + r[2, 0], r[1, 2] + r[2, 1], r[2, 2] - r[0, 0] - r[1, 1]],
    ])
    quaternion = np.linalg.eigh(matrix)[1][:, -1]
    return quaternion[1:] * (1.0 if quaternion[0] >= 0 else -1.0)


def header_bytes(values: np.ndarray, grid: Grid) -> bytes:
    """Header (version 1) of little-endian values, with the four bytes that say that no extension follows."""
    shape = values.shape[::-1]
    if max(shape) > np.iinfo(np.int16).max:
        raise ValueError(f"array has an axis longer than NIfTI allows: its shape is {values.shape}.")
    fields = np.zeros((), _header_type(0))
    matrix = grid.ijk_to_ras
    rotation = matrix[:3, :3] / np.linalg.norm(matrix[:3, :3], axis=0)
    handedness = 1.0 if np.linalg.det(rotation) > 0 else -1.0
    rotation[:, 2] *= handedness
    fields["sizeof_hdr"] = _HEADER_BYTES[0]
    fields["dim"] = [len(shape), *shape, *[1] * (7 - len(shape))]
    fields["datatype"] = STORED_TYPES[values.dtype.newbyteorder("=")]
    fields["bitpix"] = 8 * values.dtype.itemsize
    fields["pixdim"] = [handedness, *grid.spacing[::-1], 1, 1, 1, 1]
    fields["vox_offset"] = _HEADER_BYTES[0] + 4
    fields["scl_slope"] = 1
    fields["xyzt_units"] = _MM
    fields["qform_code"] = fields["sform_code"] = _SCANNER
    fields["quatern"] = _quaternion(rotation)
    fields["qoffset"] = grid.origin
    fields["srow"] = matrix[:3]
    fields["magic"] = b"n+1"
    return fields.tobytes() + bytes(4)
