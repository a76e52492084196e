"""What headers tell about the scanner and its sequence, for reports and checks: never about the patient.

Names and units are those of BIDS metadata (times in s), whether the facts come from a sidecar or from DICOM tags.

References
----------
Gorgolewski et al. 2016, 10.1038/sdata.2016.44
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

#: Name -> what it is. Nothing else is taken over from a header, so nothing that names a person can be.
PROTOCOL = {
    "Manufacturer": "vendor of the scanner",
    "ManufacturersModelName": "model of the scanner",
    "SoftwareVersions": "software of the scanner",
    "ReceiveCoilName": "receive coil",
    "MRAcquisitionType": "2D or 3D",
    "ScanningSequence": "type of sequence, such as GR or EP",
    "SequenceVariant": "variant of the sequence",
    "ScanOptions": "options such as FC (flow compensation) or PFP (partial Fourier)",
    "SequenceName": "the vendor's name of the sequence",
    "PulseSequenceType": "type of sequence in words",
    "RepetitionTime": "s",
    "FlipAngle": "degrees",
    "PixelBandwidth": "Hz per pixel",
    "ParallelReductionFactorInPlane": "acceleration by parallel imaging along phase encoding",
    "ParallelReductionFactorOutOfPlane": "acceleration by parallel imaging along slice encoding",
    "ParallelAcquisitionTechnique": "such as GRAPPA or SENSE",
    "PartialFourier": "fraction of k-space, or YES or NO",
    "PartialFourierDirection": "axis of partial Fourier",
    "FlowCompensation": "axes that are flow compensated, or NONE",
    "EchoPlanar": "YES or NO: echo-planar readout",
    "NonlinearGradientCorrection": "whether the images were corrected for nonlinear gradients",
    "KSpaceTraversal": "RECTILINEAR, RADIAL or SPIRAL",
    "KSpaceFiltering": "filter, or NONE",
    "NumberOfAverages": "averages",
    "PercentSampling": "% of the lines of k-space",
    "PercentPhaseFieldOfView": "% of the field of view along phase encoding",
    "InPlanePhaseEncodingDirectionDICOM": "ROW or COL",
    "AcquisitionDuration": "s",
    "ImageOrientationPatientDICOM": "direction of rows and of columns in the scanner, before any conversion",
    "ReadoutPolarity": "monopolar or bipolar",
}
_LONGEST = 200


def protocol_of(facts: Iterable[Mapping[str, object]]) -> dict[str, object]:
    """What sidecars tell of the protocol; the first that tells a fact is taken.

    Parameters
    ----------
    facts : iterable of mapping
        The contents of the sidecars.

    Returns
    -------
    dict
        Name of `PROTOCOL` -> text, number or bool. What is not told, or told in a way that makes no sense, is absent.
    """
    told: dict[str, object] = {}
    for entries in facts:
        for name in PROTOCOL.keys() & entries.keys() - told.keys():
            value = as_fact(entries[name])
            if value is not None:
                told[name] = value
    return {name: told[name] for name in PROTOCOL if name in told}


def as_fact(value: object) -> str | float | bool | None:
    """A header value as a text, number or bool; None if it is empty or anything else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return value if math.isfinite(value) else None
    if isinstance(value, (list, tuple)):
        value = " ".join(str(part) for part in value if isinstance(part, (str, int, float)))
    if not isinstance(value, str):
        return None
    text = "".join(c if c.isprintable() else " " for c in value)
    return " ".join(text.split())[:_LONGEST] or None
