"""Measuring the maps of all subjects of a study, one after the other, so that an interrupted run can be taken up."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from QSMReconstructionCore import __version__
from QSMReconstructionCore.io.provenance import file_hash
from QSMReconstructionCore.io.staging import staged_file

from .cohort import Visit
from .maps import read_map
from .measures import measure
from .region_files import lookup_beside, read_regions
from .regions import volume_on
from .remarks import remarks
from .request import Request
from .table import write_table


@dataclass(frozen=True)
class SubjectFiles:
    """What is measured of one visit; `mask` and `lookup` may be left to the files beside map and labels."""

    susceptibility: Path
    labels: Path
    mask: Path | None = None
    lookup: Path | None = None


@dataclass(frozen=True)
class MeasuredSubjects:
    """Tables by visit, hashes of the maps by visit, visits that failed with the reason, notes on single visits, and how
    many tables were there already."""

    tables: Mapping[Visit, Path]
    hashes: Mapping[Visit, str]
    failed: Mapping[Visit, str]
    notes: tuple[str, ...]
    kept: int


def find_files(pattern: str) -> dict[Visit, Path]:
    """Files of all subjects by a pattern, such as `maps/{subject}/{session}/anat/{subject}_{session}_Chimap.nii.gz`.

    Parameters
    ----------
    pattern : str
        A path in which {subject} stands for `sub-...` and {session} for `ses-...`.

    Raises
    ------
    ValueError
        If the pattern names no subject, or no file answers to it.
    """
    if "{subject}" not in pattern:
        raise ValueError(f"The pattern {pattern!r} has no {{subject}}, which stands for sub-01, sub-02 and so on.")
    path = Path(pattern)
    fixed = []
    for part in path.parts:
        if "{" in part or "*" in part:
            break
        fixed.append(part)
    root = Path(*fixed) if fixed else Path()
    rest = Path(*path.parts[len(fixed):]).as_posix()
    glob = rest.replace("{subject}", "sub-*").replace("{session}", "ses-*")
    expression = re.escape(rest).replace(r"\*", ".*")
    for name, prefix in (("subject", "sub-"), ("session", "ses-")):
        mark = re.escape(f"{{{name}}}")
        expression = expression.replace(mark, f"(?P<{name}>{prefix}[0-9A-Za-z]+)", 1).replace(mark, f"(?P={name})")
    found = {}
    for file in sorted(root.glob(glob)):
        match = re.fullmatch(expression, file.relative_to(root).as_posix())
        if match:
            session = match.groupdict().get("session") or ""
            found[Visit(match["subject"], session.removeprefix("ses-"))] = file
    if not found:
        raise ValueError(f"No file answers to the pattern {pattern}.")
    return found


def files_of_subjects(
    maps: str, labels: str, *, mask: str | None = None, lookup: Path | None = None
) -> tuple[dict[Visit, SubjectFiles], dict[Visit, str]]:
    """Files of every visit that has a map; the second mapping tells which visits lack labels or a mask.

    `maps`, `labels` and `mask` are patterns (`find_files`).
    """
    susceptibility, regions = find_files(maps), find_files(labels)
    masks = find_files(mask) if mask else {}
    found, lacking = {}, {}
    for visit, path in susceptibility.items():
        if visit not in regions:
            lacking[visit] = f"There are no labels for {path.name}."
        elif mask and visit not in masks:
            lacking[visit] = f"There is no mask for {path.name}."
        else:
            found[visit] = SubjectFiles(path, regions[visit], masks.get(visit), lookup)
    return found, lacking


def measure_subjects(
    files: Mapping[Visit, SubjectFiles],
    folder: str | os.PathLike,
    *,
    descriptors: Sequence[str] = (),
    reference: str | None = None,
    map_unit: str | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> MeasuredSubjects:
    """Measure each visit into a table of its own; a table whose inputs are unchanged is kept.

    Parameters
    ----------
    files : mapping of Visit to SubjectFiles
    folder : path
        Where the tables go, named after subject and session.
    descriptors : sequence of str
        Columns to add.
    reference : str, optional
        Region to call zero.
    map_unit : {"ppm", "ppb"}, optional
        Unit of the maps; by default as their JSON files say.
    progress : callable, optional
        Called with the part that is done and the visit that is next.

    Returns
    -------
    MeasuredSubjects
        A visit whose files cannot be measured does not keep the others from being measured.

    Raises
    ------
    ValueError
        If no visit can be measured; the message has the first reason.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tables, hashes, failed, notes, kept = {}, {}, {}, [], 0
    for i, (visit, own) in enumerate(files.items()):
        name = "_".join(filter(None, (visit.subject, visit.session and f"ses-{visit.session}")))
        if progress is not None:
            progress(i / len(files), name)
        table, mark = folder / f"{name}.tsv", folder / f"{name}.json"
        try:
            facts = _facts(own, descriptors, reference, map_unit)
            if table.is_file() and mark.is_file() and json.loads(mark.read_text(encoding="utf-8")) == facts:
                kept += 1
            else:
                mark.unlink(missing_ok=True)
                notes += [f"{name}: {note}" for note in _measure(own, table, descriptors, reference, map_unit)]
                with staged_file(mark) as file:
                    file.write(json.dumps(facts, indent=1).encode())
        except (ValueError, OSError) as error:
            failed[visit] = str(error)
            continue
        tables[visit], hashes[visit] = table, facts["hashes"]["susceptibility"]
    if not tables:
        reason = next(iter(failed.values()), "there is no visit")
        raise ValueError(f"None of {len(files)} visit(s) could be measured; the first: {reason}")
    return MeasuredSubjects(tables, hashes, failed, tuple(notes), kept)


def _measure(files: SubjectFiles, table: Path, descriptors, reference, map_unit) -> tuple[str, ...]:
    susceptibility = read_map(files.susceptibility, map_unit)
    grid = susceptibility.grid
    regions, _ = read_regions(files.labels, grid, files.lookup)
    if files.mask is not None:
        susceptibility = replace(susceptibility, mask=volume_on(grid, "mask", files.mask))
    request = Request(descriptors=tuple(descriptors))
    rows = measure(susceptibility, regions, reference=reference, unit="ppb", request=request)
    write_table(table, rows)
    return remarks(susceptibility, regions, rows)


def _facts(files: SubjectFiles, descriptors, reference, map_unit) -> dict:
    """What a table depends on."""
    lookup = files.lookup or lookup_beside(files.labels)
    paths = {"susceptibility": files.susceptibility, "labels": files.labels, "mask": files.mask, "lookup": lookup}
    return {
        "version": __version__,
        "hashes": {name: file_hash(path) for name, path in paths.items() if path is not None},
        "descriptors": list(descriptors), "reference": reference, "map_unit": map_unit,
    }  # fmt: skip
