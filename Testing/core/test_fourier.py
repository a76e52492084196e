"""Fourier transforms and their count."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from inversion_scene import scene

from QSMReconstructionCore.inversion.tkd import tkd
from QSMReconstructionCore.inversion.weighted_tv import weighted_tv
from QSMReconstructionCore.numerics.fourier import counted_ffts, forward, frequencies, inverse, mean_over_frequencies

SHAPE = (6, 7, 8)


def transform_there_and_back():
    return inverse(forward(np.ones(SHAPE, dtype=np.float32)), SHAPE)


def test_what_runs_in_the_block_is_counted_and_nothing_else():
    transform_there_and_back()
    with counted_ffts() as count:
        for _ in range(3):
            transform_there_and_back()
    transform_there_and_back()
    assert (count.transforms, count.voxels, count.pairs) == (6, 6 * 6 * 7 * 8, 3.0)
    assert count.pairs_of(SHAPE) == 3.0
    assert count.pairs_of((6, 7, 16)) == 1.5


def test_counts_nest_and_end_with_an_error():
    with counted_ffts() as outer:
        transform_there_and_back()
        with pytest.raises(RuntimeError), counted_ffts() as inner:
            transform_there_and_back()
            raise RuntimeError
        transform_there_and_back()
    assert (inner.pairs, outer.pairs) == (1.0, 3.0)


def test_transforms_of_another_thread_are_not_counted():
    with counted_ffts() as count, ThreadPoolExecutor(1) as other:
        other.submit(transform_there_and_back).result()
    assert count.transforms == 0


def test_thresholded_division_takes_one_pair_and_an_iteration_of_total_variation_two():
    grid, mask, _, field = scene()
    with counted_ffts() as count:
        tkd(field, mask, grid)
    assert count.pairs == 1
    with counted_ffts() as few:
        weighted_tv(field, mask, grid, tolerance=0.0, max_iterations=2)
    with counted_ffts() as more:
        weighted_tv(field, mask, grid, tolerance=0.0, max_iterations=7)
    assert more.pairs - few.pairs == 5 * 2


@pytest.mark.parametrize("shape", [(6, 7, 8), (7, 6, 9)])
def test_the_mean_over_all_frequencies_is_what_is_left_of_a_voxel(shape):
    k, j, i = frequencies(shape, (1.0, 2.0, 0.7))
    transfer = np.exp(-(k * k + j * j + i * i))
    left = inverse(transfer.astype(np.complex64), shape)[0, 0, 0]
    assert mean_over_frequencies(transfer, shape) == pytest.approx(left, rel=1e-5)
