"""Stand-in for the reading and writing of files by `slicer.util`: the real storage nodes, chosen by type of file."""

from __future__ import annotations

from pathlib import Path

import slicer
import vtk
from PySide6.QtCore import QObject

from . import file_readers

#: Type of file -> class of the node that is read, and names of files end with one of these.
_KINDS = {
    "SceneFile": (None, (".mrml", ".mrb")),
    "SegmentationFile": ("vtkMRMLSegmentationNode", (".seg.nrrd", ".seg.nhdr")),
    "SequenceFile": ("vtkMRMLSequenceNode", (".seq.nrrd", ".seq.nhdr", ".seq.mrb")),
    "VolumeFile": ("vtkMRMLScalarVolumeNode", (".nrrd", ".nhdr", ".nii.gz", ".nii", ".mha", ".mhd", ".tif", ".png")),
    "ModelFile": ("vtkMRMLModelNode", (".vtk", ".vtp", ".stl", ".ply", ".obj")),
    "MarkupsFile": (None, (".mrk.json", ".fcsv")),
    "TransformFile": ("vtkMRMLLinearTransformNode", (".tfm", ".h5", ".mat")),
    "TableFile": ("vtkMRMLTableNode", (".tsv", ".csv")),
    "ColorTableFile": ("vtkMRMLColorTableNode", (".ctbl",)),
    "TextFile": ("vtkMRMLTextNode", (".txt", ".json", ".xml")),
}


class qSlicerCoreIOManager(QObject):
    """Reads and writes files."""

    cpp_signals: dict[str, str] = {}

    def fileType(self, path: str) -> str:
        """The type of a file, from what scripted readers say and from its name."""
        reader = file_readers.best_reader(str(path))
        if reader:
            return reader.fileType()
        return next((kind for kind, (_, endings) in _KINDS.items() if str(path).lower().endswith(endings)), "NoFile")

    def fileWriterFileType(self, node, preferred: str = "") -> str:
        """The type of file a node is written to."""
        return next(
            (kind for kind, (name, _) in _KINDS.items() if name and node.IsA(name.replace("Scalar", ""))), "NodeFile"
        )

    def loadNodes(self, kind: str, properties: dict, loaded=None, messages=None) -> bool:
        """Read a file into the scene."""
        path = str(properties["fileName"])
        reader = file_readers.reader_of_type(kind)
        if reader:
            nodes = reader.load(path) and [slicer.mrmlScene.GetNodeByID(node_id) for node_id in reader.loadedNodes]
        elif kind not in _KINDS:
            nodes = _say(messages, f"The stand-in has no reader for files of type '{kind}' ({path})")
        elif not Path(path).is_file():
            nodes = _say(messages, f"{path} is no file")
        else:
            nodes = _read(kind, path, properties)
        if not nodes:
            return False
        for node in nodes:
            if properties.get("name"):
                node.SetName(properties["name"])
            if loaded is not None:
                loaded.AddItem(node)
        return True

    def saveNodes(self, kind: str, properties: dict, messages=None) -> bool:
        """Write a node, or the scene, to a file."""
        path = str(properties["fileName"])
        scene = slicer.mrmlScene
        if kind == "SceneFile":
            if path.endswith(".mrb"):
                return bool(scene.WriteToMRB(path))
            scene.SetURL(path)
            return bool(scene.Commit(path))
        node = scene.GetNodeByID(properties["nodeID"])
        node.AddDefaultStorageNode(path)
        storage = node.GetStorageNode()
        if storage is None:
            return bool(_say(messages, f"A node of class {node.GetClassName()} cannot be written to a file"))
        storage.SetFileName(path)
        storage.SetUseCompression(int(properties.get("useCompression", storage.GetUseCompression())))
        return bool(storage.WriteData(node))


    def extractKnownExtension(self, path: str, node=None) -> str:
        """The ending of a file name that a node can be written to, or nothing."""
        endings = map(slicer.vtkDataFileFormatHelper.GetFileExtensionFromFormatString, self.fileWriterExtensions(node))
        return max((ending for ending in endings if str(path).lower().endswith(ending)), key=len, default="")

    def fileWriterExtensions(self, node) -> list[str]:
        """The formats that a node can be written in."""
        formats = node.CreateDefaultStorageNode().GetSupportedWriteFileTypes()
        if formats.GetNumberOfValues():
            return [formats.GetValue(index) for index in range(formats.GetNumberOfValues())]
        _, endings = _KINDS.get(self.fileWriterFileType(node), (None, ()))  # the formats of volumes come from ITK
        return [f"File ({ending})" for ending in endings]

    def exportNodes(self, nodeIDs, fileNames, properties, hardenTransforms, messages=None) -> bool:
        """Write nodes to files and leave their own files as they are."""
        if hardenTransforms:
            return bool(_say(messages, "The stand-in exports nodes in their own coordinates only"))
        written = []
        for node, path in zip(map(slicer.mrmlScene.GetNodeByID, nodeIDs), fileNames, strict=True):
            storage = node.CreateDefaultStorageNode()
            storage.SetScene(slicer.mrmlScene)
            storage.SetFileName(str(path))
            written.append(storage.WriteData(node))
        return all(written)


def _say(messages, text: str) -> list:
    if messages is not None:
        messages.AddMessage(vtk.vtkCommand.ErrorEvent, text)
    return []


def _read(kind: str, path: str, properties: dict) -> list:
    name = properties.get("name") or Path(path).name.partition(".")[0]
    scene = slicer.mrmlScene
    if kind == "SceneFile":
        before = scene.GetNumberOfNodes()
        scene.SetURL(path)
        read = scene.ReadFromMRB(path, properties.get("clear", False)) if path.endswith(".mrb") else scene.Import()
        return [scene.GetNthNode(n) for n in range(before, scene.GetNumberOfNodes())] if read else []
    if kind == "VolumeFile":
        options = 1 if properties.get("labelmap") else 0
        volume = slicer.modules.volumes.logic().AddArchetypeVolume(path, name, options)
        return [volume] if volume else []
    if kind == "MarkupsFile":
        node = scene.GetNodeByID(slicer.modules.markups.logic().LoadMarkups(path, name) or "")
        return [node] if node else []
    node = scene.AddNewNodeByClass(_KINDS[kind][0], name)
    node.AddDefaultStorageNode(path)
    node.GetStorageNode().SetFileName(path)
    if not node.GetStorageNode().ReadData(node):
        scene.RemoveNode(node)
        return []
    if hasattr(node, "CreateDefaultDisplayNodes"):
        node.CreateDefaultDisplayNodes()
    return [node]
