"""Choose the gradient-echo scan with phase among all that a folder holds, and check that all of it is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .conventions import FIELD_MAP, IMAGINARY, MAGNITUDE, PHASE, PHASE_DIFFERENCE, REAL
from .stacks import Found, Stack, series_name

#: What is needed with each kind of image that has phase in it.
_PARTNERS = {PHASE: MAGNITUDE, REAL: IMAGINARY, IMAGINARY: REAL}
#: Images of one scan give their orientation to so many decimals.
_DECIMALS = 2
#: Slices of the echoes of a scan lie in the same places to this part of their spacing.
_SAME_PLACE = 0.05


@dataclass(frozen=True)
class Selection:
    """The stacks of one scan.

    Attributes
    ----------
    parts : dict of str to tuple of Stack
        Either magnitude and phase, or real and imaginary part; each in the order of the echo times.
    """

    parts: dict[str, tuple[Stack, ...]]

    @property
    def stacks(self) -> tuple[Stack, ...]:
        """All of them."""
        return tuple(stack for part in self.parts.values() for stack in part)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that hold its images, each once."""
        return tuple(dict.fromkeys(frame.path for stack in self.stacks for frame in stack.frames))

    @property
    def series(self) -> tuple[int, ...]:
        """Numbers of the series it is made of."""
        numbers = {stack.first.series_number for stack in self.stacks}
        return tuple(sorted(number for number in numbers if number is not None))

    def __str__(self) -> str:
        kinds = []
        for kind, stacks in self.parts.items():
            names = " and ".join(dict.fromkeys(series_name(stack.first) for stack in stacks))
            kinds.append(f"{kind} of {len(stacks)} echo(es) from {names}")
        return ", ".join(kinds)


def select_scan(found: Found, series: int | None = None, *, by_number: bool = False) -> Selection:
    """The scan to reconstruct.

    Parameters
    ----------
    found : Found
        All there is.
    series : int, optional
        Number of one of its series, needed only where there are several scans with phase.
    by_number : bool
        Put the echoes in the order of their numbers and do without their echo times, which are then to be given.

    Returns
    -------
    Selection
        Complete: every echo has both parts, and all lie on one grid.

    Raises
    ------
    ValueError
        If there is no scan with phase, more than one, or not all of it.
    """
    try:
        chosen = _chosen(found, series)
        if by_number:
            chosen = Selection({kind: tuple(sorted(part, key=_number)) for kind, part in chosen.parts.items()})
        _check_complete(chosen, by_number)
    except ValueError as fault:
        raise ValueError(" ".join([str(fault), *found.damage()])) from fault
    return chosen


def list_scans(found: Found) -> list[tuple[Selection, str]]:
    """Every scan with phase that there is, for a user to choose from.

    Parameters
    ----------
    found : Found

    Returns
    -------
    list of (Selection, str)
        With why it cannot be read as it is, as a sentence; empty if it can.
    """
    scans = []
    for scan in _scans(found.stacks):
        try:
            _check_complete(scan, by_number=False)
        except ValueError as fault:
            scans.append((scan, str(fault)))
        else:
            scans.append((scan, ""))
    return scans


def _chosen(found: Found, series: int | None) -> Selection:
    scans = _scans(found.stacks)
    stacks = found.stacks
    if series is not None:
        scans = [scan for scan in scans if series in scan.series]
        stacks = tuple(stack for stack in stacks if stack.first.series_number == series)
        if not stacks:
            numbers = sorted({s.first.series_number for s in found.stacks if s.first.series_number is not None})
            raise ValueError(f"There is no series {series}. There are: {', '.join(map(str, numbers))}.")
    if not scans:
        raise ValueError(_why_no_scan(stacks, found.stacks))
    if len(scans) > 1:
        listed = "; ".join(map(str, scans))
        raise ValueError(
            f"There are {len(scans)} scans with phase: {listed}. Choose one by the number of a series, or give the "
            "folder of one."
        )
    return scans[0]


