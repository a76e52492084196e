"""Slices whose sign alternates, as in images of scanners that leave out a shift along the slice axis of k-space.

Leaving out the shift before the Fourier transform multiplies slice n by (-1)**n. Newer software does not do so, hence
it must be found out, not assumed.

References
----------
QSM consensus organization committee, Magn Reson Med 2024, 10.1002/mrm.30006 (supporting code)
"""

from __future__ import annotations

import numpy as np

from ..numerics.romeo_weights import wrapped

#: A mean step nearer to pi / 2 than this, in rad, tells neither: noise gives pi / 2.
_UNDECIDED = 0.2
#: Their images never alternate.
_STEADY = ("Siemens", "Philips")


def same_polarity(magnitude: np.ndarray, phase: np.ndarray, vendor: str) -> tuple[np.ndarray, str]:
    """Phase of one sign in all slices, and what was found; without a word where the vendor's images never alternate.

    Parameters
    ----------
    magnitude, phase : ndarray, shape (echo, k, j, i)
        Echoes in the order of their echo times; phase in rad.
    vendor : str
        As `io.vendors.vendor_named` calls it.

    Returns
    -------
    phase : ndarray, shape (echo, k, j, i)
    source : str
    """
    if vendor in _STEADY or phase.shape[1] < 2:
        return phase, ""
    alternates, step = alternating_slices(magnitude[0], phase[0])
    found = f"mean phase difference between neighboring slices {step:.2f} rad, {np.pi - step:.2f} rad with alternation"
    if alternates:
        return negate_alternate(phase), f"alternating, corrected ({found})"
    if vendor != "GE":
        return phase, ""
    if alternates is None:
        return phase, f"assumed: the same in all slices, because the images do not tell ({found})"
    return phase, f"the same in all slices ({found})"


def alternating_slices(magnitude: np.ndarray, phase: np.ndarray) -> tuple[bool | None, float]:
    """Whether every other slice has the opposite sign.

    Parameters
    ----------
    magnitude, phase : ndarray, shape (k, j, i)
        Of the shortest echo; phase in rad.

    Returns
    -------
    alternates : bool or None
        None if the images do not tell.
    step : float
        Mean phase difference between neighboring slices in rad, weighted by their signal, from 0 (the same sign
        throughout) to pi (alternating). pi minus it is the mean if every other slice is negated.
    """
    total = weights = 0.0
    for k in range(len(phase) - 1):
        difference = phase[k + 1] - phase[k]
        size = np.abs(wrapped(difference))
        signal = magnitude[k + 1].astype(float) * magnitude[k]
        total += float(np.sum(size * signal))
        weights += float(np.sum(signal))
    step = total / weights if weights else np.pi / 2
    if abs(step - np.pi / 2) < _UNDECIDED:
        return None, step
    return step > np.pi / 2, step


def negate_alternate(phase: np.ndarray) -> np.ndarray:
    """Phase in rad within [-pi, pi], shape (..., k, j, i), with every other slice of the complex image negated."""
    corrected = phase.copy()
    odd = corrected[..., 1::2, :, :]
    odd -= np.copysign(np.float32(np.pi), odd)
    return corrected
