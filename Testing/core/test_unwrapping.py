"""Spatial unwrapping gives back the phase that was wrapped, whole turns of everything aside."""

from __future__ import annotations

import numpy as np
import pytest

from QSMReconstructionCore.fieldmapping.unwrapping import unwrap_spatially
from QSMReconstructionCore.numerics.romeo_weights import edge_weights, voxel_quality, wrapped
from QSMReconstructionCore.numerics.spanning_tree import spanning_forest
from QSMReconstructionCore.progress import Cancelled

TURN = 2 * np.pi


@pytest.fixture(autouse=True)
def arithmetic_errors_are_errors():
    with np.errstate(all="raise", under="ignore"):
        yield


def coordinates(shape):
    """Distance from the middle of the volume in voxels, along k, j, i."""
    return np.meshgrid(*(np.arange(n, dtype=np.float32) - n // 2 for n in shape), indexing="ij")


def wrap(phase):
    return wrapped(phase.astype(np.float32))


def turns_off(unwrapped, true, mask):
    """How many whole turns each voxel of the mask is off, less those that all are off."""
    off = np.rint((unwrapped - true)[mask] / TURN)
    return off - np.median(off)


def ellipsoid(shape):
    return sum((c / (0.48 * n)) ** 2 for c, n in zip(coordinates(shape), shape)) < 1


def dipole_field(shape, strength):
    """Phase around a sphere of radius 4 voxels, for B0 along k."""
    k, j, i = coordinates(shape)
    r = np.sqrt(k * k + j * j + i * i)
    r = np.maximum(r, 4)
    return strength * (4 / r) ** 3 * (3 * (k / r) ** 2 - 1)


@pytest.mark.parametrize("shape", [(24, 30, 27), (7, 40, 33), (1, 41, 40), (40, 1, 1), (2, 3, 5)])
@pytest.mark.parametrize("slope", [(2.0, -1.0, 0.5), (0.0, 3.0, 0.0), (-2.9, 2.9, 3.1)])
def test_a_ramp_is_exact_whatever_the_shape(shape, slope):
    true = sum(s * c for s, c in zip(slope, coordinates(shape)))
    mask = np.ones(shape, bool)
    unwrapped = unwrap_spatially(wrap(true), mask)
    assert not turns_off(unwrapped, true, mask).any()
    assert unwrapped.dtype == np.float32


@pytest.mark.parametrize("shape", [(5, 190, 190), (190, 3, 190), (181, 182, 2)])
def test_a_bowl_of_more_than_twenty_turns_is_exact(shape):
    # Next to its rim neighbouring voxels differ by almost pi.
    k, j, i = coordinates(shape)
    true = 0.0168 * (k * k + j * j + i * i)
    mask = ellipsoid(shape)
    assert np.ptp(true[mask]) > 20 * TURN
    assert not turns_off(unwrap_spatially(wrap(true), mask), true, mask).any()


def test_phase_is_only_changed_by_whole_turns():
    random = np.random.default_rng(1)
    phase = random.uniform(-np.pi, np.pi, (9, 8, 7)).astype(np.float32)
    mask = random.random(phase.shape) < 0.7
    turns = (unwrap_spatially(phase, mask) - phase)[mask] / TURN
    assert np.abs(turns - np.rint(turns)).max() < 1e-5


def test_the_field_of_a_sphere_is_exact_where_it_does_not_jump():
    shape = (48, 48, 48)
    true = dipole_field(shape, 6.0)
    k, j, i = coordinates(shape)
    mask = k * k + j * j + i * i > 5**2
    assert not turns_off(unwrap_spatially(wrap(true), mask), true, mask).any()


def test_a_path_around_a_tear_is_found():
    # Two ramps in opposite directions meet in a wall across which the phase jumps by up to six turns; only at its lower
    # end do they join smoothly.
    shape = (3, 40, 40)
    _, j, i = coordinates(shape)
    true = np.where(i < 0, 1.0, -1.0) * np.maximum(j + 10, 0) * 0.6
    mask = np.ones(shape, bool)
    magnitude = np.ones(shape, np.float32)
    magnitude[:, 10:, 19] = 1e-2
    magnitude[:, 10:, 20] = 1e-4
    assert not turns_off(unwrap_spatially(wrap(true), mask, magnitude=magnitude), true, mask).any()


def test_noise_leaves_most_of_the_brain_exact():
    random = np.random.default_rng(2)
    shape = (40, 44, 42)
    k, j, i = coordinates(shape)
    mask = ellipsoid(shape)
    true = 0.05 * (k * k + j * j) + 0.5 * i + random.normal(0, 0.6, shape)
    wrong = turns_off(unwrap_spatially(wrap(true), mask), true, mask) != 0
    assert wrong.mean() < 2e-3


def test_voxels_outside_the_mask_are_zero_and_do_not_matter():
    shape = (20, 22, 24)
    k, j, i = coordinates(shape)
    true = 0.9 * i + 0.03 * k * j
    mask = ellipsoid(shape)
    garbage = np.random.default_rng(3).uniform(-np.pi, np.pi, shape).astype(np.float32)
    unwrapped = unwrap_spatially(np.where(mask, wrap(true), garbage), mask)
    assert not unwrapped[~mask].any()
    assert not turns_off(unwrapped, true, mask).any()


def test_the_median_of_the_largest_part_lies_within_half_a_turn_of_zero():
    shape = (12, 20, 22)
    k, j, i = coordinates(shape)
    mask = np.ones(shape, bool)
    mask[:, 12] = False
    for offset in (0.0, 40.0, -77.0):
        unwrapped = unwrap_spatially(wrap(1.5 * i + offset), mask)
        assert abs(np.median(unwrapped[:, :12])) <= np.pi


def test_separate_parts_fit_together_across_their_gap():
    # Thin gaps, a single separate voxel and many turns in every part: the phase continues as if there were no gap.
    shape = (20, 44, 40)
    k, j, i = coordinates(shape)
    true = 0.4 * j + 0.02 * i * i + 0.3 * k
    mask = np.ones(shape, bool)
    mask[:, 30:32] = False
    mask[:, :, 8] = False
    mask[:4, :4, :6] = False
    mask[1, 1, 3] = True
    assert not turns_off(unwrap_spatially(wrap(true), mask), true, mask).any()


def test_scattered_voxels_find_their_turns_from_part_to_part():
    random = np.random.default_rng(4)
    shape = (24, 25, 26)
    k, j, i = coordinates(shape)
    true = 0.15 * (k + j + i)
    mask = random.random(shape) < 0.2
    unwrapped = unwrap_spatially(wrap(true), mask)
    assert not turns_off(unwrapped, true, mask).any()


def test_a_single_voxel_stays_as_it_is():
    mask = np.zeros((3, 4, 5), bool)
    mask[1, 2, 3] = True
    phase = np.full(mask.shape, 1.25, np.float32)
    assert unwrap_spatially(phase, mask)[1, 2, 3] == pytest.approx(1.25)


def test_the_unit_of_the_magnitude_does_not_matter():
    random = np.random.default_rng(5)
    shape = (18, 20, 22)
    phase = random.uniform(-np.pi, np.pi, shape).astype(np.float32)
    magnitude = random.random(shape).astype(np.float32)
    mask = ellipsoid(shape)
    first, second = (unwrap_spatially(phase, mask, magnitude=magnitude * s) for s in (1.0, 4096.0))
    np.testing.assert_array_equal(first, second)


def test_axes_can_be_exchanged():
    shape = (16, 19, 21)
    random = np.random.default_rng(6)
    k, j, i = coordinates(shape)
    true = 0.06 * k * j + 0.8 * i + random.normal(0, 0.3, shape)
    mask = ellipsoid(shape)
    first = unwrap_spatially(wrap(true), mask)
    turned = unwrap_spatially(wrap(true).transpose(2, 0, 1), mask.transpose(2, 0, 1)).transpose(1, 2, 0)
    np.testing.assert_allclose(first, turned, atol=1e-5)


def test_weights_are_high_in_tissue_and_low_in_noise():
    shape = (20, 22, 24)
    random = np.random.default_rng(7)
    _, _, i = coordinates(shape)
    phase = np.where(i < 0, 0.2 * i, random.uniform(-np.pi, np.pi, shape))
    magnitude = np.where(i < 0, 1.0, random.random(shape)).astype(np.float32)
    quality = voxel_quality(wrap(phase), magnitude=magnitude)
    assert np.median(quality[..., :10]) > 0.9
    assert np.median(quality[..., 14:]) < 0.1
    assert 0 <= quality.min() and quality.max() <= 1


def test_weights_follow_the_published_terms():
    # Three voxels in a row with steps of 0.5 and 0.9 rad: no voxel lies beyond either edge, so linearity is 0.9.
    phase = np.array([0.0, 0.5, 1.4], np.float32).reshape(1, 1, 3)
    magnitude = np.array([1.0, 2.0, 2.0], np.float32).reshape(1, 1, 3)
    second = 2 * phase
    expected = [
        (0.1 + 0.9 * (1 - step / np.pi)) * (0.1 + 0.9 * 0.9) * (0.1 + 0.9 * ratio**2) * 1.0
        for step, ratio in ((0.5, 0.5), (0.9, 1.0))
    ]
    weights = edge_weights(phase, magnitude=magnitude, second_phase=second, time_ratio=0.5)
    np.testing.assert_allclose(weights[2, 0, 0], [*expected, 0], rtol=1e-5)
    assert not weights[:2].any()
    four = np.array([0.0, 0.5, 1.4, 2.0], np.float32).reshape(1, 4, 1)
    linearity = (1 - 0.4 / 2) * (1 - 0.3 / 2)
    middle = edge_weights(four)[1, 0, 1, 0]
    assert middle == pytest.approx((0.1 + 0.9 * (1 - 0.9 / np.pi)) * (0.1 + 0.9 * linearity), rel=1e-5)


def test_a_gradient_that_another_echo_does_not_see_counts_less():
    phase = np.array([0.0, 0.8], np.float32).reshape(1, 1, 2)
    agrees, differs = (
        edge_weights(phase, second_phase=np.float32(step) * phase, time_ratio=0.5)[2, 0, 0, 0] for step in (2.0, -1.0)
    )
    assert agrees > 2 * differs


def test_weights_do_not_depend_on_how_the_volume_is_cut(monkeypatch):
    random = np.random.default_rng(8)
    phase = random.uniform(-np.pi, np.pi, (11, 6, 5)).astype(np.float32)
    whole = edge_weights(phase, magnitude=np.abs(phase))
    monkeypatch.setattr("QSMReconstructionCore.numerics.romeo_weights._SLAB_VOXELS", 30)
    np.testing.assert_array_equal(edge_weights(phase, magnitude=np.abs(phase)), whole)


def test_voxels_without_signal_give_no_warning():
    phase = np.zeros((4, 5, 6), np.float32)
    weights = edge_weights(phase, magnitude=phase)
    assert np.isfinite(weights).all()


def test_quality_only_counts_edges_inside_the_mask():
    phase = np.zeros((3, 3, 3), np.float32)
    phase[1, 1, 2] = 3.0
    mask = np.zeros(phase.shape, bool)
    mask[1, 1, :2] = True
    inside = voxel_quality(phase, mask=mask)
    assert inside[1, 1, 1] == inside[1, 1, 0] > voxel_quality(phase)[1, 1, 1]
    assert not inside[~mask].any()


def test_the_tree_is_a_minimum_spanning_tree():
    # On a small graph, against Prim's algorithm written out.
    random = np.random.default_rng(9)
    mask = random.random((4, 4, 5)) < 0.8
    weights = random.random((3, *mask.shape)).astype(np.float32)
    forest = spanning_forest(mask, weights)
    number = np.cumsum(mask.ravel()).reshape(mask.shape) - 1
    cost = {}
    for a in range(3):
        for place in np.argwhere(mask):
            beyond = place + np.eye(3, dtype=int)[a]
            if (beyond < mask.shape).all() and mask[tuple(beyond)]:
                pair = int(number[tuple(place)]), int(number[tuple(beyond)])
                cost[pair] = cost[pair[::-1]] = round(float(1 - weights[a][tuple(place)]) * 254)
    found = sum(
        cost[int(forest.order[p]), int(forest.order[forest.parent[p]])] for p in range(forest.components, mask.sum())
    )
    expected, reached, trees = 0, set(), 0
    for start in range(mask.sum()):
        if start in reached:
            continue
        reached.add(start)
        trees += 1
        while border := [(c, b) for (a, b), c in cost.items() if a in reached and b not in reached]:
            least, node = min(border)
            expected += least
            reached.add(node)
    assert (found, forest.components) == (expected, trees)


def test_sums_along_the_tree_follow_its_branches():
    mask = np.ones((1, 1, 200), bool)
    mask[..., 120] = False
    forest = spanning_forest(mask, np.ones((3, *mask.shape), np.float32))
    sums = np.empty(199, int)
    sums[forest.order] = forest.sums_from_root(np.ones(199, np.int64))
    for part in (slice(0, 120), slice(120, 199)):
        root = part.start + int(np.argmin(sums[part]))
        np.testing.assert_array_equal(sums[part], np.abs(np.arange(part.start, part.stop) - root))


def test_cancelling_stops_the_unwrapping():
    def cancel(fraction, message):
        if fraction > 0.1:
            raise Cancelled

    with pytest.raises(Cancelled):
        unwrap_spatially(np.zeros((5, 5, 5), np.float32), np.ones((5, 5, 5), bool), progress=cancel)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask": np.zeros((3, 4, 5), bool)}, "mask is empty"),
        ({"mask": np.ones((3, 4, 4), bool)}, r"mask must have the shape \(3, 4, 5\)"),
        ({"phase": np.zeros((2, 3, 4, 5), np.float32)}, "phase must have the shape"),
        ({"weights": np.ones((3, 4, 5), np.float32)}, "weights must have the shape"),
        ({"magnitude": np.ones((4, 4, 5), np.float32)}, "magnitude must have the shape"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    given = {"phase": np.zeros((3, 4, 5), np.float32), "mask": np.ones((3, 4, 5), bool)} | change
    with pytest.raises(ValueError, match=message):
        unwrap_spatially(**given)


def test_a_second_phase_needs_the_ratio_of_the_echo_times():
    phase = np.zeros((3, 4, 5), np.float32)
    with pytest.raises(ValueError, match="time_ratio must be a positive number"):
        edge_weights(phase, second_phase=phase)
