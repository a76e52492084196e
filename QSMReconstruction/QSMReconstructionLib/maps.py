"""A finished reconstruction becomes nodes of the scene, all of them or none."""

from __future__ import annotations

import json
from dataclasses import dataclass

import slicer
from slicer.i18n import tr as _

from QSMReconstructionCore import __version__
from QSMReconstructionCore.pipeline import Reconstruction

from .changes import all_or_nothing
from .echoes import Scan
from .masks import add_segmentation

_PPM = ("[ppm]", "UCUM", "parts per million")
_PER_SECOND = ("/s", "UCUM", "per second")
_NO_UNIT = ("1", "UCUM", "no units")
_FIELD = ("110807", "DCM", "Field Map MR Signal Intensity")


@dataclass(frozen=True)
class _Map:
    """How a map is called, measured and shown. Codes are those of DICOM context group 7469 and of UCUM."""

    title: str
    unit: tuple[str, str, str]
    quantity: tuple[str, str, str] | None
    window: tuple[float, float]


_MAPS = {
    "susceptibility": _Map("susceptibility", _PPM, ("126396", "DCM", "Magnetic Susceptibility"), (-0.15, 0.15)),
    "r2star": _Map("R2*", _PER_SECOND, ("126395", "DCM", "R2*"), (0.0, 60.0)),
    "localField": _Map("local field", _PPM, _FIELD, (-0.05, 0.05)),
    "totalField": _Map("total field", _PPM, _FIELD, (-1.0, 1.0)),
    "fieldNoise": _Map("field noise", _PPM, None, (0.0, 0.02)),
    "quality": _Map("phase quality", _NO_UNIT, None, (0.0, 1.0)),
}


@dataclass(frozen=True, eq=False)
class ReconstructionNodes:
    """The nodes of a reconstruction.

    Attributes
    ----------
    susceptibility, totalField, localField, fieldNoise : vtkMRMLScalarVolumeNode
        Maps in ppm.
    quality : vtkMRMLScalarVolumeNode
        Coherence of the phase, from 0 to 1.
    r2star : vtkMRMLScalarVolumeNode or None
        In 1/s; None for a single echo.
    mask : vtkMRMLSegmentationNode
        The brain, where susceptibility is defined. It can be corrected in Segment Editor and handed in again.
    reconstruction : Reconstruction
        What the core returned, with its arrays, recipe and reference.
    notes : tuple of str
        What the user should know about this result, in sentences.
    """

    susceptibility: object
    totalField: object
    localField: object
    fieldNoise: object
    quality: object
    r2star: object | None
    mask: object
    reconstruction: Reconstruction
    notes: tuple[str, ...]

    def summary(self) -> str:
        """The result in a few lines for the user: name, unit, reference, notes."""
        reference = self.reconstruction.reference
        lines = [
            _("Result: {name}, in ppm").format(name=self.susceptibility.GetName()),
            _("Reference: {region}, mean {mean:.4f} ppm, sd {sd:.4f} ppm").format(
                region=reference.region, mean=reference.mean, sd=reference.sd
            ),
        ]
        return "\n".join((*lines, *self.notes))


def add_to_scene(reconstruction: Reconstruction, scan: Scan) -> ReconstructionNodes:
    """Add the maps and the mask of a reconstruction to the scene, in a folder beside its input.

    Every map has the geometry of the input, its unit, a gray window and these attributes, which are a file format:
    `QSM.Map` (key of the map, for instance "susceptibility"), `QSM.Recipe` (JSON), `QSM.FieldStrength` (T),
    `QSM.EchoTimes` (s, separated by spaces), `QSM.InputIdentity` (SHA-256 of the scan), `QSM.Version` (of this
    software), `QSM.Notes` (sentences), and on the susceptibility map `QSM.Reference` (region), `QSM.ReferenceMean`,
    `QSM.ReferenceSD` (ppm) and `QSM.ReferenceVoxels`.

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
    arrays = {
        "susceptibility": reconstruction.susceptibility,
        "r2star": reconstruction.r2star,
        "localField": reconstruction.local_field.field,
        "totalField": reconstruction.field_map.field,
        "fieldNoise": reconstruction.field_map.noise,
        "quality": reconstruction.field_map.quality,
    }
    notes = (*scan.notes, *reconstruction.notes)
    with all_or_nothing(slicer.mrmlScene):
        nodes = {key: None if array is None else _add_map(key, array, scan) for key, array in arrays.items()}
        mask = add_segmentation(_title(scan, "brain mask"), reconstruction.mask, nodes["susceptibility"])
        for node in filter(None, (*nodes.values(), mask)):
            _set_attributes(node, _provenance(reconstruction, scan, notes))
        _set_attributes(nodes["susceptibility"], _reference(reconstruction))
        _put_in_folder([*filter(None, nodes.values()), mask], scan)
    return ReconstructionNodes(**nodes, mask=mask, reconstruction=reconstruction, notes=notes)


def _add_map(key: str, array, scan: Scan):
    kind = _MAPS[key]
    node = slicer.util.addVolumeFromArray(array, scan.ijk_to_ras, _title(scan, kind.title))
    if scan.transform_id and slicer.mrmlScene.GetNodeByID(scan.transform_id):
        node.SetAndObserveTransformNodeID(scan.transform_id)
    node.SetVoxelValueUnits(_coded(kind.unit))
    if kind.quantity:
        node.SetVoxelValueQuantity(_coded(kind.quantity))
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(*kind.window)
    node.SetAttribute("QSM.Map", key)
    return node


def _title(scan: Scan, what: str) -> str:
    return slicer.mrmlScene.GenerateUniqueName(f"{scan.name} {what}".strip())


def _coded(entry: tuple[str, str, str]):
    coded = slicer.vtkCodedEntry()
    coded.SetValueSchemeMeaning(*entry)
    return coded


def _provenance(reconstruction: Reconstruction, scan: Scan, notes: tuple[str, ...]) -> dict[str, str]:
    acquisition = scan.acquisition
    return {
        "QSM.Recipe": json.dumps(reconstruction.recipe.stages),
        "QSM.FieldStrength": f"{acquisition.field_strength:g}",
        "QSM.EchoTimes": " ".join(f"{time:g}" for time in acquisition.echo_times),
        "QSM.InputIdentity": reconstruction.input_identity,
        "QSM.Version": __version__,
        "QSM.Notes": " ".join(notes),
    }


def _reference(reconstruction: Reconstruction) -> dict[str, str]:
    reference = reconstruction.reference
    return {
        "QSM.Reference": reference.region,
        "QSM.ReferenceMean": f"{reference.mean:.6g}",
        "QSM.ReferenceSD": f"{reference.sd:.6g}",
        "QSM.ReferenceVoxels": str(reference.voxels),
    }


def _set_attributes(node, attributes: dict[str, str]) -> None:
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
