"""Pictures of every stage in three planes, in radiological orientation: the patient's right is on the left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..acquisition import Acquisition
from ..grid import Grid
from ..reconstruction import Reconstruction
from .png import as_png

#: Height and width in pixels within which each plane is drawn.
_LARGEST = 224
_GAP = 6
_OUTLINE = (255, 150, 0)
#: How the titles of the pictures begin that a first look needs.
FIRST_LOOK = ("Magnitude", "Local field", "Susceptibility")
#: Stands for infinite values.
_BRIGHTEST = 1e9
#: Gray window of susceptibility in ppm: deep gray nuclei bright, but not saturated; the same for all scans.
SUSCEPTIBILITY = (-0.1, 0.2)
#: Planes -> world axes (R, A, S) that run to the right and down in the picture, with their directions.
_PLANES = {"axial": ((0, -1), (1, -1)), "coronal": ((0, -1), (2, -1)), "sagittal": ((1, -1), (2, -1))}


@dataclass(frozen=True)
class Picture:
    """A map in three planes.

    Attributes
    ----------
    title : str
    unit : str
        Of the window; empty for arbitrary units.
    window : (float, float)
        Values shown black and white.
    png : bytes
    """

    title: str
    unit: str
    window: tuple[float, float]
    png: bytes

    @property
    def caption(self) -> str:
        """Title, and what black and white mean."""
        low, high = (f"{value:.3g}" for value in self.window)
        return f"{self.title} (black {low}, white {high}{f' {self.unit}' if self.unit else ' in arbitrary units'})"


def stage_pictures(reconstruction: Reconstruction, acquisition: Acquisition) -> list[Picture]:
    """Input, maps on the way, and results, all through the middle of the brain.

    Parameters
    ----------
    reconstruction : Reconstruction
    acquisition : Acquisition
        What it was reconstructed from.

    Returns
    -------
    list of Picture
    """
    mask, grid = reconstruction.mask, reconstruction.grid
    first, last = (f"{1000 * acquisition.echo_times[echo]:.3g} ms" for echo in (0, -1))
    magnitude = acquisition.magnitude[0]
    shown = [
        (f"Magnitude at {first} with the outline of the mask", "", magnitude, (0.0, 1.1 * _high(magnitude[mask], 99))),
        (f"Phase at {last}, wrapped", "rad", acquisition.phase[-1], (-np.pi, np.pi)),
        ("Total field", "ppm", reconstruction.field_map.field, _around_zero(reconstruction.field_map.field, mask)),
        ("Noise of the total field (sd)", "ppm", reconstruction.field_map.noise,
         (0.0, _high(reconstruction.field_map.noise[mask], 95))),
        ("Local field", "ppm", reconstruction.local_field.field,
         _around_zero(reconstruction.local_field.field, reconstruction.local_field.mask)),
        ("Susceptibility", "ppm", reconstruction.susceptibility, SUSCEPTIBILITY),
    ]  # fmt: skip
    if reconstruction.r2star is not None:
        shown.append(("R2*", "1/s", reconstruction.r2star, (0.0, _high(reconstruction.r2star[mask], 98))))
    center = middle_of(mask)
    return [
        picture_of(values, grid, center, title=title, unit=unit, window=window, outlined=None if number else mask)
        for number, (title, unit, values, window) in enumerate(shown)
    ]


def middle_of(mask: np.ndarray) -> list[int]:
    """The voxel (k, j, i) in the middle of a mask."""
    return [int(round(float(np.mean(places)))) for places in np.nonzero(mask)]


def picture_of(values, grid, center, *, title, unit="ppm", window=SUSCEPTIBILITY, outlined=None) -> Picture:
    """A picture of a map; parameters as `three_planes` and `Picture`."""
    return Picture(title, unit, window, as_png(three_planes(values, grid, center, window, outlined)))


def three_planes(
    values: np.ndarray, grid: Grid, center: list[int], window: tuple[float, float], outlined: np.ndarray | None = None
) -> np.ndarray:
    """Axial, coronal and sagittal slice side by side, in voxels of equal size.

    Slices run along the array axes: in an oblique scan they are as oblique as the scan.

    Parameters
    ----------
    values : ndarray, shape (k, j, i)
    grid : Grid
    center : list of int
        Voxel (k, j, i) through which the slices go.
    window : (float, float)
        Values shown black and white.
    outlined : ndarray, bool, shape (k, j, i), optional
        A mask whose rim is drawn.

    Returns
    -------
    ndarray, uint8, shape (height, width) or (height, width, 3)
    """
    axes = world_axes(grid)
    tiles = []
    for plane in _PLANES.values():
        pixels = _slice(values.astype(np.float32, copy=False), grid, axes, center, plane)
        gray = np.clip((pixels - window[0]) / max(window[1] - window[0], 1e-12), 0, 1) * 255
        tile = np.rint(gray).astype(np.uint8)
        if outlined is not None:
            tile = np.repeat(tile[..., None], 3, axis=2)
            inside = _slice(outlined.astype(np.float32), grid, axes, center, plane) >= 0.5
            tile[_rim(inside)] = _OUTLINE
        tiles.append(tile)
    height = max(len(tile) for tile in tiles)
    width = sum(tile.shape[1] for tile in tiles) + _GAP * (len(tiles) - 1)
    whole = np.zeros((height, width, *tiles[0].shape[2:]), np.uint8)
    left = 0
    for tile in tiles:
        top = (height - len(tile)) // 2
        whole[top : top + len(tile), left : left + tile.shape[1]] = tile
        left += tile.shape[1] + _GAP
    return whole


def world_axes(grid: Grid) -> list[tuple[int, int]]:
    """For each world axis (R, A, S) the array axis nearest to it, and whether it runs along (1) or against it (-1)."""
    direction = np.array(grid.direction)
    assigned: dict[int, tuple[int, int]] = {}
    closeness = np.abs(direction)
    for _ in range(3):
        world, axis = np.unravel_index(np.argmax(closeness), (3, 3))
        assigned[int(world)] = int(axis), 1 if direction[world, axis] > 0 else -1
        closeness[world, :] = closeness[:, axis] = -1
    return [assigned[world] for world in range(3)]


def _slice(values, grid, axes, center, plane) -> np.ndarray:
    (across, across_sign), (down, down_sign) = plane
    (column_axis, column_sign), (row_axis, row_sign) = axes[across], axes[down]
    through = 3 - column_axis - row_axis
    picture = np.nan_to_num(np.take(values, center[through], axis=through), posinf=_BRIGHTEST, neginf=-_BRIGHTEST)
    if row_axis > column_axis:
        picture = picture.T
    if column_sign != across_sign:
        picture = picture[:, ::-1]
    if row_sign != down_sign:
        picture = picture[::-1]
    lengths = [n * grid.spacing[axis] for n, axis in zip(picture.shape, (row_axis, column_axis))]
    longest = max(n * h for n, h in zip(grid.shape, grid.spacing))
    sizes = [max(1, round(_LARGEST * length / longest)) for length in lengths]
    for axis, size in enumerate(sizes):
        picture = _resampled(picture, size, axis)
    return picture


def _resampled(picture: np.ndarray, size: int, axis: int) -> np.ndarray:
    """Linear interpolation along an axis, from the centers of the old pixels to those of the new ones."""
    old = picture.shape[axis]
    places = np.clip((np.arange(size) + 0.5) * old / size - 0.5, 0, old - 1)
    low = np.minimum(places.astype(int), max(old - 2, 0))
    weight = (places - low).astype(np.float32)
    weight = weight[:, None] if axis == 0 else weight[None, :]
    high = np.minimum(low + 1, old - 1)
    return np.take(picture, low, axis) * (1 - weight) + np.take(picture, high, axis) * weight


def _rim(inside: np.ndarray) -> np.ndarray:
    padded = np.pad(inside, 1)
    surrounded = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return inside & ~surrounded


def _high(values: np.ndarray, percent: float) -> float:
    """A percentile of the finite values, or 1 where it is 0 or there are none: a window must have a width."""
    values = values[np.isfinite(values)]
    return float(np.percentile(values, percent)) or 1.0 if values.size else 1.0


def _around_zero(field: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    half = _high(np.abs(field[mask]), 98)
    return -half, half
