"""BIDS folders: find the echoes of a subject, inherit their metadata, name the derivatives.

References
----------
Gorgolewski et al. 2016, 10.1038/sdata.2016.44; qMRI naming: Karakuzu et al. 2022, 10.1038/s41597-022-01571-4
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .params import read_json

#: Suffixes under which multi-echo gradient-echo scans are filed, best first.
SUFFIXES = ("MEGRE", "GRE", "T2starw")
#: Entities that tell the files of one scan from another. Echo and part number the files within.
_WITHIN_SCAN = ("echo", "part")
#: Label of the entity part -> what the file holds.
_PARTS = {"mag": "magnitude", "phase": "phase", "real": "real", "imag": "imaginary", "": "unlabeled"}


@dataclass(frozen=True)
class BidsScan:
    """The files of one scan in a BIDS folder.

    Attributes
    ----------
    root : Path
        The data set.
    entities : dict
        What the file names have in common, such as sub, ses, acq, run, in their order.
    parts : dict of str to tuple of Path
        Either "phase" and "magnitude", or "real" and "imaginary"; of each one file per echo, in the order of the echo
        numbers, or one 4D file.
    """

    root: Path
    entities: dict[str, str]
    parts: dict[str, tuple[Path, ...]]

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return tuple(path for paths in self.parts.values() for path in paths)

    def metadata(self, path: Path) -> dict:
        """Metadata of a file, inherited from the JSON files that apply to it; the nearest one wins."""
        folders = [self.root, *[p for p in reversed(path.parents) if self.root in p.parents]]
        entities, suffix = _parsed(path)
        merged = {}
        for folder in folders:
            applying = []
            for candidate in folder.glob(f"*{suffix}.json"):
                own, own_suffix = _parsed(candidate)
                if own_suffix == suffix and own.items() <= entities.items():
                    applying.append((len(own), candidate))
            for _, candidate in sorted(applying):
                merged |= read_json(candidate)
        return merged

    @property
    def derivative_prefix(self) -> Path:
        """Path of the derivatives below their data set, up to the suffix, such as sub-01/anat/sub-01_run-1."""
        folder = Path(*[f"{e}-{self.entities[e]}" for e in ("sub", "ses") if e in self.entities], "anat")
        return folder / "_".join(f"{name}-{value}" for name, value in self.entities.items())


def find_scan(
    root: str | os.PathLike, subject: str, session: str | None = None, *, acq: str | None = None, run: str | None = None
) -> BidsScan:
    """Find the multi-echo gradient-echo scan of a subject.

    Parameters
    ----------
    root : path
        The BIDS data set.
    subject, session : str
        Labels, with or without `sub-` and `ses-`. Without a session there must be only one.
    acq, run : str, optional
        Labels with or without `acq-` and `run-`, to choose one of several scans.

    Raises
    ------
    ValueError
        If there is no such subject or session, no scan with phase and magnitude (or real and imaginary part), or more
        than one.
    """
    root = Path(root)
    if not root.is_dir():
        raise ValueError(f"{root} is not a folder. Give the root of a BIDS data set.")
    folder = _chosen(root, "sub", subject.removeprefix("sub-"))
    sessions = sorted(folder.glob("ses-*"))
    if session is not None:
        folder = _chosen(folder, "ses", session.removeprefix("ses-"))
    elif len(sessions) > 1:
        raise ValueError(f"{folder} has several sessions ({', '.join(s.name for s in sessions)}). Choose one of them.")
    elif sessions:
        (folder,) = sessions

    wanted = {name: label.removeprefix(f"{name}-") for name, label in (("acq", acq), ("run", run)) if label is not None}
    there = _scans_in(folder)
    fitting = {
        scan: parts for scan, parts in there.items()
        if all(_same_label(dict(scan[1]).get(name, ""), label) for name, label in wanted.items())
    }
    if wanted and there and not fitting:
        asked = " and ".join(f"{name}-{label}" for name, label in wanted.items())
        raise ValueError(f"{folder} has no scan with {asked}. There are: {_listed(there)}.")
    complete = {scan: whole for scan, parts in fitting.items() if (whole := _whole(parts))}
    if not complete:
        raise ValueError(
            f"{folder} has no gradient-echo scan with magnitude and phase: no pair of files part-mag and part-phase, "
            f"or part-real and part-imag, ending in {', '.join(SUFFIXES)}."
        )
    if len(complete) > 1:
        raise ValueError(f"{folder} has several scans: {_listed(complete)}. Choose one by its acquisition or run.")
    ((_, entities), parts), = complete.items()
    return BidsScan(root, dict(entities), parts)


def all_scans(root: str | os.PathLike) -> list[BidsScan]:
    """Every scan of a BIDS data set that has both of its parts, in the order of their names."""
    root = Path(root)
    folders = [folder for folder in sorted([*root.glob("sub-*"), *root.glob("sub-*/ses-*")]) if folder.is_dir()]
    return [
        BidsScan(root, dict(entities), whole)
        for folder in folders
        for (_, entities), parts in _scans_in(folder).items()
        if (whole := _whole(parts))
    ]


def _scans_in(folder: Path) -> dict[tuple, dict[str, list[tuple[int, Path]]]]:
    """Suffix and entities of each scan -> part -> number and file of each echo."""
    found: dict[tuple, dict[str, list[tuple[int, Path]]]] = {}
    for path in sorted([*folder.glob("*/*.nii"), *folder.glob("*/*.nii.gz")]):
        entities, suffix = _parsed(path)
        if suffix in SUFFIXES and entities.get("part", "") in _PARTS:
            scan = (suffix, tuple((k, v) for k, v in entities.items() if k not in _WITHIN_SCAN))
            echo = int(entities["echo"]) if entities.get("echo", "").isdecimal() else 0
            found.setdefault(scan, {}).setdefault(_PARTS[entities.get("part", "")], []).append((echo, path))
    return found


def _whole(parts: dict[str, list[tuple[int, Path]]]) -> dict[str, tuple[Path, ...]]:
    """The files of the two parts of a scan; real and imaginary part come first, because they need no scale.

    What has no label is the magnitude where no file is labeled so.
    """
    parts = {"magnitude": parts.get("unlabeled", []), **parts}
    for pair in (("real", "imaginary"), ("phase", "magnitude")):
        if all(parts.get(part) for part in pair):
            return {part: tuple(path for _, path in sorted(parts[part])) for part in pair}
    return {}


def _same_label(one: str, other: str) -> bool:
    """Whether two labels are the same; numbers may have leading zeros."""
    return one == other or (one.isdigit() and other.isdigit() and int(one) == int(other))


def _listed(scans: Iterable[tuple]) -> str:
    return ", ".join("_".join(f"{k}-{v}" for k, v in entities) + f"_{suffix}" for suffix, entities in scans)


def _chosen(parent: Path, entity: str, label: str) -> Path:
    folder = parent / f"{entity}-{label}"
    if not folder.is_dir():
        there = sorted(p.name for p in parent.glob(f"{entity}-*") if p.is_dir())
        shown = ", ".join(there[:10]) + (", ..." if len(there) > 10 else "") or "none"
        raise ValueError(f"{parent} has no {entity}-{label}. There are: {shown}.")
    return folder


def _parsed(path: Path) -> tuple[dict[str, str], str]:
    """Entities and suffix of a file name."""
    *pairs, suffix = path.name.partition(".")[0].split("_")
    return {name: value for name, _, value in (pair.partition("-") for pair in pairs)}, suffix
