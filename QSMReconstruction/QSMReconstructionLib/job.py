"""A reconstruction in the background: its input goes to a temporary folder, where the engine works; then it is loaded.

A job is a sequence of short steps that `job_queue.JobQueue` takes between two events of the application. Nothing else
runs in this process, no thread in particular, and the scene is touched in the last step only.
"""

from __future__ import annotations

import enum
import json
import logging
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import numpy as np
from slicer.i18n import tr as _

from QSMReconstructionCore.commandline.reconstruct import SHARE_OF_RECONSTRUCTION
from QSMReconstructionCore.io.nifti import nifti_parts, read_nifti
from QSMReconstructionCore.io.provenance import OUTPUTS, VERDICTS
from QSMReconstructionCore.pipeline import AS_BEFORE, SHARE_OF_STAGE, STAGES_IN_WORDS
from QSMReconstructionCore.recipe import Recipe
from QSMReconstructionCore.referencing import ReferenceRegion
from QSMReconstructionCore.report.files import REPORT

from .echoes import Scan, voxels
from .engine import PATIENCE, Engine, Report
from .maps import PreparedNodes, ReconstructionNodes, Result
from .session_folder import SessionFolder

#: Parts of the progress bar that writing the input and loading the result take.
_WRITTEN, _COMPUTED = 0.03, 0.97
#: Too little is computed before this fraction to tell how long the rest will take.
_TELLING = 0.05
#: How much of the engine's work each stage is, by its name in reports.
_SHARES = {STAGES_IN_WORDS[stage]: share * SHARE_OF_RECONSTRUCTION for stage, share in SHARE_OF_STAGE.items()}


