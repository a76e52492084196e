"""The report of a study: everything that `cohort` and `longitudinal` found, on one page."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from QSMReconstructionCore.report.page import RESEARCH, document, text

from ..figure_data import Figure
from ..findings import Finding
from ..results import Characteristic, StudyResult
from .cells import STYLE, Cell, bullets, interval, probability, table
from .figures import KINDS, framed_figure

#: The columns of results, in the order of `_cells_of`.
_COLUMNS = (
    "Measure", "Region", "Comparison", "Term", "n", "Method", "Statistic", "Estimate [interval]", "Effect [interval]",
    "p", "Adjusted p", "Tests in the family", "Assumptions checked", "Left out", "Remarks",
)  # fmt: skip


def cohort_page(
    result: StudyResult, draw: Callable[[Figure], bytes], progress: Callable[[float, str], None] | None = None
) -> str:
    """The page of a study.

    Parameters
    ----------
    result : StudyResult
    draw : callable
        Makes a PNG file of a figure, such as `charts.drawing.png_of` with a renderer.
    progress : callable, optional
        Called with a fraction and a message before each figure.
    """
    sizes = ", ".join(f"{name} {n}" for name, n in result.groups.items())
    about = " ".join(filter(None, (f"{result.design} study" if result.design else "", f"of {sizes}" if sizes else "")))
    parts = [
        _design(result),
        bullets("Limits of this design", result.limits),
        bullets("Remarks", result.remarks),
        _table_one(result.table_one, tuple(result.groups)),
        *_results(result.findings),
        _omissions(result),
        _pictures(result.figures, draw, progress),
        _descriptives(result),
        _literature(result),
        f"<h2>Provenance</h2>\n<pre>{text(json.dumps(dict(result.provenance), indent=2, ensure_ascii=False))}</pre>\n",
    ]
    lead = f"{about[:1].upper()}{about[1:]}. {RESEARCH}" if about else RESEARCH
    return document(f"{result.protocol}: {result.title}", lead, parts, STYLE)


def _design(result: StudyResult) -> str:
    reference = f"relative to {result.reference}" if result.reference else "relative to what is not known"
    rows = [
        ("Protocol", result.protocol), ("Disease", result.disease), ("Design", result.design),
        ("Published as", result.citation), ("DOI", result.doi),
        ("Susceptibilities", f"in {result.unit}, {reference}"),
    ]  # fmt: skip
    return table("Study", "The design that was followed.", ("Item", "Value"), [row for row in rows if row[1]])


def _table_one(rows: Sequence[Characteristic], groups: tuple[str, ...]) -> str:
    if not rows:
        return "<h2>Table 1</h2>\n<p>The study has no variables to describe its groups by.</p>\n"
    named = tuple(dict.fromkeys((*groups, *(row.group for row in rows))))
    lines: dict[tuple[str, str], dict[str, Characteristic]] = {}
    for row in rows:
        lines.setdefault((row.variable, row.level), {})[row.group] = row
    body = []
    for (variable, level), own in lines.items():
        tested = next((row for row in own.values() if row.test), None)
        cells = [_summary(own[group]) if group in own else "" for group in named]
        test, p = (tested.test, probability(tested.p)) if tested else ("", "")
        body.append((variable, level, *cells, test, p))
    columns = ("Variable", "Level", *named, "Test between groups", "p")
    return table("Table 1", "Who was studied, by group, at the first visit.", columns, body)


def _summary(row: Characteristic) -> str:
    return f"{row.summary}; {row.missing} missing" if row.missing else row.summary


def _results(findings: Sequence[Finding]) -> list[str]:
    """A table for each kind of analysis."""
    if not findings:
        return ["<h2>Results</h2>\n<p>Nothing could be computed; see below what was missing.</p>\n"]
    parts = []
    for analysis in dict.fromkeys(one.analysis for one in findings):
        own = [one for one in findings if one.analysis == analysis]
        levels = ", ".join(dict.fromkeys(f"{one.confidence:.0%}" for one in own if one.confidence == one.confidence))
        tests = sum(one.role == "test" for one in own)
        caption = f"{len(own)} rows, {tests} of them tests that count in their family." + (
            f" Intervals of {levels}, not adjusted." if levels else ""
        )
        heading = analysis.replace("_", " ")
        parts.append(table(f"Results: {heading}", caption, _COLUMNS, map(_cells_of, own), say_once=True))
    return parts


def _cells_of(one: Finding) -> tuple[Cell, ...]:
    df = f" ({one.df})" if one.df else ""
    statistic = f"{one.statistic_name}{df} = {one.statistic:.3g}" if one.statistic == one.statistic else ""
    family = f"{one.family}: {one.family_size}, {one.adjustment}" if one.family_size else one.family
    method = ", ".join(filter(None, (one.method, one.alternative)))
    return (
        one.measure, f"{one.region} {one.side}".strip(), one.comparison, one.term, one.n, method, statistic,
        interval(one.estimate, one.estimate_low, one.estimate_high, one.estimate_name, one.unit),
        interval(one.effect, one.effect_low, one.effect_high, one.effect_name),
        probability(one.p), probability(one.adjusted_p), family, one.assumptions, one.excluded, one.remarks,
    )  # fmt: skip


def _omissions(result: StudyResult) -> str:
    if not result.omissions:
        return "<h2>What the data lacked</h2>\n<p>Everything that the protocol asks for could be computed.</p>\n"
    rows = [(one.analysis, one.measure, f"{one.region} {one.side}".strip(), one.reason) for one in result.omissions]
    caption = "What could not be computed, and why."
    return table("What the data lacked", caption, ("Analysis", "Measure", "Region", "Reason"), rows)


def _pictures(
    figures: Sequence[Figure], draw: Callable[[Figure], bytes], progress: Callable[[float, str], None] | None
) -> str:
    parts = []
    for kind in dict.fromkeys(figure.kind for figure in figures):
        own = []
        for position, figure in enumerate(figures):
            if figure.kind != kind:
                continue
            if progress:
                progress(position / len(figures), f"drawing {figure.name}")
            own.append(framed_figure(figure, draw(figure)))
        inside = "\n".join(own)
        parts.append(f'<h2>{text(KINDS.get(kind, kind))}</h2>\n<div class="pictures">\n{inside}\n</div>\n')
    return "".join(parts)


def _descriptives(result: StudyResult) -> str:
    rows = [
        (one.measure, f"{one.region} {one.side}".strip(), one.group, one.n, one.missing, one.mean, one.sd, one.median,
         one.p25, one.p75, one.minimum, one.maximum, one.unit, one.reference)
        for one in result.descriptives
    ]  # fmt: skip
    columns = (
        "Measure", "Region", "Group", "n", "Missing", "Mean", "SD", "Median", "P25", "P75", "Least", "Greatest", "Unit",
        "Relative to",
    )  # fmt: skip
    return table("Values", "Every measure of each region, side and group.", columns, rows) if rows else ""


def _literature(result: StudyResult) -> str:
    if not result.literature:
        return ""
    rows = [
        (one.measure, f"{one.region} {one.side}".strip(), one.group, one.mean, one.unit,
         f"{one.published:.4g}{f' (SD {one.published_sd:.3g})' if one.published_sd == one.published_sd else ''} "
         f"{one.published_unit}", one.published_group, one.published_n or "", one.difference,
         " ".join(filter(None, (one.source, one.doi))), one.remark)
        for one in result.literature
    ]  # fmt: skip
    columns = (
        "Measure", "Region", "Group", "Mean", "Unit", "Published", "Group there", "n there", "Difference", "Source",
        "Remark",
    )  # fmt: skip
    caption = (
        "Means beside those that studies printed: context, and no diagnosis. Values depend on scanner, reconstruction "
        "and reference region."
    )
    return table("Beside the literature", caption, columns, rows)
