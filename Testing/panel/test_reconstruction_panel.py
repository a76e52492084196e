"""The panel of QSM Reconstruction, used as a user does."""

import numpy as np
import pytest
import slicer

from small_scan import small_scan


@pytest.fixture
def panel(show_panel, quick_pipeline):
    return show_panel("QSMReconstruction")


@pytest.fixture
def sequences(scene):
    from QSMReconstructionLib.echoes import add_sequences

    return add_sequences(small_scan(), "Head")


@pytest.fixture
def volumes(scene):
    """Magnitude and phase volume of a single echo."""
    acquisition = small_scan(echo_times=(0.02,))
    matrix = acquisition.grid.ijk_to_ras
    return [
        slicer.util.addVolumeFromArray(getattr(acquisition, role)[0], matrix, f"Single {role}")
        for role in ("magnitude", "phase")
    ]


@pytest.fixture
def ready_panel(panel, sequences):
    """The panel with everything chosen that it needs."""
    panel.ui.magnitudeSelector.setCurrentNode(sequences[0])
    panel.ui.phaseSelector.setCurrentNode(sequences[1])
    panel.ui.fieldStrengthSpinBox.value = 3.0
    return panel


def node_ids(scene) -> list[str]:
    return [scene.GetNthNode(number).GetID() for number in range(scene.GetNumberOfNodes())]


def during_the_run(monkeypatch, act) -> None:
    """Have `act(fraction, message)` called whenever the panel has shown a progress report, before it goes on."""
    real = slicer.app.processEvents
    monkeypatch.setattr(type(slicer.app), "processEvents", staticmethod(lambda *arguments: (real(), act())))


def test_the_module_says_what_it_is(panel):
    record = slicer.modules.qsmreconstruction
    assert record.title == "QSM Reconstruction"
    assert record.categories == ["Quantification"]
    assert record.contributors and record.helpText and record.acknowledgementText
    assert "ppm" in record.helpText


def test_an_empty_panel_says_what_is_missing_one_thing_after_the_other(panel, sequences, volumes):
    ui = panel.ui
    assert not ui.applyButton.enabled
    assert ui.applyButton.toolTip == "Choose the magnitude and the phase"
    ui.magnitudeSelector.setCurrentNode(volumes[0])
    ui.phaseSelector.setCurrentNode(volumes[0])
    assert ui.applyButton.toolTip == "Choose a phase that is not the magnitude"
    ui.phaseSelector.setCurrentNode(sequences[1])
    assert ui.applyButton.toolTip == "Choose two sequences, or two volumes, for magnitude and phase"
    ui.phaseSelector.setCurrentNode(volumes[1])
    assert ui.applyButton.toolTip == "Enter the echo time"
    ui.echoTimeSpinBox.value = 20.0
    assert ui.applyButton.toolTip == "Enter the field strength"
    assert not ui.applyButton.enabled
    ui.fieldStrengthSpinBox.value = 3.0
    assert ui.applyButton.enabled
    assert "susceptibility map" in ui.applyButton.toolTip


def test_the_echo_time_is_asked_for_volumes_only(panel, sequences, volumes):
    panel.ui.magnitudeSelector.setCurrentNode(volumes[0])
    assert panel.ui.echoTimeSpinBox.enabled
    panel.ui.magnitudeSelector.setCurrentNode(sequences[0])
    assert not panel.ui.echoTimeSpinBox.enabled
    assert panel.ui.echoTimeSpinBox.text == "from the sequence"


def test_label_maps_are_not_offered_as_scans(panel, sequences, volumes):
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Labels")
    selector = panel.ui.magnitudeSelector
    offered = {selector.nodeFromIndex(index).GetName() for index in range(selector.nodeCount())}
    assert offered == {"Head magnitude", "Head phase", "Single magnitude", "Single phase"}


def test_the_presets_are_those_of_the_core(panel):
    from QSMReconstruction import ReconstructionPreset
    from QSMReconstructionCore.recipe import PRESETS

    assert [preset.value for preset in ReconstructionPreset] == list(PRESETS)
    combo_box = panel.ui.presetComboBox
    assert [combo_box.itemText(index) for index in range(combo_box.count)] == [
        preset.label() for preset in ReconstructionPreset
    ]
    for index, preset in enumerate(PRESETS.values()):
        combo_box.currentIndex = index
        assert combo_box.toolTip == preset.purpose


