"""A closed surface around a centre: one radius for each direction of an icosphere, found as a global optimum."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.ndimage
import scipy.sparse
import scipy.spatial

#: Angular step of the table by which `RadialSurface.depth` looks up radii, in degrees.
_TABLE_STEP = 2.0

#: Share of the old messages kept in each round of belief propagation: stops oscillation on the loops of the sphere.
_DAMPING = np.float32(0.5)


@dataclass(frozen=True, eq=False)
class Icosphere:
    """Directions spread evenly over the unit sphere: an icosahedron whose faces are divided `level` times.

    Attributes
    ----------
    level : int
    directions : ndarray, shape (n, 3)
        Unit vectors. Those of a coarser icosphere are the first ones of a finer one. The set is symmetric under
        reversal of each axis and cyclic exchange of the axes.
    edges : ndarray, int, shape (m, 2)
        Pairs of neighbouring directions.
    smoothing : sparse matrix, shape (n, n)
        Averages each value half and half with the mean of its neighbours.
    """

    level: int
    directions: np.ndarray
    edges: np.ndarray
    smoothing: scipy.sparse.csr_matrix

    @classmethod
    @lru_cache(maxsize=8)
    def of_level(cls, level: int) -> Icosphere:
        """The icosphere with 10 * 4**level + 2 directions."""
        golden = (1 + np.sqrt(5)) / 2
        corners = np.array([(0, a, b * golden) for a in (-1, 1) for b in (-1, 1)])
        vertices = np.concatenate([corners, np.roll(corners, 1, axis=1), np.roll(corners, 2, axis=1)])
        near = np.isclose(np.linalg.norm(vertices[:, None] - vertices, axis=2), 2)
        triples = itertools.combinations(range(12), 3)
        faces = np.array([(a, b, c) for a, b, c in triples if near[a, b] and near[b, c] and near[a, c]])
        vertices /= np.linalg.norm(vertices[0])
        for _ in range(level):
            vertices, faces = _divided(vertices, faces)
        edges = _edges_of(faces)
        neighbours = scipy.sparse.coo_matrix(
            (np.ones(2 * len(edges)), (edges.ravel(), edges[:, ::-1].ravel())), shape=(len(vertices),) * 2
        ).tocsr()
        mean = scipy.sparse.diags(1 / np.asarray(neighbours.sum(axis=1)).ravel()) @ neighbours
        identity = scipy.sparse.identity(len(vertices))
        return cls(level, vertices, edges, ((identity + mean) / 2).tocsr().astype(np.float32))

    def interpolated(self, values: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Values given at this icosphere's directions, at other unit vectors, shape (..., 3)."""
        distance, nearest = scipy.spatial.cKDTree(self.directions).query(directions, k=3)
        weight = 1 / (distance + 1e-6)
        return (values[nearest] * weight).sum(axis=-1) / weight.sum(axis=-1)


