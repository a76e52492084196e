"""Values of one map against those that studies printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .chart import GRAY, Chart, color_of

_HALF_HEIGHT = 0.32


@dataclass(frozen=True)
class ReferenceBar:
    """A value, and the mean and standard deviation that a study printed; NaN where it printed none.

    `comparable` tells whether both are known to be relative to the same region.
    """

    label: str
    value: float
    mean: float
    sd: float
    comparable: bool


def reference_bars(bars: Sequence[ReferenceBar], unit: str) -> Chart:
    """A bar from one standard deviation below to one above each printed mean, and the value of the map.

    Bars that may be relative to another region than the value are gray.
    """
    chart = Chart(f"Mean susceptibility ({unit})", "")
    places = np.arange(len(bars), dtype=float)[::-1]
    labeled: set[bool] = set()
    for place, bar in zip(places, bars):
        color = color_of(0) if bar.comparable else GRAY
        label = f"Published mean and SD, reference {'the same' if bar.comparable else 'unknown or another'}"
        label = "" if bar.comparable in labeled else label
        spread = bar.sd if np.isfinite(bar.sd) else 0.0
        if spread:
            x = np.linspace(bar.mean - spread, bar.mean + spread, 3)
            chart.band(x, np.full(3, place - _HALF_HEIGHT), np.full(3, place + _HALF_HEIGHT), color, opacity=0.3)
        across = np.array([place - _HALF_HEIGHT, place + _HALF_HEIGHT])
        chart.line(np.full(2, bar.mean), across, color, label=label, width=3)
        labeled.add(bar.comparable)
    chart.points(np.array([bar.value for bar in bars]), places, color_of(1), label="This map", marker=1, size=11)
    chart.fit()
    chart.limit(-0.6, len(bars) - 0.4, vertical=True)
    chart.name_ticks([bar.label for bar in bars][::-1], vertical=True)
    return chart
