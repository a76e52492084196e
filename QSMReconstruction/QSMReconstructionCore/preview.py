"""A look at what an inversion would give, within a second or two: in a box, or on a coarse grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .grid import Grid
from .methods import method as method_of
from .progress import Progress, no_progress
from .recipe import PRESETS

#: Voxels of the coarse grid, and, if the box is not small already, of a box with its margin: no method takes more than
#: two seconds to invert them on two cores (part `preview` of the benchmark, 1 mm).
_MOST_VOXELS = 64**3

#: Methods that take about twice as long for a voxel as the default one, so that they get half as many.
_SLOW = ("medi", "tgv")

_DEFAULT = PRESETS["default"].stages["inversion"]["method"]

#: Length of the sides of a box by default, in mm, and of the field around it.
_LEAST_EXTENT, _MOST_EXTENT, _MARGIN = 20.0, 48.0, 12.0


@dataclass(frozen=True, eq=False)
class Preview:
    """Susceptibility in a part of the volume, or on a coarser grid.

    Attributes
    ----------
    susceptibility : ndarray, float32, shape of `grid`
        In ppm. Only differences count: the zero is that of the part.
    mask : ndarray, bool, shape of `grid`
        Where it is defined.
    grid : Grid
        Geometry of the part, in the same world.
    """

    susceptibility: np.ndarray
    mask: np.ndarray
    grid: Grid


def preview_inversion(
    local_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    magnitude: np.ndarray | None = None,
    method: str = _DEFAULT,
    parameters: Mapping[str, Any] | None = None,
    box: tuple[slice, slice, slice] | None = None,
    margin: float = _MARGIN,
    progress: Progress = no_progress,
) -> Preview:
    """Invert a box of a local field, or all of it on a coarse grid, to see what a parameter does.

    Parameters
    ----------
    local_field : ndarray, float32, shape (k, j, i)
        In ppm, as `Reconstruction.local_field.field` has it.
    mask : ndarray, bool, shape (k, j, i)
        Where susceptibility is sought.
    grid : Grid
        Geometry.
    weights : ndarray, float32, shape (k, j, i), optional
        Reciprocal of the noise sd of the field, in 1/ppm (`pipeline.weights_of`).
    magnitude : ndarray, float32, shape (k, j, i) or (echo, k, j, i), optional
        For methods that look at it.
    method : str
        A method of the stage "inversion".
    parameters : mapping, optional
        Of the method; those that are left out have their defaults.
    box : tuple of slice, optional
        The voxels to show (`box_around`; a slab is a box that is thin along one axis). Without it, the whole volume is
        averaged over blocks of voxels.
    margin : float
        Field around the box that is inverted along with it, in mm.
    progress : callable
        See `progress`.

    Returns
    -------
    Preview

    Raises
    ------
    ValueError
        If arrays do not fit together, the box holds nothing of the mask, or a parameter is not allowed.

    Notes
    -----
    What is approximate. In a box: the field of sources farther away than the margin counts as if it came from the edge
    of what is inverted, which shades the box smoothly, and all the more for methods that leave no room for such
    sources. On a coarse grid: detail finer than its voxels is lost and small strong sources are weaker; the data keep
    the weight of a single voxel, so that a regularization in mm/ppm smooths as it would on the fine grid. In both: what
    background removal took away with the background is not put back, and the zero is arbitrary. On the head phantom
    (2 mm, 3 T), boxes of 48 mm correlate with the whole inversion by 0.95 to 0.98 at margins of 8 to 16 mm.
    """
    chosen = method_of("inversion", method)
    values = chosen.completed(dict(parameters or {}))
    for name, array in (("local_field", local_field), ("mask", mask), ("weights", weights)):
        if array is not None and np.shape(array) != grid.shape:
            raise ValueError(
                f"{name} must have the shape {grid.shape} of the grid (k, j, i), but got {np.shape(array)}."
            )
    data = (local_field, mask, grid, weights, magnitude)
    part = _coarse(*data, _most_voxels(method)) if box is None else _within(*data, box, margin)
    if not part.mask[part.shown].any():
        raise ValueError(f"box holds no voxel of the mask, but got {box}. Choose a box inside the brain.")
    given = {"weights": part.weights, "magnitude": part.magnitude, "progress": progress}
    found = chosen.run(part.field, part.mask, part.grid, given=given, parameters=values)
    return Preview(found[part.shown], part.mask[part.shown], part.grid.part(part.shown))


def box_around(
    voxel: tuple[int, int, int],
    grid: Grid,
    extent: tuple[float, float, float] | None = None,
    *,
    method: str = _DEFAULT,
) -> tuple[slice, slice, slice]:
    """The box of an extent in mm along (k, j, i) around a voxel, as far as it lies in the volume.

    Without an extent, the box is a cube of 48 mm, or less if there are so many voxels in it and around it that their
    inversion by a method would keep waiting: in a scan of 1 mm 40 mm by most and 26 mm by MEDI and TGV, which take
    twice the time, and 20 mm at the least.

    Raises
    ------
    ValueError
        If the voxel lies outside the volume or the extent is not positive.
    """
    if len(voxel) != 3 or not all(0 <= v < n for v, n in zip(voxel, grid.shape)):
        raise ValueError(f"voxel must lie in the volume of {grid.shape} voxels (k, j, i), but got {voxel}.")
    if extent is None:
        side = (_most_voxels(method) * grid.voxel_volume) ** (1 / 3) - 2 * _MARGIN
        extent = (float(np.clip(side, _LEAST_EXTENT, _MOST_EXTENT)),) * 3
    if len(extent) != 3 or not min(extent) > 0:
        raise ValueError(f"extent must be three positive lengths in mm, but got {extent}.")
    reach = [max(round(length / h / 2), 1) for length, h in zip(extent, grid.spacing)]
    return tuple(slice(max(int(v) - r, 0), min(int(v) + r, n)) for v, r, n in zip(voxel, reach, grid.shape))


def _most_voxels(method: str) -> int:
    return _MOST_VOXELS // 2 if method in _SLOW else _MOST_VOXELS


@dataclass(frozen=True, eq=False)
class _Part:
    """What is inverted, and which of its voxels are shown."""

    field: np.ndarray
    mask: np.ndarray
    grid: Grid
    weights: np.ndarray | None
    magnitude: np.ndarray | None
    shown: tuple[slice, slice, slice]


def _within(field, mask, grid, weights, magnitude, box, margin) -> _Part:
    """The box and its margin."""
    box = tuple(slice(*s.indices(n)[:2]) for s, n in zip(box, grid.shape, strict=True))
    reach = [int(np.ceil(margin / h)) for h in grid.spacing]
    wide = tuple(slice(max(s.start - r, 0), min(s.stop + r, n)) for s, r, n in zip(box, reach, grid.shape))
    shown = tuple(slice(s.start - w.start, s.stop - w.start) for s, w in zip(box, wide))
    return _Part(
        np.asarray(field[wide]), np.asarray(mask[wide]) > 0, grid.part(wide),
        None if weights is None else weights[wide], None if magnitude is None else magnitude[(..., *wide)], shown,
    )


def _coarse(field, mask, grid, weights, magnitude, most_voxels: int) -> _Part:
    """Means over blocks of voxels, the field's weighted by its precision."""
    mask = np.asarray(mask) > 0
    size = (grid.size * grid.voxel_volume / most_voxels) ** (1 / 3)
    factors = tuple(max(round(size / h), 1) for h in grid.spacing)
    share = _block_mean(mask, factors)
    precision = np.where(mask, np.float32(1) if weights is None else np.square(weights), np.float32(0))
    mean = _block_mean(precision, factors)
    data = _block_mean(np.where(mask, field, np.float32(0)) * precision, factors)
    data = np.divide(data, mean, out=np.zeros_like(data), where=mean > 0)
    inside = share >= 0.5
    return _Part(
        data, inside, grid.coarsened(factors),
        None if weights is None else np.sqrt(np.divide(mean, share, out=np.zeros_like(mean), where=inside)),
        None if magnitude is None else _block_mean(magnitude, factors), (slice(None),) * 3,
    )


def _block_mean(array: np.ndarray, factors: tuple[int, int, int]) -> np.ndarray:
    """Mean over blocks of voxels along the last three axes, float32; blocks that stick out count as filled with 0."""
    missing = [-n % f for n, f in zip(array.shape[-3:], factors)]
    if any(missing):
        array = np.pad(array, [(0, 0)] * (array.ndim - 3) + [(0, m) for m in missing])
    parts = [size for n, f in zip(array.shape[-3:], factors) for size in (n // f, f)]
    blocks = array.reshape(*array.shape[:-3], *parts)
    return blocks.mean(axis=(-5, -3, -1), dtype=np.float32)
