"""A scan of a few hundred voxels and a reconstruction of it in no time, for tests that are not about numbers.

All extents and spacings differ and the volume is oblique, so that swapped axes show.
"""

from __future__ import annotations

import numpy as np

from QSMReconstructionCore.acquisition import Acquisition, checked_mask
from QSMReconstructionCore.background import LocalField
from QSMReconstructionCore.fieldmapping import FieldMap
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.progress import no_progress
from QSMReconstructionCore.recipe import Recipe
from QSMReconstructionCore.reconstruction import Reconstruction
from QSMReconstructionCore.referencing import apply_reference

SHAPE = (6, 7, 8)
STAGES = ("Brain mask", "Field map", "Background field", "Dipole inversion", "Reference")


def rotation(degrees: float, axis: int) -> np.ndarray:
    """3 x 3 rotation matrix about a world axis."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(3)
    first, second = [other for other in range(3) if other != axis]
    matrix[first, first] = matrix[second, second] = cosine
    matrix[first, second], matrix[second, first] = -sine, sine
    return matrix


def oblique_grid() -> Grid:
    """Turned by 25 degrees about two axes, with voxels of 1.5 x 1 x 0.8 mm (k, j, i)."""
    direction = rotation(25, 0) @ rotation(25, 1) @ np.eye(3)[:, ::-1]
    return Grid(SHAPE, (1.5, 1.0, 0.8), tuple(map(tuple, direction)), (-30.0, 12.0, 45.0))


def small_scan(echo_times=(0.004, 0.012, 0.02), field_strength: float = 3.0) -> Acquisition:
    """A scan with noise in it and a bright block, the brain, in the middle."""
    random = np.random.default_rng(0)
    shape = (len(echo_times), *SHAPE)
    magnitude = random.uniform(1, 10, shape)
    magnitude[:, 1:-1, 1:-1, 1:-1] += 90
    phase = random.uniform(-np.pi, np.pi, shape)
    return Acquisition(
        magnitude.astype(np.float32), phase.astype(np.float32), echo_times, field_strength, oblique_grid()
    )


def quick_reconstruct(
    acquisition, recipe="default", progress=no_progress, *, mask=None, reference_region=None, cache=None
):
    """Has the interface of `QSMReconstructionCore.pipeline.reconstruct`; its maps are random numbers in the brain."""
    recipe = Recipe.preset(recipe) if isinstance(recipe, str) else recipe
    for number, stage in enumerate(STAGES):
        progress(number / len(STAGES), stage)
    magnitude = acquisition.magnitude[0]
    brain = magnitude > magnitude.max() / 2 if mask is None else checked_mask(mask, acquisition.grid.shape)
    inner = brain.copy()
    inner[:2] = False  # as if the background method had taken off a rim
    random = np.random.default_rng(1)

    def some_map(scale, where):
        return np.where(where, random.normal(0, scale, brain.shape), 0).astype(np.float32)

    field_map = FieldMap(*(some_map(scale, brain) for scale in (0.5, 0.01, 0.3, 0.1)))
    local_field = LocalField(some_map(0.02, inner), inner, some_map(0.01, inner))
    susceptibility, reference = apply_reference(some_map(0.05, brain), brain, brain, "whole brain")
    single = len(acquisition.echo_times) == 1
    progress(1.0, "done")
    return Reconstruction(
        susceptibility=susceptibility,
        mask=brain,
        field_map=field_map,
        local_field=local_field,
        r2star=None if single else some_map(30, brain),
        reference=reference,
        recipe=recipe,
        grid=acquisition.grid,
        input_identity=acquisition.identity,
        seconds={"inversion": 0.1},
        notes=("A single echo.",) if single else (),
    )
