"""Figures whose points are subjects: distributions, scatter, trajectories and agreement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import gaussian_kde

from ..figure_data import Figure, Series
from .chart import GRAY, Chart, color_of

#: Fewer values than this have no shape to speak of.
_FEWEST_FOR_SHAPE = 8
#: Half widths of violin, box and spread of points, where groups lie 1 apart.
_VIOLIN, _BOX, _JITTER = 0.38, 0.09, 0.06


def violins(figure: Figure) -> Chart:
    """For each group every value, the box of its quartiles, and, where it is large enough, its density."""
    chart = Chart(figure.x_title, figure.y_title)
    for number, one in enumerate(figure.series):
        y, color = one.y[np.isfinite(one.y)], color_of(number)
        if y.size == 0:
            continue
        if y.size >= _FEWEST_FOR_SHAPE and np.ptp(y) > 0:
            at = np.linspace(y.min(), y.max(), 80)
            density = gaussian_kde(y)(at)
            half = _VIOLIN * density / density.max()
            outline = np.concatenate([number - half, (number + half)[::-1], [number - half[0]]])
            chart.line(outline, np.concatenate([at, at[::-1], at[:1]]), color, width=2.5)
        # Golden-ratio steps spread neighbors apart, and the picture is the same each time.
        aside = number + 2 * _JITTER * (np.arange(y.size) * 0.618034 % 1 - 0.5)
        chart.points(aside, y, color, label=f"{one.name} (n = {y.size})", marker=number, size=7, opacity=0.6)
        _box(chart, number, y)
    chart.fit(horizontal=False)
    chart.limit(-0.6, len(figure.series) - 0.4)
    chart.name_ticks([one.name for one in figure.series])
    return chart


def _box(chart: Chart, place: float, y: np.ndarray) -> None:
    low, middle, high = np.percentile(y, (25, 50, 75))
    left, right = place - _BOX, place + _BOX
    chart.line(np.array([left, right, right, left, left]), np.array([low, low, high, high, low]), (0, 0, 0))
    chart.line(np.array([left, right]), np.array([middle, middle]), (0, 0, 0), width=4)


def scatter(figure: Figure) -> Chart:
    """Points by group, a single one larger, and a line with its limits."""
    chart = Chart(figure.x_title, figure.y_title)
    for one in figure.series:
        if one.line and one.low.size:
            chart.band(one.x, one.low, one.high, GRAY)
    points = [one for one in figure.series if not one.line]
    for number, one in enumerate(points):
        label, size = (f"{one.name} (n = {one.y.size})", 8) if one.y.size > 1 else (one.name, 14)
        chart.points(one.x, one.y, color_of(number), label=label, marker=number, size=size)
    for one in figure.series:
        if one.line:
            chart.line(one.x, one.y, (0, 0, 0), label=one.name)
    chart.fit()
    return chart


def trajectories(figure: Figure) -> Chart:
    """A thin line for each subject, and for each group a thick one through the means of its visits."""
    chart = Chart(figure.x_title, figure.y_title)
    groups: dict[str, list[Series]] = {}
    for one in figure.series:
        groups.setdefault(one.group, []).append(one)
    for number, lines in enumerate(groups.values()):
        for one in lines:
            if one.x.size > 1:
                chart.line(one.x, one.y, color_of(number), width=1, opacity=0.35)
            else:
                chart.points(one.x, one.y, color_of(number), size=5, opacity=0.35)
    for number, (group, lines) in enumerate(groups.items()):
        x, y = _means_of_visits(lines)
        label = f"{group or 'all'} (n = {len(lines)}), mean of each visit"
        chart.line(x, y, color_of(number), label=label, width=4)
        chart.points(x, y, color_of(number), marker=number, size=11)
    chart.fit()
    return chart


def _means_of_visits(lines: Sequence[Series]) -> tuple[np.ndarray, np.ndarray]:
    """Mean time and value of all first visits, all second visits, and so on, where at least two subjects have one."""
    longest = max(one.x.size for one in lines)
    by_visit = [[(one.x[i], one.y[i]) for one in lines if one.x.size > i] for i in range(longest)]
    means = [np.mean(visit, axis=0) for visit in by_visit if len(visit) > 1 or len(lines) == 1]
    return tuple(np.array(means).reshape(-1, 2).T)


def agreement(figure: Figure) -> Chart:
    """Differences over means, with the bias and the limits of agreement."""
    chart = Chart(figure.x_title, figure.y_title)
    for one in figure.series:
        if not one.line:
            chart.points(one.x, one.y, color_of(0), label=f"{one.name} (n = {one.y.size})")
            continue
        chart.line(one.x, one.y, (0, 0, 0), label="bias")
        chart.line(one.x, one.low, color_of(1), label=one.name, dashed=True)
        chart.line(one.x, one.high, color_of(1), dashed=True)
    chart.fit()
    return chart
