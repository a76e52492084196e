"""The whole reconstruction: one acquisition and one recipe in, one reconstruction out."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, MutableMapping
from dataclasses import replace

import numpy as np

from . import __version__
from .acquisition import Acquisition, checked_mask
from .background import LocalField, TotalField
from .fieldmapping import FieldMap
from .fieldmapping.refilling import refilled
from .grid import Grid
from .methods import method
from .numerics.crop import bounding_box, cropped, uncropped
from .progress import Progress, no_progress, part_of
from .quality import assess_acquisition, assess_reconstruction
from .recipe import Recipe
from .reconstruction import Reconstruction, check_region_is_wanted
from .referencing import ReferenceRegion, apply_reference

#: Share of each stage in the run time of the default recipe, for the progress bar: rounded from a 1 mm head.
SHARE_OF_STAGE = {
    "mask": 0.09, "support": 0.03, "field_map": 0.18, "passes": 0.00, "background": 0.05, "inversion": 0.57,
    "reference": 0.01, "r2star": 0.01,
}  # fmt: skip


def reconstruct(
    acquisition: Acquisition,
    recipe: Recipe | str = "default",
    progress: Progress = no_progress,
    *,
    mask: np.ndarray | None = None,
    reference_region: ReferenceRegion | np.ndarray | None = None,
    cache: MutableMapping | None = None,
) -> Reconstruction:
    """Reconstruct susceptibility from a gradient-echo scan.

    Parameters
    ----------
    acquisition : Acquisition
        The scan.
    recipe : Recipe or str
        The recipe, or the name of a preset.
    progress : callable
        Called with the fraction done and the stage; may raise `Cancelled`.
    mask : ndarray, bool, shape (k, j, i), optional
        A brain mask to use instead of the recipe's.
    reference_region : ReferenceRegion or ndarray, bool, shape (k, j, i), optional
        The voxels whose mean is called zero, for a recipe whose reference is `region`.
    cache : mutable mapping, optional
        Keeps the result of each stage under the part of recipe and input that determines it. Handing in the same one
        again repeats only what has changed.

    Returns
    -------
    Reconstruction

    Raises
    ------
    ValueError
        If the mask or the reference region does not fit, is empty or cannot be found.
    Cancelled
        If `progress` raised it.
    """
    recipe = Recipe.preset(recipe) if isinstance(recipe, str) else recipe
    check_region_is_wanted(recipe, reference_region)
    run = _Run(acquisition, recipe, progress, _NothingKept() if cache is None else cache)
    found, box = _in_the_box_of_the_brain(run, acquisition, mask, reference_region)
    judging = part_of(progress, sum(SHARE_OF_STAGE.values()), 1.0, "Verdicts")
    judging(0.0, "")
    verdicts = (
        *assess_acquisition(acquisition, preview=False),
        *assess_reconstruction(found, acquisition.part(box), part_of(judging, 0.2, 0.9)),
    )
    # One after the other, so that no two of a map are held for long.
    rest = replace(found, verdicts=verdicts, field_map=None, local_field=None, susceptibility=None)
    susceptibility, field_map, local_field = found.susceptibility, found.field_map, found.local_field
    del found
    shape = acquisition.grid.shape
    field_map = field_map.whole(box, shape)
    local_field = local_field.whole(box, shape)
    susceptibility = uncropped(susceptibility, box, shape)
    progress(1.0, "done")
    return replace(
        rest, susceptibility=susceptibility, mask=uncropped(rest.mask, box, shape), field_map=field_map,
        local_field=local_field, r2star=None if rest.r2star is None else uncropped(rest.r2star, box, shape),
        grid=acquisition.grid,
    )  # fmt: skip


def _in_the_box_of_the_brain(
    run: _Run,
    acquisition: Acquisition,
    mask: np.ndarray | None,
    reference_region: ReferenceRegion | np.ndarray | None,
) -> tuple[Reconstruction, tuple[slice, slice, slice]]:
    """The reconstruction, all but the verdicts, in the box of the brain and its surroundings, and that box.

    Most of a scan is air. No method after the field map looks beyond the mask that it is given, so from there on
    nothing else is held.
    """
    recipe, scan_key = run.recipe, run.key
    if mask is not None:
        mask = checked_mask(mask, acquisition.grid.shape)
    else:
        mask = run.stage("mask", acquisition)
        mask = checked_mask(mask, acquisition.grid.shape, "the mask found by the recipe")

    run.key = mask_key = _key(scan_key, _digest(mask))  # whoever has found it
    support = run.stage("support", acquisition, mask)
    run.key = mask_key
    several = len(acquisition.echo_times) > 1
    r2star = run.stage("r2star", acquisition, mask) if several else None
    # Before the long stages, so that a region that cannot be found costs no time.
    if reference_region is not None:
        named = isinstance(reference_region, ReferenceRegion)
        name, voxels = (reference_region.name, reference_region.voxels) if named else ("", reference_region)
        run.key = _key(run.key, name, _digest(voxels))
    region = run.stage("reference", mask, acquisition.grid, r2star=r2star, region=reference_region)

    run.key = _key(scan_key, _digest(support))  # a hole that the margin fills changes nothing from here on
    box = bounding_box(support, (1, 1, 1))  # a margin, because what ends with the volume may be taken to go on
    field_map = run.stage("field_map", acquisition, support).part(box)
    acquisition = acquisition.part(box)
    mask, support = cropped(mask, box), cropped(support, box)
    r2star = None if r2star is None else cropped(r2star, box)
    region = replace(region, voxels=None if region.voxels is None else cropped(region.voxels, box))

    reliable = run.stage("passes", field_map, support)
    if reliable is None:
        local_field, raw = run.inverted(acquisition, field_map, support, region.voxels)
    else:
        run.share = 0.5
        key = run.key
        _, first = run.inverted(acquisition, field_map, reliable, region.voxels)
        run.key = _key(key, _digest(support))
        local_field, raw = run.inverted(acquisition, field_map, support, region.voxels)
        common = reliable & mask
        constant = raw[common].mean(dtype=np.float64) - first[common].mean(dtype=np.float64) if common.any() else 0.0
        raw = np.where(reliable, first + np.float32(constant), raw)
    susceptibility, reference = apply_reference(raw, mask, region.voxels, region.name)

    notes = list(field_map.notes)
    if reliable is not None:
        notes.append(f"Two passes: {np.mean(reliable[mask]):.1%} of the brain were reconstructed by themselves first.")
    if not several:
        notes.append(
            "A single echo: the phase offset of the coils cannot be separated from the field, the noise map rests on "
            "the magnitude alone, and there is no R2* map."
        )
    elif len(acquisition.echo_times) == 2:
        notes.append("Two echoes: the fit of the field has no residual, so its noise map rests on the magnitude.")
    if isinstance(local_field, TotalField):
        notes.append("A single-step inversion: no background was removed, so the local field is the total field.")
    found = Reconstruction(
        susceptibility, mask, field_map.restricted_to(mask), local_field.restricted_to(mask), r2star, reference,
        recipe, acquisition.grid, run.input_identity, run.seconds, tuple(notes),
    )
    return found, box


def without_background(
    run: Callable[..., LocalField], field: np.ndarray, noise: np.ndarray, mask: np.ndarray, grid: Grid
) -> LocalField:
    """The local field: voxels of garbage are filled before the background is removed, and distrusted after.

    Parameters
    ----------
    run : callable
        Runs a method of a stage; called with "background", the field, mask and grid, and the keyword `weights`.
    field, noise : ndarray, float32, shape (k, j, i)
        Total field and its standard deviation, in ppm.
    mask : ndarray, bool, shape (k, j, i)
    grid : Grid

    Returns
    -------
    LocalField
    """
    smooth, certain, filled = refilled(field, noise, mask)
    local_field = run("background", smooth, mask, grid, weights=weights_of(certain, mask))
    return local_field.distrusting(filled, noise)


class _NothingKept(dict):
    """A cache that keeps nothing, so that each result goes as soon as no stage needs it."""

    def __setitem__(self, key: str, result: object) -> None:
        pass


class _Run:
    """Runs stages one after another; the key of each chains all that determines its result."""

    def __init__(self, acquisition: Acquisition, recipe: Recipe, progress: Progress, cache: MutableMapping) -> None:
        self.recipe, self.progress, self.cache = recipe, progress, cache
        self.input_identity = acquisition.identity
        self.key = _key(self.input_identity, __version__)  # a cache may outlast an update
        self.done = 0.0
        self.share = 1.0  # of a stage's progress in this pass
        self.seconds: dict[str, float] = {}

    def inverted(
        self, acquisition: Acquisition, field_map: FieldMap, mask: np.ndarray, reference_region: np.ndarray | None
    ) -> tuple[LocalField, np.ndarray]:
        """Local field and susceptibility, not referenced, of the voxels of a mask."""
        local_field = without_background(self.stage, field_map.field, field_map.noise, mask, acquisition.grid)
        weights = weights_of(local_field.noise, local_field.mask)
        if self.recipe.stages["inversion"].get("evenness"):  # only then does the inversion depend on the reference
            self.key = _key(self.key, _digest(reference_region))
        return local_field, self.stage(
            "inversion", local_field.field, mask, acquisition.grid,
            weights=weights, lost=local_field.lost, magnitude=acquisition.magnitude, reference_region=reference_region,
        )  # fmt: skip

    def stage(self, name: str, *data, **more):
        chosen = dict(self.recipe.stages[name])
        self.key = _key(self.key, name, chosen)
        start, self.done = self.done, self.done + self.share * SHARE_OF_STAGE[name]
        progress = part_of(self.progress, start, self.done, STAGES_IN_WORDS[name])
        try:
            result = self.cache[self.key]
        except KeyError:
            progress(0.0, "")
            began = time.perf_counter()
            found = method(name, chosen.pop("method"))
            result = found.run(*data, given={**more, "progress": progress}, parameters=chosen)
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began
            self.cache[self.key] = result
        else:
            progress(1.0, AS_BEFORE)
        return result


#: What progress messages say of a stage whose result the cache has.
AS_BEFORE = "as before"

#: How progress messages call the stages.
STAGES_IN_WORDS = {
    "mask": "Brain mask",
    "support": "Surroundings of the brain",
    "field_map": "Field map",
    "passes": "Passes",
    "background": "Background field",
    "inversion": "Dipole inversion",
    "reference": "Reference",
    "r2star": "R2*",
}


def _key(*parts) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _digest(mask: np.ndarray | None) -> str:
    return hashlib.sha256(b"" if mask is None else np.packbits(np.asarray(mask) > 0).data).hexdigest()


def weights_of(noise: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Reciprocal of the noise sd inside the mask, 0 outside, in 1/ppm."""
    return np.divide(1.0, noise, out=np.zeros_like(noise), where=mask & (noise > 0))
