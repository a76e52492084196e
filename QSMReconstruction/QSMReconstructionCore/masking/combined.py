"""Mask from a magnitude mask and a phase mask together."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..acquisition import Acquisition
from ..parameter import Parameter
from ..progress import Progress, no_progress, part_of
from .brain_extraction import brain_extraction
from .phase_quality import phase_quality
from .robust_threshold import robust_threshold
from .second_derivative import second_derivative
from .shape import eroded, largest_part, without_small_holes

#: The masks to combine, called as in the list of methods.
_OF_MAGNITUDE = {"brain_extraction": "Brain extraction", "robust_threshold": "Whole head or object"}
_OF_PHASE = {"phase_quality": "Coherent phase", "second_derivative": "Second derivative of the phase"}
_METHODS = {found.__name__: found for found in (brain_extraction, robust_threshold, phase_quality, second_derivative)}


def combined(
    acquisition: Acquisition,
    *,
    magnitude_mask: Annotated[str, Parameter("Mask from the magnitude", choices=_OF_MAGNITUDE)] = "brain_extraction",
    phase_mask: Annotated[str, Parameter("Mask from the phase", choices=_OF_PHASE)] = "phase_quality",
    combination: Annotated[str, Parameter("Keep voxels of", choices={"both": "Both", "either": "Either"})] = "both",
    largest_hole: Annotated[float, Parameter("Fill holes smaller than a ball of diameter", "mm", (0, 300))] = 0.0,
    one_part: Annotated[bool, Parameter("Keep the largest part only")] = True,
    erosion: Annotated[float, Parameter("Erosion", unit="mm", range=(0, 20))] = 1.0,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Mask the brain where its phase is usable, too: magnitude and phase masks combined.

    Parameters
    ----------
    acquisition : Acquisition
        The scan.
    magnitude_mask, phase_mask : str
        The masks to combine, each as its method makes it by default, the brain without erosion.
    combination : str
        "both" keeps the voxels that are in both masks (the consensus: brain extraction and phase quality), "either"
        those that are in at least one.
    largest_hole : float
        Holes are filled if smaller than a ball of this diameter, in mm; 0 keeps all holes. Methods that weight voxels
        by their noise need no holes for broken voxels: then fill them, and the map has values there.
    one_part : bool
        Take away all but the largest connected part.
    erosion : float
        How much is taken off last, from the outline and around holes that are left, in mm; the border of the volume is
        spared. The default is as in `brain_extraction`.
    progress : callable
        May raise `Cancelled`.

    Returns
    -------
    ndarray, bool, shape (k, j, i)

    Raises
    ------
    ValueError
        If one of the masks cannot be made, or nothing is left of their combination.

    References
    ----------
    QSM consensus organization committee, Magn Reson Med 2024, 10.1002/mrm.30006
    Hagberg et al., Magn Reson Med 2022, 10.1002/mrm.29368
    """
    without_erosion = {"erosion": 0.0} if magnitude_mask == "brain_extraction" else {}
    mask = _METHODS[magnitude_mask](acquisition, progress=part_of(progress, 0.0, 0.5), **without_erosion)
    of_phase = _METHODS[phase_mask](acquisition, progress=part_of(progress, 0.5, 0.8))
    mask = mask & of_phase if combination == "both" else mask | of_phase
    if largest_hole > 0:
        progress(0.8, "holes")
        mask = without_small_holes(mask, acquisition.grid, largest_hole)
    if one_part:
        progress(0.85, "largest part")
        mask = largest_part(mask)
    progress(0.9, "erosion")
    mask = eroded(mask, acquisition.grid, erosion)
    if not mask.any():
        raise ValueError(
            f"Nothing is left of {magnitude_mask} and {phase_mask} together after an erosion of {erosion:g} mm. Lower "
            "erosion, set combination to 'either', or draw a mask by hand."
        )
    progress(1.0, "mask done")
    return mask
