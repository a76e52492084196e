"""Stand-in for `slicer.ScriptedLoadableModule`: the base classes of a scripted module.

The module, logic and test classes need no Qt; the widget class imports it when it is created.
"""

from __future__ import annotations

import inspect
import logging
import os
import unittest

import slicer

_logger = logging.getLogger(__name__)
_UNLOADING = "moduleAboutToBeUnloaded(QString)"

__all__ = [
    "ScriptedLoadableModule",
    "ScriptedLoadableModuleLogic",
    "ScriptedLoadableModuleTest",
    "ScriptedLoadableModuleWidget",
]


def _module_name(instance, suffix: str = "") -> str:
    return type(instance).__name__.removesuffix(suffix)


class ScriptedLoadableModule:
    """Describes the module; `parent` is the application's record of it."""

    def __init__(self, parent):
        self.parent = parent
        self.moduleName = _module_name(self)
        parent.title = ""
        parent.categories = []
        parent.dependencies = []
        parent.contributors = []
        parent.helpText = ""
        parent.acknowledgementText = ""

    def resourcePath(self, filename: str) -> str:
        """Absolute path of a file in the module's `Resources` folder."""
        return os.path.join(os.path.dirname(self.parent.path), "Resources", filename)

    def getDefaultModuleDocumentationLink(self, docPage=None) -> str:
        """Link to the documentation, as HTML for `helpText`."""
        return f'<p>For more information see the <a href="{docPage or ""}">online documentation</a>.</p>'

    def runTest(self, msec: int = 100, **kwargs):
        """Run the module's own tests."""
        test_class = getattr(inspect.getmodule(type(self)), f"{self.moduleName}Test")
        return test_class().runTest(**kwargs)


class ScriptedLoadableModuleWidget:
    """The panel of the module inside `parent`."""

    def __init__(self, parent=None):
        import qt

        super().__init__()  # of a mixin that the panel derives from as well
        self.moduleName = _module_name(self, "Widget")
        self.developerMode = False
        # Slicer calls setup() from here without a parent, before the fields of a derived class exist.
        self.parent = parent if parent is not None else qt.QWidget()
        if parent is None:
            self.parent.setLayout(qt.QVBoxLayout())
            self.layout = self.parent.layout()
            self.setup()
            self.parent.show()
        else:
            self.layout = self.parent.layout()
        slicer.app.moduleManager().connect(_UNLOADING, self._onModuleAboutToBeUnloaded)

    def _onModuleAboutToBeUnloaded(self, moduleName: str):  # `slicer.util.reloadScriptedModule` knows it by this name
        if moduleName == self.moduleName:
            self.cleanup()
            slicer.app.moduleManager().disconnect(_UNLOADING, self._onModuleAboutToBeUnloaded)

    def resourcePath(self, filename: str) -> str:
        """Absolute path of a file in the module's `Resources` folder."""
        return os.path.join(os.path.dirname(inspect.getfile(type(self))), "Resources", filename)

    def setup(self):
        """Build the panel. Slicer adds its reload buttons here in developer mode."""

    def cleanup(self):
        """Called before the application ends."""

    def onReload(self):
        """Load the module file anew and create the panel again."""
        slicer.util.reloadScriptedModule(self.moduleName)


class ScriptedLoadableModuleLogic:
    """What the module can do without a panel, and its parameter node in `slicer.mrmlScene`."""

    def __init__(self, parent=None):
        super().__init__()
        self.moduleName = _module_name(self, "Logic")
        self.isSingletonParameterNode = True

    def getParameterNode(self):
        """The module's parameter node, created if the scene has none."""
        if self.isSingletonParameterNode:
            node = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
            nodes = [node] if node else []
        else:
            nodes = self.getAllParameterNodes()
        if not nodes:
            return slicer.mrmlScene.AddNode(self.createParameterNode())
        nodes[0].SetAttribute("ModuleName", self.moduleName)
        return nodes[0]

    def getAllParameterNodes(self) -> list:
        """All parameter nodes of the module in the scene."""
        nodes = slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode")
        return [node for node in nodes if node.GetAttribute("ModuleName") == self.moduleName]

    def createParameterNode(self):
        """A new parameter node, not yet in the scene."""
        node = slicer.vtkMRMLScriptedModuleNode()
        if self.isSingletonParameterNode:
            node.SetSingletonTag(self.moduleName)
        node.SetAttribute("ModuleName", self.moduleName)
        node.SetName(slicer.mrmlScene.GenerateUniqueName(self.moduleName))
        return node

    def delayDisplay(self, message: str, msec=None):
        """Show a message for a moment; here it is logged."""
        _logger.info(message)


class ScriptedLoadableModuleTest(unittest.TestCase):
    """Self-tests of the module, which run by its own `runTest`."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.enableScreenshots = False

    def runTest(self, **kwargs):
        """Runs nothing, as in Slicer, where a module that does not say what to run passes with this warning only."""
        _logger.warning("No test is defined in %s", type(self).__name__)

    def delayDisplay(self, message: str, requestedDelay=None, msec=None):
        """Show a message for a moment; here it is logged."""
        _logger.info(message)
