"""Transforms of a corner against those of the whole padded volume."""

from __future__ import annotations

import numpy as np
import pytest

from QSMReconstructionCore.cores import of_slabs, slabs
from QSMReconstructionCore.numerics.corner_transform import CornerTransform
from QSMReconstructionCore.numerics.even_filter import EvenFilter
from QSMReconstructionCore.numerics.fourier import counted_ffts, forward, inverse
from QSMReconstructionCore.numerics.sphere import sphere_spectrum

SHAPES = [((9, 11, 13), (12, 15, 16)), ((20, 17, 10), (21, 20, 15)), ((8, 8, 8), (8, 8, 8))]


def corner_and_padded(corner, shape, seed=0):
    volume = np.random.default_rng(seed).standard_normal(corner, dtype=np.float32)
    return volume, np.pad(volume, [(0, n - m) for n, m in zip(shape, corner)])


def cut(volume, corner):
    return volume[tuple(slice(0, n) for n in corner)]


@pytest.mark.parametrize(("corner", "shape"), SHAPES)
def test_two_volumes_are_mixed_as_in_whole_transforms(corner, shape):
    transform = CornerTransform(corner, shape)
    (one, whole_one), (two, whole_two) = (corner_and_padded(corner, shape, seed) for seed in (0, 1))
    gain = sphere_spectrum(2.0, shape, (1.0, 1.0, 1.0))
    lines = [transform.forward(one), transform.forward(two)]
    transform.multiply(lines, lambda spectra, some: (spectra[0] * gain[:, some] + spectra[1], spectra[0] - spectra[1]))
    expected = (forward(whole_one) * gain + forward(whole_two), forward(whole_one) - forward(whole_two))
    for found, spectrum in zip(lines, expected):
        np.testing.assert_allclose(transform.inverse(found), cut(inverse(spectrum, shape), corner), atol=1e-5)


@pytest.mark.parametrize(("corner", "shape"), SHAPES)
def test_a_whole_spectrum_can_be_filtered_again_and_again(corner, shape):
    transform = CornerTransform(corner, shape)
    volume, whole = corner_and_padded(corner, shape)
    spectrum = transform.completed(transform.forward(volume))
    np.testing.assert_allclose(spectrum, forward(whole), atol=1e-4)
    gain = sphere_spectrum(2.0, shape, (1.0, 1.0, 1.0))
    expected = cut(inverse(forward(whole) * gain, shape), corner)
    for _ in range(2):
        lines = transform.filtered(spectrum, EvenFilter(gain, shape).at)
        np.testing.assert_allclose(transform.inverse(lines), expected, atol=1e-5)


def test_a_transform_of_a_corner_counts_as_one_of_the_padded_volume():
    transform = CornerTransform((5, 6, 7), (8, 9, 10))
    with counted_ffts() as count:
        transform.inverse(transform.forward(np.ones((5, 6, 7), dtype=np.float32)))
    assert count.pairs == 1
    assert count.pairs_of((8, 9, 10)) == 1


def test_slabs_cover_an_axis_in_order():
    assert of_slabs(lambda slab: (slab.start, slab.stop), 7, 3) == [(0, 3), (3, 6), (6, 7)]


@pytest.mark.parametrize(("plane", "thickness"), [(200_000, 2), (24_000, 2), (12_000, 8), (100, 20)])
def test_slabs_of_small_planes_are_thicker_but_every_core_has_one(plane, thickness, monkeypatch):
    monkeypatch.setattr("QSMReconstructionCore.cores.available_cores", lambda: 4)
    parts = slabs(80, 2, plane)
    assert [part.start for part in parts] == list(range(0, 80, thickness))
    assert parts[-1].stop == 80


def test_what_fails_in_a_slab_is_not_lost():
    def fail(slab):
        raise ValueError(f"slab {slab.start}")

    with pytest.raises(ValueError, match="slab 0"):
        of_slabs(fail, 4, 2)
