"""Scales that readers score on; each is a JSON file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..json_fields import fields_from_json, object_of, read_named_json
from ..lesion_table import LesionRow
from ..protocols.protocol import Citation

#: Where the files of the scales lie.
FOLDER = Path(__file__).parent

#: What one score is given to.
PER = ("side", "lesion")


@dataclass(frozen=True)
class Score:
    """A value that a reader may give, its name for tables, and what it means."""

    value: str
    name: str
    means: str


@dataclass(frozen=True)
class Scale:
    """What readers are asked, and what they may answer.

    Attributes
    ----------
    name : str
        That of its file.
    title, disease, question : str
    per : {"side", "lesion"}
        What one score is given to.
    ordered : bool
        Whether scores have an order, the first being the lowest, so that near misses are partial agreement.
    scores : tuple of Score
    columns : mapping of str to str
        Column that a participant gets -> how it follows from the scores (`SUMMARIES`).
    citation : Citation
    field : str
        Column of tables of lesions that the scores go to; empty for scores of sides.
    limits : tuple of str
        What is not known of the scale, or what to beware of.
    """

    name: str
    title: str
    disease: str
    question: str
    per: str
    ordered: bool
    scores: tuple[Score, ...]
    columns: Mapping[str, str]
    citation: Citation
    field: str = ""
    limits: tuple[str, ...] = ()

    @property
    def values(self) -> tuple[str, ...]:
        """The scores that are allowed."""
        return tuple(score.value for score in self.scores)

    def summary(self, rule: str, given: Sequence[str]) -> str:
        """One cell for a participant from the scores of all sides or lesions; empty where one of a side is missing."""
        return _summary_of(rule)(self, given)


def _sum(scale: Scale, given: Sequence[str]) -> str:
    return "" if "" in given or not given else f"{sum(map(float, given)):g}"


def _name_at(pick: Callable) -> Callable[[Scale, Sequence[str]], str]:
    def name(scale: Scale, given: Sequence[str]) -> str:
        if "" in given or not given:
            return ""
        return scale.scores[pick(scale.values.index(value) for value in given)].name

    return name


#: How the scores of a participant make one: the number that a rule gives, or the name of a score.
SUMMARIES = {"sum": _sum, "name of lowest": _name_at(min), "name of highest": _name_at(max)}
_COUNT = "count of "


def _summary_of(rule: str) -> Callable[[Scale, Sequence[str]], str]:
    if rule.startswith(_COUNT):
        return lambda scale, given: str(list(given).count(rule.removeprefix(_COUNT)))
    return SUMMARIES[rule]


def scale_names() -> tuple[str, ...]:
    """Names of the scales that come with the software."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def load_scale(name: str | os.PathLike) -> Scale:
    """Read a scale.

    Parameters
    ----------
    name : str or path
        A name of `scale_names`, or a .json file of one's own.

    Raises
    ------
    ValueError
        If there is no such scale, or the file says something that no scale can; the message names the field.
    """
    stem, data = read_named_json("scale", name, FOLDER, scale_names())
    scale = Scale(**fields_from_json(stem, Scale, object_of(stem, data) | {"name": stem}))
    _check(scale)
    return scale


def _check(scale: Scale) -> None:
    if scale.per not in PER:
        raise ValueError(f"{scale.name}: per is {scale.per!r}; choose one of {', '.join(PER)}.")
    if len(set(scale.values)) != len(scale.values) or len(scale.values) < 2 or not all(scale.values):
        raise ValueError(f"{scale.name}: scores must be two or more different values, but are {list(scale.values)}.")
    for column, rule in scale.columns.items():
        counted = rule.removeprefix(_COUNT) if rule.startswith(_COUNT) else None
        if rule not in SUMMARIES and counted not in scale.values:
            allowed = ", ".join([*SUMMARIES, *(f"{_COUNT}{value}" for value in scale.values)])
            raise ValueError(f"{scale.name}, columns, {column}: {rule!r} is no rule; choose one of {allowed}.")
        if rule == "sum" and not all(_is_number(value) for value in scale.values):
            raise ValueError(f"{scale.name}, columns, {column}: only scores that are numbers have a sum.")
    own = [one for one, column in LesionRow.__dataclass_fields__.items() if column.default == ""]
    if (scale.per == "lesion") != (scale.field in own):
        raise ValueError(
            f"{scale.name}: field is {scale.field!r}; scales of lesions name one of {', '.join(own)}, others none."
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

