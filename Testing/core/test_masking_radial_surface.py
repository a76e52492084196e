"""The radial surface and its optimum."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from QSMReconstructionCore.masking.radial_surface import (
    Icosphere,
    RadialSurface,
    distance_to_border,
    sampled_along_rays,
    smooth_optimum,
)


@pytest.mark.parametrize("level", [0, 1, 3])
def test_icosphere_has_the_directions_and_edges_of_a_divided_icosahedron(level):
    sphere = Icosphere.of_level(level)
    assert len(sphere.directions) == 10 * 4**level + 2
    assert len(sphere.edges) == 30 * 4**level
    np.testing.assert_allclose(np.linalg.norm(sphere.directions, axis=1), 1)
    np.testing.assert_allclose(sphere.directions.sum(axis=0), 0, atol=1e-9)


def test_icosphere_is_symmetric_under_flips_and_cyclic_exchange_of_the_axes():
    directions = Icosphere.of_level(2).directions
    known = {tuple(np.round(d, 6) + 0.0) for d in directions}
    for turned in (directions * [1, -1, 1], np.roll(directions, 1, axis=1)):
        assert {tuple(np.round(d, 6) + 0.0) for d in turned} == known


def test_coarser_directions_come_first():
    coarse, fine = Icosphere.of_level(2), Icosphere.of_level(3)
    np.testing.assert_array_equal(fine.directions[: len(coarse.directions)], coarse.directions)


def test_refining_keeps_a_smooth_surface():
    sphere = Icosphere.of_level(3)
    shape = lambda directions: 60 + 10 * directions[:, 0] * directions[:, 1]  # noqa: E731
    fine = RadialSurface(np.zeros(3), sphere, shape(sphere.directions)).refined(4)
    np.testing.assert_allclose(fine.radii, shape(fine.sphere.directions), atol=0.4)


def test_depth_of_a_sphere_is_radius_minus_distance():
    sphere = Icosphere.of_level(2)
    centre, spacing, shape = np.array([20.0, 25.0, 30.0]), (2.0, 1.0, 3.0), (20, 50, 22)
    depth = RadialSurface(centre, sphere, np.full(len(sphere.directions), 15.0)).depth(shape, spacing)
    k, j, i = (axis * h for axis, h in zip(np.indices(shape), spacing))
    distance = np.sqrt((k - 20) ** 2 + (j - 25) ** 2 + (i - 30) ** 2)
    np.testing.assert_allclose(depth, 15 - distance, atol=1e-3)


def test_depth_follows_the_direction_of_a_bulge():
    sphere = Icosphere.of_level(4)
    radii = np.where(sphere.directions[:, 2] > 0.9, 20.0, 10.0)
    depth = RadialSurface(np.array([20.0, 20.0, 20.0]), sphere, radii).depth((41, 41, 41), (1.0, 1.0, 1.0))
    assert depth[20, 20, 38] > 0 > depth[20, 20, 2]
    assert depth[38, 20, 20] < 0 and depth[20, 38, 20] < 0


def test_rays_sample_a_linear_image_exactly():
    shape, spacing = (10, 12, 14), np.array([2.0, 1.0, 0.5])
    k, j, i = np.indices(shape)
    image = (2.0 * k * 3 + j * 1.0 - 0.5 * i * 2).astype(np.float32)
    directions = np.array([[1.0, 0, 0], [0, 0.6, -0.8]])
    distances = np.array([[0.0, 1.0, 2.5], [0.0, 1.0, 2.0]])
    found = sampled_along_rays(image, spacing, np.array([8.0, 5.0, 4.0]), directions, distances)
    place = np.array([8.0, 5.0, 4.0]) + directions[:, None] * distances[..., None]
    np.testing.assert_allclose(found, place @ [3.0, 1.0, -2.0], rtol=1e-5)


def test_distance_to_border_is_that_of_the_outer_voxel_faces():
    directions = np.array([[1.0, 0, 0], [-1.0, 0, 0], [0, 0.6, 0.8]])
    found = distance_to_border((10, 10, 10), np.array([2.0, 1.0, 1.0]), np.array([8.0, 5.0, 5.0]), directions)
    np.testing.assert_allclose(found, [11.0, 9.0, 4.5 / 0.8])


def test_smooth_optimum_is_the_exact_one_on_a_tree():
    random = np.random.default_rng(1)
    cost = random.uniform(0, 1, (5, 6)).astype(np.float32)
    edges = np.array([[0, 1], [1, 2], [1, 3], [3, 4]])
    slope = 0.15

    def energy(choice):
        gaps = np.abs(np.diff(np.asarray(choice)[edges], axis=1))[:, 0]
        return cost[np.arange(5), list(choice)].sum() + slope * np.where(gaps < 2, gaps**2 / 4, gaps - 1).sum()

    best = min(itertools.product(range(6), repeat=5), key=energy)
    assert tuple(smooth_optimum(cost, edges, 1.0, slope, 30)) == best


def test_smooth_optimum_overrules_outliers():
    sphere = Icosphere.of_level(3)
    random = np.random.default_rng(4)
    truth = np.round(12 + 4 * sphere.directions[:, 0]).astype(int)
    seen = np.where(random.random(len(truth)) < 0.2, random.integers(0, 30, len(truth)), truth)
    cost = np.ones((len(truth), 30), np.float32)
    cost[np.arange(len(truth)), seen] = 0
    found = smooth_optimum(cost, sphere.edges, 1.0, 0.3, 30)
    assert np.mean(np.abs(found - truth) <= 1) > 0.99
