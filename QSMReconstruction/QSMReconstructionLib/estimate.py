"""How long a reconstruction will take and how much memory it needs."""

from __future__ import annotations

import json
from collections.abc import Iterable

from slicer.i18n import tr as _

from QSMReconstructionCore.methods import method
from QSMReconstructionCore.pipeline import SHARE_OF_STAGE
from QSMReconstructionCore.recipe import Recipe

from .echoes import Scan

#: Seconds per million voxels of the default recipe on two cores, from the head phantom at 1 mm with five echoes (2.6 to
#: 3.7 in several runs).
_SECONDS = 3.5
#: Seconds per million voxels of what is no stage: reading, verdicts, pictures, writing.
_BESIDES = 1.0
#: Bytes per voxel at the same head's highest use of memory, with two and five echoes: for each echo, and besides.
_BYTES_OF_ECHO, _BYTES = 10, 70
#: What the engine takes before it has read anything.
_LEAST_GIGABYTES = 0.15
#: Stages whose result a hole in the mask changes, although the margin around the brain fills it.
_AFTER_HOLES = ("support", "r2star", "reference")
_SETTING = "QSMReconstruction/SecondsPerMillionVoxels"


def remember(recipe: dict, seconds: dict[str, float], voxels: int, settings) -> None:
    """Keep how long each stage took on this computer.

    Parameters
    ----------
    recipe : dict
        Stages with their methods.
    seconds : dict
        Time of each stage that was computed, in s.
    voxels : int
        Size of the scan.
    settings : QSettings
    """
    known = _known(settings)
    for stage, duration in seconds.items():
        known[f"{stage}.{recipe[stage]['method']}"] = round(1e6 * duration / voxels, 3)
    settings.setValue(_SETTING, json.dumps(known))


def estimate(scan: Scan, recipe: Recipe, has_mask: bool, settings) -> str:
    """Time and memory in words.

    Parameters
    ----------
    scan : Scan
    recipe : Recipe
    has_mask : bool
        Whether the mask is given.
    settings : QSettings
    """
    stages = [stage for stage in recipe.stages if not (stage == "mask" and has_mask)]
    seconds, unknown = _seconds(scan, recipe, stages, settings)
    gigabytes = _LEAST_GIGABYTES + scan.grid.size * (len(scan.echo_times) * _BYTES_OF_ECHO + _BYTES) / 1e9
    text = _("about {time}, {memory:.1f} GB of memory").format(
        time=duration_in_words(seconds), memory=gigabytes
    )
    default = Recipe.preset()
    if any(recipe.stages[stage]["method"] != default.stages[stage]["method"] for stage in stages):
        text += " " + _("with the default methods, others may take twice as much")
    if unknown:
        text += " " + _("(without {methods}, which has not run on this computer yet)").format(
            methods=", ".join(unknown)
        )
    return text


def time_of_rerun(scan: Scan, recipe: Recipe, settings) -> tuple[str, str]:
    """How long another run takes after the mask was corrected, in words.

    Parameters
    ----------
    scan, recipe, settings
        As for `estimate`.

    Returns
    -------
    (str, str)
        Where its outer edge has changed, so that every stage is computed again, and where only holes inside have that
        the margin around the brain fills.
    """
    after_edge = [stage for stage in recipe.stages if stage != "mask"]
    seconds = (_seconds(scan, recipe, stages, settings)[0] for stages in (after_edge, _AFTER_HOLES))
    return tuple(map(duration_in_words, seconds))


def _seconds(scan: Scan, recipe: Recipe, stages: Iterable[str], settings) -> tuple[float, list[str]]:
    """How long a run of stages takes in s, and the titles of methods of which that is not known."""
    known, default = _known(settings), Recipe.preset()
    seconds, unknown = _BESIDES, []
    for stage in stages:
        chosen = recipe.stages[stage]["method"]
        name = f"{stage}.{chosen}"
        if name in known:
            seconds += known[name]
        elif chosen == default.stages[stage]["method"]:
            seconds += _SECONDS * SHARE_OF_STAGE[stage]
        else:
            unknown.append(_(method(stage, chosen).title))
    return seconds * scan.grid.size / 1e6, unknown


def duration_in_words(seconds: float) -> str:
    """A time as seconds or minutes, no more precise than it is known."""
    if seconds < 5:
        return _("{seconds:.0f} s").format(seconds=max(seconds, 1))
    if seconds < 90:
        return _("{seconds:.0f} s").format(seconds=5 * round(seconds / 5))
    return _("{minutes:.0f} min").format(minutes=max(seconds / 60, 2))


def _known(settings) -> dict[str, float]:
    try:
        known = json.loads(settings.value(_SETTING) or "{}")
    except (TypeError, ValueError):  # somebody has edited the settings
        return {}
    return known if isinstance(known, dict) else {}
