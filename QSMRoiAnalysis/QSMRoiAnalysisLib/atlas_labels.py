"""Regions from an atlas in the scene: volumes and the folder of an atlas in, a segmentation and a transform out."""

from __future__ import annotations

import colorsys
import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from QSMReconstructionCore import __version__
from QSMReconstructionCore.numerics.crop import bounding_box
from QSMReconstructionCore.progress import Progress, no_progress, part_of
from QSMReconstructionCore.quality.verdict import GOOD, NOT_ASSESSED, Verdict
from QSMReconstructionLib.changes import all_or_nothing, detached_node
from QSMReconstructionLib.geometry import grid_of, ijk_to_ras
from QSMRoiAnalysisCore.atlas.atlas import Terms, read_atlas, read_terms
from QSMRoiAnalysisCore.atlas.labeling import Labeling, label
from QSMRoiAnalysisCore.atlas.registration import read_transforms, write_transform
from QSMRoiAnalysisCore.atlas.subject import Subject
from QSMRoiAnalysisCore.laterality import split_side
from QSMRoiAnalysisCore.maps import UNITS
from QSMRoiAnalysisCore.regions import check_same_grid

from .labeling_process import label_apart
from .maps import map_from_node
from .tables import place_beside

#: Successive hues differ by this part of the circle, so that neighbors in the list of segments differ most.
_GOLDEN_SECTION = 0.6180339887498949


