"""Widgets made from the names in Slicer's headers let modules load that this test bed was not written for."""

import os
import subprocess
import sys

import pytest

#: Qt's constructors of these need more than a parent.
_MADE_WITH_ARGUMENTS = ("QHeaderView", "QSplitterHandle", "QApplication")

pytestmark = pytest.mark.usefixtures("application")


def test_every_listed_class_can_be_made_and_keeps_its_properties(application):
    from PySide6.QtWidgets import QWidget

    from standin.header_widgets import headers, widget_from_header
    from standin.ui_files import _stand_ins

    by_hand = dict(_stand_ins)
    tried = 0
    try:
        for name, entry in headers().items():
            cls = widget_from_header(name)
            assert cls.__name__ == name
            if not issubclass(cls, QWidget) or name in by_hand or entry["base"] in _MADE_WITH_ARGUMENTS:
                continue
            widget = cls()
            for key, kind in entry["properties"].items():
                if kind in ("double", "int") and f"_kept_{key}" not in dir(widget) and key in vars(cls):
                    setattr(widget, key, 3)
                    assert getattr(widget, key) == 3, (name, key)
                    tried += 1
            widget.deleteLater()
    finally:
        _stand_ins.clear()
        _stand_ins.update(by_hand)
    assert tried > 50


def test_what_a_slot_is_given_its_getter_gives_back(application, scene):
    from standin.header_widgets import widget_from_header
    from standin.ui_files import _stand_ins

    by_hand = dict(_stand_ins)
    try:
        selector, view = (widget_from_header(f"qMRML{name}")() for name in ("SegmentSelectorWidget", "SliceView"))
    finally:
        _stand_ins.clear()
        _stand_ins.update(by_hand)
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    told = []
    selector.connect("currentNodeChanged(vtkMRMLNode*)", told.append)
    selector.connect("currentNodeChanged(bool)", told.append)
    selector.connect("currentSegmentChanged(QString)", told.append)
    assert (selector.currentNode(), selector.currentNodeID(), selector.currentSegmentID()) == (None, "", "")
    selector.setCurrentNodeID(node.GetID())
    selector.setCurrentNode(node)
    selector.setCurrentSegmentID("mask")
    assert (selector.currentNode(), selector.currentNodeID(), selector.currentSegmentID()) == (
        node, node.GetID(), "mask"
    )  # fmt: skip
    assert sorted(told, key=str) == [True, node]
    assert view.mrmlSliceNode() is None
    view.colorWindow, view.renderEnabled = 0.2, False  # of the bases of its class
    assert (view.colorWindow, view.renderEnabled) == (0.2, False)


MODULE = '''
import ctk, qt, slicer
from slicer.ScriptedLoadableModule import *

class Unforeseen(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = "Unforeseen"

class UnforeseenWidget(ScriptedLoadableModuleWidget):
    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        ui = slicer.util.loadUI(self.resourcePath("UI/Unforeseen.ui"))
        self.layout.addWidget(ui)
        self.ui = slicer.util.childWidgetVariables(ui)
        ui.setMRMLScene(slicer.mrmlScene)
        self.range = ctk.ctkRangeWidget()
        self.range.decimals = 2
        self.selector = slicer.qMRMLCheckableNodeComboBox()
        self.selector.nodeTypes = ["vtkMRMLModelNode"]
        self.selector.setMRMLScene(slicer.mrmlScene)
        self.seen = []
        self.ui.rangeWidget.connect("valuesChanged(double,double)", lambda *values: self.seen.append(values))
        self.ui.rangeWidget.valuesChanged.emit(1.0, 2.0)
'''

UI = '''<?xml version="1.0" encoding="UTF-8"?>
<ui version="4.0">
 <class>Unforeseen</class>
 <widget class="qMRMLWidget" name="Unforeseen">
  <layout class="QVBoxLayout" name="verticalLayout">
   <item><widget class="ctkRangeWidget" name="rangeWidget">
    <property name="decimals"><number>3</number></property></widget></item>
   <item><widget class="ctkDirectoryButton" name="folderButton"/></item>
   <item><widget class="qMRMLNodeComboBox" name="nodes">
    <property name="interactionNodeSingletonTag"><string>x</string></property></widget></item>
  </layout>
 </widget>
 <connections>
  <connection><sender>Unforeseen</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal>
   <receiver>nodes</receiver><slot>setMRMLScene(vtkMRMLScene*)</slot></connection>
 </connections>
</ui>
'''

SCRIPT = """
import sys, standin
standin.install()
standin.start_application()
module = standin.load_module(sys.argv[1])
widget = standin.create_widget("Unforeseen")
assert widget.seen == [(1.0, 2.0)], widget.seen
assert widget.ui.rangeWidget.decimals == 3 and widget.range.decimals == 2
assert widget.ui.nodes.interactionNodeSingletonTag == "x"
standin.close_widget(widget)
print("passed")
"""

#: What a source tree has at `Base/Python/slicer`: here, our own stand-ins in its place.
LAYER = {"ScriptedLoadableModule": "scripted_module", "i18n": "translation", "parameterNodeWrapper": "parameter_node"}


def run_unforeseen(tmp_path, **variables) -> subprocess.CompletedProcess:
    folder = tmp_path / "Unforeseen"
    (folder / "Resources" / "UI").mkdir(parents=True)
    (folder / "Unforeseen.py").write_text(MODULE, encoding="utf-8")
    (folder / "Resources" / "UI" / "Unforeseen.ui").write_text(UI, encoding="utf-8")
    variables = {**os.environ, **variables, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder / "Unforeseen.py")], env=variables, capture_output=True, text=True
    )


def test_a_module_with_unforeseen_widgets_loads_beside_a_source_tree(tmp_path):
    tree = tmp_path / "slicer"
    tree.mkdir()
    for name, own in LAYER.items():
        (tree / f"{name}.py").write_text(f"from standin.{own} import *\n", encoding="utf-8")
    done = run_unforeseen(tmp_path, SLICER_PY=str(tree))
    assert done.stdout.strip().endswith("passed"), done.stderr


def test_without_a_source_tree_unforeseen_widgets_stay_an_error(tmp_path):
    variables = {"SLICER_PY": ""}
    done = run_unforeseen(tmp_path, **variables)
    assert "is a ctkDirectoryButton, which has no stand-in" in done.stderr
