"""Stand-in for the choice among file readers when the user opens a file: the most confident one loads it."""

from __future__ import annotations

import fnmatch
import re

import slicer

_readers: list[qSlicerScriptedFileReader] = []


class qSlicerScriptedFileReader:
    """The application's side of a scripted reader; the Python class gets it as `parent`."""

    def __init__(self, python_class):
        self.loadedNodes: list[str] = []
        self._messages = slicer.vtkMRMLMessageCollection()
        self._reader = python_class(self)
        self.python_class = python_class

    def userMessages(self):
        """What went wrong, for the user."""
        return self._messages

    def supportedNameFilters(self, path: str) -> list[str]:
        """The name filters of the reader that a file matches."""
        name = path.rpartition("/")[2].lower()
        matching = []
        for name_filter in self._reader.extensions():
            patterns = re.search(r"\(([^()]*)\)\s*$", name_filter).group(1).split()
            if any(fnmatch.fnmatch(name, pattern.lower()) for pattern in patterns):
                matching.append(name_filter)
        return matching

    def confidence(self, path: str) -> float:
        """How sure the reader is that a file is one of its own."""
        if not self.supportedNameFilters(path):
            return 0.0
        if hasattr(self._reader, "canLoadFileConfidence"):
            return self._reader.canLoadFileConfidence(path)
        return 0.6 if self._reader.canLoadFile(path) else 0.0

    def fileType(self) -> str:
        """The name of the type of files."""
        return self._reader.fileType()

    def load(self, path: str) -> bool:
        """Let the reader load a file."""
        self.loadedNodes = []
        self._messages.ClearMessages()
        return self._reader.load({"fileName": path, "fileType": self._reader.fileType()})


def register_file_reader(python_class) -> None:
    """Add the reader of a module; loading the module again replaces it."""
    _readers[:] = [reader for reader in _readers if reader.python_class.__name__ != python_class.__name__]
    _readers.append(qSlicerScriptedFileReader(python_class))


def best_reader(path: str) -> qSlicerScriptedFileReader | None:
    """The most confident of the scripted readers; None where Slicer's own are more confident than any."""
    confidence, _, reader = max(
        ((reader.confidence(path), index, reader) for index, reader in enumerate(_readers)), default=(0.0, 0, None)
    )
    # 0.5 is the confidence of Slicer's own readers in files with a known extension.
    return reader if confidence >= 0.5 else None


def reader_of_type(kind: str) -> qSlicerScriptedFileReader | None:
    """The scripted reader for a type of files, or None."""
    return next((reader for reader in _readers if reader.fileType() == kind), None)


def open_file(path) -> list:
    """Open a file as dropping it on the application does.

    Returns
    -------
    list of vtkMRMLNode
        What was loaded.

    Raises
    ------
    RuntimeError
        If no reader wants the file, or with the messages of the reader that failed.
    """
    path = str(path)
    reader = best_reader(path)
    if reader is None:
        raise RuntimeError(f"no scripted reader wants {path}")
    if not reader.load(path):
        messages = reader.userMessages()
        raise RuntimeError(" ".join(messages.GetNthMessageText(n) for n in range(messages.GetNumberOfMessages())))
    return [slicer.mrmlScene.GetNodeByID(node_id) for node_id in reader.loadedNodes]
