"""V-SHARP: what it removes, what it keeps, and what it says it took away."""

from __future__ import annotations

import numpy as np
import pytest

from QSMReconstructionCore.background.vsharp import vsharp
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.numerics.dipole import dipole_kernel
from QSMReconstructionCore.numerics.fourier import forward, inverse
from QSMReconstructionCore.progress import Cancelled

SHAPE = (48, 52, 50)
OBLIQUE = (0.9, 0.3, 0.3)


def scene(spacing=(1.0, 1.0, 1.0)):
    """A grid, a mask, the field of sources outside it and the field of sources inside it, all in one volume."""
    grid = Grid(SHAPE, spacing, b0_direction=OBLIQUE)
    axes = np.meshgrid(*((np.arange(n) - (n - 1) / 2) / (n / 2) for n in SHAPE), indexing="ij")
    radius = np.sqrt(sum(a**2 for a in axes))
    mask = radius < 0.72
    outside = np.where((radius > 1.0) & (axes[1] > 0.4), 5.0, 0.0).astype(np.float32)
    inside = np.zeros(SHAPE, dtype=np.float32)
    inside[20:27, 24:30, 20:25] = 0.1
    inside[30:33, 18:22, 28:34] = -0.05
    # Voxels as magnetized boxes: their field is harmonic between them, as samples of D(k) would not be.
    padded = tuple(2 * n for n in SHAPE)
    kernel = dipole_kernel(padded, grid.spacing, grid.b0_direction, integrated=True)
    background, local = (
        inverse(forward(np.pad(source, [(0, n) for n in SHAPE])) * kernel, padded)[tuple(slice(n) for n in SHAPE)]
        for source in (outside, inside)
    )
    return grid, mask, np.where(mask, background, 0), np.where(mask, local, 0)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0)])
def test_the_field_of_sources_outside_is_removed(spacing):
    grid, mask, background, _ = scene(spacing)
    found = vsharp(background, mask, grid, largest_radius=8.0)
    deep = vsharp(background, mask, grid, smallest_radius=4.0, largest_radius=8.0).mask
    assert np.std(found.field[deep]) < 0.02 * np.std(background[deep])


def test_the_field_of_sources_inside_is_kept_but_for_what_it_declares_lost():
    grid, mask, _, local = scene()
    found = vsharp(local, mask, grid, largest_radius=8.0)
    kept = found.field[found.mask]
    true = local[found.mask]
    assert np.corrcoef(kept, true)[0, 1] > 0.95
    np.testing.assert_allclose(kept + found.lost(local)[found.mask], true, atol=1e-6)


def test_adding_sources_outside_does_not_change_the_local_field_of_sources_inside():
    grid, mask, background, local = scene()
    with_background = vsharp(local + background, mask, grid, largest_radius=8.0)
    alone = vsharp(local, mask, grid, largest_radius=8.0)
    difference = (with_background.field - alone.field)[alone.mask]
    assert np.std(difference) < 0.05 * np.std(alone.field[alone.mask])


def test_scaling_the_field_scales_the_result():
    grid, mask, background, local = scene()
    once = vsharp(local + background, mask, grid).field
    thrice = vsharp(3 * (local + background), mask, grid).field
    np.testing.assert_allclose(thrice, 3 * once, atol=1e-5)


def test_turning_the_volume_turns_the_result():
    grid, mask, background, local = scene((2.0, 1.0, 1.0))
    order = (2, 0, 1)
    turned = Grid(
        tuple(SHAPE[a] for a in order),
        tuple(grid.spacing[a] for a in order),
        b0_direction=tuple(grid.b0_direction[a] for a in order),
    )
    straight = vsharp(local + background, mask, grid)
    found = vsharp((local + background).transpose(order), mask.transpose(order), turned)
    np.testing.assert_array_equal(found.mask, straight.mask.transpose(order))
    np.testing.assert_allclose(found.field, straight.field.transpose(order), atol=2e-5)


def test_voxels_without_a_sphere_leave_the_mask_and_count_as_zero():
    grid, mask, background, _ = scene()
    found = vsharp(background, mask, grid, smallest_radius=3.0)
    assert found.mask.sum() < mask.sum()
    assert not np.any(found.mask & ~mask)
    assert not found.field[~found.mask].any()
    assert not found.noise[~found.mask].any()


def test_the_noise_that_is_reported_is_that_of_the_result_for_every_radius():
    grid, mask, _, _ = scene()
    weights = np.where(mask, np.float32(1000), np.float32(0))
    square = np.zeros(SHAPE)
    for seed in range(10):
        noise = np.random.default_rng(seed).normal(0, 0.001, SHAPE).astype(np.float32)
        found = vsharp(np.where(mask, noise, 0), mask, grid, weights=weights)
        square += found.field.astype(float) ** 2 / 10
    reported = np.unique(np.round(found.noise[found.mask], 6))
    assert len(reported) > 1
    for sd in reported:
        voxels = found.mask & (np.abs(found.noise - sd) < 1e-6)
        assert np.sqrt(square[voxels].mean()) == pytest.approx(sd, rel=0.03)


def test_wild_voxels_at_the_edge_do_not_spoil_their_surroundings():
    grid, mask, background, local = scene()
    field = local + background
    edge = mask & ~np.roll(mask, -1, axis=1)
    wild = np.where(edge, np.random.default_rng(0).normal(0, 3, SHAPE), field).astype(np.float32)
    weights = np.where(mask, np.where(edge, 10, 1000), 0).astype(np.float32)
    clean = vsharp(field, mask & ~edge, grid)
    found = vsharp(wild, mask, grid, weights=weights)
    np.testing.assert_array_equal(found.mask, clean.mask)
    np.testing.assert_allclose(found.field, clean.field, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask": np.zeros(SHAPE, dtype=bool)}, "mask is empty"),
        ({"mask": np.ones((3, 3, 3), dtype=bool)}, r"mask must have the shape \(48, 52, 50\)"),
        ({"field": np.full(SHAPE, np.nan, dtype=np.float32)}, "field has 124800 voxel"),
        ({"smallest_radius": 13.0}, "smallest_radius must not exceed largest_radius"),
    ],
)
def test_bad_input_is_named(change, message):
    grid, mask, background, _ = scene()
    arguments = {"field": background, "mask": mask, **change}
    with pytest.raises(ValueError, match=message):
        vsharp(arguments.pop("field"), arguments.pop("mask"), grid, **arguments)


def test_a_mask_too_thin_for_any_sphere_is_refused():
    grid, mask, background, _ = scene()
    thin = np.zeros_like(mask)
    thin[24] = mask[24]
    with pytest.raises(ValueError, match="No sphere of radius"):
        vsharp(background, thin, grid, smallest_radius=2.0)


def test_it_can_be_cancelled():
    grid, mask, background, _ = scene()

    def cancel(fraction, message):
        raise Cancelled

    with pytest.raises(Cancelled):
        vsharp(background, mask, grid, progress=cancel)
