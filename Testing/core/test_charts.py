"""Figures become pictures that show what is in them, whatever the texts in them are."""

import struct
import xml.etree.ElementTree as ElementTree
import zlib

import numpy as np
import pytest

from QSMRoiAnalysisCore.charts import drawing
from QSMRoiAnalysisCore.charts.chart import GRAY, PALETTE, Chart, drawable
from QSMRoiAnalysisCore.charts.reference_bars import ReferenceBar, reference_bars
from QSMRoiAnalysisCore.charts.rendering import WIDTH, Renderer
from QSMRoiAnalysisCore.figure_data import FIGURES, Figure, series

HOSTILE = "$x$ <script>alert(1)</script> & \u03c7 \u6f22 \x00\n\"'"


@pytest.fixture(scope="module")
def renderer():
    return Renderer()


def figure(kind, *drawn, title="Mean (ppb)"):
    return Figure(kind, f"{kind}_mean", "Substantia nigra", title, title, "", drawn)


def examples(name="HC"):
    random = np.random.default_rng(0)
    x, labels = np.arange(10.0), [f"{name} {i}" for i in range(10)]
    y, line = random.normal(100, 10, 10), np.linspace(0, 9, 20)
    return {
        "violin": figure("violin", series(name, np.zeros(10), y), series("PD", np.ones(3), y[:3])),
        "scatter": figure(
            "scatter", series(name, x, y), series("fit", line, line + 95, low=line + 90, high=line + 99, line=True)
        ),
        "norm": figure(
            "norm", series(name, x, y), series("this map", [4], [120]),
            series("norm", line, line + 95, low=line + 80, high=line + 110, line=True),
        ),
        "roc": figure("roc", series(name, [0, 0, 1], [0, 0.7, 1], line=True)),
        "forest": figure("forest", series(name, range(10), y, low=y - 5, high=y + 5, labels=labels)),
        "trajectory": figure(
            "trajectory", *(series(f"s{i}", [0, 1, 2], y[i : i + 3], group=name, line=True) for i in range(5))
        ),
        "heat_map": figure("heat_map", *(series(f"row {i}", range(2), [1, -1], labels=[name, "age"]) for i in (0, 1))),
        "bland_altman": figure(
            "bland_altman", series(name, y, x), series("limits", [80, 120], [4, 4], low=[0, 0], high=[9, 9], line=True)
        ),
    }  # fmt: skip


def pixels_of(png):
    """Pixels of a file of `as_png`, whose rows are not filtered."""
    assert png.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", png[16:24])
    length = struct.unpack(">I", png[33:37])[0]
    rows = np.frombuffer(zlib.decompress(png[41 : 41 + length]), np.uint8).reshape(height, 1 + 3 * width)
    return rows[:, 1:].reshape(height, width, 3)


def count(pixels, color):
    return np.count_nonzero((np.abs(pixels.astype(int) - color) < 12).all(axis=-1))


def test_there_is_a_way_to_draw_every_kind_of_figure():
    assert set(examples()) == set(FIGURES)


@pytest.mark.parametrize("kind", FIGURES)
def test_pictures_show_the_data_in_their_color_on_white(renderer, kind):
    pixels = pixels_of(drawing.png_of(examples()[kind], renderer))
    assert pixels.shape[1] == WIDTH and (pixels[:3] == 255).all()
    assert count(pixels, PALETTE[0]) > 100
    assert count(pixels, (0, 0, 0)) > 300  # letters and axes


@pytest.mark.parametrize("kind", FIGURES)
def test_vector_pictures_hold_shapes_and_no_text_from_outside(renderer, kind):
    content = drawing.svg_of(examples(HOSTILE)[kind], renderer)
    root = ElementTree.fromstring(content)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert "path" in tags and not tags & {"script", "text", "foreignObject", "image"}
    assert b"alert" not in content


@pytest.mark.parametrize("kind", FIGURES)
def test_hostile_texts_and_numbers_that_are_not_finite_are_drawn(renderer, kind):
    one = examples(HOSTILE)[kind]
    first = one.series[0]
    y = first.y.copy()
    y[-1] = np.nan
    holed = series(first.name, first.x, y, low=first.low, high=first.high, labels=first.labels, group=first.group,
                   line=first.line)  # fmt: skip
    assert count(pixels_of(drawing.png_of(figure(kind, holed, *one.series[1:], title=HOSTILE), renderer)), PALETTE[0])


