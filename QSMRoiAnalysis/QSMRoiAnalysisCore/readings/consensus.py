"""What several readers say together, for each item and for each subject."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..lesion_table import LesionRow
from .scale import Scale
from .sheet import SIDES, Item, Ratings


@dataclass(frozen=True)
class Consensus:
    """One score for each item.

    Attributes
    ----------
    ratings : Ratings
    rule : str
        How the scores came about, in words.
    scores : tuple of str
        Of each item; empty where the rule gives none.
    unresolved : tuple of Item
        Those that readers could read, but the rule gives no score.
    """

    ratings: Ratings
    rule: str
    scores: tuple[str, ...]
    unresolved: tuple[Item, ...]


def _unanimous(values: Sequence[str], given: Sequence[str]) -> str:
    return given[0] if len(set(given)) == 1 else ""


def _majority(values: Sequence[str], given: Sequence[str]) -> str:
    score, count = Counter(given).most_common(1)[0]
    return score if 2 * count > len(given) else ""


def _median(values: Sequence[str], given: Sequence[str]) -> str:
    return sorted(given, key=values.index)[(len(given) - 1) // 2]


#: How the scores of readers become one -> what that is in words.
RULES = {
    "majority": (_majority, "the score that more than half of the readers gave"),
    "median": (_median, "the median of the readers, of two in the middle the lower one"),
    "unanimous": (_unanimous, "the score that all readers gave"),
}


def consensus(ratings: Ratings, *, rule: str = "majority", decides: str = "") -> Consensus:
    """Make one score of those of all readers.

    Parameters
    ----------
    ratings : Ratings
    rule : {"majority", "median", "unanimous"}
        A reader who could not read an item has no vote on it.
    decides : str
        Reader whose score holds where the rule gives none; by default, such items stay without a score.

    Raises
    ------
    ValueError
        If the rule or the reader is unknown, or the scale has no order that a median needs.
    """
    if rule not in RULES:
        raise ValueError(f"The rule is {rule!r}; choose one of {', '.join(RULES)}.")
    if rule == "median" and not ratings.scale.ordered:
        raise ValueError(f"The scores of {ratings.scale.name} have no order and so no median. Choose another rule.")
    if decides and decides not in ratings.readers:
        raise ValueError(f"{decides!r} is no reader of these sheets; they are {', '.join(ratings.readers)}.")
    one_score, words = RULES[rule]
    scores, unresolved = [], []
    for position, item in enumerate(ratings.items):
        given = [score for of_reader in ratings.scores.values() if (score := of_reader[position])]
        score = one_score(ratings.scale.values, given) if given else ""
        if given and not score and decides:
            score = ratings.scores[decides][position]
        if given and not score:
            unresolved.append(item)
        scores.append(score)
    words += f"; where there is none, that of {decides}" if decides else ""
    return Consensus(ratings, words, tuple(scores), tuple(unresolved))


def columns_of_subjects(found: Consensus, subjects: Sequence[str] = ()) -> dict[str, dict[str, str]]:
    """Cells for the list of participants, by column and subject: of each side, and of all of them together.

    A lesion counts once over its visits: with the highest of its scores, or, where scores have no order, with the one
    that the scale names first, such as "yes". Of `subjects`, those who have lesions of which none was to be read count
    none.
    """
    scale = found.ratings.scale
    by_subject: dict[str, dict[str, list[str]]] = {subject: {} for subject in subjects}
    for item, score in zip(found.ratings.items, found.scores):
        by_subject.setdefault(item.subject, {}).setdefault(item.place, []).append(score)
    columns: dict[str, dict[str, str]] = {}
    for subject, places in by_subject.items():
        once = [_over_visits(scale, scores) for scores in places.values()]
        if scale.per == "side":
            stem = next(iter(scale.columns))
            for side in SIDES:
                columns.setdefault(f"{stem}_{side}", {})[subject] = places.get(side, [""])[0]
        for column, rule in scale.columns.items():
            columns.setdefault(column, {})[subject] = scale.summary(rule, once)
    return columns


def _over_visits(scale: Scale, scores: Sequence[str]) -> str:
    given = [score for score in scores if score]
    pick = max if scale.ordered else min
    return pick(given, key=scale.values.index) if given else ""


def lesions_with_scores(rows: Sequence[LesionRow], found: Consensus) -> list[LesionRow]:
    """A table of lesions with the column of the scale and the readers filled in."""
    scale = found.ratings.scale
    scores: Mapping[Item, str] = dict(zip(found.ratings.items, found.scores))
    rater = "+".join(found.ratings.readers)
    filled = []
    for row in rows:
        item = Item(row.subject, row.visit, str(row.lesion))
        filled.append(replace(row, **{scale.field: scores[item], "rater": rater}) if item in scores else row)
    return filled
