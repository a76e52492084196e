"""The voxel grid of a volume: shape, spacing and orientation in the scanner.

Arrays are indexed [k, j, i], as `slicer.util.arrayFromVolume` and `SimpleITK.GetArrayFromImage` give them. Every
triple of a `Grid` is in that order. World coordinates are RAS in mm; the static field B0 points along world S, so its
direction along the array axes follows from the direction matrix, oblique or not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

_IDENTITY_KJI = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))


@dataclass(frozen=True)
class Grid:
    """Shape, spacing and orientation of a volume.

    Attributes
    ----------
    shape : (int, int, int)
        Number of voxels along (k, j, i).
    spacing : (float, float, float)
        Distance between voxel centres along (k, j, i), in mm.
    direction : 3 x 3 nested tuples
        Column a is the unit vector, in RAS world coordinates, along array axis a (k, j, i). The default is an axial
        volume whose i, j, k run to right, anterior, superior.
    origin : (float, float, float)
        RAS coordinates of the centre of voxel [0, 0, 0], in mm.
    b0_direction : (float, float, float)
        Unit vector of B0 along (k, j, i). Derived from `direction` unless given, as some file formats do.

    Raises
    ------
    ValueError
        If the shape, spacing or direction is not that of a volume with perpendicular axes.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    direction: tuple[tuple[float, float, float], ...] = _IDENTITY_KJI
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    b0_direction: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        spacing = tuple(float(s) for s in self.spacing)
        if len(shape) != 3 or min(shape) < 1:
            raise ValueError(f"shape must be three positive numbers of voxels, but got {self.shape}.")
        if len(spacing) != 3 or not np.all(np.isfinite(spacing)) or min(spacing) <= 0:
            raise ValueError(f"spacing must be three positive lengths in mm, but got {self.spacing}.")
        direction = np.asarray(self.direction, dtype=float)
        if direction.shape != (3, 3) or not np.allclose(direction.T @ direction, np.eye(3), atol=1e-3):
            raise ValueError(
                "direction must have perpendicular unit columns (no shear), but got "
                f"{direction.tolist()}. Resample the volume to a grid with perpendicular axes first."
            )
        b0 = direction[2] if self.b0_direction is None else np.asarray(self.b0_direction, dtype=float)
        with np.errstate(over="ignore"):
            length = np.linalg.norm(b0)
        if b0.shape != (3,) or not 0 < length < np.inf:
            raise ValueError(f"b0_direction must be a vector of three numbers, but got {self.b0_direction}.")
        b0 = b0 / length
        origin = tuple(float(x) for x in self.origin)
        if len(origin) != 3 or not np.all(np.isfinite(origin)):
            raise ValueError(f"origin must be three coordinates in mm, but got {self.origin}.")
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "spacing", spacing)
        object.__setattr__(self, "direction", tuple(tuple(float(x) for x in row) for row in direction))
        object.__setattr__(self, "origin", origin)
        object.__setattr__(self, "b0_direction", tuple(float(x) for x in b0))

    @classmethod
    def from_ijk_to_ras(cls, shape: tuple[int, int, int], ijk_to_ras: np.ndarray, **more) -> Grid:
        """Grid of an array of `shape` (k, j, i) from a 4 x 4 matrix that takes voxel (i, j, k) to RAS in mm."""
        matrix = np.asarray(ijk_to_ras, dtype=float)
        if matrix.shape != (4, 4) or not np.all(np.isfinite(matrix)):
            raise ValueError(f"ijk_to_ras must be a finite 4 x 4 matrix, but got {ijk_to_ras}.")
        columns = matrix[:3, 2::-1]
        spacing = np.linalg.norm(columns, axis=0)
        if not np.all(spacing > 0):
            raise ValueError(f"ijk_to_ras has an axis of zero length: {matrix.tolist()}.")
        return cls(shape, tuple(spacing), tuple(map(tuple, columns / spacing)), tuple(matrix[:3, 3]), **more)

    @property
    def ijk_to_ras(self) -> np.ndarray:
        """4 x 4 matrix that takes voxel (i, j, k) to RAS coordinates in mm."""
        matrix = np.eye(4)
        matrix[:3, 2::-1] = np.asarray(self.direction) * np.asarray(self.spacing)
        matrix[:3, 3] = self.origin
        return matrix

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel in mm^3."""
        return float(np.prod(self.spacing))

    @property
    def size(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape))

    def world_coordinates(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """RAS coordinates of the voxel centres in mm, as three broadcastable float32 sums of axis terms.

        Returns
        -------
        r, a, s : ndarray, shape `shape`
        """
        axes = [np.arange(n, dtype=np.float32) * h for n, h in zip(self.shape, self.spacing)]
        k, j, i = axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :]
        return tuple(
            np.float32(self.origin[w])
            + np.float32(self.direction[w][0]) * k
            + np.float32(self.direction[w][1]) * j
            + np.float32(self.direction[w][2]) * i
            for w in range(3)
        )

    def part(self, box: tuple[slice, slice, slice]) -> Grid:
        """Grid of the voxels in a box of slices along (k, j, i), without steps."""
        ranges = [range(*s.indices(n)) for s, n in zip(box, self.shape, strict=True)]
        shift = [r.start * h for r, h in zip(ranges, self.spacing)]
        return replace(self, shape=tuple(map(len, ranges)), origin=self._moved(shift))

    def coarsened(self, factors: tuple[int, int, int]) -> Grid:
        """Grid of blocks of `factors` voxels along (k, j, i), the last ones sticking out where they must."""
        spacing = tuple(f * h for f, h in zip(factors, self.spacing))
        shift = [(f - 1) / 2 * h for f, h in zip(factors, self.spacing)]
        shape = tuple(-(-n // f) for n, f in zip(self.shape, factors))
        return replace(self, shape=shape, spacing=spacing, origin=self._moved(shift))

    def _moved(self, shift: list[float]) -> tuple[float, ...]:
        """The origin, moved by mm along the axes (k, j, i)."""
        return tuple(np.asarray(self.origin) + np.asarray(self.direction) @ shift)

    def same_geometry(self, other: Grid, tolerance: float = 1e-3) -> bool:
        """Whether the voxels of two grids lie at the same places, to `tolerance` mm at the corners."""
        if self.shape != other.shape:
            return False
        corner = np.array([n - 1 for n in self.shape[::-1]] + [1.0])
        ends = np.diag(np.append(corner[:3], 0.0))
        ends[3] = 1.0
        return bool(np.max(np.abs((self.ijk_to_ras - other.ijk_to_ras) @ ends)) <= tolerance)
