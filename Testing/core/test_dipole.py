"""The dipole kernel against closed forms: sphere, cylinder, box, point dipole."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import scipy.fft

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.numerics.dipole import dipole_at, dipole_kernel, voxel_dipole
from QSMReconstructionCore.numerics.fourier import convolve_padded, forward, frequencies, inverse

OBLIQUE = tuple(np.array([0.8, 0.5, -0.33]) / np.linalg.norm([0.8, 0.5, -0.33]))
AXIAL = (1.0, 0.0, 0.0)


def centred_coordinates(shape, spacing):
    axes = [(np.arange(n) - n // 2) * h for n, h in zip(shape, spacing)]
    return np.meshgrid(*axes, indexing="ij")


def ball(shape, spacing, radius):
    """Share of each voxel in a ball, sampled at 4 x 4 x 4 points."""
    fine = 4
    shifts = (np.arange(fine) + 0.5) / fine - 0.5
    total = np.zeros(shape, dtype=np.float32)
    k, j, i = centred_coordinates(shape, spacing)
    for a, b, c in np.ndindex(fine, fine, fine):
        r2 = (
            (k + shifts[a] * spacing[0]) ** 2 + (j + shifts[b] * spacing[1]) ** 2 + (i + shifts[c] * spacing[2]) ** 2
        )
        total += r2 <= radius**2
    return total / fine**3


@pytest.mark.parametrize("b0_direction", [AXIAL, OBLIQUE])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0)])
def test_the_field_of_a_sphere_is_zero_inside_and_a_dipole_outside(b0_direction, spacing):
    shape = tuple(int(64 / h) + (h == 1.0) for h in spacing)  # odd and even sizes
    radius, contrast = 8.0, 0.7
    field = convolve_padded(
        contrast * ball(shape, spacing, radius), spacing, partial(dipole_at, b0_direction=b0_direction)
    )
    coordinates = centred_coordinates(shape, spacing)
    r = np.sqrt(sum(c**2 for c in coordinates))
    cosine = sum(b * c for b, c in zip(b0_direction, coordinates)) / np.maximum(r, 1e-9)
    expected = contrast / 3 * (radius / np.maximum(r, 1e-9)) ** 3 * (3 * cosine**2 - 1)
    outside = (r > radius + 2 * max(spacing)) & (r < 24)
    largest = contrast * 2 / 3
    assert np.sqrt(np.mean((field - expected)[outside] ** 2)) < 0.005 * largest
    assert np.abs(field - expected)[outside].max() < 0.06 * largest
    assert np.abs(field[r < radius - 3]).max() < 0.06 * largest


@pytest.mark.parametrize(("axis", "inside"), [(0, 1 / 3), (1, -1 / 6), (2, -1 / 6)])
def test_the_field_inside_a_long_cylinder_depends_on_its_angle_to_b0(axis, inside):
    shape = (96, 96, 96)
    coordinates = centred_coordinates(shape, (1.0, 1.0, 1.0))
    radius = np.sqrt(sum(c**2 for a, c in enumerate(coordinates) if a != axis))
    cylinder = (radius < 6.2).astype(np.float32)  # spans the volume, which repeats: infinitely long
    field = inverse(forward(cylinder) * dipole_kernel(shape, (1.0, 1.0, 1.0), AXIAL), shape)
    # D(0) = 0 takes the mean field of the volume away.
    share = float(cylinder.mean())
    expected = inside - share * inside
    assert field[48, 48, 48] == pytest.approx(expected, abs=0.01)


def test_a_voxel_acts_as_a_point_dipole_from_three_voxels_away():
    field = voxel_dipole((32, 32, 32), (1.0, 1.0, 1.0), OBLIQUE)
    for place in ([3, 2, 1], [0, 4, 0], [5, 0, 2]):
        r = np.linalg.norm(place)
        expected = (3 * (np.dot(place, OBLIQUE) / r) ** 2 - 1) / (4 * np.pi * r**3)
        assert field[tuple(place)] == pytest.approx(expected, rel=0.01)
        assert field[tuple(-n for n in place)] == pytest.approx(expected, rel=0.01)


def test_a_cube_does_not_act_on_itself_but_a_flat_voxel_does():
    assert voxel_dipole((8, 8, 8), (1.0, 1.0, 1.0), AXIAL)[0, 0, 0] == pytest.approx(0, abs=1e-6)
    # Demagnetization factor 0.064 of a 1 x 1 x 3 box along its long axis.
    assert voxel_dipole((8, 8, 8), (3.0, 1.0, 1.0), AXIAL)[0, 0, 0] == pytest.approx(1 / 3 - 0.064, abs=1e-3)


def test_the_integrated_kernel_agrees_with_the_continuous_one_at_low_frequencies():
    shape, spacing = (48, 48, 48), (1.0, 1.0, 1.0)
    continuous = dipole_kernel(shape, spacing, OBLIQUE)
    integrated = dipole_kernel(shape, spacing, OBLIQUE, integrated=True)
    assert np.abs(integrated[2:5, 2:5, 2:5] - continuous[2:5, 2:5, 2:5]).max() < 0.02
    assert integrated[0, 0, 0] == continuous[0, 0, 0] == 0


def test_permuting_the_axes_permutes_the_kernel():
    shape, spacing = (8, 8, 8), (2.0, 1.0, 1.5)
    whole = np.fft.fftn(inverse(dipole_kernel(shape, spacing, OBLIQUE).astype(np.complex64), shape)).real
    order = (2, 0, 1)
    permuted = dipole_kernel(shape, tuple(spacing[a] for a in order), tuple(OBLIQUE[a] for a in order))
    permuted = np.fft.fftn(inverse(permuted.astype(np.complex64), shape)).real
    np.testing.assert_allclose(permuted, whole.transpose(order), atol=1e-5)


@pytest.mark.parametrize("shape", [(16, 18, 20), (15, 17, 19)])
@pytest.mark.parametrize("integrated", [False, True])
def test_convolution_with_the_kernel_is_its_own_adjoint(shape, integrated):
    kernel = dipole_kernel(shape, (2.0, 1.0, 0.7), OBLIQUE, integrated)
    random = np.random.default_rng(0)
    x, y = random.standard_normal((2, *shape), dtype=np.float32)
    left = np.vdot(inverse(forward(x) * kernel, shape), y)
    right = np.vdot(x, inverse(forward(y) * kernel, shape))
    assert left == pytest.approx(right, abs=1e-5 * float(np.linalg.norm(x) * np.linalg.norm(y)))


def test_padding_that_is_never_stored_equals_padding_that_is():
    random = np.random.default_rng(0)
    volume = random.standard_normal((15, 16, 17), dtype=np.float32)
    spacing = (1.0, 2.0, 0.5)
    found = convolve_padded(volume, spacing, partial(dipole_at, b0_direction=AXIAL), factor=2)
    shape = tuple(scipy.fft.next_fast_len(2 * n, real=True) for n in volume.shape)
    padded = np.zeros(shape, dtype=np.float32)
    padded[:15, :16, :17] = volume
    kernel = dipole_at(*frequencies(shape, spacing), AXIAL)
    expected = inverse(forward(padded) * kernel, shape)[:15, :16, :17]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_kernel_follows_b0_through_the_direction_of_an_oblique_grid():
    turn = np.radians(25)
    direction = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])[:, ::-1]
    grid = Grid((8, 8, 8), direction=tuple(map(tuple, direction)))
    np.testing.assert_allclose(grid.b0_direction, (np.cos(turn), np.sin(turn), 0), atol=1e-12)


@pytest.mark.parametrize("b0_direction", [AXIAL, OBLIQUE])
def test_the_continuous_kernel_is_nearer_to_the_field_of_spheres_than_that_of_boxes(b0_direction):
    """Spheres in closed form at 1 mm, averaged over voxels of 4 x 2 x 2 mm: why no inversion takes boxes unasked."""
    fine, factors, spacing = (96, 96, 96), (4, 2, 2), (4.0, 2.0, 2.0)
    k, j, i = (axis.astype(np.float32) for axis in np.meshgrid(*map(np.arange, fine), indexing="ij", sparse=True))
    random = np.random.default_rng(0)
    susceptibility, field = np.zeros(fine, dtype=np.float32), np.zeros(fine, dtype=np.float32)
    for _ in range(12):
        centre, radius, contrast = random.uniform(28, 68, 3), random.uniform(3, 10), random.uniform(-0.1, 0.2)
        away = [axis - c for axis, c in zip((k, j, i), centre)]
        square = np.maximum(sum(a * a for a in away), 1e-3)
        inside = square < radius**2
        susceptibility += np.float32(contrast) * inside
        along = sum(b * a for b, a in zip(b0_direction, away))
        dipole = contrast / 3 * radius**3 * (3 * along**2 / square - 1) / square**1.5
        field += np.where(inside, 0, dipole).astype(np.float32)

    def averaged(volume):
        parts = [n for size, f in zip(fine, factors) for n in (size // f, f)]
        return volume.reshape(parts).mean(axis=(1, 3, 5))

    coarse, true = averaged(susceptibility), averaged(field)
    shape = tuple(2 * n for n in coarse.shape)
    spectrum = forward(np.pad(coarse, [(0, n) for n in coarse.shape]))
    errors = []
    for integrated in (False, True):
        kernel = dipole_kernel(shape, spacing, b0_direction, integrated)
        model = inverse(spectrum * kernel, shape)[tuple(slice(n) for n in coarse.shape)]
        difference = (model - true)[3:-3, 6:-6, 6:-6]
        errors.append(np.linalg.norm(difference - difference.mean()))
    assert errors[0] < 0.95 * errors[1]
