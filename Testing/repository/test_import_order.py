"""Files of the modules import each other in one direction only, so that each can be read without those above it.

Imports inside functions and for type checkers count as well: who names a type must read its file.
"""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MODULES = ("QSMReconstruction", "QSMRoiAnalysis")


def files() -> dict[str, Path]:
    """Dotted name -> file, of all files of the modules."""
    found = {}
    for module in MODULES:
        for path in (REPOSITORY / module).rglob("*.py"):
            parts = path.relative_to(REPOSITORY / module).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path) -> Iterator[str]:
    """Dotted names that a file imports, as far as they can be files: `a.b` of `from a import b`, and `a`."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def graph(known: dict[str, Path]) -> dict[str, set[str]]:
    """Who imports whom. A name that is no file is something that its package's or module's file defines."""
    found = {}
    for name, path in known.items():
        targets = (target if target in known else target.rpartition(".")[0] for target in imports(name, path))
        found[name] = {target for target in targets if target in known and target != name}
    return found


def test_no_file_imports_one_that_imports_it():
    known = files()
    assert len(known) > 100
    try:
        TopologicalSorter(graph(known)).prepare()
    except CycleError as error:
        pytest.fail("These files import each other, the last the first: " + " <- ".join(error.args[1]))
