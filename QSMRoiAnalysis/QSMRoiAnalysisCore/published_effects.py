"""Effects of published studies, from a table, to be taken together."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .cohort import listed
from .statistics.effect_size import sd_from_standard_error
from .statistics.meta_analysis import standardized_effect

#: Columns from which an effect follows: itself, a correlation, or means with a spread that the title must name.
_GIVEN = (
    ("effect", "variance"),
    ("r", "n"),
    ("mean1", "sd1", "n1", "mean2", "sd2", "n2"),
    ("mean1", "se1", "n1", "mean2", "se2", "n2"),
)


@dataclass(frozen=True)
class PublishedEffect:
    """An effect of one study in one region, with its sampling variance.

    `scale` says what it is: "as given", "Fisher z" or "Hedges g"; `moderators` are the other columns of numbers.
    """

    study: str
    region: str
    effect: float
    variance: float
    scale: str
    moderators: Mapping[str, float] = field(default_factory=dict)


def read_published_effects(path: str | os.PathLike) -> tuple[PublishedEffect, ...]:
    """Read effects of studies from a table.

    Parameters
    ----------
    path : path
        Tab-separated, with the columns `study` and `region`, and either `effect` and `variance`; or `r` and `n`; or
        `mean1`, `sd1`, `n1`, `mean2`, `sd2` and `n2`, with `se1` and `se2` in place of `sd1` and `sd2` for papers that
        print standard errors. All other columns of numbers are moderators, such as the mean age.

    Raises
    ------
    ValueError
        If the columns are none of these, a cell is no number, or a study is listed twice for a region.
    """
    path = Path(path)
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    titles = lines[0] if lines else []
    given = next((names for names in _GIVEN if set(names) <= set(titles)), None)
    if "study" not in titles or "region" not in titles or given is None:
        wanted = "; or ".join(", ".join(names) for names in _GIVEN)
        raise ValueError(f"{path.name} is no table of studies: it needs the columns study and region, and {wanted}.")
    found = []
    for number, cells in enumerate(lines[1:], 2):
        if len(cells) != len(titles):
            raise ValueError(f"{path.name}, line {number}: expected {len(titles)} columns, but got {len(cells)}.")
        row = dict(zip(titles, (cell.strip() for cell in cells)))
        try:
            numbers = {name: float(row[name]) for name in given}
        except ValueError as error:
            raise ValueError(f"{path.name}, line {number}: {error}.") from None
        effect, variance, scale = _effect(given, numbers)
        others = {name: _number(cell) for name, cell in row.items() if name not in (*given, "study", "region")}
        moderators = {name: value for name, value in others.items() if value is not None}
        found.append(PublishedEffect(row["study"], row["region"], effect, variance, scale, moderators))
    keys = [f"{one.study}, {one.region}" for one in found]
    if repeated := sorted({key for key in keys if keys.count(key) > 1}):
        raise ValueError(f"{path.name}: studies listed twice for a region: {listed(repeated)}. Keep one of each.")
    if not found:
        raise ValueError(f"{path.name} lists no study.")
    return tuple(found)


def _effect(given: tuple[str, ...], of: Mapping[str, float]) -> tuple[float, float, str]:
    if given[0] == "effect":
        return of["effect"], of["variance"], "as given"
    if given[0] == "r":
        if not -1 < of["r"] < 1 or of["n"] <= 3:
            raise ValueError(f"A correlation lies between -1 and 1 and needs 4 subjects; got {of['r']} of {of['n']}.")
        return math.atanh(of["r"]), 1 / (of["n"] - 3), "Fisher z"
    n1, n2 = int(of["n1"]), int(of["n2"])
    if "se1" in given:
        of = {**of, "sd1": sd_from_standard_error(of["se1"], n1), "sd2": sd_from_standard_error(of["se2"], n2)}
    return *standardized_effect(of["mean1"], of["sd1"], n1, of["mean2"], of["sd2"], n2), "Hedges g"


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
