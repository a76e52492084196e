"""Sort the images of a folder into stacks: the slices of one echo of one kind, in their order in space."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ...grid import Grid
from ...progress import Progress, no_progress
from .conventions import FIELD_MAPPING_SEQUENCE, PHASE
from .frames import Frame, read_frames
from .parsing import imported_pydicom

#: Positions in headers are rounded; slices nearer than this part of their spacing lie in one place.
_SAME_PLACE = 0.05
#: Orientations of one stack agree to this.
_SAME_DIRECTION = 1e-3
#: World coordinates of DICOM are LPS, of a `Grid` RAS.
_LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Stack:
    """The images of one echo of one kind in one series, in order of their place along the slice axis."""

    frames: tuple[Frame, ...]

    @property
    def first(self) -> Frame:
        """Any of its images, for what all of them share."""
        return self.frames[0]

    @property
    def kind(self) -> str:
        """What its images show."""
        return self.first.kind

    @property
    def echo_time(self) -> float | None:
        """In s."""
        return self.first.echo_time

    @property
    def name(self) -> str:
        """What to call it in a message."""
        echo = "" if self.echo_time is None else f" at {1000 * self.echo_time:g} ms"
        return f"the {self.kind}{echo} in {series_name(self.first)}"

    @property
    def normal(self) -> np.ndarray:
        """Unit vector of the slice axis in LPS coordinates."""
        return slice_axis(self.first)

    @cached_property
    def places(self) -> np.ndarray:
        """Where each image lies along the slice axis, in mm, not falling."""
        return np.array([np.dot(frame.position, self.normal) for frame in self.frames])

    @cached_property
    def spacing(self) -> float:
        """Distance between neighboring slices, in mm."""
        steps = np.diff(self.places)
        apart = steps[steps > 1e-3]
        if len(apart):
            return float(np.median(apart))
        return self.first.slice_spacing or 1.0

    @cached_property
    def fault(self) -> str:
        """Why its images are not a volume, as a sentence; empty if they are."""
        shapes = sorted({frame.shape for frame in self.frames})
        if len(shapes) > 1:
            (a, b), (c, d) = shapes[:2]
            return f"{_upper(self.name)} has images of {a} x {b} and of {c} x {d} voxels. All must be of one scan."
        orientations = np.array([frame.orientation for frame in self.frames])
        if np.ptp(orientations, axis=0).max() > _SAME_DIRECTION:
            return f"{_upper(self.name)} has slices of several orientations, as localizers do. All must be parallel."
        if np.ptp([frame.pixel_spacing for frame in self.frames], axis=0).max() > 1e-3:
            return f"{_upper(self.name)} has images of several voxel sizes. All must be of one scan."
        return self._fault_of_places()

    def _fault_of_places(self) -> str:
        steps = np.diff(self.places) / self.spacing
        twice = np.flatnonzero(steps < _SAME_PLACE)
        if len(twice):
            a, b = (self.frames[twice[0] + n] for n in (0, 1))
            return (
                f"{_upper(self.name)} has more than one image at {len(set(self.places[twice].round(2)))} of its "
                f"places, such as {_file(a)} and {_file(b)}: copies, repetitions or images of single coils. Keep one "
                "image of each place."
            )
        gaps = np.flatnonzero(steps > 1.5)
        if len(gaps):
            missing = int(np.rint(steps[gaps] - 1).sum())
            a, b = (self.frames[gaps[0] + n] for n in (0, 1))
            number = gaps[0] + 2
            return (
                f"{_upper(self.name)} lacks {missing} slice(s): number {number} is missing, at "
                f"{self.places[gaps[0]] + self.spacing:.1f} mm along the slice axis, between {_file(a)} and "
                f"{_file(b)}. Export the whole series again."
            )
        if np.any(np.abs(steps - 1) > _SAME_PLACE):
            return f"{_upper(self.name)} has slices at uneven distances. Export the series again as it was acquired."
        sideways = np.array([frame.position for frame in self.frames]) - np.outer(self.places, self.normal)
        if np.ptp(sideways, axis=0).max() > _SAME_PLACE * min(self.first.pixel_spacing):
            return f"{_upper(self.name)} has slices that do not lie behind each other. Export the series again."
        return ""

    @cached_property
    def grid(self) -> Grid:
        """Its voxels in RAS coordinates; k runs with the slice axis."""
        rows_apart, columns_apart = self.first.pixel_spacing
        columns = np.column_stack(
            [
                np.multiply(self.first.orientation[:3], columns_apart),
                np.multiply(self.first.orientation[3:], rows_apart),
                self.normal * self.spacing,
                self.first.position,
            ]
        )
        if len(self.frames) > 1:  # the mean step is more exact than any one of them
            columns[:, 2] = self.normal * (self.places[-1] - self.places[0]) / (len(self.frames) - 1)
        matrix = np.eye(4)
        matrix[:3] = columns * _LPS_TO_RAS[:, None]
        return Grid.from_ijk_to_ras((len(self.frames), *self.first.shape), matrix)


@dataclass(frozen=True)
class Found:
    """What a folder holds.

    Attributes
    ----------
    stacks : tuple of Stack
        By series, kind and echo.
    other_files : int
        Files that are not DICOM, or hold no MR image.
    copies : int
        Images that came more than once under one identifier; one of each was kept.
    damaged : tuple of (Path, str)
        Files that could not be read, and why.
    """

    stacks: tuple[Stack, ...]
    other_files: int = 0
    copies: int = 0
    damaged: tuple[tuple[Path, str], ...] = ()

    def table(self) -> list[dict[str, object]]:
        """One row per stack: series, description, kind, echo time in ms, images, matrix, fault."""
        return [
            {
                "series": stack.first.series_number,
                "description": stack.first.description,
                "vendor": stack.first.vendor,
                "kind": stack.kind,
                "echo_time": None if stack.echo_time is None else round(1000 * stack.echo_time, 6),
                "images": len(stack.frames),
                "matrix": stack.first.shape,
                "fault": stack.fault,
            }
            for stack in self.stacks
        ]

    def __str__(self) -> str:
        """The table, for a person."""
        lines = [f"{'series':>6}  {'echo/ms':>8}  {'kind':16}  {'images':>6}  {'matrix':>9}  description"]
        for row in self.table():
            number, echo = ("-" if row[key] is None else f"{row[key]:g}" for key in ("series", "echo_time"))
            matrix = "x".join(map(str, row["matrix"][::-1]))
            description = "".join(c if c.isprintable() else "?" for c in str(row["description"]))[:40]
            lines.append(f"{number:>6}  {echo:>8}  {row['kind']:16}  {row['images']:>6}  {matrix:>9}  {description}")
        counted = (
            (self.other_files, "file(s) without MR images"),
            (self.copies, "image(s) that came more than once, of which one was kept"),
        )
        lines += [f"Also {number} {what}." for number, what in counted if number]
        return "\n".join([*lines, *self.damage()])

    def damage(self) -> list[str]:
        """A sentence about each of the first damaged files, and one about the rest."""
        most = 5
        lines = [f"{path.name} {why}." for path, why in self.damaged[:most]]
        rest = len(self.damaged) - most
        return [*lines, f"{rest} more file(s) cannot be read."] if rest > 0 else lines


def find_stacks(
    source: str | os.PathLike | Sequence[str | os.PathLike], progress: Progress = no_progress
) -> Found:
    """Read the headers of a folder, as the scanner exports it, or of files, and sort what they describe.

    Parameters
    ----------
    source : path or sequence of path
        A folder, searched with all folders in it, a file, or files.
    progress : callable
        Called with the fraction of the files that was read.

    Returns
    -------
    Found

    Raises
    ------
    ValueError
        If there is no such folder or file, or no MR image in it.
    """
    imported_pydicom()
    name, paths = _paths_of(source)
    frames: dict[tuple, Frame] = {}
    other, copies, damaged = 0, 0, []
    for number, path in enumerate(paths):
        progress(number / len(paths), f"header {number + 1} of {len(paths)}")
        try:
            found = read_frames(path)
        except ValueError as fault:
            damaged.append((path, str(fault)))
            continue
        other += found is None
        for frame in found or ():
            key = (frame.instance or path, frame.index)
            copies += key in frames
            frames.setdefault(key, frame)
    enhanced = {frame.series for frame in frames.values() if frame.enhanced}
    kept = [frame for frame in frames.values() if frame.enhanced or frame.series not in enhanced]
    copies += len(frames) - len(kept)  # scanners can export a series in both manners at once
    result = Found(_sorted_into_stacks(kept), other, copies, tuple(damaged))
    if not frames:
        if name == str(paths[0]):
            raise ValueError(" ".join([*result.damage()] or [f"{name} is not a DICOM file with MR images."]))
        raise ValueError(
            " ".join([f"{name} holds no DICOM file with MR images among its {len(paths)} file(s).", *result.damage()])
        )
    return result


def _paths_of(source: str | os.PathLike | Sequence[str | os.PathLike]) -> tuple[str, list[Path]]:
    """What to call the source in a message, and its files; there is at least one."""
    if not isinstance(source, (str, os.PathLike)):
        paths = [Path(path) for path in source]
        if not paths:
            raise ValueError("source lists no file. Give the folder of a DICOM export, or DICOM files.")
        return "The list", paths
    source = Path(source)
    if not source.exists():
        raise ValueError(f"{source} does not exist. Give the folder of a DICOM export, or one DICOM file.")
    paths = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]
    if not paths:
        raise ValueError(f"{source} is empty. Give the folder of a DICOM export.")
    return str(source), paths


def slice_axis(frame: Frame) -> np.ndarray:
    """Unit vector in LPS coordinates, perpendicular to the rows and columns of an image."""
    normal = np.cross(frame.orientation[:3], frame.orientation[3:])
    return normal / np.linalg.norm(normal)


def series_name(frame: Frame) -> str:
    """What to call the series of an image in a message."""
    return "a series without number" if frame.series_number is None else f"series {frame.series_number}"


def _sorted_into_stacks(frames: Iterable[Frame]) -> tuple[Stack, ...]:
    stacks: dict[tuple, list[Frame]] = {}
    for frame in _with_phases_of_field_mapping(list(frames)):
        echo = (frame.echo_time or 0.0, frame.echo_number or 0)
        key = (frame.study, frame.series_number or 0, frame.series, frame.kind, *echo)
        stacks.setdefault(key, []).append(frame)
    return tuple(_stack(stacks[key]) for key in sorted(stacks))


def _with_phases_of_field_mapping(frames: Sequence[Frame]) -> list[Frame]:
    """Images of field mapping sequences, taken for phase differences, are phases if the series has several echoes."""
    echoes: dict[str, set] = {}
    for frame in frames:
        if frame.kind_source == FIELD_MAPPING_SEQUENCE:
            echoes.setdefault(frame.series, set()).add(frame.echo_time)
    several = {series for series, times in echoes.items() if len(times) > 1}
    return [
        replace(frame, kind=PHASE) if frame.kind_source == FIELD_MAPPING_SEQUENCE and frame.series in several else frame
        for frame in frames
    ]


def _stack(frames: Sequence[Frame]) -> Stack:
    normal = slice_axis(frames[0])
    return Stack(tuple(sorted(frames, key=lambda f: (float(np.dot(f.position, normal)), f.path.name, f.index))))


def _file(frame: Frame) -> str:
    return frame.path.name if frame.index == 0 else f"frame {frame.index + 1} of {frame.path.name}"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
