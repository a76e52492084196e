"""Hidden module: offers gradient-echo scans with phase in the DICOM browser."""

import logging

import slicer
from DICOMLib import DICOMLoadable, DICOMPlugin
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import *


class DICOMQSMPluginClass(DICOMPlugin):
    """Loads magnitude and phase of all echoes as two sequences, whatever way the scanner split them into series."""

    def __init__(self):
        super().__init__()
        self.loadType = _("Multi-echo gradient echo (magnitude + phase)")
        self.tags["modality"] = "0008,0060"
        self.tags["scanningSequence"] = "0018,0020"

    def examineForImport(self, fileLists):
        """What there is to load, from all series at once: a scan's magnitude and phase often are series of their own.

        Parameters
        ----------
        fileLists : list of list of str
            The files of each series.

        Returns
        -------
        list of DICOMLoadable
            One for each scan with phase. A scan that is not whole carries the reason as warning, and is not selected.
        """
        from QSMReconstructionCore.io.dicom.selection import list_scans
        from QSMReconstructionCore.io.dicom.stacks import find_stacks

        files = [file for fileList in fileLists if self._mayBeGradientEcho(fileList) for file in fileList]
        if not files:
            return []
        offered = self.getCachedLoadables(files)
        if offered is None:
            try:
                scans = list_scans(find_stacks(files))
            except ValueError as reason:  # these files hold no MR images at all
                logging.info(f"No gradient-echo scan offered: {reason}")
                scans = []
            offered = [self._loadable(scan, fault) for scan, fault in scans]
            self.cacheLoadables(files, offered)
        return offered

    def load(self, loadable):
        """Add two sequences indexed by echo time, and a browser for both, to the scene.

        Returns
        -------
        vtkMRMLSequenceNode
            The magnitude.

        Raises
        ------
        ValueError
            If the scan is not whole. The scene is then as it was.
        """
        from QSMReconstructionCore.io.dicom.scan import read_dicom
        from QSMReconstructionLib.scans import add_scan

        sequences = add_scan(read_dicom(loadable.files), loadable.name)
        for sequence in sequences:
            self.addSeriesInSubjectHierarchy(loadable, sequence)
        return sequences[0]

    def _mayBeGradientEcho(self, files):
        """Whether the first header does not rule it out; the browser asks for series of all kinds."""
        modality, sequence = (
            slicer.dicomDatabase.fileValue(files[0], self.tags[name]) for name in ("modality", "scanningSequence")
        )
        return modality == "MR" and (not sequence or "GR" in sequence)

    def _loadable(self, scan, fault):
        loadable = DICOMLoadable()
        loadable.files = [str(file) for file in scan.files]
        first = scan.stacks[0].first
        number = "" if first.series_number is None else f"{first.series_number}: "
        loadable.name = f"{number}{first.description or _('Gradient echo')}"
        loadable.tooltip = str(scan)
        loadable.warning = fault
        loadable.selected = not fault
        # Above the readers that would make one volume of all echoes; a scan that is not whole is left to them.
        loadable.confidence = 0.1 if fault else 0.95
        return loadable


class DICOMQSMPlugin(ScriptedLoadableModule):
    """Registers the plugin; the module itself is never shown."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("DICOM Multi-Echo Gradient Echo Import Plugin")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Developer Tools.DICOM Plugins")]
        self.parent.dependencies = ["QSMReconstruction"]
        self.parent.contributors = ["QSM for Slicer developers"]
        self.parent.helpText = _(
            "Lets the DICOM module load magnitude and phase of multi-echo gradient-echo scans as sequences, for "
            "quantitative susceptibility mapping."
        )
        self.parent.acknowledgementText = _("Part of the extension Quantitative Susceptibility Mapping.")
        self.parent.hidden = True
        # This module may be found before the DICOM module, which otherwise makes this dictionary.
        if not hasattr(slicer.modules, "dicomPlugins"):
            slicer.modules.dicomPlugins = {}
        slicer.modules.dicomPlugins["DICOMQSMPlugin"] = DICOMQSMPluginClass
