"""Where Slicer attaches Python classes of modules to plugins of its own: they are kept here, and nothing calls them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import slicer
from PySide6.QtCore import QObject, Signal

from .ui_files import stand_in_widget


class _ScriptedPlugin(QObject):
    """A plugin written in Python."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._source = ""

    def setPythonSource(self, path: str) -> bool:
        """Name the file of the plugin, which must exist."""
        if not Path(path).is_file():
            raise ValueError(f"A scripted plugin is a Python file, but got '{path}'")
        self._source = path
        return True

    def pythonSource(self) -> str:
        """The file of the plugin."""
        return self._source


@stand_in_widget
class qSlicerSubjectHierarchyScriptedPlugin(_ScriptedPlugin):
    """A plugin of the subject hierarchy, whose menus are not stood in for."""


@stand_in_widget
class qSlicerSegmentEditorScriptedEffect(_ScriptedPlugin):
    """An effect of the Segment Editor, which is not stood in for."""


@stand_in_widget
class qSlicerSegmentEditorEffectFactory(QObject):
    """Knows the effects that were registered, which nothing calls."""

    effectRegistered = Signal(str)
    cpp_signals = {"effectRegistered(QString)": "effectRegistered"}

    @staticmethod
    @cache
    def instance():
        """The one object of this class."""
        return qSlicerSegmentEditorEffectFactory()

    def __init__(self, parent=None):
        super().__init__(parent)
        self._effects = []

    def registerEffect(self, effect) -> bool:
        """Keep an effect."""
        self._effects.append(effect)
        self.effectRegistered.emit(effect.name)
        return True

    def registeredEffects(self):
        """All effects that were registered."""
        return list(self._effects)


@stand_in_widget
class qSlicerSubjectHierarchyPluginHandler(QObject):
    """Knows the subject hierarchy, and no plugins."""

    @staticmethod
    @cache
    def instance():
        """The one object of this class."""
        return qSlicerSubjectHierarchyPluginHandler()

    def subjectHierarchyNode(self):
        """The subject hierarchy of the scene."""
        return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
