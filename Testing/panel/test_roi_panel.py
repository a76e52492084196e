"""The panel of QSM ROI Analysis, used as a user does, over the real scene."""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import slicer

from QSMRoiAnalysisCore.parts import PARTS

FORM = Path(__file__).resolve().parents[2] / "QSMRoiAnalysis" / "Resources" / "UI" / "QSMRoiAnalysis.ui"


@pytest.fixture
def widget(show_panel):
    return show_panel("QSMRoiAnalysis")


@pytest.fixture
def nodes(scene):
    """A map and its segmentation: putamen at 0.06 and 0.08 ppm, ventricle at -0.02 ppm."""
    labels = np.zeros((12, 14, 16), np.uint8)
    labels[2:6, 2:7, 1:7], labels[2:6, 2:7, 9:15], labels[7:11, 8:13, 3:13] = 1, 2, 3
    slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)  # made on demand here, always there in Slicer
    values = np.choose(labels, (0.01, 0.06, 0.08, -0.02)).astype(np.float32)
    volume = slicer.util.addVolumeFromArray(values, name="Susceptibility")
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Nuclei")
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    for label, name in enumerate(("Putamen left", "Putamen right", "Lateral ventricle"), 1):
        segment_id = segmentation.GetSegmentation().AddEmptySegment("", name)
        mask = (labels == label).astype(np.uint8)
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, segmentation, segment_id, volume)
    return volume, segmentation


def choose(widget, nodes):
    volume, segmentation = nodes
    widget.ui.mapSelector.setCurrentNode(volume)
    widget.ui.segmentationSelector.setCurrentNode(segmentation)


def choose_text(combo_box, text):
    index = combo_box.findText(text)
    assert index >= 0, f"{text!r} is not offered"
    combo_box.setCurrentIndex(index)


def pick(combo_box, text):
    """Choose an entry as a click does, which is told apart from a choice by the program."""
    choose_text(combo_box, text)
    combo_box.activated.emit(combo_box.currentIndex)


def node_names():
    return [slicer.mrmlScene.GetNthNode(index).GetName() for index in range(slicer.mrmlScene.GetNumberOfNodes())]


def means(table):
    return slicer.util.arrayFromTableColumn(table, "mean").tolist()


def test_the_module_describes_itself(widget):
    record = slicer.modules.qsmroianalysis
    assert record.title == "QSM ROI Analysis" and record.categories == ["Quantification"]
    assert "QSMReconstruction" in record.dependencies
    assert record.contributors and record.helpText and record.acknowledgementText


def test_apply_says_what_is_missing_until_all_is_chosen(widget, nodes):
    apply, said = widget.ui.applyButton, []
    for step in (
        lambda: None,
        lambda: widget.ui.mapSelector.setCurrentNode(nodes[0]),
        lambda: widget.ui.segmentationSelector.setCurrentNode(
            slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Empty")
        ),
    ):
        step()
        said.append((apply.enabled, apply.toolTip))
    assert said == [
        (False, "Choose the susceptibility map"),
        (False, "Choose the segmentation"),
        (False, "The segmentation has no segment. Draw or import the regions first"),
    ]
    widget.ui.segmentationSelector.setCurrentNode(nodes[1])
    assert apply.enabled and apply.toolTip == "Measure every segment on the map"


def test_apply_makes_a_table_and_shows_it(widget, nodes):
    choose(widget, nodes)
    widget.ui.applyButton.click()
    table = widget.ui.tableSelector.currentNode()
    assert table.GetName() == "Susceptibility regions" and means(table) == pytest.approx([0.06, 0.08, -0.02])
    assert widget.ui.tableView.mrmlTableNode() is table
    model = widget.ui.tableView.model()
    shown = [model.index(row, 0).data() for row in range(model.rowCount())]
    assert shown == ["Putamen", "Putamen", "Lateral ventricle"]
    assert widget.ui.messageLabel.text == "Measured 3 regions."


def test_a_second_apply_fills_the_same_table_with_the_new_unit_and_reference(widget, nodes):
    choose(widget, nodes)
    widget.ui.applyButton.click()
    table = widget.ui.tableSelector.currentNode()
    choose_text(widget.ui.referenceComboBox, "Lateral ventricle")
    choose_text(widget.ui.unitComboBox, "ppb")
    widget.ui.applyButton.click()
    assert widget.ui.tableSelector.currentNode() is table
    assert means(table) == pytest.approx([80, 100, 0], abs=1e-3)
    choose_text(widget.ui.referenceComboBox, "Keep that of the map")
    widget.ui.applyButton.click()
    assert means(table) == pytest.approx([60, 80, -20], abs=1e-3)


