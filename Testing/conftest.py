"""What every test can ask for, and what fails a test besides its own assertions."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache

import pytest


def pytest_runtest_setup(item):
    """Tests of panels need system libraries that Qt's wheel does not bring. Without these they are skipped."""
    needs_qt = "application" in item.fixturenames or item.get_closest_marker("needs_qt")
    if needs_qt and (reason := qt_is_missing()):
        pytest.skip(reason)


@cache
def qt_is_missing() -> str:
    """Why Qt cannot be loaded and what to do about it, or an empty text."""
    try:
        import PySide6.QtWidgets  # noqa: F401
    except ModuleNotFoundError:  # not installed at all: a broken environment, not a bare machine
        raise
    except ImportError as error:
        return (
            f"Qt cannot be loaded ({error}), so panels are not tested here. On Debian and Ubuntu, install what it "
            "needs with: apt-get install libegl1 libgl1 libxkbcommon0 libdbus-1-3 libfontconfig1 libglib2.0-0"
        )
    return ""


@pytest.fixture
def run_python():
    """Run code in another interpreter that can import what this one can; returns `subprocess.CompletedProcess`."""

    def run(code: str, **variables: str) -> subprocess.CompletedProcess:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables}
        return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)

    return run


@pytest.fixture
def session():
    """The headless application of this process (`headless.scene.Session`), its scene empty."""
    from headless.scene import start

    session = start()
    session.clear()
    yield session
    session.clear()


@pytest.fixture
def scene(session):
    """A real, empty MRML scene, which is also `slicer.mrmlScene`."""
    return session.scene


@pytest.fixture(autouse=True)
def vtk_errors(request):
    """Errors that VTK and MRML classes report during a test. The test fails unless it takes them out of this list."""
    if "vtkmodules.vtkCommonCore" not in sys.modules and not {"session", "scene"} & set(request.fixturenames):
        yield []  # nothing can report errors, and tests of the cores must not be the ones that import VTK
        return
    from headless.messages import recorded_errors

    with recorded_errors() as errors:
        yield errors
    assert not errors, "VTK reported errors during this test:\n" + "\n".join(errors)
