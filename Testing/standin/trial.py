"""Tries a module that the stand-in was not written for, the way a user would use it, and says how far it came."""

from __future__ import annotations

import contextlib
import re
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import slicer

import standin
from headless.scene import MissingWithoutSlicerError

from .limits import NotStoodIn


@dataclass(frozen=True)
class Outcome:
    """What came of one step.

    Attributes
    ----------
    step : str
    verdict : {"passed", "limit", "failed", "nothing to do"}
        "limit": it stopped at something that Slicer has and the stand-in has not.
    reason : str
        One sentence, empty for "passed".
    """

    step: str
    verdict: str
    reason: str = ""


#: What says that Slicer has something that is not here. A module that catches it and fails of it stops there, too.
_LIMITS = (NotStoodIn, MissingWithoutSlicerError, ModuleNotFoundError)

#: Packages of Slicer of which there are parts.
_PARTLY = ("DICOMLib", "SampleData")


class _NothingToDo(Exception):
    """The module has nothing that a step could try."""


def find_modules(tree) -> list[Path]:
    """Scripted modules of a Slicer source tree: its template first, then `Modules/Scripted` by name.

    Parameters
    ----------
    tree : path-like
        The root of the tree.

    Returns
    -------
    list of Path
    """
    tree = Path(tree)
    template = tree / "Utilities" / "Templates" / "Modules" / "Scripted" / "TemplateKey.py"
    found = [path for path in sorted(tree.glob("Modules/Scripted/*/*.py")) if _is_module(path)]
    return [template, *found] if template.is_file() else found


def _is_module(path: Path) -> bool:
    declaration = rf"^class {re.escape(path.stem)}\b.*:\s*$"
    return bool(re.search(declaration, path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE))


def try_module(path) -> list[Outcome]:
    """Load a module, show its panel, fill it in and apply, leave and enter it, close the scene, reload, test, close.

    Parameters
    ----------
    path : path-like
        The module file. One process tries one module.

    Returns
    -------
    list of Outcome
        One for each step, up to the first that cannot be done without the one before.
    """
    name = Path(path).stem
    standin.install()
    application = standin.start_application()

    def panel():
        return getattr(slicer.modules, f"{name}Widget")

    def load():
        standin.load_module(path)
        application.startupCompleted.emit()

    def show():
        if not hasattr(standin.loaded(name), f"{name}Widget"):
            raise _NothingToDo("the module has no panel")
        add_example_nodes()
        standin.create_widget(name).parent.show()

    def apply():
        choose_nodes(panel())
        press_apply(panel())

    def self_test():
        if not isinstance(getattr(standin.loaded(name), f"{name}Test", None), type):
            raise _NothingToDo("the module has no self-test")
        getattr(slicer.modules, f"{name}Instance").runTest()

    steps: dict[str, Callable[[], object]] = {
        "load": load,
        "show": show,
        "apply": apply,
        "leave and enter": lambda: (panel().parent.exit(), panel().parent.enter()),
        "close scene": lambda: slicer.mrmlScene.Clear(False),
        "reload": lambda: panel().onReload(),
        "self-test": self_test,
        "close": lambda: standin.close_widget(panel()),
    }
    outcomes = []
    for step, act in steps.items():
        outcomes.append(_try(step, act))
        if step in ("load", "show") and outcomes[-1].verdict not in ("passed", "nothing to do"):
            break
        if step == "show" and outcomes[-1].verdict == "nothing to do":
            outcomes.append(_try("self-test", self_test))
            break
    return outcomes


def _try(step: str, act: Callable[[], object]) -> Outcome:
    with _downloads_watched() as unreachable:
        return _outcome(step, act, unreachable)


def _outcome(step: str, act: Callable[[], object], unreachable: list[str]) -> Outcome:
    from .application import escaped_exceptions

    escaped_exceptions.clear()
    try:
        act()
        slicer.app.processEvents()
        if escaped_exceptions:
            raise escaped_exceptions[0]
    except _NothingToDo as nothing:
        return Outcome(step, "nothing to do", str(nothing))
    except Exception as error:
        if limit := next((sentence for cause in _causes(error) if (sentence := _limit(cause))), ""):
            return Outcome(step, "limit", limit)
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        if unreachable:
            return Outcome(step, "limit", f"{unreachable[-1]}; then {reason}")
        return Outcome(step, "failed", reason)
    return Outcome(step, "passed")


