"""Echoes that do not go with the others, as after motion: how much noisier than their magnitude says they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..numerics.romeo_weights import wrapped
from .echo_fit import Echoes, fit_lines
from .phase_noise import noise_variance

#: Variances are estimated on at most about this many voxels: enough to know them within a few percent.
_SAMPLES = 30_000

#: An echo loses weight if its variance exceeds what its magnitude says this many times. Where nothing is wrong the
#: last echo of the head phantom reaches 1.5, because phase near veins and sinuses is no straight line.
_SPOILED = 4.0

#: Nor does an echo lose weight that departs by less than this, in rad: with little noise, it shows in any scan that
#: phase is no straight line where voxels hold a spread of fields.
_HARMLESS = 0.03

#: Echoes that must remain to judge the others by: a line through two has no misfit.
_LEAST_ECHOES = 3

#: Median of a chi-square variable with one degree of freedom.
_MEDIAN_SQUARE = 0.45494


@dataclass(frozen=True)
class SpoiledEcho:
    """An echo whose phase departs from the line through the other echoes by more than noise.

    Attributes
    ----------
    echo : int
        From 0.
    excess : float
        Its variance over what its magnitude says.
    """

    echo: int
    excess: float


def spoiled_echoes(echoes: Echoes, slope: np.ndarray) -> list[SpoiledEcho]:
    """Find the echoes that are noisier than their magnitude says, the worst one first.

    Parameters
    ----------
    echoes : Echoes
        Echoes without a magnitude-independent weight (`Echoes.trust` all 1).
    slope : ndarray, float32, shape (n,)
        First estimate of omega in rad/s, as for `fit_lines`.

    Returns
    -------
    list of SpoiledEcho
        At least three echoes are never in it: fewer than four cannot tell which of them is wrong.

    Notes
    -----
    Of all echoes, the one is taken out that lowers the misfit of the line most, which is the one with the largest
    ``M^2 r^2 / (1 - h)``: r is its residual, h its leverage. Its variance is that of its residual about the line
    through the other echoes, less what the error of that line adds. This is repeated with the remaining echoes.
    Medians over the voxels keep out what is broken in a part of the brain only, as near air.

    References
    ----------
    Cook RD. Detection of influential observation in linear regression. Technometrics 1977;19:15-18.
    doi: 10.1080/00401706.1977.10489493
    """
    step = max(1, len(slope) // _SAMPLES)
    places = echoes.voxels[::step]
    sample = replace(echoes, magnitude=echoes.magnitude[:, places], phase=echoes.phase[:, places],
                     voxels=np.arange(len(places)))  # fmt: skip
    slope = slope[::step]
    found: list[SpoiledEcho] = []
    good = list(range(len(echoes.times)))
    while len(good) > _LEAST_ECHOES:
        squares, leverage, _, _ = _about_line(sample, slope, good)
        # Where the other echoes have no signal, a leverage is 1.
        studentized = squares / np.maximum(1 - leverage, 1e-3)
        worst = good[int(np.argmax(studentized[good]))]
        others = [echo for echo in good if echo != worst]
        squares, leverage, departures, variance = _about_line(sample, slope, others)
        excess = float(squares[worst] / variance - leverage[worst])
        if excess <= _SPOILED or departures[worst] < _HARMLESS:
            break
        found.append(SpoiledEcho(worst, excess))
        good = others
    return found


def distrusting(echoes: Echoes, spoiled: list[SpoiledEcho]) -> Echoes:
    """The echoes with the weight of the spoiled ones divided by their excess of variance."""
    trust = echoes.trust.copy()
    for each in spoiled:
        trust[each.echo] /= np.float32(each.excess)
    return replace(echoes, trust=trust)


def notes_on(spoiled: list[SpoiledEcho], echo_times: tuple[float, ...]) -> tuple[str, ...]:
    """What the user should know about the spoiled echoes, one sentence each."""
    return tuple(
        f"Echo {each.echo + 1} ({1000 * echo_times[each.echo]:g} ms) departs from the other echoes "
        f"{np.sqrt(each.excess):.2g} times as far as its noise explains, as after motion: it keeps "
        f"{100 / each.excess:.2g} % of its weight."
        for each in sorted(spoiled, key=lambda each: each.echo)
    )


def _about_line(sample: Echoes, slope: np.ndarray, used: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """How the echoes scatter about the line through the used ones.

    Returns, for all echoes and typical of the voxels, weighted squared residuals, leverages and residuals in rad; and
    the variance of the noise. An echo that is not used has the leverage that it would have without pulling at the line.
    """
    chosen = replace(sample, magnitude=sample.magnitude[used], phase=sample.phase[used], times=sample.times[used],
                     trust=sample.trust[used])  # fmt: skip
    line = fit_lines(chosen, slope)
    weight, phase = sample.at(slice(None))
    left = wrapped(phase - line.slope * sample.times - line.intercept)
    squares = np.median(weight * left**2, axis=1) / _MEDIAN_SQUARE
    leverage = np.median(weight * (1 / line.weight + (sample.times - line.mean_time) ** 2 / line.spread), axis=1)
    departures = np.sqrt(np.median(left**2, axis=1) / _MEDIAN_SQUARE)
    return squares, leverage, departures, noise_variance(line.misfit, len(used) - 2, line.weight)
