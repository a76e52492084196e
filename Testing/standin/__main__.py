"""Tries modules under the stand-in::

    python -m standin [--tree FOLDER] [--json] [MODULE.py ...]

`--tree` is a Slicer source tree, by default the one that the environment variable `SLICER_PY` names; without module
files, all scripted modules of it are tried, each in a process of its own. The exit status is 1 if a step failed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from .trial import Outcome, find_modules, quiet, try_module

#: Seconds after which a module is given up.
TIME_LIMIT = 120.0


def try_in_process(path, tree=None) -> list[Outcome]:
    """Try a module in a process of its own, with the files of a source tree if one is given.

    Parameters
    ----------
    path : path-like
        The module file.
    tree : path-like, optional
        Becomes `SLICER_PY`.

    Returns
    -------
    list of Outcome
    """
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    if tree is not None:
        variables["SLICER_PY"] = str(tree)
    command = [sys.executable, "-m", "standin", "--json", "--here", str(path)]
    try:
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=TIME_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return [Outcome("load", "failed", f"it did not end within {TIME_LIMIT:g} s")]
    lines = done.stdout.strip().splitlines()
    if done.returncode not in (0, 1) or not lines:
        last = (done.stderr.strip().splitlines() or ["without a word"])[-1]
        return [Outcome("load", "failed", f"the process ended with status {done.returncode}: {last}")]
    return [Outcome(**outcome) for outcome in json.loads(lines[-1])]


def _table(path: Path, outcomes: list[Outcome]) -> str:
    lines = [path.stem]
    lines += [f"  {outcome.step:<16}{outcome.verdict:<14}{outcome.reason}".rstrip() for outcome in outcomes]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m standin", description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", type=Path, metavar="MODULE.py")
    parser.add_argument("--tree", default=os.environ.get("SLICER_PY"), help="Slicer source tree (default: SLICER_PY)")
    parser.add_argument("--json", action="store_true", help="print one JSON list for each module")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    modules = options.modules
    if not modules:
        if not options.tree:
            parser.error("no module files, and no source tree: give MODULE.py, --tree or SLICER_PY")
        from .slicer_files import tree_root

        modules = find_modules(tree_root(options.tree))
    failed = False
    for path in modules:
        if options.here:
            with quiet():
                outcomes = try_module(path)
        else:
            outcomes = try_in_process(path, options.tree)
        failed |= any(outcome.verdict == "failed" for outcome in outcomes)
        as_json = json.dumps([vars(outcome) for outcome in outcomes])
        print(as_json if options.json else _table(path, outcomes), flush=True)
    return int(failed)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # Qt and VTK objects of modules that broke off would be destroyed in an order they do not survive
