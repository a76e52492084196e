"""What users do to the scene and the application while a reconstruction runs, and to its result afterwards."""

import time

import numpy as np
import pytest
import slicer

from small_scan import rotation, small_scan


@pytest.fixture
def sequences(scene):
    from QSMReconstructionLib.scans import add_scan

    return add_scan(small_scan(), "Head")


@pytest.fixture
def panel(show_panel, quick_engine, sequences):
    """The panel with a scan chosen."""
    panel = show_panel("QSMReconstruction")
    panel.ui.magnitudeSelector.setCurrentNode(sequences[0])
    panel.ui.phaseSelector.setCurrentNode(sequences[1])
    return panel


def wait_until(condition, seconds: float = 60.0) -> None:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "waited in vain"
        slicer.app.processEvents()
        time.sleep(0.002)


def finish(panel) -> None:
    wait_until(lambda: not panel.jobs.jobs)


def apply(panel):
    """Click Apply, wait, and return the map."""
    panel.ui.applyButton.click()
    finish(panel)
    return panel._parameterNode.result


def node_names(scene) -> list[str]:
    return sorted(scene.GetNthNode(number).GetName() or "" for number in range(scene.GetNumberOfNodes()))


def load_until(panel, pieces: int):
    """Run a job until it has loaded some pieces of its result; its steps are taken by hand from then on."""
    from QSMReconstructionLib.job import JobState

    panel.ui.applyButton.click()
    (job,) = panel.jobs.jobs
    while job.state is not JobState.LOADING:
        panel.jobs._step(job)
        time.sleep(0.002)
    for _piece in range(pieces):
        panel.jobs._step(job)
    return job


def add_transform(name: str, matrix: np.ndarray):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", name)
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    return node


class TestWhileTheResultLoads:
    @pytest.mark.parametrize("pieces", [1, 6])
    def test_cancel_leaves_the_scene_as_it_was(self, panel, scene, pieces):
        before = node_names(scene)
        job = load_until(panel, pieces)
        panel.ui.cancelButton.click()
        assert panel.ui.messageLabel.text == "Cancelled. The scene is as it was."
        assert node_names(scene) == before
        assert job.folder is not None and not job.folder.exists()

    def test_closing_the_scene_leaves_it_empty(self, panel, scene):
        load_until(panel, 2)
        scene.Clear(False)
        slicer.app.processEvents()
        assert not panel.jobs.jobs
        assert not slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")

    def test_removing_the_input_does_no_harm(self, panel, sequences, scene):
        load_until(panel, 2)
        for sequence in sequences:
            scene.RemoveNode(sequence)
        finish(panel)
        assert panel._parameterNode.result.GetName() == "Head susceptibility"
        assert not panel.ui.rerunButton.enabled
        assert panel.ui.rerunButton.toolTip == "Choose the magnitude and the phase."


class TestWhileItRuns:
    @pytest.fixture(autouse=True)
    def _standing_still(self, panel, quick_engine):
        quick_engine("Dipole inversion")
        panel.ui.applyButton.click()
        wait_until(lambda: "Dipole inversion" in panel.ui.messageLabel.text)

    def test_the_module_can_be_left_and_entered_again(self, panel, quick_engine):
        for _time in range(2):
            if hasattr(panel, "exit"):
                panel.exit()
            panel.enter()
        assert panel.ui.cancelButton.enabled
        panel.ui.cancelButton.click()
        quick_engine("-")
        assert apply(panel).GetName() == "Head susceptibility"

    def test_renaming_its_input_does_no_harm(self, panel, sequences, quick_engine):
        sequences[0].SetName("Renamed magnitude")
        sequences[1].SetName("Renamed phase")
        panel.ui.applyButton.click()
        assert panel.jobs.jobs[1].name == "Renamed"
        quick_engine("-")
        panel.ui.cancelButton.click()
        finish(panel)
        assert panel._parameterNode.result.GetName() == "Renamed susceptibility"

    def test_closing_the_panel_ends_it_and_what_waits(self, panel, scene):
        panel.ui.applyButton.click()
        jobs = list(panel.jobs.jobs)
        before = node_names(scene)
        panel.cleanup()
        slicer.app.processEvents()
        assert [job.state.value for job in jobs] == ["cancelled", "cancelled"]
        assert node_names(scene) == before
        panel.setup()  # for the fixture, which closes it again

    def test_leaving_the_application_ends_it_and_what_waits(self, panel):
        panel.ui.applyButton.click()
        jobs = list(panel.jobs.jobs)
        slicer.app.aboutToQuit.emit()
        slicer.app.processEvents()
        assert [job.state.value for job in jobs] == ["cancelled", "cancelled"]
        assert not any(job.folder and job.folder.exists() for job in jobs)


