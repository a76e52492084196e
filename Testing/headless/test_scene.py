"""The headless scene behaves as Slicer's."""

import numpy as np
import slicer
import vtk

from headless.scene import MODULE_LOGICS, start


def add_volume(name="volume", shape=(4, 5, 6)):
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    ijk_to_ras = np.array([[-2.0, 0, 0, 10], [0, 0, 3, 20], [0, 1.5, 0, 30], [0, 0, 0, 1]])
    return slicer.util.addVolumeFromArray(values, ijkToRAS=ijk_to_ras, name=name), values, ijk_to_ras


def test_starting_again_returns_the_same_session(session):
    assert start() is session
    assert slicer.mrmlScene is session.scene


def test_starting_reports_nothing(run_python):
    done = run_python("from headless.scene import start; start()")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_module_logic_is_found_by_its_name(session):
    for name in MODULE_LOGICS:
        logic = session.application.GetModuleLogic(name)
        assert logic.GetMRMLScene() is session.scene
        assert getattr(slicer.modules, name.lower()).logic() is logic


def test_clearing_keeps_what_slicer_keeps(session):
    add_volume()
    session.clear()
    assert session.scene.GetNumberOfNodesByClass("vtkMRMLVolumeNode") == 0
    assert session.scene.GetNodeByID("vtkMRMLColorTableNodeGrey")
    assert session.scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")


def test_a_saved_scene_bundle_comes_back_with_its_values_and_geometry(scene, tmp_path):
    volume, values, ijk_to_ras = add_volume("saved")
    volume.SetAttribute("purpose", "round trip")
    bundle = str(tmp_path / "scene.mrb")
    assert scene.WriteToMRB(bundle)
    scene.Clear(False)
    assert scene.ReadFromMRB(bundle, False)

    volume = scene.GetFirstNodeByName("saved")
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(volume), values)
    np.testing.assert_allclose(slicer.util.arrayFromVTKMatrix(matrix), ijk_to_ras, atol=1e-6)
    assert volume.GetAttribute("purpose") == "round trip"


def test_segments_of_a_label_volume_keep_their_names_and_voxels(scene):
    labels = np.zeros((6, 7, 8), np.uint8)
    labels[1:3, 2:5, 3:6] = 1
    labels[4:6, 2:5, 3:6] = 2
    volume = slicer.util.addVolumeFromArray(labels, name="labels", nodeClassName="vtkMRMLLabelMapVolumeNode")
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    slicer.vtkSlicerSegmentationsModuleLogic.ImportLabelmapToSegmentationNode(volume, segmentation)
    segment_ids = segmentation.GetSegmentation().GetSegmentIDs()
    assert len(segment_ids) == 2
    for label, segment_id in enumerate(segment_ids, start=1):
        found = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment_id, volume)
        np.testing.assert_array_equal(found != 0, labels == label)


def test_an_error_of_a_vtk_class_is_recorded(scene, vtk_errors):
    scene.AddNewNodeByClass("vtkMRMLNoSuchNode")
    vtk.vtkPNGWriter().Write()
    assert vtk_errors
    vtk_errors.clear()
