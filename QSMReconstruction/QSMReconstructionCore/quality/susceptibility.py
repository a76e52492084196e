"""Verdicts on the susceptibility map: its sign, its streaks, and where signal was lost."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

from ..numerics.dipole import dipole_kernel
from ..numerics.fourier import forward, frequencies
from .result import Result
from .verdict import Question

#: Iron and veins are looked for this far inside the brain, in mm, where sinuses do not dephase the signal.
_DEEP = 10.0
#: They are the voxels whose R2* is in the highest part; all between two quantiles stand for the rest.
_HIGHEST, _REST = 0.95, (0.2, 0.8)
#: Fewer voxels than this do not tell a sign.
_FEWEST = 1000
#: Scale of what is bright or dark in its surroundings, in mm.
_SURROUNDINGS = 8.0
#: Waves lie on the cone where the dipole kernel is below the first, and well off it where it is above the second.
_ON_CONE, _OFF_CONE = 0.08, 0.2
#: Waves that are compared, as parts of the highest frequency: longer ones are shape of the brain.
_WAVES, _SHELLS = (0.15, 0.95), 8
#: Signal has dropped out where it decays this many times further than in the rest of the brain.
_DROPPED = 0.2

SIGN = Question(
    "phase_sign", "Sign of the phase",
    good="Iron and veins, where signal decays fastest, are paramagnetic, by {value} standard deviations of the map.",
    fault="Iron and veins, where signal decays fastest, are not paramagnetic: {value} standard deviations of the map.",
    action="The sign of the phase is probably inverted: negate the phase. Large calcifications can look the same.",
    # 0.6 to 1.6 on phantoms and a scan, 0.2 to 0.3 in a crop; minus that with the phase negated.
    caution=0.1, bad=-0.1,
)  # fmt: skip
STREAKS = Question(
    "streak_index", "Streaks",
    good="Waves on the cone that the field does not show are {value} times as strong as others.",
    fault="Waves on the cone that the field does not show are {value} times as strong as others: streaks.",
    action="Regularize more strongly, or choose an iterative inversion.",
    # 0.4 to 0.55 on phantoms with the default recipe, 0.9 in the truth; with a kernel threshold of 0.05, 1.3 to 1.75,
    # of 0.02, 2.4 to 3.4.
    caution=1.2, bad=2.2,
)  # fmt: skip
DROPOUT = Question(
    "signal_dropout", "Signal dropout",
    good="The signal of {value} of the brain has dropped out by the last echo.",
    fault="The signal of {value} of the brain has dropped out by the last echo, as next to sinuses or metal.",
    action="Do not read values there. Thinner slices and shorter echo times help.",
    # 0.2 to 6 % on phantoms of 3 and 4 mm, most at 7 T.
    caution=12, bad=30, unit="%", decimals=1,
)  # fmt: skip


def paramagnetism_of_decay(result: Result) -> float | str:
    """Mean susceptibility of the voxels of highest R2* above that of the rest, over the standard deviation of all.

    With one echo, dark places in their surroundings stand for a high R2*.
    """
    deep = result.depth > _DEEP
    if np.count_nonzero(deep) < _FEWEST:
        return f"The brain is nowhere deeper than {_DEEP:g} mm."
    susceptibility = result.susceptibility[deep]
    decay = (_darkness(result) if result.r2star is None else result.r2star)[deep]
    spread = float(susceptibility.std(dtype=np.float64))
    if not spread > 0:
        return "The map is the same everywhere."
    low, high = np.quantile(decay, _REST)
    rest = susceptibility[(decay >= low) & (decay <= high)]
    return float(susceptibility[decay >= np.quantile(decay, _HIGHEST)].mean() - np.median(rest)) / spread


def _darkness(result: Result) -> np.ndarray:
    """How much darker the last echo is than its surroundings inside the brain, as a logarithm."""
    magnitude = np.where(result.mask, result.magnitude(-1), np.float32(0))
    sigma = [_SURROUNDINGS / spacing for spacing in result.spacing]
    around = scipy.ndimage.gaussian_filter(magnitude, sigma)
    share = scipy.ndimage.gaussian_filter(result.mask.astype(np.float32), sigma)
    tiny = np.float32(1e-6) * magnitude.max()
    return np.log((around + tiny) / ((magnitude + tiny) * np.maximum(share, np.float32(1e-3))))


def power_of_streaks(result: Result) -> float | str:
    """Power of the map on the cone where the dipole kernel vanishes over that off it, wave length by wave length.

    The field says nothing of waves on the cone, so an inversion that follows it there makes streaks. The mean of the
    ratios is geometric.
    """
    values = result.susceptibility
    values = np.where(result.mask, values - values[result.mask].mean(), np.float32(0))
    power = np.abs(forward(values)) ** 2
    length = np.sqrt(sum(k * k for k in frequencies(values.shape, result.spacing)))
    dipole = np.abs(dipole_kernel(values.shape, result.spacing, result.grid.b0_direction))
    edges = np.linspace(*_WAVES, _SHELLS + 1) * 0.5 / max(result.spacing)
    ratios = []
    for low, high in zip(edges, edges[1:]):
        shell = (length >= low) & (length < high)
        on, off = power[shell & (dipole < _ON_CONE)], power[shell & (dipole > _OFF_CONE)]
        if on.size and off.size and on.any() and off.any():
            ratios.append(on.mean(dtype=np.float64) / off.mean(dtype=np.float64))
    return float(np.exp(np.mean(np.log(ratios)))) if ratios else "The map is too small, or the same everywhere."


def share_of_dropout(result: Result) -> float | str:
    """Share of the brain whose signal decays much further than in most of it, in percent."""
    if len(result.scan.echo_times) < 2:
        return "There is one echo only."
    first, last = (result.magnitude(echo)[result.mask] for echo in (0, -1))
    left = last / np.maximum(first, np.float32(1e-6) * first.max())
    return 100 * float(np.mean(left < _DROPPED * np.median(left)))


CHECKS = (
    (SIGN, paramagnetism_of_decay),
    (STREAKS, power_of_streaks),
    (DROPOUT, share_of_dropout),
)
