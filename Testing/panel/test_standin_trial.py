"""Modules that the stand-in was not written for load and run, and what it cannot do is said in one sentence.

With the environment variable `SLICER_PY`, the template of Slicer and all scripted modules of its source tree are tried.
"""

import json
import os
import subprocess
import sys

import pytest

from standin.__main__ import try_in_process
from standin.slicer_files import source_folder, tree_root
from standin.trial import find_modules

pytestmark = pytest.mark.usefixtures("application")  # skipped where Qt cannot be loaded

#: In the way of Slicer's modules: no enter() or exit(), nodes as truth values, a command line module, views, settings.
MODULE = '''
import os
import unittest
from __main__ import vtk, qt, ctk, slicer
from slicer.ScriptedLoadableModule import *
from slicer.util import VTKObservationMixin


class Foreign(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = "Foreign"
        self.parent.categories = ["Examples"]
        self.parent.contributors = ("Somebody",)
        self.parent.helpText = "Help. " + parent.defaultDocumentationLink
        slicer.app.connect("startupCompleted()", self.onStartupCompleted)

    def setup(self):
        plugin = slicer.qSlicerSubjectHierarchyScriptedPlugin(None)
        plugin.setPythonSource(__file__)

    def onStartupCompleted(self):
        import SampleData
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category="Foreign", sampleName="Foreign1", uris="https://example.org/1.nrrd", fileNames="1.nrrd",
            nodeNames="Foreign1", checksums="SHA256:00", thumbnailFileName=os.path.join("Resources", "missing.png"))


class ForeignWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        button = ctk.ctkCollapsibleButton()
        button.text = "Parameters"
        self.layout.addWidget(button)
        form = qt.QFormLayout(button)
        self.inputSelector = self.selector(form, "Input:", addEnabled=False, noneEnabled=False)
        self.outputSelector = self.selector(form, "Output:", addEnabled=True, noneEnabled=True)
        self.slider = ctk.ctkSliderWidget()
        self.slider.maximum = 200
        self.slider.value = float(qt.QSettings().value("Foreign/Threshold", 100))
        form.addRow("Threshold:", self.slider)
        row = qt.QHBoxLayout()
        row.margin = 0
        form.addRow(row)
        self.applyButton = qt.QPushButton("Apply")
        form.addRow(self.applyButton)
        self.applyButton.connect("clicked(bool)", self.onApply)
        for selector in (self.inputSelector, self.outputSelector):
            selector.connect("currentNodeChanged(vtkMRMLNode*)", self.onSelect)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.onSelect()

    def selector(self, form, label, **properties):
        selector = slicer.qMRMLNodeComboBox()
        selector.nodeTypes = ("vtkMRMLScalarVolumeNode", "")
        selector.showChildNodeTypes = False
        for name, value in properties.items():
            setattr(selector, name, value)
        selector.setMRMLScene(slicer.mrmlScene)
        form.addRow(label, selector)
        return selector

    def cleanup(self):
        self.removeObservers()

    def onSceneEndClose(self, caller, event):
        self.onSelect()

    def onSelect(self):
        self.applyButton.enabled = self.inputSelector.currentNode() and self.outputSelector.currentNode()

    def onApply(self):
        with slicer.util.tryWithErrorDisplay("Failed.", waitCursor=True):
            ForeignLogic().run(self.inputSelector.currentNode(), self.outputSelector.currentNode(), self.slider.value)
            qt.QSettings().setValue("Foreign/Threshold", self.slider.value)
            red = slicer.app.layoutManager().sliceWidget("Red")
            assert red.sliceLogic().GetBackgroundLayer().GetVolumeNode() is self.outputSelector.currentNode()


class ForeignLogic(ScriptedLoadableModuleLogic):
    def run(self, inputVolume, outputVolume, threshold):
        parameters = {"InputVolume": inputVolume.GetID(), "OutputVolume": outputVolume.GetID(),
                      "ThresholdValue": threshold, "ThresholdType": "Above"}
        node = slicer.cli.run(slicer.modules.thresholdscalarvolume, None, parameters, wait_for_completion=True)
        assert node.GetStatus() == node.Completed, node.GetStatusString()
        slicer.mrmlScene.RemoveNode(node)


class ForeignTest(ScriptedLoadableModuleTest):
    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        self.setUp()
        self.test_Foreign1()

    def test_Foreign1(self):
        import numpy as np
        self.delayDisplay("Starting the test")
        volume = slicer.util.addVolumeFromArray(np.arange(60, dtype=np.float32).reshape(3, 4, 5))
        result = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
        ForeignLogic().run(volume, result, 10.5)
        self.assertEqual(result.GetImageData().GetScalarRange(), (0, 10))
'''

