"""A mask with sources outside and inside it, whose fields are known apart."""

from __future__ import annotations

import numpy as np

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.numerics.dipole import dipole_kernel
from QSMReconstructionCore.numerics.fourier import forward, inverse

SHAPE = (48, 52, 50)
OBLIQUE = (0.9, 0.3, 0.3)


def scene(spacing=(1.0, 1.0, 1.0)):
    """A grid, a mask, the field of sources outside it and the field of sources inside it, all in one volume."""
    grid = Grid(SHAPE, spacing, b0_direction=OBLIQUE)
    axes = np.meshgrid(*((np.arange(n) - (n - 1) / 2) / (n / 2) for n in SHAPE), indexing="ij")
    radius = np.sqrt(sum(a**2 for a in axes))
    mask = radius < 0.72
    outside = np.where((radius > 1.0) & (axes[1] > 0.4), 5.0, 0.0).astype(np.float32)
    inside = np.zeros(SHAPE, dtype=np.float32)
    inside[20:27, 24:30, 20:25] = 0.1
    inside[30:33, 18:22, 28:34] = -0.05
    # Voxels as magnetized boxes: their field is harmonic between them, as samples of D(k) would not be.
    padded = tuple(2 * n for n in SHAPE)
    kernel = dipole_kernel(padded, grid.spacing, grid.b0_direction, integrated=True)
    background, local = (
        inverse(forward(np.pad(source, [(0, n) for n in SHAPE])) * kernel, padded)[tuple(slice(n) for n in SHAPE)]
        for source in (outside, inside)
    )
    return grid, mask, np.where(mask, background, 0), np.where(mask, local, 0)
