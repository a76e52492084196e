"""A temporary folder that lasts as long as the session, for what one reconstruction can take over from another."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from QSMReconstructionCore.stage_folder import BYTES_PER_VOXEL, LIMIT

_PREFIX = "qsm-session-"
_LOCK = "in use"


class SessionFolder:
    """A folder that is made when it is first asked for.

    It goes with `remove`; what an application that has crashed has left is removed when the next one makes its own. As
    long as an application lives, it holds a lock on a file in its folder, which no other process can take.

    Parameters
    ----------
    home : path
        Folder in which to make it.
    """

    def __init__(self, home) -> None:
        self._home = Path(home)
        self._path: Path | None = None
        self._lock = None

    @property
    def path(self) -> Path:
        """The folder.

        Raises
        ------
        OSError
            If it cannot be made.
        """
        if self._path is None or not self._path.is_dir():
            self.remove()
            self._remove_abandoned()
            self._path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._home))
            self._lock = (self._path / _LOCK).open("wb")
            _lock(self._lock)
        return self._path

    def growth(self, voxels: int) -> int:
        """Bytes by which the folder grows at most with one more reconstruction of a scan of so many voxels."""
        held = sum(file.stat().st_size for file in self._path.iterdir()) if self._path and self._path.is_dir() else 0
        return max(0, min(BYTES_PER_VOXEL * voxels, LIMIT - held))

    def remove(self) -> None:
        """Remove the folder, if there is one; it is made anew when it is asked for again."""
        if self._lock is not None:
            self._lock.close()
        if self._path is not None:
            shutil.rmtree(self._path, ignore_errors=True)  # what a virus scanner holds open is left to the next session
        self._path = self._lock = None

    def _remove_abandoned(self) -> None:
        for folder in self._home.glob(f"{_PREFIX}*"):
            if _abandoned(folder / _LOCK):
                shutil.rmtree(folder, ignore_errors=True)


if os.name == "nt":

    def _lock(file) -> None:
        """Nothing to do: Windows does not let anybody remove an open file."""

    def _abandoned(lock: Path) -> bool:
        try:
            lock.unlink()
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(file) -> None:
        """Lock an open file until it is closed, or its process ends."""
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _abandoned(lock: Path) -> bool:
        try:
            with lock.open("rb") as file:
                _lock(file)
        except OSError:  # locked, or being made
            return False
        return True
