"""Reconstructing again, with the mask corrected or another recipe, repeats what has changed and nothing else."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import slicer


@pytest.fixture
def panel(show_panel, scene):
    """The panel with a small head, and the engine that users have."""
    from QSMReconstructionCore import head_phantom
    from QSMReconstructionLib.scans import add_scan

    panel = show_panel("QSMReconstruction")
    phantom = head_phantom(shape=(36, 42, 36), spacing=(5.0, 5.0, 5.0))
    magnitude, phase = add_scan(phantom.acquisition, "Head")
    panel.ui.magnitudeSelector.setCurrentNode(magnitude)
    panel.ui.phaseSelector.setCurrentNode(phase)
    panel.ui.presetComboBox.activated.emit(panel.ui.presetComboBox.findData("preview"))
    return panel


def click(button, panel) -> str:
    """Click, wait for the result, and return its message."""
    panel.ui.logTextEdit.setPlainText("")
    button.click()
    began = time.monotonic()
    while panel.jobs.jobs:
        assert time.monotonic() - began < 90, "waited in vain"
        slicer.app.processEvents()
        time.sleep(0.005)
    return panel.ui.messageLabel.text


def test_takes_over_what_comes_out_the_same_and_says_so(panel):
    from QSMReconstructionLib.masks import mask_from_node
    from QSMReconstructionLib.study import recipe_of

    ui = panel.ui
    assert not ui.rerunLabel.visible
    assert not ui.rerunButton.enabled and ui.rerunButton.toolTip == "There is no result yet."
    assert not ui.editMaskButton.enabled and "reconstruct once" in ui.editMaskButton.toolTip
    assert "As before" not in click(ui.applyButton, panel)
    assert "where the outer edge of the mask has changed" in ui.rerunLabel.text
    form = panel.recipe.forms["inversion"]
    form.methodComboBox.activated.emit(form.methodComboBox.findData("tsvd"))
    message = click(ui.rerunButton, panel)  # the mask of the result is that of the recipe
    assert "As before, so not computed again: " in message
    for stage in ("Field map", "Background field"):
        assert stage in message and f"{stage}: as before" in ui.logTextEdit.plainText
    assert "Dipole inversion" not in message and "Dipole inversion" in ui.logTextEdit.plainText

    result = panel._parameterNode.result
    mask = mask_from_node(panel._parameterNode.mask, result)
    corrected = mask.copy()
    corrected[:, :, : np.flatnonzero(mask.any(axis=(0, 1)))[2]] = False
    assert mask.sum() > corrected.sum() > 0
    segmentation = panel._parameterNode.resultMask
    (segment,) = segmentation.GetSegmentation().GetSegmentIDs()
    slicer.util.updateSegmentBinaryLabelmapFromArray(corrected.astype(np.uint8), segmentation, segment, result)
    click(ui.rerunButton, panel)
    assert "Field map: as before" not in ui.logTextEdit.plainText
    found = slicer.util.arrayFromVolume(panel._parameterNode.result)
    parameters = panel._parameterNode
    fresh = panel.logic.reconstruct(
        parameters.magnitude, parameters.phase, mask=parameters.mask, recipe=recipe_of(parameters)
    )
    np.testing.assert_array_equal(found, slicer.util.arrayFromVolume(fresh.susceptibility))


def sessions() -> list[Path]:
    return list(Path(slicer.app.temporaryPath).glob("qsm-session-*"))


def test_leaves_nothing_on_disk_when_the_scene_is_closed_or_the_application_ends(panel, scene):
    click(panel.ui.applyButton, panel)
    (session,) = sessions()
    assert len(list(session.glob("*.stage"))) > 4
    scene.Clear(False)
    assert not sessions()
    assert panel.jobs._session.path.is_dir()
    slicer.app.aboutToQuit.emit()
    assert not sessions()


def test_a_session_that_has_crashed_is_cleaned_up_by_the_next_and_one_that_lives_is_not(tmp_path, application):
    from QSMReconstructionLib.session_folder import SessionFolder

    crash = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); import standin; standin.install()\n"
        "from QSMReconstructionLib.session_folder import SessionFolder\n"
        "(SessionFolder(sys.argv[2]).path / 'a.stage').write_bytes(b'left'); os._exit(1)"
    )
    testing = Path(__file__).resolve().parents[1]
    subprocess.run([sys.executable, "-c", crash, str(testing), str(tmp_path)], check=False, timeout=60)
    (left,) = tmp_path.iterdir()
    assert (left / "a.stage").exists()
    living, another = SessionFolder(tmp_path), SessionFolder(tmp_path)
    assert living.path.is_dir() and another.path.is_dir()
    assert set(tmp_path.iterdir()) == {living.path, another.path}
    living.remove()
    another.remove()
    assert not list(tmp_path.iterdir())
    assert living.path.is_dir()
    living.remove()
