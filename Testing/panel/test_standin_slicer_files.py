"""Where a Slicer source tree is given, its own Python files take the place of the stand-ins."""

import os
import subprocess
import sys

import pytest

FILES = {
    "ScriptedLoadableModule.py": """
import ctk, qt, slicer
from qSlicerSubjectHierarchyModuleWidgetsPythonQt import qMRMLSubjectHierarchyTreeView

origin = "source tree"

def connect(button: ctk.ctkDirectoryButton, tree: qMRMLSubjectHierarchyTreeView, selector: slicer.qMRMLNodeComboBox):
    return type(button) in (ctk.ctkDirectoryButton, slicer.qMRMLSubjectHierarchyTreeView)
""",
    "i18n.py": "origin = 'source tree'",
}

SCRIPT = """
import standin
standin.install()
import slicer.ScriptedLoadableModule, slicer.i18n
assert slicer.ScriptedLoadableModule.origin == slicer.i18n.origin == "source tree"
assert slicer.ScriptedLoadableModule.connect(None, None, None) is False
assert slicer.app.testingEnabled() and slicer.mrmlScene
try:
    slicer.unheardOf
except AttributeError:
    print("passed")
"""


@pytest.mark.usefixtures("application")  # skipped where Qt cannot be loaded
def test_slicers_own_files_are_used_and_find_the_names_they_need(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    variables = {**os.environ, "SLICER_PY": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=variables, capture_output=True, text=True)
    assert done.stdout.strip().endswith("passed"), done.stderr
