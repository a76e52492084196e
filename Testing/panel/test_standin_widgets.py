"""The stand-ins of widgets behave like those of Slicer in what the panels rely on, and have their names."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
import slicer

import standin

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def selector(application, scene):
    """A selector of scalar volumes, on the scene."""
    selector = slicer.qMRMLNodeComboBox()
    selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    selector.noneEnabled = True
    selector.setMRMLScene(scene)
    return selector


def add(class_name: str, name: str):
    return slicer.mrmlScene.AddNewNodeByClass(class_name, name)


def offered(selector) -> list[str]:
    return [selector.nodeFromIndex(index).GetName() for index in range(selector.nodeCount())]


def test_a_selector_offers_nodes_as_they_come_and_go(selector, scene):
    first, second = add("vtkMRMLScalarVolumeNode", "First"), add("vtkMRMLScalarVolumeNode", "Second")
    add("vtkMRMLTextNode", "Notes")
    assert offered(selector) == ["First", "Second"]
    selector.setCurrentNode(second)
    scene.RemoveNode(second)
    assert offered(selector) == ["First"]
    assert selector.currentNode() is None
    selector.setCurrentNodeID(first.GetID())
    assert selector.currentNode() is first


def test_a_selector_without_none_chooses_the_first_node(selector):
    selector.noneEnabled = False
    node = add("vtkMRMLScalarVolumeNode", "First")
    assert selector.currentNode() is node


def test_a_selector_keeps_child_classes_hidden_nodes_and_other_attributes_out(selector):
    add("vtkMRMLScalarVolumeNode", "Plain")
    add("vtkMRMLLabelMapVolumeNode", "Labels")
    add("vtkMRMLScalarVolumeNode", "Hidden").SetHideFromEditors(True)
    selector.showHidden = selector.showHidden  # offers anew: hiding a node is no event of the scene
    assert offered(selector) == ["Plain", "Labels"]
    selector.showChildNodeTypes = False
    assert offered(selector) == ["Plain"]
    selector.showHidden = True
    assert offered(selector) == ["Plain", "Hidden"]
    selector.addAttribute("vtkMRMLScalarVolumeNode", "QSM.Map", "susceptibility")
    assert offered(selector) == []
    add("vtkMRMLScalarVolumeNode", "Map").SetAttribute("QSM.Map", "susceptibility")
    selector.showHidden = False
    assert offered(selector) == ["Map"]


def test_a_selector_reports_a_choice_once(selector):
    node = add("vtkMRMLScalarVolumeNode", "First")
    chosen, valid = [], []
    selector.connect("currentNodeChanged(vtkMRMLNode*)", chosen.append)
    selector.connect("currentNodeChanged(bool)", valid.append)
    selector.setCurrentNode(node)
    selector.setCurrentNode(node)
    selector.setCurrentNode(None)
    assert chosen == [node, None]
    assert valid == [True, False]


def test_a_selector_adds_a_node_on_demand(selector):
    selector.baseName = "New map"
    node = selector.addNode()
    assert selector.currentNode() is node
    assert node.GetName() == "New map"


def test_a_destroyed_selector_no_longer_observes_the_scene(application, scene, escaped_exceptions):
    from shiboken6 import delete

    before = scene.HasObserver("NodeAddedEvent")
    selector = slicer.qMRMLNodeComboBox()
    selector.setMRMLScene(scene)
    delete(selector)
    add("vtkMRMLScalarVolumeNode", "Later")
    assert scene.HasObserver("NodeAddedEvent") == before


def test_a_markups_widget_has_a_selector_of_markups(application, scene):
    widget = slicer.qSlicerSimpleMarkupsWidget()
    widget.markupsSelectorComboBox().nodeTypes = ["vtkMRMLMarkupsLineNode"]
    widget.setMRMLScene(scene)
    seen = []
    widget.connect("markupsNodeChanged()", lambda: seen.append(widget.currentNode()))
    curve, line = add("vtkMRMLMarkupsCurveNode", "Curve"), add("vtkMRMLMarkupsLineNode", "Line")
    assert seen == [line]  # curves are not offered, and None is not allowed
    widget.setCurrentNode(curve)
    assert widget.currentNode() is None


def test_a_table_view_shows_its_table_and_follows_it(application, scene):
    table = add("vtkMRMLTableNode", "Regions")
    slicer.util.updateTableFromArray(table, [np.array([0.5, 0.25])], ["mean"])
    view = slicer.qMRMLTableView()
    view.setMRMLTableNode(table)
    assert view.model().rowCount() == 2
    assert view.model().item(1, 0).text() == "0.25"
    table.AddEmptyRow()
    assert view.model().rowCount() == 3
    view.setMRMLTableNode(None)
    assert view.model().rowCount() == 0


def test_a_collapsible_button_hides_its_contents(application):
    import ctk
    import qt

    button = ctk.ctkCollapsibleButton("More")
    inner = qt.QLabel("contents")
    qt.QVBoxLayout(button).addWidget(inner)
    button.show()
    seen = []
    button.connect("contentsCollapsed(bool)", seen.append)
    button.collapsed = True
    assert not inner.visible and not button.checked
    button.click()
    assert inner.visible and not button.collapsed
    assert seen == [True, False]


def test_a_slider_and_its_spin_box_move_together(application):
    import ctk
    import qt

    slider = ctk.ctkSliderWidget()
    slider.maximum = 10.0
    seen = []
    slider.connect("valueChanged(double)", seen.append)
    slider.value = 2.5
    assert slider.findChild(qt.QSlider).value == 250
    assert seen == [2.5]


def test_the_ends_of_a_range_never_cross(application):
    import ctk

    widget = ctk.ctkRangeWidget()
    widget.minimum, widget.maximum = -180, 180
    seen = []
    widget.connect("valuesChanged(double,double)", lambda *values: seen.append(values))
    widget.setValues(-20, 30)
    widget.minimumValue = 40
    assert (widget.minimumValue, widget.maximumValue) == (40, 40)
    assert seen[0] == (-20, 30) and seen[-1] == (40, 40)
    widget.maximum = 10
    assert (widget.minimum, widget.maximumValue) == (-180, 10)


def names_in_headers() -> dict:
    """Properties, signals and slots of the real widget classes."""
    from standin.header_widgets import headers

    return headers()


def real(headers: dict, class_name: str, kind: str) -> set[str]:
    """Names of one kind that a real class has, its CTK and Slicer base classes included."""
    names = set()
    while class_name in headers:
        names |= set(headers[class_name][kind])
        class_name = headers[class_name]["base"]
    return names


def qt_base(headers: dict, class_name: str) -> type:
    """The Qt class that a real class derives from."""
    from PySide6 import QtWidgets

    while class_name in headers:
        class_name = headers[class_name]["base"]
    return getattr(QtWidgets, class_name)


#: The list of headers leaves it out; that modules of Slicer connect to its signal is all that is known of it.
UNLISTED = ("qSlicerSegmentEditorEffectFactory",)


def test_stand_ins_have_no_property_or_signal_that_the_real_widget_lacks(application):
    from PySide6.QtCore import Property

    from standin.ui_files import stand_in_widgets

    headers = names_in_headers()
    for name, cls in stand_in_widgets().items():
        if name in UNLISTED:
            continue
        own = {key for key in dir(cls) if isinstance(inspect.getattr_static(cls, key), Property)}
        assert own <= real(headers, name, "properties"), name
        assert set(cls.cpp_signals) <= real(headers, name, "signals"), name


def test_the_members_that_panels_call_exist_in_slicer(application):
    """`self.ui.<widget>.<member>` of a Slicer or CTK widget is a property or slot in its header, or one of Qt's."""
    headers = names_in_headers()
    getters = {"connect", "currentNode"}  # methods that are no slots
    for module in ("QSMReconstruction", "QSMRoiAnalysis"):
        form = (REPOSITORY / module / "Resources" / "UI" / f"{module}.ui").read_text(encoding="utf-8")
        code = (REPOSITORY / module / f"{module}.py").read_text(encoding="utf-8")
        for class_name, widget in re.findall(r'<widget class="((?:ctk|qMRML|qSlicer)\w+)" name="(\w+)"', form):
            slots = {slot.partition("(")[0] for slot in real(headers, class_name, "slots")}
            known = slots | real(headers, class_name, "properties") | set(dir(qt_base(headers, class_name))) | getters
            used = set(re.findall(rf"self\.ui\.{widget}\.(\w+)", code))
            assert used <= known, f"{module}: {widget}"


