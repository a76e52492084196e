"""Groups and parts of regions, as users ask for them in a line of text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from QSMReconstructionCore.grid import Grid

from . import subregions
from .cortical_depth import layers
from .regions import Region, find_regions


@dataclass(frozen=True)
class Part:
    """One way to make regions of others.

    Attributes
    ----------
    name : str
        Of the option on the command line.
    form : str
        What is to be written, with placeholders in capitals.
    description : str
        What is measured, with an example.
    make : callable
        From a line of this form, the regions and the grid, the groups or parts.
    """

    name: str
    form: str
    description: str
    make: Callable[[str, Sequence[Region], Grid], tuple[Region, ...]]


def parts_of(regions: Sequence[Region], wanted: Mapping[str, Sequence[str]], grid: Grid) -> tuple[Region, ...]:
    """The groups and parts that are asked for; a part may be one of a group.

    Parameters
    ----------
    regions : sequence of Region
    wanted : mapping of str to sequence of str
        Name of one of `PARTS` -> lines of its form.
    grid : Grid
        Of the map.

    Raises
    ------
    ValueError
        If a line has another form or names a region that is not there; the message begins with the option.
    """
    known, made = tuple(regions), []
    for part in PARTS.values():
        for line in wanted.get(part.name, ()):
            made += part.make(line, known, grid)
        if part.name == "group":
            known = (*regions, *made)
    return tuple(made)


def _group(line: str, regions: Sequence[Region], grid: Grid) -> tuple[Region, ...]:
    name, members = _halves("--group", line)
    return subregions.grouped(regions, name, [one.strip() for one in members.split("+")], grid)


def _thirds(line: str, regions: Sequence[Region], grid: Grid) -> tuple[Region, ...]:
    return tuple(part for region in find_regions(regions, line) for part in subregions.thirds(region, grid))


def _quadrants(line: str, regions: Sequence[Region], grid: Grid) -> tuple[Region, ...]:
    return tuple(part for region in find_regions(regions, line) for part in subregions.quadrants(region, grid))


def _below(line: str, regions: Sequence[Region], grid: Grid) -> tuple[Region, ...]:
    name, other = _halves("--below", line)
    other, _, thickness = other.partition(":")
    limit = _number("--below", thickness) if thickness else np.inf
    bottoms, made = find_regions(regions, other.strip()), []
    for region in find_regions(regions, name):
        bottom = next((one for one in bottoms if one.side == region.side), bottoms[0])
        made.append(subregions.below(region, bottom, grid, limit))
    return tuple(made)


def _slab(line: str, regions: Sequence[Region], grid: Grid) -> tuple[Region, ...]:
    name, planes = _halves("--slab", line)
    low, _, high = planes.partition(":")
    low, high = _number("--slab", low), _number("--slab", high)
    return tuple(subregions.slab(region, grid, low, high) for region in find_regions(regions, name))


def _layers(line: str, regions: Sequence[Region], grid: Grid) -> tuple[Region, ...]:
    name, tissues = _halves("--layers", line)
    under, _, above = (one.strip() for one in tissues.partition(":"))
    inner, outer = find_regions(regions, under), find_regions(regions, above)
    return tuple(part for region in find_regions(regions, name) for part in layers(region, inner, outer, grid))


#: By name, groups first, because parts may be of groups.
PARTS = {
    part.name: part
    for part in (
        Part("group", "NAME=A+B", "several structures as one, on each side: Striatum=Caudate+Putamen", _group),
        Part("thirds", "NAME", "thirds along the long axis", _thirds),
        Part(
            "quadrants", "NAME", "rostral and caudal, ventral and dorsal parts of a region of the brain stem",
            _quadrants,
        ),
        Part(
            "below", "NAME=OTHER[:MM]", "the part inferior to another region, at most MM far down: SN=Red nucleus:4",
            _below,
        ),
        Part("slab", "NAME=LOW:HIGH", "the part between two heights in mm (RAS): Precentral=40:60", _slab),
        Part(
            "layers", "NAME=INNER:OUTER", "the deep, middle and superficial layer of the cortex between two tissues: "
            "Precentral=White matter:CSF (voxels of 0.7 mm or less)", _layers,
        ),
    )
}  # fmt: skip


def _halves(option: str, text: str) -> tuple[str, str]:
    name, equals, rest = text.partition("=")
    if not (equals and name.strip() and rest.strip()):
        raise ValueError(f"{option} must be a name, =, and what it is made of, but got {text!r}.")
    return name.strip(), rest.strip()


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{option} needs a number of mm, but got {text!r}.") from None
