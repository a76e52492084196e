"""A scatter plot as SVG text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape

_SIZE = 360
_MARGIN = 56


def scatter_plot(points: Mapping[str, tuple[float, float]], x_title: str, y_title: str) -> str:
    """Draw named points and the line of identity.

    Parameters
    ----------
    points : mapping of str to (float, float)
        Name -> (x, y), both axes in the same unit; the name is shown when the mouse is over the point.
    x_title, y_title : str

    Returns
    -------
    str
        An `<svg>` element.
    """
    values = [value for point in points.values() for value in point]
    step = _round_step((max(values) - min(values)) / 4)
    low, high = math.floor(min(values) / step) * step, math.ceil(max(values) / step) * step

    def along(value: float) -> float:
        return _MARGIN + (value - low) / (high - low) * (_SIZE - 2 * _MARGIN)

    def down(value: float) -> float:
        return _SIZE - along(value)

    near, far = _MARGIN, _SIZE - _MARGIN
    parts = [f'<path d="M{near} {far}L{far} {near}" stroke="currentColor" stroke-dasharray="4 4" opacity=".5"/>']
    for number in range(round((high - low) / step) + 1):
        tick = low + number * step
        text = f"{tick:.3g}" if abs(tick) > step / 2 else "0"
        x, y = along(tick), down(tick)
        parts += [
            f'<path d="M{x:.1f} {near}V{far}M{near} {y:.1f}H{far}" stroke="currentColor" opacity=".15"/>',
            f'<text x="{x:.1f}" y="{far + 16}" text-anchor="middle">{text}</text>',
            f'<text x="{near - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>',
        ]
    for name, (x, y) in points.items():
        parts.append(
            f'<circle cx="{along(x):.1f}" cy="{down(y):.1f}" r="4.5" fill="#2f7fd6" fill-opacity=".8">'
            f"<title>{escape(name)}: {y:.4f} (true {x:.4f})</title></circle>"
        )
    middle = _SIZE / 2
    parts += [
        f'<text x="{middle}" y="{_SIZE - 12}" text-anchor="middle">{escape(x_title)}</text>',
        f'<text x="14" y="{middle}" text-anchor="middle" transform="rotate(-90 14 {middle})">{escape(y_title)}</text>',
    ]
    body = "\n".join(parts)
    box = f'width="{_SIZE}" height="{_SIZE}" viewBox="0 0 {_SIZE} {_SIZE}"'
    return f'<svg {box} font-size="12" fill="currentColor">\n{body}\n</svg>'


def _round_step(step: float) -> float:
    """The next larger of 1, 2, 5 times a power of ten."""
    power = 10 ** math.floor(math.log10(step))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step * (1 - 1e-9))
