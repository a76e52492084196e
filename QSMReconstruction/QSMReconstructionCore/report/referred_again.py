"""The page of a report after its susceptibility map was referred to another region."""

from __future__ import annotations

import re

import numpy as np

from ..grid import Grid
from ..referencing import Reference
from .methods_text import reference_sentence
from .page import figure, text
from .pictures import FIRST_LOOK, middle_of, picture_of
from .tables import reference_in_words

_TITLE = FIRST_LOOK[-1]
_FIGURE = re.compile(rf'<figure><img [^>]*alt="{_TITLE}[^"]*">.*?</figure>', re.DOTALL)
#: The first lines of a page, and the note of an earlier change.
_LEAD = re.compile(r'(<p class="lead">.*?</p>\n)(?:<p id="reference">.*?</p>\n)?', re.DOTALL)


def referred_again(page: str, susceptibility: np.ndarray, grid: Grid, before: Reference, after: Reference) -> str:
    """The page with the picture and the words of another reference, and a note that says so.

    Parameters
    ----------
    page : str
        Of a report.
    susceptibility : ndarray, shape (k, j, i)
        The map as it is now, in ppm, 0 outside the brain.
    grid : Grid
        Its geometry.
    before, after : Reference
        What the page tells of, and what the map is relative to now.
    """
    for words in (reference_in_words, reference_sentence):
        page = page.replace(text(words(before)), text(words(after)))
    title = f"{_TITLE} relative to: {after.region}"
    picture = picture_of(susceptibility, grid, middle_of(susceptibility != 0), title=title)
    page = _FIGURE.sub(lambda _found: figure(picture), page, count=1)
    note = (
        f"After the reconstruction, susceptibility was referred to: {after.region}. Its picture, the reference region "
        "in the table of processing and the methods paragraph tell of that; the provenance at the end is that of the "
        "reconstruction."
    )
    return _LEAD.sub(lambda found: f'{found[1]}<p id="reference">{text(note)}</p>\n', page, count=1)
