"""Stand-in for `slicer.app` on the real scene and logics."""

from __future__ import annotations

import sys
import tempfile
import traceback
import types
from pathlib import Path

import slicer

from headless.scene import start as start_headless

from . import dicom_library, pythonqt, sample_data, slicer_widgets
from .ui_files import stand_in_widgets

#: Exceptions that left a slot or an observer, oldest first. Qt and VTK cannot pass them on, so tests look here.
escaped_exceptions: list[BaseException] = []

qt = pythonqt.qt


class qSlicerModuleManager(qt.QObject):
    """Knows the loaded modules."""

    moduleLoaded = qt.Signal(str)
    moduleAboutToBeUnloaded = qt.Signal(str)
    cpp_signals = {
        "moduleLoaded(QString)": "moduleLoaded",
        "moduleAboutToBeUnloaded(QString)": "moduleAboutToBeUnloaded",
    }

    def module(self, name):
        """The module of a name, or None."""
        return getattr(slicer.modules, name.lower(), None)


class qSlicerApplication(qt.QApplication):
    """The application in testing mode, without a main window."""

    startupCompleted = qt.Signal()
    cpp_signals = {"startupCompleted()": "startupCompleted"}
    applicationName = qt.Property(str, lambda self: "Slicer")
    temporaryPath = qt.Property(str, lambda self: self._folder.name)

    def __init__(self, session):
        super().__init__(sys.argv[:1])
        self._session = session
        self._folder = tempfile.TemporaryDirectory(prefix="slicer-", ignore_cleanup_errors=True)
        self._manager = qSlicerModuleManager()
        settings = str(Path(self._folder.name) / "Slicer.ini")
        self._settings = qt.QSettings(settings, qt.QSettings.Format.IniFormat)

    def mrmlScene(self):
        """The scene."""
        return self._session.scene

    def applicationLogic(self):
        """The real application logic."""
        return self._session.application

    def moduleManager(self):
        """What knows the loaded modules."""
        return self._manager

    def settings(self):
        """Settings of this session, in a temporary file."""
        return self._settings

    userSettings = revisionUserSettings = settings

    def commandOptions(self):
        """What the application was started with."""
        return types.SimpleNamespace(testingEnabled=True, noMainWindow=True, runPythonAndExit=False, pythonScript="")

    def testingEnabled(self):
        """True: message boxes are logged and not shown."""
        return True

    def layoutManager(self):
        """None: there are no views."""

    def pauseRender(self):
        """Nothing is rendered."""

    def resumeRender(self):
        """Nothing is rendered."""

    def moduleDocumentationUrl(self, name):
        """Where the application's documentation of a module is."""
        return f"https://slicer.readthedocs.io/en/latest/user_guide/modules/{name.lower()}.html"


def _remember(kind, value, trace):
    escaped_exceptions.append(value)
    traceback.print_exception(kind, value, trace)


def start() -> qSlicerApplication:
    """Start the application once; it becomes `slicer.app` and its widgets go where Slicer has them."""
    if getattr(slicer, "app", None) is None:
        session = start_headless()
        application = qSlicerApplication(session)
        application.setStyle("Fusion")
        slicer.app = application
        sys.excepthook = _remember
        dicom_library.install()
        sample_data.install()
        for name, cls in stand_in_widgets().items():
            if cls.__module__ == slicer_widgets.__name__:
                setattr(slicer, name, cls)
    return slicer.app
