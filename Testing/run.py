#!/usr/bin/env python3
"""The commands of the project. They need Python 3.10 to 3.13 and nothing else.

    python3 Testing/run.py demo [--help]     from simulated scanner phase to maps, region table, scene, pictures, report
    python3 Testing/run.py test [options]    every layer of the tests; options and paths go to pytest
    python3 Testing/run.py benchmark [--help]    cost and accuracy of every method on the digital head phantom

All run in an environment of their own, `Testing/.venv`. It is made on first use from the exact versions listed in
`requirements.txt`, and made again when that list or the Python that makes it has changed. Deleting the folder undoes
everything. This file uses the standard library only, and parses under older Pythons so that it can say what is wrong.
"""

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

TESTING = Path(__file__).resolve().parent
REPOSITORY = TESTING.parent
OLDEST, NEWEST = (3, 10), (3, 13)

#: What each command runs inside the environment.
COMMANDS = {"demo": ("-m", "demo"), "test": ("-m", "pytest"), "benchmark": ("-m", "benchmarks")}

#: Each process of the tests takes about 2 GiB.
MOST_PROCESSES = 4


class CannotRun(Exception):  # noqa: N818  (its text is the whole message to the user)
    """The machine lacks something; the text says what, and what to do about it."""


def check_python(version: tuple = tuple(sys.version_info[:3])) -> None:
    """Raise `CannotRun` if the MRML libraries do not exist for this Python."""
    if not OLDEST <= tuple(version[:2]) <= NEWEST:
        raise CannotRun(
            f"This is Python {version[0]}.{version[1]}, but Slicer's MRML libraries exist for Python 3.10 to 3.13. "
            "Start the command with one of these, for instance: python3.12 Testing/run.py demo"
        )


def environment_stamp(requirements: Path) -> str:
    """What an environment depends on, as one line: it is made again when this differs from what it was made for."""
    made_for = (requirements.read_text(encoding="utf-8"), sys.version, platform.system(), platform.machine())
    return hashlib.sha256("\n".join(made_for).encode()).hexdigest()


def python_of(folder: Path) -> Path:
    """The interpreter of the environment in `folder`."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def is_ready(folder: Path, stamp: str) -> bool:
    """Whether the environment was made to the end, for this stamp, and its interpreter is still there."""
    written = folder / "made-for"
    return written.is_file() and written.read_text(encoding="utf-8") == stamp and python_of(folder).exists()


def ready_environment(folder: Path = TESTING / ".venv", requirements: Path = TESTING / "requirements.txt") -> Path:
    """Make the environment in `folder` unless it is there, and return its interpreter.

    The stamp is written last, so an environment whose making was interrupted is made again.

    Raises
    ------
    CannotRun
        If Python's `venv` is missing, or the installation fails.
    """
    stamp = environment_stamp(requirements)
    if is_ready(folder, stamp):
        return python_of(folder)
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        raise CannotRun(
            "This Python cannot make virtual environments, because its venv or ensurepip module is missing. "
            "On Debian and Ubuntu, install it with: apt-get install python3-venv"
        )
    import venv

    say(f"Installing Slicer's MRML libraries, VTK, Qt, numpy and scipy into {folder}")
    say("(once; 1.7 GB on disk, about a minute where the network is fast) ...")
    began = time.monotonic()
    if folder.exists():
        shutil.rmtree(folder)
    venv.EnvBuilder(with_pip=True, symlinks=os.name != "nt").create(folder)
    install = (python_of(folder), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check")
    done = subprocess.run(
        [*map(str, install), "--only-binary=:all:", "-r", str(requirements)],
        env=child_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise CannotRun(
            f"{done.stdout.strip()}\n\nThe packages of {requirements.name} could not be installed (see above). They "
            "need a connection to PyPI, and exist for Linux x86-64, macOS arm64 and Windows x86-64."
        )
    (folder / "made-for").write_text(stamp, encoding="utf-8")
    say(f"Installed in {time.monotonic() - began:.0f} s.")
    return python_of(folder)


def child_environment() -> dict:
    """Environment variables of the commands: this repository's folders are importable, and nothing else is added."""
    variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    folders = (TESTING, REPOSITORY / "QSMReconstruction", REPOSITORY / "QSMRoiAnalysis")
    variables["PYTHONPATH"] = os.pathsep.join(map(str, folders))
    return variables


def pytest_arguments(arguments: list) -> list:
    """The user's arguments, and where none of them is a path, the folder of all tests, on several cores.

    A file of tests stays in one process, because its tests share phantoms. What the user says about processes wins.
    """
    if any(Path(argument.partition("::")[0]).exists() for argument in arguments):
        return arguments
    processes = str(min(os.cpu_count() or 1, MOST_PROCESSES))
    return ["--numprocesses", processes, "--dist", "loadfile", *arguments, str(TESTING)]


def say(text: str) -> None:
    """A line to the user, at once."""
    print(text, file=sys.stderr, flush=True)


def main(arguments: list) -> int:
    """Run a command and return its exit status: 2 for wrong usage, 1 where the machine lacks something."""
    if not arguments or arguments[0] not in COMMANDS:
        say(__doc__)
        return 0 if arguments and arguments[0] in ("-h", "--help") else 2
    command, more = arguments[0], arguments[1:]
    try:
        check_python()
        python = ready_environment()
    except CannotRun as reason:
        say(str(reason))
        return 1
    if command == "test":
        more = pytest_arguments(more)
    command_line = [str(python), *COMMANDS[command], *more]
    if os.name == "nt":
        return subprocess.call(command_line, env=child_environment())
    os.execve(python, command_line, child_environment())  # so that signals reach the command itself


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