def _scans(stacks: Sequence[Stack]) -> list[Selection]:
    """All scans with phase: each series with phase, or several of one protocol where each has echoes of its own."""
    protocols: dict[tuple, list[Stack]] = {}
    for stack in stacks:
        if stack.kind in _PARTNERS:
            protocols.setdefault((_place(stack), stack.first.protocol), []).append(stack)
    scans = []
    for members in protocols.values():
        kinds = {stack.kind for stack in members}
        # Real and imaginary part come first, because they need no scale.
        leading = REAL if {REAL, IMAGINARY} <= kinds or PHASE not in kinds else PHASE
        leading = leading if leading in kinds else IMAGINARY
        by_series: dict[str, list[Stack]] = {}
        for stack in members:
            if stack.kind == leading:
                by_series.setdefault(stack.first.series, []).append(stack)
        groups = list(by_series.values())
        echoes = [time for group in groups for time in {stack.echo_time for stack in group}]
        if len(set(echoes)) == len(echoes):
            groups = [[*groups]]  # one scan, its echoes maybe in several series
        else:
            groups = [[group] for group in groups]
        scans += [_selection(leading, group, stacks) for group in groups]
    return scans


def _selection(leading: str, series: Sequence[Sequence[Stack]], stacks: Sequence[Stack]) -> Selection:
    """A scan of the phase (or real part) in these series and what belongs to it."""
    partner = _PARTNERS[leading]
    own = [stack for group in series for stack in group]
    found: dict[int, Stack] = {}
    for group in series:
        found |= {id(stack): stack for stack in _partners(group, [s for s in stacks if s.kind == partner])}
    parts = {partner: list(found.values()), leading: own}
    order = [MAGNITUDE, PHASE] if PHASE in parts else [REAL, IMAGINARY]
    return Selection({kind: tuple(sorted(parts[kind], key=_echo)) for kind in order})


def _partners(group: Sequence[Stack], candidates: Iterable[Stack]) -> list[Stack]:
    """The stacks of the series that fits a group best: the most echoes in common, then the nearest series number."""
    first, times = group[0].first, {stack.echo_time for stack in group}
    by_series: dict[str, list[Stack]] = {}
    for stack in candidates:
        if _place(stack) == _place(group[0]):
            by_series.setdefault(stack.first.series, []).append(stack)
    best, highest = [], (0,)
    for series, members in by_series.items():
        other = members[0].first
        same = series == first.series or (other.protocol == first.protocol != "")
        common = len(times & {stack.echo_time for stack in members})
        away = (other.series_number or 0) - (first.series_number or 0)
        rank = (common + same, series == first.series, same, -abs(away), away < 0)  # magnitude is numbered first
        if common + same > 0 and rank > highest:
            best, highest = members, rank
    return best


def _place(stack: Stack) -> tuple:
    """What images of one scan have in common."""
    first = stack.first
    return first.study, first.frame_of_reference, first.shape, tuple(np.round(first.orientation, _DECIMALS) + 0.0)


def _echo(stack: Stack) -> tuple[float, int]:
    return stack.echo_time or 0.0, stack.first.echo_number or 0


def _why_no_scan(stacks: Sequence[Stack], all_stacks: Sequence[Stack]) -> str:
    for stack in stacks:
        if stack.kind == PHASE_DIFFERENCE:
            times = sorted({s.echo_time for s in all_stacks if s.kind == MAGNITUDE and s.echo_time
                            and _place(s) == _place(stack)})  # fmt: skip
            between = f" (of {' and '.join(f'{1000 * t:g}' for t in times)} ms)" if len(times) == 2 else ""
            return (
                f"{series_name(stack.first).capitalize()} is the difference of the phases of two echoes{between}, as "
                "field mapping sequences save it, not the phase of an echo. Scan a gradient echo that saves the phase "
                "of each echo."
            )
    for stack in stacks:
        if stack.kind == FIELD_MAP:
            return (
                f"{series_name(stack.first).capitalize()} is a field map that the scanner computed, in Hz, not the "
                "phase of an echo. Scan a gradient echo that saves the phase of each echo."
            )
    magnitudes = [stack for stack in stacks if stack.kind == MAGNITUDE]
    if magnitudes:
        names = ", ".join(dict.fromkeys(series_name(stack.first) for stack in magnitudes))
        unlabeled = any(stack.first.kind_source.startswith("assumed") for stack in magnitudes)
        return (
            f"There is no phase, only magnitude ({names}). Susceptibility is in the phase: let the scanner save phase, "
            "or real and imaginary part, and export those series, too."
            + (" No tag says what some of these images show: keep private tags when anonymizing." if unlabeled else "")
        )
    names = ", ".join(dict.fromkeys(series_name(stack.first) for stack in stacks))
    return f"There is no magnitude and no phase of a gradient echo in {names}: these images show something else."


