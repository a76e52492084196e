"""Which method, with which parameters, at each stage: plain data that names a reconstruction completely."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .methods import METHODS, STAGES, method
from .presets import PRESETS


@dataclass(frozen=True)
class Recipe:
    """The complete recipe of a reconstruction.

    Attributes
    ----------
    stages : dict
        Stage -> {"method": name, parameter: value, ...}, every stage and every parameter present.

    Raises
    ------
    ValueError
        If a stage, method or parameter is unknown, or a value is not allowed.
    """

    stages: Mapping[str, Mapping[str, Any]]

    def __post_init__(self) -> None:
        if not isinstance(self.stages, Mapping):
            raise ValueError(f"A recipe must map stages to methods, but got {self.stages!r}.")
        unknown = sorted(set(self.stages) - set(STAGES))
        if unknown:
            raise ValueError(f"Unknown stage {unknown[0]!r} in the recipe. The stages are {', '.join(STAGES)}.")
        complete = {}
        for stage in STAGES:
            chosen = dict(self.stages.get(stage, PRESETS["default"].stages[stage]))
            if "method" not in chosen:
                raise ValueError(f"The recipe names no method for stage {stage}. Add \"method\": name.")
            found = method(stage, chosen.pop("method"))
            complete[stage] = {"method": found.name, **found.completed(chosen)}
        object.__setattr__(self, "stages", complete)
        _check_that_the_field_fits(complete["background"]["method"], complete["inversion"]["method"])

    @classmethod
    def preset(cls, name: str = "default") -> Recipe:
        """A recipe by the name of its preset."""
        if name not in PRESETS:
            raise ValueError(f"Unknown preset {name!r}. The presets are {', '.join(PRESETS)}.")
        return cls(PRESETS[name].stages)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """The recipe written by `to_json`; stages and parameters that are left out take their defaults."""
        try:
            stages = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"The recipe is not valid JSON: {error}.") from error
        return cls(stages)

    def to_json(self) -> str:
        """The recipe as JSON text."""
        return json.dumps(self.stages, indent=2)

    def with_values(self, values: Mapping[str, Any]) -> Recipe:
        """A copy with some values replaced, keyed "stage.parameter" or "stage.method".

        A new method starts from its own defaults.
        """
        stages = {stage: dict(chosen) for stage, chosen in self.stages.items()}
        for key, value in sorted(values.items(), key=lambda item: not item[0].endswith(".method")):
            stage, dot, name = key.partition(".")
            if not dot or stage not in stages:
                raise ValueError(
                    f"{key!r} must read stage.parameter, where the stage is one of {', '.join(STAGES)}."
                )
            if name == "method":
                stages[stage] = {"method": value}
            else:
                stages[stage][name] = value
        return Recipe(stages)

    def with_method(self, stage: str, name: str) -> Recipe:
        """A copy with another method at a stage, at its defaults.

        Where the background method then no longer gives the field that the inversion takes, total or local, the other
        of the two becomes the first in the list of methods that fits.
        """
        values = {f"{stage}.method": name}
        other = {"background": "inversion", "inversion": "background"}.get(stage)
        if other is not None:
            total = method(stage, name).works_on_total_field
            if method(other, self.stages[other]["method"]).works_on_total_field != total:
                values[f"{other}.method"] = next(
                    m.name for m in METHODS[other].values() if m.works_on_total_field == total
                )
        return self.with_values(values)


def _check_that_the_field_fits(background: str, inversion: str) -> None:
    """An inversion must get the field that it takes: local, or total in a single step."""
    given = method("background", background).works_on_total_field
    taken = method("inversion", inversion).works_on_total_field
    if given == taken:
        return
    fitting = [m.name for m in METHODS["background"].values() if m.works_on_total_field == taken]
    raise ValueError(
        f"inversion.method={inversion} takes the {'total' if taken else 'local'} field, but "
        f"background.method={background} gives the {'total' if given else 'local'} field. "
        f"Choose background.method={' or '.join(fitting)}, or another inversion."
    )
