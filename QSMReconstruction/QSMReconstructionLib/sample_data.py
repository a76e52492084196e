"""A simulated scan for the Sample Data module, computed when somebody asks for it.

Imported when the application starts, so it imports nothing heavy before that.
"""

from __future__ import annotations

from slicer.i18n import tr as _


def register(thumbnail: str) -> None:
    """Offer the scan.

    Parameters
    ----------
    thumbnail : str
        Path of a picture of it.
    """
    import SampleData

    category = "QSM"
    if hasattr(SampleData.SampleDataLogic, "registerCustomSampleDataCategory"):  # since Slicer 5.12
        category = "QuantitativeSusceptibilityMapping"
        SampleData.SampleDataLogic.registerCustomSampleDataCategory(category, _("Quantitative Susceptibility Mapping"))
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category=category,
        sampleName="QSMHeadPhantom",
        sampleDescription=_("QSM head phantom"),
        thumbnailFileName=thumbnail,
        uris="simulated on this computer",
        fileNames=None,
        nodeNames="QSM head phantom",
        customDownloader=lambda source: add_head_phantom(source.nodeNames[0]),
    )


def add_head_phantom(name: str):
    """Simulate a scan of a head at 3 T, 2 mm and five echoes, in a few seconds, and add it to the scene.

    Returns
    -------
    magnitude, phase : vtkMRMLSequenceNode
        Indexed by echo time.
    """
    from QSMReconstructionCore import head_phantom

    from .scans import add_scan

    phantom = head_phantom(shape=(90, 108, 90), spacing=(2.0, 2.0, 2.0))
    return add_scan(phantom.acquisition, name)
