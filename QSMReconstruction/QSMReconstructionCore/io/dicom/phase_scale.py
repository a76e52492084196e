"""From stored phase to radians, by what the header of an image tells and what is known of its vendor."""

from __future__ import annotations

import numpy as np

from .frames import Frame

#: A header that gives pi in three digits means pi.
_ROUNDED_PI = 1e-3
#: GE stores phase in thousandths of a radian, with a sign.
_GE_LARGEST_PHASE = 3142


def phase_scale(frame: Frame) -> tuple[float, float, str] | None:
    """Slope and intercept that take stored phase to radians, from the header and what is known of its vendor.

    Parameters
    ----------
    frame : Frame
        Any image of the phase.

    Returns
    -------
    slope, intercept, source : float, float, str
        Or None if neither tells; then only the values themselves can.

    Notes
    -----
    Phase is stored in all the numbers that its bits can express, and the smallest is -pi. So what the header makes
    of the smallest stored number tells the scale, whatever the unit. Where the unit is told as well, it has the last
    word, except that 3142 thousandths are pi.
    """
    smallest = -frame.intercept if frame.rescaled and not frame.signed else 0.0
    if frame.unit in ("rad", "mrad"):
        half = np.pi if frame.unit == "rad" else 1000 * np.pi
        if abs(smallest / half - 1) < _ROUNDED_PI:
            half = smallest
        return frame.slope * np.pi / half, frame.intercept * np.pi / half, f"header, in {frame.unit}"
    if smallest > 0 and abs(2 * smallest / (frame.slope * 2**frame.bits_stored) - 1) < _ROUNDED_PI:
        source = f"header, {-smallest:g} to {smallest:g} as -pi to pi"
        return frame.slope * np.pi / smallest, -np.pi, source
    if frame.vendor == "Siemens" and not frame.rescaled and not frame.signed:
        half = 2.0 ** (frame.bits_stored - 1)
        return np.pi / half, -np.pi, f"stored 0 to {2 * half - 1:g} as -pi to pi, as Siemens stores it"
    if frame.vendor == "GE" and frame.signed and frame.slope == 1 and frame.intercept == 0:
        return np.pi / _GE_LARGEST_PHASE, 0.0, "thousandths of a radian, as GE stores it"
    return None
