"""Sheets that readers fill in: one for each reader, one line for each side or lesion of a subject."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..cohort import listed
from ..lesion_table import LesionRow
from ..table import MISSING, plain_text, read_cell, write_cells
from .scale import Scale

#: Columns of a sheet, and what they hold.
COLUMNS = {
    "participant_id": "Whom the images show",
    "visit": "Which of several visits; n/a where there is one",
    "place": "Side, or number of the lesion",
    "reader": "Who reads",
    "score": "To be filled in",
    "remark": "May be filled in",
}
SIDES = ("left", "right")


class Item(NamedTuple):
    """What gets one score from each reader."""

    subject: str
    visit: str
    place: str

    def __str__(self) -> str:
        return " ".join(part for part in (self.subject, self.visit, self.place) if part)


@dataclass(frozen=True)
class Ratings:
    """What readers scored.

    Attributes
    ----------
    scale : Scale
    items : tuple of Item
    scores : mapping of str to tuple of str
        Reader -> score of each item, empty where it cannot be read.
    """

    scale: Scale
    items: tuple[Item, ...]
    scores: dict[str, tuple[str, ...]]

    @property
    def readers(self) -> tuple[str, ...]:
        """Who read."""
        return tuple(self.scores)


def items_of_sides(subjects: Sequence[str]) -> tuple[Item, ...]:
    """Both sides of each subject."""
    return tuple(Item(subject, "", side) for subject in subjects for side in SIDES)


def items_of_lesions(rows: Sequence[LesionRow], *, candidates: bool = False) -> tuple[Item, ...]:
    """The lesions of a table at each visit; of `candidates`, those alone whose rim is worth a reader's look."""
    return tuple(
        Item(row.subject, row.visit, str(row.lesion)) for row in rows if not candidates or row.rim_candidate == "yes"
    )


