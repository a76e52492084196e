"""BIDS folders: find the echoes of a subject, inherit their metadata, name the derivatives.

References
----------
Gorgolewski et al. 2016, 10.1038/sdata.2016.44; qMRI naming: Karakuzu et al. 2022, 10.1038/s41597-022-01571-4
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .params import read_json

#: Suffixes under which multi-echo gradient-echo scans are filed, best first.
SUFFIXES = ("MEGRE", "GRE", "T2starw")
#: Entities that tell the files of one scan from another. Echo and part number the files within.
_WITHIN_SCAN = ("echo", "part")


@dataclass(frozen=True)
class BidsScan:
    """The files of one scan in a BIDS folder.

    Attributes
    ----------
    root : Path
        The data set.
    entities : dict
        What the file names have in common, such as sub, ses, acq, run, in their order.
    phase, magnitude : tuple of Path
        One file per echo, in the order of the echo numbers, or one 4D file.
    """

    root: Path
    entities: dict[str, str]
    phase: tuple[Path, ...]
    magnitude: tuple[Path, ...]

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


def find_scan(root: str | os.PathLike, subject: str, session: str | None = None) -> BidsScan:
    """Find the multi-echo gradient-echo scan of a subject.

    Parameters
    ----------
    root : path
        The BIDS data set.
    subject, session : str
        Labels, with or without `sub-` and `ses-`. Without a session there must be only one.

    Raises
    ------
    ValueError
        If there is no such subject or session, no scan with phase and magnitude, or more than one.
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

    found: dict[tuple, dict[str, list[tuple[int, Path]]]] = {}
    for path in sorted([*folder.glob("*/*.nii"), *folder.glob("*/*.nii.gz")]):
        entities, suffix = _parsed(path)
        if suffix in SUFFIXES and entities.get("part") in ("mag", "phase"):
            scan = (suffix, tuple((k, v) for k, v in entities.items() if k not in _WITHIN_SCAN))
            echo = int(entities["echo"]) if entities.get("echo", "").isdigit() else 0
            found.setdefault(scan, {"mag": [], "phase": []})[entities["part"]].append((echo, path))
    complete = {scan: parts for scan, parts in found.items() if parts["mag"] and parts["phase"]}
    if not complete:
        raise ValueError(
            f"{folder} has no gradient-echo scan with magnitude and phase: no pair of files part-mag and part-phase "
            f"ending in {', '.join(SUFFIXES)}."
        )
    if len(complete) > 1:
        names = ", ".join("_".join(f"{k}-{v}" for k, v in entities) + f"_{suffix}" for suffix, entities in complete)
        raise ValueError(f"{folder} has several scans: {names}. Give the files of one with --phase and --magnitude.")
    ((_, entities), parts), = complete.items()
    phase, magnitude = (tuple(path for _, path in sorted(parts[part])) for part in ("phase", "mag"))
    return BidsScan(root, dict(entities), phase, magnitude)


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
