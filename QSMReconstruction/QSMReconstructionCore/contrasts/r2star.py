"""Effective transverse relaxation rate R2* from the magnitude of all echoes."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..acquisition import Acquisition, checked_mask
from ..parameter import Parameter
from ..progress import Progress, no_progress

#: Voxels fitted at a time: a few ten megabytes of echoes.
_VOXELS_PER_BLOCK = 250_000


def arlo(
    acquisition: Acquisition,
    mask: np.ndarray,
    *,
    upper_limit: Annotated[float, Parameter("Largest R2*", unit="1/s", range=(50, 2000))] = 500.0,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Fit R2* by auto-regression on linear operations (ARLO), in a time linear in voxels and echoes.

    Parameters
    ----------
    acquisition : Acquisition
        A scan with at least two echoes; only its magnitude and echo times are used.
    mask : ndarray, bool, shape (k, j, i)
        Where to fit.
    upper_limit : float
        Rates above this are set to it, in 1/s. The default is beyond iron-rich nuclei at 7 T (below 200 1/s); faster
        decay is gone by the second echo of a clinical scan.
    progress : callable
        Called with the fraction of voxels done; may raise `Cancelled`.

    Returns
    -------
    ndarray, float32, shape (k, j, i)
        R2* in 1/s within [0, `upper_limit`]; 0 outside the mask and where the signal does not decay.

    Raises
    ------
    ValueError
        If there is only one echo, or the mask does not fit or is empty.

    Notes
    -----
    A decaying exponential m equals -1/R2* times its derivative, so over every three consecutive echoes its integral,
    S_i, equals (m_i - m_{i+2}) / R2* = d_i / R2*. With S_i the integral of the parabola through the three samples
    (Simpson's rule; its form for unequal distances where echoes are not equally spaced) and w_i the weight of the
    last sample in it,

        R2* = sum_i (S_i d_i + w_i d_i^2) / sum_i (S_i^2 + w_i S_i d_i).

    The error of the rule is below 0.1 % as long as R2* times the echo spacing is below 0.6. The estimate is unbiased
    down to an SNR of about 15; where late echoes have sunk into the noise floor of the magnitude it is too low. Two
    echoes give the logarithm of their ratio over the difference of their echo times.

    References
    ----------
    Pei et al., Magn Reson Med 73:843 (2015), 10.1002/mrm.25137
    """
    mask = checked_mask(mask, acquisition.grid.shape)
    echo_times = np.asarray(acquisition.echo_times)
    if len(echo_times) < 2:
        raise ValueError(
            "R2* needs the magnitude of at least two echoes, but the acquisition has one. Leave R2* out for this scan."
        )
    fit = _log_ratio if len(echo_times) == 2 else _auto_regression
    voxels = np.flatnonzero(mask)
    magnitude = acquisition.magnitude.reshape(len(echo_times), -1)
    scale = magnitude.max()  # keeps fourth powers of tiny or huge intensities within float32
    rate = np.zeros(acquisition.grid.shape, np.float32)
    for start in range(0, voxels.size, _VOXELS_PER_BLOCK):
        progress(start / voxels.size, "fitting R2*")
        block = voxels[start : start + _VOXELS_PER_BLOCK]
        rate.flat[block] = np.clip(fit(magnitude[:, block] / scale, echo_times), 0, upper_limit)
    progress(1.0, "R2* done")
    return rate


def _auto_regression(magnitude: np.ndarray, echo_times: np.ndarray) -> np.ndarray:
    """R2* in 1/s of each column of `magnitude` (echo, voxel) with three or more echoes."""
    numerator = np.zeros(magnitude.shape[1], np.float32)
    denominator = np.zeros_like(numerator)
    for i in range(len(echo_times) - 2):
        first, middle, last = (np.float32(w) for w in _parabola_weights(*echo_times[i : i + 3]))
        integral = first * magnitude[i] + middle * magnitude[i + 1] + last * magnitude[i + 2]
        drop = magnitude[i] - magnitude[i + 2]
        regressor = integral + last * drop
        numerator += regressor * drop
        denominator += regressor * integral
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def _parabola_weights(t0: float, t1: float, t2: float) -> tuple[float, float, float]:
    """Weights of three samples in the integral from t0 to t2 of the parabola through them."""
    before, after, whole = t1 - t0, t2 - t1, t2 - t0
    return whole / 6 * (2 - after / before), whole**3 / (6 * before * after), whole / 6 * (2 - before / after)


def _log_ratio(magnitude: np.ndarray, echo_times: np.ndarray) -> np.ndarray:
    """R2* in 1/s of each column of `magnitude` (2, voxel); huge where only the second echo vanishes."""
    first, second = magnitude
    decaying = first > second
    smallest = np.finfo(np.float32).tiny
    logarithm = np.log(np.where(decaying, first, 1)) - np.log(np.where(decaying, np.maximum(second, smallest), 1))
    return (logarithm / (echo_times[1] - echo_times[0])).astype(np.float32)
