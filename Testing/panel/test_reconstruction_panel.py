"""The panel of QSM Reconstruction, used as a user does."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
import slicer
import vtk

from small_scan import small_scan


@pytest.fixture
def panel(show_panel, quick_engine):
    return show_panel("QSMReconstruction")


@pytest.fixture
def sequences(scene):
    from QSMReconstructionLib.scans import add_scan

    return add_scan(small_scan(), "Head")


@pytest.fixture
def volumes(scene):
    """Magnitude and phase volumes of two echoes, in turn."""
    acquisition = small_scan(echo_times=(0.01, 0.02))
    matrix = acquisition.grid.ijk_to_ras
    return [
        slicer.util.addVolumeFromArray(getattr(acquisition, role)[echo], matrix, f"Single {role} {echo + 1}")
        for echo in range(2)
        for role in ("magnitude", "phase")
    ]


@pytest.fixture
def ready_panel(panel, sequences):
    """The panel with everything chosen that it needs."""
    choose(panel, *sequences)
    return panel


def choose(panel, magnitude, phase) -> None:
    panel.ui.magnitudeSelector.setCurrentNode(magnitude)
    panel.ui.phaseSelector.setCurrentNode(phase)


def wait_until(condition, seconds: float = 90.0) -> None:
    """Let the application handle events until a condition holds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "waited in vain"
        slicer.app.processEvents()
        time.sleep(0.002)


def apply(panel) -> None:
    """Click Apply and wait for the result."""
    panel.ui.applyButton.click()
    wait_until(lambda: not panel.jobs.jobs)


def _takes_tab(control) -> bool:
    import qt

    policy = control.focusPolicy
    return policy in (qt.Qt.TabFocus, qt.Qt.StrongFocus, qt.Qt.WheelFocus) and control.focusProxy() is None


def node_ids(scene) -> list[str]:
    return [scene.GetNthNode(number).GetID() for number in range(scene.GetNumberOfNodes())]


def column(panel, number: int) -> list[str]:
    table = panel.ui.echoTable
    return [table.item(row, number).text() for row in range(table.rowCount)]


def write_bids(root, subject: str, echo_times=(0.004, 0.012, 0.02)) -> None:
    """A small scan as a subject of a BIDS data set."""
    from QSMReconstructionCore import write_nifti

    scan = small_scan(echo_times)
    folder = root / f"sub-{subject}" / "anat"
    folder.mkdir(parents=True)
    for part, values in (("mag", scan.magnitude), ("phase", scan.phase)):
        for echo, (array, echo_time) in enumerate(zip(values, echo_times), 1):
            path = folder / f"sub-{subject}_echo-{echo}_part-{part}_MEGRE.nii"
            write_nifti(path, array, scan.grid)
            path.with_suffix(".json").write_text(json.dumps({"EchoTime": echo_time, "MagneticFieldStrength": 3}))


def read_folder(panel, folder, seconds: float = 60.0) -> None:
    """Open a folder and wait until it is read."""
    panel.study.open(folder)
    wait_until(lambda: not panel.study.reading, seconds)


def attribute(name: str, key: str) -> str:
    return slicer.util.getNode(name).GetAttribute(key)


def test_the_module_says_what_it_is(panel):
    record = slicer.modules.qsmreconstruction
    assert record.title == "QSM Reconstruction"
    assert record.categories == ["Quantification"]
    assert record.contributors and record.helpText and record.acknowledgementText
    assert "ppm" in record.helpText


