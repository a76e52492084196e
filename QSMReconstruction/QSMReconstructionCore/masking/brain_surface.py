"""The surface of the brain: where, seen from its middle, bright tissue ends at the dark shell of the skull."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

from ..numerics.blocks import block_mean
from ..progress import Progress
from .evenness import local_level
from .radial_surface import Icosphere, RadialSurface, distance_to_border, sampled_along_rays, smooth_optimum

#: No brain surface is nearer to the middle of the brain, or farther from it, than this, in mm. Ventricles and the
#: fissure between the hemispheres lie within the first.
_NEAREST, _FARTHEST = 24.0, 124.0

#: A volume that is shorter than this along an axis, in mm, is continued to both sides: rays from the middle of a thin
#: slab would otherwise leave it before they meet anything.
_LEAST_EXTENT = 120.0

#: Over how many mm intensity is averaged to get the level of brain: widely while scalp and neck are in the average.
_HEAD_LEVEL, _BRAIN_LEVEL = 25.0, 15.0

#: Depths in mm along a ray: how far back tissue must be bright (Smith 2002), how far ahead the skull must follow, and
#: within which distance scalp or face follows the skull.
_INSIDE, _SKULL, _BEYOND = 20.0, 8.0, 30.0

#: Intensity relative to brain above which tissue along a ray speaks for brain, below which against it, and the gain
#: between the two. Above the edge fraction: this decides between surfaces, not where exactly the edge is.
_BRIGHT, _GAIN = 0.6, 4.0

#: Weight of a millimetre of bright tissue against the contrast at the skull (which is at most 2).
_TISSUE_WEIGHT = 0.03

#: Cost per mm by which the radii of neighbours differ, on icospheres of this or a lower level. Finer ones have shorter
#: edges and more of them.
_STIFFNESS = {2: 0.03, 3: 0.03, 4: 0.02}

#: Rounds of message passing: enough to carry a decision over a quarter of the sphere.
_ROUNDS = 30

#: Cost of a surface where there must be none; what two surfaces otherwise differ by is at most 5.
_FORBIDDEN = 10.0

#: How often costs are averaged with those of neighbouring rays: sulci and vessels average out, the skull does not.
_COST_SMOOTHING = 3

#: Level of the icosphere on which profiles are sampled: 2562 rays, 5 mm apart on the surface of the brain.
_FINEST = 4


def brain_surface(
    magnitude: np.ndarray, spacing: np.ndarray, edge: float, stiffness: float, progress: Progress
) -> tuple[RadialSurface, np.ndarray, float]:
    """Find the brain's surface in a magnitude of about 2 mm resolution.

    Parameters
    ----------
    magnitude : ndarray, float32, shape (k, j, i)
        Not negative.
    spacing : ndarray, shape (3,)
        In mm.
    edge : float
        Fraction of the way from skull (0) to brain (1) at which the surface lies.
    stiffness : float
        Relative to the default.
    progress : callable

    Returns
    -------
    surface : RadialSurface
    level : ndarray, float32, shape (k, j, i)
        Magnitude of brain as the sensitivity of the coils makes it vary over the volume.
    cut : float
        Share of the directions in which the surface lies on or beyond the border of the volume.

    Raises
    ------
    ValueError
        If there is no extended bright object.

    Notes
    -----
    The cost of a surface point is minus the contrast b^2 [(b - v) + (min(b, o) - v)] minus a small reward for each
    millimetre of bright tissue passed, with b the darkest place on the ray within 20 mm inside, v the darkest within
    8 mm outside, o the brightest beyond that. The scalp's own edge towards air has a small b (the skull), and no o. The
    optimum is sought in three steps: coarsely for the centre, over the whole volume, and finely near what was found.
    """
    progress(0.0, "centre")
    missing = [max(0, int(np.ceil((_LEAST_EXTENT / h - n) / 2))) for n, h in zip(magnitude.shape, spacing)]
    shape, magnitude = magnitude.shape, np.pad(magnitude, [(n, n) for n in missing], mode="edge")
    level = local_level(magnitude, spacing, _bright(magnitude), _HEAD_LEVEL)
    image = magnitude / level
    centre = _deepest_point(image, spacing)
    rough = _fitted(image, spacing, _start(centre, 2), 4.0, (0, _FARTHEST), stiffness)

    progress(0.2, "whole volume")
    depth = rough.depth(image.shape, spacing)
    centre = np.array(scipy.ndimage.center_of_mass(depth > 0)) * spacing
    level = local_level(magnitude, spacing, (depth > 4) & (image > 0.5), _BRAIN_LEVEL)
    image = magnitude / level
    surface = _fitted(image, spacing, _start(centre, 3), 2.0, (0, _FARTHEST), stiffness)

    progress(0.6, "details")
    surface = _fitted(image, spacing, surface.refined(4).smoothed(6), 1.0, (-10, 10), stiffness)
    border = distance_to_border(image.shape, spacing, centre, surface.sphere.directions)
    surface = _at_edge(image, spacing, surface, border, edge)

    surface = RadialSurface(centre - np.asarray(missing) * spacing, surface.sphere, surface.radii)
    border = distance_to_border(shape, spacing, surface.centre, surface.sphere.directions)
    level = level[tuple(slice(before, before + size) for before, size in zip(missing, shape))]
    return surface, level, float(np.mean(surface.radii > border - spacing.max()))


def _bright(magnitude: np.ndarray) -> np.ndarray:
    """Roughly the head: above half the median of what is not air."""
    signal = magnitude > 0.1 * np.percentile(magnitude, 99)
    return magnitude > 0.5 * np.median(magnitude[signal])


def _deepest_point(image: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Centre of the largest ball within bright tissue, in mm."""
    factors = tuple(int(f) for f in np.maximum(1, np.round(4 / spacing)))
    bright = scipy.ndimage.binary_fill_holes(block_mean(image, factors) > 0.5)
    if not bright.any():
        raise ValueError("No brain was found: the magnitude has no bright region. Draw a mask by hand.")
    distance = scipy.ndimage.distance_transform_edt(np.pad(bright, 1), sampling=spacing * factors)
    place = np.array(np.unravel_index(distance.argmax(), distance.shape)) - 1
    return (place * factors + (np.asarray(factors) - 1) / 2) * spacing