def test_references_are_the_regions_of_the_segmentation(widget, nodes):
    combo_box = widget.ui.referenceComboBox
    assert combo_box.count == 1
    choose(widget, nodes)
    offered = [combo_box.itemText(index) for index in range(combo_box.count)]
    assert offered == [
        "Keep that of the map", "Putamen", "Putamen left", "Putamen right", "Lateral ventricle"
    ]
    choose_text(combo_box, "Putamen")
    widget.exit()
    nodes[1].GetSegmentation().AddEmptySegment("", "CSF")
    widget.enter()
    assert combo_box.findText("CSF") > 0 and combo_box.currentText == "Putamen"


def test_data_that_cannot_be_measured_are_explained_and_the_scene_stays(widget, nodes):
    choose(widget, nodes)
    slicer.util.arrayFromVolume(nodes[0])[3, 3, 3] = np.nan
    before = node_names()
    widget.ui.applyButton.click()
    assert "Susceptibility has 1 voxel(s) in Putamen left that are not finite" in widget.ui.messageLabel.text
    assert node_names() == before and widget.ui.tableSelector.currentNode() is None
    assert widget.ui.applyButton.enabled


def test_remarks_on_the_result_are_shown(widget, nodes):
    choose(widget, nodes)
    nodes[1].GetSegmentation().AddEmptySegment("", "SN left")
    widget.ui.applyButton.click()
    assert widget.ui.messageLabel.text == "Measured 4 regions. No voxel to measure in SN left."


def test_the_choices_are_kept_in_the_scene_and_forgotten_with_it(widget, nodes, scene):
    choose(widget, nodes)
    choose_text(widget.ui.unitComboBox, "ppb")
    choose_text(widget.ui.referenceComboBox, "Putamen")
    widget.exit()
    widget.enter()
    assert widget.ui.mapSelector.currentNode() is nodes[0] and widget.ui.unitComboBox.currentText == "ppb"
    assert widget.ui.referenceComboBox.currentText == "Putamen"
    scene.Clear(False)
    assert widget.ui.mapSelector.currentNode() is None and widget.ui.unitComboBox.currentText == "ppm"
    assert widget.ui.tableView.mrmlTableNode() is None and widget.ui.referenceComboBox.count == 1


def columns(table):
    return [table.GetColumnName(index) for index in range(table.GetNumberOfColumns())]


def column(table, name):
    return [table.GetCellText(row, columns(table).index(name)) for row in range(table.GetNumberOfRows())]


def boxes(widget):
    import qt

    return {box.objectName: box for box in widget.ui.measuresWidget.findChildren(qt.QCheckBox)}


def test_every_descriptor_whose_needs_can_be_chosen_is_offered_and_says_what_it_needs(widget, nodes):
    from QSMRoiAnalysisCore.descriptors import DESCRIPTORS

    needs = ("", "noise", "neighbor", "norms")
    known = [one for one in DESCRIPTORS.values() if one.needs in needs and one.name != "erosion_mm"]
    offered = boxes(widget)
    assert list(offered) == [f"{one.name}CheckBox" for one in known] and len(offered) > 15
    for one, box in zip(known, offered.values()):
        assert box.text == one.title and box.toolTip.startswith(one.description)
        assert box.enabled == (not one.needs)
    assert offered["snrCheckBox"].toolTip.endswith("\nChoose the map of the noise below")
    choose(widget, nodes)
    widget.ui.noiseSelector.setCurrentNode(nodes[0])
    assert offered["snrCheckBox"].enabled and not offered["neighbor_differenceCheckBox"].enabled
    assert offered["snrCheckBox"].toolTip == DESCRIPTORS["snr"].description


def test_measures_that_are_checked_or_written_become_columns(widget, nodes):
    choose(widget, nodes)
    widget.ui.measuresCollapsibleButton.click()
    for name in ("kurtosis", "robust_mean"):
        boxes(widget)[f"{name}CheckBox"].click()
    widget.ui.furtherMeasuresLineEdit.text = "p90 fraction_below_70ppb"
    widget.ui.erosionSpinBox.value = 0.5
    widget.ui.applyButton.click()
    table = widget.ui.tableSelector.currentNode()
    assert columns(table)[-5:] == ["robust_mean", "kurtosis", "p90", "fraction_below_70ppb", "erosion_mm"]
    assert slicer.util.arrayFromTableColumn(table, "p90").tolist() == pytest.approx([0.06, 0.08, -0.02])
    assert slicer.util.arrayFromTableColumn(table, "fraction_below_70ppb").tolist() == [1.0, 0.0, 1.0]
    boxes(widget)["kurtosisCheckBox"].click()
    widget.ui.furtherMeasuresLineEdit.text = ""
    widget.ui.erosionSpinBox.value = 0
    widget.ui.applyButton.click()
    assert columns(table)[-2:] == ["map", "robust_mean"]


