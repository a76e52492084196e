"""From the scene to the core: magnitude and phase nodes become an `Acquisition`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from vtk.util.numpy_support import vtk_to_numpy

from QSMReconstructionCore.acquisition import Acquisition, checked_echo_times
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.phase_scale import Scale, phase_in_radians
from QSMReconstructionCore.io.protocol import protocol_of

from .geometry import grid_of, ijk_to_ras, proxy_of

#: How many of a sequence's index units make a second.
_PER_SECOND = {"ms": 1000.0, "s": 1.0}

#: Attributes of the sequences of a scan that came from files: B0 in T, the center frequency in MHz, where each fact was
#: found, and what else the headers tell of scanner and sequence (both JSON).
FIELD_STRENGTH, IMAGING_FREQUENCY, SOURCES = "QSM.FieldStrength", "QSM.ImagingFrequency", "QSM.Sources"
PROTOCOL = "QSM.Protocol"


@dataclass(frozen=True, eq=False)
class Scan:
    """The input of a reconstruction.

    It outlives its nodes. Voxels are shared with them until `acquisition` is first asked for.

    Attributes
    ----------
    magnitude, phase : tuple of vtkImageData
        The voxels of each echo, shared with the nodes.
    echo_times : tuple of float
        In s.
    field_strength : float
        B0 in T.
    imaging_frequency : float or None
        Center frequency in MHz.
    grid : Grid
        Geometry in world coordinates, with all transforms.
    sources : dict
        Where each fact was found.
    protocol : dict
        What the headers tell of how the scan was made.
    name : str
        What the names of the input nodes have in common.
    ijk_to_ras : ndarray, shape (4, 4)
        From voxel (i, j, k) to RAS in mm, without the parent transform.
    transform_id : str or None
        The parent transform of the input.
    node_ids : tuple of str
        The input nodes.
    first_echo : vtkMRMLScalarVolumeNode
        The magnitude of the first echo, or the volume that shows it, if that lies under a transform; a mask is brought
        to its voxels.
    notes : tuple of str
        What was taken for granted, in sentences.
    """

    magnitude: tuple
    phase: tuple
    echo_times: tuple[float, ...]
    field_strength: float
    imaging_frequency: float | None
    grid: Grid
    sources: dict[str, str]
    protocol: dict
    name: str
    ijk_to_ras: np.ndarray
    transform_id: str | None
    node_ids: tuple[str, ...]
    first_echo: object
    notes: tuple[str, ...] = ()

    @cached_property
    def acquisition(self) -> Acquisition:
        """A checked copy of the voxels with the facts, made when first asked for."""
        magnitude, phase = (
            np.stack([voxels(image).astype(np.float32, copy=False) for image in images])
            for images in (self.magnitude, self.phase)
        )
        sources = dict(self.sources)
        if "phase" not in sources:  # loaded by another reader, so maybe as the scanner stores it
            phase, sources["phase"] = phase_in_radians([Scale()], [phase])
        return Acquisition(
            magnitude, phase, self.echo_times, self.field_strength, self.grid, self.imaging_frequency, sources,
            self.protocol,
        )  # fmt: skip


def voxels(image) -> np.ndarray:
    """The voxels of a vtkImageData as an array of shape (k, j, i) that shares its memory and keeps it alive."""
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])


def known_field_strength(node) -> float | None:
    """B0 in T that a sequence or volume was loaded with; None if it does not carry it."""
    return _number(node, FIELD_STRENGTH)


def known_echo_times(sequence) -> tuple[list[float], str]:
    """Echo times in s that a sequence is indexed by, and where they were found.

    Raises
    ------
    ValueError
        If it is not indexed by echo time.
    """
    sources = _known_sources([sequence])
    loaded = f", loaded from {sources['echo_times']}" if "echo_times" in sources else ""
    return _index_values(sequence), f"sequence index{loaded}"


def scan_from_nodes(
    magnitude,
    phase,
    *,
    field_strength: float | None = None,
    echo_times: Sequence[float] | None = None,
    copy: bool = True,
) -> Scan:
    """Take a gradient-echo scan out of the scene.

    Parameters
    ----------
    magnitude, phase : vtkMRMLSequenceNode, vtkMRMLScalarVolumeNode or list of the latter
        A sequence indexed by echo time, the volume of a single echo, or one volume per echo. Phase in rad.
    field_strength : float, optional
        B0 in T. Needed unless the nodes carry it, as those do that were loaded from DICOM or from files with a sidecar.
    echo_times : sequence of float, optional
        In s, one per echo. Needed for volumes; for sequences it replaces the index values.
    copy : bool
        Check and copy the voxels now. Otherwise that happens when `Scan.acquisition` is first asked for.

    Returns
    -------
    Scan

    Raises
    ------
    ValueError
        If the nodes do not form a scan; the sentence says why.
    """
    magnitude_name, magnitude_echoes = _volumes("magnitude", magnitude)
    phase_name, phase_echoes = _volumes("phase", phase)
    if len(magnitude_echoes) != len(phase_echoes):
        raise ValueError(
            f"magnitude has {len(magnitude_echoes)} echo(es) and phase has {len(phase_echoes)}. "
            "Choose a magnitude and a phase of the same scan."
        )
    nodes = [*_listed(magnitude), *_listed(phase)]
    sources = _known_sources(nodes)
    if echo_times is None:
        echo_times = _index_values(magnitude, phase)
        loaded = f", loaded from {sources['echo_times']}" if "echo_times" in sources else ""
        sources["echo_times"] = f"sequence index{loaded}"
    else:
        sources["echo_times"] = "user"
        if len(echo_times) != len(magnitude_echoes):
            raise ValueError(
                f"There are {len(magnitude_echoes)} echo(es), but {len(echo_times)} echo time(s) were given. "
                "Give one echo time per echo."
            )
    carried, frequency = _agreed(nodes, FIELD_STRENGTH, "T"), _agreed(nodes, IMAGING_FREQUENCY, "MHz")
    if field_strength is None:
        field_strength = carried
    elif field_strength != carried:
        frequency, sources["field_strength"] = None, "user"
    if field_strength is None:
        raise ValueError("field_strength is missing: these nodes do not carry it. Give B0 in T, such as 3.0.")

    first = magnitude_echoes[0]
    placed, phase_placed = _placed(magnitude), _placed(phase)
    grid = grid_of(first, placed)
    geometries = [
        *((volume, placed) for volume in magnitude_echoes[1:]),
        *((volume, phase_placed or placed) for volume in phase_echoes),
    ]
    for volume, place in geometries:
        if not grid.same_geometry(grid_of(volume, place)):
            raise ValueError(
                f"Volumes '{first.GetName()}' and '{volume.GetName()}' differ in size, position or orientation. "
                "Choose volumes of the same scan, or resample one to the other."
            )
    first = placed or first
    transform = first.GetParentTransformNode()
    notes = () if transform is None else (
        f"The input lies under transform '{transform.GetName()}': B0 was taken to point along S after it.",
    )
    scan = Scan(
        tuple(volume.GetImageData() for volume in magnitude_echoes),
        tuple(volume.GetImageData() for volume in phase_echoes),
        checked_echo_times(echo_times),
        field_strength,
        frequency,
        grid,
        sources,
        protocol_of([_carried(nodes, PROTOCOL)]),
        _common_name([magnitude_name, phase_name]),
        ijk_to_ras(magnitude_echoes[0]),
        None if transform is None else transform.GetID(),
        tuple(node.GetID() for node in nodes),
        first,
        notes,
    )
    if copy:
        scan.acquisition  # noqa: B018  (made here, and kept)
    return scan


def _listed(node_or_nodes) -> list:
    return list(node_or_nodes) if isinstance(node_or_nodes, (list, tuple)) else [node_or_nodes]


def _placed(given):
    """The volume whose transform places a sequence: that of its browser, if it lies under one."""
    if isinstance(given, (list, tuple)) or not given.IsA("vtkMRMLSequenceNode"):
        return None
    proxy = proxy_of(given)
    return proxy if proxy is not None and proxy.GetParentTransformNode() is not None else None


def _volumes(role: str, given) -> tuple[str, list]:
    """Name of the input and the volume node of each echo."""
    nodes = _listed(given)
    if not nodes or nodes[0] is None:
        raise ValueError(f"{role} is missing. Choose a volume or a sequence of volumes.")
    if len(nodes) == 1 and nodes[0].IsA("vtkMRMLSequenceNode"):
        sequence = nodes[0]
        nodes = [sequence.GetNthDataNode(item) for item in range(sequence.GetNumberOfDataNodes())]
        if not nodes:
            raise ValueError(f"Sequence '{sequence.GetName()}' is empty. Choose a sequence of volumes.")
        name = sequence.GetName()
    else:
        name = _common_name([node.GetName() for node in nodes])
    for node in nodes:
        if not node.IsA("vtkMRMLScalarVolumeNode") or node.IsA("vtkMRMLTensorVolumeNode"):
            raise ValueError(
                f"{role} must be a scalar volume, a list of them, or a sequence of them, but '{node.GetName()}' is a "
                f"{node.GetClassName()}."
            )
    return name, nodes


def _index_values(*nodes) -> list[float]:
    """Echo times in s from the index values of the sequences."""
    times = None
    for sequence in nodes:
        if isinstance(sequence, (list, tuple)) or not sequence.IsA("vtkMRMLSequenceNode"):
            continue
        name = sequence.GetName()
        values, unit = _echo_index(sequence)
        if unit not in _PER_SECOND:
            raise ValueError(
                f"Sequence '{name}' must be indexed by echo time in ms or s, but its index unit is '{unit or ''}'. "
                "Correct it in the Sequences module, or give the echo times."
            )
        try:
            found = [float(value) / _PER_SECOND[unit] for value in values]
        except ValueError:
            raise ValueError(
                f"Sequence '{name}' must be indexed by echo time, but its index values are {', '.join(values)}. "
                "Correct them in the Sequences module, or give the echo times."
            ) from None
        if times is not None and not np.allclose(times, found, rtol=0, atol=1e-6):
            raise ValueError(
                f"The echo times of magnitude, {_in_ms(times)}, and of phase, {_in_ms(found)}, differ. "
                "Choose a magnitude and a phase of the same scan."
            )
        times = found if times is None else times
    if times is None:
        raise ValueError("Echo times are missing: volumes do not carry them. Give one echo time in s per volume.")
    return times


def _number(node, attribute: str) -> float | None:
    """A number that a node carries as attribute."""
    told = node.GetAttribute(attribute) if node else None
    if not told:
        return None
    try:
        return float(told)
    except ValueError:
        raise ValueError(
            f"Attribute {attribute} of '{node.GetName()}' must be a number, but it is '{told}'. Load the scan again."
        ) from None


def _agreed(nodes: Sequence, attribute: str, unit: str) -> float | None:
    """The number that all nodes that carry it agree on."""
    told = {number: node.GetName() for node in nodes if (number := _number(node, attribute)) is not None}
    if len(told) > 1:
        listed = " and ".join(f"{number:g} {unit} for '{name}'" for number, name in told.items())
        raise ValueError(f"{attribute} is {listed}. Choose a magnitude and a phase of the same scan.")
    return next(iter(told), None)


def _known_sources(nodes: Sequence) -> dict[str, str]:
    """Where the facts of a scan were found when it was loaded."""
    sources = _carried(nodes, SOURCES)
    if not all(isinstance(text, str) for text in sources.values()):
        raise ValueError(
            f"Attribute {SOURCES} must be a JSON object of texts, but it is '{json.dumps(sources)}'. "
            "Load the scan again."
        )
    return sources


def _carried(nodes: Sequence, attribute: str) -> dict:
    """The JSON object in an attribute of the first of the nodes that has it; empty if none has."""
    told = next((text for node in nodes if (text := node.GetAttribute(attribute))), "{}")
    try:
        carried = json.loads(told)
    except ValueError:
        carried = None
    if not isinstance(carried, dict):
        raise ValueError(
            f"Attribute {attribute} must be a JSON object of texts, but it is '{told}'. Load the scan again."
        )
    return carried


def _echo_index(sequence) -> tuple[list[str], str]:
    """Index values and unit; without a unit, from the attributes that Slicer's MultiVolumeImporter sets."""
    unit = sequence.GetIndexUnit()
    values = [sequence.GetNthIndexValue(item) for item in range(sequence.GetNumberOfDataNodes())]
    if not unit and sequence.GetAttribute("MultiVolume.FrameIdentifyingDICOMTagName") == "EchoTime":
        labels = (sequence.GetAttribute("MultiVolume.FrameLabels") or "").split(",")
        if len(labels) == len(values):
            return labels, sequence.GetAttribute("MultiVolume.FrameIdentifyingDICOMTagUnits") or "ms"
    return values, unit


def _in_ms(times: Sequence[float]) -> str:
    return ", ".join(f"{1000 * time:g}" for time in times) + " ms"


def _common_name(names: Sequence[str]) -> str:
    """The words that all names begin with; the name itself if there is only one."""
    words = [re.findall(r"[^\s_.-]+[\s_.-]*", name or "") for name in names]
    return "".join(os.path.commonprefix(words)).rstrip(" _.-")
