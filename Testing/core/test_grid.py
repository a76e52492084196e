"""The voxel grid: geometry and the direction of B0."""

from __future__ import annotations

import numpy as np
import pytest

from QSMReconstructionCore.grid import Grid


def rotation(seed: int) -> np.ndarray:
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q


def oblique(seed: int = 0) -> Grid:
    return Grid((7, 5, 6), (2.0, 0.7, 1.3), tuple(map(tuple, rotation(seed))), (10.0, -20.0, 33.3))


@pytest.mark.parametrize("seed", range(4))
def test_the_matrix_survives_a_round_trip(seed):
    grid = oblique(seed)
    again = Grid.from_ijk_to_ras(grid.shape, grid.ijk_to_ras)
    np.testing.assert_allclose(again.spacing, grid.spacing, rtol=1e-12)
    np.testing.assert_allclose(again.direction, grid.direction, atol=1e-12)
    np.testing.assert_allclose(again.b0_direction, grid.b0_direction, atol=1e-12)
    assert again.same_geometry(grid, 1e-9)


def test_b0_of_an_axial_volume_runs_along_k():
    assert Grid((2, 2, 2)).b0_direction == (1.0, 0.0, 0.0)


def test_b0_follows_a_rotation_about_left_right_by_its_angle():
    angle = np.radians(25)
    k, j = (0, -np.sin(angle), np.cos(angle)), (0, np.cos(angle), np.sin(angle))
    grid = Grid((4, 4, 4), (3.0, 1.0, 1.0), tuple(zip(k, j, (1, 0, 0))))
    np.testing.assert_allclose(grid.b0_direction, (np.cos(angle), np.sin(angle), 0), atol=1e-12)


def test_voxel_size_makes_no_difference_to_b0():
    direction = tuple(map(tuple, rotation(3)))
    assert Grid((4, 4, 4), (5, 1, 2), direction).b0_direction == Grid((4, 4, 4), (1, 1, 1), direction).b0_direction


def test_a_given_b0_direction_is_normalized_and_kept():
    grid = Grid((4, 4, 4), b0_direction=(0.0, 3.0, 4.0))
    np.testing.assert_allclose(grid.b0_direction, (0.0, 0.6, 0.8))


def test_the_matrix_takes_voxels_to_their_world_coordinates():
    grid = oblique()
    r, a, s = grid.world_coordinates()
    for k, j, i in ((0, 0, 0), (6, 4, 5), (3, 1, 2)):
        expected = (grid.ijk_to_ras @ (i, j, k, 1))[:3]
        np.testing.assert_allclose((r[k, j, i], a[k, j, i], s[k, j, i]), expected, atol=1e-4)


def test_volume_and_size_are_products():
    grid = oblique()
    assert grid.size == 7 * 5 * 6
    assert grid.voxel_volume == pytest.approx(2.0 * 0.7 * 1.3)
    assert abs(np.linalg.det(grid.ijk_to_ras)) == pytest.approx(grid.voxel_volume)


def test_a_shift_beyond_the_tolerance_is_another_geometry():
    grid = oblique()
    shifted = Grid(grid.shape, grid.spacing, grid.direction, (10.0, -20.0, 33.31))
    assert not grid.same_geometry(shifted)
    assert grid.same_geometry(shifted, 0.1)
    assert not grid.same_geometry(Grid((7, 5, 5), grid.spacing, grid.direction, grid.origin), 100.0)


def test_a_small_rotation_is_noticed_at_the_far_corner():
    angle = np.radians(0.1)
    turned = ((0, -np.sin(angle), np.cos(angle)), (0, np.cos(angle), np.sin(angle)), (1, 0, 0))
    grid = Grid((200, 200, 200))
    assert not grid.same_geometry(Grid((200, 200, 200), direction=turned), 0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (2, 2)}, "shape must be three"),
        ({"shape": (2, 0, 2)}, "shape must be three"),
        ({"shape": (2, 2, 2), "spacing": (1, 0, 1)}, "spacing must be three positive"),
        ({"shape": (2, 2, 2), "spacing": (1, float("nan"), 1)}, "spacing must be three positive"),
        ({"shape": (2, 2, 2), "direction": ((1, 0.2, 0), (0, 1, 0), (0, 0, 1))}, "perpendicular"),
        ({"shape": (2, 2, 2), "b0_direction": (0, 0, 0)}, "b0_direction must be"),
        ({"shape": (2, 2, 2), "origin": (0, 0, float("inf"))}, "origin must be"),
    ],
)
def test_what_is_no_grid_is_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        Grid(**arguments)


@pytest.mark.parametrize("matrix", [np.eye(3), np.full((4, 4), np.nan), np.diag([1, 0, 1, 1])])
def test_what_is_no_affine_matrix_is_refused(matrix):
    with pytest.raises(ValueError, match="ijk_to_ras"):
        Grid.from_ijk_to_ras((2, 2, 2), matrix)