def write_sheets(
    folder: Path, scale: Scale, items: Sequence[Item], readers: Sequence[str], seed: int | None = None
) -> list[Path]:
    """Write a blank sheet for each reader, and beside it a JSON file that says what may be filled in.

    Parameters
    ----------
    folder : path
        Must exist.
    scale : Scale
    items : sequence of Item
    readers : sequence of str
        Their names or initials.
    seed : int, optional
        Subjects come in a random order of its own for each reader, which the seed makes again; by default in the order
        of the items. Sheets name no group either way.

    Returns
    -------
    list of Path
        The sheets.

    Raises
    ------
    ValueError
        If there is nothing to read, or readers have no or the same name.
    """
    names = [re.sub(r"\W+", "-", reader).strip("-") for reader in readers]
    if not items:
        raise ValueError("There is nothing to read: the table has no subject or no lesion that fits.")
    if not names or not all(names) or len(set(names)) < len(names):
        raise ValueError(f"Readers must have names that differ, but got {', '.join(readers) or 'none'}.")
    paths = []
    for number, (reader, name) in enumerate(zip(readers, names)):
        subjects = list(dict.fromkeys(item.subject for item in items))
        if seed is not None:
            random.Random(f"{seed} {number}").shuffle(subjects)
        order = sorted(items, key=lambda item: subjects.index(item.subject))
        path = folder / f"{scale.name}_reader-{name}.tsv"
        cells = [
            [plain_text(item.subject), plain_text(item.visit) or MISSING, item.place, plain_text(reader), "", ""]
            for item in order
        ]
        write_cells(path, tuple(COLUMNS), cells)
        path.with_suffix(".json").write_text(
            json.dumps(_description(scale, seed), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        paths.append(path)
    return paths


def _description(scale: Scale, seed: int | None) -> dict:
    levels = {score.value: f"{score.name}: {score.means}" for score in scale.scores}
    columns = {name: {"Description": what} for name, what in COLUMNS.items()}
    columns["score"] = {"Description": scale.question, "Levels": {**levels, MISSING: "cannot be read"}}
    order = "that of the table" if seed is None else f"random for each reader, seed {seed}"
    source = " ".join(filter(None, (scale.citation.text, scale.citation.doi and f"https://doi.org/{scale.citation.doi}")))
    return {"Scale": scale.name, "Title": scale.title, "Source": source, "Limits": list(scale.limits), "Order": order,
            **columns}  # fmt: skip


def read_sheets(paths: Sequence[Path], scale: Scale, expected: Sequence[Item], known: Sequence[Item]) -> Ratings:
    """Read the sheets that readers filled in, and check them.

    Parameters
    ----------
    paths : sequence of path
    scale : Scale
    expected : sequence of Item
        What every reader must have scored, besides what others have.
    known : sequence of Item
        What may be scored at all.

    Raises
    ------
    ValueError
        If a column is missing, scores are blank or none of the scale, lines are missing, double, or of subjects that
        nobody knows. The message names file, reader and lines.
    """
    found: dict[str, dict[Item, str]] = {}
    for path in paths:
        for reader, item, score in _lines(Path(path), scale, set(known)):
            of_reader = found.setdefault(reader, {})
            if item in of_reader:
                raise ValueError(f"{Path(path).name}: {reader} scored {item} twice. Keep one line of each.")
            of_reader[item] = score
    scored = {item for of_reader in found.values() for item in of_reader}
    wanted = [item for item in known if item in scored or item in set(expected)]
    for reader, of_reader in found.items():
        if absent := [str(item) for item in wanted if item not in of_reader]:
            raise ValueError(
                f"The sheet of {reader} lacks {len(absent)} line(s): {listed(absent)}. Add them, with the score "
                f"{MISSING} where it cannot be read."
            )
    return Ratings(
        scale, tuple(wanted), {reader: tuple(scores[item] for item in wanted) for reader, scores in found.items()}
    )


def _lines(path: Path, scale: Scale, known: set[Item]) -> list[tuple[str, Item, str]]:
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    titles = [title.strip() for title in rows[0]] if rows else []
    if absent := [title for title in COLUMNS if title not in titles and title != "remark"]:
        raise ValueError(f"{path.name} is no sheet of readings: it lacks the column(s) {', '.join(absent)}.")
    if len(rows) < 2:
        raise ValueError(f"{path.name} has no line below its heading.")
    lines, faults = [], {"blank": [], "unknown": [], "score": [], "reader": []}
    plain = {item.subject.removeprefix("sub-"): item.subject for item in known}
    for number, cells in enumerate(rows[1:], 2):
        cells += [""] * (len(titles) - len(cells))  # spreadsheets drop empty cells at the end of a line
        row = {title: read_cell(cell.strip()) for title, cell in zip(titles, cells)}
        subject = plain.get(row["participant_id"].removeprefix("sub-"), row["participant_id"])
        item = Item(subject, row["visit"].replace(MISSING, ""), row["place"].lower())
        score = "" if row["score"].lower() == MISSING else row["score"].lower()
        if item not in known:
            faults["unknown"].append(f"{item} (line {number})")
        elif not row["score"]:
            faults["blank"].append(f"{item} (line {number})")
        elif score and score not in scale.values:
            faults["score"].append(f"{row['score']} (line {number})")
        elif not row["reader"]:
            faults["reader"].append(f"line {number}")
        lines.append((row["reader"], item, score))
    allowed = ", ".join((*scale.values, MISSING))
    sentences = {
        "unknown": "the list of participants or lesions does not have {}",
        "blank": f"no score of {{}}. Fill in one of {allowed}, where {MISSING} is what cannot be read",
        "score": f"{scale.name} has no score {{}}; allowed are {allowed}",
        "reader": "nobody is named as the reader of {}",
    }
    if said := [sentences[kind].format(listed(ones)) for kind, ones in faults.items() if ones]:
        raise ValueError(f"{path.name}: {'; '.join(said)}.")
    repeated = [f"{item} by {reader}" for (reader, item), n in Counter((r, i) for r, i, _ in lines).items() if n > 1]
    if repeated:
        raise ValueError(f"{path.name}: lines that are there twice: {listed(repeated)}. Keep one of each.")
    return lines
