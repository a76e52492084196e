"""How far the signal of a voxel departs from one field and one decay."""

from __future__ import annotations

import numpy as np

from ..acquisition import Acquisition


def relative_residual(acquisition: Acquisition, slope: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Share of the energy of the echoes that a single exponential with a single frequency leaves over.

    Parameters
    ----------
    acquisition : Acquisition
        With at least two echoes.
    slope : ndarray, float32, shape (n,)
        Change of phase over echo time in the voxels of the mask, in rad/s.
    mask : ndarray, bool, shape (k, j, i)

    Returns
    -------
    ndarray, float32, shape (n,)
        0 for a perfect fit, infinite without signal.

    Notes
    -----
    With m_e and phi_e the magnitude and phase at echo time t_e, and the rate R2* from the trapezoidal rule,
    R2* integral m = m_1 - m_N, the signal expected from the first echo on is

        s_e = m_1 exp((t_e - t_1) (i omega - R2*)),

    and the residual sum_e |s_e - m_e exp(i (phi_e - phi_1))|^2 / sum_e m_e^2. The phase offset cancels.

    References
    ----------
    QSM consensus organization committee, Magn Reson Med 2024, 10.1002/mrm.30006 (supporting code)
    """
    times = np.asarray(acquisition.echo_times, dtype=np.float32)
    places = np.flatnonzero(mask)
    magnitude, phase = (a.reshape(times.size, -1) for a in (acquisition.magnitude, acquisition.phase))
    scale = acquisition.magnitude_scale
    first, start = magnitude[0, places] / scale, phase[0, places]
    rate = _decay_rate(magnitude, places, times, scale)
    left, total = np.zeros_like(first), np.zeros_like(first)
    for time, m, phi in zip(times - times[0], magnitude, phase):
        measured, expected = m[places] / scale, first * np.exp(-time * rate)
        # |a e^(ix) - b e^(iy)|^2 = (a - b)^2 + 4 a b sin^2((x - y) / 2)
        turned = np.sin((phi[places] - start - time * slope) / 2)
        left += (expected - measured) ** 2 + 4 * expected * measured * turned**2
        total += measured**2
    return np.divide(left, total, out=np.full_like(total, np.inf), where=total > 0)


def _decay_rate(magnitude: np.ndarray, places: np.ndarray, times: np.ndarray, scale: np.float32) -> np.ndarray:
    """R2* in 1/s by the trapezoidal rule, 0 where the signal does not decay; shape (n,)."""
    integral = np.zeros(places.size, dtype=np.float32)
    for step, m, following in zip(np.diff(times), magnitude, magnitude[1:]):
        integral += step / 2 * (m[places] + following[places]) / scale
    drop = np.maximum(magnitude[0, places] - magnitude[-1, places], 0) / scale
    return np.divide(drop, integral, out=np.zeros_like(integral), where=integral > 0)
