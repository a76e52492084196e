"""Stand-ins for some of Slicer's command line modules, and for `slicer.cli` which runs them.

They compute in this process, with SimpleITK, and give what the modules of the same name give.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable

import numpy as np
import SimpleITK as sitk
import slicer


def _threshold(parameters: dict) -> np.ndarray:
    values = _values(parameters["InputVolume"])
    kind = parameters.get("ThresholdType", "Outside")
    defaults = {"ThresholdValue": 128, "Lower": 1, "Upper": 200}
    value, lower, upper = (float(parameters.get(name, default)) for name, default in defaults.items())
    outside = {"Below": values < value, "Above": values > value, "Outside": (values < lower) | (values > upper)}[kind]
    if str(parameters.get("Negate", False)).lower() == "true":
        outside = ~outside
    return np.where(outside, values.dtype.type(float(parameters.get("OutsideValue", 0))), values)


def _arithmetic(operation: Callable) -> Callable[[dict], np.ndarray]:
    def compute(parameters: dict) -> np.ndarray:
        first, second = _values(parameters["inputVolume1"]), _values(parameters["inputVolume2"])
        return operation(first, second).astype(first.dtype)

    return compute


def _gaussian_blur(parameters: dict) -> np.ndarray:
    node = _node(parameters["inputVolume"])
    image = sitk.GetImageFromArray(_values(parameters["inputVolume"]))
    image.SetSpacing(node.GetSpacing())
    blurred = sitk.SmoothingRecursiveGaussian(image, float(parameters.get("sigma", 1.0)))
    return sitk.GetArrayFromImage(blurred).astype(_values(parameters["inputVolume"]).dtype)


#: Name of a module -> its parameters for input and output, and what makes the voxels of one from those of the other.
_MODULES = {
    "ThresholdScalarVolume": ("InputVolume", "OutputVolume", _threshold),
    "AddScalarVolumes": ("inputVolume1", "outputVolume", _arithmetic(np.add)),
    "SubtractScalarVolumes": ("inputVolume1", "outputVolume", _arithmetic(np.subtract)),
    "MultiplyScalarVolumes": ("inputVolume1", "outputVolume", _arithmetic(np.multiply)),
    "GaussianBlurImageFilter": ("inputVolume", "outputVolume", _gaussian_blur),
}


def _node(node_id: str):
    node = slicer.mrmlScene.GetNodeByID(node_id)
    if node is None:
        raise ValueError(f"There is no node with the ID '{node_id}'")
    return node


def _values(node_id: str) -> np.ndarray:
    return slicer.util.arrayFromVolume(_node(node_id))


class _ParameterNode(slicer.vtkMRMLCommandLineModuleNode):
    """The parameters of one run. The real node takes only those of its module's description, which is not there."""

    def __init__(self):
        self.parameters: dict[str, object] = {}

    def SetParameterAsString(self, name, value):
        self.parameters[name] = value
        return True

    SetParameterAsBool = SetParameterAsInt = SetParameterAsDouble = SetParameterAsFloat = SetParameterAsString

    def SetParameterAsNode(self, name, node):
        return self.SetParameterAsString(name, node.GetID() if node is not None else "")

    def GetParameterAsString(self, name):
        return str(self.parameters.get(name, ""))


class _Logic:
    """Runs a module."""

    def __init__(self, name: str):
        self._name = name

    def CreateNodeInScene(self):
        """A node for the parameters, in the scene."""
        node = _ParameterNode()
        node.SetName(slicer.mrmlScene.GenerateUniqueName(self._name))
        slicer.mrmlScene.AddNode(node)
        return node

    CreateNode = CreateNodeInScene

    def SetDeleteTemporaryFiles(self, delete):
        """There are none."""

    def ApplyAndWait(self, node, update_display=True):
        """Run the module; its errors stay in the status of the node, as in Slicer."""
        source, target, compute = _MODULES[self._name]
        node.SetStatus(node.Running)
        try:
            values = compute(node.parameters)
            given, made = _node(node.parameters[source]), _node(node.parameters[target])
            slicer.util.updateVolumeFromArray(made, values)
        except (KeyError, ValueError) as error:
            node.SetAttribute("StandInError", f"{self._name}: {error}")
            node.SetStatus(node.CompletedWithErrors)
            return
        made.CopyOrientation(given)
        made.CreateDefaultDisplayNodes()
        if update_display:
            selection = slicer.app.applicationLogic().GetSelectionNode()
            selection.SetActiveVolumeID(made.GetID())
            slicer.app.applicationLogic().PropagateVolumeSelection(0)
        node.SetStatus(node.Completed)

    Apply = ApplyAndWait


class _CommandLineModule:
    """A record such as `slicer.modules.thresholdscalarvolume`."""

    def __init__(self, name: str):
        self.name = self.title = name
        self._logic = _Logic(name)

    def logic(self):
        """What runs the module."""
        return self._logic

    cliModuleLogic = logic


def run(
    module, node=None, parameters=None, wait_for_completion=False, delete_temporary_files=True, update_display=True
):  # fmt: skip
    """Run a module, here always to its end, and return its node."""
    if node is None:
        node = createNode(module)
    setNodeParameters(node, parameters)
    module.logic().ApplyAndWait(node, update_display)
    return node


def runSync(module, node=None, parameters=None, delete_temporary_files=True, update_display=True):
    """Run a module and return its node."""
    return run(module, node, parameters, True, delete_temporary_files, update_display)


def createNode(module, parameters=None):
    """A node for the parameters of a module, in the scene."""
    node = module.logic().CreateNodeInScene()
    setNodeParameters(node, parameters)
    return node


def setNodeParameters(node, parameters) -> None:
    """Fill in parameters; a node stands for its ID."""
    for name, value in (parameters or {}).items():
        if isinstance(value, slicer.vtkMRMLNode):
            node.SetParameterAsNode(name, value)
        else:
            node.SetParameterAsString(name, value)


def install() -> None:
    """Make the modules and `slicer.cli` available."""
    for name in _MODULES:
        setattr(slicer.modules, name.lower(), _CommandLineModule(name))
    module = types.ModuleType("slicer.cli", "Stand-in for Slicer's `slicer.cli`.")
    for function in (run, runSync, createNode, setNodeParameters):
        setattr(module, function.__name__, function)
    sys.modules["slicer.cli"] = slicer.cli = module
