"""Faults that scans come with, put into a scan that has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.ndimage

from QSMReconstructionCore.acquisition import Acquisition


def wrapped(phase: np.ndarray) -> np.ndarray:
    return (np.mod(phase + np.pi, 2 * np.pi) - np.pi).astype(np.float32)


def with_phase_scaled(scan: Acquisition, factor: float, echoes=slice(None)) -> Acquisition:
    phase = scan.phase.copy()
    phase[echoes] *= np.float32(factor)
    return replace(scan, phase=phase)


def with_magnitude_as_phase(scan: Acquisition) -> Acquisition:
    """Magnitude read as if it were phase in integers from 0 to its largest value."""
    return replace(scan, phase=wrapped((2 * scan.magnitude / scan.magnitude.max() - 1) * np.pi * 0.9999))


def with_echoes(scan: Acquisition, order, parts=("magnitude", "phase")) -> Acquisition:
    """Echoes in another order, of magnitude, phase or both."""
    return replace(scan, **{part: getattr(scan, part)[list(order)] for part in parts})


def with_alternating_slices(scan: Acquisition, axis: int = 0) -> Acquisition:
    phase = scan.phase.copy()
    odd = [slice(None)] * 4
    odd[axis + 1] = slice(1, None, 2)
    phase[tuple(odd)] += np.pi
    return replace(scan, phase=wrapped(phase))


def with_bipolar_readout(scan: Acquisition, turn: float) -> Acquisition:
    """A ramp of phase along i over the field of view, in rad, in every other echo."""
    n = scan.grid.shape[2]
    phase = scan.phase.copy()
    phase[1::2] += np.float32(turn) * (np.arange(n, dtype=np.float32) / n - 0.5)
    return replace(scan, phase=wrapped(phase))


def with_filtered_phase(scan: Acquisition, width: float = 6.0) -> Acquisition:
    """Phase over that blurred by a Gaussian of standard deviation `width` in mm, as for susceptibility weighting."""
    sigma = [width / spacing for spacing in scan.grid.spacing]
    phase = np.empty_like(scan.phase)
    for echo, image in enumerate(scan.magnitude * np.exp(1j * scan.phase)):
        blurred = [scipy.ndimage.gaussian_filter(part, sigma) for part in (image.real, image.imag)]
        phase[echo] = np.angle(image * (blurred[0] - 1j * blurred[1]))
    return replace(scan, phase=phase)


def with_echo_moved(scan: Acquisition, echo: int, voxels: tuple[float, float, float]) -> Acquisition:
    image = scan.magnitude[echo] * np.exp(1j * scan.phase[echo])
    real, imaginary = (scipy.ndimage.shift(part, voxels, order=1) for part in (image.real, image.imag))
    magnitude, phase = scan.magnitude.copy(), scan.phase.copy()
    magnitude[echo], phase[echo] = np.hypot(real, imaginary), np.arctan2(imaginary, real)
    return replace(scan, magnitude=magnitude, phase=phase)


def with_noise(scan: Acquisition, level: float) -> Acquisition:
    """More noise, as a fraction of the largest magnitude."""
    random = np.random.default_rng(0)
    noise = level * scan.magnitude.max() * (
        random.standard_normal(scan.phase.shape) + 1j * random.standard_normal(scan.phase.shape)
    )
    image = scan.magnitude * np.exp(1j * scan.phase) + noise
    return replace(scan, magnitude=np.abs(image).astype(np.float32), phase=np.angle(image).astype(np.float32))
