"""Scans of known fields in a head-like ellipsoid at 3 T, for tests of field mapping."""

from __future__ import annotations

import numpy as np

from QSMReconstructionCore.acquisition import GAMMA_BAR, Acquisition
from QSMReconstructionCore.grid import Grid

TIMES = (0.005, 0.011, 0.017, 0.023, 0.029)
SPACING = (2.0, 3.0, 2.5)
SHAPE = (30, 28, 31)

#: Field in ppm of one turn between the echoes of `TIMES` at 3 T.
TURN = 1 / (0.006 * GAMMA_BAR * 3)


def places(shape=SHAPE, spacing=SPACING):
    """Distance from the middle of the volume in mm, along k, j, i."""
    return np.meshgrid(*((np.arange(n) - n // 2) * h for n, h in zip(shape, spacing)), indexing="ij")


def head_mask():
    return sum((c / (0.46 * n * h)) ** 2 for c, n, h in zip(places(), SHAPE, SPACING)) < 1


def smooth_field():
    k, j, i = places()
    return 0.03 * k + 0.001 * j * j - 0.0007 * i * k + 0.05 * np.sin(i / 4)


def coil_offset():
    """Strongly curved: more than a turn from the middle to the rim."""
    k, j, i = (c / 40 for c in places())
    return 0.7 + 2.1 * k - 1.4 * j + 5.0 * k * k + 4.0 * j * j - 3.5 * i * i + 2.0 * j * i


def scan(field, *, times=TIMES, snr=np.inf, seed=0, offset=None, magnitude=None, r2star=25.0):
    """A scan at 3 T of the field in ppm."""
    offset = coil_offset() if offset is None else offset
    magnitude = np.ones(SHAPE) if magnitude is None else magnitude
    random = np.random.default_rng(seed)
    omega = 2 * np.pi * GAMMA_BAR * 3
    signal = np.stack([magnitude * np.exp(-r2star * t + 1j * (offset + omega * t * field)) for t in times])
    if np.isfinite(snr):
        signal += (random.normal(size=signal.shape) + 1j * random.normal(size=signal.shape)) / snr
    return Acquisition(
        np.abs(signal).astype(np.float32), np.angle(signal).astype(np.float32), times, 3.0, Grid(SHAPE, SPACING)
    )


def error(field_map, field, mask):
    """In ppm, less the same whole number of turns everywhere."""
    found = (field_map.field - field)[mask]
    return found - TURN * np.rint(np.median(found) / TURN)