STEPS = ["load", "show", "apply", "leave and enter", "close scene", "reload", "self-test", "close"]

#: What a source tree has at `Base/Python/slicer`: here, our own stand-ins in its place.
LAYER = {"ScriptedLoadableModule": "scripted_module", "i18n": "translation", "parameterNodeWrapper": "parameter_node"}


def write_module(folder, name: str, text: str = MODULE):
    """A module file in a folder of its name."""
    path = folder / name / f"{name}.py"
    path.parent.mkdir(parents=True)
    path.write_text(text.replace("Foreign", name), encoding="utf-8")
    return path


def verdicts(outcomes) -> dict[str, str]:
    return {outcome.step: outcome.verdict for outcome in outcomes}


@pytest.fixture
def tree(tmp_path):
    """What a source tree looks like, with our own stand-ins as its Python files."""
    layer = tmp_path / "Slicer" / "Base" / "Python" / "slicer"
    layer.mkdir(parents=True)
    for name, own in LAYER.items():
        (layer / f"{name}.py").write_text(f"from standin.{own} import *\n", encoding="utf-8")
    return tmp_path / "Slicer"


def test_a_module_in_slicers_style_is_shown_applied_reloaded_tested_and_closed(tmp_path):
    outcomes = try_in_process(write_module(tmp_path, "Foreign"))
    assert verdicts(outcomes) == dict.fromkeys(STEPS, "passed"), outcomes


def test_so_it_is_beside_a_source_tree_and_finds_the_packages_of_other_modules(tree):
    module = MODULE.replace(
        "plugin.setPythonSource(__file__)",
        "import SubjectHierarchyPlugins\n"
        "        from SubjectHierarchyPlugins import ForeignSubjectHierarchyPlugin as same\n"
        "        assert SubjectHierarchyPlugins.ForeignSubjectHierarchyPlugin is same and isinstance(same, type)\n"
        "        plugin.setPythonSource(SubjectHierarchyPlugins.ForeignSubjectHierarchyPlugin.filePath)",
    )
    path = write_module(tree / "Modules" / "Scripted", "Foreign", module)
    plugin = path.parent / "SubjectHierarchyPlugins" / "ForeignSubjectHierarchyPlugin.py"
    plugin.parent.mkdir()
    plugin.write_text(
        "from AbstractScriptedSubjectHierarchyPlugin import *\n\n\n"
        "class ForeignSubjectHierarchyPlugin(AbstractScriptedSubjectHierarchyPlugin):\n    filePath = __file__\n",
        encoding="utf-8",
    )
    outcomes = try_in_process(path, tree)
    assert verdicts(outcomes) == dict.fromkeys(STEPS, "passed"), outcomes


#: Change of the module, the step at which it shows, what comes of it, part of the sentence that says so.
LIMITS = [
    (("result, 10.5", "result, 10.5, 3"), "self-test", "failed", "TypeError"),
    (("import numpy as np", "import SampleData; SampleData.downloadSample('Foreign1')"), "self-test", "limit",
     "comes from https://example.org/1.nrrd. The stand-in downloads nothing"),
    (("thresholdscalarvolume", "brainsfit"), "apply", "limit", "slicer.modules has no 'brainsfit'"),
    (("import numpy as np", "import urllib.request; urllib.request.urlopen('http://localhost:9/')"), "self-test",
     "limit", "http://localhost:9/ cannot be reached from here"),
    (("result, 10.5", "slicer.app.errorLogModel(), 10.5"), "self-test", "limit", "no attribute named 'errorLogModel'"),
    (("run(volume, result, 10.5)", "run(volume, volume, None)"), "self-test", "failed", "TypeError"),
    (("row.margin = 0", "slicer.qMRMLNodeComboBox().view()"), "show", "limit",
     "The stand-in of qMRMLNodeComboBox has no attribute named 'view'"),
    (("row.margin = 0", "slicer.modules.volumes.widgetRepresentation()"), "show", "limit",
     "Without Slicer, its module Volumes has its logic and no 'widgetRepresentation'"),
    (("import unittest", "import unittest, notAPackageAnywhere"), "load", "limit", "No module named"),
    (("import unittest", "from DICOMLib import DICOMUtils"), "load", "limit", "The stand-in of DICOMLib has no '"),
    (("row.margin = 0", "slicer.dicomDatabase.patients()"), "show", "limit", "ctkDICOMDatabase has no 'patients'"),
]  # fmt: skip


