"""Scripted module: regional analysis of susceptibility maps."""

import enum
import logging
import time
from typing import Annotated

import numpy as np
import slicer
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode, vtkMRMLTableNode, vtkMRMLTransformNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import *
from slicer.util import VTKObservationMixin


class QSMRoiAnalysis(ScriptedLoadableModule):
    """What the application shows about the module."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("QSM ROI Analysis")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Quantification")]
        self.parent.dependencies = ["QSMReconstruction", "Segmentations", "Tables"]
        self.parent.contributors = ["QSM for Slicer developers"]
        self.parent.helpText = _(
            "Measures the segments of a segmentation on a map of magnetic susceptibility: volume, mean, sd, median and "
            "percentiles, one row for each region. Susceptibility is relative: every row names its reference region "
            "and its unit. Segments are brought to the voxels of the map; the map itself is never resampled."
        )
        self.parent.acknowledgementText = _("Please cite 3D Slicer (slicer.org) and the source of your regions.")


class SusceptibilityUnit(enum.Enum):
    """Unit of the table. Scenes store the names of the members."""

    PPM = "ppm"
    PPB = "ppb"

    def label(self):
        return self.value


@parameterNodeWrapper
class QSMRoiAnalysisParameterNode:
    """What the panel remembers in the scene.

    map - susceptibility map to measure
    segmentation - the regions
    reference - name of the region to call zero; empty to keep the reference of the map
    unit - of the table
    table - where the result goes; none for a new table
    atlasFolder - folder of an atlas whose regions to draw on the map
    magnitude, t1w - volumes of the subject to register its template to, besides the map
    atlasTransform - what brings its template onto the subject, made elsewhere; none to register it
    measures - names of descriptors to add as columns, with blanks between
    furtherMeasures - names of descriptors with numbers of the user's own
    neighbor - name of the region to compare each region with; empty for none
    noise - standard deviation of the noise of the map
    erosion - what to take off the surface of each region, in mm
    exclude - name of the region not to measure anywhere; empty for none
    r2star - whether to measure the R2* map of the same reconstruction too
    otherMap - another map to measure in the same regions
    norms - table of healthy controls; empty for none
    age - of the subject, in years; 0 where it is not stated
    parts - groups and parts to measure as well, as JSON: kind of part to lines of its form
    """

    map: vtkMRMLScalarVolumeNode
    segmentation: vtkMRMLSegmentationNode
    reference: str = ""
    unit: SusceptibilityUnit = SusceptibilityUnit.PPM
    table: vtkMRMLTableNode
    atlasFolder: str
    magnitude: vtkMRMLScalarVolumeNode
    t1w: vtkMRMLScalarVolumeNode
    atlasTransform: vtkMRMLTransformNode
    measures: str
    furtherMeasures: str
    neighbor: str
    noise: vtkMRMLScalarVolumeNode
    erosion: Annotated[float, WithinRange(0, 10)] = 0.0
    exclude: str
    r2star: bool = False
    otherMap: vtkMRMLScalarVolumeNode
    norms: str
    age: Annotated[float, WithinRange(0, 120)] = 0.0
    parts: str


class QSMRoiAnalysisWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: inputs, regions from an atlas, what to measure, Apply, result."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._guiTag = None
        self._offered = None

    def setup(self):
        from QSMRoiAnalysisLib.atlas_section import AtlasSection
        from QSMRoiAnalysisLib.measures_section import MeasuresSection

        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/QSMRoiAnalysis.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = QSMRoiAnalysisLogic()
        self.atlas = AtlasSection(self.ui, self.logic.labelAsChosen)
        self.measures = MeasuresSection(self.ui)
        self.ui.referenceComboBox.connect("currentIndexChanged(int)", self.onReferenceChosen)
        self.ui.applyButton.connect("clicked(bool)", self.onApplyButton)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.initializeParameterNode()

    def cleanup(self):
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self):
        self.initializeParameterNode()

    def exit(self):
        self.setParameterNode(None)

    def onSceneStartClose(self, caller, event):
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event):
        self.ui.messageLabel.text = ""
        self.initializeParameterNode()

    def initializeParameterNode(self):
        self.setParameterNode(self.logic.getParameterNode())

    def setParameterNode(self, parameterNode):
        """Connect the panel to a parameter node, or to none."""
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._guiTag)
            self.removeObserver(self._parameterNode.parameterNode, "ModifiedEvent", self.onParametersModified)
        self._parameterNode = parameterNode
        if self._parameterNode:
            self._guiTag = self._parameterNode.connectGui(self.ui)
            self.addObserver(self._parameterNode.parameterNode, "ModifiedEvent", self.onParametersModified)
            self.onParametersModified()
        else:
            self.atlas.show(None)
            self.ui.tableView.setMRMLTableNode(None)

    def onParametersModified(self, caller=None, event=None):
        """Offer the segments as references, show the chosen table, and say what is missing."""
        self._offerReferences()
        self.atlas.show(self._parameterNode)
        self.measures.show(self._parameterNode)
        self.ui.tableView.setMRMLTableNode(self._parameterNode.table)
        self.ui.tableView.resizeColumnsToContents()
        missing = self.logic.missingInput(self._parameterNode)
        self.ui.applyButton.enabled = not missing
        self.ui.applyButton.toolTip = missing or _("Measure every segment on the map")

    def onReferenceChosen(self, index):
        if self._parameterNode and self._offered is not None:
            self._parameterNode.reference = self._offered[index]

    def onApplyButton(self):
        """Measure, and show the table or the reason why not."""
        from QSMRoiAnalysisLib.measures_section import options_of

        chosen = self._parameterNode
        with slicer.util.tryWithErrorDisplay(_("The measurement failed."), waitCursor=True):
            try:
                chosen.table = table = self.logic.measure(
                    chosen.map, chosen.segmentation, reference=chosen.reference, unit=chosen.unit.value,
                    tableNode=chosen.table, **options_of(chosen),
                )
            except ValueError as error:  # a sentence for the user about the data
                self.ui.messageLabel.text = str(error)
                return
        self.onParametersModified()
        text, remarks = _("Measured {count} regions. {remarks}"), table.GetAttribute("QSM.Remarks")
        count = len(set(slicer.util.arrayFromTableColumn(table, "label")))
        self.ui.messageLabel.text = text.format(count=count, remarks=remarks).strip()

    def _offerReferences(self):
        """Fill the list of references with the regions of the segmentation, keeping the choice."""
        from QSMRoiAnalysisLib.segments import region_names

        segmentation, chosen = self._parameterNode.segmentation, self._parameterNode.reference
        names = ["", *(region_names(segmentation) if segmentation else [])]
        names += [] if chosen in names else [chosen]
        if names != self._offered:
            self._offered = None  # what the list selects meanwhile is not the user's choice
            self.ui.referenceComboBox.clear()
            for name in names:
                self.ui.referenceComboBox.addItem(name or _("Keep that of the map"))
        self.ui.referenceComboBox.currentIndex = names.index(chosen)
        self._offered = names


class QSMRoiAnalysisLogic(ScriptedLoadableModuleLogic):
    """Measurements on nodes of the scene, from the Python console or the panel."""

    def getParameterNode(self):
        return QSMRoiAnalysisParameterNode(super().getParameterNode())

    def missingInput(self, parameters):
        """A sentence about what is still missing, or an empty text."""
        if not parameters.map:
            return _("Choose the susceptibility map")
        if not parameters.segmentation:
            return _("Choose the segmentation")
        if not parameters.segmentation.GetSegmentation().GetNumberOfSegments():
            return _("The segmentation has no segment. Draw or import the regions first")
        return ""

    def measure(
        self, mapNode, segmentationNode, *, reference=None, unit="ppm", tableNode=None, mask=None, measures=(),
        neighbor="", noise=None, erosion=0.0, exclude="", others=(), parts=None, norms="", age=0.0,
    ):
        """Measure every segment of a segmentation on a susceptibility map.

        Parameters
        ----------
        mapNode : vtkMRMLScalarVolumeNode
            Susceptibility in ppm, or in the unit that its voxel value units say.
        segmentationNode : vtkMRMLSegmentationNode
            The regions; they may overlap and have another geometry than the map.
        reference : str, optional
            Name of the segment whose mean is called zero (a structure without its side takes both sides). By default,
            the reference of the map is kept.
        unit : {"ppm", "ppb"}
            Unit of the table.
        tableNode : vtkMRMLTableNode, optional
            Table to fill; its content is replaced. By default, a new one.
        mask : vtkMRMLSegmentationNode or vtkMRMLLabelMapVolumeNode, optional
            Where the map is defined. By default, where it is not 0 if QSM Reconstruction made it, else everywhere.
        measures : sequence of str
            Columns to add, such as "skewness" or "p90": names of `QSMRoiAnalysisCore.descriptors`.
        neighbor : str
            Name of the region for the measures that compare with a neighbor.
        noise : vtkMRMLScalarVolumeNode, optional
            Standard deviation of the noise of the map (not of the field), for the measures that need it.
        erosion : float
            What to take off the surface of each region, in mm.
        exclude : str
            Name of the segment whose voxels are measured in no region, such as veins.
        others : sequence of vtkMRMLScalarVolumeNode
            Maps of other quantities on the same voxels, such as R2*, to measure in the same regions as further rows.
        parts : dict of str to list of str, optional
            Groups and parts to measure as well: {"thirds": ["Putamen"], "group": ["Striatum=Caudate+Putamen"]}; see
            `QSMRoiAnalysisCore.parts`.
        norms : path
            Table of healthy controls, for the measures of the high-iron part.
        age : float
            Of the subject, in years, for the norms.

        Returns
        -------
        vtkMRMLTableNode
            One row for each segment and map, with the columns of `QSMRoiAnalysisCore.measures.Measurement` and those
            asked for. Its attribute `QSM.Remarks` says in sentences what limits the result.

        Raises
        ------
        ValueError
            If the data cannot be measured; the sentence says why. The scene is then as it was.
        """
        from QSMRoiAnalysisLib.measuring import measure_nodes
        from QSMRoiAnalysisLib.tables import add_table

        began = time.monotonic()
        rows, limits = measure_nodes(
            mapNode, segmentationNode, reference=reference, unit=unit, mask=mask, measures=measures, neighbor=neighbor,
            noise=noise, erosion=erosion, exclude=exclude, others=others, parts=parts, norms=norms, age=age,
        )
        tableNode = add_table(rows, limits, mapNode, segmentationNode, tableNode)
        logging.info(f"Measured {len(rows)} regions of '{mapNode.GetName()}' in {time.monotonic() - began:.1f} s")
        return tableNode

    def labelAsChosen(self, parameters, progress):
        """Label the regions of the map as the parameters choose; see `labelFromAtlas`."""
        return self.labelFromAtlas(
            parameters.map, parameters.atlasFolder, parameters.magnitude, parameters.t1w, parameters.atlasTransform,
            progress, apart=True,
        )

    def labelFromAtlas(
        self, mapNode, atlasFolder, magnitude=None, t1w=None, transform=None, progress=None, apart=False
    ):
        """Label the regions of a map by an atlas, and add them to the scene.

        Parameters
        ----------
        mapNode : vtkMRMLScalarVolumeNode
            Susceptibility map; it is not resampled.
        atlasFolder : path
            Folder with `atlas.json`, which names template, labels, license and citation.
        magnitude : vtkMRMLScalarVolumeNode, optional
            Of the same scan, on the voxels of the map.
        t1w : vtkMRMLScalarVolumeNode, optional
            A T1-weighted image of the subject, on any voxels.
        transform : vtkMRMLTransformNode, optional
            Brings the template onto the subject, made elsewhere. Nothing is registered then.
        progress : callable, optional
            Called with the fraction done and a message; may raise `Cancelled`.
        apart : bool
            Compute in a process of its own, as the panel does: `progress` is called many times a second meanwhile.

        Returns
        -------
        AtlasLabels
            Its `segmentation` has one segment for each region, `transform` brings the template onto the subject when
            it is hardened on it, and `notes` says in sentences what to look at.

        Raises
        ------
        ValueError, Cancelled
            If the data cannot be labeled, or `progress` cancelled. The scene is then as it was.
        """
        from QSMReconstructionCore.progress import no_progress
        from QSMRoiAnalysisLib.atlas_labels import label_from_atlas

        began = time.monotonic()
        labels = label_from_atlas(
            mapNode, atlasFolder, magnitude=magnitude, t1w=t1w, transform=transform, progress=progress or no_progress,
            apart=apart,
        )
        logging.info(f"Labeled '{mapNode.GetName()}' by an atlas in {time.monotonic() - began:.1f} s")
        return labels


class QSMRoiAnalysisTest(ScriptedLoadableModuleTest):
    """Self-test that also runs inside the application."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        self.setUp()
        self.test_segmentsAreMeasured()

    def test_segmentsAreMeasured(self):
        """Segments that hold a known value give it back, relative to the reference."""
        self.delayDisplay("Measuring two boxes")
        labels = np.zeros((12, 14, 16), np.int16)
        labels[2:6, 2:7, 2:8], labels[7:10, 8:12, 9:14] = 1, 2
        volume = slicer.util.addVolumeFromArray(np.choose(labels, (0, 0.08, -0.02)).astype(np.float32), name="Map")
        segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Regions")
        segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        for label, name in ((1, "Putamen left"), (2, "CSF")):
            segmentId = segmentation.GetSegmentation().AddEmptySegment("", name)
            slicer.util.updateSegmentBinaryLabelmapFromArray(np.int16(labels == label), segmentation, segmentId, volume)
        table = QSMRoiAnalysisLogic().measure(volume, segmentation, reference="CSF", unit="ppb")
        self.assertEqual(table.GetCellText(0, 0), "Putamen")
        self.assertLess(np.abs(slicer.util.arrayFromTableColumn(table, "mean") - [100, 0]).max(), 1e-4)
        self.delayDisplay("Test passed")
