"""Scans to reconstruct: ordinary ones, and ones with something wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import scipy.ndimage

from QSMReconstructionCore.numerics.dipole import dipole_at
from QSMReconstructionCore.numerics.fourier import convolve_padded
from QSMReconstructionCore.phantom import Phantom, head_phantom

#: Extent of the head's volume along (k, j, i), in mm.
_EXTENT = (180, 216, 180)

#: A vein of this radius (mm) and susceptibility (ppm), from inside the brain (RAS, mm) out of it.
_VEIN_RADIUS, _VEIN_SUSCEPTIBILITY = 2.0, 0.4
_VEIN_START, _VEIN_DIRECTION = (30.0, -20.0, 35.0), (0.6, -0.2, 0.77)


def head(voxel_size: float, proportions: tuple[float, float, float] = (1.0, 1.0, 1.0), **options) -> Phantom:
    """The head phantom in voxels of a size, in mm, times proportions; options as those of `head_phantom`."""
    spacing = tuple(voxel_size * proportion for proportion in proportions)
    shape = tuple(round(length / h) for length, h in zip(_EXTENT, spacing))
    return head_phantom(shape=shape, spacing=spacing, **options)


#: Scenarios in which one recipe must serve: name -> options of `head`.
SCENARIOS: dict[str, dict] = {
    "3 T, SNR 100, axial": {},
    "3 T, SNR 30, axial": {"snr": 30.0, "seed": 1},
    "3 T, SNR 150, axial": {"snr": 150.0, "seed": 2},
    "3 T, SNR 100, oblique": {"tilt": (20.0, 10.0), "seed": 3},
    "7 T, SNR 100, axial": {"field_strength": 7.0, "seed": 4},
    "7 T, SNR 30, oblique": {"field_strength": 7.0, "snr": 30.0, "tilt": (0.0, 25.0), "seed": 5},
    "3 T, SNR 100, hemorrhage": {"hemorrhage": True, "seed": 6},
    "3 T, SNR 100, uneven tissue": {"texture": (3.0, 36.0), "seed": 7},
}


@dataclass(frozen=True, eq=False)
class Disturbed:
    """A scan with something wrong, and the brain mask that comes with it."""

    phantom: Phantom
    mask: np.ndarray


def undisturbed(phantom: Phantom) -> Disturbed:
    """Nothing wrong: what the others are compared with."""
    return Disturbed(phantom, phantom.mask)


def large_mask(phantom: Phantom) -> Disturbed:
    """A mask that is too large by 3 voxels all round: skull and sinuses in it."""
    return Disturbed(phantom, scipy.ndimage.binary_dilation(phantom.mask, iterations=3))


def moved_last_echo(phantom: Phantom) -> Disturbed:
    """Half of the last echo was acquired after a nod: shifted by 4 voxels, its phase turned by a quarter."""
    signal = _signal(phantom)
    signal[-1] = (signal[-1] + 1j * np.roll(signal[-1], 4, axis=1)) / 2
    return Disturbed(_with_signal(phantom, signal), phantom.mask)


def garbage_voxels(phantom: Phantom) -> Disturbed:
    """One voxel in ten has a random phase in every echo."""
    random = np.random.default_rng(0)
    broken = random.random(phantom.mask.shape) < 0.1
    phase = phantom.acquisition.phase.copy()
    phase[:, broken] = random.uniform(-np.pi, np.pi, (len(phase), int(broken.sum())))
    return Disturbed(replace(phantom, acquisition=replace(phantom.acquisition, phase=phase)), phantom.mask)


def fringe_line(phantom: Phantom) -> Disturbed:
    """A fringe line with open ends in the coils' phase, between two lines around which the phase turns once."""
    x, y, _ = phantom.acquisition.grid.world_coordinates()
    turns = np.arctan2(y + 40, x - 20) - np.arctan2(y - 10, x - 20)
    return Disturbed(_with_signal(phantom, _signal(phantom) * np.exp(1j * turns)), phantom.mask)


def open_vein(phantom: Phantom) -> Disturbed:
    """A wide vein that leaves the brain: half of what makes its field lies outside the mask."""
    scan = phantom.acquisition
    start, direction = np.array(_VEIN_START), np.array(_VEIN_DIRECTION) / np.linalg.norm(_VEIN_DIRECTION)
    offset = [axis - s for axis, s in zip(scan.grid.world_coordinates(), start)]
    along = sum(o * d for o, d in zip(offset, direction))
    across = np.sqrt(np.maximum(sum(o * o for o in offset) - along**2, 0))
    # Partial volume to first order: the vein's wall crosses a voxel within half its size.
    size = scan.grid.voxel_volume ** (1 / 3)
    share = np.clip(0.5 + (_VEIN_RADIUS - across) / size, 0, 1) * ((along > 0) & (along < 60))
    vein = (_VEIN_SUSCEPTIBILITY * share).astype(np.float32)
    field = convolve_padded(vein, scan.grid.spacing, partial(dipole_at, b0_direction=scan.grid.b0_direction))
    times = np.asarray(scan.echo_times)[:, None, None, None]
    signal = _signal(phantom) * np.exp(1j * scan.radians_per_ppm_second * times * field)
    changed = replace(phantom, susceptibility=phantom.susceptibility + vein)
    return Disturbed(_with_signal(changed, signal), phantom.mask)


#: What may be wrong with a scan, by its function's docstring.
DISTURBANCES: tuple[Callable[[Phantom], Disturbed], ...] = (
    undisturbed, large_mask, moved_last_echo, open_vein, fringe_line, garbage_voxels,
)  # fmt: skip


def _signal(phantom: Phantom) -> np.ndarray:
    return phantom.acquisition.magnitude * np.exp(np.complex64(1j) * phantom.acquisition.phase)


def _with_signal(phantom: Phantom, signal: np.ndarray) -> Phantom:
    scan = replace(
        phantom.acquisition,
        magnitude=np.abs(signal).astype(np.float32),
        phase=np.angle(signal).astype(np.float32),
    )
    return replace(phantom, acquisition=scan)
