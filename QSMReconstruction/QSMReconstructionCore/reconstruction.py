"""What a reconstruction gives."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from .background import LocalField
from .fieldmapping import FieldMap
from .grid import Grid
from .methods import method
from .quality.verdict import Verdict
from .recipe import Recipe
from .referencing import Reference, ReferenceRegion, rereference


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """What a reconstruction gives. Arrays have shape (k, j, i) and are 0 outside the mask.

    Attributes
    ----------
    susceptibility : ndarray, float32
        In ppm, relative to `reference`.
    mask : ndarray, bool
        The brain, found by the recipe or given by the caller. Where `local_field.mask` is narrower, or the field is
        too noisy to count, susceptibility rests on the voxels around and on its smoothness.
    field_map : FieldMap
        Total field, its noise, quality and residual.
    local_field : LocalField
        Field of the sources inside the mask.
    r2star : ndarray, float32, or None
        Effective transverse relaxation rate in 1/s; None for a single echo.
    reference : Reference
        What was called zero.
    recipe : Recipe
        Every method and parameter.
    grid : Grid
        Geometry of all arrays.
    input_identity : str
        SHA-256 of the acquisition.
    seconds : dict
        Wall time of each stage that was computed, in s.
    notes : tuple of str
        What the user should know about this result, in sentences.
    verdicts : tuple of Verdict
        What was judged of the scan and of this result, good or not.
    """

    susceptibility: np.ndarray
    mask: np.ndarray
    field_map: FieldMap
    local_field: LocalField
    r2star: np.ndarray | None
    reference: Reference
    recipe: Recipe
    grid: Grid
    input_identity: str
    seconds: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    def with_reference(
        self, name: str, *, region: ReferenceRegion | np.ndarray | None = None, **parameters
    ) -> Reconstruction:
        """The same map relative to another reference, without repeating any computation.

        Parameters
        ----------
        name : str
            A method of the stage "reference".
        region : ReferenceRegion or ndarray, bool, shape (k, j, i), optional
            The region that the method `region` refers to.
        **parameters
            Of the method.

        Raises
        ------
        ValueError
            If the method or a parameter is unknown, or the region cannot be found.
        """
        values = {f"reference.{key}": value for key, value in parameters.items()}
        recipe = self.recipe.with_values({"reference.method": name, **values})
        check_region_is_wanted(recipe, region)
        chosen = dict(recipe.stages["reference"])
        found = method("reference", chosen.pop("method")).run(
            self.mask, self.grid, given={"r2star": self.r2star, "region": region}, parameters=chosen
        )
        susceptibility, reference = rereference(self.susceptibility, self.mask, found, self.reference)
        return replace(self, susceptibility=susceptibility, reference=reference, recipe=recipe)


def check_region_is_wanted(recipe: Recipe, region: ReferenceRegion | np.ndarray | None) -> None:
    """Refuse a reference region that the recipe does not refer to."""
    chosen = recipe.stages["reference"]["method"]
    if region is not None and chosen != "region":
        raise ValueError(
            f"A reference region was given, but the recipe refers to {chosen}. Set reference.method=region, or leave "
            "the region out."
        )
