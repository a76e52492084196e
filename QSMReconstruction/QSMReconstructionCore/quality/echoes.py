"""Verdicts on how the echoes go together: whether they are distinct, in order, in place, and of the same readout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..numerics.romeo_weights import wrapped
from .sample import Sample
from .verdict import Question

#: Distances between echoes that are to each other as whole numbers to this part leave no turns in doubt.
_WHOLE = 0.02
#: R2* of the whole head over B0, in 1/s per T, between that of white matter at 1.5 and at 7 T. Only its size matters.
_TYPICAL_RATE = 7.0
#: The factor that stands for a magnitude that does not decay at all.
_NO_DECAY = 1000.0
#: Distance from the middle of the head at which a rotation is told as a displacement, in mm.
_HEAD_RADIUS = 80.0
#: Magnitudes below this part of the largest count as this, to have logarithms and reciprocals.
_TINY = np.float32(1e-6)
#: Median of the square of a normal variable of variance 1.
_MEDIAN_SQUARE = 0.4549
#: A quarter of the magnitudes of noise are below this, over the standard deviation of its real part. More of what is
#: dark is air than a quarter.
_RAYLEIGH_QUARTILE = float(np.sqrt(-2 * np.log(0.75)))
#: Above this scatter about a ramp, in rad, the phase over the echoes tells nothing about the readout.
_SCATTERED = 0.8

DISTINCT = Question(
    "distinct_echoes", "Distinct echoes",
    good="No two echoes are the same image: at most {value} of their voxels are equal.",
    fault="Two echoes are the same image: {value} of their voxels are equal.",
    action="Check that each echo was given once, and magnitude and phase each of all echoes.",
    caution=30, bad=90, unit="%", decimals=1,
)  # fmt: skip
ORDER = Question(
    "echo_order", "Order of the echoes",
    good="The magnitude falls from echo to echo, to {value} of the one before at most.",
    fault="The magnitude grows from one echo to the next, to {value} of the one before.",
    action="Check the order of the files and the echo times.",
    # At most 0.93 on phantoms at 1.5 to 7 T. Noise cannot raise the median over the head.
    caution=1.0, bad=1.05,
)  # fmt: skip
DECAY = Question(
    "decay_rate", "Decay of the magnitude",
    good="The magnitude decays as expected at this field strength, within a factor of {value}.",
    fault="The magnitude decays faster or slower than at this field strength by a factor of {value}.",
    action="Check the unit of the echo times (seconds) and the field strength.",
    # 1.2 to 1.7 on phantoms at 1.5 to 7 T; echo times in another unit give 10 or more.
    caution=4, bad=7, decimals=1,
)  # fmt: skip
LINEARITY = Question(
    "phase_over_echoes", "Phase over the echoes",
    good="The phase grows in proportion to the echo time, to {value} (median over the head).",
    fault="The phase does not grow in proportion to the echo time: it is off by {value} (median over the head).",
    action="Check the order of the echoes, the echo times and the scale of each echo, or expect a noisy map.",
    # 0.04 to 0.16 on phantoms, 0.35 with SNR 30 at 7 T; pi / 2 if echoes have nothing to do with each other.
    caution=0.6, bad=1.1, unit="rad",
)  # fmt: skip
READOUT = Question(
    "readout_polarity", "Readout polarity",
    good="Odd and even echoes have the same phase to {value} over the head: a monopolar readout.",
    fault="Odd and even echoes differ in phase by {value} over the head, as in a bipolar readout.",
    action=(
        "Field mapping finds and corrects it unless told otherwise. Prefer a monopolar readout, as the consensus paper "
        "recommends (10.1002/mrm.30006)."
    ),
    # At most 0.10 on phantoms at 1.5 to 7 T; a delay of the readout by a tenth of a sample gives 0.3.
    caution=0.7, bad=np.inf, unit="rad",
)  # fmt: skip
MOTION = Question(
    "motion_between_echoes", "Motion between echoes",
    good="The head is in the same place in all echoes, to {value}.",
    fault="The head lies elsewhere in one echo than in those before and after, by {value}.",
    action="Register the echoes, or leave that one out.",
    # At most 0.11 mm on phantoms at 3 and 4 mm. Echoes of one readout cannot move.
    caution=0.4, bad=1.5, unit="mm",
)  # fmt: skip
SNR = Question(
    "signal_to_noise", "Signal to noise",
    good="The signal of the first echo is {value} times the noise.",
    fault="The signal of the first echo is only {value} times the noise.",
    action="Expect a noisy map; average more, or scan with larger voxels.",
    # Phase noise is 1 / SNR: at 15, that of two echoes 6 ms apart at 3 T is 0.02 ppm, the contrast of cortex.
    caution=15, bad=5, decimals=0,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Triple:
    """Three echoes in a row, in which phase that is linear in time cancels, offset and turns included.

    Attributes
    ----------
    sample : Sample
    first : int
        The first of the echoes.
    ratio : int
        Distance of the last two over that of the first two.
    """

    sample: Sample
    first: int
    ratio: int

    @property
    def factors(self) -> tuple[int, int, int]:
        """What the phases are multiplied by."""
        return self.ratio, -1 - self.ratio, 1

    def curvature(self, axis: int = 0, by: int = 0) -> np.ndarray:
        """Phase left over at all places moved along an axis, in rad; shape of the lattice."""
        phases = self.sample.at(self.sample.scan.phase[self.first : self.first + 3], axis, by)
        return wrapped(sum(np.float32(f) * phase for f, phase in zip(self.factors, phases)))

    def variance(self, axis: int = 0, by: int = 0) -> np.ndarray:
        """Variance of the curvature if the noise has a standard deviation of 1; shape of the lattice."""
        magnitudes = np.maximum(self.sample.magnitude_at(axis, by, slice(self.first, self.first + 3)), _TINY)
        return sum((f / magnitude) ** 2 for f, magnitude in zip(self.factors, magnitudes))

    @cached_property
    def ramp(self) -> tuple[np.ndarray, float, float]:
        """Slopes of the curvature (rad over the head along each axis), its mean in the middle, and scatter about it."""
        sample, here = self.sample, self.curvature()
        weight = np.where(sample.signal, 1 / self.variance(), 0)
        slopes, plane = np.zeros(3), np.zeros(here.shape)
        for axis in sample.axes:
            change = self.curvature(axis, 1) - here
            slopes[axis] = np.angle(np.sum(weight * np.exp(1j * change)))
            middle = sample.mean_of(sample.positions[axis])
            plane = plane + slopes[axis] * (sample.positions[axis] - middle)
        mean = float(np.angle(np.sum(weight * np.exp(1j * (here - plane)))))
        scatter = sample.median_of(np.abs(wrapped(here - plane - mean)))
        extents = [np.ptp(position[sample.signal]) for position in sample.positions]
        return slopes * extents, mean, scatter


def triples(sample: Sample) -> Iterator[Triple]:
    """All echoes in threes whose distances leave no turns in doubt."""
    spacings = np.diff(sample.scan.echo_times)
    for first, (before, after) in enumerate(zip(spacings, spacings[1:])):
        ratio = round(after / before)
        if ratio >= 1 and abs(after / before - ratio) < _WHOLE * ratio:
            yield Triple(sample, first, ratio)


#: Why what rests on `triples` is not assessed.
_NO_TRIPLE = "It takes three echoes, equally spaced or nearly so."


def share_of_equal_voxels(sample: Sample) -> float | str:
    """Largest share of voxels with signal that are equal in two echoes, of magnitude or of phase, in percent."""
    count = len(sample.scan.echo_times)
    if count < 2:
        return "There is one echo only."
    return 100 * max(
        sample.mean_of(values[a] == values[b])
        for values in (sample.magnitude, sample.phase) for a in range(count) for b in range(a)
    )  # fmt: skip


def largest_growth(sample: Sample) -> float | str:
    """Largest median ratio of the magnitudes of two echoes in a row."""
    if len(sample.magnitude) < 2:
        return "There is one echo only."
    pairs = zip(sample.magnitude, sample.magnitude[1:])
    return max(sample.median_of(later / np.where(sample.signal, earlier, 1)) for earlier, later in pairs)


def unlikeliness_of_decay(sample: Sample) -> float | str:
    """Factor between the median R2* and what is typical of the field strength, not less than 1."""
    if len(sample.magnitude) < 2:
        return "There is one echo only."
    scan = sample.scan
    ratio = sample.median_of(sample.magnitude[-1] / np.where(sample.signal, sample.magnitude[0], 1))
    rate = -np.log(max(ratio, 1e-9)) / (scan.echo_times[-1] - scan.echo_times[0])
    factor = max(rate / (_TYPICAL_RATE * scan.field_strength), 1 / _NO_DECAY)
    return max(factor, 1 / factor)


def largest_scatter(sample: Sample) -> float | str:
    """Largest median deviation of the phase from a straight line over three echoes, a ramp in space aside, in rad."""
    return max((triple.ramp[2] for triple in triples(sample)), default=_NO_TRIPLE)


def difference_of_odd_and_even(sample: Sample) -> float | str:
    """Phase between odd and even echoes over the head, in rad: the largest along an axis, or the mean of all.

    The curvature of three echoes in a row is twice that phase and changes its sign with the first echo. What does not,
    such as motion, cancels as far as there are four echoes.
    """
    found = [triple for triple in triples(sample) if triple.ratio == 1]
    if not found:
        return _NO_TRIPLE
    if max(triple.ramp[2] for triple in found) > _SCATTERED:
        return "The phase is not linear over the echoes for other reasons."
    slopes, mean = (
        np.mean([(-1) ** triple.first * triple.ramp[part] for triple in found], axis=0) for part in (0, 1)
    )
    return float(max(np.abs(slopes).max(), abs(mean))) / 2


def largest_displacement(sample: Sample) -> float | str:
    """Largest rigid motion of an echo against those before and after it, in mm.

    The logarithm of a decaying magnitude is a straight line over the echo times. A displacement of one echo adds to it
    the displacement times the gradient of the logarithm, which six parameters of a rigid motion are fitted to.
    """
    times = sample.scan.echo_times
    if len(times) < 3 or len(sample.axes) < 3:
        return "It takes three echoes, in three dimensions."
    signal = sample.signal
    places = [
        (position[signal] - sample.mean_of(position)) * spacing / _HEAD_RADIUS
        for position, spacing in zip(sample.positions, sample.scan.grid.spacing)
    ]
    largest = 0.0
    for echo in range(1, len(times) - 1):
        before, here, after = np.log(np.maximum(sample.magnitude[echo - 1 : echo + 2, signal], _TINY))
        share = (times[echo + 1] - times[echo]) / (times[echo + 1] - times[echo - 1])
        brightness = sample.magnitude[echo][signal]
        left = (here - share * before - (1 - share) * after) * brightness
        slopes = [
            (sample.magnitude_at(axis, 1, echo) - sample.magnitude_at(axis, -1, echo))[signal] / (2 * spacing)
            for axis, spacing in enumerate(sample.scan.grid.spacing)
        ]
        turns = [places[a] * slopes[b] - places[b] * slopes[a] for a, b in ((1, 2), (2, 0), (0, 1))]
        design = np.stack([*slopes, *turns], axis=1).astype(float)
        weight = 1 / (1 + (left / (3 * np.median(np.abs(left)) + _TINY)) ** 2)
        moved = np.linalg.lstsq(design * weight[:, None], left * weight, rcond=None)[0]
        largest = max(largest, float(np.linalg.norm(moved[:3])), float(np.linalg.norm(moved[3:])))
    return largest


def signal_over_noise(sample: Sample) -> float | str:
    """Mean magnitude of the first echo over the noise in the real and in the imaginary part.

    The noise is that of the curvature over three echoes, of which a difference between neighbors leaves nothing else;
    with fewer echoes, that of the magnitude in the air.
    """
    signal = sample.mean_of(sample.magnitude[0])
    for triple in triples(sample):
        here, own = triple.curvature(), triple.variance()
        variances = [
            sample.median_of(wrapped(triple.curvature(axis, 1) - here) ** 2 / (own + triple.variance(axis, 1)))
            for axis in sample.axes
        ]
        return signal / max(float(np.sqrt(min(variances, default=0) / _MEDIAN_SQUARE)), 1e-6 * signal)
    dark = sample.magnitude[0][~sample.signal]
    noise = float(np.quantile(dark, 0.25)) / _RAYLEIGH_QUARTILE if dark.size > sample.signal.size // 10 else 0.0
    if not 0 < noise < signal / 4:
        return "With fewer than three echoes and no air around the head, the noise cannot be told."
    return signal / noise


CHECKS = (
    (DISTINCT, share_of_equal_voxels),
    (ORDER, largest_growth),
    (DECAY, unlikeliness_of_decay),
    (LINEARITY, largest_scatter),
    (READOUT, difference_of_odd_and_even),
    (MOTION, largest_displacement),
    (SNR, signal_over_noise),
)
