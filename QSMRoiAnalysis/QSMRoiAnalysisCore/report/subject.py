"""The report of one map: its regions in numbers and pictures, beside values that studies printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

import numpy as np

from QSMReconstructionCore import __version__
from QSMReconstructionCore.report.page import RESEARCH, document, image, text
from QSMReconstructionCore.report.pictures import Picture, middle_of, picture_of

from ..figure_data import Figure
from ..maps import UNITS, SusceptibilityMap
from ..measures import Measurement
from ..norm_comparison import DO_NOT_DIAGNOSE, NormComparison
from ..reference_values import compare_with_literature
from ..regions import Region
from ..results import Descriptive, LiteratureComparison
from .cells import STYLE, probability, table
from .figures import framed_figure

#: More pictures than this make a page that nobody looks through.
MOST_PICTURES = 24

WARNING = (
    "Do not diagnose from this page. Printed values depend on scanner, reconstruction, reference region and the "
    "subjects of the study; no cut-off transfers from one to another."
)
_NAN = float("nan")


def beside_healthy(rows: Sequence[Measurement]) -> tuple[LiteratureComparison, ...]:
    """The means of regions beside those that studies printed for healthy subjects.

    Parameters
    ----------
    rows : sequence of Measurement
        Of one map, as `measure` gives them.
    """
    means = [
        Descriptive(
            measure="mean", region=row.region, side=row.side, group="HC", n=1, missing=0, mean=row.mean, sd=_NAN,
            median=_NAN, p25=_NAN, p75=_NAN, minimum=_NAN, maximum=_NAN, unit=row.unit, reference=row.reference,
        )
        for row in rows if row.unit in UNITS and np.isfinite(row.mean)
    ]  # fmt: skip
    return compare_with_literature(means)


def in_unit_of_map(one: LiteratureComparison, value: float) -> float:
    """A published value, or its spread, in the unit of the map."""
    return value * UNITS[one.unit] / UNITS[one.published_unit]


def region_pictures(susceptibility: SusceptibilityMap, regions: Sequence[Region]) -> list[Picture]:
    """The outlines of each structure on the map in three planes through its largest part; at most `MOST_PICTURES`.

    Parameters
    ----------
    susceptibility : SusceptibilityMap
    regions : sequence of Region
        On the grid of the map; left and right of one structure share a picture, empty ones have none.
    """
    by_structure: dict[str, list[Region]] = {}
    for region in regions:
        if region.inside.any():
            by_structure.setdefault(region.structure, []).append(region)
    shown = _filled(susceptibility.values)
    values = (susceptibility.values[shown] / UNITS[susceptibility.unit]).astype(np.float32)
    grid = replace(susceptibility.grid, shape=values.shape)  # pictures need no origin
    pictures = []
    for structure, parts in list(by_structure.items())[:MOST_PICTURES]:
        outlined = np.zeros(susceptibility.values.shape, bool)
        for part in parts:
            outlined[part.box] |= part.inside
        largest = max(parts, key=lambda part: np.count_nonzero(part.inside))
        inside = middle_of(largest.inside)
        places = zip(largest.box, inside, shown)
        center = [int(np.clip(box.start + place - part.start, 0, part.stop - part.start - 1))
                  for box, place, part in places]  # fmt: skip
        pictures.append(picture_of(values, grid, center, title=structure, outlined=outlined[shown]))
    return pictures


def _filled(values: np.ndarray) -> tuple[slice, slice, slice]:
    """The box of the voxels that are neither 0 nor NaN, such as the brain; everything if there are none."""
    filled = np.nan_to_num(values) != 0
    if not filled.any():
        return tuple(slice(0, length) for length in values.shape)
    ends = [np.flatnonzero(filled.any(axis=tuple({0, 1, 2} - {axis})))[[0, -1]] for axis in range(3)]
    return tuple(slice(int(first), int(last) + 1) for first, last in ends)


def subject_page(
    rows: Sequence[Measurement],
    comparisons: Sequence[LiteratureComparison],
    bars: bytes | None,
    pictures: Sequence[Picture] = (),
    omitted: int = 0,
    norms: Sequence[NormComparison] = (),
    charts: Sequence[tuple[Figure, bytes]] = (),
) -> str:
    """The page of one map.

    Parameters
    ----------
    rows : sequence of Measurement
    comparisons : sequence of LiteratureComparison
        As `beside_healthy`.
    bars : bytes, optional
        PNG file of `charts.reference_bars`, where there is anything to compare.
    pictures : sequence of Picture
        As `region_pictures`.
    omitted : int
        Structures that have no picture because there are too many.
    norms : sequence of NormComparison
        As `norm_comparison.beside_norms`.
    charts : sequence of (Figure, bytes)
        Its figures, with PNG files of them.
    """
    maps = ", ".join(dict.fromkeys(PurePath(row.map).name for row in rows))
    references = ", ".join(dict.fromkeys(row.reference or "what is not known" for row in rows if row.unit in UNITS))
    lead = f"{len(rows)} rows, relative to {references}. {RESEARCH}" if references else f"{len(rows)} rows. {RESEARCH}"
    parts = [
        f"<p><strong>{text(WARNING)}</strong></p>\n",
        _values(rows),
        _norms(norms, charts),
        _bars(bars),
        _comparisons(comparisons),
        _pictures(pictures, omitted),
        f"<h2>Provenance</h2>\n<p>QSMRoiAnalysisCore {text(__version__)}; map {text(maps)}.</p>\n",
    ]
    return document(f"Regions of {maps}", lead, parts, STYLE)


def _values(rows: Sequence[Measurement]) -> str:
    columns = (
        "Region", "Mean", "SD", "Median", "P5", "P95", "Unit", "Voxels", "Volume (mm3)", "Coverage",
        "Relative to", "Map",
    )  # fmt: skip
    cells = [
        (f"{row.region} {row.side}".strip(), row.mean, row.sd, row.median, row.p5, row.p95, row.unit, row.voxels,
         row.volume_mm3, row.coverage, row.reference, row.map)
        for row in rows
    ]  # fmt: skip
    return table("Values", "Over the voxels of each region that lie inside the mask.", columns, cells, say_once=True)


def _norms(norms: Sequence[NormComparison], charts: Sequence[tuple[Figure, bytes]]) -> str:
    if not norms:
        return ""
    columns = (
        "Region", "Age", "Mean", "Norm", "95 % of controls", "z", "p", "Controls", "Their ages", "Unit", "Relative to",
        "Controls relative to", "Do not diagnose", "Remark",
    )  # fmt: skip
    rows = [
        (f"{one.region} {one.side}".strip(), one.age, one.mean, one.expected, f"{one.low:.4g} to {one.high:.4g}",
         f"{one.z:.2f}" if one.z == one.z else "", probability(one.p), one.n, f"{one.youngest:g} to {one.oldest:g}",
         one.unit, one.reference or "not known", one.norm_reference or "not known", one.do_not_diagnose, one.remark)
        for one in norms
    ]  # fmt: skip
    caption = (
        "Mean of each region beside the straight line over age that controls make. z counts prediction standard "
        "deviations; p (Crawford and Howell) is two-sided and not adjusted for the number of regions. "
        f"{DO_NOT_DIAGNOSE}"
    )
    figures = "\n".join(framed_figure(figure, png) for figure, png in charts)
    values = table("Against the norm of the age", caption, columns, rows)
    return f'{values}<div class="pictures">\n{figures}\n</div>\n'


def _bars(png: bytes | None) -> str:
    heading = "<h2>Against published values</h2>\n"
    if png is None:
        return f"{heading}<p>No study in the table of reference values printed means of these regions.</p>\n"
    caption = (
        "Mean of each region against means and standard deviations of healthy subjects, one bar for each study in the "
        "order of the table below. What gray bars are relative to is not known, or differs: their distance from the "
        "value means nothing by itself."
    )
    return f'{heading}<figure>{image(png, caption, "chart")}<figcaption>{text(caption)}</figcaption></figure>\n'


def _comparisons(comparisons: Sequence[LiteratureComparison]) -> str:
    if not comparisons:
        return ""
    columns = (
        "Region", "Mean", "Published mean", "SD", "n there", "Difference", "Unit", "Do not diagnose", "Source",
        "Remark",
    )  # fmt: skip
    rows = [
        (f"{one.region} {one.side}".strip(), one.mean, in_unit_of_map(one, one.published),
         in_unit_of_map(one, one.published_sd), one.published_n or "", one.difference, one.unit, one.do_not_diagnose,
         " ".join(filter(None, (one.source, one.doi))), one.remark)
        for one in comparisons
    ]  # fmt: skip
    return table("Published values of healthy subjects", WARNING, columns, rows)


def _pictures(pictures: Sequence[Picture], omitted: int) -> str:
    if not pictures:
        return ""
    figures = "\n".join(
        f"<figure>{image(one.png, one.caption)}<figcaption>{text(one.caption)}</figcaption></figure>"
        for one in pictures
    )
    about = (
        "Outlines on the map: axial, coronal and sagittal slice through the larger part of each structure. The "
        "patient's right is on the left; in the sagittal slice, the front is on the left."
    )
    if omitted:
        about += f" {omitted} more structures have no picture here."
    return f'<h2>Regions</h2>\n<p>{text(about)}</p>\n<div class="pictures">\n{figures}\n</div>\n'
