"""What the demo found."""

from __future__ import annotations

from dataclasses import dataclass

from QSMRoiAnalysisCore.measures import Measurement

from .pictures import Pictures
from .scans import DemoScan


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the demo found; the report tells it.

    Attributes
    ----------
    scan : DemoScan
    nodes : ReconstructionNodes
        The maps in the scene, with what the core returned.
    rows : tuple of Measurement
        One per region.
    scores : dict or None
        Agreement with the truth, if there is one.
    pictures : Pictures
    notes : tuple of str
        What the user should know, in sentences.
    """

    scan: DemoScan
    nodes: object
    rows: tuple[Measurement, ...]
    scores: dict | None
    pictures: Pictures
    notes: tuple[str, ...]
