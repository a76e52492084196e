"""The section "Regions from an atlas" of QSM ROI Analysis, used as a user does."""

import json

import numpy as np
import pytest
import slicer

import small_atlas


@pytest.fixture(scope="module")
def head():
    return small_atlas.phantom()


@pytest.fixture(scope="module")
def folder(head, tmp_path_factory):
    return small_atlas.write_atlas(tmp_path_factory.mktemp("atlases") / "phantom", head)


@pytest.fixture
def panel(show_panel, scene):
    """The panel with the section open."""
    slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)  # made on demand here, always there in Slicer
    panel = show_panel("QSMRoiAnalysis")
    panel.ui.atlasCollapsibleButton.click()
    assert panel.ui.labelButton.isVisibleTo(panel.parent)
    return panel


@pytest.fixture
def subject(scene, head):
    """Map and magnitude of someone who holds this head differently."""
    susceptibility, magnitude, *_, grid = small_atlas.moved(head)
    return [
        slicer.util.addVolumeFromArray(values.astype(np.float32), ijkToRAS=grid.ijk_to_ras, name=name)
        for values, name in ((susceptibility, "Susceptibility"), (magnitude, "Magnitude of the scan"))
    ]


def choose(panel, subject, folder):
    panel.ui.mapSelector.setCurrentNode(subject[0])
    panel.ui.magnitudeSelector.setCurrentNode(subject[1])
    panel.ui.atlasFolderPathLineEdit.currentPath = str(folder)


def whole_panel(panel, screenshot, name):
    """A picture of all of the panel, which must not be wider than 400 pixels."""
    for _pass in range(3):  # heights follow from widths, also of what is inside
        slicer.app.processEvents()
        layout = panel.parent.layout()
        panel.parent.resize(400, max(layout.totalHeightForWidth(400), 520))
    assert panel.parent.width == 400, "something in the panel is wider"
    return screenshot(panel.parent, name)


@pytest.fixture
def meanwhile(application):
    """Function that calls another whenever the application handles events."""
    import qt

    timers = []

    def call(look):
        timer = qt.QTimer()
        timer.connect("timeout()", look)
        timer.start(0)
        timers.append(timer)

    yield call
    for timer in timers:
        timer.stop()


def segmentations():
    return slicer.util.getNodesByClass("vtkMRMLSegmentationNode")


def test_the_button_says_what_is_missing(panel, subject, folder, tmp_path):
    button, path = panel.ui.labelButton, panel.ui.atlasFolderPathLineEdit
    assert (button.enabled, button.toolTip) == (False, "Choose the susceptibility map")
    panel.ui.mapSelector.setCurrentNode(subject[0])
    assert (button.enabled, button.toolTip) == (False, "Choose the folder of an atlas")
    path.currentPath = str(tmp_path)
    assert not button.enabled and "has no atlas.json" in button.toolTip
    assert "has no atlas.json" in panel.ui.atlasTermsLabel.text
    path.currentPath = str(folder)
    assert (button.enabled, button.toolTip) == (True, "Add a segmentation with the regions of the atlas on the map")


def test_license_and_citation_are_shown_before_an_atlas_is_used(panel, folder, tmp_path):
    assert not panel.ui.atlasTermsLabel.visible
    panel.ui.atlasFolderPathLineEdit.currentPath = str(folder)
    shown = panel.ui.atlasTermsLabel.text
    assert all(words in shown for words in ("Phantom atlas 1", "License: CC0 1.0", "cite: Nobody, Journal of Phantoms"))
    facts = json.loads((folder / "atlas.json").read_text())
    (tmp_path / "atlas.json").write_text(json.dumps(facts | {"License": "<b>mine</b>"}))
    panel.ui.atlasFolderPathLineEdit.currentPath = str(tmp_path)
    assert "&lt;b&gt;mine" in panel.ui.atlasTermsLabel.text