def test_apply_leaves_the_maps_and_says_what_they_refer_to(ready_panel, screenshot):
    screenshot(ready_panel.parent, "reconstruction_ready")
    ready_panel.ui.applyButton.click()
    node = slicer.util.getNode("Head susceptibility")
    result, reference = ready_panel.ui.messageLabel.text.splitlines()
    assert result == "Result: Head susceptibility, in ppm"
    assert reference.startswith("Reference: whole brain, mean")
    assert node.GetAttribute("QSM.FieldStrength") == "3"
    assert slicer.app.applicationLogic().GetSelectionNode().GetActiveVolumeID() == node.GetID()
    assert ready_panel.ui.applyButton.enabled
    assert not ready_panel.ui.cancelButton.enabled
    assert not ready_panel.ui.progressBar.visible
    screenshot(ready_panel.parent, "reconstruction_result")


def test_a_single_volume_is_reconstructed_with_the_entered_echo_time_preset_and_mask(panel, volumes):
    from QSMReconstructionLib.masks import add_segmentation

    brain = slicer.util.arrayFromVolume(volumes[0]) > 50
    brain[:, :3] = False
    mask = add_segmentation("Mine", brain, volumes[0])
    ui = panel.ui
    ui.magnitudeSelector.setCurrentNode(volumes[0])
    ui.phaseSelector.setCurrentNode(volumes[1])
    ui.echoTimeSpinBox.value = 20.0
    ui.fieldStrengthSpinBox.value = 7.0
    ui.maskSelector.setCurrentNode(mask)
    ui.presetComboBox.currentIndex = ui.presetComboBox.findText("Preview (in seconds)")
    ui.applyButton.click()
    node = slicer.util.getNode("Single susceptibility")
    assert node.GetAttribute("QSM.EchoTimes") == "0.02"
    assert node.GetAttribute("QSM.FieldStrength") == "7"
    assert '"tkd"' in node.GetAttribute("QSM.Recipe")
    assert not slicer.util.arrayFromVolume(node)[:, :3].any()
    assert "A single echo." in ui.messageLabel.text


def test_the_progress_is_shown_stage_by_stage_with_inputs_locked(ready_panel, monkeypatch, screenshot):
    ui = ready_panel.ui
    seen = []

    def look():
        seen.append((ui.progressBar.value, ui.messageLabel.text))
        assert ui.progressBar.visible
        assert ui.cancelButton.enabled
        assert not ui.applyButton.enabled
        assert not ui.inputsCollapsibleButton.enabled
        if ui.messageLabel.text == "Dipole inversion":
            ready_panel.parent.grab().save(str(screenshot_path))

    screenshot_path = screenshot(ready_panel.parent, "reconstruction_running")
    during_the_run(monkeypatch, look)
    ui.applyButton.click()
    assert seen == [
        (0, "Brain mask"),
        (20, "Field map"),
        (40, "Background field"),
        (60, "Dipole inversion"),
        (80, "Reference"),
        (100, "done"),
    ]


def test_cancel_leaves_the_scene_as_it_was(ready_panel, scene, monkeypatch):
    before = node_ids(scene)
    during_the_run(monkeypatch, ready_panel.ui.cancelButton.click)
    ready_panel.ui.applyButton.click()
    assert node_ids(scene) == before
    assert ready_panel.ui.messageLabel.text == "Cancelled. The scene is as it was."
    assert ready_panel.ui.applyButton.enabled


def test_apply_works_again_after_cancel(ready_panel, monkeypatch):
    with monkeypatch.context() as patched:
        during_the_run(patched, ready_panel.ui.cancelButton.click)
        ready_panel.ui.applyButton.click()
    ready_panel.ui.applyButton.click()
    assert slicer.util.getNode("Head susceptibility")


def test_apply_does_nothing_while_a_reconstruction_runs(ready_panel, monkeypatch):
    during_the_run(monkeypatch, ready_panel.onApplyButton)
    ready_panel.ui.applyButton.click()
    assert list(slicer.util.getNodes("Head susceptibility*")) == ["Head susceptibility"]


def test_removing_the_input_during_a_run_does_no_harm(ready_panel, sequences, scene, monkeypatch):
    def remove():
        for sequence in sequences:
            if scene.IsNodePresent(sequence):
                scene.RemoveNode(sequence)

    during_the_run(monkeypatch, remove)
    ready_panel.ui.applyButton.click()
    assert slicer.util.getNode("Head susceptibility")
    assert ready_panel.ui.applyButton.toolTip == "Choose the magnitude and the phase"


