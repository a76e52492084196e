"""The dipole kernel: relative field of a unit susceptibility, with the sphere of Lorentz taken out.

D(k) = 1/3 - (k . b)^2 / |k|^2 with b the direction of B0 and D(0) = 0: the mean of the susceptibility leaves no trace
in the field.

References
----------
Salomir et al., Concepts Magn Reson B 2003, 10.1002/cmr.b.10083;
Marques & Bowtell, Concepts Magn Reson B 2005, 10.1002/cmr.b.20034
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np

from .fourier import forward, frequencies


def dipole_at(
    fk: np.ndarray, fj: np.ndarray, fi: np.ndarray, b0_direction: tuple[float, float, float]
) -> np.ndarray:
    """Dipole kernel at given frequencies.

    Parameters
    ----------
    fk, fj, fi : ndarray
        Broadcastable frequencies along (k, j, i) in cycles/mm.
    b0_direction : (float, float, float)
        Unit vector of B0 along (k, j, i).

    Returns
    -------
    ndarray, float32, of the broadcast shape
    """
    bk, bj, bi = (np.float32(b) for b in b0_direction)
    square = fk * fk + fj * fj + fi * fi
    along = fk * bk + fj * bj + fi * bi
    along *= along
    origin = square == 0
    square[origin] = 1
    along /= square
    np.subtract(np.float32(1 / 3), along, out=along)
    along[origin] = 0
    return along


#: Values of the kernel that single precision cannot tell from 0 are 0: methods that take the sign of D would turn their
#: rounding into susceptibility, such as on the diagonals of cubes with B0 along an axis.
_ROUNDING = 1e-6


@lru_cache(maxsize=2)
def dipole_kernel(
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    b0_direction: tuple[float, float, float],
    integrated: bool = False,
) -> np.ndarray:
    """Dipole kernel on the frequencies of `fourier.forward`.

    Parameters
    ----------
    shape : (int, int, int)
        Shape of the volume to transform.
    spacing : (float, float, float)
        In mm, along (k, j, i).
    b0_direction : (float, float, float)
        Unit vector of B0 along (k, j, i).
    integrated : bool
        Take the transform of the kernel averaged over the voxel box (`voxel_dipole`) rather than samples of the
        continuous D(k). It holds the voxel's action on itself, which samples miss where voxels are not cubes, and does
        not wrap around if the volume is padded to twice its size.

    Returns
    -------
    ndarray, float32, read-only
    """
    if integrated:
        kernel = np.ascontiguousarray(forward(voxel_dipole(shape, spacing, b0_direction)).real)
        kernel[0, 0, 0] = 0
    else:
        kernel = dipole_at(*frequencies(shape, spacing), b0_direction)
        _average_signs_of_nyquist(kernel, shape, spacing, b0_direction)
    kernel[np.abs(kernel) < _ROUNDING] = 0
    kernel.setflags(write=False)
    return kernel


def _average_signs_of_nyquist(kernel, shape, spacing, b0_direction) -> None:
    """Make the kernel even in k where an axis of even length has its highest frequency, in place.

    That frequency stands for plus and minus half a cycle per voxel alike. With B0 oblique the two give different
    values, and taking one of them would make the convolution depend on the order of the axes.
    """
    even = [axis for axis, n in enumerate(shape) if n % 2 == 0]
    plain = frequencies(shape, spacing)
    flipped = [f.copy() for f in plain]
    for axis in even:
        flipped[axis].ravel()[shape[axis] // 2] *= -1
    for axis in even:
        plane = [slice(None)] * 3
        plane[axis] = slice(shape[axis] // 2, shape[axis] // 2 + 1)
        total = np.float32(0)
        for signs in itertools.product((False, True), repeat=len(even)):
            chosen = [flipped[a] if a in even and signs[even.index(a)] else plain[a] for a in range(3)]
            chosen[axis] = chosen[axis].ravel()[plane[axis]].reshape([1, 1, 1])
            total = total + dipole_at(*chosen, b0_direction)
        kernel[tuple(plane)] = total / 2 ** len(even)


def voxel_dipole(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], b0_direction: tuple[float, float, float]
) -> np.ndarray:
    """Field at the voxel centres of one voxel of unit susceptibility, a uniformly magnetized box.

    Parameters
    ----------
    shape, spacing, b0_direction
        As for `dipole_kernel`.

    Returns
    -------
    ndarray, float32
        Source voxel at [0, 0, 0]; negative offsets wrap to the end of each axis, as a Fourier transform expects.

    Notes
    -----
    With corners X = x +- a/2 ... of the box seen from the field point and R = |(X, Y, Z)|, the demagnetization tensor
    is N_zz = sum(s atan(XY / (ZR))) / 4 pi and N_xy = -sum(s ln(Z + R)) / 4 pi, s the product of the corner signs, and
    the field is b . (delta/3 - N) b.
    """
    corners = []
    for n, h in zip(shape, spacing):
        centre = np.fft.fftfreq(n, 1 / n) * h
        corners.append((centre - h / 2, centre + h / 2))
    tensor = {}
    for pair in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)):
        weight = b0_direction[pair[0]] * b0_direction[pair[1]] * (1 if pair[0] == pair[1] else 2)
        if abs(weight) > 1e-7:
            tensor[pair] = weight
    total = np.zeros(shape, dtype=np.float32)
    total[0, 0, 0] = 1 / 3
    for upper in np.ndindex(2, 2, 2):
        axes = (corners[0][upper[0]][:, None, None], corners[1][upper[1]][None, :, None], corners[2][upper[2]])
        sign = (-1) ** (3 - sum(upper)) / (4 * np.pi)
        radius = np.sqrt(axes[0] ** 2 + axes[1] ** 2 + axes[2] ** 2)
        for (p, q), weight in tensor.items():
            others = [axes[a] for a in range(3) if a not in (p, q)]
            if p == q:
                total -= (sign * weight * np.arctan(others[0] * others[1] / (axes[p] * radius))).astype(np.float32)
            else:
                total += (sign * weight * np.log(others[0] + radius)).astype(np.float32)
    return total