def test_what_it_cannot_do_is_said_in_one_sentence(tmp_path):
    paths = [
        write_module(tmp_path, f"Foreign{number}", MODULE.replace(*change))
        for number, (change, *_) in enumerate(LIMITS)
    ]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "standin", "--json", "--here", *map(str, paths)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    for line, (_, step, verdict, reason) in zip(done.stdout.strip().splitlines(), LIMITS, strict=True):
        found = next(outcome for outcome in json.loads(line) if outcome["step"] == step)
        assert (found["verdict"], reason in found["reason"]) == (verdict, True), found


def test_files_of_the_dicom_library_of_a_tree_are_found_beside_the_stand_in(tree):
    library = tree / "Modules" / "Scripted" / "DICOMLib"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text("raise ImportError\n", encoding="utf-8")
    (library / "DICOMUtils.py").write_text("import DICOMLib\n\n\ndef importDicom():\n    pass\n", encoding="utf-8")
    use = "from DICOMLib import DICOMPlugin, DICOMUtils, importDicom\nassert DICOMUtils.importDicom is importDicom"
    path = write_module(tree / "Modules" / "Scripted", "Foreign", MODULE.replace("import unittest", use))
    assert verdicts(try_in_process(path, tree))["load"] == "passed"


def test_libraries_of_loadable_modules_are_there_before_any_module_and_a_broken_one_is_said(tree):
    for name, text in (("Markups", "made = 1\n"), ("Colors", "import notAPackageAnywhere\n")):
        library = tree / "Modules" / "Loadable" / name / f"{name}Lib"
        (library / "parameterNodeWrapper").mkdir(parents=True)
        (library / "__init__.py").write_text("from . import parameterNodeWrapper\n", encoding="utf-8")
        (library / "parameterNodeWrapper" / "__init__.py").write_text(text, encoding="utf-8")
    use = "import sys\nassert sys.modules['MarkupsLib'].parameterNodeWrapper.made\nimport unittest"
    path = write_module(tree / "Modules" / "Scripted", "Foreign", MODULE.replace("import unittest", use))
    assert verdicts(try_in_process(path, tree))["load"] == "passed"
    script = "import standin; standin.install(); import slicer.ScriptedLoadableModule; print('goes on')"
    variables = {**os.environ, "SLICER_PY": str(tree), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "goes on"
    assert "ColorsLib" in done.stderr and "No module named 'notAPackageAnywhere'" in done.stderr


def test_a_tree_is_found_from_its_root_and_from_its_python_folders(tree):
    layer = (tree / "Base" / "Python" / "slicer").resolve()
    for given in (tree, tree / "Base" / "Python", layer):
        assert source_folder(given) == layer
        assert tree_root(given) == tree.resolve()
    with pytest.raises(ValueError, match="SLICER_PY must be the root of a Slicer source tree"):
        source_folder(tree / "Base")


def test_the_command_line_tries_all_modules_of_a_tree(tree):
    bare = "class Second:\n    def __init__(self, parent):\n        pass\n"
    write_module(tree / "Modules" / "Scripted", "Second", bare)
    write_module(tree / "Modules" / "Scripted", "NoModule", "print('a script')\n")
    template = tree / "Utilities" / "Templates" / "Modules" / "Scripted" / "TemplateKey.py"
    template.parent.mkdir(parents=True)
    template.write_text(MODULE.replace("Foreign", "TemplateKey"), encoding="utf-8")
    assert [path.stem for path in find_modules(tree)] == ["TemplateKey", "Second"]
    variables = {**os.environ, "SLICER_PY": str(tree), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "standin", "--json"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    first, second = (json.loads(line) for line in done.stdout.strip().splitlines())
    assert {outcome["verdict"] for outcome in first} == {"passed"}
    assert [outcome["verdict"] for outcome in second] == ["passed", "nothing to do", "nothing to do"]


TREE = os.environ.get("SLICER_PY")


@pytest.mark.skipif(not TREE, reason="SLICER_PY names no Slicer source tree")
@pytest.mark.parametrize("path", find_modules(tree_root(TREE)) if TREE else [], ids=lambda path: path.stem)
def test_a_module_of_slicer_runs_as_far_as_the_stand_in_goes(path):
    outcomes = try_in_process(path, TREE)
    failed = [outcome for outcome in outcomes if outcome.verdict == "failed"]
    assert not failed, "\n".join(f"{outcome.step}: {outcome.reason}" for outcome in failed)
    limits = [outcome for outcome in outcomes if outcome.verdict == "limit"]
    if limits:
        pytest.xfail("; ".join(f"{outcome.step}: {outcome.reason}" for outcome in limits))
