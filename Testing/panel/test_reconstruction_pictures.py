"""The panel in its five states, 400 pixels wide, on light and on dark: nothing is cut off, and pictures are taken."""

import time

import numpy as np
import pytest
import slicer

from headless import opengl
from headless.views import SliceView, ThreeDView
from small_scan import small_scan

WIDTH = 400
DARK = {"Window": "#353535", "WindowText": "#f0f0f0", "Base": "#232323", "AlternateBase": "#353535", "Text": "#f0f0f0",
        "Button": "#454545", "ButtonText": "#f0f0f0", "BrightText": "#ffffff", "Highlight": "#2a82da",
        "HighlightedText": "#ffffff", "PlaceholderText": "#909090", "ToolTipBase": "#232323", "ToolTipText": "#f0f0f0",
        "Link": "#6cb2f5"}  # fmt: skip


@pytest.fixture(params=["light", "dark"])
def palette(request, application):
    """The name of the palette that the application has."""
    import qt

    before = qt.QPalette(qt.QApplication.palette())
    if request.param == "dark":
        dark = qt.QPalette(before)
        for role, color in DARK.items():
            dark.setColor(getattr(qt.QPalette, role), qt.QColor(color))
        for role in ("WindowText", "Text", "ButtonText"):
            dark.setColor(qt.QPalette.Disabled, getattr(qt.QPalette, role), qt.QColor("#808080"))
        qt.QApplication.setPalette(dark)
    yield request.param
    qt.QApplication.setPalette(before)


@pytest.fixture
def take_picture(palette, screenshot):
    """Function that takes a picture of the whole panel in a state, after a look at whether all of it can be read."""

    def take(panel, state: str):
        parent = panel.parent
        for _pass in range(3):  # heights follow from widths, also of what is inside
            slicer.app.processEvents()
            layout = parent.layout()
            height = layout.totalHeightForWidth(WIDTH) if layout.hasHeightForWidth() else parent.sizeHint.height()
            parent.resize(WIDTH, max(height, 520))
        slicer.app.processEvents()
        assert parent.width == WIDTH, "something in the panel is wider"
        assert not cut_off(parent)
        return screenshot(parent, f"reconstruction_{state}_{palette}")

    return take


def cut_off(parent) -> list[str]:
    """Labels and buttons that are too small for their texts."""
    import qt

    found = []
    for label in parent.findChildren(qt.QLabel):
        if label.isVisibleTo(parent) and label.text:
            fits = (
                label.height >= label.heightForWidth(label.width) - 1 if label.wordWrap
                else label.width >= label.sizeHint.width()
            )
            found += [] if fits else [label.text]
    for button in (*parent.findChildren(qt.QPushButton), *parent.findChildren(qt.QCheckBox)):
        if button.isVisibleTo(parent) and button.width < button.minimumSizeHint.width():
            found.append(button.text)
    return found


def wait_until(condition, seconds: float = 120.0) -> None:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "waited in vain"
        slicer.app.processEvents()
        time.sleep(0.005)


def choose(panel, magnitude, phase) -> None:
    panel.ui.magnitudeSelector.setCurrentNode(magnitude)
    panel.ui.phaseSelector.setCurrentNode(phase)


def test_empty_loaded_running_and_failed(show_panel, quick_engine, scene, take_picture):
    from QSMReconstructionLib.scans import add_scan

    panel = show_panel("QSMReconstruction")
    take_picture(panel, "empty")

    sequences = add_scan(small_scan(echo_times=(0.004, 0.009)), "Patient with a long name, gradient echo")
    choose(panel, *sequences)
    assert "<b>Number of echoes.</b>" in panel.ui.studyVerdictsLabel.text
    for section in ("previewCollapsibleButton", "outputsCollapsibleButton", "advancedGroupBox"):
        getattr(panel.ui, section).collapsed = False
    take_picture(panel, "loaded")
    for section in ("previewCollapsibleButton", "outputsCollapsibleButton", "advancedGroupBox"):
        getattr(panel.ui, section).collapsed = True

    quick_engine("Dipole inversion")
    panel.ui.applyButton.click()
    wait_until(lambda: "Dipole inversion" in panel.ui.messageLabel.text)
    panel.ui.logGroupBox.collapsed = False
    take_picture(panel, "running")
    panel.ui.cancelButton.click()

    slicer.util.arrayFromVolume(sequences[1].GetNthDataNode(0))[:] *= 17
    quick_engine("-")
    panel.ui.applyButton.click()
    wait_until(lambda: not panel.jobs.jobs)
    assert panel.ui.messageLabel.text.startswith("Cannot reconstruct:")
    take_picture(panel, "failed")


def test_finished_with_views(show_panel, session, scene, take_picture, palette):
    import qt

    from QSMReconstructionCore import head_phantom
    from QSMReconstructionLib.reports import report_of
    from QSMReconstructionLib.scans import add_scan

    phantom = head_phantom(shape=(45, 54, 45), spacing=(4.0, 4.0, 4.0))
    panel = show_panel("QSMReconstruction")
    choose(panel, *add_scan(phantom.acquisition, "Head phantom"))
    panel.ui.presetComboBox.activated.emit(panel.ui.presetComboBox.findData("preview"))
    panel.ui.applyButton.click()  # with the engine that users have
    wait_until(lambda: not panel.jobs.jobs)
    node = slicer.util.getNode("Head phantom susceptibility")
    found = slicer.util.arrayFromVolume(node)
    inside = (found != 0) & phantom.mask
    assert np.corrcoef(found[inside], phantom.susceptibility[inside])[0, 1] > 0.5
    assert "<html" in report_of(node).GetText()
    assert panel.ui.openReportButton.enabled
    shown = [child.accessibleName.split()[0] for child in panel.ui.picturesWidget.findChildren(qt.QToolButton)]
    assert shown == ["Magnitude", "Local", "Susceptibility"]
    picture = take_picture(panel, "finished")

    mask = panel._parameterNode.resultMask
    mask.CreateClosedSurfaceRepresentation()
    tiles = [_slice(session, node, orientation) for orientation in ("Axial", "Sagittal", "Coronal")]
    if opengl.available():
        view = ThreeDView(session, size=(400, 400))
        view.look_from((0.6, 1.0, 0.35))
        tiles.append(view.picture())
        view.close()
    assert all(tile.std() > 5 for tile in tiles)  # they show something
    add_beside(picture, tiles)


def add_beside(path, tiles) -> None:
    """Put pictures of the views, RGB, beside that of the panel, two in a row."""
    import qt

    panel = qt.QImage(str(path))
    whole = qt.QImage(WIDTH + 800, max(panel.height(), 800), qt.QImage.Format_RGB32)
    whole.fill(qt.QColor("black"))
    painter = qt.QPainter(whole)
    painter.drawImage(0, 0, panel)
    for place, tile in zip(((400, 0), (800, 0), (400, 400), (800, 400)), tiles):
        height, width, _ = tile.shape
        data = np.ascontiguousarray(tile).tobytes()
        painter.drawImage(*place, qt.QImage(data, width, height, 3 * width, qt.QImage.Format_RGB888))
    painter.end()
    assert whole.save(str(path))


def _slice(session, volume, orientation: str) -> np.ndarray:
    view = SliceView(session, orientation, orientation, (400, 400))
    view.show(volume)
    picture = view.picture()
    view.close()
    return picture
