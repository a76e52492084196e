"""Stand-in for the module `SampleData`: the list of what modules offer. Nothing is downloaded."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import slicer

from .limits import NotStoodIn


class SampleDataSource:
    """One entry; texts are lists with one item for each file, as in Slicer."""

    def __init__(
        self, sampleName=None, sampleDescription=None, uris=None, fileNames=None, nodeNames=None, checksums=None,
        loadFiles=None, customDownloader=None, thumbnailFileName=None, loadFileType=None, loadFileProperties=None,
    ):  # fmt: skip
        self.sampleName = sampleName
        self.sampleDescription = sampleDescription or sampleName
        self.uris, self.fileNames, self.nodeNames, self.checksums, self.loadFiles, self.loadFileType = (
            list(given) if isinstance(given, (list, tuple)) else [given]
            for given in (uris, fileNames, nodeNames, checksums, loadFiles, loadFileType)
        )
        self.customDownloader = customDownloader
        self.thumbnailFileName = thumbnailFileName
        self.loadFileProperties = loadFileProperties or {}


class SampleDataLogic:
    """Registers and gets entries."""

    categories: dict[str, str] = {}

    def __init__(self, logMessage=None):
        self.logMessage = logMessage

    @staticmethod
    def registerCustomSampleDataCategory(name, title):
        """A heading of the module's panel."""
        SampleDataLogic.categories[name] = title

    @staticmethod
    def registerCustomSampleDataSource(
        category="Custom", sampleName=None, sampleDescription=None, uris=None, fileNames=None, nodeNames=None,
        customDownloader=None, thumbnailFileName=None, loadFileType=None, loadFiles=None, loadFileProperties=None,
        checksums=None,
    ):  # fmt: skip
        """Add an entry, in place of an earlier one of the same name."""
        entries = slicer.modules.sampleDataSources.setdefault(category, [])
        entries[:] = [entry for entry in entries if entry.sampleName != sampleName]
        entries.append(
            SampleDataSource(
                sampleName, sampleDescription, uris, fileNames, nodeNames, checksums, loadFiles, customDownloader,
                thumbnailFileName, loadFileType, loadFileProperties,
            )
        )  # fmt: skip

    def sourceForSampleName(self, sampleName):
        """The entry of a name, or None."""
        entries = (entry for category in slicer.modules.sampleDataSources.values() for entry in category)
        return next((entry for entry in entries if entry.sampleName == sampleName), None)

    def downloadSamples(self, sampleName):
        """Get an entry and return the nodes that it added to the scene.

        Raises
        ------
        NotStoodIn
            If it would have to be downloaded.
        """
        source = self.sourceForSampleName(sampleName)
        if source is None:
            raise NotStoodIn(f"Slicer downloads the sample '{sampleName}'. The stand-in downloads nothing")
        if source.customDownloader is None:
            raise NotStoodIn(f"The sample '{sampleName}' comes from {source.uris[0]}. The stand-in downloads nothing")
        scene = slicer.mrmlScene
        before = {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())}
        source.customDownloader(source)
        nodes = [scene.GetNthNode(n) for n in range(scene.GetNumberOfNodes())]
        return [node for node in nodes if node.GetID() not in before]

    downloadSample = downloadSamples

    def downloadFromURL(self, uris=None, *_, **__):
        """Slicer downloads files; the stand-in says that it does not."""
        raise NotStoodIn(f"The stand-in downloads nothing: {uris}")

    def __getattr__(self, name):
        if name.startswith("download"):  # downloadMRHead and so on
            return lambda: self.downloadSamples(name.removeprefix("download"))[0]
        raise AttributeError(f"The stand-in of SampleDataLogic has no '{name}'")


def downloadSample(sampleName):
    """Get an entry and return its first node."""
    return SampleDataLogic().downloadSamples(sampleName)[0]


def downloadSamples(sampleName):
    """Get an entry and return its nodes."""
    return SampleDataLogic().downloadSamples(sampleName)


def downloadFromURL(uris=None, *_, **__):
    """Slicer downloads files; the stand-in says that it does not."""
    return SampleDataLogic().downloadFromURL(uris)


def install() -> None:
    """Make `SampleData` importable."""
    module = types.ModuleType("SampleData", "Stand-in for Slicer's module `SampleData`.")
    for it in (SampleDataLogic, SampleDataSource, downloadSample, downloadSamples, downloadFromURL):
        setattr(module, it.__name__, it)
    module.__file__ = str(Path(__file__))
    sys.modules["SampleData"] = module
    slicer.modules.sampleDataSources = {}