class JobState(enum.Enum):
    """What a job does now, or how it has ended."""

    WRITING = "writing"
    WAITING = "waiting"
    COMPUTING = "computing"
    LOADING = "loading"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class ReconstructionJob:
    """One reconstruction.

    Parameters
    ----------
    scan : Scan
        The input, whose voxels may still be shared with the scene.
    recipe : Recipe
    home : path
        Folder in which to make the job's folder, which is removed when the job ends.
    mask : ndarray, bool, shape (k, j, i), optional
        Brain mask to use instead of the recipe's.
    region : ReferenceRegion, optional
        Where the mean susceptibility is called zero, instead of the recipe's reference.
    keep : collection of str, optional
        Names of the maps to load, of `QSMReconstructionCore.io.provenance.OUTPUTS`; all of them if not given.
        Susceptibility and the mask always are.

    Attributes
    ----------
    session : SessionFolder or None
        Where the engine keeps the results of stages for later jobs and finds those of earlier ones, if anywhere.
    state : JobState
    fraction : float
        How much of the work is done.
    stage, message : str
        What the engine works on.
    reason : str
        Why the job failed.
    nodes : ReconstructionNodes or None
        The result, when done.
    log : list of str
        What happened, line by line.
    stage_fraction : float
        How much of the engine's stage is done.
    as_before : list of str
        Stages whose results an earlier job has left.
    """

    def __init__(
        self,
        scan: Scan,
        recipe: Recipe,
        *,
        home,
        mask: np.ndarray | None = None,
        region: ReferenceRegion | None = None,
        keep: Collection[str] | None = None,
    ) -> None:
        self.scan, self.recipe, self.mask, self.region, self.keep = scan, recipe, mask, region, keep
        self.session: SessionFolder | None = None
        self.state = JobState.WRITING
        self.fraction, self.stage, self.message, self.reason = 0.0, _("Writing the input"), "", ""
        self.nodes: ReconstructionNodes | None = None
        self.log: list[str] = []
        self.engine: Engine | None = None
        self.folder: Path | None = None
        self.stage_fraction = 0.0
        self.as_before: list[str] = []
        self._stage_began = self._computing_began = 0.0
        self._home, self._began = Path(home), time.monotonic()
        self._images = [(image, image.GetMTime()) for image in (*scan.magnitude, *scan.phase)]
        self._steps: Iterator[float] | None = None

    @property
    def name(self) -> str:
        """How to call the job."""
        return self.scan.name or _("Scan")

    @property
    def seconds(self) -> float:
        """Time since the job was made, in s."""
        return time.monotonic() - self._began

    @property
    def seconds_left(self) -> float | None:
        """How long the rest will take at the pace so far, in s; None while that cannot be told."""
        done = self.fraction - _WRITTEN - (_COMPUTED - _WRITTEN) * sum(_SHARES[stage] for stage in self.as_before)
        if self.state is not JobState.COMPUTING or done < _TELLING:
            return None
        return (time.monotonic() - self._computing_began) * (1 - self.fraction) / done

    def step(self, may_compute: Callable[[], bool]) -> float:
        """Do the next piece of work.

        Parameters
        ----------
        may_compute : callable
            Says whether it is this job's turn to start the engine.

        Returns
        -------
        float
            Seconds until there may be more to do.
        """
        if self._steps is None:
            self._steps = self._work(may_compute)
        try:
            return next(self._steps)
        except StopIteration:
            self._end(JobState.DONE, _("Done"))
        except JobFailed as failure:
            self._end(JobState.FAILED, str(failure))
        except Exception as error:  # a fault of ours: the panel must say so, and the log where
            logging.exception("The reconstruction job failed")
            self._end(JobState.FAILED, f"{type(error).__name__}: {error}")
        return 0.0

    def cancel(self) -> None:
        """End the job at once: its engine is stopped and its folder removed. The scene is as it was."""
        if not self.state.ended:
            if self._steps is not None:
                self._steps.close()
            self._end(JobState.CANCELLED, _("Cancelled. The scene is as it was."))

    def _end(self, state: JobState, message: str) -> None:
        self.state, self.message = state, message
        self.reason = message if state is JobState.FAILED else ""
        self.fraction = 1.0 if state is JobState.DONE else self.fraction
        self._images, self._steps, self.mask = [], None, None  # lets go of the voxels
        self._note(message)

    def _note(self, text: str) -> None:
        self.log.append(f"{self.seconds:7.1f} s  {text}")

    def _work(self, may_compute: Callable[[], bool]) -> Iterator[float]:
        try:
            self._check_room()
            self.folder = Path(tempfile.mkdtemp(prefix="qsm-", dir=self._home))
            try:
                yield from self._write_input(self.folder)
                self.state, self.stage = JobState.WAITING, _("Waiting for another reconstruction")
                while not may_compute():
                    yield PATIENCE
                self.state = JobState.COMPUTING
                yield from self._compute(self.folder)
                self.state, self.stage, self.message = JobState.LOADING, _("Loading the result"), ""
                yield from self._load(self.folder / "maps")
            finally:
                shutil.rmtree(self.folder, ignore_errors=True)  # what a virus scanner holds open is left behind
        except OSError as error:
            raise JobFailed(
                _("The temporary folder {folder} cannot be used: {reason}. Free space there, or choose another in the "
                  "application settings.").format(folder=self._home, reason=error.strerror or error)
            ) from error

    def _check_room(self) -> None:
        """Refuse early what would fill the disk."""
        size = self.scan.grid.size
        needed = sum(voxels(image).nbytes for image, _time in self._images) + 2 * 4 * size * len(OUTPUTS)
        needed += self.session.growth(size) if self.session else 0
        free = shutil.disk_usage(self._home).free
        if free < needed:
            raise JobFailed(
                _("The temporary folder {folder} has {free:.1f} GB of free space, but {needed:.1f} GB are needed. Free "
                  "space there, or choose another in the application settings.").format(
                    folder=self._home, free=free / 1e9, needed=needed / 1e9)
            )

    def _write_input(self, folder: Path) -> Iterator[float]:
        scan, total, written = self.scan, len(self._images), 0
        self._note(_("Input: {name}, {echoes} echoes").format(name=self.name, echoes=len(scan.echo_times)))
        for role, images in (("magnitude", scan.magnitude), ("phase", scan.phase)):
            for echo, image in enumerate(images):
                with (folder / f"{role}_{echo}.nii").open("wb") as file:
                    for part in nifti_parts(voxels(image), scan.grid):
                        self._check_unchanged()
                        file.write(part)
                        yield 0.0
                written += 1
                self.fraction = _WRITTEN * written / total
        for echo, echo_time in enumerate(scan.echo_times):
            facts = {**scan.protocol, "EchoTime": echo_time, "MagneticFieldStrength": scan.field_strength}
            facts.pop("Manufacturer", None)  # by which the engine would turn the sign of the phase once more
            if scan.imaging_frequency:
                facts["ImagingFrequency"] = scan.imaging_frequency
            (folder / f"phase_{echo}.json").write_text(json.dumps(facts), encoding="utf-8")
        if self.mask is not None:
            with (folder / "mask.nii").open("wb") as file:
                file.writelines(nifti_parts(self.mask, scan.grid))
        if self.region is not None:
            with self._region_file(folder).open("wb") as file:
                file.writelines(nifti_parts(self.region.voxels, scan.grid))
        (folder / "recipe.json").write_text(self.recipe.to_json(), encoding="utf-8")
        self._images = []

    def _region_file(self, folder: Path) -> Path:
        """The engine calls the region as its file is called."""
        return folder / (re.sub(r'[\\/:*?"<>|.]', " ", self.region.name) + ".nii")

    def _check_unchanged(self) -> None:
        if any(image.GetMTime() != modified for image, modified in self._images):
            raise JobFailed(_("The input was changed while it was being copied. Press Apply again."))

    def _compute(self, folder: Path) -> Iterator[float]:
        echoes = range(len(self.scan.echo_times))
        arguments = ["reconstruct", str(folder / "maps"), "--uncompressed", "--progress", "json"]
        for role in ("phase", "magnitude"):
            arguments += [f"--{role}", *(str(folder / f"{role}_{echo}.nii") for echo in echoes)]
        arguments += ["--recipe", str(folder / "recipe.json")]
        if (folder / "mask.nii").exists():
            arguments += ["--mask", str(folder / "mask.nii")]
        if self.region is not None:
            arguments += ["--reference-region", str(self._region_file(folder))]
        if self.session is not None:
            arguments += ["--stages", str(self.session.path)]
        self._computing_began = time.monotonic()
        self.engine = engine = Engine(arguments)
        try:
            yield from engine.follow(self._take)
        finally:
            self.engine = None
        failure = engine.failure()
        for line in engine.messages:
            if line != failure:
                self._note(line)
        if failure:
            raise JobFailed(failure)

    def _take(self, report: Report) -> None:
        if report.stage != self.stage:
            if report.message == AS_BEFORE:
                self.as_before.append(report.stage)
                self._note(_("{stage}: as before").format(stage=report.stage))
            elif report.stage.lower() != "done":
                self._note(report.stage)
            self._stage_began = report.fraction
        self.fraction = _WRITTEN + (_COMPUTED - _WRITTEN) * report.fraction
        self.stage, self.message = report.stage, report.message
        share = _SHARES.get(report.stage, 0)
        self.stage_fraction = min((report.fraction - self._stage_began) / share, 1.0) if share else 0.0

    def _load(self, folder: Path) -> Iterator[float]:
        provenance = json.loads((folder / "chimap.json").read_text(encoding="utf-8"))
        provenance["FactSources"] |= self.scan.sources
        provenance["InputFiles"] = []  # the temporary copies
        verdicts = json.loads((folder / f"{VERDICTS.name}.json").read_text(encoding="utf-8"))["Verdicts"]
        names = [
            output.name for output in OUTPUTS
            if (folder / f"{output.name}.nii").exists() and output.name != "mask"
            and (self.keep is None or output.name in self.keep or output.name == "chimap")
        ]
        mask = read_nifti(folder / "mask.nii")[0] > 0
        yield 0.0
        report = folder / f"{REPORT.name}.html"
        page = report.read_text(encoding="utf-8") if report.exists() else ""
        result = Result(_FilesOfMaps(folder, names), mask, provenance, verdicts, page)
        prepared = PreparedNodes(self.scan)
        for done, _piece in enumerate(prepared.prepare(result), 1):
            self.fraction = _COMPUTED + (1 - _COMPUTED) * done / (len(names) + 2)
            yield 0.0
        self.nodes = prepared.put_in_scene()


class JobFailed(Exception):  # noqa: N818  (an outcome, with a sentence for the user)
    """A job cannot go on; the message says why and what to do."""


class _FilesOfMaps(Mapping):
    """The maps in a folder, each read when it is asked for."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self._folder, self._names = folder, names

    def __getitem__(self, name: str) -> np.ndarray:
        return read_nifti(self._folder / f"{name}.nii")[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
