"""Regions from an atlas on a real MRML scene: nodes and a folder in, a segmentation and a transform out."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  (its own name for itself)
import slicer
import vtk

import small_atlas
import standin
from QSMReconstructionCore.progress import Cancelled
from QSMRoiAnalysisLib import atlas_labels
from small_atlas import NUCLEI


@dataclass
class Study:
    """A subject in the scene, and what is true of it."""

    folder: Path
    map: object
    magnitude: object
    labels: np.ndarray
    truth: sitk.Transform


@pytest.fixture(scope="module")
def head():
    return small_atlas.phantom()


@pytest.fixture(scope="module")
def folder(head, tmp_path_factory):
    return small_atlas.write_atlas(tmp_path_factory.mktemp("atlases") / "phantom", head)


@pytest.fixture
def study(scene, head, folder):
    standin.install(scene)
    slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)  # made on demand here, always there in Slicer
    susceptibility, magnitude, labels, truth, grid = small_atlas.moved(head)
    nodes = [
        slicer.util.addVolumeFromArray(values.astype(np.float32), ijkToRAS=grid.ijk_to_ras, name=name)
        for values, name in ((susceptibility, "Chi"), (magnitude, "Magnitude"))
    ]
    return Study(folder, *nodes, labels, truth)


@pytest.fixture
def logic(study):
    module = standin.load_module(Path(__file__).resolve().parents[2] / "QSMRoiAnalysis" / "QSMRoiAnalysis.py")
    return module.QSMRoiAnalysisLogic()


def transform_node(transform, path, name="Made elsewhere"):
    """A node of the scene as Slicer reads it from a file of ITK."""
    sitk.WriteTransform(transform, str(path))
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", name)
    storage = slicer.vtkMRMLTransformStorageNode()
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    return node


def contents():
    """All that tells one state of the scene from another."""
    nodes = [slicer.mrmlScene.GetNthNode(n) for n in range(slicer.mrmlScene.GetNumberOfNodes())]
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    items = vtk.vtkIdList()
    hierarchy.GetItemChildren(hierarchy.GetSceneItemID(), items, True)
    return [(node.GetID(), node.GetName()) for node in nodes], items.GetNumberOfIds()


def dice(segmentation, study):
    """Mean overlap of the segments with the regions as they are."""
    overlaps = []
    segments = segmentation.GetSegmentation()
    for segment_id, value in zip(segments.GetSegmentIDs(), NUCLEI):
        found = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment_id, study.map) > 0
        true = study.labels == value
        overlaps.append(2 * (found & true).sum() / (found.sum() + true.sum()))
    return np.mean(overlaps)


def test_regions_become_segments_and_the_registration_a_transform(study, logic):
    labels = logic.labelFromAtlas(study.map, study.folder, magnitude=study.magnitude)
    segmentation = labels.segmentation
    segments = segmentation.GetSegmentation()
    names = [segments.GetSegment(segment_id).GetName() for segment_id in segments.GetSegmentIDs()]
    assert names == list(NUCLEI.values()) and segments.GetNumberOfLayers() == 1
    assert dice(segmentation, study) > 0.8
    assert segmentation.GetAttribute("QSM.Atlas") == "Phantom atlas 1"
    assert segmentation.GetAttribute("QSM.AtlasLicense") == "CC0 1.0"
    assert segmentation.GetAttribute("QSM.AtlasCitation") == "Nobody, Journal of Phantoms 2026"
    assert segmentation.GetNodeReference("QSM.MapNode") is study.map
    assert segmentation.GetNodeReference("QSM.AtlasTransform") is labels.transform
    assert segmentation.GetAttribute("QSM.Remarks") == " ".join(labels.notes)
    assert {verdict.name for verdict in labels.verdicts} >= {"deformation", "brain_overlap", "sides"}


def test_a_process_of_its_own_labels_as_this_one_does_and_reports_meanwhile(study, logic):
    here = logic.labelFromAtlas(study.map, study.folder, magnitude=study.magnitude)
    reports = []
    apart = logic.labelFromAtlas(
        study.map, study.folder, magnitude=study.magnitude, apart=True,
        progress=lambda *said: reports.append((time.monotonic(), *said)),
    )  # fmt: skip
    nodes = here.segmentation, apart.segmentation
    for pair in zip(*(node.GetSegmentation().GetSegmentIDs() for node in nodes), strict=True):
        first, second = (
            slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, study.map)
            for node, segment_id in zip(nodes, pair)
        )
        # The registration sums over threads in no fixed order, so that two runs differ by rounding.
        assert first.any() and np.count_nonzero(first != second) <= 0.01 * np.count_nonzero(first)
    for one, other in zip(here.verdicts, apart.verdicts, strict=True):
        assert (one.name, one.level, one.explanation) == (other.name, other.level, other.explanation)
        assert one.value == other.value or one.value == pytest.approx(other.value, rel=1e-2)
    times, fractions, messages = zip(*reports)
    assert np.median(np.diff(times)) < 0.1 and len(set(messages)) > 4
    assert list(fractions) == sorted(fractions) and fractions[-1] == 1


def test_what_the_process_of_its_own_refuses_is_said_in_its_sentence(study, logic, tmp_path):
    shutil.copytree(study.folder, tmp_path / "atlas")
    (tmp_path / "atlas" / "labels.nii.gz").unlink()
    before = contents()
    with pytest.raises(ValueError, match="labels.nii.gz does not exist, but atlas.json names it"):
        logic.labelFromAtlas(study.map, tmp_path / "atlas", magnitude=study.magnitude, apart=True)
    assert contents() == before


def test_hardened_on_the_template_the_transform_brings_it_onto_the_subject(study, logic, head):
    matrix = slicer.util.arrayFromVTKMatrix(_matrix(study.map))
    image = np.float32(head.acquisition.magnitude[2])
    template = slicer.util.addVolumeFromArray(image, ijkToRAS=matrix, name="Template")
    subject = slicer.util.arrayFromVolume(study.magnitude).ravel()
    labels = logic.labelFromAtlas(study.map, study.folder, magnitude=study.magnitude)
    template.SetAndObserveTransformNodeID(labels.transform.GetID())
    assert template.HardenTransform()
    hardened = _on_voxels_of(study.map, template).ravel()
    assert np.corrcoef(hardened, subject)[0, 1] > 0.9 > np.corrcoef(image.ravel(), subject)[0, 1]


def _matrix(volume):
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return matrix


def _on_voxels_of(volume, other):
    """Values of another volume at the voxels of a volume, 0 beyond it."""
    to_other = vtk.vtkMatrix4x4()
    other.GetRASToIJKMatrix(to_other)
    matrix = slicer.util.arrayFromVTKMatrix(to_other) @ slicer.util.arrayFromVTKMatrix(_matrix(volume))
    values = slicer.util.arrayFromVolume(other)
    shape = slicer.util.arrayFromVolume(volume).shape
    index = np.argwhere(np.ones(shape))[:, ::-1] @ matrix[:3, :3].T + matrix[:3, 3]
    nearest = np.rint(index).astype(int)[:, ::-1]
    inside = np.all((nearest >= 0) & (nearest < values.shape), axis=1)
    found = np.zeros(len(nearest))
    found[inside] = values[tuple(nearest[inside].T)]
    return found.reshape(shape)


def test_the_transform_is_that_of_the_core_and_brings_points_of_the_template_to_the_subject(
    study, logic, monkeypatch
):
    found, label = [], atlas_labels.label
    monkeypatch.setattr(atlas_labels, "label", lambda *data, **more: found.append(label(*data, **more)) or found[0])
    labels = logic.labelFromAtlas(study.map, study.folder, magnitude=study.magnitude)
    to_subject = labels.transform.GetTransformToParent()
    for point in ((20.0, 10.0, 5.0), (-25.0, 0.0, 15.0)):
        lps = np.array(study.truth.GetInverse().TransformPoint((-point[0], -point[1], point[2])))
        expected = lps * [-1, -1, 1]
        off = np.linalg.norm(np.subtract(to_subject.TransformPoint(point), expected))
        assert off < 3 < np.linalg.norm(np.subtract(point, expected))
        core = np.array(found[0].transform.TransformPoint((-point[0], -point[1], point[2]))) * [-1, -1, 1]
        assert labels.transform.GetTransformFromParent().TransformPoint(point) == pytest.approx(core, abs=0.1)
    assert found[0].transform.GetNumberOfTransforms() == 2  # a deformation too


def test_a_transform_made_elsewhere_is_used_as_it_is(study, logic, tmp_path):
    node = transform_node(study.truth, tmp_path / "truth.h5")
    labels = logic.labelFromAtlas(study.map, study.folder, transform=node)
    assert labels.transform is node and dice(labels.segmentation, study) == 1.0
    assert "made elsewhere" in labels.verdicts[0].explanation


def test_a_map_that_was_moved_takes_its_regions_along(study, logic, tmp_path):
    to_template = transform_node(study.truth, tmp_path / "truth.h5")
    shift = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Shift")
    matrix = np.eye(4)
    matrix[:3, 3] = 6, -4, 8
    shift.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    study.map.SetAndObserveTransformNodeID(shift.GetID())
    both = slicer.vtkMRMLTransformNode()
    both.CopyContent(to_template)
    both.ApplyTransformMatrix(slicer.util.vtkMatrixFromArray(matrix))
    slicer.mrmlScene.AddNode(both)
    labels = logic.labelFromAtlas(study.map, study.folder, transform=both)
    assert labels.segmentation.GetParentTransformNode() is shift
    assert dice(labels.segmentation, study) > 0.99


def test_labels_lie_beside_the_map_in_the_subject_hierarchy(study, logic, tmp_path):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    parent = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "Subject QSM")
    hierarchy.CreateItem(parent, study.map)
    node = transform_node(study.truth, tmp_path / "truth.h5")
    labels = logic.labelFromAtlas(study.map, study.folder, transform=node)
    assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(labels.segmentation)) == parent


@pytest.mark.parametrize("when", [0.0, 0.4, 0.95, 1.0])
def test_cancelling_leaves_the_scene_as_it_was(study, logic, when):
    def progress(fraction, message):
        if fraction >= when:
            raise Cancelled

    before = contents()
    with pytest.raises(Cancelled):
        logic.labelFromAtlas(study.map, study.folder, magnitude=study.magnitude, progress=progress)
    assert contents() == before


def test_what_cannot_be_labeled_is_said_and_leaves_the_scene_as_it_was(study, logic, tmp_path):
    other = slicer.util.addVolumeFromArray(np.ones((3, 4, 5), np.float32), name="Other")
    node = transform_node(study.truth, tmp_path / "truth.h5")
    node.SetAndObserveTransformNodeID(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "P").GetID())
    before = contents()
    for change, reason in (
        ({"atlasFolder": tmp_path}, "has no atlas.json"),
        ({"magnitude": other}, r"magnitude \(Other\)"),
        ({"transform": node}, "lies under 'P'. Harden it first"),
    ):
        with pytest.raises(ValueError, match=reason):
            logic.labelFromAtlas(**{"mapNode": study.map, "atlasFolder": study.folder, **change})
    assert contents() == before


def test_a_map_that_is_removed_meanwhile_is_named(study, logic):
    def progress(fraction, message):
        if fraction > 0.4 and study.map.GetScene():
            slicer.mrmlScene.RemoveNode(study.map)

    with pytest.raises(ValueError, match="'Chi' was removed"):
        logic.labelFromAtlas(study.map, study.folder, magnitude=study.magnitude, progress=progress)
    assert not slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