class TestTheStudy:
    def test_says_what_is_missing_one_thing_after_the_other(self, panel, sequences, volumes):
        ui = panel.ui

        def missing():
            assert not ui.applyButton.enabled
            assert ui.applyButton.toolTip in ui.studyVerdictsLabel.text
            return ui.applyButton.toolTip

        assert missing() == "Choose the magnitude and the phase."
        choose(panel, volumes[0], volumes[0])
        assert missing() == "Choose a phase that is not the magnitude."
        choose(panel, volumes[0], sequences[1])
        assert missing() == "Choose two sequences, or volumes, for magnitude and phase."
        choose(panel, volumes[0], volumes[1])
        assert missing() == "Enter the echo times in the table of echoes."
        ui.echoTable.item(0, 3).setText("20")
        assert missing() == "Enter the field strength: these images do not carry it."
        ui.fieldStrengthSpinBox.value = 3.0
        assert ui.applyButton.enabled
        assert "susceptibility map" in ui.applyButton.toolTip

    def test_of_sequences_brings_its_echo_times_field_strength_and_orientation(self, ready_panel):
        ui = ready_panel.ui
        assert column(ready_panel, 3) == ["4", "12", "20"]
        assert set(column(ready_panel, 4)) == {"sequence index"}
        assert ui.fieldStrengthSpinBox.text == "3 T, from the scan"
        assert "34.8" in ui.b0DirectionValue.text
        assert "Number of echoes" in ui.studyVerdictsLabel.text
        assert "three-dimensional" in ui.studyVerdictsLabel.toolTip
        assert ui.applyButton.enabled

    def test_takes_other_echo_times_and_gives_those_of_the_scan_back(self, ready_panel):
        ui = ready_panel.ui
        ui.echoTable.item(2, 3).setText("21.5")
        assert column(ready_panel, 4) == ["entered"] * 3
        assert ready_panel.study.scan.echo_times == pytest.approx((0.004, 0.012, 0.0215))
        ui.echoTable.item(2, 3).setText("3")
        assert "echo_times must increase" in ui.studyVerdictsLabel.text
        ui.echoTable.item(2, 3).setText("no number")
        assert column(ready_panel, 3)[2] == ""
        ui.resetEchoTimesButton.click()
        assert column(ready_panel, 3) == ["4", "12", "20"]
        assert ui.applyButton.enabled

    def test_is_glanced_at_when_it_is_chosen(self, panel, scene):
        from dataclasses import replace

        from QSMReconstructionCore import head_phantom
        from QSMReconstructionLib.scans import add_scan

        scan = head_phantom(shape=(45, 54, 45), spacing=(4.0, 4.0, 4.0)).acquisition
        choose(panel, *add_scan(scan, "Head"))
        told = panel.ui.studyVerdictsLabel
        assert "<b>Good:</b>" in told.text and "Order of the echoes, Decay of the magnitude" in told.text
        order = [1, 0, 2, 3, 4]
        choose(panel, *add_scan(replace(scan, magnitude=scan.magnitude[order], phase=scan.phase[order]), "Swapped"))
        assert "<b>Order of the echoes.</b> The magnitude grows from one echo to the next" in told.text
        assert panel.ui.applyButton.enabled
        magnitude, phase = add_scan(scan, "Other way")
        choose(panel, phase, magnitude)
        assert "Check that magnitude and phase are not swapped." in told.text
        assert not panel.ui.applyButton.enabled

    def test_of_volumes_is_put_together_echo_by_echo(self, panel, volumes):
        ui = panel.ui
        choose(panel, volumes[0], volumes[1])
        ui.fieldStrengthSpinBox.value = 7.0
        ui.echoTable.item(0, 3).setText("10")
        ui.addEchoButton.click()
        assert [ui.echoTable.cellWidget(1, number).currentNode() for number in (1, 2)] == volumes[2:]
        assert column(panel, 4) == ["entered", "missing"]
        ui.echoTable.item(1, 3).setText("20")
        scan = panel.study.scan
        assert (scan.echo_times, scan.name) == ((0.01, 0.02), "Single")
        assert (scan.magnitude[1], scan.phase[1]) == tuple(volume.GetImageData() for volume in volumes[2:])
        ui.echoTable.cellWidget(1, 1).setCurrentNode(None)
        assert ui.applyButton.toolTip == "Choose the magnitude and the phase."
        ui.removeEchoButton.click()
        assert panel.study.scan.echo_times == (0.01,)

    def test_is_read_from_a_bids_folder_and_of_several_scans_the_chosen_one(self, panel, tmp_path):
        ui = panel.ui
        write_bids(tmp_path, "01")
        read_folder(panel, tmp_path)
        assert ui.readingLabel.text == "Read: sub-01"
        assert not ui.foundScanComboBox.visible
        assert column(panel, 3) == ["4", "12", "20"]
        assert ui.fieldStrengthSpinBox.text == "3 T, from the scan"
        assert ui.applyButton.enabled
        write_bids(tmp_path, "02", (0.005, 0.01))
        read_folder(panel, tmp_path)
        assert ui.foundScanComboBox.visible
        assert ui.foundScanComboBox.itemText(0) == "2 scans found: choose one"
        ui.foundScanComboBox.activated.emit(2)
        wait_until(lambda: not panel.study.reading)
        assert ui.magnitudeSelector.currentNode().GetName() == "sub-02 magnitude"
        assert column(panel, 3) == ["5", "10"]
        (tmp_path / "sub-02" / "anat" / "sub-02_echo-1_part-phase_MEGRE.nii").write_bytes(b"damaged")
        ui.foundScanComboBox.activated.emit(2)
        wait_until(lambda: not panel.study.reading)
        assert ui.readingLabel.text.startswith("Cannot read:")
        assert ui.foundScanComboBox.enabled

    def test_is_read_while_the_application_goes_on_and_given_up_on_request(self, panel, tmp_path, scene):
        ui, temporary = panel.ui, Path(slicer.app.temporaryPath)
        write_bids(tmp_path, "01")
        before = node_ids(scene)
        panel.study.open(tmp_path)
        assert (ui.openFolderButton.text, ui.readingProgressBar.visible) == ("Cancel reading", True)
        wait_until(lambda: list(temporary.glob("qsm-read-*")))
        ui.openFolderButton.click()
        assert ui.readingLabel.text == "Reading was cancelled. The scene is as it was."
        assert (ui.openFolderButton.text, ui.readingProgressBar.visible) == ("Open &folder...", False)
        assert node_ids(scene) == before
        panel.study.open(tmp_path)
        wait_until(lambda: list(temporary.glob("qsm-read-*")))
        scene.Clear(False)
        assert not panel.study.reading
        panel.study.open(tmp_path)
        wait_until(lambda: list(temporary.glob("qsm-read-*")))
        slicer.app.aboutToQuit.emit()
        assert not list(temporary.glob("qsm-read-*"))

    def test_is_read_from_a_dicom_folder_as_the_browser_would(self, panel, tmp_path):
        from dataclasses import replace

        from QSMReconstructionCore.io.dicom.scan import read_dicom
        from scanners import MANNERS, export

        siemens = MANNERS["siemens"]
        other = replace(siemens, storages=tuple(replace(each, series=each.series + 10) for each in siemens.storages))
        export(tmp_path / "first", small_scan(), siemens)
        export(tmp_path / "second", replace(small_scan(), phase=-small_scan().phase), other)
        read_folder(panel, tmp_path)
        ui = panel.ui
        assert ui.readingLabel.text == ui.foundScanComboBox.itemText(0) == "2 scans found: choose one"
        assert ui.foundScanComboBox.itemText(2).startswith("15: ")
        ui.foundScanComboBox.activated.emit(2)
        wait_until(lambda: not panel.study.reading)
        assert ui.readingLabel.text.startswith("Read: 15: ")
        found, expected = panel.study.scan.acquisition, read_dicom(tmp_path / "second")
        np.testing.assert_array_equal(found.phase, expected.phase)
        np.testing.assert_array_equal(found.magnitude, expected.magnitude)
        assert found.grid.same_geometry(expected.grid, 1e-6)
        assert found.field_strength == expected.field_strength
        assert set(column(panel, 4)) == {"tag EchoTime"}
        assert "loaded from tag EchoTime or" in ui.echoTable.item(0, 4).toolTip()
        assert ui.magnitudeSelector.toolTip.endswith("\n15: gre_qsm magnitude")

    def test_of_a_folder_without_a_scan_says_so(self, panel, tmp_path):
        read_folder(panel, tmp_path)
        assert panel.ui.readingLabel.text.startswith("Cannot read:")

    def test_under_a_transform_that_is_not_linear_is_refused_with_a_sentence(self, panel, volumes, scene):
        spline = vtk.vtkThinPlateSplineTransform()
        source, target = vtk.vtkPoints(), vtk.vtkPoints()
        for number in range(5):
            point = np.eye(5)[number, :3] * 10
            source.InsertNextPoint(point)
            target.InsertNextPoint(point + [number, 0, number % 2])
        spline.SetSourceLandmarks(source)
        spline.SetTargetLandmarks(target)
        warp = scene.AddNewNodeByClass("vtkMRMLTransformNode", "Warp")
        warp.SetAndObserveTransformToParent(spline)
        volumes[0].SetAndObserveTransformNodeID(warp.GetID())
        choose(panel, volumes[0], volumes[1])
        panel.ui.fieldStrengthSpinBox.value = 3.0
        panel.ui.echoTable.item(0, 3).setText("20")
        assert "'Warp', which is not linear" in panel.ui.applyButton.toolTip
        assert not panel.ui.applyButton.enabled

    def test_does_not_offer_label_maps(self, panel, sequences, volumes):
        slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Labels")
        selector = panel.ui.magnitudeSelector
        offered = {selector.nodeFromIndex(index).GetName() for index in range(selector.nodeCount())}
        assert "Labels" not in offered
        assert {"Head magnitude", "Head phase", "Single magnitude 1"} <= offered

    def test_loses_what_is_removed(self, ready_panel, sequences, scene):
        scene.RemoveNode(sequences[0])
        assert ready_panel.ui.applyButton.toolTip == "Choose the magnitude and the phase."


