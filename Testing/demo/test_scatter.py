"""The scatter plot."""

import re

import pytest

from demo.scatter import _round_step, scatter_plot


def circles(svg):
    return [tuple(map(float, found)) for found in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg)]


def test_points_on_the_identity_line_lie_on_the_diagonal():
    svg = scatter_plot({"a": (-0.1, -0.1), "b": (0.03, 0.03), "c": (0.2, 0.2)}, "x", "y")
    for x, y in circles(svg):
        assert x + y == pytest.approx(360, abs=0.2)


def test_larger_values_are_further_right_and_higher():
    (x1, y1), (x2, y2) = circles(scatter_plot({"a": (0.0, 0.1), "b": (0.1, 0.2)}, "x", "y"))
    assert x2 > x1 and y2 < y1


def test_names_are_escaped():
    svg = scatter_plot({"<b>&": (0, 0), "c": (1, 1)}, "<x>", "y")
    assert "<b>" not in svg and "<x>" not in svg
    assert "&lt;b&gt;&amp;" in svg


@pytest.mark.parametrize(("step", "rounded"), [(0.03, 0.05), (0.05, 0.05), (0.051, 0.1), (1.2, 2), (9, 10)])
def test_axes_have_round_steps(step, rounded):
    assert _round_step(step) == pytest.approx(rounded)
