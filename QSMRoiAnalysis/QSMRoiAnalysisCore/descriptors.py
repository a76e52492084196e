"""Descriptors of a region beyond mean and percentiles: columns that a table has only where they are asked for.

A descriptor is known by the name of its column. Where it has a parameter, the name carries it, so that a table says by
itself what was computed: `p90`, `trimmed_mean_10`, `fraction_below_70ppb`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from .maps import UNITS
from .sample import Sample

_NAN = float("nan")

#: Tuning constant of the robust mean, at which it keeps 95% of the efficiency of the mean where values are normal.
HUBER_CONSTANT = 1.345

#: The median absolute deviation of normal values is this part of their standard deviation.
_MAD_PER_SD = 0.6744897501960817


@dataclass(frozen=True)
class Descriptor:
    """A column of the table that is computed on request.

    Attributes
    ----------
    name, title, description : str
        Of the column.
    unit : str
        Of the column; the word "map" in it stands for the unit of the row.
    compute : callable
        Takes a `Sample` and returns the entry of the column.
    kind : type
        float or str.
    needs : str
        Argument of `measure` without which the descriptor has no meaning: "noise", "neighbor", "norms",
        "more_affected", "weights", or none.
    of_values : bool
        Whether it describes the values, and so means nothing for a region without any.
    """

    name: str
    title: str
    description: str
    unit: str
    compute: Callable[[Sample], float | str]
    kind: type = float
    needs: str = ""
    of_values: bool = True

    def __call__(self, sample: Sample) -> float | str:
        if not sample.values.size and self.of_values:
            return _NAN if self.kind is float else ""
        return self.kind(self.compute(sample))


def robust_mean(values: np.ndarray) -> float:
    """Mean that values far from the others move only so far: Huber's M-estimate of location.

    Parameters
    ----------
    values : ndarray, shape (n,)
        At least one.

    Returns
    -------
    float
        The m that solves sum(psi((values - m) / s)) = 0, where psi clips at 1.345 and s is the standard deviation that
        the median absolute deviation implies. The median where that deviation is 0.

    References
    ----------
    Huber. Ann Math Stat 1964. 10.1214/aoms/1177703732
    """
    center = float(np.median(values))
    width = HUBER_CONSTANT * float(np.median(np.abs(values - center))) / _MAD_PER_SD
    if width == 0:
        return center
    for _ in range(200):  # the step shrinks at least by the part of values that are clipped
        step = float(np.mean(np.clip(values - center, -width, width)))
        center += step
        if abs(step) <= 1e-12 * width:
            break
    return center


def positive_mean(values: np.ndarray) -> float:
    """Mean of the positive values below the 97th percentile of all; NaN if there is none.

    It is not comparable with a mean of all values, and answers to the practice of IronSmith.
    """
    kept = values[(values > 0) & (values < np.percentile(values, 97))]
    return float(kept.mean()) if kept.size else _NAN


def asymmetry_index(left: float, right: float) -> float:
    """Left minus right in percent of their mean; NaN unless both are positive, where a percentage has a meaning."""
    return 200.0 * (left - right) / (left + right) if left > 0 and right > 0 else _NAN


def descriptor(name: str) -> Descriptor:
    """The descriptor of a column.

    Raises
    ------
    ValueError
        If there is none of this name; the message lists them all.
    """
    if name in DESCRIPTORS:
        return DESCRIPTORS[name]
    for pattern, make in _FAMILIES:
        match = re.fullmatch(pattern, name)
        if match and (found := make(name, float(match[1]))):
            return found
    raise ValueError(
        f"There is no descriptor {name!r}. Choose from {', '.join(DESCRIPTORS)}, or write p90, trimmed_mean_10 "
        "(percent left out at each end), fraction_below_70ppb or fraction_above_70ppb with a number of your own."
    )


def is_descriptor(name: str) -> bool:
    """Whether `descriptor` knows the name."""
    try:
        descriptor(name)
    except ValueError:
        return False
    return True


def _percentile(name: str, percent: float) -> Descriptor | None:
    if not 0 <= percent <= 100:
        return None
    return Descriptor(
        name, f"P{percent:g}", f"Percentile {percent:g}", "map", lambda sample: np.percentile(sample.values, percent)
    )


def _trimmed_mean(name: str, percent: float) -> Descriptor | None:
    if not 0 <= percent < 50:
        return None
    return Descriptor(
        name, f"Trimmed mean {percent:g}%", f"Mean without the lowest and highest {percent:g}% of the values", "map",
        lambda sample: stats.trim_mean(sample.values, percent / 100),
    )


def _fraction(name: str, threshold: float, below: bool) -> Descriptor:
    def fraction(sample: Sample) -> float:
        if sample.unit not in UNITS:
            return _NAN  # a threshold in ppb says nothing about another quantity
        difference = sample.values - threshold / 1000 * UNITS[sample.unit]
        return np.count_nonzero(difference < 0 if below else difference > 0) / sample.values.size

    word = "below" if below else "above"
    return Descriptor(
        name, f"Fraction {word} {threshold:g} ppb", f"Fraction of the voxels {word} {threshold:g} ppb", "", fraction
    )


_NUMBER = r"(-?\d+(?:\.\d+)?)"
_FAMILIES = (
    (rf"p{_NUMBER}", _percentile),
    (rf"trimmed_mean_{_NUMBER}", _trimmed_mean),
    (rf"fraction_below_{_NUMBER}ppb", functools.partial(_fraction, below=True)),
    (rf"fraction_above_{_NUMBER}ppb", functools.partial(_fraction, below=False)),
)


def _spread(function: Callable[[np.ndarray], float]) -> Callable[[Sample], float]:
    """A moment of the shape, which values that are all the same do not have."""
    return lambda sample: function(sample.values) if np.ptp(sample.values) > 0 else _NAN


def _adjusted_skewness(values: np.ndarray) -> float:
    return stats.skew(values, bias=False) if values.size > 2 else _NAN


def _mean_error(sample: Sample) -> float:
    return np.sqrt(np.sum(sample.noise**2)) / sample.noise.size


def _weighted_mean(sample: Sample) -> float:
    return np.average(sample.values, weights=sample.noise**-2.0) if np.all(sample.noise > 0) else _NAN


def _tissue_mean(sample: Sample) -> float:
    return np.average(sample.values, weights=sample.weights) if sample.weights.any() else _NAN


def _side_difference(sample: Sample) -> float:
    left, right = _left_right(sample)
    return left - right


def _left_right(sample: Sample) -> tuple[float, float]:
    if sample.opposite is None or not sample.opposite.size:
        return _NAN, _NAN
    means = float(sample.values.mean()), float(sample.opposite.mean())
    return means if sample.side == "left" else means[::-1]


def _difference(sample: Sample) -> float:
    known = sample.neighbor is not None and sample.neighbor.size
    return sample.values.mean() - sample.neighbor.mean() if known else _NAN


def _high_iron(function: Callable[[Sample], float]) -> Callable[[Sample], float]:
    return lambda sample: _NAN if np.isnan(sample.high_iron_threshold) else function(sample)


def _affected(sample: Sample) -> str:
    if not sample.more_affected or not sample.side:
        return ""
    return "more" if sample.side == sample.more_affected else "less"


def _catalog(entries: Sequence[Descriptor]) -> dict[str, Descriptor]:
    return {entry.name: entry for entry in entries}


#: Every descriptor without a parameter, by the name of its column.
DESCRIPTORS: dict[str, Descriptor] = _catalog([
    Descriptor("minimum", "Minimum", "Smallest value", "map", lambda s: s.values.min()),
    Descriptor("maximum", "Maximum", "Largest value", "map", lambda s: s.values.max()),
    Descriptor("iqr", "IQR", "Interquartile range", "map", lambda s: np.subtract(*np.percentile(s.values, (75, 25)))),
    Descriptor(
        "mad", "MAD", "Median absolute deviation from the median", "map",
        lambda s: np.median(np.abs(s.values - np.median(s.values))),
    ),
    Descriptor(
        "robust_mean", "Robust mean", "Huber's M-estimate of location (c = 1.345)", "map",
        lambda s: robust_mean(s.values),
    ),
    Descriptor(
        "positive_mean", "Positive mean", "Mean of the positive values below the 97th percentile of all", "map",
        lambda s: positive_mean(s.values),
    ),
    Descriptor("skewness", "Skewness", "Adjusted sample skewness (G1)", "", _spread(_adjusted_skewness)),
    Descriptor("skewness_g1", "Skewness g1", "Population skewness (g1)", "", _spread(stats.skew)),
    Descriptor(
        "kurtosis", "Kurtosis", "Population excess kurtosis (g2), 0 for a normal shape", "", _spread(stats.kurtosis)
    ),
    Descriptor(
        "total", "Total", "Sum of the values times the volume of a voxel, a proxy of the total iron", "map mm3",
        lambda s: s.values.sum() * s.voxel_volume,
    ),
    Descriptor(
        "noise", "Noise", "Root mean square of the noise of the voxels", "map",
        lambda s: np.sqrt(np.mean(s.noise**2)), needs="noise",
    ),
    Descriptor(
        "mean_error", "Error of the mean",
        "Standard error of the mean from the noise of the voxels; a lower bound, because noise of neighbors is shared",
        "map", _mean_error, needs="noise",
    ),
    Descriptor(
        "snr", "SNR", "Mean in units of the noise of a voxel", "",
        lambda s: s.values.mean() / np.sqrt(np.mean(s.noise**2)) if s.noise.any() else _NAN, needs="noise",
    ),
    Descriptor(
        "weighted_mean", "Weighted mean", "Mean with weights of 1 / noise^2", "map", _weighted_mean, needs="noise"
    ),
    Descriptor(
        "tissue_mean", "Tissue mean", "Mean with the part of each voxel that is tissue as weight (partial volume)",
        "map", _tissue_mean, needs="weights",
    ),
    Descriptor(
        "tissue_voxels", "Tissue voxels", "Sum of the parts of the voxels that are tissue", "",
        lambda s: s.weights.sum(), needs="weights",
    ),
    Descriptor(
        "neighbor", "Neighbor", "Region whose mean is subtracted in the difference", "", lambda s: s.neighbor_name, str,
        "neighbor",
    ),
    Descriptor(
        "neighbor_difference", "Minus neighbor", "Mean minus that of the neighbor", "map", _difference, needs="neighbor"
    ),
    Descriptor(
        "side_difference", "Left minus right", "Mean of the left side minus that of the right", "map", _side_difference
    ),
    Descriptor(
        "asymmetry_index", "Asymmetry", "Left minus right in percent of their mean, where both are positive", "%",
        lambda s: asymmetry_index(*_left_right(s)),
    ),
    Descriptor(
        "affected", "Affected", "more or less: the side of the brain that the disease affects", "", _affected, str,
        "more_affected", of_values=False,
    ),
    Descriptor(
        "edge_distance_mm", "Edge distance",
        "Smallest distance of the measured voxels from the edge of the mask, near which maps are least reliable", "mm",
        lambda s: s.edge_distance,
    ),
    Descriptor(
        "erosion_mm", "Erosion", "What was taken off the surface of the region", "mm", lambda s: s.erosion,
        of_values=False,
    ),
    Descriptor(
        "rii_threshold", "High-iron threshold", "Upper 95% prediction limit of the norm at the age", "map",
        lambda s: s.high_iron_threshold, needs="norms",
    ),
    Descriptor(
        "rii_voxels", "High-iron voxels", "Voxels beyond the threshold of high iron", "",
        _high_iron(lambda s: s.high_iron.size), needs="norms",
    ),
    Descriptor(
        "rii_volume_mm3", "High-iron volume", "Volume beyond the threshold of high iron", "mm3",
        _high_iron(lambda s: s.high_iron.size * s.voxel_volume), needs="norms",
    ),
    Descriptor(
        "rii_mean", "High-iron mean", "Mean of the voxels beyond the threshold of high iron", "map",
        _high_iron(lambda s: s.high_iron.mean() if s.high_iron.size else _NAN), needs="norms",
    ),
    Descriptor(
        "rii_total", "High-iron total", "Sum of the high-iron values times the volume of a voxel", "map mm3",
        _high_iron(lambda s: s.high_iron.sum() * s.voxel_volume), needs="norms",
    ),
])
