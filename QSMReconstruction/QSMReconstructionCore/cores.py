"""The cores of the machine: how many there are, and how work in compiled code is shared among them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def available_cores() -> int:
    """Number of processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def on_all_cores(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """What `work` returns for each item, in their order.

    Parameters
    ----------
    work : callable
        Called in threads, so it should spend its time in compiled code. What it raises for the first of the items is
        raised here, after what has begun has ended and without beginning the rest.
    items : iterable
    """
    with ThreadPoolExecutor(available_cores()) as pool:
        return list(pool.map(work, items))


#: Voxels of a plane of a head of 1 mm, for which thicknesses of slabs are chosen.
_USUAL_PLANE = 24_000


def slabs(length: int, thickness: int, plane: int = _USUAL_PLANE) -> list[slice]:
    """Slabs of an axis: they and what is computed of them stay in the cache of a core.

    Parameters
    ----------
    length : int
        Of the axis.
    thickness : int
        Of a slab of the planes of a head; the last one may be thinner. Slabs of smaller planes are thicker, by the
        square of how much smaller they are, as long as every core has one: all of such a volume stays in the cache
        anyway, and handing slabs to threads takes more of the time (a third in boxes of 100 voxels, two cores).
    plane : int
        Voxels of a plane across the axis.
    """
    thickness = max(thickness, min(int(thickness * (_USUAL_PLANE / plane) ** 2), -(-length // available_cores())))
    return [slice(start, min(start + thickness, length)) for start in range(0, length, thickness)]


def of_slabs(
    work: Callable[[slice], Result], length: int, thickness: int, plane: int = _USUAL_PLANE
) -> list[Result]:
    """What `work` returns for the slabs of an axis.

    Parameters
    ----------
    work : callable
        As for `on_all_cores`; it should write to its own slab only.
    length, thickness, plane : int
        As for `slabs`.
    """
    return on_all_cores(work, slabs(length, thickness, plane))
