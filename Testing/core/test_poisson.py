"""The least-squares integral of steps gives back the function that they are the steps of."""

from __future__ import annotations

import numpy as np
import pytest

from QSMReconstructionCore.numerics.poisson import integrated
from QSMReconstructionCore.progress import Cancelled

SPACING = (2.0, 1.0, 1.5)
BOTH = pytest.mark.parametrize("boundary", ["reflecting", "periodic"])


def steps_of(values, boundary):
    if boundary == "periodic":
        return lambda axis: np.roll(values, -1, axis) - values
    return lambda axis: np.diff(values, axis=axis)


@BOTH
@pytest.mark.parametrize("shape", [(9, 12, 10), (8, 7, 15), (1, 6, 5), (5, 1, 8), (4, 6, 1), (1, 1, 1)])
def test_consistent_steps_are_integrated_exactly(shape, boundary):
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = integrated(shape, steps_of(values, boundary), SPACING, boundary)
    assert found.dtype == np.float32 and found.shape == shape
    np.testing.assert_allclose(found, values - values.mean(), atol=2e-5)


@BOTH
def test_inconsistent_steps_are_met_in_the_least_squares_sense(boundary):
    shape = (3, 4, 5)
    random = np.random.default_rng(1)
    steps = [random.normal(size=steps_of(np.zeros(shape), boundary)(axis).shape).astype(np.float32)
             for axis in range(3)]  # fmt: skip
    found = integrated(shape, lambda axis: steps[axis], SPACING, boundary)
    identity = np.eye(found.size).reshape(-1, *shape)
    rows = np.concatenate([np.stack([steps_of(e, boundary)(axis).ravel() for e in identity], axis=1) / h
                           for axis, h in enumerate(SPACING)])  # fmt: skip
    right = np.concatenate([steps[axis].ravel() / h for axis, h in enumerate(SPACING)])
    expected = np.linalg.lstsq(rows, right, rcond=None)[0].reshape(shape)
    np.testing.assert_allclose(found, expected - expected.mean(), atol=1e-5)


@BOTH
def test_it_can_be_cancelled(boundary):
    def cancel(fraction, message):
        raise Cancelled

    with pytest.raises(Cancelled):
        integrated((4, 4, 4), steps_of(np.zeros((4, 4, 4), np.float32), boundary), SPACING, boundary, cancel)
