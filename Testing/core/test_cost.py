"""What a reconstruction costs in Fourier transforms and memory: figures that no load on the machine changes."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from background_scene import scene

from QSMReconstructionCore.methods import METHODS, method
from QSMReconstructionCore.numerics.fourier import counted_ffts
from QSMReconstructionCore.phantom import head_phantom
from QSMReconstructionCore.pipeline import reconstruct
from QSMReconstructionCore.recipe import Recipe

#: Most pairs of Fourier transforms that a background method may take at its default settings.
PAIRS_OF_BACKGROUND = {"vsharp": 40, "resharp": 120, "lbv": 60, "pdf": 300}

#: Inversions by the alternating direction method of multipliers: four pairs for each iteration at most.
SPLITTING = (
    "weighted_tv", "rts", "hd_qsm", "l1_qsm", "nonlinear_tv", "weak_harmonic_tv", "tgv", "single_step_tgv",
)  # fmt: skip

#: Inversions by Gauss-Newton steps with conjugate gradients: three pairs for each step of these at most.
GAUSS_NEWTON = ("medi", "tfi")


@pytest.fixture(scope="module")
def noisy():
    """Grid, mask, total and local field with noise of 2 ppb, their weights, and a magnitude."""
    grid, mask, background, local = scene()
    random = np.random.default_rng(0)
    noise = np.where(mask, random.normal(0, 0.002, mask.shape), 0).astype(np.float32)
    weights = np.where(mask, np.float32(500), np.float32(0))
    magnitude = random.uniform(0.5, 1.5, mask.shape).astype(np.float32)
    return grid, mask, background + local + noise, local + noise, weights, magnitude


def pairs_of(stage: str, name: str, field: np.ndarray, noisy, **parameters) -> float:
    """Pairs of Fourier transforms, of any size, that a method takes."""
    grid, mask, _, _, weights, magnitude = noisy
    with counted_ffts() as count:
        method(stage, name).run(
            field, mask, grid, given={"weights": weights, "magnitude": magnitude}, parameters=parameters
        )
    return count.pairs


@pytest.mark.parametrize("name", PAIRS_OF_BACKGROUND)
def test_a_background_method_takes_few_fourier_transforms(name, noisy):
    assert pairs_of("background", name, noisy[2], noisy) <= PAIRS_OF_BACKGROUND[name]


@pytest.mark.parametrize("name", SPLITTING)
def test_an_iteration_of_splitting_takes_at_most_four_pairs_of_transforms(name, noisy):
    field = noisy[2] if METHODS["inversion"][name].works_on_total_field else noisy[3]
    few, more = (
        pairs_of("inversion", name, field, noisy, tolerance=0.0, max_iterations=n) for n in (3, 8)
    )
    assert 0 < more - few <= 4 * 5


@pytest.mark.parametrize("name", GAUSS_NEWTON)
def test_a_step_of_conjugate_gradients_takes_at_most_three_pairs_of_transforms(name, noisy):
    field = noisy[2] if METHODS["inversion"][name].works_on_total_field else noisy[3]
    few, more = (
        pairs_of("inversion", name, field, noisy, tolerance=0.0, max_iterations=1, inner_iterations=n) for n in (3, 8)
    )
    assert 0 < more - few <= 3 * 5


def volumes_above_inputs(acquisition, recipe: Recipe) -> float:
    """Most memory that a reconstruction holds at once besides the scan, in float32 volumes of one echo."""
    tracemalloc.start()
    try:
        reconstruct(acquisition, recipe)
        return tracemalloc.get_traced_memory()[1] / (4 * acquisition.grid.size)
    finally:
        tracemalloc.stop()


def test_a_reconstruction_holds_few_volumes_above_its_inputs():
    scan = head_phantom(shape=(80, 128, 128), spacing=(2.0, 2.0, 2.0)).acquisition
    # Iterations do not add up in memory: this is just beyond the first correction for what V-SHARP takes away.
    recipe = Recipe.preset("default").with_values({"inversion.max_iterations": 16})
    assert volumes_above_inputs(scan, recipe) <= 12.2
