"""Procedural anatomy of the digital head phantom: which tissue is where, and what each tissue is like.

Coordinates are RAS in mm with the origin near the anterior commissure, +x right, +y anterior, +z superior, after the
stereotaxic positions of the structures in an adult brain. Everything is analytic or drawn from seeded band-limited
noise, so it can be sampled at any voxel size and orientation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage

from .grid import Grid

#: RAS position in mm of the middle of the field of view.
CENTRE = (0.0, -17.0, 8.0)

#: Labels of the phantom. Structures of the right side are those of the left plus `RIGHT`.
RIGHT = 20
CSF, GREY, WHITE, VEIN, CALCIFICATION, HEMORRHAGE = 10, 9, 8, 11, 16, 17
_PAIRED = {
    1: "Caudate nucleus", 2: "Globus pallidus", 3: "Putamen", 4: "Red nucleus", 5: "Dentate nucleus",
    6: "Substantia nigra", 7: "Thalamus",
}  # fmt: skip
LABELS = {
    **{n: f"{name} left" for n, name in _PAIRED.items()},
    WHITE: "White matter",
    GREY: "Grey matter",
    CSF: "Cerebrospinal fluid",
    VEIN: "Veins",
    CALCIFICATION: "Calcification",
    HEMORRHAGE: "Hemorrhage",
    **{n + RIGHT: f"{name} right" for n, name in _PAIRED.items()},
}
#: Tissues outside the brain, in the tissue map only.
AIR, SKULL, SCALP, DURAL_FLUID, EYE = 0, 50, 51, 52, 53


@dataclass(frozen=True)
class Tissue:
    """Magnetic properties of a tissue.

    Attributes
    ----------
    susceptibility : float
        In ppm relative to water.
    r2star : float
        At 3 T, in 1/s. Other field strengths scale all but fluid and air in proportion.
    proton_density : float
        Signal of a short repetition time at echo time 0, relative to fluid-free tissue.
    texture : float
        Standard deviation of the susceptibility within the tissue, in ppm.
    """

    susceptibility: float
    r2star: float
    proton_density: float
    texture: float = 0.0


#: Susceptibility of deep grey nuclei: Marques et al., Magn Reson Med 2021, 10.1002/mrm.28716 (QSM challenge 2.0); air:
#: 0.36 - (-9.05) ppm, Schenck, Med Phys 1996, 10.1118/1.597854; bone: Hopkins & Wehrli, Magn Reson Med 1997,
#: 10.1002/mrm.1910370404. R2* at 3 T: Peters et al., Magn Reson Imaging 2007, 10.1016/j.mri.2007.02.014, and Yao et
#: al., NeuroImage 2009, 10.1016/j.neuroimage.2008.10.029. A clot: 0.27 ppm (cgs) times the hematocrit, 0.45, without
#: oxygen, Spees et al., Magn Reson Med 2001, 10.1002/mrm.1072. All rounded.
_NUCLEI = {
    1: Tissue(0.049, 21.0, 0.84, 0.010),
    2: Tissue(0.138, 38.0, 0.76, 0.016),
    3: Tissue(0.046, 24.0, 0.84, 0.010),
    4: Tissue(0.106, 34.0, 0.78, 0.012),
    5: Tissue(0.120, 32.0, 0.78, 0.014),
    6: Tissue(0.115, 36.0, 0.78, 0.014),
    7: Tissue(0.020, 20.0, 0.80, 0.010),
}
TISSUES = {
    AIR: Tissue(9.41, 0.0, 0.0),
    SKULL: Tissue(-2.0, 400.0, 0.12),
    SCALP: Tissue(0.3, 32.0, 1.0),
    DURAL_FLUID: Tissue(0.0, 5.0, 0.65),
    EYE: Tissue(0.0, 4.0, 0.65),
    CSF: Tissue(0.0, 2.5, 0.65),
    GREY: Tissue(0.020, 17.0, 0.86, 0.007),
    WHITE: Tissue(-0.030, 21.0, 0.72, 0.007),
    VEIN: Tissue(0.25, 45.0, 0.80),
    CALCIFICATION: Tissue(-1.0, 80.0, 0.35),
    HEMORRHAGE: Tissue(1.5, 200.0, 0.7),
    **_NUCLEI,
    **{n + RIGHT: tissue for n, tissue in _NUCLEI.items()},
}


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid: centre and semi-axes in mm, rotation in degrees about the x axis, then turned about the z axis."""

    centre: tuple[float, float, float]
    semi_axes: tuple[float, float, float]
    pitch: float = 0.0
    yaw: float = 0.0

    def radius(self, x: np.ndarray, y: np.ndarray, z: np.ndarray, side: int = 1) -> np.ndarray:
        """Distance from the centre in units of the semi-axes; `side` -1 mirrors the ellipsoid to -x."""
        x, y, z = side * x - self.centre[0], y - self.centre[1], z - self.centre[2]
        if self.yaw:
            c, s = np.cos(np.radians(self.yaw)), np.sin(np.radians(self.yaw))
            x, y = c * x + s * y, c * y - s * x
        if self.pitch:
            c, s = np.cos(np.radians(self.pitch)), np.sin(np.radians(self.pitch))
            y, z = c * y + s * z, c * z - s * y
        a, b, c = self.semi_axes
        return np.sqrt((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2)

    def box(self, grid: Grid, side: int = 1) -> tuple[slice, slice, slice]:
        """Voxels of a grid that may lie inside; most structures fill little of a head, so the rest is not looked at."""
        centre = np.array([side * self.centre[0], *self.centre[1:]])
        middle = np.asarray(grid.direction).T @ (centre - np.asarray(grid.origin))
        reach = max(self.semi_axes)
        ends = [((m - reach) // h, (m + reach) // h + 2) for m, h in zip(middle, grid.spacing)]
        return tuple(slice(max(int(start), 0), max(int(stop), 0)) for start, stop in ends)


# Nuclei of the right side (+x), in the order in which they are laid down.
NUCLEI = (
    (7, Ellipsoid((11.0, -18.0, 8.0), (8.5, 14.0, 8.5), pitch=-8, yaw=15)),
    (1, Ellipsoid((13.5, 14.0, 9.0), (5.5, 10.0, 9.0), pitch=-20)),
    (1, Ellipsoid((16.5, -5.0, 19.5), (3.4, 14.0, 4.0), pitch=-12, yaw=12)),
    (3, Ellipsoid((26.0, 3.0, 2.0), (6.0, 15.0, 10.0), yaw=12)),
    (2, Ellipsoid((19.0, -3.0, -0.5), (4.4, 8.5, 6.5), yaw=18)),
    (4, Ellipsoid((5.2, -20.5, -9.0), (3.2, 3.6, 4.6))),
    (6, Ellipsoid((9.8, -16.5, -12.0), (2.8, 6.8, 4.6), pitch=20, yaw=28)),
    (5, Ellipsoid((15.5, -57.0, -33.0), (5.0, 8.5, 5.0), yaw=-20)),
)
VENTRICLES = (
    Ellipsoid((8.0, 16.0, 11.0), (4.2, 13.0, 8.0), pitch=-15, yaw=10),
    Ellipsoid((11.5, -12.0, 21.0), (4.5, 24.0, 6.0), pitch=-8, yaw=14),
    Ellipsoid((23.0, -41.0, 12.0), (5.0, 11.0, 9.0), pitch=35, yaw=12),
    Ellipsoid((0.0, -13.0, 4.0), (2.0, 13.0, 9.0)),
    Ellipsoid((0.0, -45.0, -32.0), (7.0, 5.5, 8.0)),
)
PLEXUS_CALCIFICATION = Ellipsoid((23.5, -41.0, 12.0), (3.2, 3.2, 3.2))
WHITE_MATTER_CLOT = Ellipsoid((-28.0, -22.0, 28.0), (8.0, 11.0, 7.0), yaw=10)

_CEREBRUM = Ellipsoid((0.0, -17.0, 15.0), (67.0, 85.0, 61.0))
_TEMPORAL = Ellipsoid((43.0, -8.0, -22.0), (22.0, 42.0, 20.0))
_CEREBELLUM = Ellipsoid((0.0, -62.0, -36.0), (51.0, 31.0, 25.0))
_HEAD = Ellipsoid((0.0, -15.0, 11.0), (80.5, 100.0, 80.0))
_FACE = Ellipsoid((0.0, 42.0, -45.0), (58.0, 42.0, 48.0))
# Air inside the head: frontal, ethmoid and sphenoid sinuses in the middle; mastoid cells and ear canals at the sides.
_SINUSES = (
    Ellipsoid((0.0, 73.0, 5.0), (17.0, 5.5, 12.0), pitch=-20),
    Ellipsoid((0.0, 47.0, -27.0), (13.0, 19.0, 8.5)),
    Ellipsoid((0.0, 17.0, -37.0), (14.0, 12.0, 8.0)),
    Ellipsoid((0.0, 52.0, -52.0), (12.0, 26.0, 16.0)),
)
_SIDE_AIR = (
    Ellipsoid((54.0, -42.0, -43.0), (8.0, 11.0, 9.0)),
    Ellipsoid((66.0, -22.0, -42.0), (20.0, 4.0, 4.0)),
)
_EYES = Ellipsoid((31.0, 62.0, -30.0), (12.0, 12.0, 12.0))


class BandNoise:
    """Band-limited random field with mean 0 and standard deviation 1, sampled at any points of the head.

    Parameters
    ----------
    wavelength : float
        Typical distance of repetition in mm.
    seed : int
        The same seed gives the same field.
    """

    _EXTENT = 260.0

    def __init__(self, wavelength: float, seed: int) -> None:
        self.step = wavelength / 5
        count = int(self._EXTENT / self.step)
        noise = np.random.default_rng(seed).standard_normal((count,) * 3, dtype=np.float32)
        smooth = scipy.ndimage.gaussian_filter(noise, 0.9, mode="wrap")
        smooth -= scipy.ndimage.gaussian_filter(noise, 1.8, mode="wrap")
        self.lattice = smooth / smooth.std()

    def at(self, grid: Grid) -> np.ndarray:
        """Values at the voxels of a grid, by linear interpolation."""
        steps = np.asarray(grid.direction) * np.asarray(grid.spacing) / self.step
        middle = (self.lattice.shape[0] - 1) / 2
        offset = (np.asarray(grid.origin) - np.asarray(CENTRE)) / self.step + middle
        return scipy.ndimage.affine_transform(
            self.lattice, steps, offset, output_shape=grid.shape, order=1, mode="nearest", output=np.float32
        )


def _brain_depth(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Approximate depth in mm below the surface of cerebrum and of cerebellum with brain stem (negative outside)."""
    ax = np.abs(x)
    cerebrum = np.float32(66.0) * (1 - _CEREBRUM.radius(x, y, z))
    # The base of the forebrain: frontal lobes rest on the orbits and sinuses, occipital lobes on the tentorium.
    base = z + np.where(y > -20, 21.0 - 0.06 * np.abs(x), 12.0 - 0.02 * (y + 100)).astype(np.float32)
    cerebrum = np.minimum(cerebrum, base)
    temporal = np.float32(21.0) * (1 - _TEMPORAL.radius(ax, y, z))
    cerebrum = np.maximum(cerebrum, temporal)
    # Fissure between the hemispheres, narrow, down to the corpus callosum.
    fissure = np.where(z > 24 + 0.004 * (y + 10) ** 2 * (y < -10), ax - 0.6, 50.0)
    cerebrum = np.minimum(cerebrum, fissure)
    cerebellum = np.float32(27.0) * (1 - _CEREBELLUM.radius(x, y, z))
    stem_centre = -22.0 + 0.28 * (z + 5.0)
    stem = (13.0 - np.sqrt((ax / 1.15) ** 2 + (y - stem_centre) ** 2)).astype(np.float32)
    stem = np.minimum(stem, np.minimum(z + 63.0, 4.0 - z))
    return cerebrum, np.maximum(cerebellum, stem)


def tissue_of(
    grid: Grid, folds: BandNoise, folia: BandNoise, hemorrhage: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Tissue at the voxels of a grid.

    Parameters
    ----------
    grid : Grid
        The voxels.
    folds, folia : BandNoise
        Noise that folds the cortex of cerebrum and cerebellum.
    hemorrhage : bool
        Whether there is a clot in the white matter of the left side.

    Returns
    -------
    tissue : ndarray, uint8
        A label of `LABELS` or a tissue outside the brain.
    brain : ndarray, bool
        Inside the surface of the brain, sulci included.
    """
    x, y, z = grid.world_coordinates()
    cerebrum, hindbrain = _brain_depth(x, y, z)
    depth = np.maximum(cerebrum, hindbrain)
    brain = depth > 0
    tissue = _outside(grid, x, y, z, depth)
    if not brain.any():
        return tissue, brain

    # Cortex: sulci are thin sheets where the noise crosses zero, closing at about 20 mm depth.
    sheet = np.abs(folds.at(grid)) * np.float32(3.6) + np.maximum(cerebrum - np.float32(11.0), 0) * np.float32(0.45)
    ribbon = np.minimum(cerebrum, sheet)
    leaf = np.minimum(hindbrain, np.abs(folia.at(grid)) * np.float32(1.7) + np.maximum(hindbrain - np.float32(7.0), 0))
    ribbon = np.where(hindbrain > cerebrum, leaf * np.float32(1.4), ribbon)
    in_stem = (hindbrain > cerebrum) & (y > -42 + 0.28 * (z + 5.0)) & (np.abs(x) < 17)
    ribbon[in_stem] = 10
    tissue[brain] = WHITE
    tissue[brain & (ribbon < 3.3)] = GREY
    tissue[brain & (ribbon < 0.55)] = CSF

    _lay_down_nuclei(grid, tissue, brain, x, y, z)
    if hemorrhage:
        box, inside = _within(WHITE_MATTER_CLOT, grid, x, y, z)
        tissue[box][brain[box] & inside] = HEMORRHAGE
    return tissue, brain


def _within(ellipsoid: Ellipsoid, grid: Grid, x, y, z, side: int = 1) -> tuple[tuple[slice, ...], np.ndarray]:
    """The ellipsoid's box in the grid, and which voxels of the box lie inside the ellipsoid."""
    box = ellipsoid.box(grid, side)
    return box, ellipsoid.radius(x[box], y[box], z[box], side) < 1


def _outside(grid: Grid, x: np.ndarray, y: np.ndarray, z: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Fluid, skull, scalp, face and air around the brain."""
    tissue = np.zeros(grid.shape, dtype=np.uint8)
    box, inside = _within(_HEAD, grid, x, y, z)
    tissue[box][inside & (z[box] > -60)] = SCALP
    box, inside = _within(_FACE, grid, x, y, z)
    tissue[box][inside] = SCALP
    if z.min() < -30:
        tissue[((x / 56.0) ** 2 + ((y + 30.0) / 60.0) ** 2 < 1) & (z < -30)] = SCALP
    tissue[(depth > -9.0) & (tissue == SCALP)] = SKULL
    tissue[depth > -2.2] = DURAL_FLUID
    for side in (1, -1):
        box, inside = _within(_EYES, grid, x, y, z, side)
        tissue[box][inside] = EYE
    for cavity, sides in [(sinus, (1,)) for sinus in _SINUSES] + [(cells, (1, -1)) for cells in _SIDE_AIR]:
        for side in sides:
            box, inside = _within(cavity, grid, x, y, z, side)
            tissue[box][inside & (depth[box] < -2.6)] = AIR
    return tissue


def _lay_down_nuclei(grid: Grid, tissue: np.ndarray, brain: np.ndarray, x, y, z) -> None:
    for ventricle in VENTRICLES:
        for side in (1, -1):
            box, inside = _within(ventricle, grid, x, y, z, side)
            tissue[box][brain[box] & inside] = CSF
    for label, nucleus in NUCLEI:
        for side in (1, -1):
            box, inside = _within(nucleus, grid, x, y, z, side)
            tissue[box][brain[box] & inside] = label + (RIGHT if side > 0 else 0)
    box, inside = _within(PLEXUS_CALCIFICATION, grid, x, y, z)
    tissue[box][inside] = CALCIFICATION


def vein_paths(seed: int) -> list[tuple[np.ndarray, float]]:
    """Centre lines of veins, as (points in RAS mm, shape (n, 3); radius in mm).

    Deep veins are fixed; pial and medullary veins are random walks from the cortex towards the ventricles.
    """
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 1, 400)
    paths = []
    for side in (1, -1):
        internal = np.stack([side * (2.2 + 1.0 * np.sin(3 * t)), 2 - 32 * t, 13 + 2 * np.sin(3.1 * t)], axis=1)
        thalamostriate = np.stack([side * (3 + 11 * t), 4 - 14 * t, 13 + 8 * np.sin(2.2 * t)], axis=1)
        paths += [(internal, 1.1), (thalamostriate, 0.8)]
    straight = np.stack([0 * t, -32 - 42 * t, 12 - 14 * t + 5 * np.sin(np.pi * t)], axis=1)
    paths.append((straight, 1.6))
    for _ in range(70):
        direction = rng.normal(size=3)
        direction[2] = abs(direction[2]) + 0.1
        direction /= np.linalg.norm(direction)
        start = np.array(_CEREBRUM.centre) + 0.93 * direction * np.array(_CEREBRUM.semi_axes)
        stop = np.array([np.sign(start[0]) * 14.0, np.clip(start[1] * 0.5, -40, 18), 22.0])
        reach = rng.uniform(0.3, 0.6)
        bend = np.cumsum(rng.normal(size=(400, 3)), axis=0) * 0.12
        points = start + reach * t[:, None] * (stop - start) + bend * t[:, None] * (1 - t[:, None]) * 4
        paths.append((points, float(rng.uniform(0.45, 0.9))))
    return paths