def test_closing_the_scene_during_a_run_cancels_it(ready_panel, scene, monkeypatch):
    closed = []

    def close():
        if not closed:
            closed.append(scene)
            scene.Clear(False)

    during_the_run(monkeypatch, close)
    ready_panel.ui.applyButton.click()
    assert not slicer.util.getNodes("*susceptibility*")
    assert "Cancelled" in ready_panel.ui.messageLabel.text
    assert not ready_panel.ui.applyButton.enabled


def test_data_that_cannot_be_processed_get_one_sentence_in_the_panel(ready_panel, scene, sequences, screenshot):
    slicer.util.arrayFromVolume(sequences[1].GetNthDataNode(0))[:] *= 1000
    before = node_ids(scene)
    ready_panel.ui.applyButton.click()
    assert ready_panel.ui.messageLabel.text.startswith("Cannot reconstruct: phase must be in radians within [-pi, pi]")
    assert node_ids(scene) == before
    assert ready_panel.ui.applyButton.enabled
    screenshot(ready_panel.parent, "reconstruction_refused")


def test_an_unexpected_error_is_not_swallowed_and_the_panel_stays_usable(
    ready_panel, escaped_exceptions, monkeypatch
):
    from QSMReconstructionCore import pipeline

    def fail(*arguments, **more):
        raise MemoryError("no memory left")

    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "reconstruct", fail)
        ready_panel.ui.applyButton.click()
    assert str(escaped_exceptions.pop()) == "no memory left"
    assert ready_panel.ui.applyButton.enabled
    ready_panel.ui.applyButton.click()
    assert slicer.util.getNode("Head susceptibility")


def test_the_scene_remembers_what_was_chosen(ready_panel, show_panel, sequences):
    ready_panel.ui.presetComboBox.currentIndex = 1
    again = show_panel("QSMReconstruction")
    assert again.ui.magnitudeSelector.currentNode() == sequences[0]
    assert again.ui.fieldStrengthSpinBox.value == 3.0
    assert again.ui.presetComboBox.currentIndex == 1


def test_closing_the_scene_empties_the_panel(ready_panel, scene):
    scene.Clear(False)
    assert ready_panel.ui.magnitudeSelector.currentNode() is None
    assert ready_panel.ui.fieldStrengthSpinBox.value == 0
    assert ready_panel.ui.fieldStrengthSpinBox.text == "not set"
    assert not ready_panel.ui.applyButton.enabled


def test_removing_a_chosen_node_disables_apply(ready_panel, sequences, scene):
    scene.RemoveNode(sequences[0])
    assert not ready_panel.ui.applyButton.enabled
    assert ready_panel.ui.applyButton.toolTip == "Choose the magnitude and the phase"


def test_nothing_is_cut_off_at_400_pixels(ready_panel):
    ready_panel.ui.applyButton.click()
    slicer.app.processEvents()
    assert ready_panel.parent.width == 400
    for name in ("magnitudeLabel", "phaseLabel", "echoTimeLabel", "fieldStrengthLabel", "maskLabel", "presetLabel"):
        label = getattr(ready_panel.ui, name)
        assert label.width >= label.sizeHint().width(), name
    message = ready_panel.ui.messageLabel
    assert message.height >= message.heightForWidth(message.width)


def test_the_map_of_a_small_head_appears_on_apply(show_panel, scene, screenshot):
    from QSMReconstructionCore import head_phantom
    from QSMReconstructionLib.echoes import add_sequences

    phantom = head_phantom(shape=(45, 54, 45), spacing=(4.0, 4.0, 4.0))
    magnitude, phase = add_sequences(phantom.acquisition, "Head phantom")
    panel = show_panel("QSMReconstruction")
    panel.ui.magnitudeSelector.setCurrentNode(magnitude)
    panel.ui.phaseSelector.setCurrentNode(phase)
    panel.ui.fieldStrengthSpinBox.value = 3.0
    panel.ui.presetComboBox.currentIndex = panel.ui.presetComboBox.findText("Preview (in seconds)")
    panel.ui.applyButton.click()
    screenshot(panel.parent, "reconstruction_phantom")
    found = slicer.util.arrayFromVolume(slicer.util.getNode("Head phantom susceptibility"))
    inside = (found != 0) & phantom.mask
    assert np.corrcoef(found[inside], phantom.susceptibility[inside])[0, 1] > 0.5
