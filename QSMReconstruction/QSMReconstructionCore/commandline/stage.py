"""stage: a part of the way, between folders of the QSM-CI benchmark, so that it can score the methods one by one.

A folder holds `phase`, `magnitude`, `mask`, `totalfield`, `localfield`, `chimap` as .nii.gz and `params.json`; fields
and susceptibility are in ppm.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ..progress import Progress, part_of
from .options import (
    WrongUsage,
    add_progress_option,
    add_settings_option,
    print_notes,
    progress_as,
    settings_from,
    warnings_as_notes,
)

_LOG = logging.getLogger(__name__)

if TYPE_CHECKING:
    import numpy as np

    from ..acquisition import Acquisition
    from ..grid import Grid
    from ..recipe import Recipe

#: Name of the part -> the stages it comprises.
SPANS = {
    "field-mapping": ("field_map",),
    "bfr": ("background",),
    "dipole": ("inversion", "reference"),
    "unwrap+bfr": ("support", "field_map", "background"),
    "bfr+dipole": ("background", "inversion", "reference"),
    "end-to-end": ("support", "field_map", "background", "inversion", "reference"),
}
#: Noise of a field that comes without, in ppm: that of a good scan at 3 T.
_ASSUMED_NOISE = 0.001
_READS = {"support": "phase", "field_map": "phase", "background": "totalfield", "inversion": "localfield"}
_WRITES = {"field_map": "totalfield", "background": "localfield", "reference": "chimap"}


def add_to(commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("stage", help="one stage or a span of stages, on folders of the QSM-CI benchmark")
    parser.add_argument("span", choices=SPANS, metavar="STAGE", help=", ".join(SPANS))
    parser.add_argument("--input", type=Path, required=True, metavar="DIR")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--method", action="append", default=[], metavar="NAME", help="method of a stage (repeat for more stages)"
    )
    add_settings_option(parser, "PARAMETER")
    add_progress_option(parser)
    parser.set_defaults(run=run, parser=parser)


def run(chosen: argparse.Namespace) -> None:
    """Read the artifacts, run the stages, write the artifact."""
    from ..io.nifti import read_nifti, write_nifti
    from ..io.params import read_params
    from ..io.scan import read_mask, read_scan, read_volume
    from ..io.staging import check_writable, staged_folder

    stages = SPANS[chosen.span]
    progress = progress_as(chosen.progress)
    recipe = _recipe(stages, chosen.method, settings_from(chosen.settings))
    check_writable(chosen.output)
    progress(0.0, "Reading")
    params = read_params(chosen.input / "params.json")
    source = chosen.input / f"{_READS[stages[0]]}.nii.gz"
    if "field_map" in stages:
        data = read_scan([source], [chosen.input / "magnitude.nii.gz"], params=params)
        grid = data.grid
    else:
        _, grid = read_nifti(source)
        data = read_volume(source, grid, _READS[stages[0]])
        grid = params.oriented(grid, source.name)
        print_notes([f"The noise of the field is not known: {1000 * _ASSUMED_NOISE:g} ppb is assumed everywhere."])
    mask = read_mask(chosen.input / "mask.nii.gz", grid)
    with warnings_as_notes() as notes:
        result = run_stages(stages, recipe, data, mask, grid, part_of(progress, 0.05, 0.95))
    progress(0.95, "Writing")
    with staged_folder(chosen.output) as stage:
        write_nifti(stage / f"{_WRITES[stages[-1]]}.nii.gz", result, grid)
    progress(1.0, "Done")
    print_notes(notes)


def run_stages(
    stages: tuple[str, ...], recipe: Recipe, data: Acquisition | np.ndarray, mask: np.ndarray, grid: Grid,
    progress: Progress,
) -> np.ndarray:
    """Run consecutive stages of a recipe.

    Parameters
    ----------
    stages : tuple of str
        From `SPANS`.
    recipe : Recipe
    data : Acquisition or ndarray
        The scan, if the first stage is the field map; otherwise the field it starts from, in ppm.
    mask : ndarray, bool, shape (k, j, i)
    grid : Grid
    progress : callable

    Returns
    -------
    ndarray, float32, shape (k, j, i)
        In ppm, 0 outside the mask.
    """
    import numpy as np

    from ..acquisition import checked_volume
    from ..methods import method
    from ..pipeline import STAGES_IN_WORDS, weights_of, without_background
    from ..referencing import apply_reference

    def call(stage: str, *arguments, **more):
        values = dict(recipe.stages[stage])
        found = method(stage, values.pop("method"))
        start = stages.index(stage) / len(stages)
        report = part_of(progress, start, start + 1 / len(stages), STAGES_IN_WORDS[stage])
        return found.run(*arguments, given={**more, "progress": report}, parameters=values)

    support = call("support", data, mask) if "support" in stages else mask
    if "field_map" in stages:
        field_map = call("field_map", data, support)
        for note in field_map.notes:
            _LOG.warning(note)
        field, noise = field_map.field, field_map.noise
    else:
        field = checked_volume(_READS[stages[0]], data, grid.shape)
        # Where the field is exactly 0 an earlier stage did not find it.
        noise = np.where(field != 0, np.float32(_ASSUMED_NOISE), np.float32(0))
    lost = None
    if "background" in stages:
        local = without_background(call, field, noise, support, grid)
        field, noise, lost = local.field, local.noise, local.lost
    if "inversion" in stages:
        magnitude = data.magnitude if "field_map" in stages else None
        susceptibility = call(
            "inversion", field, support, grid, weights=weights_of(noise, support), lost=lost, magnitude=magnitude
        )
        region = call("reference", mask, grid)
        field, _ = apply_reference(susceptibility, mask, region.voxels, region.name)
    return np.where(mask, field, np.float32(0))


def _recipe(stages: tuple[str, ...], methods: list[str], settings: dict[str, str]) -> Recipe:
    """The default recipe with the methods named and the parameters set, wherever in the span they belong."""
    from ..methods import METHODS
    from ..recipe import Recipe

    values = {}
    for name in methods:
        homes = [stage for stage in stages if name in METHODS[stage]]
        if not homes:
            known = ", ".join(known for stage in stages for known in METHODS[stage])
            raise WrongUsage(f"--method {name} is none of {known}")
        values[f"{homes[0]}.method"] = name
    try:
        recipe = Recipe.preset("default").with_values(values)
        for key, value in settings.items():
            homes = [stage for stage in stages if key in recipe.stages[stage] and key != "method"]
            if "." not in key and len(homes) != 1:
                known = ", ".join(f"{s}.{p}" for s in stages for p in recipe.stages[s] if p != "method")
                raise WrongUsage(f"--set {key} must name one of {known}")
            recipe = recipe.with_values({key if "." in key else f"{homes[0]}.{key}": value})
        return recipe
    except ValueError as error:
        raise WrongUsage(str(error)) from error
