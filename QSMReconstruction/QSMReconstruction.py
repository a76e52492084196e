"""Scripted module: quantitative susceptibility mapping from gradient-echo magnitude and phase."""

import logging
import os
from dataclasses import replace
from typing import Annotated, Union

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
    from QSMReconstructionLib.sample_data import register

    register(os.path.join(os.path.dirname(__file__), "Resources", "Icons", "QSMHeadPhantom.png"))


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


@parameterNodeWrapper
class QSMReconstructionParameterNode:
    """What the panel remembers in the scene. All names and texts here are a file format.

    echoTimes: entered echo times in ms, separated by spaces; empty for those of the scan.
    fieldStrength: in T; 0 for that of the scan.
    preset: name of a recipe of the core. recipe: JSON of what the user has made of it, empty for the preset as it is.
    leftOut: names of the maps that are not added to the scene, separated by spaces.
    outputName: what the names of the outputs begin with; empty for the name of the scan.
    referenceSegment: ID of the segment that is the reference region.
    result, resultMask: the last susceptibility map and its brain mask.
    """

    # Not every version of Slicer's wrapper knows unions in the form `A | B`.
    magnitude: Union[vtkMRMLScalarVolumeNode, vtkMRMLSequenceNode, None]  # noqa: UP007
    phase: Union[vtkMRMLScalarVolumeNode, vtkMRMLSequenceNode, None]  # noqa: UP007
    echoTimes: str
    fieldStrength: Annotated[float, WithinRange(0, 25)] = 0.0
    mask: vtkMRMLSegmentationNode
    preset: str = "default"
    recipe: str
    leftOut: str
    outputName: str
    divergingColors: bool = False
    referenceSegmentation: vtkMRMLSegmentationNode
    referenceSegment: str
    result: vtkMRMLScalarVolumeNode
    resultMask: vtkMRMLSegmentationNode


class QSMReconstructionWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel. Each of its sections is a class of QSMReconstructionLib; here they are wired together."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = QSMReconstructionLogic()
        self._parameterNode = self._guiTag = None

    def setup(self):
        from QSMReconstructionLib.job_queue import JobQueue
        from QSMReconstructionLib.mask_section import MaskSection
        from QSMReconstructionLib.outputs_section import OutputsSection
        from QSMReconstructionLib.preview_section import PreviewSection
        from QSMReconstructionLib.quality_section import QualitySection
        from QSMReconstructionLib.recipe_section import RecipeSection
        from QSMReconstructionLib.run_section import RunSection
        from QSMReconstructionLib.study_section import StudySection
        from QSMReconstructionLib.tab_order import follow_layout

        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/QSMReconstruction.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.run, self.quality = RunSection(self.ui), QualitySection(self.ui)
        self.study, self.mask = StudySection(self.ui), MaskSection(self.ui)
        self.recipe, self.outputs = RecipeSection(self.ui), OutputsSection(self.ui)
        self.preview = PreviewSection(self.ui, self.recipe.change)
        self.jobs = JobQueue(self.onJobChanged)
        self.ui.applyButton.connect("clicked(bool)", self.onApplyButton)
        self.ui.cancelButton.connect("clicked(bool)", self.onCancelButton)
        self.ui.rerunButton.connect("clicked(bool)", self.onRerunButton)
        self.ui.referAgainButton.connect("clicked(bool)", self.onReferAgainButton)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.enter()
        follow_layout(uiWidget)

    def cleanup(self):
        self.jobs.close()
        self.study.close()
        self.preview.close()
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self):
        self.setParameterNode(self.logic.getParameterNode())

    def onSceneStartClose(self, caller=None, event=None):
        self.study.cancel_reading()
        self.setParameterNode(None)

    def onSceneEndClose(self, caller=None, event=None):
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
        """Show everything that follows from the parameters."""
        parameters = self._parameterNode
        self.study.show(parameters)
        self.mask.show(parameters, self.study)
        self.recipe.show(parameters, self.study.scan)
        self.preview.show(parameters)
        self.outputs.show(parameters)
        self.quality.show(parameters)
        self.run.show_missing(self.study.missing, len(self.jobs.jobs))

    def onApplyButton(self):
        """Start a reconstruction, or put it in line."""
        with slicer.util.tryWithErrorDisplay(_("The reconstruction could not be started.")):
            try:
                job = self.logic.createJob(self._parameterNode)
            except ValueError as reason:  # a sentence for the user about the data
                self.run.show_message(_("Cannot reconstruct: {reason}").format(reason=reason))
            else:
                self.jobs.add(job)
                self.onJobChanged(job)

    def onCancelButton(self):
        if self.jobs.jobs:
            self.jobs.cancel(self.jobs.jobs[0])

    def onJobChanged(self, job):
        """Show the progress of the jobs, and the result of one that has ended."""
        from QSMReconstructionLib import outcome

        self.run.show_log(job)
        self.run.show_jobs(self.jobs.jobs)
        if job.state.ended:
            self.run.show_message(outcome.in_words(job))
            if job.nodes and self._parameterNode:
                outcome.show(job.nodes, self._parameterNode.divergingColors)
                wasModifying = self._parameterNode.StartModify()
                self._parameterNode.result = job.nodes.susceptibility
                self._parameterNode.resultMask = job.nodes.mask
                self._parameterNode.EndModify(wasModifying)
                self.ui.qualityCollapsibleButton.collapsed = False
        if self._parameterNode:
            self.run.show_missing(self.study.missing, len(self.jobs.jobs))

    def onRerunButton(self):
        """Reconstruct with the mask of the last result, as the user has corrected it."""
        self._parameterNode.mask = self._parameterNode.resultMask
        self.onApplyButton()

    def onReferAgainButton(self):
        """Refer the last map to another region."""
        from QSMReconstructionLib.references import refer_again
        from QSMReconstructionLib.study import recipe_of

        with slicer.util.tryWithErrorDisplay(_("The reference could not be changed."), waitCursor=True):
            try:
                message = refer_again(self._parameterNode, recipe_of(self._parameterNode))
            except ValueError as reason:
                message = _("Cannot change the reference: {reason}").format(reason=reason)
            self.run.show_message(message)
            self.quality.show(self._parameterNode)


