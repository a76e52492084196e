"""A real MRML scene with its application and module logics, as Slicer sets them up at start-up, without Slicer.

`slicer-core` from PyPI holds the libraries; `start` wires them together in the order in which the application does.
"""

from __future__ import annotations

import colorsys
import json
import tempfile
import types
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import slicer
import vtk

#: Module name -> class of its logic, in the order in which Slicer creates them. Logics look each other up by name.
MODULE_LOGICS = {
    "Colors": "vtkSlicerColorLogic",
    "Units": "vtkSlicerUnitsLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Sequences": "vtkSlicerSequencesLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Texts": "vtkSlicerTextsLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Models": "vtkSlicerModelsLogic",
    "VolumeRendering": "vtkSlicerVolumeRenderingLogic",
    "CropVolume": "vtkSlicerCropVolumeLogic",
    "Annotations": "vtkSlicerAnnotationModuleLogic",
    "Cameras": "vtkSlicerCamerasModuleLogic",
    "Data": "vtkSlicerDataModuleLogic",
    "SceneViews": "vtkSlicerSceneViewsModuleLogic",
    "Reformat": "vtkSlicerReformatLogic",
    "ViewControllers": "vtkSlicerViewControllersLogic",
}


class MissingWithoutSlicerError(AttributeError):
    """Slicer has it and the packages have not. The message says what it is."""


class Modules(types.SimpleNamespace):
    """`slicer.modules`."""

    def __getattr__(self, name: str):
        raise MissingWithoutSlicerError(
            f"slicer.modules has no '{name}'. Without Slicer, it has the modules that were loaded, and the logics of "
            f"{', '.join(MODULE_LOGICS)}"
        )


@dataclass(frozen=True)
class LogicModule:
    """One of Slicer's own modules: its name and its logic; there is no panel."""

    name: str
    _logic: object

    def logic(self):
        """The logic."""
        return self._logic

    def __getattr__(self, name: str):
        raise MissingWithoutSlicerError(f"Without Slicer, its module {self.name} has its logic and no '{name}'")


@dataclass(frozen=True, eq=False)
class Session:
    """What `start` has set up.

    Attributes
    ----------
    scene : vtkMRMLScene
        Also `slicer.mrmlScene`.
    application : vtkSlicerApplicationLogic
    logics : dict
        Module name -> module logic; also `slicer.modules.<name in lower case>.logic()`.
    folder : tempfile.TemporaryDirectory
        Temporary and resource files; removed when the process ends.
    input_output : tuple
        The logics that read and write scene bundles, which nothing else keeps alive.
    """

    scene: slicer.vtkMRMLScene
    application: slicer.vtkSlicerApplicationLogic
    logics: dict[str, object]
    folder: tempfile.TemporaryDirectory
    input_output: tuple

    def clear(self) -> None:
        """Remove all nodes from the scene but those that Slicer itself keeps when a scene is closed."""
        self.scene.Clear(False)


@cache
def start() -> Session:
    """Set up the scene of this process. A process has one, as Slicer has: further calls return the same."""
    folder = tempfile.TemporaryDirectory(prefix="slicer-", ignore_cleanup_errors=True)
    home = Path(folder.name)
    _write_resources(home)

    scene = slicer.vtkMRMLScene()
    slicer.mrmlScene = scene
    application = slicer.vtkSlicerApplicationLogic()
    application.SetHomeDirectory(str(home))
    application.SetShareDirectory("share")
    application.SetTemporaryPath(str(home))
    application.SetMRMLScene(scene)
    application.SetSliceLogics(vtk.vtkCollection())
    application.SetViewLogics(vtk.vtkCollection())

    logics = {}
    for name, class_name in MODULE_LOGICS.items():
        logic = getattr(slicer, class_name)()
        if hasattr(logic, "SetModuleShareDirectory"):
            logic.SetModuleShareDirectory(str(home / "share" / name))  # read as soon as the application logic is set
        logic.SetMRMLApplicationLogic(application)
        application.SetModuleLogic(name, logic)
        logic.SetMRMLScene(scene)
        logics[name] = logic
        if name == "Colors":
            application.SetColorLogic(logic)
            logic.AddDefaultColorNodes()
    slicer.modules = Modules(**{name.lower(): LogicModule(name, logic) for name, logic in logics.items()})
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    return Session(scene, application, logics, folder, _connect_input_output(application, scene, home / "cache"))


def _connect_input_output(application, scene, cache_folder: Path) -> tuple:
    """Without the remote input and output logics, scene bundles (.mrb) can be written but not read."""
    cache_folder.mkdir()
    remote = slicer.vtkMRMLRemoteIOLogic()
    remote.SetMRMLApplicationLogic(application)
    remote.GetCacheManager().CreateSentinelFileInDirectory(str(cache_folder))
    remote.GetCacheManager().SetRemoteCacheDirectory(str(cache_folder))
    manager = slicer.vtkDataIOManagerLogic()
    manager.SetMRMLApplicationLogic(application)
    manager.SetAndObserveDataIOManager(remote.GetDataIOManager())
    application.SetMRMLSceneDataIO(scene, remote, manager)
    return remote, manager


def _write_resources(home: Path) -> None:
    """Resource files that the libraries complain about when missing, with as little in them as will do.

    The application installs Slicer's color tables, terminologies and presets here; `slicer-core` does not bring them.
    """
    for folder in ("ColorFiles", "Terminologies", "Volumes"):
        (home / "share" / folder).mkdir(parents=True)
    rows = [f"{label} label-{label} {' '.join(map(str, _distinct_color(label)))} 255\n" for label in range(1, 256)]
    colors = "0 background 0 0 0 0\n" + "".join(rows)
    (home / "share" / "ColorFiles" / "GenericColors.txt").write_text(colors, encoding="utf-8")
    schemas = "https://raw.githubusercontent.com/qiicr/dcmqi/master/doc/schemas"
    segment = {"@schema": f"{schemas}/segment-context-schema.json#", "SegmentationCodes": {"Category": []}}
    region = {"@schema": f"{schemas}/anatomic-context-schema.json#", "AnatomicCodes": {"AnatomicRegion": []}}
    for name, content in (
        ("SegmentationCategoryTypeModifier-SlicerGeneralAnatomy", segment),
        ("SegmentationCategoryTypeModifier-DICOM-Master", segment),
        ("AnatomicRegionAndModifier-DICOM-Master", region),
    ):
        named = {**content, "SegmentationCategoryTypeContextName": name, "AnatomicContextName": name}
        (home / "share" / "Terminologies" / f"{name}.term.json").write_text(json.dumps(named), encoding="utf-8")


def _distinct_color(number: int) -> tuple[int, int, int]:
    """A color for label images: neighbors in number are far apart in hue, by the golden ratio."""
    return tuple(round(255 * part) for part in colorsys.hsv_to_rgb(0.618034 * number % 1, 0.6, 0.95))
