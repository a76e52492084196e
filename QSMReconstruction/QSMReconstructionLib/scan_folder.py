"""The scans in a folder of DICOM files or in a BIDS data set, for the user to choose from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slicer.i18n import tr as _

from QSMReconstructionCore.acquisition import Acquisition
from QSMReconstructionCore.progress import Progress, no_progress, part_of


@dataclass(frozen=True)
class FoundScan:
    """A scan that can be read.

    Attributes
    ----------
    title : str
        How to call it.
    about : str
        What it consists of.
    fault : str
        Why it cannot be read as it is; empty if it can.
    read : callable
        Reads it, given a progress callable.
    """

    title: str
    about: str
    fault: str
    read: Callable[[Progress], Acquisition]


def scans_in(folder, progress: Progress = no_progress) -> list[FoundScan]:
    """Every gradient-echo scan with phase in a folder.

    Parameters
    ----------
    folder : path
        A BIDS data set, which has folders of subjects, or else files as the scanner exports them.
    progress : callable

    Returns
    -------
    list of FoundScan
        At least one.

    Raises
    ------
    ValueError
        If there is none; the sentence says what there is instead.
    """
    folder = Path(folder)
    if any(path.is_dir() for path in folder.glob("sub-*")):
        found = _in_bids(folder)
    else:
        found = _in_dicom(folder, progress)
    if not found:
        raise ValueError(_("{folder} holds no gradient-echo scan with magnitude and phase.").format(folder=folder))
    return found


def _in_bids(folder: Path) -> list[FoundScan]:
    from QSMReconstructionCore.io.bids import all_scans
    from QSMReconstructionCore.io.scan import read_scan

    def reader(scan):
        def read(progress: Progress) -> Acquisition:
            progress(0.0, _("Reading"))
            return read_scan(**scan.parts, metadata=scan.metadata)

        return read

    scans = all_scans(folder)
    return [FoundScan(scan.derivative_prefix.name, ", ".join(p.name for p in scan.files), "", reader(scan))
            for scan in scans]  # fmt: skip


def _in_dicom(folder: Path, progress: Progress) -> list[FoundScan]:
    from QSMReconstructionCore.io.dicom.scan import read_selection
    from QSMReconstructionCore.io.dicom.selection import list_scans, select_scan
    from QSMReconstructionCore.io.dicom.stacks import find_stacks

    stacks = find_stacks(folder, part_of(progress, 0.0, 1.0, _("Looking for scans")))
    scans = list_scans(stacks)
    if not scans:
        select_scan(stacks)  # says what is there instead
    found = []
    for scan, fault in scans:
        first = scan.stacks[0].first
        number = "" if first.series_number is None else f"{first.series_number}: "
        title = f"{number}{first.description or _('Gradient echo')}"
        found.append(
            FoundScan(title, str(scan), fault, lambda progress, scan=scan: read_selection(scan, progress=progress))
        )
    return found
