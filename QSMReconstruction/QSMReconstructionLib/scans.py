"""From files to the scene: scans become sequences indexed by echo time, with a browser to step through the echoes."""

from __future__ import annotations

import os

import slicer

from QSMReconstructionCore.acquisition import Acquisition
from QSMReconstructionCore.io.echo_file import read_echo_file

from .changes import all_or_nothing
from .echo_sequences import add_echoes, add_sequences


def add_scan(acquisition: Acquisition, name: str) -> tuple[object, object]:
    """Put a scan into the scene as two sequences with a browser, and show its first echo.

    Parameters
    ----------
    acquisition : Acquisition
        The scan, from files or a phantom.
    name : str
        What the names of the nodes begin with.

    Returns
    -------
    magnitude, phase : vtkMRMLSequenceNode
    """
    with all_or_nothing(slicer.mrmlScene):
        sequences = add_sequences(acquisition, slicer.mrmlScene.GenerateUniqueName(name))
        add_browser(sequences, name)
    return sequences


def add_echo_file(path: str | os.PathLike) -> object:
    """Put the echoes of a four-dimensional NIfTI file into the scene as a sequence with a browser.

    Parameters
    ----------
    path : path
        Magnitude or phase, with a sidecar or a `params.json` beside it that tells the echo times.

    Returns
    -------
    vtkMRMLSequenceNode

    Raises
    ------
    ValueError
        If the file or its sidecar cannot be understood. The scene is then as it was.
    """
    echoes = read_echo_file(path)
    with all_or_nothing(slicer.mrmlScene):
        sequence = add_echoes(
            slicer.mrmlScene.GenerateUniqueName(echoes.name),
            echoes.values,
            echoes.grid,
            echoes.echo_times,
            field_strength=echoes.field_strength,
            imaging_frequency=echoes.imaging_frequency,
            sources=echoes.sources,
            protocol=echoes.protocol,
        )
        add_browser([sequence], echoes.name)
    return sequence


def add_browser(sequences, name: str) -> object:
    """Add a sequence browser that steps through the echoes of sequences together, with a volume for each to show.

    Parameters
    ----------
    sequences : sequence of vtkMRMLSequenceNode
        The first one leads.
    name : str
        Of the scan.

    Returns
    -------
    vtkMRMLSequenceBrowserNode
    """
    browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", f"{name} echoes")
    for sequence in sequences:
        browser.AddSynchronizedSequenceNode(sequence)
        browser.SetSaveChanges(sequence, False)  # what is done to the shown volume must not change the scan
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    shown = browser.GetProxyNode(sequences[0])
    slicer.app.applicationLogic().GetSelectionNode().SetActiveVolumeID(shown.GetID())
    slicer.app.applicationLogic().PropagateVolumeSelection()
    return browser