def test_labeling_adds_the_regions_and_they_can_be_measured(panel, subject, folder, screenshot):
    choose(panel, subject, folder)
    whole_panel(panel, screenshot, "roi_atlas_chosen")
    panel.ui.labelButton.click()
    segmentation = panel.ui.segmentationSelector.currentNode()
    assert segmentation.GetSegmentation().GetNumberOfSegments() == len(small_atlas.NUCLEI)
    assert "<b>Good:</b> Detail of the registration" in panel.ui.atlasVerdictsLabel.text
    assert "Overlap of the brains" in panel.ui.atlasVerdictsLabel.toolTip
    assert not panel.ui.labelingProgressBar.visible and not panel.ui.cancelLabelingButton.enabled
    panel.ui.applyButton.click()
    assert panel.ui.tableSelector.currentNode().GetNumberOfRows() == len(small_atlas.NUCLEI)
    whole_panel(panel, screenshot, "roi_atlas_labeled")


def test_an_atlas_is_imported_by_a_click_when_its_terms_are_stated(panel, subject, folder, tmp_path, screenshot):
    ui = panel.ui
    panel.ui.mapSelector.setCurrentNode(subject[0])
    ui.importGroupBox.collapsed = False
    assert not ui.importButton.enabled and "distribute" in ui.importButton.toolTip
    ui.importSourcePathLineEdit.currentPath = str(folder / "labels.nii.gz")
    ui.importTemplatePathLineEdit.currentPath = str(folder / "T2starw.nii.gz")
    ui.importContrastComboBox.currentText = "T2starw"
    ui.importFolderPathLineEdit.currentPath = str(tmp_path / "mine")
    assert ui.importButton.toolTip == "State the license of the atlas"
    ui.importLicenseLineEdit.text = "CC0 <1.0>"
    ui.importCitationLineEdit.text = "Nobody 2026"
    ui.importButton.click()
    assert f"labels: {len(small_atlas.NUCLEI)} regions were imported." in ui.importMessageLabel.text
    assert ui.atlasFolderPathLineEdit.currentPath == str(tmp_path / "mine") and ui.labelButton.enabled
    assert "License: CC0 &lt;1.0&gt;" in ui.atlasTermsLabel.text
    whole_panel(panel, screenshot, "roi_atlas_imported")
    ui.importButton.click()
    assert "holds files already" in ui.importMessageLabel.text


def test_cancel_ends_the_registration_and_the_scene_is_as_it_was(panel, subject, folder, screenshot, meanwhile):
    choose(panel, subject, folder)
    ui, seen = panel.ui, []
    before = slicer.mrmlScene.GetNumberOfNodes()

    def a_user_looks_on():
        if ui.cancelLabelingButton.enabled:
            seen.append((ui.labelButton.enabled, ui.labelButton.toolTip, ui.labelingProgressBar.visible))
            if ui.labelingProgressBar.value >= 40:
                screenshot(panel.parent, "roi_atlas_running")
                ui.cancelLabelingButton.click()

    meanwhile(a_user_looks_on)
    ui.labelButton.click()
    assert len(seen) > 5 and set(seen) == {(False, "The regions are being labeled", True)}
    assert "Cancelled. Nothing was added" in ui.atlasVerdictsLabel.text
    assert slicer.mrmlScene.GetNumberOfNodes() == before and not segmentations()
    assert ui.labelButton.enabled and not ui.cancelLabelingButton.enabled


def test_closing_the_scene_ends_the_registration(panel, subject, folder, meanwhile):
    choose(panel, subject, folder)
    closed = []

    def a_user_closes_the_scene():
        if panel.ui.labelingProgressBar.value >= 40 and not closed:
            closed.append(True)
            slicer.mrmlScene.Clear(False)

    meanwhile(a_user_closes_the_scene)
    panel.ui.labelButton.click()
    assert closed and not segmentations()
    assert panel.ui.atlasFolderPathLineEdit.currentPath == "" and not panel.ui.labelButton.enabled


def test_what_cannot_be_labeled_is_explained(panel, subject, folder):
    choose(panel, subject, folder)
    other = slicer.util.addVolumeFromArray(np.ones((3, 4, 5), np.float32), name="Other")
    panel.ui.magnitudeSelector.setCurrentNode(other)
    panel.ui.labelButton.click()
    assert "magnitude (Other)" in panel.ui.atlasVerdictsLabel.text and not segmentations()
    assert panel.ui.labelButton.enabled
