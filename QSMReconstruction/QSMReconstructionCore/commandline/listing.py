"""list: what a folder holds, and which scans in it can be reconstructed, from headers and names alone."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..io.bids import BidsScan
    from ..io.dicom.stacks import Found


def add_to(commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("list", help="list what a DICOM folder or a BIDS data set holds")
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="with DICOM files, or the root of a BIDS data set")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run, parser=parser)


def run(chosen: argparse.Namespace) -> None:
    """Look and tell."""
    from ..io.bids import all_scans
    from ..io.dicom.stacks import find_stacks

    scans = all_scans(chosen.folder) if chosen.folder.is_dir() else []
    if scans:
        told, words = _of_bids(scans)
    else:
        told, words = _of_dicom(find_stacks(chosen.folder))
    print(json.dumps(told, indent=2) if chosen.json else words)


def _of_bids(scans: list[BidsScan]) -> tuple[dict, str]:
    rows = [
        {
            "scan": scan.derivative_prefix.name,
            "parts": {part: len(paths) for part, paths in scan.parts.items()},
            **{name: scan.entities.get(name) for name in ("sub", "ses", "acq", "run")},
        }
        for scan in scans
    ]
    counts = (", ".join(f"{part} in {n} file(s)" for part, n in row["parts"].items()) for row in rows)
    lines = [f"{row['scan']}: {count}" for row, count in zip(rows, counts)]
    return {"scans": rows}, "\n".join(lines)


def _of_dicom(found: Found) -> tuple[dict, str]:
    from ..io.dicom.selection import list_scans

    offered = list_scans(found)
    told = {
        "images": found.table(),
        "scans": [{"series": list(scan.series), "scan": str(scan), "fault": fault} for scan, fault in offered],
        "other_files": found.other_files,
        "copies": found.copies,
        "damage": found.damage(),
    }
    lines = [str(found), ""]
    for scan, fault in offered:
        choice = f"--series {scan.series[-1]}: " if scan.series else ""
        lines.append(f"{choice}{scan}. {fault}".rstrip())
    if not offered:
        lines.append("There is no scan with phase.")
    return told, "\n".join(lines)