@dataclass(frozen=True, eq=False)
class AtlasLabels:
    """What labeling by an atlas added to the scene.

    Attributes
    ----------
    segmentation : vtkMRMLSegmentationNode
        One segment for each region of the atlas, drawn on the voxels of the map; a segment can be empty. Its attributes
        are a file format: `QSM.Atlas` (name and version), `QSM.AtlasLicense`, `QSM.AtlasCitation`, `QSM.Remarks`
        (sentences) and `QSM.Version`. The node references `QSM.MapNode` and `QSM.AtlasTransform` lead to the nodes.
    transform : vtkMRMLTransformNode
        Hardened on the template of the atlas, it brings it onto the subject, in world coordinates.
    verdicts : tuple of Verdict
        On the registration and the regions.
    """

    segmentation: object
    transform: object
    verdicts: tuple[Verdict, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not good, in sentences."""
        return tuple(one.sentence for one in self.verdicts if one.level not in (GOOD, NOT_ASSESSED))


def label_from_atlas(
    volume, folder: str | os.PathLike, *, magnitude=None, t1w=None, transform=None, progress: Progress = no_progress,
    apart: bool = False,
) -> AtlasLabels:
    """Label the regions of a map by an atlas, and add them to the scene.

    Parameters
    ----------
    volume : vtkMRMLScalarVolumeNode
        Susceptibility map, under linear transforms at most. It is not resampled.
    folder : path
        Of the atlas, with its `atlas.json`.
    magnitude : vtkMRMLScalarVolumeNode, optional
        Of the same scan, on the voxels of the map.
    t1w : vtkMRMLScalarVolumeNode, optional
        A T1-weighted image of the subject, on any voxels.
    transform : vtkMRMLTransformNode, optional
        Brings the template onto the subject, as BRAINSFit and Elastix make it with the subject as the fixed volume.
        Nothing is registered then.
    progress : callable
        Called with the fraction done and a message; may raise `Cancelled`.
    apart : bool
        Compute in a process of its own, and call `progress` many times a second meanwhile.

    Returns
    -------
    AtlasLabels

    Raises
    ------
    ValueError, Cancelled
        If the data cannot be labeled, or `progress` cancelled. The scene is then as it was.
    """
    subject = _subject(volume, magnitude, t1w)
    given = None if transform is None else _to_template(transform)
    terms = read_terms(folder)
    progress(0.0, "reading the atlas")
    compute = label_apart if apart else _label_here
    found = compute(subject, folder, given, part_of(progress, 0.05, 0.95))
    progress(0.95, "adding the segments")
    if not volume.GetScene():  # removed meanwhile, by a user who was not made to wait
        raise ValueError(f"The map '{volume.GetName()}' was removed while it was labeled. Nothing was added.")
    with all_or_nothing(slicer.mrmlScene):
        node = transform or _add_transform(found, f"{volume.GetName()} {terms.name} transform")
        labels = AtlasLabels(_add_segmentation(found, terms, volume), node, found.verdicts)
        _set_provenance(labels, terms, volume)
        for added in (labels.segmentation, node):
            place_beside(added, volume)
        progress(1.0, "")
    return labels


def _label_here(subject: Subject, folder: str | os.PathLike, transform, progress: Progress) -> Labeling:
    return label(subject, read_atlas(folder), transform=transform, progress=progress)


def _subject(volume, magnitude, t1w) -> Subject:
    """Copies of what the nodes hold, in world coordinates: the nodes may change while it is labeled."""
    susceptibility, grid = map_from_node(volume), grid_of(volume)
    if magnitude is not None:
        check_same_grid(f"magnitude ({magnitude.GetName()})", grid_of(magnitude), grid)
    return Subject(
        (susceptibility.values / np.float32(UNITS[susceptibility.unit])).astype(np.float32),
        grid,
        None if magnitude is None else slicer.util.arrayFromVolume(magnitude).astype(np.float32),
        None if t1w is None else slicer.util.arrayFromVolume(t1w).astype(np.float32),
        None if t1w is None else grid_of(t1w),
        susceptibility.mask,
    )


def _to_template(node):
    """The transform of a node, from points of the subject to points of the template, as one of SimpleITK."""
    if node.GetParentTransformNode():
        raise ValueError(
            f"Transform '{node.GetName()}' lies under '{node.GetParentTransformNode().GetName()}'. Harden it first."
        )
    with TemporaryDirectory() as home:
        path = Path(home) / "transform.h5"
        storage = slicer.vtkMRMLTransformStorageNode()
        storage.SetFileName(str(path))
        if not storage.WriteData(node):
            raise ValueError(f"Transform '{node.GetName()}' cannot be written as ITK reads it. Choose another one.")
        return read_transforms([path])


def _add_transform(found: Labeling, name: str):
    """A node of the registration. It is read as Slicer reads the file that the command line writes."""
    node = detached_node("vtkMRMLTransformNode")
    with TemporaryDirectory() as home:
        path = Path(home) / "transform.h5"
        write_transform(path, found.transform)
        storage = slicer.vtkMRMLTransformStorageNode()
        storage.SetFileName(str(path))
        if not storage.ReadData(node):
            raise ValueError("The transform of the registration cannot be read by Slicer. Look at its error log.")
    node.SetName(slicer.mrmlScene.GenerateUniqueName(name))
    return slicer.mrmlScene.AddNode(node)


def _add_segmentation(found: Labeling, terms: Terms, volume):
    """A segmentation whose segments share one image of labels, since they do not overlap."""
    image = _label_image(found.labels, ijk_to_ras(volume))
    representation = slicer.vtkSegmentationConverter.GetBinaryLabelmapRepresentationName()
    node = detached_node("vtkMRMLSegmentationNode")
    structures = list(dict.fromkeys(split_side(name)[0] for name in found.names.values()))
    for value, name in sorted(found.names.items()):
        segment = slicer.vtkSegment()
        segment.SetName(name)
        segment.SetLabelValue(value)
        hue = structures.index(split_side(name)[0]) * _GOLDEN_SECTION % 1  # both sides have the same color
        segment.SetColor(*colorsys.hsv_to_rgb(hue, 0.6, 0.9))
        segment.AddRepresentation(representation, image)
        node.GetSegmentation().AddSegment(segment)
    node.SetName(slicer.mrmlScene.GenerateUniqueName(f"{volume.GetName()} {terms.name} regions"))
    slicer.mrmlScene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
    return node


def _label_image(labels: np.ndarray, matrix: np.ndarray):
    """The labels within the box around them, as segments hold them."""
    image = slicer.vtkOrientedImageData()
    if labels.any():
        box = bounding_box(labels != 0)
        image.SetExtent([end for axis in box[::-1] for end in (axis.start, axis.stop - 1)])
        image.AllocateScalars(vtk.VTK_INT, 1)
        vtk_to_numpy(image.GetPointData().GetScalars())[:] = labels[box].ravel()
    image.SetImageToWorldMatrix(slicer.util.vtkMatrixFromArray(matrix))
    return image


def _set_provenance(labels: AtlasLabels, terms: Terms, volume) -> None:
    node = labels.segmentation
    node.SetNodeReferenceID("QSM.MapNode", volume.GetID())
    node.SetNodeReferenceID("QSM.AtlasTransform", labels.transform.GetID())
    attributes = {
        "QSM.Atlas": f"{terms.name} {terms.version}".strip(),
        "QSM.AtlasLicense": terms.license,
        "QSM.AtlasCitation": terms.citation,
        "QSM.Remarks": " ".join(labels.notes),
        "QSM.Version": __version__,
    }
    for name, value in attributes.items():
        node.SetAttribute(name, value)
