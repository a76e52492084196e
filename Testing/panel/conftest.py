"""What the tests of the panels can ask for: the off-screen application, and panels in it.

Pictures go to the folder that the environment variable `QSM_SCREENSHOTS` names, or to the test's temporary folder.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import standin

REPOSITORY = Path(__file__).resolve().parents[2]

standin.install()  # before test files are imported, which may import Slicer-facing packages


@pytest.fixture
def application(scene):
    """The stand-in of `slicer.app`, on an empty scene."""
    return standin.start_application()


@pytest.fixture
def escaped_exceptions(application):
    """Exceptions that left a slot or an observer. The test fails unless it takes them out of this list."""
    from standin.application import escaped_exceptions

    escaped_exceptions.clear()
    yield escaped_exceptions
    if escaped_exceptions:
        raise AssertionError("An exception left a slot or an observer.") from escaped_exceptions[0]


@pytest.fixture
def show_panel(application, escaped_exceptions):
    """Function that loads a module by name and shows its panel, 400 pixels wide; panels are closed after the test."""
    shown = []

    def show(name: str):
        standin.load_module(REPOSITORY / name / f"{name}.py")
        widget = standin.create_widget(name)
        shown.append(widget)
        widget.parent.resize(400, 520)
        widget.parent.show()
        application.processEvents()
        return widget

    yield show
    for widget in shown:
        standin.close_widget(widget)


@pytest.fixture
def screenshot(application, tmp_path):
    """Function that grabs a widget into a PNG file of a name, and returns its path."""
    folder = Path(os.environ.get("QSM_SCREENSHOTS") or tmp_path)

    def grab(widget, name: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        application.processEvents()
        path = folder / f"{name}.png"
        assert widget.grab().save(str(path))
        return path

    return grab


@pytest.fixture
def quick_engine(monkeypatch):
    """Puts `quick_engine.py` in place of the core's command line; call it with a stage to have it stop there."""
    from QSMReconstructionLib import engine

    path = os.pathsep.join([str(REPOSITORY / "Testing"), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)

    def use(stop_at: str) -> None:
        command = [sys.executable, str(REPOSITORY / "Testing" / "quick_engine.py"), stop_at]
        monkeypatch.setattr(engine, "core_command", lambda core: command)

    use("-")
    return use


@pytest.fixture
def quick_pipeline(monkeypatch):
    """Puts `small_scan.quick_reconstruct` in place of the pipeline."""
    from QSMReconstructionCore import pipeline
    from small_scan import quick_reconstruct

    monkeypatch.setattr(pipeline, "reconstruct", quick_reconstruct)
