"""Results appear complete or not at all: written under a temporary name, renamed when finished, removed otherwise."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def staged_file(path: Path) -> Iterator[BinaryIO]:
    """A file under a temporary name beside `path`, renamed to it when complete and removed when not."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def staged_folder(out: str | os.PathLike, replaces: Iterable[str] = ()) -> Iterator[Path]:
    """A temporary folder whose files move to `out` when all are complete, and vanish when anything goes wrong.

    It lies in the nearest folder that exists, so that moving is renaming on the same disk.

    Parameters
    ----------
    out : path
    replaces : iterable of str
        Patterns of `Path.glob`: files in `out` that fit one and do not come anew are removed in the end, because they
        are left from an earlier result.
    """
    out = Path(out).absolute()
    home = next(folder for folder in (out, *out.parents) if folder.exists())
    if not home.is_dir():
        raise NotADirectoryError(f"{home} is a file, but a folder is needed for the results.")
    stage = home / f".{out.name}.{os.getpid()}.part"
    stage.mkdir()
    try:
        yield stage
        moved = set()
        for path in sorted(p for p in stage.rglob("*") if p.is_file()):
            final = out / path.relative_to(stage)
            final.parent.mkdir(parents=True, exist_ok=True)
            path.replace(final)
            moved.add(final)
        for left in {path for pattern in replaces for path in out.glob(pattern)} - moved:
            left.unlink()
    finally:
        shutil.rmtree(stage)


def check_writable(out: str | os.PathLike) -> None:
    """Find out before hours of computing whether the results can be written.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    with staged_folder(out):
        pass
