"""The demo's way through the house: a scan into the scene, both modules on it, results into a folder."""

from __future__ import annotations

import importlib
from dataclasses import fields
from pathlib import Path

import standin
from headless.scene import Session, start
from QSMReconstructionCore.io.provenance import write_reconstruction
from QSMReconstructionCore.io.staging import staged_folder
from QSMReconstructionCore.metrics import score
from QSMReconstructionCore.progress import Progress, no_progress, part_of
from QSMRoiAnalysisCore.measures import Measurement
from QSMRoiAnalysisCore.table import write_table

from .outcome import Outcome
from .pictures import take_pictures
from .report import write_report
from .scans import DemoScan
from .segments import add_regions


def run(scan: DemoScan, out: Path, *, recipe: str = "default", progress: Progress = no_progress) -> Outcome:
    """Reconstruct a scan in the scene, measure its regions, and write all results.

    Parameters
    ----------
    scan : DemoScan
    out : path
        Folder for the results. They appear complete, or not at all.
    recipe : str
        Name of a preset.
    progress : callable

    Returns
    -------
    Outcome

    Raises
    ------
    ValueError, OSError
        If the scan cannot be processed or the results cannot be written.
    """
    session = start()
    session.clear()
    reconstruction_module, analysis_module = load_modules(session)
    from QSMReconstructionLib.echo_sequences import add_sequences

    magnitude, phase = add_sequences(scan.acquisition, scan.name)
    nodes = reconstruction_module.QSMReconstructionLogic().reconstruct(
        magnitude,
        phase,
        fieldStrength=scan.acquisition.field_strength,
        recipe=recipe,
        progress=part_of(progress, 0.0, 0.75),
    )
    progress(0.75, "Measuring regions")
    notes = list(nodes.notes)
    if scan.truth:
        regions = add_regions(scan.truth.labels, scan.truth.names, nodes.susceptibility)
    else:
        regions = nodes.mask
        notes.append("There are no labels for this scan, so the region table holds the whole brain only.")
    table = analysis_module.QSMRoiAnalysisLogic().measure(nodes.susceptibility, regions)
    rows = measurements_of(table)

    progress(0.8, "Taking pictures")
    pictures = take_pictures(session, nodes, regions)
    notes.extend(pictures.notes)
    scores = None
    if scan.truth:
        found = nodes.reconstruction.susceptibility
        scores = score(found, scan.truth.susceptibility, scan.truth.mask, scan.truth.labels, scan.truth.names)
    outcome = Outcome(scan, nodes, rows, scores, pictures, tuple(notes))

    with staged_folder(out) as stage:
        progress(0.84, "Writing maps")
        write_reconstruction(stage, nodes.reconstruction, scan.acquisition, files=scan.files)
        write_table(stage / "regions.tsv", rows)
        (stage / "views.png").write_bytes(pictures.views)
        write_report(stage / "report.html", outcome)
        progress(0.9, "Saving the scene")
        for sequence in (magnitude, phase):  # several hundred MB that would only repeat the input
            session.scene.RemoveNode(sequence)
        if not session.scene.WriteToMRB(str(stage / "scene.mrb")):
            raise OSError(f"The scene could not be saved in {out}.")
    return outcome


def load_modules(session: Session) -> tuple:
    """Import both scripted modules as Slicer does, with the stand-in for Slicer's Python layer."""
    standin.install(session.scene)
    return tuple(map(importlib.import_module, ("QSMReconstruction", "QSMRoiAnalysis")))


def measurements_of(table) -> tuple[Measurement, ...]:
    """The rows of a region table node.

    Parameters
    ----------
    table : vtkMRMLTableNode
        As `QSMRoiAnalysisLogic.measure` leaves it.

    Returns
    -------
    tuple of Measurement
    """
    names = [column.name for column in fields(Measurement)]
    columns = [table.GetTable().GetColumnByName(name) for name in names]
    return tuple(
        Measurement(**{name: column.GetValue(row) for name, column in zip(names, columns)})
        for row in range(table.GetNumberOfRows())
    )
