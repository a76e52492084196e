"""A stand-in for the application layer of 3D Slicer, for tests on machines without Slicer.

The real MRML libraries (`slicer-core` from PyPI) bring nodes, scenes, logics and `slicer.util`. What only the
application has is stood in for here, in two steps::

    import standin
    standin.install(scene)             # ScriptedLoadableModule, parameterNodeWrapper, i18n; no Qt
    standin.start_application()        # and on top of it `qt`, `ctk`, `slicer.app` and the widgets, off screen

After the first, module files can be imported and their logic classes used. After the second,
`standin.load_module(path)`, `standin.create_widget(name)` and `standin.close_widget(widget)` do what the application
does when a module is registered, shown and unloaded. `scene` is the scene to work in; it becomes `slicer.mrmlScene`
(leave it out where that is already set). The application works in the scene of `headless.scene.start()`.

Where the environment variable `SLICER_PY` names a Slicer source tree (its root, its `Base/Python`, or its
`Base/Python/slicer`), Slicer's own files are used in place of `scripted_module`, `parameter_node`, `parameter_gui` and
`translation`, and widgets that have no stand-in are made from the names in Slicer's headers (`header_widgets`), so that
modules of that tree load, too. Modules are tried with::

    python -m standin MODULE.py ...          # load, show, fill in, apply, close the scene, reload, test
    SLICER_PY=... python -m standin          # the same with the template and all scripted modules of the tree
    SLICER_PY=... python -m pytest Testing/panel/test_standin_trial.py

Limits
------
* A test here shows that a module agrees with this picture of Slicer, not with Slicer. The names of properties, signals
  and slots of the widgets were taken from the headers of Slicer and CTK; their looks and finer behavior were not.
* It is stricter than Slicer on purpose. An exception in a slot, a widget class or property of a `.ui` file without a
  counterpart, a connection to an unknown signal, and a `SlicerParameterName` that is no field are errors here, while
  Slicer prints a line or stays silent.
* It has only the widgets that the modules use; those made from headers keep what they are given and do nothing else.
  A method of a widget that is no property, signal or slot is missing there, and `NotStoodIn` says so.
* The application runs in testing mode. Its main window has empty menus and tool bars, a module selector and the frame
  of the module panel, and is never shown. The layout manager has the real view nodes and slice logics (`layout`). Slice
  and 3D views draw off screen when they are asked for their windows, which needs OpenGL (`view_windows`); they hand no
  mouse events on to the scene.
* Of Slicer's own modules there are the logics and no panels; of its command line modules those in `cli_modules`; of
  the DICOM browser what its plugins see, on top of a database that reads headers when asked; of the Sample Data module
  its list, from which nothing is downloaded: self-tests that need data from the network stop with a sentence.
* Dialogs that wait for a person say so by `NotStoodIn`, unless something else closes them in time (`modal_dialogs`); a
  test replaces them by an answer.
* Files are read and written by the storage nodes of the usual types (`input_output`), and by readers of scripted
  modules. Dialogs of Slicer, subject hierarchy plugins, Segment Editor effects, writers of scripted modules and
  `slicer.packaging` are not there; plugins and effects can be registered, and nothing calls them. The widget of the
  Segment Editor keeps what is chosen in it.
* Enumerations of Qt are integers as in Slicer, but a method that takes one takes a plain integer only if it sets a
  property, a check state, flags or an attribute.
* Qt is version 6 here and 5.15 in Slicer 5.12. The names that modules use most of those that Qt 6 gave up are in `qt5`.
"""

from __future__ import annotations

import importlib
import os
import sys

# Enumerations are integers in PythonQt. PySide6 reads this wish when it is imported for the first time.
sys.pyside6_option_python_enum = 0x02

_PYTHON_LAYER = {
    "slicer.i18n": "translation",
    "slicer.parameterNodeWrapper": "parameter_node",
    "slicer.ScriptedLoadableModule": "scripted_module",
}


def install(scene=None) -> None:
    """Make Slicer's Python layer importable as `slicer.ScriptedLoadableModule` and so on, without Qt.

    Parameters
    ----------
    scene : vtkMRMLScene, optional
        Becomes `slicer.mrmlScene`.
    """
    import slicer

    if scene is not None:
        slicer.mrmlScene = scene
    if "slicer.ScriptedLoadableModule" in sys.modules:
        return
    if source := os.environ.get("SLICER_PY"):
        from .slicer_files import use

        use(source)
        importlib.import_module("slicer.ScriptedLoadableModule")
        return
    for public, own in _PYTHON_LAYER.items():
        module = importlib.import_module(f".{own}", __package__)
        sys.modules[public] = module
        setattr(slicer, public.rpartition(".")[2], module)


def start_application():
    """Start the off-screen application with its widgets, as `slicer.app`; a second call returns the same.

    Returns
    -------
    qSlicerApplication
    """
    install()
    from .application import start

    application = start()
    application.layoutManager()  # the views are there before any module
    return application


def load_module(path):
    """Import a scripted module file and create its module object, as the application does at start-up.

    Parameters
    ----------
    path : path-like
        The module file, `<Name>/<Name>.py`. Its folder is added to `sys.path`, as Slicer does.

    Returns
    -------
    module
        The imported file.
    """
    from .loading import load_module

    return load_module(path)


def loaded(name: str):
    """The file of a loaded module, by its name."""
    return sys.modules[name]


def create_widget(name: str):
    """Create the panel of a loaded module as the application does when the user first shows it.

    Parameters
    ----------
    name : str
        Name of the module.

    Returns
    -------
    ScriptedLoadableModuleWidget
        After `setup()` and `enter()`; its `parent` is the widget to show or grab.
    """
    from .loading import create_widget

    return create_widget(name)


def close_widget(widget) -> None:
    """End a panel as the application does when the module is unloaded, and destroy its widgets.

    Parameters
    ----------
    widget : ScriptedLoadableModuleWidget
        From `create_widget`.
    """
    from .loading import close_widget

    close_widget(widget)