class TestAResult:
    def test_whose_map_was_removed_offers_nothing_that_needs_it(self, panel, scene):
        scene.RemoveNode(apply(panel))
        ui = panel.ui
        for button in (ui.referAgainButton, ui.compareButton, ui.openReportButton, ui.previewCheckBox):
            assert not button.enabled
            assert "no result" in button.toolTip, button.objectName
        assert ui.qualityLabel.text == "There is no result yet."

    def test_whose_report_was_removed_is_referred_again_all_the_same(self, panel, scene):
        from QSMReconstructionLib.reports import report_of

        scene.RemoveNode(report_of(apply(panel)))
        panel.ui.referAgainButton.click()
        assert "is now relative to: whole brain." in panel.ui.messageLabel.text
        assert not panel.ui.openReportButton.enabled

    def test_whose_r2star_map_was_removed_says_what_the_reference_lacks(self, panel, scene):
        node = apply(panel)
        before = slicer.util.arrayFromVolume(node).copy()
        scene.RemoveNode(slicer.util.getNode("Head R2*"))
        form = panel.recipe.forms["reference"]
        form.methodComboBox.activated.emit(form.methodComboBox.findData("csf"))
        panel.ui.referAgainButton.click()
        assert panel.ui.messageLabel.text.startswith("Cannot change the reference: ")
        assert "R2*" in panel.ui.messageLabel.text
        np.testing.assert_array_equal(slicer.util.arrayFromVolume(node), before)

    def test_of_a_sequence_whose_browser_was_removed_is_edited_and_compared(self, panel, scene, monkeypatch):
        for browser in slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode"):
            scene.RemoveNode(browser)
        node = apply(panel)
        monkeypatch.setattr(slicer.util, "selectModule", lambda name: None)
        panel.ui.editMaskButton.click()
        editor = scene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
        assert editor.GetSourceVolumeNode() is node
        panel.ui.compareButton.click()


class TestTransforms:
    def test_of_a_mask_is_taken_into_account(self, panel):
        from QSMReconstructionLib.masks import add_segmentation, mask_from_node

        first = panel.study.scan.first_echo
        brain = np.zeros((6, 7, 8), bool)
        brain[2:4, 2:5, 2:5] = True
        node = add_segmentation("Mine", brain, first)
        matrix = slicer.util.arrayFromVTKMatrix(_ijk_to_ras(first))
        shift = np.eye(4)
        shift[:3, 3] = 2 * matrix[:3, 0]  # two voxels along i
        node.SetAndObserveTransformNodeID(add_transform("Shift", shift).GetID())
        np.testing.assert_array_equal(mask_from_node(node, first), np.roll(brain, 2, axis=2))

    def test_of_the_volumes_that_show_sequences_turns_b0_and_places_maps_and_mask(self, panel, sequences):
        from QSMReconstructionLib.geometry import proxy_of
        from QSMReconstructionLib.masks import mask_from_node

        straight = panel.study.scan.grid.b0_direction
        turn = np.eye(4)
        turn[:3, :3] = rotation(40, 0)
        turn[:3, 3] = 3, -4, 5
        transform = add_transform("Turn", turn)
        for sequence in sequences:
            proxy_of(sequence).SetAndObserveTransformNodeID(transform.GetID())
        node = apply(panel)
        turned = np.array(panel.study.scan.grid.b0_direction)
        assert not np.allclose(turned, straight, atol=0.1)
        assert node.GetTransformNodeID() == transform.GetID()
        assert "transform 'Turn'" in panel.ui.messageLabel.text
        mask = mask_from_node(panel._parameterNode.resultMask, panel.study.scan.first_echo)
        np.testing.assert_array_equal(mask, slicer.util.arrayFromVolume(node) != 0)


def _ijk_to_ras(volume):
    import vtk

    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return matrix