def _number(stack: Stack) -> tuple[int, float]:
    return stack.first.echo_number or 0, stack.echo_time or 0.0


def _check_complete(scan: Selection, by_number: bool) -> None:
    for kind, stacks in scan.parts.items():
        if not stacks:
            (other,) = (name for name in scan.parts if name != kind)
            names = " and ".join(dict.fromkeys(series_name(stack.first) for stack in scan.parts[other]))
            raise ValueError(f"There is {other} in {names}, but no {kind} of it. Export both.")
    if not by_number:
        _check_echo_times(scan)
    (one, first), (other, second) = scan.parts.items()
    if len(first) != len(second):
        raise ValueError(f"There is {one} of {len(first)} echo(es), but {other} of {len(second)}. Export all of both.")
    for stack in scan.stacks:
        if stack.fault:
            raise ValueError(stack.fault)
    _check_slices(scan)


def _check_echo_times(scan: Selection) -> None:
    for stack in scan.stacks:
        if stack.echo_time is None:
            raise ValueError(f"{stack.name.capitalize()} tells no echo time. Give the echo times yourself.")
    (one, first), (other, second) = scan.parts.items()
    times = {kind: {round(1000 * stack.echo_time, 4) for stack in stacks} for kind, stacks in scan.parts.items()}
    for kind, opposite in ((one, other), (other, one)):
        missing = sorted(times[opposite] - times[kind])
        if missing:
            listed = ", ".join(f"{time:g}" for time in missing)
            raise ValueError(
                f"The {kind} of the echo at {listed} ms is missing: {opposite} has it. Export the series with all "
                "echoes of both."
            )
    for stacks in (first, second):
        numbers = [stack.first.echo_number for stack in stacks]
        for a, b in zip(stacks, stacks[1:]):
            if abs(a.echo_time - b.echo_time) < 1e-7:
                raise ValueError(
                    f"{a.name.capitalize()} and echo number {b.first.echo_number} have the same echo time. Give the "
                    "echo times yourself, or export the series again."
                )
        if None not in numbers and sorted(numbers) != numbers:
            listed = ", ".join(f"{n} at {1000 * stack.echo_time:g} ms" for n, stack in zip(numbers, stacks))
            raise ValueError(
                f"Echo numbers and echo times of the {stacks[0].kind} contradict each other: echo {listed}. Give "
                "the echo times yourself, in the order of the numbers, or export the series again."
            )


def _check_slices(scan: Selection) -> None:
    fullest = max(scan.stacks, key=lambda stack: len(stack.frames))
    for stack in scan.stacks:
        apart = np.abs(fullest.places[:, None] - stack.places[None, :]) > _SAME_PLACE * fullest.spacing
        missing = np.flatnonzero(apart.all(axis=1))
        if len(missing) == len(fullest.places) or (not len(missing) and not _same_grid(stack, fullest)):
            raise ValueError(
                f"{stack.name.capitalize()} lies elsewhere in the scanner than {fullest.name}. All must be of one scan."
            )
        if len(missing):
            raise ValueError(
                f"{stack.name.capitalize()} lacks {len(missing)} of {len(fullest.places)} slices: number "
                f"{missing[0] + 1} is missing, at {fullest.places[missing[0]]:.1f} mm along the slice axis. Export the "
                "whole series again."
            )


def _same_grid(a: Stack, b: Stack) -> bool:
    return a.grid.same_geometry(b.grid, _SAME_PLACE * min(b.grid.spacing))