def _limit(error: BaseException) -> str:
    """What an exception says that Slicer has and the stand-in has not, or nothing."""
    if isinstance(error, ImportError) and error.name in _PARTLY:
        missing = getattr(error, "name_from", None) or str(error)  # Python 3.12 tells it apart
        return f"The stand-in of {error.name} has no '{missing}'"
    return str(error) if isinstance(error, _LIMITS) else ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and those that it was raised from or while handling."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@contextlib.contextmanager
def _downloads_watched() -> Iterator[list[str]]:
    """A list to which each address that cannot be reached is added, until the end of the `with` block."""
    unreachable: list[str] = []
    native = urllib.request.OpenerDirector.open

    def watched(self, address, *arguments, **options):
        try:
            return native(self, address, *arguments, **options)
        except OSError as error:
            unreachable.append(f"{getattr(address, 'full_url', address)} cannot be reached from here ({error})")
            raise

    urllib.request.OpenerDirector.open = watched
    try:
        yield unreachable
    finally:
        urllib.request.OpenerDirector.open = native


def add_example_nodes() -> None:
    """One small node of each kind that modules ask for: volumes, a segmentation, a sequence, a table, curves."""
    scene, random = slicer.mrmlScene, np.random.default_rng(1)
    shape = (8, 9, 10)
    volume = slicer.util.addVolumeFromArray(random.normal(100, 20, shape).astype(np.float32), name="Volume")
    slicer.util.addVolumeFromArray(
        random.integers(0, 255, (*shape, 3), np.uint8), name="Colors", nodeClassName="vtkMRMLVectorVolumeNode"
    )
    labels = np.zeros(shape, np.int16)
    labels[2:6, 2:6, 2:6] = 1
    label_map = slicer.util.addVolumeFromArray(labels, name="Labels", nodeClassName="vtkMRMLLabelMapVolumeNode")
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Segmentation")
    segmentation.CreateDefaultDisplayNodes()
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(label_map, segmentation)
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "Sequence")
    for time in ("1", "2"):
        sequence.SetDataNodeAtValue(volume, time)
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "Browser")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    slicer.modules.sequences.logic().UpdateAllProxyNodes()
    crop = scene.AddNewNodeByClass("vtkMRMLCropVolumeParametersNode", "Crop")
    region = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Region")
    crop.SetInputVolumeNodeID(volume.GetID())
    crop.SetROINodeID(region.GetID())
    crop.SetVoxelBased(True)
    slicer.modules.cropvolume.logic().FitROIToInputVolume(crop)
    for class_name, name in (("vtkMRMLMarkupsLineNode", "Line"), ("vtkMRMLMarkupsCurveNode", "Curve")):
        markups = scene.AddNewNodeByClass(class_name, name)
        slicer.util.updateMarkupsControlPointsFromArray(markups, np.array([[1.0, 1, 1], [6, 6, 6]]))


def choose_nodes(panel) -> None:
    """Choose a node in every empty selector of a panel: a new one where the selector makes them, else one offered."""
    for selector in panel.parent.findChildren(slicer.qMRMLNodeComboBox):
        if selector.currentNode() is None and selector.mrmlScene() is not None and selector.isVisibleTo(panel.parent):
            if selector.addEnabled and selector.noneEnabled:
                selector.addNode()
            elif selector.nodeCount():
                selector.setCurrentNode(selector.nodeFromIndex(0))


def press_apply(panel) -> None:
    """Press the button that starts the work of a module, known by its name or its text."""
    import qt

    buttons = [
        button
        for button in panel.parent.findChildren(qt.QPushButton)
        if button.name == "applyButton" or button.text == "Apply" or getattr(panel, "applyButton", None) is button
    ]
    if not buttons:
        raise _NothingToDo("the panel has no button to apply")
    if not buttons[0].enabled:
        raise _NothingToDo(f"the button '{buttons[0].text}' stays disabled: {buttons[0].toolTip}")
    buttons[0].click()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what modules print and log off standard output."""
    import os
    import sys

    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
