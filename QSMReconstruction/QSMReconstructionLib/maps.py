"""A finished reconstruction becomes nodes of the scene, all of them or none."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import slicer
from slicer.i18n import tr as _

from QSMReconstructionCore import __version__
from QSMReconstructionCore.io.provenance import OUTPUTS, provenance_of
from QSMReconstructionCore.reconstruction import Reconstruction

from .changes import all_or_nothing, detached_node
from .echoes import Scan
from .masks import detached_segmentation, put_segmentation_in_scene
from .reports import add_report

_UNITS = {
    "ppm": ("[ppm]", "UCUM", "parts per million"),
    "1/s": ("/s", "UCUM", "per second"),
    "": ("1", "UCUM", "no units"),
}
_FIELD = ("110807", "DCM", "Field Map MR Signal Intensity")


#: Role of the reference from a susceptibility map to the magnitude it was made from. It is a file format.
MAGNITUDE = "qsmMagnitude"


@dataclass(frozen=True)
class _Display:
    """How a map is called and shown in the scene. The code is one of DICOM context group 7469."""

    key: str
    title: str
    window: tuple[float, float]
    quantity: tuple[str, str, str] | None = None


#: By the names of `QSMReconstructionCore.io.provenance.OUTPUTS`. The keys are a file format.
_DISPLAYS = {
    "chimap": _Display(
        "susceptibility", "susceptibility", (-0.15, 0.15), ("126396", "DCM", "Magnetic Susceptibility")
    ),
    "r2star": _Display("r2star", "R2*", (0.0, 60.0), ("126395", "DCM", "R2*")),
    "localfield": _Display("localField", "local field", (-0.05, 0.05), _FIELD),
    "totalfield": _Display("totalField", "total field", (-1.0, 1.0), _FIELD),
    "fieldnoise": _Display("fieldNoise", "field noise", (0.0, 0.02)),
    "quality": _Display("quality", "phase quality", (0.0, 1.0)),
}
_OUTPUTS = {output.name: output for output in OUTPUTS}


@dataclass(frozen=True, eq=False)
class Result:
    """What a reconstruction has found, wherever it was computed.

    Attributes
    ----------
    maps : dict of ndarray, shape (k, j, i)
        By the names of `QSMReconstructionCore.io.provenance.OUTPUTS`, without the mask.
    mask : ndarray, bool, shape (k, j, i)
        The brain.
    provenance : dict
        As `QSMReconstructionCore.io.provenance.provenance_of` gives it.
    verdicts : list of dict
        As `QSMReconstructionCore.quality.Verdict.as_dict` gives them.
    report : str
        A page of HTML about scan, maps and methods; empty if there is none.
    """

    maps: Mapping[str, np.ndarray]
    mask: np.ndarray
    provenance: dict
    verdicts: list[dict]
    report: str = ""


@dataclass(frozen=True, eq=False)
class ReconstructionNodes:
    """The nodes of a reconstruction.

    Attributes
    ----------
    maps : dict of vtkMRMLScalarVolumeNode
        By their attribute `QSM.Map`; the usual ones are also attributes: `susceptibility`, `totalField`, `localField`,
        `fieldNoise` in ppm, `quality` of the phase from 0 to 1, and `r2star` in 1/s. None for a map there is not.
    mask : vtkMRMLSegmentationNode
        The brain, where susceptibility is defined. It can be corrected in Segment Editor and handed in again.
    provenance : dict
        How the maps came about.
    notes : tuple of str
        What the user should know about this result, in sentences.
    reconstruction : Reconstruction or None
        What the core returned, if it ran in this process.
    """

    maps: dict[str, object]
    mask: object
    provenance: dict
    notes: tuple[str, ...]
    reconstruction: Reconstruction | None = None

    susceptibility = property(lambda self: self.maps.get("susceptibility"))
    totalField = property(lambda self: self.maps.get("totalField"))
    localField = property(lambda self: self.maps.get("localField"))
    fieldNoise = property(lambda self: self.maps.get("fieldNoise"))
    quality = property(lambda self: self.maps.get("quality"))
    r2star = property(lambda self: self.maps.get("r2star"))

    def summary(self) -> str:
        """The result in a few lines for the user: name, unit, reference, notes."""
        reference = self.provenance["Reference"]
        lines = [
            _("Result: {name}, in ppm").format(name=self.susceptibility.GetName()),
            _("Reference: {region}, mean {mean:.4f} ppm, sd {sd:.4f} ppm").format(
                region=reference["region"], mean=reference["mean"], sd=reference["sd"]
            ),
        ]
        return "\n".join((*lines, *self.notes))


def add_to_scene(reconstruction: Reconstruction, scan: Scan) -> ReconstructionNodes:
    """Add the maps and the mask of a reconstruction to the scene, in a folder beside its input.

    Every map has the geometry of the input, its unit, a gray window and these attributes, which are a file format:
    `QSM.Map` (key of the map, for instance "susceptibility"), `QSM.Recipe` (JSON), `QSM.FieldStrength` (T),
    `QSM.EchoTimes` (s, separated by spaces), `QSM.InputIdentity` (SHA-256 of the scan), `QSM.Version` (of this
    software), `QSM.Notes` (sentences), and on the susceptibility map `QSM.Reference` (region), `QSM.ReferenceMean`,
    `QSM.ReferenceSD`, `QSM.ReferenceSubtracted` (ppm), `QSM.ReferenceVoxels` and `QSM.Verdicts` (JSON).

    Parameters
    ----------
    reconstruction : Reconstruction
        From the pipeline.
    scan : Scan
        What it was made from.

    Returns
    -------
    ReconstructionNodes
    """
    maps = {
        "chimap": reconstruction.susceptibility,
        "r2star": reconstruction.r2star,
        "localfield": reconstruction.local_field.field,
        "totalfield": reconstruction.field_map.field,
        "fieldnoise": reconstruction.field_map.noise,
        "quality": reconstruction.field_map.quality,
    }
    found = {name: array for name, array in maps.items() if array is not None}
    verdicts = [verdict.as_dict() for verdict in reconstruction.verdicts]
    result = Result(found, reconstruction.mask, provenance_of(reconstruction, scan.acquisition), verdicts)
    prepared = PreparedNodes(scan)
    for _piece in prepared.prepare(result):
        continue
    return prepared.put_in_scene(reconstruction)


@dataclass(eq=False)
class PreparedNodes:
    """Nodes of a result that are not in the scene yet, so that preparing them can be interrupted and given up.

    Attributes
    ----------
    scan : Scan
        What the result was made from.
    """

    scan: Scan
    _maps: dict[str, tuple] = field(default_factory=dict)
    _mask: object = None
    _provenance: dict = field(default_factory=dict)
    _verdicts: list[dict] = field(default_factory=list)
    _report: str = ""

    def prepare(self, result: Result) -> Iterator[None]:
        """Prepare the nodes of a result, one between two items of the iterator."""
        self._provenance, self._verdicts, self._report = result.provenance, result.verdicts, result.report
        for name in result.maps:  # a mapping may read an array when it is asked for it
            self._maps[name] = _detached_map(name, result.maps[name], self.scan)
            yield
        self._mask = detached_segmentation(result.mask, self.scan.ijk_to_ras)
        yield

    def put_in_scene(self, reconstruction: Reconstruction | None = None) -> ReconstructionNodes:
        """Add the nodes to the scene, in a folder beside the input: all of them, or none."""
        scan, scene = self.scan, slicer.mrmlScene
        notes = (*scan.notes, *self._provenance["Notes"])
        scene.SaveStateForUndo()
        with all_or_nothing(scene):
            maps = {}
            for name, (volume, display) in self._maps.items():
                volume.SetAndObserveDisplayNodeID(scene.AddNode(display).GetID())
                volume.SetName(_title(scan, _display(name).title))
                if scan.transform_id and scene.GetNodeByID(scan.transform_id):
                    volume.SetAndObserveTransformNodeID(scan.transform_id)
                maps[volume.GetAttribute("QSM.Map")] = scene.AddNode(volume)
            mask = put_segmentation_in_scene(self._mask, _title(scan, "brain mask"), maps["susceptibility"])
            nodes = [*maps.values(), mask]
            if self._report:
                nodes.append(add_report(self._report, _title(scan, "report"), maps["susceptibility"]))
            for node in nodes:
                set_attributes(node, _attributes(self._provenance, notes))
            set_attributes(maps["susceptibility"], reference_attributes(self._provenance["Reference"]))
            maps["susceptibility"].SetAttribute("QSM.Verdicts", json.dumps(self._verdicts))
            if scan.node_ids and scene.GetNodeByID(scan.node_ids[0]):
                maps["susceptibility"].SetNodeReferenceID(MAGNITUDE, scan.node_ids[0])
            _put_in_folder(nodes, scan)
        return ReconstructionNodes(maps, mask, self._provenance, notes, reconstruction)


def title_of(name: str) -> str:
    """How nodes of a map are called, by its name in `QSMReconstructionCore.io.provenance.OUTPUTS`."""
    return _display(name).title


def _display(name: str) -> _Display:
    return _DISPLAYS.get(name) or _Display(name, _OUTPUTS[name].description, (0.0, 0.0))


def _detached_map(name: str, array: np.ndarray, scan: Scan) -> tuple:
    """Volume and display node of a map."""
    kind = _display(name)
    volume = detached_node("vtkMRMLScalarVolumeNode")
    volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(scan.ijk_to_ras))
    slicer.util.updateVolumeFromArray(volume, array)
    volume.SetVoxelValueUnits(_coded(_UNITS[_OUTPUTS[name].unit]))
    if kind.quantity:
        volume.SetVoxelValueQuantity(_coded(kind.quantity))
    volume.SetAttribute("QSM.Map", kind.key)
    display = detached_node("vtkMRMLScalarVolumeDisplayNode")
    display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")
    if kind.window != (0.0, 0.0):
        display.SetAutoWindowLevel(False)
        display.SetWindowLevelMinMax(*kind.window)
    return volume, display


def _title(scan: Scan, what: str) -> str:
    return slicer.mrmlScene.GenerateUniqueName(f"{scan.name} {what}".strip())


def _coded(entry: tuple[str, str, str]):
    coded = slicer.vtkCodedEntry()
    coded.SetValueSchemeMeaning(*entry)
    return coded


def _attributes(provenance: dict, notes: tuple[str, ...]) -> dict[str, str]:
    return {
        "QSM.Recipe": json.dumps(provenance["Recipe"]),
        "QSM.FieldStrength": f"{provenance['MagneticFieldStrength']:g}",
        "QSM.EchoTimes": " ".join(f"{time:g}" for time in provenance["EchoTime"]),
        "QSM.InputIdentity": provenance["InputIdentity"],
        "QSM.Version": __version__,
        "QSM.Notes": " ".join(notes),
    }


def reference_attributes(reference: dict) -> dict[str, str]:
    """The attributes of a susceptibility map that tell its reference."""
    return {
        "QSM.Reference": reference["region"],
        "QSM.ReferenceMean": f"{reference['mean']:.9g}",
        "QSM.ReferenceSD": f"{reference['sd']:.9g}",
        "QSM.ReferenceSubtracted": f"{reference['subtracted']:.9g}",
        "QSM.ReferenceVoxels": str(reference["voxels"]),
    }


def set_attributes(node, attributes: dict[str, str]) -> None:
    """Set several attributes of a node."""
    for name, value in attributes.items():
        node.SetAttribute(name, value)


def _put_in_folder(nodes: list, scan: Scan) -> None:
    """Gather nodes in a subject hierarchy folder beside the first input node that is still in the scene."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    parent = hierarchy.GetSceneItemID()
    for input_node in filter(None, map(slicer.mrmlScene.GetNodeByID, scan.node_ids)):
        item = hierarchy.GetItemByDataNode(input_node)
        parent = hierarchy.GetItemParent(item) if item else parent
        break
    folder = hierarchy.CreateFolderItem(parent, f"{scan.name} QSM".strip())
    for node in nodes:
        item = hierarchy.GetItemByDataNode(node)  # the application has made one; without it there is none yet
        if item:
            hierarchy.SetItemParent(item, folder)
        else:
            hierarchy.CreateItem(folder, node)
