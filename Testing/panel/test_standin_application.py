"""The stand-in of `slicer.app` has what modules ask for beside widgets: views, files, other modules, settings."""

import numpy as np
import pytest
import slicer

from standin.limits import NotStoodIn

pytestmark = pytest.mark.usefixtures("application")


@pytest.fixture
def volume(scene):
    """A small volume with an oblique grid."""
    matrix = np.diag([2.0, 2, 3, 1])
    matrix[:3, 3] = -5, 4, 7
    values = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    return slicer.util.addVolumeFromArray(values, slicer.util.vtkMatrixFromArray(matrix), "Map")


def test_the_layout_has_the_views_of_slicer_with_their_real_logics(application, scene, volume):
    layout = application.layoutManager()
    layout.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    assert sorted(layout.sliceViewNames()) == ["Green", "Red", "Yellow"]
    assert (layout.threeDViewCount, layout.plotViewCount, layout.tableViewCount) == (1, 0, 0)
    layout.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpPlotView)
    assert (layout.threeDViewCount, layout.plotViewCount, layout.tableViewCount) == (0, 1, 0)
    layout.plotWidget(0).plotView().fitToContent()
    assert layout.tableWidget(0) is None and layout.sliceWidget("Purple") is None
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    red = layout.sliceWidget("Red")
    assert red.mrmlSliceNode() is scene.GetNodeByID("vtkMRMLSliceNodeRed")
    assert red.sliceLogic().GetBackgroundLayer().GetVolumeNode() is volume
    assert red.mrmlSliceNode().GetFieldOfView()[0] >= 10  # mm, the width of the volume


@pytest.mark.parametrize(
    "dialog, method", [("QFileDialog", "getOpenFileName"), ("QMessageBox", "question"), ("QInputDialog", "getText")]
)
def test_a_dialog_that_waits_for_a_person_says_so_instead(application, dialog, method):
    import qt

    with pytest.raises(NotStoodIn, match=f"{dialog}.{method} waits for a person"):
        getattr(getattr(qt, dialog), method)(None, "Title")


def test_an_own_dialog_that_waits_says_so_too(application, monkeypatch):
    import qt

    class Question(qt.QDialog):
        """As modules define them."""

    monkeypatch.setattr("standin.modal_dialogs.PATIENCE", 0.05)
    with pytest.raises(NotStoodIn, match="waits for a person"):
        Question().exec_()


def test_a_dialog_that_something_else_closes_is_shown_until_then(application):
    import qt

    dialog = qt.QDialog()
    qt.QTimer.singleShot(20, dialog.accept)
    assert dialog.exec_() == qt.QDialog.Accepted
    slicer.util.delayDisplay("a message that closes itself", 500)


def test_a_layout_that_a_module_of_slicer_chose_has_its_views(application, scene):
    layout = application.layoutManager()
    layout.layoutLogic().GetLayoutNode().SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutTwoOverTwoView)
    assert sorted(layout.sliceViewNames()) == ["Green", "Red", "Slice4", "Yellow"]
    assert layout.sliceWidget("Slice4").sliceLogic().GetSliceNode().GetLayoutName() == "Slice4"
    layout.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)


def test_a_three_d_view_has_its_camera(application, scene):
    layout = application.layoutManager()
    layout.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    view = layout.threeDWidget(0).threeDView().mrmlViewNode()
    camera = slicer.modules.cameras.logic().GetViewActiveCameraNode(view)
    assert scene.GetSingletonNode(camera.GetLayoutName(), "vtkMRMLViewNode") is view


def test_a_layout_survives_the_end_of_a_scene(application, scene, volume):
    layout = application.layoutManager()
    layout.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    scene.Clear(False)
    assert layout.sliceWidget("Green").mrmlSliceNode() is scene.GetNodeByID("vtkMRMLSliceNodeGreen")


def test_a_view_whose_node_was_removed_and_made_again_shows_the_new_one(application, scene):
    layout = application.layoutManager()
    layout.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    removed = layout.sliceWidget("Red").mrmlSliceNode()
    scene.RemoveNode(removed)
    layout.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
    node = layout.sliceWidget("Red").mrmlSliceNode()
    assert node is not removed
    assert node is scene.GetNodeByID("vtkMRMLSliceNodeRed")
    assert layout.sliceWidget("Red").sliceController().mrmlSliceNode() is node
    assert layout.sliceWidget("Red").sliceLogic().GetSliceNode() is node


@pytest.mark.parametrize(
    ("module", "names", "parameters", "expected"),
    [
        ("thresholdscalarvolume", ("InputVolume", "OutputVolume"), {"ThresholdType": "Below", "ThresholdValue": 20.0},
         lambda values: np.where(values < 20, 0, values)),
        ("thresholdscalarvolume", ("InputVolume", "OutputVolume"),
         {"ThresholdType": "Outside", "Lower": 10, "Upper": 20, "OutsideValue": -1},
         lambda values: np.where((values < 10) | (values > 20), -1, values)),
        ("multiplyscalarvolumes", ("inputVolume1", "outputVolume"), {}, lambda values: values**2),
        ("subtractscalarvolumes", ("inputVolume1", "outputVolume"), {}, lambda values: 0 * values),
    ],
)  # fmt: skip
def test_a_command_line_module_gives_what_slicers_gives(scene, volume, module, names, parameters, expected):
    result = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Result")
    nodes = {names[0]: volume, names[1]: result.GetID(), "inputVolume2": volume.GetID()}
    node = slicer.cli.runSync(getattr(slicer.modules, module), None, {**nodes, **parameters})
    assert node.GetStatus() == node.Completed
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(result), expected(slicer.util.arrayFromVolume(volume)))
    assert slicer.modules.volumes.logic().CompareVolumeGeometry(volume, result) == ""


