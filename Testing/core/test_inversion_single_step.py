"""Single-step inversion: susceptibility from the total field, background included."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
from background_scene import scene
from inversion_scene import correlation

from QSMReconstructionCore.methods import METHODS
from QSMReconstructionCore.metrics import nrmse
from QSMReconstructionCore.phantom import head_phantom
from QSMReconstructionCore.pipeline import reconstruct
from QSMReconstructionCore.recipe import Recipe

SINGLE_STEP = [m for m in METHODS["inversion"].values() if m.works_on_total_field]
#: Room for the sources of the scene, which lie next to its mask.
NEAR = {"margin": 20.0}
every_method = pytest.mark.parametrize("method", SINGLE_STEP, ids=lambda method: method.name)


@pytest.fixture(scope="module")
def fields():
    """Grid, mask, background and local field, and the susceptibility that makes the latter."""
    grid, mask, background, local = scene()
    susceptibility = np.zeros(mask.shape, dtype=np.float32)
    susceptibility[20:27, 24:30, 20:25] = 0.1
    susceptibility[30:33, 18:22, 28:34] = -0.05
    return grid, mask, background.astype(np.float32), local.astype(np.float32), susceptibility


@every_method
def test_sources_are_found_under_a_background_many_times_their_field(method, fields):
    grid, mask, background, local, susceptibility = fields
    assert np.std(background[mask]) > 20 * np.std(local[mask])
    found = method.function(background + local, mask, grid, **NEAR)
    assert correlation(found, susceptibility, mask) > 0.9


@every_method
def test_a_background_alone_makes_hardly_any_susceptibility(method, fields):
    grid, mask, background, _, _ = fields
    found = method.function(background, mask, grid, **NEAR)
    assert np.std(found[mask]) < 0.003 * np.std(background[mask])


@every_method
def test_wild_voxels_at_the_edge_that_the_noise_tells_of_are_left_out(method, fields):
    grid, mask, background, local, susceptibility = fields
    wild = mask & ~scipy.ndimage.binary_erosion(mask)
    wild[: mask.shape[0] // 2] = False
    noise = np.where(wild, np.float32(0.02), np.float32(0.001))
    field = background + local + wild * np.random.default_rng(0).normal(0, 0.5, mask.shape).astype(np.float32)
    found = method.function(field, mask, grid, weights=mask / noise, **NEAR)
    assert not found[wild].any()
    assert correlation(found, susceptibility, mask & ~wild) > 0.85


def test_the_whole_reconstruction_runs_in_a_single_step_and_says_so(head):
    recipe = Recipe.preset("default").with_values(
        {"background.method": "no_removal", "inversion.method": "tfi", "inversion.max_iterations": 2}
    )
    found = reconstruct(head.acquisition, recipe, mask=head.mask)
    assert any("single-step" in note for note in found.notes)
    # Nothing is removed; only voxels of garbage are filled from their neighbours.
    mask, total, noise = found.local_field.mask, found.field_map.field, found.field_map.noise
    changed = mask & (found.local_field.field != total)
    assert changed.sum() < 0.001 * mask.sum()
    assert noise[changed].min() > 3 * np.median(noise[mask])
    assert correlation(found.susceptibility, head.susceptibility, head.mask) > 0.4


@pytest.mark.parametrize("snr", [30, 150])
def test_total_field_inversion_leaves_no_background_in_the_map_at_any_noise(snr):
    head = head_phantom(shape=(45, 54, 45), spacing=(4.0, 4.0, 4.0), snr=snr)
    recipe = Recipe.preset("default").with_method("inversion", "tfi")
    found = reconstruct(head.acquisition, recipe, mask=head.mask)
    # The smooth part of the error is what is left of the background: 63 to 68 % of the map where steps are too few.
    assert nrmse(found.susceptibility, head.susceptibility, head.mask) < 56
