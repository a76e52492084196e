"""The stand-in has a main window that nobody sees, and views that draw when they are asked for their windows."""

import numpy as np
import pytest
import slicer
import vtk

import standin
from headless import opengl
from standin.limits import NotStoodIn

pytestmark = pytest.mark.usefixtures("application")

MODULE = """
import slicer
from slicer.ScriptedLoadableModule import *

class {name}(ScriptedLoadableModule):
    pass

class {name}Widget(ScriptedLoadableModuleWidget):
    seen = []
    enter = lambda self: self.seen.append("entered")
    exit = lambda self: self.seen.append("left")
"""


@pytest.fixture
def volume(scene):
    """A volume with one bright half, in all slice views."""
    values = np.zeros((20, 20, 20), np.float32)
    values[:, :10] = 100
    volume = slicer.util.addVolumeFromArray(values, name="Half")
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    return volume


def test_menus_tool_bars_and_the_module_panel_are_found_as_in_slicer(application):
    window = slicer.util.mainWindow()
    assert window.objectName == "qSlicerMainWindow" and not window.visible
    assert slicer.util.lookupTopLevelWidget("FileMenu").title == "File"
    assert len(window.findChildren("QToolBar")) >= 5
    assert window.findChild("QDockWidget", "PanelDockWidget") is window.findChildren("QDockWidget")[0]
    slicer.util.setModulePanelTitleVisible(False)
    slicer.util.setModuleHelpSectionVisible(False)
    slicer.util.setToolbarsVisible(False)
    slicer.util.showStatusMessage("ready")
    assert slicer.util.findChild(window, "DataProbeCollapsibleWidget").layout().count() == 0


def test_a_module_is_selected_and_the_one_before_is_left(application, tmp_path):
    panels = []
    for name in ("Former", "Latter"):
        path = tmp_path / name / f"{name}.py"
        path.parent.mkdir()
        path.write_text(MODULE.format(name=name), encoding="utf-8")
        panels.append(getattr(standin.load_module(path), f"{name}Widget"))
    slicer.util.selectModule("Former")
    slicer.util.selectModule(slicer.modules.latter)
    assert slicer.util.selectedModule() == "Latter"
    assert [panel.seen for panel in panels] == [["entered", "left"], ["entered"]]
    slicer.util.selectModule("Volumes")  # of Slicer's own modules there is no panel to show
    assert panels[1].seen == ["entered", "left"]
    with pytest.raises(RuntimeError, match="Could not find module with name 'Nope'"):
        slicer.util.selectModule("Nope")
    for name in ("FormerWidget", "LatterWidget"):
        standin.close_widget(getattr(slicer.modules, name))


def test_settings_panels_are_added_and_modules_have_icons(application, tmp_path):
    import qt

    panel = qt.QLabel("options")
    application.settingsDialog().addPanel("Options", panel)
    assert application.settingsDialog().panel("Options") is panel
    path = tmp_path / "Plain.py"
    path.write_text(MODULE.format(name="Plain"), encoding="utf-8")
    standin.load_module(path)
    assert slicer.modules.plain.icon.isNull()
    assert qt.QAction(slicer.modules.plain.icon, "Plain", slicer.util.mainWindow()).text == "Plain"


def grab(window) -> np.ndarray:
    grabber = vtk.vtkWindowToImageFilter()
    grabber.SetInput(window)
    grabber.ReadFrontBufferOff()
    grabber.Update()
    return vtk.util.numpy_support.vtk_to_numpy(grabber.GetOutput().GetPointData().GetScalars()).reshape(400, 400, -1)


def test_views_have_windows_that_show_the_scene(application, volume):
    if not opengl.available():
        pytest.skip(opengl.REMEDY)
    layout = application.layoutManager()
    layout.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    view = layout.sliceWidget("Red").sliceView()
    picture = grab(view.renderWindow())
    assert type(view) is slicer.qMRMLSliceView
    assert abs(picture[300, 200].mean() - picture[100, 200].mean()) > 200  # one half is bright
    volume.GetDisplayNode().AutoWindowLevelOff()
    volume.GetDisplayNode().SetWindowLevelMinMax(1000, 2000)
    view.forceRender()
    assert grab(view.renderWindow())[100:300, 200].max() < 10
    assert view.interactor().GetRenderWindow() is view.renderWindow()
    assert layout.activeThreeDRenderer() is layout.threeDWidget(0).threeDView().renderer()
    assert len(np.unique(grab(layout.threeDWidget(0).threeDView().renderWindow()))) > 10  # box and letters


def test_views_without_opengl_say_what_to_install(application, monkeypatch):
    monkeypatch.setattr(opengl, "available", lambda: False)
    layout = application.layoutManager()
    layout.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalPlotView)
    with pytest.raises(NotStoodIn, match="OpenGL was not found"):
        layout.plotWidget(0).plotView().renderWindow()


def test_slice_views_and_their_bars_change_the_slice_node(application, volume):
    layout = application.layoutManager()
    layout.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    red = layout.sliceWidget("Red")
    red.sliceController().setSliceVisible(True)
    red.sliceController().setSliceOffsetValue(3.5)
    assert red.mrmlSliceNode().GetSliceVisible()
    assert red.sliceLogic().GetSliceOffset() == pytest.approx(3.5)
    assert (red.sliceViewName, red.sliceOrientation) == ("Red", "Axial")
    red.sliceOrientation = "Coronal"
    assert red.mrmlSliceNode().GetOrientation() == "Coronal"
    red.sliceOrientation = "Axial"
    slicer.util.setViewControllersVisible(False)
    assert not red.sliceController().visible
    layout.addMaximizedViewNode(red.mrmlSliceNode())
    assert layout.layoutLogic().GetLayoutNode().GetMaximizedViewNode(0) is red.mrmlSliceNode()
    layout.removeAllMaximizedViewNodes()


def test_the_environment_and_the_settings_are_those_of_this_session(application, tmp_path):
    import sys

    assert "PATH" in slicer.util.startupEnvironment()
    assert application.slicerUserSettingsFilePath.startswith(application.temporaryPath)
    process = slicer.util.launchConsoleProcess([sys.executable, "-c", "print('from the process')"])
    assert "from the process" in process.stdout.read()
