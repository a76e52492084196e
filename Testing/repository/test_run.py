"""The starter of the commands: what it says, what it makes, and when it makes it again."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import run

RUN = Path(run.__file__)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "environment"


@pytest.fixture
def nothing_required(tmp_path):
    """A list of requirements that needs no network."""
    path = tmp_path / "requirements.txt"
    path.write_text("# nothing\n")
    return path


@pytest.mark.parametrize("version", [(3, 10, 0), (3, 12, 1), (3, 13, 9)])
def test_supported_pythons_are_accepted(version):
    run.check_python(version)


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 9, 18), (3, 14, 0)])
def test_other_pythons_are_refused_with_the_remedy(version):
    with pytest.raises(run.CannotRun, match=r"This is Python \d\.\d+, .*python3\.12 Testing/run\.py"):
        run.check_python(version)


def test_an_environment_is_made_once_and_again_when_the_requirements_change(folder, nothing_required, capsys):
    python = run.ready_environment(folder, nothing_required)
    shown = capsys.readouterr().err
    assert str(folder) in shown and "Installed in" in shown
    prefix = subprocess.run([python, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True).stdout
    assert Path(prefix.strip()).resolve() == folder.resolve()

    (folder / "left over").touch()
    assert run.ready_environment(folder, nothing_required) == python
    assert capsys.readouterr().err == ""
    assert (folder / "left over").exists()

    nothing_required.write_text("# still nothing\n")
    assert run.ready_environment(folder, nothing_required) == python
    assert not (folder / "left over").exists()


@pytest.mark.parametrize("what", ["complete", "made for something else", "interrupted", "interpreter gone"])
def test_only_a_complete_environment_for_the_same_stamp_is_used(folder, what):
    run.python_of(folder).parent.mkdir(parents=True)
    if what != "interpreter gone":
        run.python_of(folder).touch()
    if what != "interrupted":
        (folder / "made-for").write_text("another" if what == "made for something else" else "stamp")
    assert run.is_ready(folder, "stamp") == (what == "complete")


def test_a_failed_installation_is_reported_and_not_taken_for_done(folder, tmp_path):
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"{tmp_path / 'missing-1.0-py3-none-any.whl'}\n")
    with pytest.raises(run.CannotRun, match="(?s)missing-1.0.*could not be installed"):
        run.ready_environment(folder, requirements)
    assert not run.is_ready(folder, run.environment_stamp(requirements))


@pytest.mark.parametrize("missing", ["venv", "ensurepip"])
def test_a_python_without_venv_names_the_debian_package(folder, nothing_required, monkeypatch, missing):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else found(name))
    with pytest.raises(run.CannotRun, match="python3-venv"):
        run.ready_environment(folder, nothing_required)
    assert not folder.exists()


def test_commands_see_the_repository_and_not_the_callers_python_settings(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("PYTHONHOME", "/elsewhere")
    variables = run.child_environment()
    assert "PYTHONHOME" not in variables
    names = [Path(folder).name for folder in variables["PYTHONPATH"].split(os.pathsep)]
    assert names == ["Testing", "QSMReconstruction", "QSMRoiAnalysis"]


def test_tests_run_everywhere_on_several_cores_unless_a_path_is_given(monkeypatch):
    monkeypatch.setattr(run.os, "cpu_count", lambda: 64)
    everywhere = ["--numprocesses", "4", "--dist", "loadfile", "-k", "dipole", str(run.TESTING)]
    assert run.pytest_arguments(["-k", "dipole"]) == everywhere
    assert run.pytest_arguments([f"{RUN}::test"]) == [f"{RUN}::test"]


@pytest.mark.parametrize(("arguments", "status"), [([], 2), (["dance"], 2), (["--help"], 0)])
def test_anything_but_the_commands_shows_what_they_are(arguments, status):
    done = subprocess.run([sys.executable, str(RUN), *arguments], capture_output=True, text=True)
    assert done.returncode == status
    assert "run.py demo" in done.stderr and "run.py test" in done.stderr


def test_the_starter_uses_the_standard_library_only():
    code = f"import sys, runpy; sys.modules.update(numpy=None, vtk=None, slicer=None); runpy.run_path({str(RUN)!r})"
    assert subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True).returncode == 0