class QSMReconstructionLogic(ScriptedLoadableModuleLogic):
    """Reconstruction of nodes of the scene, from the Python console or the panel."""

    def getParameterNode(self):
        return QSMReconstructionParameterNode(super().getParameterNode())

    def createJob(self, parameters):
        """A background reconstruction of what the parameters choose, as it is in the scene now.

        Parameters
        ----------
        parameters : QSMReconstructionParameterNode

        Returns
        -------
        ReconstructionJob
            To be added to a `JobQueue`.

        Raises
        ------
        ValueError
            If something is missing or does not fit.
        """
        from QSMReconstructionCore.io.provenance import OUTPUTS
        from QSMReconstructionLib.job import ReconstructionJob
        from QSMReconstructionLib.masks import mask_from_node
        from QSMReconstructionLib.references import given_region
        from QSMReconstructionLib.study import recipe_of, scan_of

        scan, recipe = scan_of(parameters), recipe_of(parameters)
        return ReconstructionJob(
            replace(scan, name=parameters.outputName) if parameters.outputName else scan,
            recipe,
            home=slicer.app.temporaryPath,
            mask=mask_from_node(parameters.mask, scan.first_echo) if parameters.mask else None,
            region=given_region(parameters, recipe, scan.first_echo),
            keep={output.name for output in OUTPUTS} - set(parameters.leftOut.split()),
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

    def runTest(self):
        self.setUp()
        self.test_phantomIsReconstructed()

    def test_phantomIsReconstructed(self):
        """A small head phantom in the scene gives back its susceptibility."""
        from QSMReconstructionCore import head_phantom
        from QSMReconstructionLib.echo_sequences import add_sequences

        phantom = head_phantom(shape=(45, 54, 45), spacing=(4.0, 4.0, 4.0))
        magnitude, phase = add_sequences(phantom.acquisition, "Phantom")
        nodes = QSMReconstructionLogic().reconstruct(magnitude, phase, fieldStrength=3.0, recipe="preview")
        found = slicer.util.arrayFromVolume(nodes.susceptibility)
        inside = nodes.reconstruction.mask & phantom.mask
        self.assertGreater(np.corrcoef(found[inside], phantom.susceptibility[inside])[0, 1], 0.5)
        self.assertEqual(nodes.susceptibility.GetVoxelValueUnits().GetCodeValue(), "[ppm]")