def test_neighbor_and_noise_are_used_and_what_needs_them_is_left_out_without_them(widget, nodes):
    choose(widget, nodes)
    noise = slicer.util.addVolumeFromArray(np.full((12, 14, 16), 0.02, np.float32), name="Noise")
    widget.ui.noiseSelector.setCurrentNode(noise)
    pick(widget.ui.neighborComboBox, "Lateral ventricle")
    for name in ("snr", "neighbor_difference"):
        boxes(widget)[f"{name}CheckBox"].click()
    widget.ui.applyButton.click()
    table = widget.ui.tableSelector.currentNode()
    assert slicer.util.arrayFromTableColumn(table, "snr").tolist() == pytest.approx([3, 4, -1])
    assert slicer.util.arrayFromTableColumn(table, "neighbor_difference").tolist() == pytest.approx([0.08, 0.1, 0])
    widget.ui.noiseSelector.setCurrentNode(None)
    pick(widget.ui.neighborComboBox, "None")
    widget.ui.applyButton.click()
    assert columns(table)[-1] == "map"


def test_a_measure_that_does_not_exist_is_explained(widget, nodes):
    choose(widget, nodes)
    widget.ui.furtherMeasuresLineEdit.text = "p101"
    widget.ui.applyButton.click()
    assert "There is no descriptor 'p101'. Choose from minimum" in widget.ui.messageLabel.text


def test_erosion_takes_the_rim_off_the_regions(widget, nodes):
    choose(widget, nodes)
    widget.ui.erosionSpinBox.value = 1.0
    widget.ui.applyButton.click()
    table = widget.ui.tableSelector.currentNode()
    assert slicer.util.arrayFromTableColumn(table, "voxels").tolist() == [2 * 3 * 4, 2 * 3 * 4, 2 * 3 * 8]


def test_the_excluded_segment_is_measured_nowhere(widget, nodes):
    choose(widget, nodes)
    volume, segmentation = nodes
    vein = np.zeros((12, 14, 16), np.uint8)
    vein[2:6, 2:7, 1:3] = 1
    segment_id = segmentation.GetSegmentation().AddEmptySegment("", "Veins")
    slicer.util.updateSegmentBinaryLabelmapFromArray(vein, segmentation, segment_id, volume)
    widget.exit()
    widget.enter()
    pick(widget.ui.excludeComboBox, "Veins")
    widget.ui.applyButton.click()
    table = widget.ui.tableSelector.currentNode()
    assert column(table, "region") == ["Putamen", "Putamen", "Lateral ventricle"]
    assert slicer.util.arrayFromTableColumn(table, "voxels").tolist() == [80, 120, 200]
    assert slicer.util.arrayFromTableColumn(table, "coverage").tolist() == pytest.approx([2 / 3, 1, 1])


def add_r2star(volume):
    r2star = slicer.util.addVolumeFromArray(np.full((12, 14, 16), 25, np.float32), name="R2*")
    units = slicer.vtkCodedEntry()
    units.SetValueSchemeMeaning("/s", "UCUM", "per second")
    r2star.SetVoxelValueUnits(units)
    r2star.SetAttribute("QSM.Map", "r2star")
    for node in (volume, r2star):
        node.SetAttribute("QSM.InputIdentity", "abc")
    return r2star


def test_r2star_of_the_same_reconstruction_is_measured_along(widget, nodes):
    choose(widget, nodes)
    box = widget.ui.r2starCheckBox
    assert not box.enabled and box.toolTip.startswith("The scene has no R2* map")
    add_r2star(nodes[0])
    widget.exit()
    widget.enter()
    assert box.enabled and box.toolTip == "Measure 'R2*' in the same regions, as further rows"
    box.click()
    widget.ui.applyButton.click()
    table = widget.ui.tableSelector.currentNode()
    assert means(table) == pytest.approx([0.06, 0.08, -0.02, 25, 25, 25])
    assert column(table, "unit") == ["ppm"] * 3 + ["1/s"] * 3 and column(table, "map")[-1] == "R2*"
    assert table.GetColumnTitle("mean") == "Mean" and table.GetColumnTitle("volume_mm3") == "Volume [mm3]"
    assert widget.ui.messageLabel.text == "Measured 3 regions."


