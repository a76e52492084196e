"""From the core to the scene: a scan becomes sequences over the echo time. The inverse of `echoes`."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import slicer

from QSMReconstructionCore.acquisition import Acquisition
from QSMReconstructionCore.grid import Grid

from .changes import detached_node
from .echoes import FIELD_STRENGTH, IMAGING_FREQUENCY, PROTOCOL, SOURCES


class EchoSequence:
    """A sequence indexed by echo time in ms, filled echo by echo before it is put into the scene.

    Parameters
    ----------
    name : str
        Of the sequence and its volumes.
    grid : Grid
    field_strength, imaging_frequency : float, optional
        In T and MHz; the sequence carries them for `echoes.scan_from_nodes`.
    sources : dict, optional
        Where each fact came from.
    protocol : dict, optional
        What else the headers tell of the scan.
    """

    def __init__(
        self,
        name: str,
        grid: Grid,
        *,
        field_strength: float | None = None,
        imaging_frequency: float | None = None,
        sources: dict | None = None,
        protocol: dict | None = None,
    ) -> None:
        self.name, self.grid = name, grid
        self.node = detached_node("vtkMRMLSequenceNode")
        self.node.SetName(name)
        self.node.SetIndexName("EchoTime")
        self.node.SetIndexUnit("ms")
        self.node.SetIndexTypeFromString("numeric")
        for attribute, number in ((FIELD_STRENGTH, field_strength), (IMAGING_FREQUENCY, imaging_frequency)):
            if number:
                self.node.SetAttribute(attribute, f"{number:.10g}")
        self.node.SetAttribute(SOURCES, json.dumps(sources or {}))
        self.node.SetAttribute(PROTOCOL, json.dumps(protocol or {}))

    def add(self, values: np.ndarray, echo_time: float) -> None:
        """Add the volume of an echo, shape (k, j, i), at a time in s."""
        volume = slicer.vtkMRMLScalarVolumeNode()
        volume.SetName(self.name)
        volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(self.grid.ijk_to_ras))
        slicer.util.updateVolumeFromArray(volume, values)
        self.node.SetDataNodeAtValue(volume, f"{1000 * echo_time:.10g}")

    def put_in_scene(self):
        """Add the sequence to the scene.

        Returns
        -------
        vtkMRMLSequenceNode
        """
        return slicer.mrmlScene.AddNode(self.node)


def add_sequences(acquisition: Acquisition, name: str = "") -> tuple[object, object]:
    """Put a scan into the scene as two sequences, for instance of a phantom.

    Parameters
    ----------
    acquisition : Acquisition
    name : str
        What the names of both begin with.

    Returns
    -------
    magnitude, phase : vtkMRMLSequenceNode
    """
    facts = {
        fact: getattr(acquisition, fact) for fact in ("field_strength", "imaging_frequency", "sources", "protocol")
    }
    return tuple(
        add_echoes(
            f"{name} {role}".strip(), getattr(acquisition, role), acquisition.grid, acquisition.echo_times, **facts
        )
        for role in ("magnitude", "phase")
    )


def add_echoes(name: str, values: np.ndarray, grid: Grid, echo_times: Sequence[float], **facts):
    """Put the echoes of an array, shape (echo, k, j, i), at times in s, into the scene; the rest as `EchoSequence`.

    Returns
    -------
    vtkMRMLSequenceNode
    """
    sequence = EchoSequence(name, grid, **facts)
    for array, echo_time in zip(values, echo_times):
        sequence.add(array, echo_time)
    return sequence.put_in_scene()
