"""Off-screen views show what is in the scene, with OpenGL and without."""

import sys

import numpy as np
import pytest
import slicer

from headless import opengl
from headless.views import SliceView, ThreeDView

SIZE = (120, 100)


@pytest.fixture
def volume(scene):
    """80 mm cube, 20 mm of it bright at the patient's left, front and top, shown from 0 (black) to 1 (white)."""
    values = np.zeros((40, 40, 40), np.float32)
    values[20:30, 20:30, 8:18] = 1
    ijk_to_ras = np.diag([2.0, 2, 2, 1])
    ijk_to_ras[:3, 3] = -39
    node = slicer.util.addVolumeFromArray(values, ijkToRAS=ijk_to_ras, name="cube")
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")
    node.GetDisplayNode().SetAutoWindowLevel(False)
    node.GetDisplayNode().SetWindowLevelMinMax(0, 1)
    return node


@pytest.fixture
def segmentation(scene, volume):
    """The dark block at the patient's right of the bright one, in red."""
    labels = np.zeros((40, 40, 40), np.uint8)
    labels[20:30, 20:30, 22:32] = 1
    node = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    node.CopyOrientation(volume)
    slicer.util.updateVolumeFromArray(node, labels)
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    segmentation.CreateDefaultDisplayNodes()
    slicer.vtkSlicerSegmentationsModuleLogic.ImportLabelmapToSegmentationNode(node, segmentation)
    scene.RemoveNode(node)
    segmentation.GetSegmentation().GetNthSegment(0).SetColor(1, 0, 0)
    return segmentation


@pytest.fixture(params=["with OpenGL", "without OpenGL"])
def rendering(request, monkeypatch):
    if request.param == "without OpenGL":
        monkeypatch.setattr(opengl, "available", lambda: False)
    elif not opengl.available():
        pytest.skip(opengl.REMEDY)
    return request.param


def center_of(where):
    rows, columns = np.nonzero(where)
    height, width = where.shape
    return rows.mean() / height - 0.5, columns.mean() / width - 0.5


@pytest.mark.parametrize(
    ("orientation", "to_the_left", "to_the_top"),
    [("Axial", False, True), ("Coronal", False, True), ("Sagittal", True, True)],
)
def test_a_slice_view_follows_the_radiological_convention(
    session, volume, rendering, orientation, to_the_left, to_the_top
):
    view = SliceView(session, "View", orientation, SIZE)
    view.show(volume, (-14, 10, 10))
    picture = view.picture()
    view.close()
    assert picture.shape == (SIZE[1], SIZE[0], 3)
    assert picture.dtype == np.uint8
    row, column = center_of(picture[..., 0] > 127)
    assert (row < -0.05) == to_the_top
    assert (column < -0.05) == to_the_left


def test_a_slice_view_shows_the_segmentation_over_the_image(session, volume, segmentation, rendering):
    view = SliceView(session, "View", "Axial", SIZE)
    view.show(volume, (0, 10, 10))
    picture = view.picture().astype(int)
    nodes = session.scene.GetNumberOfNodes()
    np.testing.assert_array_equal(view.picture(), picture)
    view.close()
    red = (picture[..., 0] > 60) & (picture[..., 1] < 40)
    bright = picture[..., 1] > 127
    assert red.any() and bright.any()
    assert center_of(red)[1] < -0.05 < 0.05 < center_of(bright)[1]
    assert session.scene.GetNumberOfNodes() == nodes
    assert session.scene.GetNumberOfNodesByClass("vtkMRMLLabelMapVolumeNode") == 0


def test_a_slice_view_far_from_the_volume_is_black(session, volume, rendering):
    view = SliceView(session, "View", "Axial", SIZE)
    view.show(volume, (0, 0, 500))
    assert not view.picture().any()
    view.close()


def test_a_three_d_view_shows_the_segment_surfaces(session, segmentation):
    if not opengl.available():
        pytest.skip(opengl.REMEDY)
    segmentation.CreateClosedSurfaceRepresentation()
    for _ in range(2):  # a second view of the same name takes over from the first
        view = ThreeDView(session, size=SIZE)
        view.node.SetBoxVisible(False)
        view.node.SetAxisLabelsVisible(False)
        view.look_from((0, 1, 0))
        picture = view.picture().astype(int)
        assert ((picture[..., 0] > 60) & (picture[..., 1] < 40)).mean() > 0.05
    segmentation.GetDisplayNode().SetVisibility(False)
    without = view.picture()
    view.close()
    assert not without.any()


def test_a_three_d_view_without_opengl_says_what_to_install(session, monkeypatch):
    monkeypatch.setattr(opengl, "available", lambda: False)
    with pytest.raises(RuntimeError, match="apt-get install"):
        ThreeDView(session)


def test_a_crashing_render_window_counts_as_no_opengl(monkeypatch):
    monkeypatch.setattr(opengl, "_PROBE", "import os; os.abort()")
    assert opengl.available.__wrapped__() is False


def test_the_probe_leaves_the_window_class_that_works_for_later(monkeypatch):
    monkeypatch.delenv("VTK_DEFAULT_OPENGL_WINDOW", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(opengl, "_renders", lambda variables: "VTK_DEFAULT_OPENGL_WINDOW" in variables)
    assert opengl.available.__wrapped__() is True
    assert opengl.os.environ["VTK_DEFAULT_OPENGL_WINDOW"] == "vtkEGLRenderWindow"