def test_another_map_is_measured_along_if_it_lies_on_the_same_voxels(widget, nodes):
    choose(widget, nodes)
    anisotropy = slicer.util.addVolumeFromArray(np.full((12, 14, 16), 0.3, np.float32), name="FA")
    widget.ui.otherMapSelector.setCurrentNode(anisotropy)
    widget.ui.applyButton.click()
    table = widget.ui.tableSelector.currentNode()
    assert means(table)[3:] == pytest.approx([0.3] * 3) and column(table, "unit")[-1] == "1"
    anisotropy.SetOrigin(5, 0, 0)
    widget.ui.applyButton.click()
    assert widget.ui.messageLabel.text.startswith("FA ")


def test_groups_and_parts_are_measured_as_on_the_command_line(widget, nodes, screenshot):
    import qt

    choose(widget, nodes)
    fields = {line.objectName: line for line in widget.ui.partsGroupBox.findChildren(qt.QLineEdit)}
    assert {f"{name}LineEdit" for name in PARTS} == set(fields)
    fields["slabLineEdit"].text = "Putamen left"
    widget.ui.applyButton.click()
    assert widget.ui.messageLabel.text.startswith("--slab must be a name, =, and what it is made of")
    fields["slabLineEdit"].text = "Putamen left=-1000:1000; Putamen right=-1000:1000;"
    widget.ui.applyButton.click()
    table = widget.ui.tableSelector.currentNode()
    assert means(table) == pytest.approx([0.06, 0.08, -0.02, 0.06, 0.08])
    assert sum("slab" in region for region in column(table, "region")) == 2
    widget.ui.measuresCollapsibleButton.click()
    widget.ui.partsGroupBox.collapsed = False
    for _pass in range(3):  # heights follow from widths, also of what is inside
        slicer.app.processEvents()
        widget.parent.resize(400, max(widget.parent.layout().totalHeightForWidth(400), 520))
    screenshot(widget.parent, "roi_parts")
    widget.exit()
    widget.enter()
    assert fields["slabLineEdit"].text.startswith("Putamen left=-1000:1000; Putamen right")


def test_the_high_iron_part_needs_norms_and_an_age(widget, nodes, tmp_path):
    import qt

    choose(widget, nodes)
    box = next(b for b in widget.ui.measuresWidget.findChildren(qt.QCheckBox) if b.objectName.startswith("rii_"))
    assert not box.enabled and "Choose the norms and state the age below" in box.toolTip
    lines = [f"Putamen\t{age}\t{value}\tppb" for age, value in zip(range(20, 90, 10), (30, 36, 39, 46, 49, 56, 59))]
    (tmp_path / "controls.tsv").write_text("\n".join(["region\tage\tmean\tunit", *lines]) + "\n")
    widget.ui.normsPathLineEdit.currentPath = str(tmp_path / "controls.tsv")
    assert not box.enabled
    widget.ui.ageSpinBox.value = 50
    assert box.enabled
    box.click()
    widget.ui.applyButton.click()
    table = widget.ui.tableSelector.currentNode()
    assert column(table, box.objectName.removesuffix("CheckBox"))
    widget.ui.normsPathLineEdit.currentPath = str(tmp_path / "none.tsv")
    widget.ui.applyButton.click()
    assert "There is no table of controls" in widget.ui.messageLabel.text


def test_every_parameter_of_the_form_is_a_field_of_the_parameter_node(widget):
    names = [
        element.find("string").text
        for element in ElementTree.parse(FORM).iter("property")
        if element.get("name") == "SlicerParameterName"
    ]
    fields = set(sys.modules["QSMRoiAnalysis"].QSMRoiAnalysisParameterNode.allParameters)
    assert fields - set(names) == {"reference", "atlasFolder", "measures", "neighbor", "exclude", "norms", "parts"}
    assert set(names) <= fields and len(names) == len(set(names))


def test_names_of_units_stay_as_scenes_store_them(widget):
    units = sys.modules["QSMRoiAnalysis"].SusceptibilityUnit
    assert {member.name: member.value for member in units} == {"PPM": "ppm", "PPB": "ppb"}


def test_the_panel_can_be_pictured_with_its_result(widget, nodes, screenshot):
    choose(widget, nodes)
    choose_text(widget.ui.unitComboBox, "ppb")
    add_r2star(nodes[0])
    widget.exit()
    widget.enter()
    widget.ui.measuresCollapsibleButton.click()
    for name in ("skewness", "total"):
        boxes(widget)[f"{name}CheckBox"].click()
    widget.ui.applyButton.click()
    for _pass in range(3):  # heights follow from widths, also of what is inside
        slicer.app.processEvents()
        widget.parent.resize(400, max(widget.parent.layout().totalHeightForWidth(400), 520))
    assert widget.parent.width == 400, "something in the panel is wider"
    path = screenshot(widget.parent, "QSMRoiAnalysis")
    assert path.stat().st_size > 5000
