"""What the panel does with a finished reconstruction: look at it, compare, try another inversion, read its report."""

import time

import numpy as np
import pytest
import slicer


@pytest.fixture
def finished_panel(show_panel, scene, monkeypatch):
    """The panel with the result of a small head in the scene, computed in this process."""
    from QSMReconstructionCore import head_phantom
    from QSMReconstructionLib.scans import add_scan

    panel = show_panel("QSMReconstruction")
    phantom = head_phantom(shape=(36, 42, 36), spacing=(5.0, 5.0, 5.0))
    sequences = add_scan(phantom.acquisition, "Head")
    nodes = panel.logic.reconstruct(*sequences, recipe="preview")
    panel.ui.magnitudeSelector.setCurrentNode(sequences[0])
    panel.ui.phaseSelector.setCurrentNode(sequences[1])
    panel._parameterNode.result, panel._parameterNode.resultMask = nodes.susceptibility, nodes.mask
    panel.nodes = nodes
    return panel


def preview():
    from QSMReconstructionLib.previews import shown_preview

    return shown_preview()


def test_maps_are_compared_in_three_views(finished_panel, scene):
    finished_panel.ui.compareButton.click()
    shown = [scene.GetNodeByID(scene.GetSingletonNode(view, "vtkMRMLSliceCompositeNode").GetBackgroundVolumeID())
             for view in ("Red", "Yellow", "Green")]  # fmt: skip
    assert [node.GetName() for node in shown] == ["Head magnitude", "Head local field", "Head susceptibility"]


def test_a_preview_is_there_in_two_seconds_and_follows_the_slider(finished_panel, scene):
    ui = finished_panel.ui
    assert preview() is None
    ui.presetComboBox.activated.emit(ui.presetComboBox.findData("preview"))
    began = time.process_time()
    ui.previewCheckBox.checked = True
    assert time.process_time() - began < 2
    node = preview()
    result = finished_panel._parameterNode.result
    first = slicer.util.arrayFromVolume(node).copy()
    assert 0 < first.size < slicer.util.arrayFromVolume(result).size
    composite = scene.GetSingletonNode("Red", "vtkMRMLSliceCompositeNode")
    assert (composite.GetForegroundVolumeID(), composite.GetForegroundOpacity()) == (node.GetID(), 1)
    assert node.GetDisplayNode().GetWindowLevelMax() == result.GetDisplayNode().GetWindowLevelMax()
    assert ui.previewParameterComboBox.currentText == "Kernel threshold"
    ui.previewSlider.value = 80
    assert finished_panel.recipe.forms["inversion"].method.name == "tkd"
    deadline = time.monotonic() + 60
    while np.array_equal(slicer.util.arrayFromVolume(preview()), first):
        assert time.monotonic() < deadline
        slicer.app.processEvents()
    assert "(TKD)" in ui.previewMessageLabel.text
    ui.previewCheckBox.checked = False
    assert preview() is None


def test_a_preview_lies_where_the_map_is_and_agrees_with_it(finished_panel):
    ui = finished_panel.ui
    ui.presetComboBox.activated.emit(ui.presetComboBox.findData("preview"))
    ui.previewCheckBox.checked = True
    matrix = slicer.util.arrayFromVTKMatrix
    import vtk

    result, node = finished_panel._parameterNode.result, preview()
    whole, part = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    result.GetRASToIJKMatrix(whole)
    node.GetIJKToRASMatrix(part)
    start = np.rint((matrix(whole) @ matrix(part))[:3, 3]).astype(int)[::-1]
    found = slicer.util.arrayFromVolume(node)
    same = slicer.util.arrayFromVolume(result)[tuple(slice(s, s + n) for s, n in zip(start, found.shape))]
    inside = same != 0
    assert np.corrcoef(found[inside], same[inside])[0, 1] > 0.7
    assert found[inside].mean() == pytest.approx(same[inside].mean(), abs=1e-4)


def test_the_box_of_a_preview_is_chosen_for_the_method(finished_panel, monkeypatch):
    from QSMReconstructionLib import previews

    asked, box_around = [], previews.box_around
    monkeypatch.setattr(
        previews, "box_around", lambda *given, method: asked.append(method) or box_around(*given, method=method)
    )
    form = finished_panel.recipe.forms["inversion"]
    form.methodComboBox.activated.emit(form.methodComboBox.findData("medi"))
    finished_panel.ui.previewCheckBox.checked = True
    assert asked == ["medi"]
    assert preview() is not None


def test_a_preview_says_what_it_lacks(finished_panel, scene):
    scene.RemoveNode(slicer.util.getNode("Head local field"))
    finished_panel.ui.previewCheckBox.checked = True
    assert "local field" in finished_panel.ui.previewMessageLabel.text
    assert preview() is None


