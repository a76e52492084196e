"""The figures of a study, as data to be drawn."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from .analyses.norms import fit_norm
from .analyses.selection import roles
from .figure_data import Figure, Series, series
from .findings import Finding
from .norm_comparison import DO_NOT_DIAGNOSE, norm_series
from .statistics.roc import roc_curve
from .study import Study, Target

#: More figures of one kind than this tell a reader less, not more.
MOST_OF_A_KIND = 40


def figures_of(study: Study, findings: Sequence[Finding]) -> tuple[Figure, ...]:
    """The kinds of figures that the protocol names, of all that can be drawn."""
    makers = {
        "violin": _violins, "scatter": _scatters, "roc": _curves, "forest": _forests, "trajectory": _trajectories,
        "heat_map": _heat_maps, "bland_altman": _agreements, "norm": _norms,
    }  # fmt: skip
    found: list[Figure] = []
    for kind in study.protocol.figures:
        found += makers[kind](study, findings)[:MOST_OF_A_KIND]
    return tuple(found)


def _present(study: Study) -> list[tuple[Target, np.ndarray]]:
    found = []
    for target in study.targets():
        try:
            values = study.values(target)
        except ValueError:
            continue  # named among what is missing
        if np.any(np.isfinite(values)):
            found.append((target, values))
    return found


def _groups(study: Study) -> list[str]:
    groups = study.groups()
    return [one.label for one in study.protocol.groups if np.any(groups == one.label)]


def _title(study: Study, target: Target) -> str:
    unit = study.cohort.unit_of(target.measure)
    name = target.measure.replace("_", " ")
    return f"{name} ({unit})" if unit else name


def _of(target: Target) -> str:
    return f"{target.structure} {target.side}".strip()


def _name(kind: str, *parts: str) -> str:
    """A name that can be that of a file."""
    return re.sub(r"\W+", "_", "_".join((kind, *filter(None, parts)))).strip("_").lower()


def _p_of(findings: Sequence[Finding], target: Target, analyses: Sequence[str]) -> str:
    for one in findings:
        same = (one.measure, one.region, one.side) == (target.measure, target.structure, target.side)
        if same and one.analysis in analyses and one.role == "test":
            effect = f"{one.effect_name} {one.effect:.2f}, " if np.isfinite(one.effect) else ""
            return f"{one.method}: {effect}p = {one.p:.2g}, adjusted {one.adjusted_p:.2g} over {one.family_size} tests."
    return ""


def _violins(study: Study, findings: Sequence[Finding]) -> list[Figure]:
    groups, names = study.groups(), _groups(study)
    figures = []
    for target, values in _present(study):
        samples = [(name, values[(groups == name) & np.isfinite(values)]) for name in names]
        samples = [(name, own) for name, own in samples if own.size]
        if not samples:
            continue
        drawn = tuple(series(name, np.full(own.size, i), own, group=name) for i, (name, own) in enumerate(samples))
        caption = _p_of(findings, target, ("group_comparison", "adjusted_comparison", "norm_deviation"))
        name = _name("violin", target.measure, _of(target))
        figures.append(Figure("violin", name, _of(target), "Group", _title(study, target), caption, drawn))
    return figures


def _scatters(study: Study, findings: Sequence[Finding]) -> list[Figure]:
    figures = []
    for target, values in _present(study):
        for one in findings:
            same = (one.measure, one.region, one.side) == (target.measure, target.structure, target.side)
            variable = one.comparison.removeprefix("with ") if one.analysis == "correlation" else one.term
            if not same or one.analysis not in ("correlation", "regression") or not _is_number(study, variable):
                continue
            x = study.numbers(variable)
            points = [
                series(name, x[inside], values[inside], group=name)
                for name, inside in _parts(study, np.isfinite(x) & np.isfinite(values)) if inside.any()
            ]
            line = _fitted_line(np.concatenate([p.x for p in points]), np.concatenate([p.y for p in points]))
            value = one.effect if one.effect_name else one.statistic
            statistic = f"{one.effect_name or one.statistic_name} {value:.2f}"
            caption = f"{one.method}: {statistic}, p = {one.p:.2g}, adjusted {one.adjusted_p:.2g}."
            drawn = (*points, *((line,) if line else ()))
            name = _name("scatter", target.measure, _of(target), variable)
            figures.append(Figure("scatter", name, _of(target), variable, _title(study, target), caption, drawn))
    return figures


def _is_number(study: Study, variable: str) -> bool:
    known = study.protocol.variables.get(variable)
    return known is not None and known.kind == "number"


def _parts(study: Study, present: np.ndarray):
    groups, names = study.groups(), _groups(study)
    return [(name, present & (groups == name)) for name in names] if names else [("all", present)]


def _fitted_line(x: np.ndarray, y: np.ndarray) -> Series | None:
    """Least-squares line with the 95 % limits of the mean."""
    if x.size < 3 or np.ptp(x) == 0:
        return None
    slope, intercept = np.polyfit(x, y, 1)
    at = np.linspace(x.min(), x.max(), 50)
    spread = np.sqrt(np.sum((y - intercept - slope * x) ** 2) / (x.size - 2))
    half = 1.96 * spread * np.sqrt(1 / x.size + (at - x.mean()) ** 2 / np.sum((x - x.mean()) ** 2))
    line = intercept + slope * at
    return series("fit, 95 % limits of the mean", at, line, low=line - half, high=line + half, line=True)


def _norms(study: Study, findings: Sequence[Finding]) -> list[Figure]:
    """Subjects over age, beside the norm that the controls make."""
    kinds = ("norm_deviation", "abnormality")
    tested = {(one.measure, one.region, one.side) for one in findings if one.analysis in kinds}
    plan = next((test.parameters for test in study.protocol.tests if test.kind in kinds), {})
    age, groups = plan.get("age", "age"), study.groups()
    figures = []
    for target, values in _present(study):
        if (target.measure, target.structure, target.side) not in tested:
            continue
        years = study.numbers(age)
        present = np.isfinite(years) & np.isfinite(values)
        _, controls = roles(study, tuple(plan.get("cases", ())), tuple(plan.get("controls", ())))
        inside = np.isin(groups, controls) & present
        norm = fit_norm(years[inside], values[inside], plan.get("shape", "linear"))
        parts = [(name, own) for name, own in _parts(study, present) if own.any()]
        points = [series(name, years[own], values[own], group=name) for name, own in parts]
        drawn = (*points, norm_series(norm, years[present].min(), years[present].max()))
        low, high = norm.ages
        caption = (
            f"Norm of {np.count_nonzero(inside)} controls of {low:g} to {high:g} years. {DO_NOT_DIAGNOSE} "
            + _p_of(findings, target, kinds)
        ).strip()
        name = _name("norm", target.measure, _of(target))
        figures.append(Figure("norm", name, _of(target), "Age (years)", _title(study, target), caption, drawn))
    return figures


def _curves(study: Study, findings: Sequence[Finding]) -> list[Figure]:
    groups = study.groups()
    positive, negative = (np.isin(groups, study.protocol.labels_of(role)) for role in ("case", "control"))
    found = [one for one in findings if one.analysis == "roc" and one.term == "area"]
    areas = {(one.measure, one.region, one.side): one for one in found}
    figures = []
    by_region: dict[str, list[Series]] = {}
    for target, values in _present(study):
        area = areas.get((target.measure, target.structure, target.side))
        if area is None:
            continue
        # The finding does not say which direction its rule had; the curve with its area has the same.
        both = [roc_curve(values[positive], values[negative], higher_is_positive=higher) for higher in (True, False)]
        curve = min(both, key=lambda one: abs(one.area.value - area.effect))
        limits = f"[{area.effect_low:.2f}, {area.effect_high:.2f}]"
        label = f"{target.measure} ({area.n}), AUC {area.effect:.2f} {limits}"
        by_region.setdefault(_of(target), []).append(
            series(label, 1 - curve.specificity, curve.sensitivity, line=True)
        )
    for region, drawn in by_region.items():
        caption = "Areas with DeLong's interval."
        name = _name("roc", region)
        figures.append(Figure("roc", name, region, "1 - specificity", "Sensitivity", caption, tuple(drawn)))
    return figures


def _forests(study: Study, findings: Sequence[Finding]) -> list[Figure]:
    figures = []
    kinds = ("group_comparison", "adjusted_comparison", "regression", "mixed_model", "meta_analysis")
    keys = dict.fromkeys(
        (one.analysis, one.measure, one.comparison if one.analysis != "regression" else one.term, one.term)
        for one in findings if one.analysis in kinds
    )
    for analysis, measure, comparison, term in keys:
        rows = [
            one for one in findings
            if one.analysis == analysis and one.measure == measure and one.term == term
            and (analysis == "regression" or one.comparison == comparison)
        ]
        by_effect = all(np.isfinite(one.effect_low) for one in rows)
        if not rows or not (by_effect or all(np.isfinite(one.estimate_low) for one in rows)):
            continue
        prefix = "effect" if by_effect else "estimate"
        y, low, high = ([getattr(one, prefix + end) for one in rows] for end in ("", "_low", "_high"))
        labels = [f"{one.region} {one.side}".strip() for one in rows]
        title = getattr(rows[0], f"{prefix}_name") + ("" if by_effect else f" ({rows[0].unit})")
        drawn = series(title, range(len(rows)), y, low=low, high=high, labels=labels)
        heading = ", ".join(dict.fromkeys(filter(None, (measure, comparison, term))))
        caption = f"{rows[0].method}; intervals of {rows[0].confidence:.0%}, not adjusted."
        figures.append(Figure("forest", _name("forest", analysis, heading), heading, title, "", caption, (drawn,)))
    return figures


def _trajectories(study: Study, findings: Sequence[Finding]) -> list[Figure]:
    try:
        years = study.years()
    except ValueError:
        return []  # the lack of times is named among what is missing
    groups = study.groups()
    units = [(visit.subject, visit.lesion) for visit in study.cohort.visits]
    figures = []
    for target, values in _present(study):
        lines = []
        for unit in dict.fromkeys(units):
            own = np.array([one == unit for one in units]) & np.isfinite(values) & np.isfinite(years)
            own = np.flatnonzero(own)[np.argsort(years[own], kind="stable")]
            if own.size:
                name = " ".join(filter(None, unit))
                lines.append(series(name, years[own], values[own], group=str(groups[own[0]]), line=True))
        caption = _p_of(findings, target, ("mixed_model", "growth_curve", "annual_change"))
        name = _name("trajectory", target.measure, _of(target))
        figures.append(Figure("trajectory", name, _of(target), "Years", _title(study, target), caption, tuple(lines)))
    return figures


def _heat_maps(study: Study, findings: Sequence[Finding]) -> list[Figure]:
    figures = []
    for measure in dict.fromkeys(one.measure for one in findings if one.analysis == "correlation"):
        own = [one for one in findings if one.analysis == "correlation" and one.measure == measure]
        columns = list(dict.fromkeys(one.comparison.removeprefix("with ") for one in own))
        rows = []
        for region in dict.fromkeys((one.region, one.side) for one in own):
            of_region = [one for one in own if (one.region, one.side) == region]
            by_column = {one.comparison.removeprefix("with "): one.effect for one in of_region}
            y = [by_column.get(column, np.nan) for column in columns]
            rows.append(series(" ".join(region).strip(), range(len(columns)), y, labels=columns))
        title = f"{own[0].effect_name}, {measure}"
        name = _name("heat_map", measure)
        figures.append(Figure("heat_map", name, title, "Variable", "Region", own[0].method, tuple(rows)))
    return figures


def _agreements(study: Study, findings: Sequence[Finding]) -> list[Figure]:
    """Left against right, of regions whose sides should agree."""
    figures = []
    for target, left in _present(study):
        if target.side != "left":
            continue
        right = study.values(Target(target.measure, target.region, "right", target.minus))
        present = np.isfinite(left) & np.isfinite(right)
        if np.count_nonzero(present) < 3:
            continue
        mean, difference = (left + right)[present] / 2, (left - right)[present]
        bias, half = difference.mean(), 1.96 * difference.std(ddof=1)
        drawn = (
            series("subjects", mean, difference),
            series("limits of agreement", [mean.min(), mean.max()], [bias, bias], low=[bias - half] * 2,
                   high=[bias + half] * 2, line=True),
        )  # fmt: skip
        caption = f"Bias {bias:.3g}, limits of agreement {bias - half:.3g} to {bias + half:.3g}."
        title, name = _title(study, target), _name("bland_altman", target.measure, target.structure)
        heading, axes = f"{target.structure}, left - right", (f"Mean, {title}", f"Difference, {title}")
        figures.append(Figure("bland_altman", name, heading, *axes, caption, drawn))
    return figures
