"""The stand-in of the Segment Editor's widget keeps its choices in the scene; pictures go from Qt to VTK and back."""

import numpy as np
import pytest
import slicer
import vtk

from standin.limits import NotStoodIn


@pytest.fixture
def editor(application, scene):
    """The widget with its parameter node."""
    widget = slicer.qMRMLSegmentEditorWidget()
    widget.setMRMLScene(scene)
    widget.setMRMLSegmentEditorNode(scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode"))
    return widget


def test_the_choices_are_in_the_parameter_node(editor, scene):
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Brain")
    segment = segmentation.GetSegmentation().AddEmptySegment("mask")
    volume = slicer.util.addVolumeFromArray(np.zeros((2, 3, 4), np.float32))
    told = []
    editor.connect("segmentationNodeChanged(vtkMRMLSegmentationNode*)", told.append)
    editor.connect("currentSegmentIDChanged(QString)", told.append)
    assert (editor.segmentationNodeID(), editor.sourceVolumeNode(), editor.currentSegmentID()) == ("", None, "")
    editor.setSegmentationNode(segmentation)
    editor.setSegmentationNodeID(segmentation.GetID())
    editor.setSourceVolumeNodeID(volume.GetID())
    editor.setCurrentSegmentID(segment)
    node = editor.mrmlSegmentEditorNode()
    assert (node.GetSegmentationNode(), node.GetSourceVolumeNode()) == (segmentation, volume)
    assert editor.masterVolumeNode() is volume
    assert told == [segmentation, segment]


def test_a_panel_enters_and_leaves_it_as_slicers_does(editor):
    assert not editor.turnOffLightboxes()
    editor.installKeyboardShortcuts()
    editor.setupViewObservations()
    editor.updateWidgetFromMRML()
    editor.setActiveEffect(None)
    editor.uninstallKeyboardShortcuts()
    editor.removeViewObservations()


def test_that_there_are_no_effects_is_said(editor):
    assert editor.activeEffect() is None and editor.availableEffectNames() == []
    with pytest.raises(NotStoodIn, match="no effects"):
        editor.setActiveEffectByName("Threshold")


def test_effects_are_registered_and_kept(application, monkeypatch):
    factory = slicer.qSlicerSegmentEditorEffectFactory.instance()
    monkeypatch.setattr(factory, "_effects", [])
    effect, told = slicer.qSlicerSegmentEditorScriptedEffect(), []
    effect.name = "Threshold"
    factory.connect("effectRegistered(QString)", told.append)
    assert factory.registerEffect(effect)
    assert (factory.registeredEffects(), told) == ([effect], ["Threshold"])
    factory.disconnect("effectRegistered(QString)", told.append)


def test_pictures_go_from_qt_to_vtk_and_back(application):
    import ctk
    import qt

    label = qt.QLabel("ppm")
    label.setStyleSheet("background: rgb(10, 20, 30)")
    label.resize(30, 20)
    picture, image, again = ctk.ctkWidgetsUtils.grabWidget(label), vtk.vtkImageData(), qt.QImage()
    assert slicer.qMRMLUtils().qImageToVtkImageData(picture, image)
    assert image.GetDimensions() == (30, 20, 1)
    assert [image.GetScalarComponentAsDouble(0, 0, 0, channel) for channel in range(3)] == [10, 20, 30]
    assert slicer.qMRMLUtils().vtkImageDataToQImage(image, again)
    assert again == picture.convertToFormat(qt.QImage.Format_RGBA8888)
    image.AllocateScalars(vtk.VTK_FLOAT, 1)
    with pytest.raises(ValueError, match="1, 3 or 4 bytes per pixel, but got 1 of float32"):
        ctk.ctkVTKWidgetsUtils.vtkImageDataToQImage(image, again)
