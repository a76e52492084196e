"""The scans in a folder of DICOM files or in a BIDS data set, read by the engine while the application goes on."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from QSMReconstructionCore.commandline.read import FACTS, LIST
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import read_nifti

from .changes import all_or_nothing
from .echo_sequences import EchoSequence
from .engine import Engine, Report
from .scans import add_browser

_ROLES = ("magnitude", "phase")


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
    files : list of str
    """

    title: str
    about: str
    fault: str
    files: list[str]


@dataclass(frozen=True)
class ReadScan:
    """A scan in the scene: its title and the sequences of its echoes."""

    title: str
    magnitude: object
    phase: object


class ScanFolder:
    """A folder to read scans from.

    Parameters
    ----------
    folder : path
        A BIDS data set, which has folders of subjects, or else files as the scanner exports them.
    home : path
        Where to make temporary folders.

    Attributes
    ----------
    scans : list of FoundScan
        Empty until `read` has looked.
    """

    def __init__(self, folder, home) -> None:
        self.folder, self._home = Path(folder), Path(home)
        self.scans: list[FoundScan] = []

    def read(
        self, number: int | None, show: Callable[[Report], None]
    ) -> Generator[float, None, ReadScan | None]:
        """Read a scan into the scene: the steps for `between_events.BetweenEvents`.

        Parameters
        ----------
        number : int or None
            Place of the scan in `scans`; None looks for scans first, and reads it if there is one only.
        show : callable
            Called with the reports of the engine.

        Returns
        -------
        ReadScan or None
            None if there are several.

        Raises
        ------
        ValueError
            If it cannot be read; the sentence says why. The scene is then as it was.
        OSError
            If the temporary folder cannot be used.
        """
        if number is not None and self.scans[number].fault:
            raise ValueError(self.scans[number].fault)
        place = Path(tempfile.mkdtemp(prefix="qsm-read-", dir=self._home))
        try:
            arguments = ["read", str(self.folder), str(place / "scan"), "--progress", "json"]
            if number is not None:
                (place / LIST).write_text(json.dumps([asdict(scan) for scan in self.scans]), encoding="utf-8")
                arguments += ["--scan", str(place / LIST), str(number)]
            engine = Engine(arguments)
            yield from engine.follow(show)
            if engine.failure():
                raise ValueError(engine.failure())
            if number is None:
                self.scans = [FoundScan(**row) for row in _read_json(place / "scan" / LIST)]
            if len(self.scans) > 1 and number is None:
                return None
            return (yield from _into_scene(place / "scan", show))
        finally:
            shutil.rmtree(place, ignore_errors=True)  # what a virus scanner holds open is left behind


def _into_scene(folder: Path, show: Callable[[Report], None]) -> Generator[float, None, ReadScan]:
    """Put what the engine has read into the scene as two sequences with a browser, and show its first echo."""
    facts = _read_json(folder / FACTS)
    title, echo_times, sizes = facts.pop("title"), facts.pop("echo_times"), facts.pop("grid")
    sizes["direction"] = tuple(map(tuple, sizes["direction"]))
    name = slicer.mrmlScene.GenerateUniqueName(title)
    sequences = [EchoSequence(f"{name} {role}", Grid(**sizes), **facts) for role in _ROLES]
    for done, (echo, echo_time) in enumerate(enumerate(echo_times)):
        show(Report(done / len(echo_times), _("Loading"), ""))
        for role, sequence in zip(_ROLES, sequences):
            sequence.add(read_nifti(folder / f"{role}_{echo}.nii")[0], echo_time)
            yield 0.0
    with all_or_nothing(slicer.mrmlScene):
        nodes = [sequence.put_in_scene() for sequence in sequences]
        add_browser(nodes, title)
    return ReadScan(title, *nodes)


def _read_json(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))
