"""Makes `qt` and `ctk` importable: PySide6 off screen with the manners of PythonQt, and stand-ins for CTK's widgets."""

from __future__ import annotations

import os
import sys
import types

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from .qt_attributes import QT_MODULES, adopt_pythonqt_attributes  # noqa: E402  (the platform is chosen on import)

adopt_pythonqt_attributes()

from . import ctk_widgets  # noqa: E402  (its properties must find the classes changed)
from .modal_dialogs import refuse_to_wait  # noqa: E402
from .qt5 import add_qt5_names  # noqa: E402
from .qt_constructors import accept_null_pointers  # noqa: E402
from .qt_enumerations import accept_integers  # noqa: E402
from .ui_files import QUiLoader  # noqa: E402


def _module(title: str, contents: dict) -> types.ModuleType:
    module = types.ModuleType(title, f"Stand-in for Slicer's `{title}` module.")
    vars(module).update({name: value for name, value in contents.items() if not name.startswith("_")})
    sys.modules[title] = module
    return module


qt = _module("qt", {name: getattr(source, name) for source in QT_MODULES for name in dir(source)})
qt.QUiLoader = QUiLoader
add_qt5_names(qt)
accept_integers()
accept_null_pointers()
refuse_to_wait()
ctk = _module("ctk", {name: value for name, value in vars(ctk_widgets).items() if name.startswith("ctk")})