def test_the_same_figure_is_the_same_picture_after_another(renderer):
    first = drawing.png_of(examples()["violin"], renderer)
    drawing.png_of(examples()["heat_map"], renderer)
    assert drawing.png_of(examples()["violin"], renderer) == first


def test_a_violin_stands_at_its_values(renderer):
    """Of two groups, that with the greater values stands higher."""
    low, high = series("HC", np.zeros(30), np.linspace(0, 10, 30)), series("PD", np.ones(30), np.linspace(90, 100, 30))
    pixels = pixels_of(drawing.png_of(figure("violin", low, high), renderer))[80:]  # below the legend
    heights = [np.mean(np.nonzero((np.abs(pixels.astype(int) - PALETTE[i]) < 12).all(axis=-1))[0]) for i in (0, 1)]
    assert heights[1] + 250 < heights[0]


def test_the_first_estimate_of_a_forest_is_on_top_and_rows_have_room(renderer):
    y = np.arange(60.0)
    one = figure("forest", series("g", y, y, low=y - 1, high=y + 1, labels=[f"Region {i}" for i in range(60)]))
    pixels = pixels_of(drawing.png_of(one, renderer))
    assert len(pixels) > 60 * 20
    rows, columns = np.nonzero((np.abs(pixels.astype(int) - PALETTE[0]) < 12).all(axis=-1))
    assert np.corrcoef(rows, columns)[0, 1] > 0.99


def test_negative_and_positive_coefficients_have_colors_of_their_own(renderer):
    def shown(value):
        row = series("row", range(2), [value, value], labels=["a", "b"])
        pixels = pixels_of(drawing.png_of(figure("heat_map", row), renderer))[150:]  # below the legend
        return [count(pixels, PALETTE[i]) > 10000 for i in (0, 1)]

    assert shown(-1.0) == [True, False] and shown(1.0) == [False, True] and shown(np.nan) == [False, False]


def test_letters_that_the_font_lacks_do_not_vanish():
    assert drawable("\u03c7 (ppb) \xb1 5") == "chi (ppb) \xb1 5"
    assert drawable("\u6f22$x$\n\x00") == "?SxS  "
    assert len(drawable("a" * 500)) == 40


@pytest.mark.parametrize("comparable", [True, False])
def test_only_bars_that_compare_with_the_value_have_a_color(renderer, comparable):
    bars = [ReferenceBar("SN", 120.0, 98.0, 12.0, comparable), ReferenceBar("SN", 120.0, 90.0, np.nan, comparable)]
    pixels = pixels_of(renderer.png(reference_bars(bars, "ppb")))[80:]  # below the legend
    # Letters have gray edges, but fewer than the bars have pixels.
    assert [count(pixels, color) > 400 for color in (PALETTE[0], GRAY)] == [comparable, not comparable]
    value, mean = (np.median(np.nonzero((np.abs(pixels.astype(int) - color) < 12).all(axis=-1))[1])
                   for color in (PALETTE[1], PALETTE[0] if comparable else GRAY))  # fmt: skip
    assert value > mean + 200


@pytest.mark.parametrize("values", [[5.0, 5.0], [0.0, 1e-9], [-1e6, 1e6], [np.nan, 3.0], [np.nan, np.nan]])
def test_any_range_of_values_has_axes(renderer, values):
    chart = Chart("x", "y")
    chart.points(np.arange(2.0), np.array(values), PALETTE[0])
    chart.fit()
    assert count(pixels_of(renderer.png(chart)), (0, 0, 0)) > 300


@pytest.mark.parametrize(("one", "message"), [
    (figure("pie", series("a", [0], [1])), "'pie'; choose one of violin"),
    (figure("violin"), "nothing to draw"),
])  # fmt: skip
def test_what_cannot_be_drawn_is_named(one, message):
    with pytest.raises(ValueError, match=message):
        drawing.chart_of(one)
