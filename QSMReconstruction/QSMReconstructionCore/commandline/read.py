"""read: the scan in a folder, as one NIfTI file for each echo of magnitude and of phase, for programs that show it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..progress import part_of
from .options import WrongUsage, add_progress_option, progress_as

if TYPE_CHECKING:
    from ..acquisition import Acquisition
    from ..progress import Progress

#: Name of the list of scans in the output folder, and of the facts of the one that was read.
LIST, FACTS = "scans.json", "scan.json"
_PATTERNS = (LIST, FACTS, "magnitude_*.nii", "phase_*.nii")
#: How much of the work looking for scans, reading one, and writing it is.
_FOUND, _READ = 0.4, 0.8


def add_to(commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("read", help="read the scan in a folder into one NIfTI file per echo")
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="with DICOM files, or the root of a BIDS data set")
    parser.add_argument(
        "out", metavar="OUT", type=Path,
        help=f"folder for {LIST} and, if there is one scan or one was chosen, its echoes and {FACTS}",
    )  # fmt: skip
    parser.add_argument("--scan", nargs=2, metavar=("LIST", "N"), help=f"the N-th scan, from 0, of an earlier {LIST}")
    add_progress_option(parser)
    parser.set_defaults(run=run, parser=parser)


def run(chosen: argparse.Namespace) -> None:
    """Look, and read what can only be meant."""
    from ..io.nifti import write_nifti
    from ..io.staging import check_writable, staged_folder

    progress = progress_as(chosen.progress)
    check_writable(chosen.out)
    looking = part_of(progress, 0.0, _FOUND, "Looking for scans")
    if chosen.scan:
        offers = _again(chosen.folder, _listed(*chosen.scan), looking)
    else:
        offers = _all(chosen.folder, looking)
    with staged_folder(chosen.out, _PATTERNS) as stage:
        if not chosen.scan:
            _write(stage / LIST, [offer.as_dict() for offer in offers])
        if len(offers) == 1:
            (offer,) = offers
            if offer.fault:
                raise ValueError(offer.fault)
            scan = offer.read(part_of(progress, _FOUND, _READ, "Reading"))
            progress(_READ, "Writing")
            _write(stage / FACTS, {"title": offer.title, **_facts(scan)})
            for role in ("magnitude", "phase"):
                for echo, values in enumerate(getattr(scan, role)):
                    write_nifti(stage / f"{role}_{echo}.nii", values, scan.grid)
    progress(1.0, "Done")


@dataclass(frozen=True)
class _Offer:
    """A scan that can be read.

    Attributes
    ----------
    title : str
        How to call it.
    about : str
        What it consists of.
    fault : str
        Why it cannot be read as it is; empty if it can.
    files : tuple of Path
    read : callable
        Reads it, given a progress callable.
    """

    title: str
    about: str
    fault: str
    files: tuple[Path, ...]
    read: Callable[[Progress], Acquisition]

    def as_dict(self) -> dict:
        """For the list."""
        return {"title": self.title, "about": self.about, "fault": self.fault, "files": [str(f) for f in self.files]}


def _all(folder: Path, progress: Progress) -> list[_Offer]:
    """Every scan with phase in a folder; there is at least one."""
    bids = any(path.is_dir() for path in folder.glob("sub-*"))
    offers = _in_bids(folder, progress) if bids else _in_dicom(folder, progress)
    if not offers:
        raise ValueError(f"{folder} holds no gradient-echo scan with magnitude and phase.")
    return offers


def _listed(path: str, number: str) -> dict:
    """A scan of a list, by its number."""
    listed = json.loads(Path(path).read_text(encoding="utf-8"))
    if number not in map(str, range(len(listed))):
        raise WrongUsage(f"N must be a number from 0 to {len(listed) - 1}, but got {number}")
    return listed[int(number)]


def _again(folder: Path, listed: dict, progress: Progress) -> list[_Offer]:
    """A scan of a list, found by its files, so that nobody looks at all the others once more."""
    bids = any(path.is_dir() for path in folder.glob("sub-*"))
    offers = _in_bids(folder, progress) if bids else _in_dicom(listed["files"], progress)
    found = [offer for offer in offers if offer.as_dict() == listed]
    if not found:
        raise ValueError(f"{folder} does not hold {listed['title']} as listed any more. List its scans again.")
    return found


def _in_bids(folder: Path, progress: Progress) -> list[_Offer]:
    from ..io.bids import BidsScan, all_scans
    from ..io.scan import read_scan

    def reader(scan: BidsScan) -> Callable[[Progress], Acquisition]:
        def read(progress: Progress) -> Acquisition:
            progress(0.0, "")
            return read_scan(**scan.parts, metadata=scan.metadata)

        return read

    progress(0.0, "")
    return [
        _Offer(scan.derivative_prefix.name, ", ".join(path.name for path in scan.files), "", scan.files, reader(scan))
        for scan in all_scans(folder)
    ]


def _in_dicom(source: Path | list[str], progress: Progress) -> list[_Offer]:
    from ..io.dicom.scan import read_selection
    from ..io.dicom.selection import list_scans, select_scan
    from ..io.dicom.stacks import find_stacks

    stacks = find_stacks(source, progress)
    scans = list_scans(stacks)
    if not scans:
        select_scan(stacks)  # says what is there instead
    offers = []
    for scan, fault in scans:
        first = scan.stacks[0].first
        number = "" if first.series_number is None else f"{first.series_number}: "
        title = f"{number}{first.description or 'Gradient echo'}"
        read = lambda progress, scan=scan: read_selection(scan, progress=progress)  # noqa: E731
        offers.append(_Offer(title, str(scan), fault, scan.files, read))
    return offers


def _facts(scan: Acquisition) -> dict:
    names = ("echo_times", "field_strength", "imaging_frequency", "sources", "protocol")
    return {"grid": asdict(scan.grid), **{name: getattr(scan, name) for name in names}}


def _write(path: Path, told: object) -> None:
    path.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