def test_a_single_step_inversion_has_no_preview_and_says_so(finished_panel):
    ui = finished_panel.ui
    form = finished_panel.recipe.forms["inversion"]
    form.methodComboBox.activated.emit(form.methodComboBox.findData("tfi"))
    ui.previewCheckBox.checked = True
    assert "(TFI) works on the total field" in ui.previewMessageLabel.text
    assert preview() is None


def test_the_report_is_saved_with_the_scene_and_opened_in_a_browser(finished_panel, scene, monkeypatch, tmp_path):
    import qt

    from QSMReconstructionLib.reports import add_report, report_of

    ui, result = finished_panel.ui, finished_panel._parameterNode.result
    assert not ui.openReportButton.enabled
    add_report("<html>\u03c7</html>", "Head report", result)
    finished_panel.onParametersModified()
    opened = []
    monkeypatch.setattr(qt.QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    ui.openReportButton.click()
    with open(opened[0], encoding="utf-8") as file:
        assert file.read() == "<html>\u03c7</html>"
    assert scene.WriteToMRB(str(tmp_path / "scene.mrb"))
    scene.Clear(False)
    assert scene.ReadFromMRB(str(tmp_path / "scene.mrb"), True)
    assert report_of(slicer.util.getNode("Head susceptibility")).GetText() == "<html>\u03c7</html>"


def test_pictures_of_the_report_are_shown_and_open_it(finished_panel, monkeypatch):
    import qt

    from QSMReconstructionCore.report.page import image
    from QSMReconstructionCore.report.pictures import picture_of
    from QSMReconstructionLib.geometry import grid_of
    from QSMReconstructionLib.reports import add_report

    home, result = finished_panel.ui.picturesWidget, finished_panel._parameterNode.result
    finished_panel.ui.qualityCollapsibleButton.collapsed = False
    assert not home.visible
    values = slicer.util.arrayFromVolume(result)
    titles = ("Total field", "Susceptibility <sharp>")
    pictures = [picture_of(values, grid_of(result), [18, 21, 18], title=title) for title in titles]
    page = "".join(image(picture.png, picture.caption) for picture in pictures)
    add_report(page, "Head report", result)
    finished_panel.onParametersModified()
    (button,) = home.findChildren(qt.QToolButton)
    assert button.iconSize.width() == 340
    assert button.toolTip == "Susceptibility <sharp> (black -0.1, white 0.2 ppm). Click to open the report."
    opened = []
    monkeypatch.setattr(qt.QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    button.click()
    assert len(opened) == 1
    finished_panel._parameterNode.result = None
    assert not home.visible


def test_colors_diverge_from_zero_on_request(finished_panel):
    ui, result = finished_panel.ui, finished_panel._parameterNode.result
    finished_panel.ui.outputsCollapsibleButton.collapsed = False
    ui.divergingColorsCheckBox.checked = True
    colors = result.GetDisplayNode().GetColorNode()
    ends = np.array([colors.GetLookupTable().GetTableValue(index) for index in (0, 127, 254)])
    assert ends[0, 2] > ends[0, 0] and ends[2, 0] > ends[2, 2]  # blue, red
    assert np.ptp(ends[1, :3]) == 0  # gray at zero
    assert result.GetDisplayNode().GetWindowLevelMax() == -result.GetDisplayNode().GetWindowLevelMin()
    ui.divergingColorsCheckBox.checked = False
    assert result.GetDisplayNode().GetColorNodeID() == "vtkMRMLColorTableNodeGrey"


def test_report_and_pictures_follow_another_reference(finished_panel):
    import qt

    from QSMReconstructionCore.report.page import page
    from QSMReconstructionCore.report.report import report_of
    from QSMReconstructionLib.echoes import scan_from_nodes
    from QSMReconstructionLib.masks import add_segmentation
    from QSMReconstructionLib.reports import add_report

    parameters, ui = finished_panel._parameterNode, finished_panel.ui
    node = parameters.result
    reconstruction = finished_panel.nodes.reconstruction
    scan = scan_from_nodes(parameters.magnitude, parameters.phase)
    report = add_report(page(report_of(reconstruction, scan.acquisition)), "Head report", node)
    finished_panel.quality.show(parameters)
    region = reconstruction.mask & (np.arange(reconstruction.mask.shape[2]) < 14)
    segmentation = add_segmentation("Regions", region, node)
    segmentation.GetSegmentation().GetNthSegment(0).SetName("Left side")
    form = finished_panel.recipe.forms["reference"]
    form.methodComboBox.activated.emit(form.methodComboBox.findData("region"))
    ui.referenceSelector.setCurrentNode(segmentation)
    ui.referAgainButton.click()
    assert "Susceptibility is given relative to Left side;" in report.GetText()
    slicer.app.processEvents()
    shown = [child.accessibleName for child in ui.picturesWidget.findChildren(qt.QToolButton)]
    assert shown[-1].startswith("Susceptibility relative to: Left side (black")
