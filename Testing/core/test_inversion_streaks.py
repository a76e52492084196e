"""Least squares, and the estimate of streaks that rests on them."""

from __future__ import annotations

import numpy as np
import pytest
from inversion_scene import correlation, scene

from QSMReconstructionCore.inversion.ilsqr import _falling, _fast_estimate, _first_estimate, ilsqr
from QSMReconstructionCore.inversion.padded_field import PaddedField
from QSMReconstructionCore.inversion.tsvd import tsvd
from QSMReconstructionCore.metrics import calcification
from QSMReconstructionCore.numerics.least_squares import least_squares
from QSMReconstructionCore.phantom import LABELS, head_phantom
from QSMReconstructionCore.progress import Cancelled, no_progress


def test_least_squares_find_the_closed_form():
    random = np.random.default_rng(0)
    matrix = random.standard_normal((30, 12)).astype(np.float32)
    data = random.standard_normal((5, 6)).astype(np.float32)
    found = least_squares(
        lambda x: (matrix @ x.ravel()).reshape(5, 6), lambda y: (matrix.T @ y.ravel()).reshape(3, 4), data, (3, 4),
        steps=40, tolerance=1e-7,
    )
    np.testing.assert_allclose(found.ravel(), np.linalg.lstsq(matrix, data.ravel(), rcond=None)[0], atol=1e-5)


def test_least_squares_take_at_most_the_steps_they_may_and_can_be_cancelled():
    random = np.random.default_rng(0)
    matrix = random.standard_normal((40, 40)).astype(np.float32)
    data = random.standard_normal(40).astype(np.float32)
    seen = []

    def stop(fraction, message):
        seen.append(fraction)
        if len(seen) == 3:
            raise Cancelled

    least_squares(matrix.__matmul__, matrix.T.__matmul__, data, (40,), steps=4, progress=lambda *_: seen.append(0))
    assert len(seen) <= 5
    seen.clear()
    with pytest.raises(Cancelled):
        least_squares(matrix.__matmul__, matrix.T.__matmul__, data, (40,), steps=9, progress=stop)


def test_streaks_of_a_spoiled_voxel_are_taken_off():
    """One wrong voxel of the field sends streaks through the map; they are found because the map is even elsewhere."""
    grid, mask, susceptibility, field = scene()
    spoiled = field.copy()
    spoiled[10, 22, 20] += 0.5
    far = mask.copy()
    far[5:16, 17:28, 15:26] = False

    def harm(method, **settings):
        return np.linalg.norm((method(spoiled, mask, grid, **settings) - method(field, mask, grid, **settings))[far])

    assert harm(ilsqr) < 0.5 * harm(tsvd, threshold=0.1)


@pytest.fixture(scope="module")
def strong_sources():
    """A head with a calcification and a hemorrhage, its local field with 1 ppb of noise, and how far a map streaks."""
    head = head_phantom(shape=(60, 72, 60), spacing=(3.0, 3.0, 3.0), echo_times=(0.01,), hemorrhage=True)
    noise = np.random.default_rng(0).normal(0, 0.001, head.mask.shape)
    field = np.where(head.mask, head.local_field + noise, 0).astype(np.float32)

    def streaks(found):
        """The streak index of the calcification and of the hemorrhage, whose sign is the other."""
        return [
            calcification(sign * found, sign * head.susceptibility, head.labels == label)["streak"]
            for label, name in LABELS.items()
            for sign in {"Calcification": [1], "Hemorrhage": [-1]}.get(name, [])
        ]

    return head, field, streaks


def test_strong_sources_streak_less_than_by_plain_least_squares(strong_sources):
    head, field, streaks = strong_sources
    grid = head.acquisition.grid
    found = streaks(ilsqr(field, head.mask, grid))
    assert len(found) == 2

    padded = PaddedField.around(field, head.mask, grid, None, model_error=0.001)
    first = streaks(padded.whole(_first_estimate(padded, 0.003, 50, no_progress)))
    assert all(after < 0.75 * before for after, before in zip(found, first))

    weight = np.sqrt(padded.precision / np.float32(padded.typical_precision))
    plain = least_squares(
        lambda x: weight * padded.convolved(x), lambda y: padded.convolved(weight * y), weight * padded.data,
        padded.shape, steps=50, tolerance=0.003,
    )
    assert all(after < 0.9 * before for after, before in zip(found, streaks(padded.whole(plain))))


def test_the_fast_estimate_shows_the_sources_at_their_contrast():
    grid, mask, susceptibility, field = scene()
    padded = PaddedField.around(field, mask, grid, None)
    fast = padded.whole(_fast_estimate(padded, 3.0))
    assert correlation(fast, susceptibility, mask) > 0.75
    assert 0.6 < np.polyfit(susceptibility[mask], fast[mask], 1)[0] < 1.2


def test_weights_fall_from_one_to_zero():
    assert _falling(np.array([0.0, 1.0, 1.5, 2.0, 9.0]), 1.0, 2.0).tolist() == [1.0, 1.0, 0.5, 0.0, 0.0]
