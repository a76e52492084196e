"""Verdicts on the mask: whether it holds more than brain, or less."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

from .result import Result
from .verdict import Question

#: The skull is dark: below this part of the typical magnitude of the brain.
_DARK = 0.3
#: Width of the rim in which skull would show, in mm. What lies deeper is brain.
_RIM = 6.0

VOLUME = Question(
    "mask_volume", "Volume of the mask",
    good="The mask has {value}.",
    fault="The mask has {value}, more than a brain.",
    action="Draw or choose a mask of the brain alone.",
    # Brains with the fluid around them have 1.2 to 1.8 L, a head to the chin more than 2.5.
    caution=1950, bad=2350, unit="mL", decimals=0,
)  # fmt: skip
LEAK = Question(
    "mask_leak", "Leak into the skull",
    good="The rim of the mask is bright like brain: {value} of it is dark.",
    fault="The mask reaches into the skull or sinuses: {value} of its rim is dark.",
    action="Erode or correct the mask.",
    # At most 1 % with the masks found in phantoms, 7 % at an echo time of 20 ms; 19 to 35 % if they are 4 mm too large.
    caution=14, bad=40, unit="%", decimals=1,
)  # fmt: skip
HOLES = Question(
    "mask_holes", "Holes in the mask",
    good="The mask is one part without holes, but for {value}.",
    fault="The mask has holes or separate parts of {value} together.",
    action="Fill the holes, also where veins and calcifications are dark: the map needs the field there, too.",
    caution=2, bad=50, unit="mL", decimals=1,
)  # fmt: skip


def volume(result: Result) -> float:
    """Volume of the mask in mL."""
    return np.count_nonzero(result.mask) * result.grid.voxel_volume / 1000


def dark_share_of_rim(result: Result) -> float | str:
    """Share of the rim that is dark in the first echo, in percent."""
    magnitude, rim = result.magnitude(0), result.mask & (result.depth <= _RIM)
    brain = magnitude[result.depth > _RIM]
    if brain.size < np.count_nonzero(rim) / 10:
        return f"The mask is nowhere deeper than {_RIM:g} mm."
    if not rim.any():
        return "The mask fills the scan, so it has no rim."
    return 100 * float(np.mean(magnitude[rim] < _DARK * np.median(brain)))


def volume_of_holes(result: Result) -> float:
    """Volume of holes, and of what is not connected with the largest part, in mL."""
    parts, count = scipy.ndimage.label(result.mask)
    separate = np.count_nonzero(result.mask) - np.bincount(parts.ravel())[1:].max()
    outside, count = scipy.ndimage.label(~result.mask)
    sizes = np.bincount(outside.ravel())
    ends = [outside.take(end, axis) for axis in range(3) for end in (0, -1)]
    enclosed = np.setdiff1d(np.arange(1, count + 1), np.concatenate([end.ravel() for end in ends]))
    return float((separate + sizes[enclosed].sum()) * result.grid.voxel_volume / 1000)


CHECKS = (
    (VOLUME, volume),
    (LEAK, dark_share_of_rim),
    (HOLES, volume_of_holes),
)
