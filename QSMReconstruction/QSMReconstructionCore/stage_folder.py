"""Results of stages in a folder, so that another process can go on from them."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

#: Bytes that a folder holds at most: eight whole reconstructions of a head at 1 mm.
LIMIT = 2_000_000_000
#: Bytes that one reconstruction leaves for each voxel of the scan, rounded up from a head at 1 mm.
BYTES_PER_VOXEL = 40

_ENDING = ".stage"
#: What a file may name besides classes of this package, by package: nothing else is ever called when it is read.
_HARMLESS = {"builtins": {"slice"}, "numpy": {"_frombuffer", "_reconstruct", "dtype", "ndarray", "scalar"}}


class StageFolder(MutableMapping):
    """What `QSMReconstructionCore.pipeline.reconstruct` takes as its cache, one file for each result.

    A file is there whole or not at all, so a process that is ended while it writes does no harm. A file that cannot be
    read counts as not there. What would not fit on the disk, or holds a function made on the spot, is left out: the
    stage is then computed again.

    Parameters
    ----------
    folder : path
        Exists. Only one process at a time may use it.
    limit : int
        Bytes to hold at most; what was not used for the longest time goes first.
    """

    def __init__(self, folder: str | os.PathLike, limit: int = LIMIT) -> None:
        self.folder, self.limit = Path(folder), limit
        for begun in self.folder.glob(f"*{_ENDING}.part"):  # by a process that was ended
            begun.unlink()

    def __getitem__(self, key: str) -> Any:
        path = self._path(key)
        try:
            with path.open("rb") as file:
                result = _Reader(file).load()
            os.utime(path)
        except (OSError, EOFError, pickle.UnpicklingError, ValueError, IndexError) as reason:
            raise KeyError(key) from reason
        return result

    def __setitem__(self, key: str, result: Any) -> None:
        path = self._path(key)
        begun = path.with_name(f"{path.name}.part")
        try:
            with begun.open("wb") as file:
                pickle.dump(result, file, protocol=5)
            begun.replace(path)
        except (OSError, pickle.PicklingError, AttributeError):  # a full disk, or a function made on the spot
            begun.unlink(missing_ok=True)
        self._keep_limit()

    def __delitem__(self, key: str) -> None:
        try:
            self._path(key).unlink()
        except FileNotFoundError as reason:
            raise KeyError(key) from reason

    def __iter__(self) -> Iterator[str]:
        return (path.name.removesuffix(_ENDING) for path in self.folder.glob(f"*{_ENDING}"))

    def __len__(self) -> int:
        return sum(1 for _key in self)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_ENDING}"

    def _keep_limit(self) -> None:
        paths = sorted((self._path(key) for key in self), key=lambda path: path.stat().st_mtime_ns)
        size = sum(path.stat().st_size for path in paths)
        while size > self.limit:
            size -= paths[0].stat().st_size
            paths.pop(0).unlink()


class _Reader(pickle.Unpickler):
    """Reads results of stages and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        package = module.partition(".")[0]
        if package == __package__:
            found = super().find_class(module, name)
            # Not what the module has imported, such as `os.system` of a name with a dot.
            if isinstance(found, type) and found.__module__ == module:
                return found
        elif name in _HARMLESS.get(package, ()):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not part of a stage's result.")