class TestEveryControl:
    def test_has_a_tool_tip(self, panel):
        import qt

        for kind in (qt.QPushButton, qt.QCheckBox, qt.QComboBox, qt.QSlider, qt.QAbstractSpinBox, qt.QLineEdit):
            for control in panel.parent.findChildren(kind):
                if control.objectName and not control.objectName.startswith("qt_"):
                    assert control.toolTip, control.objectName

    def test_is_reached_by_tab_from_top_to_bottom(self, ready_panel):
        import qt

        parent, ui = ready_panel.parent, ready_panel.ui
        for section in ("preview", "outputs", "quality"):
            getattr(ui, f"{section}CollapsibleButton").collapsed = False
        ui.advancedGroupBox.collapsed = False
        form = ready_panel.recipe.forms["background"]
        form.methodComboBox.activated.emit(form.methodComboBox.findData("pdf"))  # whose rows are new
        for _pass in range(3):
            parent.resize(400, 3000)
            slicer.app.processEvents()
        controls, control = [], ui.magnitudeSelector
        while not controls or control is not controls[0]:
            controls.append(control)
            control = control.nextInFocusChain()
        names, tops = [], []
        for control in controls:
            if control.isVisibleTo(parent) and parent.isAncestorOf(control) and _takes_tab(control):
                names.append(control.objectName)
                tops.append(control.mapTo(parent, qt.QPoint(0, min(control.height, 24) // 2)).y())
        assert {"background.residual_degree", "r2starCheckBox", "saveRecipeButton", "applyButton"} <= set(names)
        start = tops.index(min(tops))
        tops, names = tops[start:] + tops[:start], names[start:] + names[:start]
        backwards = [(a, b) for a, b, x, y in zip(names, names[1:], tops, tops[1:]) if y < x - 8]
        assert not backwards

    def test_that_cannot_be_used_says_what_is_missing(self, panel):
        import qt

        for section in ("preview", "outputs", "quality"):
            getattr(panel.ui, f"{section}CollapsibleButton").collapsed = False
        disabled = [
            control
            for kind in (qt.QPushButton, qt.QCheckBox, qt.QSlider)
            for control in panel.parent.findChildren(kind)
            if control.isVisibleTo(panel.parent) and not control.enabled
        ]
        assert len(disabled) > 6
        for control in disabled:
            assert control.toolTip.startswith(("There is no", "No ", "Choose", "Check")), control.objectName


class TestTheRecipe:
    def test_offers_the_presets_of_the_core_with_their_purposes(self, panel):
        from QSMReconstructionCore.recipe import PRESETS

        box = panel.ui.presetComboBox
        assert [box.itemData(index) for index in range(box.count)] == list(PRESETS)
        for index, preset in enumerate(PRESETS.values()):
            assert box.itemText(index) == preset.title
            box.activated.emit(index)
            assert panel.ui.presetPurposeLabel.text == preset.purpose

    def test_has_a_form_for_every_parameter_of_every_method(self, panel):
        from QSMReconstructionCore.methods import METHODS

        for stage, form in panel.recipe.forms.items():
            for index, (name, method) in enumerate(METHODS[stage].items()):
                form.methodComboBox.activated.emit(index)
                assert form.method.name == name
                values = json.loads(panel._parameterNode.recipe or "{}").get(stage, form._values)
                assert values == {"method": name, **method.completed({})}
                for parameter in method.parameters.values():
                    editor = slicer.util.findChild(panel.parent, f"{stage}.{parameter.name}")
                    assert "Default: " in editor.toolTip, parameter.name
                    assert len(editor.toolTip.splitlines()) > 1, parameter.name

    def test_calls_methods_and_choices_as_the_field_does(self, panel):
        import qt

        forms = panel.recipe.forms
        assert forms["background"].methodComboBox.currentText == "V-SHARP"
        assert forms["field_map"].methodComboBox.currentText == "ROMEO, weighted linear fit"
        offset = slicer.util.findChild(panel.parent, "field_map.phase_offset")
        assert offset.currentText == "Smooth in space"
        assert "Default: Smooth in space" in offset.toolTip
        for box in panel.parent.findChildren(qt.QComboBox):
            assert not any("_" in box.itemText(index) for index in range(box.count)), box.objectName

    def test_says_what_the_smallest_value_stands_for(self, panel):
        degree = slicer.util.findChild(panel.parent, "background.residual_degree")
        assert degree.text == "none"
        assert "From -1 (none) to 8\nDefault: none" in degree.toolTip
        degree.value = 2
        assert degree.text == "2"
        assert slicer.util.findChild(panel.parent, "background.threshold").specialValueText == ""

    def test_keeps_the_identifier_of_a_choice_in_the_recipe(self, panel):
        from QSMReconstructionLib.study import recipe_of

        box = slicer.util.findChild(panel.parent, "field_map.phase_offset")
        box.activated.emit(1)
        assert recipe_of(panel._parameterNode).stages["field_map"]["phase_offset"] == "free"

    def test_changes_the_background_method_with_the_inversion_that_needs_another(self, panel):
        forms = panel.recipe.forms
        for inversion, background in (("tfi", "no_removal"), ("medi", "vsharp")):
            form = forms["inversion"]
            form.methodComboBox.activated.emit(form.methodComboBox.findData(inversion))
            assert (form.method.name, forms["background"].method.name) == (inversion, background)

    def test_keeps_a_changed_parameter_and_forgets_it_with_another_preset(self, panel):
        from QSMReconstructionLib.study import recipe_of

        slicer.util.findChild(panel.parent, "background.largest_radius").value = 9
        entry = slicer.util.findChild(panel.parent, "inversion.regularization")
        entry.text = "2e2"
        entry.editingFinished.emit()
        recipe = recipe_of(panel._parameterNode)
        assert recipe.stages["background"]["largest_radius"] == 9
        assert recipe.stages["inversion"]["regularization"] == 200
        assert "Changed below" in panel.ui.presetPurposeLabel.text
        assert entry is slicer.util.findChild(panel.parent, "inversion.regularization")  # and keeps the focus
        entry.text = "-1"
        entry.editingFinished.emit()
        assert entry.text == "200"
        panel.ui.presetComboBox.activated.emit(0)
        assert recipe_of(panel._parameterNode).stages["inversion"]["regularization"] != 200
        assert panel._parameterNode.recipe == ""

    def test_takes_back_an_entry_that_is_not_allowed(self, panel):
        entry = slicer.util.findChild(panel.parent, "inversion.regularization")
        before = entry.text
        for wrong in ("plenty", "-1", ""):
            entry.text = wrong
            entry.editingFinished.emit()
            assert entry.text == before
        assert panel._parameterNode.recipe == ""

    def test_is_saved_and_loaded_and_a_wrong_file_changes_nothing(self, panel, tmp_path, monkeypatch):
        from QSMReconstructionLib.study import recipe_of

        said = []
        monkeypatch.setattr(slicer.util, "errorDisplay", said.append)
        slicer.util.findChild(panel.parent, "background.largest_radius").value = 9
        panel.recipe.save(tmp_path / "recipe.json")
        panel.ui.presetComboBox.activated.emit(0)
        panel.recipe.load(tmp_path / "recipe.json")
        assert recipe_of(panel._parameterNode).stages["background"]["largest_radius"] == 9
        (tmp_path / "wrong.json").write_text('{"background": {"method": "magic"}}')
        panel.recipe.load(tmp_path / "wrong.json")
        assert "Unknown method 'magic'" in said.pop()
        assert recipe_of(panel._parameterNode).stages["background"]["largest_radius"] == 9
        panel.recipe.save(tmp_path / "nowhere" / "recipe.json")
        assert "cannot be written" in said.pop()

    def test_tells_time_and_memory_for_the_scan(self, ready_panel):
        assert "about" in ready_panel.ui.estimateValue.text
        assert "GB of memory" in ready_panel.ui.estimateValue.text
        form = ready_panel.recipe.forms["inversion"]
        form.methodComboBox.activated.emit(form.methodComboBox.findData("medi"))
        assert "without MEDI, which has not run on this computer yet" in ready_panel.ui.estimateValue.text
        assert "with the default methods, others may take twice as much" in ready_panel.ui.estimateValue.text

    def test_knows_the_time_and_memory_of_the_head_phantom_before_the_first_run(self):
        from types import SimpleNamespace

        from QSMReconstructionCore.recipe import Recipe
        from QSMReconstructionLib.estimate import estimate

        scan = SimpleNamespace(grid=SimpleNamespace(size=180 * 216 * 180), echo_times=(0.0,) * 5)
        unused = SimpleNamespace(value=lambda name: "")
        assert estimate(scan, Recipe.preset(), False, unused) == "about 30 s, 1.0 GB of memory"

    def test_tells_what_a_rerun_takes_by_what_has_changed_in_the_mask(self, panel):
        from types import SimpleNamespace

        from QSMReconstructionCore.recipe import Recipe
        from QSMReconstructionLib.estimate import time_of_rerun

        scan = SimpleNamespace(grid=SimpleNamespace(size=10_000_000))
        known = {"inversion.weighted_tv": 2.0, "field_map.romeo_linear": 1.0, "background.vsharp": 0.5}
        settings = SimpleNamespace(value=lambda name: json.dumps(known))
        edge, hole = time_of_rerun(scan, Recipe.preset(), settings)
        assert (edge, hole) == ("45 s", "10 s")


class TestApply:
    def test_adds_the_maps_and_says_what_they_refer_to(self, ready_panel):
        ui = ready_panel.ui
        apply(ready_panel)
        node = slicer.util.getNode("Head susceptibility")
        result, reference = ui.messageLabel.text.splitlines()
        assert result == "Result: Head susceptibility, in ppm"
        assert reference.startswith("Reference: whole brain, mean")
        assert node.GetAttribute("QSM.FieldStrength") == "3"
        assert slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(node).GetTitleText() == "ppm"
        assert slicer.app.applicationLogic().GetSelectionNode().GetActiveVolumeID() == node.GetID()
        assert ui.applyButton.enabled and not ui.cancelButton.enabled and not ui.progressBar.visible
        assert "relative to: whole brain" in ui.qualityLabel.text
        ui.logGroupBox.collapsed = False
        ui.copyLogButton.click()
        import qt

        assert "Dipole inversion" in qt.QApplication.clipboard().text()

    def test_uses_mask_recipe_outputs_and_name_that_were_chosen(self, ready_panel, sequences):
        from QSMReconstructionLib.masks import add_segmentation

        first = ready_panel.study.scan.first_echo
        brain = slicer.util.arrayFromVolume(first) > 50
        brain[:, :3] = False
        ui = ready_panel.ui
        ui.maskSelector.setCurrentNode(add_segmentation("Mine", brain, first))
        assert not ui.maskMethodWidget.visible
        ui.presetComboBox.activated.emit(ui.presetComboBox.findData("preview"))
        ui.outputNameLineEdit.text = "Patient"
        slicer.util.findChild(ready_panel.parent, "qualityCheckBox").checked = False
        apply(ready_panel)
        node = slicer.util.getNode("Patient susceptibility")
        assert not slicer.util.arrayFromVolume(node)[:, :3].any()
        assert '"tkd"' in node.GetAttribute("QSM.Recipe")
        assert slicer.util.getNodes("Patient R2*")
        assert not slicer.util.getNodes("Patient phase quality")

    def test_shows_each_stage_with_the_panel_alive_and_cancel_leaves_the_scene(
        self, ready_panel, quick_engine, scene
    ):
        ui = ready_panel.ui
        quick_engine("Dipole inversion")
        before = node_ids(scene)
        began = time.process_time()  # of this process alone, however busy the machine is
        ui.applyButton.click()
        assert time.process_time() - began < 0.3
        wait_until(lambda: "Dipole inversion" in ui.messageLabel.text)
        assert ui.progressBar.visible and ui.progressBar.value > 50
        assert ui.stageProgressBar.format.startswith("Dipole inversion")
        assert "left" in ui.messageLabel.text
        assert ui.cancelButton.enabled
        assert ui.studyCollapsibleButton.enabled
        began = time.process_time()
        ui.cancelButton.click()
        assert time.process_time() - began < 1
        assert node_ids(scene) == before
        assert ui.messageLabel.text == "Cancelled. The scene is as it was."
        assert ui.applyButton.enabled and not ui.progressBar.visible

    def test_puts_a_second_run_in_line(self, ready_panel, quick_engine):
        ui = ready_panel.ui
        quick_engine("Dipole inversion")
        ui.applyButton.click()
        ui.outputNameLineEdit.text = "Second"
        ui.applyButton.click()
        wait_until(lambda: "Dipole inversion" in ui.messageLabel.text)
        assert ui.messageLabel.text.endswith("Waiting: Second")
        assert ui.applyButton.text == "Apply (put in line)"
        quick_engine("-")
        ui.cancelButton.click()
        wait_until(lambda: not ready_panel.jobs.jobs)
        assert ui.applyButton.text == "Apply"
        assert slicer.util.getNodes("Second susceptibility")
        assert not slicer.util.getNodes("Head susceptibility")

    def test_survives_the_end_of_the_scene(self, ready_panel, quick_engine, scene):
        quick_engine("Dipole inversion")
        ready_panel.ui.applyButton.click()
        wait_until(lambda: "Dipole inversion" in ready_panel.ui.messageLabel.text)
        scene.Clear(False)
        assert not ready_panel.jobs.jobs
        assert ready_panel.ui.messageLabel.text == "Cancelled. The scene is as it was."
        assert ready_panel.ui.magnitudeSelector.currentNode() is None
        assert ready_panel.ui.fieldStrengthSpinBox.text == "not set"
        assert not ready_panel.ui.applyButton.enabled

    def test_gives_one_sentence_for_data_that_cannot_be_processed(self, ready_panel, scene, sequences):
        slicer.util.arrayFromVolume(sequences[1].GetNthDataNode(0))[:] *= 17
        before = node_ids(scene)
        apply(ready_panel)
        assert ready_panel.ui.messageLabel.text.startswith("Cannot reconstruct: phase must be in radians")
        assert node_ids(scene) == before
        assert ready_panel.ui.applyButton.enabled


class TestAResult:
    @pytest.fixture
    def finished_panel(self, ready_panel):
        apply(ready_panel)
        return ready_panel

    def test_gets_a_corrected_mask_in_segment_editor_and_is_computed_again_with_it(self, finished_panel, monkeypatch):
        from QSMReconstructionLib.masks import mask_from_node

        opened = []
        monkeypatch.setattr(slicer.util, "selectModule", opened.append)
        ui = finished_panel.ui
        ui.editMaskButton.click()
        assert opened == ["SegmentEditor"]
        editor = slicer.mrmlScene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
        mask = finished_panel._parameterNode.resultMask
        assert editor.GetSegmentationNode() is mask
        assert editor.GetSourceVolumeNode().GetName() == "Head magnitude"
        first = finished_panel.study.scan.first_echo
        corrected = mask_from_node(mask, first)
        corrected[:, :, :4] = False
        segment = mask.GetSegmentation().GetNthSegmentID(0)
        slicer.util.updateSegmentBinaryLabelmapFromArray(corrected.astype(np.uint8), mask, segment, first)
        ui.rerunButton.click()
        wait_until(lambda: not finished_panel.jobs.jobs)
        again = finished_panel._parameterNode.result
        assert again.GetName() == "Head susceptibility_1"
        assert not slicer.util.arrayFromVolume(again)[:, :, :4].any()

    def test_is_referred_to_another_region_and_back_without_being_computed(self, finished_panel):
        from QSMReconstructionLib.masks import add_segmentation

        ui, form = finished_panel.ui, finished_panel.recipe.forms["reference"]
        node = finished_panel._parameterNode.result
        before = slicer.util.arrayFromVolume(node).copy()
        inside = before != 0
        region = inside & (np.arange(before.shape[2]) < 4)
        segmentation = add_segmentation("Regions", region, node)
        segmentation.GetSegmentation().GetNthSegment(0).SetName("Left side")
        form.methodComboBox.activated.emit(form.methodComboBox.findData("region"))
        ui.outputsCollapsibleButton.collapsed = False
        assert ui.referenceSelector.visible
        ui.referAgainButton.click()
        assert "Choose the segment" in ui.messageLabel.text
        ui.referenceSelector.setCurrentNode(segmentation)
        ui.referAgainButton.click()
        assert ui.messageLabel.text == "'Head susceptibility' is now relative to: Left side."
        changed = slicer.util.arrayFromVolume(node)
        assert abs(changed[region].mean(dtype=float)) < 1e-6
        assert not changed[~inside].any()
        assert attribute("Head susceptibility", "QSM.Reference") == "Left side"
        assert "relative to: Left side" in ui.qualityLabel.text
        form.methodComboBox.activated.emit(form.methodComboBox.findData("whole_brain"))
        ui.referAgainButton.click()
        np.testing.assert_allclose(slicer.util.arrayFromVolume(node), before, atol=1e-6)
        assert json.loads(attribute("Head susceptibility", "QSM.Recipe"))["reference"] == {"method": "whole_brain"}

    def test_and_all_settings_are_found_again_in_a_saved_scene(self, finished_panel, scene, tmp_path, vtk_errors):
        slicer.util.findChild(finished_panel.parent, "background.largest_radius").value = 9
        finished_panel.ui.echoTable.item(2, 3).setText("21")
        finished_panel.ui.outputNameLineEdit.text = "Patient"
        remembered = {name: finished_panel._parameterNode.parameterNode.GetParameter(name)
                      for name in finished_panel._parameterNode.parameterNode.GetParameterNames()}
        assert scene.WriteToMRB(str(tmp_path / "scene.mrb"))
        scene.Clear(False)
        assert finished_panel.ui.outputNameLineEdit.text == ""
        assert scene.ReadFromMRB(str(tmp_path / "scene.mrb"), True)
        # Slicer reports this whenever it reads a slice view that had been turned into the plane of a volume.
        vtk_errors[:] = [error for error in vtk_errors if "invalid orientation preset name: Reformat" not in error]
        finished_panel.enter()
        node = finished_panel._parameterNode.parameterNode
        assert {name: node.GetParameter(name) for name in node.GetParameterNames()} == remembered
        ui = finished_panel.ui
        assert ui.magnitudeSelector.currentNode().GetName() == "Head magnitude"
        assert column(finished_panel, 3) == ["4", "12", "21"]
        assert slicer.util.findChild(finished_panel.parent, "background.largest_radius").value == 9
        assert "Head susceptibility" in ui.qualityLabel.text
        assert ui.rerunButton.enabled

    def test_can_be_undone(self, ready_panel, scene):
        scene.SetUndoOn()
        for class_name in ("vtkMRMLScalarVolumeNode", "vtkMRMLSegmentationNode"):
            default = scene.CreateNodeByClass(class_name)
            default.UnRegister(None)
            default.SetUndoEnabled(True)
            scene.AddDefaultNode(default)
        try:
            apply(ready_panel)
            assert slicer.util.getNodes("Head susceptibility")
            scene.Undo()
            assert not slicer.util.getNodes("Head susceptibility")
        finally:
            scene.SetUndoOff()
