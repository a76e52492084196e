"""A glance at a scan in the scene: what some of its voxels tell before it is copied."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from slicer.i18n import tr as _

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.quality import Verdict, assess_magnitude, protocol

from .echoes import Scan, voxels

#: How many voxels to look at: medians over them are good to about one percent.
_VOXELS = 100_000


@dataclass(frozen=True, eq=False)
class _SomeVoxels:
    """What the magnitude is judged by, named as in an acquisition."""

    magnitude: np.ndarray
    grid: Grid
    echo_times: tuple[float, ...]
    field_strength: float


def first_verdicts(scan: Scan) -> list[Verdict]:
    """Verdicts on how a scan was made and on its magnitude, in some milliseconds.

    Parameters
    ----------
    scan : Scan
        Its voxels may still be shared with the scene.

    Returns
    -------
    list of Verdict

    Raises
    ------
    ValueError
        If the magnitude cannot be one; the sentence says why.
    """
    verdicts = [check(scan) for check in protocol.CHECKS]
    step = max(1, int(np.ceil((scan.grid.size / _VOXELS) ** (1 / 3))))
    magnitude = np.stack([voxels(image)[::step, ::step, ::step] for image in scan.magnitude]).astype(np.float32)
    if magnitude.min() < 0:
        raise ValueError(_("The magnitude has negative values. Check that magnitude and phase are not swapped."))
    if len(scan.echo_times) == 1:
        return verdicts
    some = _SomeVoxels(magnitude, Grid(magnitude.shape[1:]), scan.echo_times, scan.field_strength)
    return [*verdicts, *assess_magnitude(some)]
