"""Scripted module: quantitative susceptibility mapping from gradient-echo magnitude and phase."""

import enum
import logging
import os
from typing import Annotated

import numpy as np
import slicer
import vtk
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode, vtkMRMLSequenceNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import *
from slicer.util import VTKObservationMixin


class QSMReconstruction(ScriptedLoadableModule):
    """What the application shows about the module."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("QSM Reconstruction")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Quantification")]
        self.parent.dependencies = ["Segmentations", "Sequences", "Volumes"]
        self.parent.contributors = ["QSM for Slicer developers"]
        self.parent.helpText = _(
            "Computes a map of magnetic susceptibility in ppm (quantitative susceptibility mapping, QSM) and of R2* "
            "from the magnitude and phase of a gradient-echo MRI scan. Susceptibility is relative to the reference "
            "named with each result, so negative values are normal."
        )
        self.parent.acknowledgementText = _(
            "The methods are implemented after the publications named in their documentation. Please cite those of "
            "the methods that you use, and 3D Slicer (https://www.slicer.org)."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData():
    """Offer a simulated scan in the Sample Data module. It is computed when asked for, without a network."""
    import SampleData

    category = "QSM"
    if hasattr(SampleData.SampleDataLogic, "registerCustomSampleDataCategory"):  # since Slicer 5.12
        category = "QuantitativeSusceptibilityMapping"
        SampleData.SampleDataLogic.registerCustomSampleDataCategory(category, _("Quantitative Susceptibility Mapping"))
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category=category,
        sampleName="QSMHeadPhantom",
        sampleDescription=_("QSM head phantom"),
        thumbnailFileName=os.path.join(os.path.dirname(__file__), "Resources", "Icons", "QSMHeadPhantom.png"),
        uris="simulated on this computer",
        fileNames=None,
        nodeNames="QSM head phantom",
        customDownloader=lambda source: addHeadPhantom(source.nodeNames[0]),
    )


def addHeadPhantom(name="QSM head phantom"):
    """Simulate a scan of a head at 3 T, 2 mm and five echoes, in a few seconds, and add it to the scene.

    Returns
    -------
    magnitude, phase : vtkMRMLSequenceNode
        Indexed by echo time.
    """
    from QSMReconstructionCore import head_phantom
    from QSMReconstructionLib.scans import add_scan

    phantom = head_phantom(shape=(90, 108, 90), spacing=(2.0, 2.0, 2.0))
    return add_scan(phantom.acquisition, name)


class QSMReconstructionFileReader:
    """Opens the echoes of magnitude or of phase, in one four-dimensional NIfTI file with a sidecar, as a sequence."""

    def __init__(self, parent):
        self.parent = parent

    def description(self):
        return _("Multi-echo gradient echo")

    def fileType(self):
        return "MultiEchoGradientEchoFile"

    def extensions(self):
        return [_("Multi-echo gradient echo with sidecar") + " (*.nii *.nii.gz)"]

    def canLoadFileConfidence(self, filePath):
        from QSMReconstructionCore.io.echo_file import is_echo_file

        return 0.8 if is_echo_file(filePath) else 0.0  # other readers of NIfTI claim 0.5 to 0.6

    def load(self, properties):
        from QSMReconstructionLib.scans import add_echo_file

        try:
            sequence = add_echo_file(properties["fileName"])
        except ValueError as reason:
            self.parent.userMessages().AddMessage(vtk.vtkCommand.ErrorEvent, str(reason))
            return False
        self.parent.loadedNodes = [sequence.GetID()]
        return True


class ReconstructionPreset(enum.Enum):
    """Which recipe to use. Scenes store the names of the members; the values name the recipes of the core."""

    DEFAULT = "default"
    CONSENSUS = "consensus"
    PREVIEW = "preview"
    CLINICAL_SINGLE_ECHO = "clinical_single_echo"
    HIGH_CONTRAST = "high_contrast"

    def label(self):
        labels = {
            "default": _("Default (for measurements)"),
            "consensus": _("Consensus of 2024"),
            "preview": _("Preview (in seconds)"),
            "clinical_single_echo": _("Single echo"),
            "high_contrast": _("Strong sources"),
        }
        return labels[self.value]


@parameterNodeWrapper
class QSMReconstructionParameterNode:
    """What the panel remembers in the scene: the echo time of a single echo in ms and B0 in T, 0 where not known."""

    magnitude: vtkMRMLScalarVolumeNode | vtkMRMLSequenceNode | None
    phase: vtkMRMLScalarVolumeNode | vtkMRMLSequenceNode | None
    mask: vtkMRMLSegmentationNode
    echoTime: Annotated[float, WithinRange(0, 250)] = 0.0
    fieldStrength: Annotated[float, WithinRange(0, 25)] = 0.0
    preset: ReconstructionPreset = ReconstructionPreset.DEFAULT


class QSMReconstructionWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: inputs, Apply and Cancel, progress, result."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = QSMReconstructionLogic()
        self._parameterNode = self._guiTag = None
        self._running = self._cancelRequested = False

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/QSMReconstruction.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.ui.applyButton.connect("clicked(bool)", self.onApplyButton)
        self.ui.cancelButton.connect("clicked(bool)", self.onCancelButton)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self._setRunning(False)
        self.enter()

    def cleanup(self):
        self.onSceneStartClose()
        self.removeObservers()

    def enter(self):
        self.setParameterNode(self.logic.getParameterNode())

    def onSceneStartClose(self, caller=None, event=None):
        self.onCancelButton()
        self.setParameterNode(None)

    def onSceneEndClose(self, caller=None, event=None):
        self.ui.messageLabel.text = ""
        if self.parent.isEntered:
            self.enter()

    def setParameterNode(self, parameterNode):
        """Connect the panel to a parameter node, or to none."""
        modified = vtk.vtkCommand.ModifiedEvent
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._guiTag)
            self.removeObserver(self._parameterNode.parameterNode, modified, self.onParametersModified)
        self._parameterNode = parameterNode
        if self._parameterNode:
            self._guiTag = self._parameterNode.connectGui(self.ui)
            self.addObserver(self._parameterNode.parameterNode, modified, self.onParametersModified)
            self.onParametersModified()

    def onParametersModified(self, caller=None, event=None):
        """Offer only what the chosen input needs, and say what is missing."""
        from QSMReconstructionCore.recipe import PRESETS
        from QSMReconstructionLib.echoes import missing_input

        parameters = self._parameterNode
        isSequence = bool(parameters.magnitude) and parameters.magnitude.IsA("vtkMRMLSequenceNode")
        self.ui.echoTimeSpinBox.enabled = not isSequence
        self.ui.echoTimeSpinBox.specialValueText = _("from the sequence") if isSequence else _("not set")
        self.ui.presetComboBox.toolTip = PRESETS[parameters.preset.value].purpose
        missing = missing_input(parameters)
        self.ui.applyButton.enabled = not missing and not self._running
        self.ui.applyButton.toolTip = missing or _("Compute the susceptibility map and add it to the scene")

    def onApplyButton(self):
        """Run the reconstruction; the panel stays alive, with inputs locked, until it ends or is cancelled."""
        from QSMReconstructionCore import Cancelled

        if self._running:
            return
        self._setRunning(True)
        try:
            with slicer.util.tryWithErrorDisplay(_("The reconstruction failed.")):
                try:
                    nodes = self.logic.reconstructFromParameters(self._parameterNode, progress=self.onProgress)
                except Cancelled:
                    self.ui.messageLabel.text = _("Cancelled. The scene is as it was.")
                except ValueError as error:  # a sentence for the user about the data
                    self.ui.messageLabel.text = _("Cannot reconstruct: {reason}").format(reason=error)
                else:
                    self.ui.messageLabel.text = nodes.summary()
                    slicer.app.applicationLogic().GetSelectionNode().SetActiveVolumeID(nodes.susceptibility.GetID())
                    slicer.app.applicationLogic().PropagateVolumeSelection()
        finally:
            self._setRunning(False)

    def onCancelButton(self):
        self._cancelRequested = True

    def onProgress(self, fraction, message):
        """Show the progress and let the user act; raise `Cancelled` if asked to."""
        from QSMReconstructionCore import Cancelled

        self.ui.progressBar.value = round(100 * fraction)
        self.ui.messageLabel.text = message
        slicer.app.processEvents()
        if self._cancelRequested:
            raise Cancelled

    def _setRunning(self, running):
        self._running, self._cancelRequested = running, False
        self.ui.inputsCollapsibleButton.enabled = not running
        self.ui.methodCollapsibleButton.enabled = not running
        self.ui.cancelButton.enabled = running
        self.ui.progressBar.visible = running
        self.ui.progressBar.value = 0
        if self._parameterNode:
            self.onParametersModified()


class QSMReconstructionLogic(ScriptedLoadableModuleLogic):
    """Reconstruction of nodes of the scene, from the Python console or the panel."""

    def getParameterNode(self):
        return QSMReconstructionParameterNode(super().getParameterNode())

    def reconstructFromParameters(self, parameters, progress=None):
        """`reconstruct` with what the panel has set."""
        return self.reconstruct(
            parameters.magnitude,
            parameters.phase,
            fieldStrength=parameters.fieldStrength,
            echoTimes=None if parameters.magnitude.IsA("vtkMRMLSequenceNode") else [parameters.echoTime / 1000],
            mask=parameters.mask,
            recipe=parameters.preset.value,
            progress=progress,
        )

    def reconstruct(
        self, magnitude, phase, *, fieldStrength=None, echoTimes=None, mask=None, recipe="default", progress=None
    ):
        """Compute a susceptibility map and add it, with its intermediate maps, to the scene.

        Parameters
        ----------
        magnitude, phase : vtkMRMLSequenceNode, vtkMRMLScalarVolumeNode or list of the latter
            Indexed by echo time in ms or s; a single echo; one volume per echo. Phase in rad.
        fieldStrength : float, optional
            B0 in T. Needed unless the nodes carry it, as those do that were loaded from DICOM.
        echoTimes : list of float, optional
            In s, one per echo. Needed for volumes; for sequences it replaces the index values.
        mask : vtkMRMLSegmentationNode or vtkMRMLLabelMapVolumeNode, optional
            Brain mask to use instead of the recipe's.
        recipe : str, dict or Recipe
            Name of a preset, stages as in the recipe's JSON, or a recipe.
        progress : callable, optional
            Called with the fraction done and a message; may raise `Cancelled`.

        Returns
        -------
        ReconstructionNodes

        Raises
        ------
        ValueError, Cancelled
            If the data cannot be processed, or `progress` cancelled. The scene is then as it was.
        """
        from QSMReconstructionCore import Recipe, reconstruct
        from QSMReconstructionCore.progress import no_progress
        from QSMReconstructionLib.echoes import scan_from_nodes
        from QSMReconstructionLib.maps import add_to_scene
        from QSMReconstructionLib.masks import mask_from_node

        recipe = Recipe(recipe) if isinstance(recipe, dict) else recipe
        scan = scan_from_nodes(magnitude, phase, field_strength=fieldStrength, echo_times=echoTimes)
        brain = None if mask is None else mask_from_node(mask, scan.first_echo)
        reconstruction = reconstruct(scan.acquisition, recipe, progress or no_progress, mask=brain)
        logging.info(f"QSM reconstruction of '{scan.name}' took {sum(reconstruction.seconds.values()):.1f} s")
        return add_to_scene(reconstruction, scan)


class QSMReconstructionTest(ScriptedLoadableModuleTest):
    """Self-test that also runs inside the application."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def test_phantomIsReconstructed(self):
        """A small head phantom in the scene gives back its susceptibility."""
        from QSMReconstructionCore import head_phantom
        from QSMReconstructionLib.echoes import add_sequences

        phantom = head_phantom(shape=(45, 54, 45), spacing=(4.0, 4.0, 4.0))
        magnitude, phase = add_sequences(phantom.acquisition, "Phantom")
        nodes = QSMReconstructionLogic().reconstruct(magnitude, phase, fieldStrength=3.0, recipe="preview")
        found = slicer.util.arrayFromVolume(nodes.susceptibility)
        inside = nodes.reconstruction.mask & phantom.mask
        self.assertGreater(np.corrcoef(found[inside], phantom.susceptibility[inside])[0, 1], 0.5)
        self.assertEqual(nodes.susceptibility.GetVoxelValueUnits().GetCodeValue(), "[ppm]")