@dataclass(frozen=True, eq=False)
class RadialSurface:
    """A surface that every ray from its centre crosses once.

    Attributes
    ----------
    centre : ndarray, shape (3,)
        Position along (k, j, i) in mm from the centre of voxel [0, 0, 0].
    sphere : Icosphere
    radii : ndarray, shape (n,)
        In mm, one for each direction of `sphere`.
    """

    centre: np.ndarray
    sphere: Icosphere
    radii: np.ndarray

    def refined(self, level: int) -> RadialSurface:
        """The same surface on another icosphere."""
        sphere = Icosphere.of_level(level)
        return RadialSurface(self.centre, sphere, self.sphere.interpolated(self.radii, sphere.directions))

    def smoothed(self, rounds: int) -> RadialSurface:
        """The surface with each radius averaged with its neighbours', `rounds` times."""
        radii = self.radii
        for _ in range(rounds):
            radii = self.sphere.smoothing @ radii
        return RadialSurface(self.centre, self.sphere, radii)

    def depth(self, shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> np.ndarray:
        """How far, along the ray from the centre, each voxel lies inside the surface (negative: outside), in mm."""
        polar = np.radians(np.arange(0, 180 + _TABLE_STEP / 2, _TABLE_STEP))[:, None]
        azimuth = np.radians(np.arange(-180, 180 + _TABLE_STEP / 2, _TABLE_STEP))
        along_k, across = np.cos(polar) + 0 * azimuth, np.sin(polar)
        rays = np.stack([along_k, across * np.cos(azimuth), across * np.sin(azimuth)], axis=-1)
        table = self.sphere.interpolated(self.radii, rays).astype(np.float32)
        offsets = [(np.arange(n) * h - c).astype(np.float32) for n, h, c in zip(shape, spacing, self.centre)]
        k, j, i = offsets[0][:, None, None], offsets[1][:, None], offsets[2]
        across = np.hypot(j, i)
        radius = np.hypot(k, across)
        to_index = np.float32(180 / np.pi / _TABLE_STEP)
        places = np.empty((2, *shape), np.float32)
        np.multiply(np.arctan2(across, k), to_index, out=places[0])
        places[1] = (np.arctan2(i, j) + np.float32(np.pi)) * to_index
        return scipy.ndimage.map_coordinates(table, places, order=1, mode="nearest") - radius


def sampled_along_rays(
    image: np.ndarray, spacing: np.ndarray, centre: np.ndarray, directions: np.ndarray, distances: np.ndarray
) -> np.ndarray:
    """Image along rays from a centre; beyond the image, its border goes on.

    Parameters
    ----------
    image : ndarray, shape (k, j, i)
    spacing, centre : ndarray, shape (3,)
        In mm.
    directions : ndarray, shape (n, 3)
    distances : ndarray, shape (n, s)
        Distances from the centre in mm.

    Returns
    -------
    ndarray, shape (n, s)
    """
    places = [(centre[a] + directions[:, a, None] * distances) / spacing[a] for a in range(3)]
    return scipy.ndimage.map_coordinates(image, places, order=1, mode="nearest")


def distance_to_border(
    shape: tuple[int, int, int], spacing: np.ndarray, centre: np.ndarray, directions: np.ndarray
) -> np.ndarray:
    """Distance in mm at which each ray from the centre leaves the volume, shape (n,)."""
    high = (np.asarray(shape) - 0.5) * spacing - centre
    low = -0.5 * spacing - centre
    away = np.where(directions > 0, high, low)
    ratio = np.full(directions.shape, np.inf)
    np.divide(away, directions, out=ratio, where=np.abs(directions) > 1e-9)
    return ratio.min(axis=1)


def smooth_optimum(cost: np.ndarray, edges: np.ndarray, step: float, stiffness: float, iterations: int) -> np.ndarray:
    """Choose one sample per node so that the cost is small and neighbours choose alike.

    Parameters
    ----------
    cost : ndarray, float32, shape (n, s)
        Cost of each sample at each node.
    edges : ndarray, int, shape (m, 2)
        Neighbouring nodes.
    step : float
        Distance between samples in mm.
    stiffness : float
        Cost per mm by which neighbours differ, beyond the first millimetres (two samples), where it is quadratic.
    iterations : int
        Rounds of message passing.

    Returns
    -------
    ndarray, int, shape (n,)
        Index of the chosen sample.

    Notes
    -----
    Min-sum belief propagation (Felzenszwalb & Huttenlocher, Int J Comput Vis 2006, 10.1007/s11263-006-7899-4).
    """
    nodes, samples = cost.shape
    slope = np.float32(stiffness * step)
    source, target = np.concatenate([edges, edges[:, ::-1]]).T
    count = len(edges)
    arriving = scipy.sparse.csr_matrix(
        (np.ones(2 * count, np.float32), (target, np.arange(2 * count))), shape=(nodes, 2 * count)
    )
    messages = np.zeros((2 * count, samples), np.float32)
    for _ in range(iterations):
        message = (cost + arriving @ messages)[source]
        message[:count] -= messages[count:]
        message[count:] -= messages[:count]
        message = _lowered(message, slope)
        message -= message.min(axis=1, keepdims=True)
        messages *= _DAMPING
        messages += (1 - _DAMPING) * message
    return (cost + arriving @ messages).argmin(axis=1)


def _lowered(cost: np.ndarray, slope: np.float32) -> np.ndarray:
    """The least, over all samples t, of cost[:, t] plus the penalty of differing from t, for each sample.

    The penalty grows by `slope` per sample beyond the second, and quadratically up to it; so a few shifts and one sweep
    each way find the minimum in linear time.
    """
    result = cost.copy()
    for shift in (1, 2):
        rise = slope * np.float32(shift**2 / 4)
        np.minimum(result[:, shift:], cost[:, :-shift] + rise, out=result[:, shift:])
        np.minimum(result[:, :-shift], cost[:, shift:] + rise, out=result[:, :-shift])
    ramp = slope * np.arange(cost.shape[1], dtype=np.float32)
    result -= ramp
    np.minimum.accumulate(result, axis=1, out=result)
    result += 2 * ramp
    backwards = result[:, ::-1]
    np.minimum.accumulate(backwards, axis=1, out=backwards)
    result -= ramp
    return result


def _divided(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Divide each face in four; new vertices come last."""
    edges = _edges_of(faces)
    number = {(a, b): len(vertices) + n for n, (a, b) in enumerate(edges.tolist())}
    middle = vertices[edges].sum(axis=1)
    vertices = np.concatenate([vertices, middle / np.linalg.norm(middle, axis=1, keepdims=True)])
    divided = []
    for a, b, c in faces.tolist():
        ab, bc, ca = (number[min(p), max(p)] for p in ((a, b), (b, c), (c, a)))
        divided += [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
    return vertices, np.array(divided)


def _edges_of(faces: np.ndarray) -> np.ndarray:
    return np.unique(np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1), axis=0)