@pytest.fixture
def module_file(tmp_path):
    """A scripted module that writes down in which order the application calls it."""
    path = tmp_path / "Probe" / "Probe.py"
    path.parent.mkdir()
    path.write_text(
        '''
import slicer
from slicer.ScriptedLoadableModule import *

calls = []

class Probe(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = "Probe"
        calls.append("module")

class ProbeWidget(ScriptedLoadableModuleWidget):
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        calls.append("widget")

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        calls.append("setup" if self.parent.mrmlScene() is slicer.mrmlScene else "setup without scene")

    def enter(self):
        calls.append("enter")

    def exit(self):
        calls.append("exit")

    def cleanup(self):
        calls.append("cleanup")

class ProbeTest(ScriptedLoadableModuleTest):
    def setUp(self):
        calls.append("setUp")

    def runTest(self):
        self.setUp()
        self.test_first()

    def test_first(self):
        calls.append("first")

    def test_second(self):
        calls.append("second")
''',
        encoding="utf-8",
    )
    return path


def test_a_module_is_loaded_shown_and_closed_in_the_order_of_the_application(application, module_file):
    module = standin.load_module(module_file)
    record = slicer.modules.probe
    assert (record.title, record.name, record.path) == ("Probe", "Probe", str(module_file))
    widget = standin.create_widget("Probe")
    assert Path(widget.resourcePath("UI/Probe.ui")) == module_file.parent / "Resources" / "UI" / "Probe.ui"
    standin.close_widget(widget)
    assert module.calls == ["module", "widget", "setup", "enter", "exit", "cleanup"]


def test_the_self_tests_that_a_module_names_are_run_and_no_others(application, module_file):
    module = standin.load_module(module_file)
    module.calls.clear()
    slicer.modules.ProbeInstance.runTest()
    assert module.calls == ["setUp", "first"]


def test_metadata_that_the_application_does_not_know_are_refused(application, module_file):
    standin.load_module(module_file)
    with pytest.raises(AttributeError, match="'titel' does not exist on qSlicerScriptedLoadableModule"):
        slicer.modules.probe.titel = "misspelled"
