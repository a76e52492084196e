"""Stand-in for `DICOMLib` and `slicer.dicomDatabase`: what plugins of the DICOM browser see.

The database reads the headers of the files it was given with pydicom when it is asked; it stores nothing.
"""

from __future__ import annotations

import hashlib
import importlib
import re
import sys
import types
from functools import cache
from pathlib import Path

import pydicom
import slicer

from .limits import NotStoodIn


class DICOMLoadable:
    """Something that a plugin offers to load."""

    def __init__(self):
        self.files = []
        self.name = "Unknown"
        self.tooltip = "No further information available"
        self.warning = ""
        self.selected = False
        self.confidence = 0.5


class DICOMPlugin:
    """Base class of plugins."""

    def __init__(self):
        self.loadType = "Generic DICOM"
        self.loadableCache = {}
        self.tags = {"seriesDescription": "0008,103E", "seriesNumber": "0020,0011"}

    def hashFiles(self, files):
        """A key for a list of files."""
        return hashlib.md5("".join(files).encode(), usedforsecurity=False).digest()

    def getCachedLoadables(self, files):
        """What was found in the same files before, or None."""
        return self.loadableCache.get(self.hashFiles(files))

    def cacheLoadables(self, files, loadables):
        """Remember what was found in a list of files."""
        self.loadableCache[self.hashFiles(files)] = loadables

    def addSeriesInSubjectHierarchy(self, loadable, dataNode):
        """Put a node under its study and patient, as a series."""
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
        value = slicer.dicomDatabase.fileValue
        first = loadable.files[0]
        patient, study, series = (value(first, tag) for tag in ("0010,0020", "0020,000D", "0020,000E"))
        names = slicer.vtkMRMLSubjectHierarchyConstants
        item = hierarchy.CreateItem(hierarchy.GetSceneItemID(), dataNode)
        hierarchy.SetItemUID(item, names.GetDICOMUIDName(), series)
        slicer.vtkSlicerSubjectHierarchyModuleLogic.InsertDicomSeriesInHierarchy(hierarchy, patient, study, series)


class ctkDICOMDatabase:
    """Answers what is in headers; there is no file with an index of them."""

    isOpen = False
    databaseFilename = databaseDirectory = ""

    def __getattr__(self, name: str):
        raise NotStoodIn(f"The stand-in of ctkDICOMDatabase has no '{name}'")

    def fileValue(self, path: str, tag: str) -> str:
        """A value as text, several of them separated by backslashes; empty where there is none."""
        element = _header(path).get(tuple(int(part, 16) for part in tag.split(",")))
        if element is None or element.value is None:
            return ""
        value = element.value
        return "\\".join(map(str, value)) if element.VM > 1 else str(value)


@cache
def _header(path: str):
    return pydicom.dcmread(path, stop_before_pixels=True)


def install() -> None:
    """Make `DICOMLib` importable and `slicer.dicomDatabase` answer."""
    module = types.ModuleType("DICOMLib", "Stand-in for Slicer's `DICOMLib`.")
    module.DICOMLoadable, module.DICOMPlugin = DICOMLoadable, DICOMPlugin
    sys.modules["DICOMLib"] = module
    slicer.dicomDatabase = ctkDICOMDatabase()


def add_files(folder: Path) -> None:
    """Let `DICOMLib` have what the files of a folder have and the stand-in has not, as `Modules/Scripted/DICOMLib`."""
    library = sys.modules["DICOMLib"]
    library.__path__ = [str(folder)]

    def member(name: str):
        for path in sorted(folder.glob("*.py")):
            if re.search(rf"^(class|def) {re.escape(name)}\b", path.read_text(encoding="utf-8"), re.MULTILINE):
                return getattr(importlib.import_module(f"DICOMLib.{path.stem}"), name)
        raise AttributeError(f"The stand-in of DICOMLib has no '{name}'")

    library.__getattr__ = member


def file_lists(folder) -> list[list[str]]:
    """The files of each series in a folder, as the browser hands them to plugins."""
    series: dict[str, list[str]] = {}
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file():
            series.setdefault(str(_header(str(path)).SeriesInstanceUID), []).append(str(path))
    return list(series.values())
