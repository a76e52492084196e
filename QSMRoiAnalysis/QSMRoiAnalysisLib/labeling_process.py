"""Labeling by an atlas in a process of its own, so that the application does not wait for the registration."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import SimpleITK as sitk  # noqa: N813  (its own name for itself)

from QSMReconstructionCore.io.nifti import nifti_parts, read_nifti
from QSMReconstructionCore.progress import Progress
from QSMReconstructionCore.quality.verdict import Verdict
from QSMReconstructionLib.engine import Engine, Report
from QSMRoiAnalysisCore.atlas.labeling import Labeling
from QSMRoiAnalysisCore.atlas.registration import read_transforms, write_transform
from QSMRoiAnalysisCore.atlas.subject import Subject
from QSMRoiAnalysisCore.label_command import LabelName
from QSMRoiAnalysisCore.table import read_table

_CORE = "QSMRoiAnalysisCore"
#: Seconds between two chances for the application to handle events.
_PATIENCE = 0.02


def label_apart(
    subject: Subject, folder: str | os.PathLike, transform: sitk.Transform | None, progress: Progress
) -> Labeling:
    """Label the regions of a subject by the command `label` in a process of its own.

    Parameters
    ----------
    subject : Subject
    folder : path
        Of the atlas.
    transform : SimpleITK.Transform or None
        Brings the template onto the subject, made elsewhere; None to register it.
    progress : callable
        Called many times a second with the fraction done and the step at work, also while that has not changed. If it
        raises `Cancelled`, the process ends at once and its files are removed.

    Raises
    ------
    ValueError
        With the sentence of the command, if the data cannot be labeled.
    """
    with TemporaryDirectory() as home:
        last = Report(0.0, "", "")
        for last in _followed(_arguments(subject, Path(folder), transform, Path(home), progress)):
            progress(last.fraction, last.stage)
        return _read(Path(home) / "out")


def _arguments(
    subject: Subject, folder: Path, transform: sitk.Transform | None, home: Path, progress: Progress
) -> list[str]:
    """Write what the command needs, and say how to call it."""
    volumes = {
        "map": (subject.susceptibility, subject.grid),
        "mask": (None if subject.brain is None else subject.brain.astype(np.uint8), subject.grid),
        "magnitude": (subject.magnitude, subject.grid),
        "t1w": (subject.t1w, subject.t1w_grid),
    }
    arguments = ["label", "--atlas", str(folder.absolute()), "--map-unit", "ppm", "--progress", "json"]
    for name, (values, grid) in volumes.items():
        if values is None:
            continue
        with (home / f"{name}.nii").open("wb") as file:  # not compressed, which would take longer than labeling
            for part in nifti_parts(values, grid):
                file.write(part)
                progress(0.0, "writing the input")
        arguments += [f"--{name}", str(home / f"{name}.nii")]
    if transform is not None:
        write_transform(home / "given.h5", transform)
        arguments += ["--transform", str(home / "given.h5")]
    return [*arguments, "--out", str(home / "out")]


def _followed(arguments: list[str]) -> Iterator[Report]:
    """The last report of the engine, again and again, until it has done its work."""
    reports = [Report(0.0, "", "")]
    engine = Engine(arguments, _CORE)
    with contextlib.closing(engine.follow(reports.append)) as waits:
        for wait in waits:
            yield reports[-1]
            time.sleep(min(wait, _PATIENCE))
    if failure := engine.failure():
        raise ValueError(failure)


def _read(out: Path) -> Labeling:
    facts = json.loads((out / "labels.json").read_text(encoding="utf-8"))
    registration = facts["Registration"]
    return Labeling(
        read_nifti(out / "labels.nii.gz")[0].astype(np.int32),
        {row.index: row.name for row in read_table(out / "labels.tsv", LabelName)},
        read_transforms([out / "transform.h5"]),
        tuple(registration["Compared"]) if isinstance(registration, dict) else (),
        tuple(Verdict.from_dict(entry) for entry in facts["Verdicts"]),
    )
