"""The side of the body in the name of a region."""

from __future__ import annotations

import re

#: A whole word between separators. Single letters count as a side only where a name begins or ends with them.
_WORD = re.compile(r"[^\s_\-.,;:/()\[\]]+")
_SIDES = {"left": "left", "right": "right", "lh": "left", "rh": "right"}
_LETTERS = {"L": "left", "R": "right", "l": "left", "r": "right"}
_JOINED = re.compile(r"^(?P<first>Left|Right)(?=[A-Z])|(?<=[a-z])(?P<last>Left|Right)$")
_SEPARATORS = " _-.,;:/\t"


def split_side(name: str) -> tuple[str, str]:
    """Split the name of a region into the structure and its side.

    Parameters
    ----------
    name : str
        As label lists write it: "Caudate nucleus left", "Left-Caudate", "SN_L", "ctx-lh-precentral", "Putamen (R)".

    Returns
    -------
    structure : str
        The name without the side, so that both sides of a structure share it.
    side : {"left", "right", ""}
        Empty for midline structures, and for names that speak of both sides.
    """
    words = list(_WORD.finditer(name))
    found = [(word.span(), _SIDES[word[0].lower()]) for word in words if word[0].lower() in _SIDES]
    if not found and len(words) > 1:
        found = [(word.span(), _LETTERS[word[0]]) for word in (words[0], words[-1]) if word[0] in _LETTERS]
    if not found:
        found = [(match.span(), _SIDES[match[0].lower()]) for match in _JOINED.finditer(name)]
    if len(found) != 1:
        return name.strip(), ""
    (start, stop), side = found[0]
    before, after = name[:start].rstrip(_SEPARATORS + "(["), name[stop:].lstrip(_SEPARATORS + ")]")
    separator = name[len(before)] if before and after and len(before) < start else " "
    structure = f"{before}{separator}{after}" if before and after else before or after
    return structure or name.strip(), side
