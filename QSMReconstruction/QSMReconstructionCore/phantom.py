"""A digital head phantom: a multi-echo gradient-echo scan of a head whose susceptibility is known.

The anatomy (`anatomy`) is sampled, and the field computed, on a grid at least twice as fine as the scan, in a volume
padded to twice its size; the complex signal is then averaged over each voxel of the scan. Simulation and reconstruction
therefore share neither discretisation nor boundary, and signal is lost to dephasing within voxels near the sinuses as
in a real scan.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy.ndimage

from .acquisition import GAMMA_BAR, Acquisition, checked_echo_times
from .anatomy import AIR, CENTRE, CSF, DURAL_FLUID, EYE, LABELS, RIGHT, TISSUES, VEIN, BandNoise, tissue_of, vein_paths
from .cores import available_cores
from .grid import Grid
from .numerics.dipole import dipole_at
from .numerics.fourier import convolve_padded
from .progress import Progress, no_progress, part_of

__all__ = ["LABELS", "RIGHT", "Phantom", "head_phantom"]

#: Default echo times in s: 5 ms + 6 ms spacing at 3 T follows a common consensus-style protocol; 7 T decays faster.
ECHO_TIMES_3T = (0.005, 0.011, 0.017, 0.023, 0.029)
ECHO_TIMES_7T = (0.004, 0.009, 0.014, 0.019, 0.024)

#: Fine voxels are at most this long, in mm, and at most half a voxel of the scan.
_FINE = 1.4


@dataclass(frozen=True, eq=False)
class Phantom:
    """A simulated scan with its truth. Arrays have shape (k, j, i).

    Attributes
    ----------
    acquisition : Acquisition
        Magnitude and phase of all echoes.
    susceptibility : ndarray, float32
        In ppm relative to water, averaged over the voxel; the whole head, air included.
    total_field : ndarray, float32
        Relative field in ppm as the scan sees it, shim included, averaged over the voxel.
    local_field : ndarray, float32
        Field of the sources inside the brain mask alone, in ppm.
    r2star : ndarray, float32
        In 1/s; excludes the dephasing that the field itself causes within voxels.
    labels : ndarray, uint8
        The most frequent label of each voxel (`LABELS`), 0 outside the mask.
    mask : ndarray, bool
        The brain: voxels that lie at least half inside its surface.
    """

    acquisition: Acquisition
    susceptibility: np.ndarray
    total_field: np.ndarray
    local_field: np.ndarray
    r2star: np.ndarray
    labels: np.ndarray
    mask: np.ndarray


def head_phantom(
    *,
    shape: tuple[int, int, int] = (180, 216, 180),
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    field_strength: float = 3.0,
    echo_times: tuple[float, ...] | None = None,
    snr: float = 100.0,
    tilt: tuple[float, float] = (0.0, 0.0),
    seed: int = 0,
    hemorrhage: bool = False,
    texture: tuple[float, float] = (1.0, 9.0),
    progress: Progress = no_progress,
) -> Phantom:
    """Simulate a multi-echo gradient-echo scan of a head.

    Parameters
    ----------
    shape : (int, int, int)
        Voxels along (k, j, i).
    spacing : (float, float, float)
        Voxel size along (k, j, i), in mm.
    field_strength : float
        B0 in T.
    echo_times : tuple of float, optional
        In s; by default five echoes that suit the field strength.
    snr : float
        Mean magnitude of the brain in the first echo over the standard deviation of the noise in the real and in the
        imaginary part. `inf` gives a scan without noise.
    tilt : (float, float)
        Rotation of the slices about the patient's left-right and then anterior-posterior axis, in degrees. The head
        stays upright: an oblique scan.
    seed : int
        Of noise, texture and veins.
    hemorrhage : bool
        Whether there is a clot of 1.5 ppm and 22 mm in the white matter of the left side.
    texture : (float, float)
        How uneven susceptibility is within a tissue: a multiple of the standard deviations in `anatomy.TISSUES`, and
        the typical distance of repetition, in mm.
    progress : callable
        See `progress`.

    Returns
    -------
    Phantom

    Raises
    ------
    ValueError
        If the parameters do not describe a scan.

    Notes
    -----
    S(TE) = sum over fine voxels of rho exp(-R2* TE + i phi0 + 2 pi i gamma B0 delta TE) plus complex noise, with the
    coil phase phi0 quadratic in space. The shim removes most of the constant, linear and quadratic field of the brain
    and leaves a residual.

    References
    ----------
    Marques et al., Magn Reson Med 2021, 10.1002/mrm.28716
    """
    if not snr > 0:
        raise ValueError(f"snr must be positive, but got {snr}.")
    if len(tilt) != 2 or max(abs(angle) for angle in tilt) > 60:
        raise ValueError(f"tilt must be two angles of at most 60 degrees, but got {tilt}.")
    if len(texture) != 2 or not texture[0] >= 0 or not 3 <= texture[1] <= 100:
        raise ValueError(f"texture must be a multiple from 0 and a distance of 3 to 100 mm, but got {texture}.")
    grid = _scan_grid(shape, spacing, tilt)
    if echo_times is None:
        echo_times = ECHO_TIMES_7T if field_strength > 5 else ECHO_TIMES_3T
    echo_times = checked_echo_times(echo_times)
    factors = tuple(max(2, int(np.ceil(h / _FINE))) for h in spacing)
    fine = _fine_grid(grid, factors)

    tissue, brain, susceptibility = _paint(
        fine, seed, hemorrhage, texture, part_of(progress, 0.0, 0.35, "anatomy")
    )
    # The surrounding air is the zero of the convolution, so that the volume's own border makes no field.
    air = np.float32(TISSUES[AIR].susceptibility)
    field = _field(susceptibility - air, fine, part_of(progress, 0.35, 0.55, "field of the head"))
    mask = _block_mean(brain, factors) >= 0.5
    if mask.sum() < 8:
        raise ValueError(f"shape {shape} at spacing {spacing} mm holds no brain. Cover about 150 mm in each direction.")
    inside = np.where(_in_blocks(mask, factors), susceptibility, np.float32(0))
    local = _field(inside, fine, part_of(progress, 0.55, 0.7, "field of the brain"))
    _shim(field, _block_mean(field, factors), grid, fine, mask, seed)

    magnitude, phase = _signal(
        tissue, field, fine, factors, field_strength, echo_times, part_of(progress, 0.7, 0.97, "signal")
    )
    _add_noise(magnitude, phase, magnitude[0][mask].mean() / snr, seed)
    progress(1.0, "scan simulated")

    rates = _lookup("r2star")
    scaled = _scaled_rates(rates, field_strength)
    return Phantom(
        acquisition=Acquisition(
            magnitude, phase, echo_times, field_strength, grid, sources={"all": "simulated"}
        ),
        susceptibility=_block_mean(susceptibility, factors),
        total_field=_block_mean(field, factors),
        local_field=np.where(mask, _block_mean(local, factors), np.float32(0)),
        r2star=np.where(mask, _block_mean(scaled[tissue], factors), np.float32(0)),
        labels=_majority(tissue, brain, factors, mask),
        mask=mask,
    )


def _scan_grid(shape, spacing, tilt) -> Grid:
    about_x, about_y = np.radians(tilt)
    rotation_x = np.array(
        [[1, 0, 0], [0, np.cos(about_x), -np.sin(about_x)], [0, np.sin(about_x), np.cos(about_x)]]
    )
    rotation_y = np.array(
        [[np.cos(about_y), 0, np.sin(about_y)], [0, 1, 0], [-np.sin(about_y), 0, np.cos(about_y)]]
    )
    direction = (rotation_y @ rotation_x)[:, ::-1]
    middle = (np.asarray(shape) - 1) / 2 * np.asarray(spacing)
    origin = np.asarray(CENTRE) - direction @ middle
    return Grid(shape, spacing, tuple(map(tuple, direction)), tuple(origin))


def _fine_grid(grid: Grid, factors: tuple[int, int, int]) -> Grid:
    spacing = np.asarray(grid.spacing) / factors
    shift = (np.asarray(factors) - 1) / 2 * spacing
    origin = np.asarray(grid.origin) - np.asarray(grid.direction) @ shift
    shape = tuple(n * f for n, f in zip(grid.shape, factors))
    return Grid(shape, tuple(spacing), grid.direction, tuple(origin))


def _slab_of(grid: Grid, slab: slice) -> Grid:
    step = np.asarray(grid.direction)[:, 0] * grid.spacing[0]
    origin = np.asarray(grid.origin) + step * slab.start
    return Grid((slab.stop - slab.start, *grid.shape[1:]), grid.spacing, grid.direction, tuple(origin))


def _slabs(grid: Grid, work, progress: Progress, thickness: int = 8) -> None:
    """Call `work(slice)` for slabs along k, on all cores; NumPy and SciPy release the lock meanwhile."""
    starts = range(0, grid.shape[0], thickness)
    with ThreadPoolExecutor(available_cores()) as pool:
        pending = [pool.submit(work, slice(start, min(start + thickness, grid.shape[0]))) for start in starts]
        try:
            for done, task in enumerate(pending, 1):
                task.result()
                progress(done / len(pending), "")
        except BaseException:
            for task in pending:
                task.cancel()
            raise


def _paint(
    fine: Grid, seed: int, hemorrhage: bool, texture: tuple[float, float], progress: Progress
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    tissue = np.empty(fine.shape, dtype=np.uint8)
    brain = np.empty(fine.shape, dtype=bool)
    susceptibility = np.empty(fine.shape, dtype=np.float32)
    folds, folia = BandNoise(17.0, seed), BandNoise(7.0, seed + 1)
    multiple, wavelength = texture
    unevenness = BandNoise(wavelength, seed + 2)
    means, spreads = _lookup("susceptibility"), np.float32(multiple) * _lookup("texture")

    def paint(slab: slice) -> None:
        part = _slab_of(fine, slab)
        tissue[slab], brain[slab] = tissue_of(part, folds, folia, hemorrhage)
        here = tissue[slab]
        susceptibility[slab] = means[here]
        if brain[slab].any():
            susceptibility[slab] += spreads[here] * unevenness.at(part)

    _slabs(fine, paint, progress)
    for veins in _rasterized_veins(fine, seed + 3):
        veins = veins[brain.ravel()[veins]]
        tissue.ravel()[veins] = VEIN
        susceptibility.ravel()[veins] = TISSUES[VEIN].susceptibility
    return tissue, brain, susceptibility


def _rasterized_veins(fine: Grid, seed: int) -> Iterator[np.ndarray]:
    """Flat indices of the voxels of each vein; some come more than once."""
    to_voxel = np.linalg.inv(fine.ijk_to_ras)[:3]
    for points, radius in vein_paths(seed):
        reach = np.arange(-radius, radius + 1e-6, min(fine.spacing) / 2)
        ball = np.stack(np.meshgrid(reach, reach, reach), axis=-1).reshape(-1, 3)
        ball = ball[np.linalg.norm(ball, axis=1) <= radius]
        places = (points[:, None] + ball[None]).reshape(-1, 3)
        voxels = np.rint(places @ to_voxel[:, :3].T + to_voxel[:, 3]).astype(np.int32)[:, ::-1]
        voxels = voxels[np.all((voxels >= 0) & (voxels < fine.shape), axis=1)]
        yield np.ravel_multi_index(tuple(voxels.T), fine.shape)


def _field(susceptibility: np.ndarray, fine: Grid, progress: Progress) -> np.ndarray:
    transfer = partial(dipole_at, b0_direction=fine.b0_direction)
    return convolve_padded(susceptibility, fine.spacing, transfer, progress=progress)


def _shim_terms(x, y, z):
    x, y, z = ((c - m) / 80 for c, m in zip((x, y, z), CENTRE))
    one = np.ones(np.broadcast_shapes(x.shape, y.shape, z.shape), dtype=np.float32)
    return (one, x * one, y * one, z * one, x * y, y * z, x * z, x * x - y * y, 2 * z * z - x * x - y * y)


def _shim(field, coarse_field, grid: Grid, fine: Grid, mask, seed: int) -> None:
    """Subtract the first and second order shim from the fine field in place, all but a residual."""
    inside = [term[mask] for term in _shim_terms(*grid.world_coordinates())]
    weights = np.linalg.lstsq(np.stack(inside, axis=1), coarse_field[mask], rcond=None)[0]
    rng = np.random.default_rng(seed + 4)
    residual = rng.uniform(-1, 1, len(weights)) * np.array([0.05] + [0.15] * 3 + [0.1] * 5)
    weights = (weights + residual).astype(np.float32)

    def subtract(slab: slice) -> None:
        part = _slab_of(fine, slab)
        for weight, term in zip(weights, _shim_terms(*part.world_coordinates())):
            field[slab] -= weight * term

    _slabs(fine, subtract, no_progress)


def _signal(tissue, field, fine: Grid, factors, field_strength, echo_times, progress):
    coarse = tuple(n // f for n, f in zip(fine.shape, factors))
    magnitude = np.empty((len(echo_times), *coarse), dtype=np.float32)
    phase = np.empty_like(magnitude)
    density, rates = _lookup("proton_density"), _scaled_rates(_lookup("r2star"), field_strength)
    omega = np.float32(2 * np.pi * GAMMA_BAR * field_strength)

    def acquire(slab: slice) -> None:
        part = _slab_of(fine, slab)
        x, y, z = ((c - m) / 80 for c, m in zip(part.world_coordinates(), CENTRE))
        offset = 0.8 + 1.1 * x - 1.4 * y + 0.7 * z + 1.2 * x * x + 0.9 * y * y - 0.8 * z * z + 0.6 * x * y
        reception = (1.0 + 0.25 * (x * x + y * y + z * z)).astype(np.float32)
        here, delta = tissue[slab], field[slab]
        for echo, time in enumerate(echo_times):
            amplitude = density[here] * reception * np.exp(-rates[here] * np.float32(time))
            angle = offset + omega * np.float32(time) * delta
            real = _block_mean(amplitude * np.cos(angle), factors)
            imaginary = _block_mean(amplitude * np.sin(angle), factors)
            out = slice(slab.start // factors[0], slab.stop // factors[0])
            np.hypot(real, imaginary, out=magnitude[echo, out])
            np.arctan2(imaginary, real, out=phase[echo, out])

    _slabs(fine, acquire, progress, thickness=8 * factors[0])
    return magnitude, phase


def _add_noise(magnitude: np.ndarray, phase: np.ndarray, sigma: float, seed: int) -> None:
    rng = np.random.default_rng(seed + 5)
    for echo in range(len(magnitude)):
        real = magnitude[echo] * np.cos(phase[echo])
        imaginary = magnitude[echo] * np.sin(phase[echo])
        if sigma > 0:
            real += np.float32(sigma) * rng.standard_normal(real.shape, dtype=np.float32)
            imaginary += np.float32(sigma) * rng.standard_normal(real.shape, dtype=np.float32)
        np.hypot(real, imaginary, out=magnitude[echo])
        np.arctan2(imaginary, real, out=phase[echo])


def _block_mean(volume: np.ndarray, factors: tuple[int, int, int]) -> np.ndarray:
    """Mean over blocks of `factors` voxels, float32."""
    out = volume.astype(np.float32, copy=False)
    for axis in (2, 1, 0):
        n, f = out.shape[axis], factors[axis]
        if f > 1:
            parts = out.reshape(*out.shape[:axis], n // f, f, *out.shape[axis + 1 :])
            total = np.take(parts, 0, axis=axis + 1)
            for step in range(1, f):
                total += np.take(parts, step, axis=axis + 1)
            out = total * np.float32(1 / f)
    return out


def _in_blocks(volume: np.ndarray, factors: tuple[int, int, int]) -> np.ndarray:
    """Each voxel repeated in a block of `factors` voxels."""
    for axis, factor in enumerate(factors):
        volume = np.repeat(volume, factor, axis=axis)
    return volume


def _majority(tissue: np.ndarray, brain: np.ndarray, factors, mask: np.ndarray) -> np.ndarray:
    labels = np.zeros(mask.shape, dtype=np.uint8)
    most = np.zeros(mask.shape, dtype=np.float32)
    boxes = scipy.ndimage.find_objects(tissue)
    for label in LABELS:
        if label > len(boxes) or boxes[label - 1] is None:
            continue
        # Widened to whole voxels of the scan.
        coarse = tuple(slice(s.start // f, -(-s.stop // f)) for s, f in zip(boxes[label - 1], factors))
        box = tuple(slice(s.start * f, s.stop * f) for s, f in zip(coarse, factors))
        share = _block_mean((tissue[box] == label) & brain[box], factors)
        wins = mask[coarse] & (share > most[coarse])
        labels[coarse][wins] = label
        most[coarse][wins] = share[wins]
    return labels


def _lookup(name: str) -> np.ndarray:
    """A property of every tissue, indexed by tissue number."""
    table = np.zeros(256, dtype=np.float32)
    for number, tissue in TISSUES.items():
        table[number] = getattr(tissue, name)
    return table


def _scaled_rates(rates: np.ndarray, field_strength: float) -> np.ndarray:
    scaled = rates * np.float32(field_strength / 3.0)
    for fluid in (CSF, DURAL_FLUID, EYE):
        scaled[fluid] = rates[fluid]
    return scaled
