"""Pictures as PNG files, with nothing but the standard library."""

from __future__ import annotations

import struct
import zlib

import numpy as np

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GRAY, _RGB = 0, 2


def as_png(picture: np.ndarray) -> bytes:
    """The content of a PNG file.

    Parameters
    ----------
    picture : ndarray, uint8, shape (height, width) or (height, width, 3)
        Gray, or red, green and blue.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If the picture has another shape or type, or no pixels.

    References
    ----------
    ISO/IEC 15948:2004 (PNG)
    """
    picture = np.asarray(picture)
    if picture.dtype != np.uint8 or picture.size == 0 or picture.shape[2:] not in ((), (3,)) or picture.ndim < 2:
        raise ValueError(
            "picture must hold uint8 pixels of shape (height, width) or (height, width, 3), but got "
            f"{picture.dtype} of shape {picture.shape}."
        )
    height, width = picture.shape[:2]
    # Each row begins with the number of its filter: 0, none.
    rows = np.concatenate([np.zeros((height, 1), np.uint8), picture.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, _GRAY if picture.ndim == 2 else _RGB, 0, 0, 0)
    return b"".join(
        [
            _SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
