"""A few blocks of susceptibility and their field: what the tests of dipole inversion look at."""

from __future__ import annotations

import numpy as np

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.numerics.dipole import dipole_kernel
from QSMReconstructionCore.numerics.fourier import forward, inverse

SHAPE = (40, 44, 42)
OBLIQUE = (0.9, 0.3, 0.3)


def scene(spacing=(1.0, 1.0, 1.0)):
    """A grid, a mask, a susceptibility of a few blocks, and its field."""
    grid = Grid(SHAPE, spacing, b0_direction=OBLIQUE)
    axes = np.meshgrid(*((np.arange(n) - (n - 1) / 2) / (n / 2) for n in SHAPE), indexing="ij")
    mask = sum(a**2 for a in axes) < 0.8**2
    susceptibility = np.zeros(SHAPE, dtype=np.float32)
    susceptibility[15:24, 12:20, 16:26] = 0.10
    susceptibility[20:30, 25:33, 12:20] = -0.05
    susceptibility[14:18, 26:30, 26:30] = 0.20
    field = inverse(forward(susceptibility) * dipole_kernel(SHAPE, spacing, grid.b0_direction), SHAPE)
    return grid, mask, susceptibility, np.where(mask, field, 0)


def correlation(found, true, mask):
    return np.corrcoef(found[mask], true[mask])[0, 1]