def test_gaussian_blur_keeps_the_sum_of_a_point(scene):
    point = np.zeros((21, 21, 21), np.float32)
    point[10, 10, 10] = 1
    volume = slicer.util.addVolumeFromArray(point)
    result = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    parameters = {"inputVolume": volume, "outputVolume": result, "sigma": 1.5}
    slicer.cli.runSync(slicer.modules.gaussianblurimagefilter, None, parameters)
    blurred = slicer.util.arrayFromVolume(result)
    assert blurred.sum() == pytest.approx(1, abs=1e-3)
    assert blurred[10, 10, 10] == pytest.approx((2 * np.pi * 1.5**2) ** -1.5, rel=0.05)


def test_a_failed_command_line_module_says_so_in_its_status(volume):
    node = slicer.cli.runSync(slicer.modules.thresholdscalarvolume, None, {"InputVolume": volume})
    assert node.GetStatus() == node.CompletedWithErrors
    assert "OutputVolume" in node.GetAttribute("StandInError")


def test_nodes_are_written_and_read_by_the_functions_of_slicer_util(scene, volume, tmp_path):
    expected = np.array(slicer.util.arrayFromVolume(volume))
    assert slicer.util.saveNode(volume, str(tmp_path / "map.nii.gz"))
    read = slicer.util.loadVolume(str(tmp_path / "map.nii.gz"), {"name": "Again"})
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(read), expected)
    assert read.GetName() == "Again"
    assert read.GetSpacing() == pytest.approx(volume.GetSpacing())
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", "Regions")
    slicer.util.updateTableFromArray(table, [np.array([0.5, 0.25])], ["mean"])
    assert slicer.util.saveNode(table, str(tmp_path / "regions.tsv"))
    assert slicer.util.loadTable(str(tmp_path / "regions.tsv")).GetNumberOfRows() == 2
    curve = scene.AddNewNodeByClass("vtkMRMLMarkupsCurveNode", "Path")
    slicer.util.updateMarkupsControlPointsFromArray(curve, np.eye(3))
    assert slicer.util.saveNode(curve, str(tmp_path / "path.mrk.json"))
    assert slicer.util.loadMarkups(str(tmp_path / "path.mrk.json")).GetNumberOfControlPoints() == 3


def test_a_node_is_exported_beside_its_own_file(volume, tmp_path):
    slicer.util.saveNode(volume, str(tmp_path / "own.nrrd"))
    assert slicer.util.exportNode(volume, str(tmp_path / "other.nii.gz"))
    assert (tmp_path / "other.nii.gz").is_file()
    assert volume.GetStorageNode().GetFileName() == str(tmp_path / "own.nrrd")


def test_a_panel_and_a_logic_set_up_the_mixin_that_they_derive_from(application, scene):
    from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic, ScriptedLoadableModuleWidget

    class SomeLogic(ScriptedLoadableModuleLogic, slicer.util.VTKObservationMixin):
        """As modules define them, without a call of the mixin's own constructor."""

    class SomeWidget(ScriptedLoadableModuleWidget, slicer.util.VTKObservationMixin):
        """The same for a panel."""

    for observing in (SomeLogic(), SomeWidget()):
        seen = []
        observing.addObserver(scene, scene.NodeAddedEvent, lambda caller, event, seen=seen: seen.append(event))
        scene.AddNewNodeByClass("vtkMRMLTextNode")
        observing.removeObservers()
        assert len(seen) == 1


def test_modules_are_known_by_their_names(application):
    assert {"Volumes", "ThresholdScalarVolume"} <= set(slicer.util.moduleNames())
    assert slicer.util.getModuleLogic("Volumes") is slicer.modules.volumes.logic()
    with pytest.raises(RuntimeError, match="Could not find module with name 'Nope'"):
        slicer.util.getModule("Nope")


def test_a_scene_is_written_and_read(scene, volume, tmp_path):
    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    scene.Clear(False)
    assert slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    assert slicer.util.getNode("Map").GetImageData().GetDimensions() == (5, 4, 3)


def test_a_file_that_cannot_be_read_is_an_error_with_a_reason(tmp_path):
    with pytest.raises(RuntimeError, match="is no file"):
        slicer.util.loadVolume(str(tmp_path / "missing.nrrd"))
    with pytest.raises(RuntimeError, match="no reader for files of type 'FiberBundleFile'"):
        slicer.util.loadNodeFromFile(str(tmp_path / "x.fib"), "FiberBundleFile")


def test_settings_are_those_of_this_session_and_not_of_the_user(application):
    import qt

    qt.QSettings().setValue("Probe/Value", "1")
    assert application.userSettings().value("Probe/Value") == "1"
    assert qt.QSettings().fileName().startswith(application.temporaryPath)
    assert not slicer.util.settingsValue("Developer/DeveloperMode", False, converter=slicer.util.toBool)


def test_what_is_not_stood_in_for_says_so(application):
    with pytest.raises(NotStoodIn, match="qSlicerApplication has no attribute named 'errorLogModel'"):
        application.errorLogModel()
    assert not hasattr(application, "errorLogModel")
    application.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    with pytest.raises(NotStoodIn, match="do not hand mouse events on to the scene"):
        slicer.util.clickAndDrag(application.layoutManager().threeDWidget(0))
    hierarchy = slicer.qSlicerSubjectHierarchyPluginHandler.instance()
    assert hierarchy.subjectHierarchyNode().GetScene() is slicer.mrmlScene
    with pytest.raises(NotStoodIn, match="has no attribute named 'pluginByName'"):
        hierarchy.pluginByName("Volumes")
    with pytest.raises(AttributeError, match="slicer.modules has no 'brainsfit'"):
        _ = slicer.modules.brainsfit
