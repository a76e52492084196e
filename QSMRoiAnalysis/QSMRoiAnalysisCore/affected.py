"""The more affected side of a subject, from the table of a study."""

from __future__ import annotations

from pathlib import Path

_SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}
_UNKNOWN = ("", "n/a", "na", "none", "both", "bilateral", "symmetric", "equal")

#: The opposite side; none where there is none.
OTHER_SIDE = {"left": "right", "right": "left", "": ""}


def read_more_affected(path: str | Path, subject: str, column: str, *, body: bool = True) -> str:
    """The more affected side of the brain of a subject.

    Parameters
    ----------
    path : path
        Tab-separated, with a column `participant_id` ("sub-01"), such as the `participants.tsv` of BIDS.
    subject : str
        With or without "sub-".
    column : str
        Where the side is given: left, right, L or R; n/a or bilateral where there is none.
    body : bool
        Whether the column means the side of the body, as clinical scores do. The more affected hemisphere is then the
        opposite one. Otherwise the column means the hemisphere.

    Returns
    -------
    {"left", "right", ""}
        Of the brain; empty where no side is more affected.

    Raises
    ------
    ValueError
        If the column or the subject is missing, the subject is listed twice, or the side is none of these words.
    """
    path = Path(path)
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    titles = lines[0].split("\t") if lines else []
    for title in ("participant_id", column):
        if title not in titles:
            raise ValueError(f"{path.name} has no column {title!r}; it has {', '.join(titles) or 'none'}.")
    wanted = subject.removeprefix("sub-")
    rows = [dict(zip(titles, line.split("\t"))) for line in lines[1:] if line.strip()]
    found = [row for row in rows if row["participant_id"].strip().removeprefix("sub-") == wanted]
    if not found:
        raise ValueError(f"{path.name} does not list the subject {subject}. Add a line, or correct the name.")
    if len(found) > 1:
        raise ValueError(f"{path.name} lists the subject {subject} {len(found)} times. Keep one line.")
    side = side_of(found[0].get(column, ""), subject, column)
    return OTHER_SIDE[side] if body else side


def side_of(cell: str, subject: str, column: str) -> str:
    """The side that a cell of a table means, empty where none is more affected; refuses other words."""
    word = cell.strip().lower()
    if word not in _SIDES and word not in _UNKNOWN:
        raise ValueError(f"{subject} has the side {word!r} in {column}; left, right or n/a is allowed.")
    return _SIDES.get(word, "")
