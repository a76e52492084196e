"""Stand-in for the list that the module `SampleData` keeps of what modules offer."""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass
from pathlib import Path

import slicer


@dataclass
class SampleDataSource:
    """One entry; texts are lists with one item, as in Slicer."""

    category: str
    sampleName: str
    sampleDescription: str
    uris: list
    fileNames: list
    nodeNames: list
    customDownloader: object
    thumbnailFileName: str


class SampleDataLogic:
    """Registers and gets entries."""

    categories: dict[str, str] = {}
    sources: dict[str, SampleDataSource] = {}

    @staticmethod
    def registerCustomSampleDataCategory(name, title):
        """A heading of the module's panel."""
        SampleDataLogic.categories[name] = title

    @staticmethod
    def registerCustomSampleDataSource(
        *, category, sampleName, sampleDescription, uris, fileNames, nodeNames, customDownloader, thumbnailFileName
    ):
        """Add an entry; its picture must exist."""
        if not Path(thumbnailFileName).is_file():
            raise ValueError(f"{thumbnailFileName} does not exist")
        SampleDataLogic.sources[sampleName] = SampleDataSource(
            category, sampleName, sampleDescription, [uris], [fileNames], [nodeNames], customDownloader,
            thumbnailFileName,
        )  # fmt: skip

    def downloadSample(self, sampleName):
        """Get an entry and return what was added to the scene."""
        source = self.sources[sampleName]
        before = {slicer.mrmlScene.GetNthNode(n).GetID() for n in range(slicer.mrmlScene.GetNumberOfNodes())}
        source.customDownloader(source)
        nodes = [slicer.mrmlScene.GetNthNode(n) for n in range(slicer.mrmlScene.GetNumberOfNodes())]
        return [node for node in nodes if node.GetID() not in before]


def install() -> None:
    """Make `SampleData` importable."""
    module = types.ModuleType("SampleData", "Stand-in for Slicer's module `SampleData`.")
    module.SampleDataLogic, module.SampleDataSource = SampleDataLogic, SampleDataSource
    sys.modules["SampleData"] = module
