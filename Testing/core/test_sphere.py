"""Spherical means: a harmonic field equals its mean over a sphere."""

from __future__ import annotations

import numpy as np
import pytest

from QSMReconstructionCore.numerics.fourier import forward, inverse
from QSMReconstructionCore.numerics.sphere import sphere_spectrum, sphere_weights

SPACINGS = [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (0.8, 1.1, 1.7)]


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("radius", [2.0, 5.0])
def test_the_shares_of_a_sphere_sum_to_one_and_are_symmetric(spacing, radius):
    weights, reach = sphere_weights(radius, spacing)
    assert weights.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(weights, weights[::-1, ::-1, ::-1])
    assert radius - max(spacing) < reach < radius + np.linalg.norm(spacing)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize(
    "harmonic",
    [
        lambda x, y, z: 3 + 2 * x - y + z,
        lambda x, y, z: x * y + y * z - 2 * x * z,
        lambda x, y, z: x**2 - y**2,
        lambda x, y, z: 2 * z**2 - x**2 - y**2,
        lambda x, y, z: x**3 - 3 * x * y**2,
    ],
)
def test_the_mean_of_a_harmonic_polynomial_is_its_value_in_the_middle(spacing, harmonic):
    radius = 6.0
    weights, _ = sphere_weights(radius, spacing)
    axes = [(np.arange(n) - n // 2) * h for n, h in zip(weights.shape, spacing)]
    middle = (5.0, -3.0, 8.0)
    values = harmonic(*np.meshgrid(*(m + a for m, a in zip(middle, axes)), indexing="ij"))
    deviation = np.sum(weights * values) - harmonic(*middle)
    spread = np.sqrt(np.sum(weights * (values - harmonic(*middle)) ** 2))
    assert abs(deviation) < 0.02 * spread


def test_the_spectrum_averages():
    shape, spacing = (20, 21, 22), (1.0, 1.0, 2.0)
    point = np.zeros(shape, dtype=np.float32)
    point[10, 10, 10] = 1
    mean = inverse(forward(point) * sphere_spectrum(4.0, shape, spacing), shape)
    weights, _ = sphere_weights(4.0, spacing)
    around = tuple(slice(10 - n // 2, 10 + n // 2 + 1) for n in weights.shape)
    np.testing.assert_allclose(mean[around], weights, atol=1e-6)
    assert mean.sum() == pytest.approx(1, abs=1e-5)


def test_a_sphere_larger_than_the_volume_is_refused():
    with pytest.raises(ValueError, match="radius 20 mm"):
        sphere_spectrum(20.0, (16, 16, 16), (1.0, 1.0, 1.0))
