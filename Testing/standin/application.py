"""Stand-in for `slicer.app` on the real scene and logics."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import traceback
import types

import slicer

from headless.scene import start as start_headless

from . import (
    cli_modules,
    dicom_library,
    image_conversions,
    pythonqt,
    sample_data,
    scripted_plugins,  # noqa: F401  (registers classes, as does the next)
    segment_editor,  # noqa: F401
)
from .input_output import qSlicerCoreIOManager
from .layout import qSlicerLayoutManager
from .main_window import ctkSettingsDialog, qSlicerMainWindow
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

    def factoryManager(self):
        """What answers which modules there are: here this object itself."""
        return self

    def loadedModuleNames(self):
        """The names of the modules of Slicer that have a logic here, of the command line, and of those loaded."""
        return sorted(module.name for module in vars(slicer.modules).values() if hasattr(module, "logic")
                      and hasattr(module, "name"))  # fmt: skip

    registeredModuleNames = modulesNames = loadedModuleNames

    def isLoaded(self, name):
        """Whether there is a module of a name."""
        return name in self.loadedModuleNames()


class qSlicerApplication(qt.QApplication):
    """The application in testing mode, with a main window that is not shown."""

    startupCompleted = qt.Signal()
    cpp_signals = {"startupCompleted()": "startupCompleted"}
    applicationName = qt.Property(str, lambda self: "Slicer")
    applicationVersion = qt.Property(str, lambda self: "5.12.0")
    mainApplicationName = qt.Property(str, lambda self: "Slicer")
    mainApplicationDisplayName = qt.Property(str, lambda self: "3D Slicer")
    majorVersion = qt.Property(int, lambda self: 5)
    minorVersion = qt.Property(int, lambda self: 12)
    revision = qt.Property(str, lambda self: "0")
    os = qt.Property(str, lambda self: platform.system().lower())
    platform = qt.Property(str, lambda self: f"{platform.system().lower()}-{platform.machine()}")
    arch = qt.Property(str, lambda self: platform.machine())
    releaseType = qt.Property(str, lambda self: "Experimental")
    repositoryRevision = qt.Property(str, lambda self: "0")
    isInstalled = qt.Property(bool, lambda self: False)
    startupWorkingPath = qt.Property(str, lambda self: os.getcwd())
    launcherExecutableFilePath = qt.Property(str, lambda self: "")  # as in a Slicer that no launcher started
    slicerUserSettingsFilePath = qt.Property(str, lambda self: self._settings.fileName())
    slicerRevisionUserSettingsFilePath = qt.Property(str, lambda self: self._settings.fileName())
    extensionsInstallPath = qt.Property(str, lambda self: self._folder.name)
    documentationBaseUrl = qt.Property(str, lambda self: "https://slicer.readthedocs.io/en/latest/")
    temporaryPath = qt.Property(str, lambda self: self._folder.name)
    slicerHome = qt.Property(str, lambda self: self._folder.name)
    defaultScenePath = qt.Property(str, lambda self: self._folder.name)
    cachePath = qt.Property(str, lambda self: slicer.mrmlScene.GetCacheManager().GetRemoteCacheDirectory())

    def __init__(self, session):
        super().__init__(sys.argv[:1])
        self._session = session
        self._folder = tempfile.TemporaryDirectory(prefix="slicer-", ignore_cleanup_errors=True)
        self._manager = qSlicerModuleManager()
        self._layout_manager = None
        self._input_output = qSlicerCoreIOManager()
        # Modules also make settings by `qt.QSettings()`, which must not be those of the user of this machine.
        qt.QSettings.setDefaultFormat(qt.QSettings.Format.IniFormat)
        qt.QSettings.setPath(qt.QSettings.Format.IniFormat, qt.QSettings.Scope.UserScope, self._folder.name)
        self.setOrganizationName("slicer.org")
        self._settings = qt.QSettings()
        self._settings.setValue("Developer/SelfTestDisplayMessageDelay", "50")
        self._main_window, self._settings_dialog = qSlicerMainWindow(), ctkSettingsDialog()

    def mrmlScene(self):
        """The scene."""
        return self._session.scene

    def applicationLogic(self):
        """The real application logic."""
        return self._session.application

    def moduleManager(self):
        """What knows the loaded modules."""
        return self._manager

    def coreIOManager(self):
        """What reads and writes files."""
        return self._input_output

    ioManager = coreIOManager

    def settings(self):
        """Settings of this session, in a temporary file."""
        return self._settings

    userSettings = revisionUserSettings = settings

    def settingsDialog(self):
        """Where modules add panels of settings."""
        return self._settings_dialog

    def commandOptions(self):
        """What the application was started with: modules add nothing to a main window that nobody sees."""
        return types.SimpleNamespace(
            testingEnabled=True, noMainWindow=True, disableSettings=False, ignoreSlicerRC=True, enableQtTesting=False,
            runPythonAndExit=False, pythonScript="", pythonCode="", modulesToIgnore=[], additionalModulePaths=[],
        )  # fmt: skip

    def testingEnabled(self):
        """True: message boxes are logged and not shown."""
        return True

    def layoutManager(self):
        """The layout with its views, which are in the scene from the start."""
        if self._layout_manager is None:
            self._layout_manager = qSlicerLayoutManager(self._session)
        return self._layout_manager

    def startupEnvironment(self):
        """The environment of this process."""
        return qt.QProcessEnvironment.systemEnvironment()

    def openNodeModule(self, node, role="", context=""):
        """In Slicer, shows the module that edits a node; here there is none to show."""

    def setRenderPaused(self, paused):
        """Nothing is rendered."""

    def restart(self):
        """In Slicer, ends the application and starts it again; here neither."""

    def pauseRender(self):
        """Nothing is rendered."""

    def resumeRender(self):
        """Nothing is rendered."""

    def isRelease(self):
        """False: it is no released version."""
        return False

    def toSlicerHomeAbsolutePath(self, path):
        """A path below the folder of the application."""
        return os.path.join(self.slicerHome, path)

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
        cli_modules.install()
        image_conversions.install(slicer, pythonqt.ctk)
        from . import loading  # noqa: F401  (brings the class of module records; it imports this file)

        slicer.qSlicerApplication = qSlicerApplication
        for name, cls in stand_in_widgets().items():
            if name.startswith(("qMRML", "qSlicer")):
                setattr(slicer, name, cls)
    return slicer.app