def _start(centre: np.ndarray, level: int) -> RadialSurface:
    sphere = Icosphere.of_level(level)
    return RadialSurface(centre, sphere, np.zeros(len(sphere.directions)))


def _fitted(
    image: np.ndarray,
    spacing: np.ndarray,
    start: RadialSurface,
    step: float,
    reach: tuple[float, float],
    stiffness: float,
) -> RadialSurface:
    """The best surface whose radii are those of `start` plus multiples of `step` within `reach`, in mm."""
    # What lies inside and beyond the candidates counts as well.
    offsets = np.arange(reach[0] - min(_INSIDE, start.radii.min()), reach[1] + _BEYOND + step / 2, step)
    fine = start.refined(_FINEST)
    distances = np.maximum(fine.radii[:, None] + offsets, 0)
    profiles, border = _profiles(image, spacing, fine, distances)
    cost = _cost(profiles, step)
    for _ in range(_COST_SMOOTHING):
        cost = fine.sphere.smoothing @ cost

    number = len(start.radii)  # the directions of a coarser icosphere are the first ones of a finer one
    allowed = (offsets >= reach[0]) & (offsets <= reach[1])
    cost, distances, border = cost[:number, allowed], distances[:number, allowed], border[:number]
    cost -= cost.min(axis=1, keepdims=True)
    cost[(distances < _NEAREST) | (distances > border[:, None] + step)] += _FORBIDDEN
    rigidity = np.float32(stiffness * _STIFFNESS[start.sphere.level])
    chosen = smooth_optimum(cost, start.sphere.edges, step, rigidity, _ROUNDS)
    return RadialSurface(start.centre, start.sphere, np.minimum(start.radii + offsets[allowed][chosen], border))


def _profiles(
    image: np.ndarray, spacing: np.ndarray, surface: RadialSurface, distances: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Intensity along rays relative to the middle of the brain, and the distance at which each leaves the volume."""
    directions = surface.sphere.directions
    middle = sampled_along_rays(
        image, spacing, surface.centre, directions, np.broadcast_to(np.arange(0, 40, 2.0), (len(directions), 20))
    )
    border = distance_to_border(image.shape, spacing, surface.centre, directions)
    profiles = sampled_along_rays(image, spacing, surface.centre, directions, np.minimum(distances, border[:, None]))
    profiles = np.clip(profiles / np.median(middle), 0, 1.2).astype(np.float32)
    profiles[distances < _NEAREST] = 1
    return surface.sphere.smoothing @ profiles, border


def _cost(profiles: np.ndarray, step: float) -> np.ndarray:
    """Cost of the surface at each sample of each ray (see `brain_surface`)."""
    back, ahead, far = (max(1, int(depth / step)) for depth in (_INSIDE, _SKULL, _BEYOND))
    inside = scipy.ndimage.minimum_filter1d(np.minimum(profiles, 1), back + 1, axis=1, origin=back // 2)
    skull = scipy.ndimage.minimum_filter1d(profiles, ahead + 1, axis=1, origin=-((ahead + 1) // 2))
    gap = ahead // 2
    beyond = scipy.ndimage.maximum_filter1d(profiles, far + 1, axis=1, origin=-((far + 1) // 2))
    beyond = np.concatenate([beyond[:, gap:], np.repeat(beyond[:, -1:], gap, axis=1)], axis=1)
    contrast = np.maximum(inside - skull, 0) + np.maximum(np.minimum(inside, beyond) - skull, 0)
    tissue = np.clip((inside - np.float32(_BRIGHT)) * np.float32(_GAIN), -1, 1)
    return -contrast * inside**2 - np.float32(_TISSUE_WEIGHT * step) * np.cumsum(tissue, axis=1)


def _at_edge(
    image: np.ndarray, spacing: np.ndarray, surface: RadialSurface, border: np.ndarray, edge: float
) -> RadialSurface:
    """The surface moved, ray by ray, to where intensity has fallen to `edge` between brain and the skull ahead."""
    step = 0.5
    offsets = np.arange(-14, 9, step)
    directions = surface.sphere.directions
    distances = np.clip(surface.radii[:, None] + offsets, 0, border[:, None])
    profiles = sampled_along_rays(image, spacing, surface.centre, directions, distances)
    brain = np.median(profiles[:, offsets < -3], axis=1)
    ahead = np.flatnonzero(offsets >= -3)
    valley = ahead[0] + profiles[:, ahead].argmin(axis=1)
    skull = np.take_along_axis(profiles, valley[:, None], axis=1)[:, 0]
    threshold = skull + edge * (brain - skull)
    before = np.arange(len(offsets)) <= valley[:, None]
    bright = before & (profiles > threshold[:, None])
    last = len(offsets) - 1 - bright[:, ::-1].argmax(axis=1)
    found = bright.any(axis=1) & (brain - skull > 0.2 * brain)
    shift = np.where(found, offsets[last] + step / 2, 0)
    for _ in range(2):
        shift = surface.sphere.smoothing @ shift
    return RadialSurface(surface.centre, surface.sphere, np.minimum(surface.radii + shift, border))
