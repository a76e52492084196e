"""Figures of studies (`figure_data.Figure`) as PNG and SVG pictures, drawn by VTK without a window or a display.

`chart` puts points, lines and bands on axes, `by_group` and `by_effect` draw each kind of figure with it, `drawing`
finds the way for a figure, and `rendering` makes files of charts. VTK is imported here and nowhere else in the core.
"""
