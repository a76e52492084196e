"""Change over visits, and rows that belong to the same subject."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import stats

from ..findings import Finding, estimated, inferred, of_coefficient
from ..statistics.estimating_equations import estimating_equations
from ..statistics.fixed_effect_bootstrap import bootstrap_fixed_effects
from ..statistics.group_comparison import welch_t
from ..statistics.longitudinal import annual_change, time_polynomials
from ..statistics.mixed_model import MixedModelFit, mixed_model
from ..statistics.result import Estimate
from ..study import Study, Target
from .kinds import Groups, VariableName, Variables
from .selection import chosen_groups, members, row, unit_of

#: Name of time in models.
_TIME = "time"


def annual_changes(study: Study, target: Target, *, groups: Groups = (), compare: bool = True) -> list[Finding]:
    """Change between the first and the last visit of each subject, per year, in each group and between groups.

    Parameters
    ----------
    groups : tuple of str
        Which groups; all of the protocol by default, and all subjects together where it has none.
    compare : bool
        Whether rates are compared between groups as well.
    """
    names = chosen_groups(study, groups)
    label, values, years = study.groups(), study.values(target), study.years()
    rates: dict[str, np.ndarray] = {}
    found = []
    for name in names or ("all",):
        inside = label == name if names else np.ones(values.size, bool)
        first, last, time, single = _first_and_last(study, values, years, inside)
        change = annual_change(first, last, time)
        rates[name] = change.rates
        facts = inferred(change.test, effect="standardized mean difference", excluded=", ".join(single), remarks=[
            f"Mean change {change.mean_change:.4g}; {change.percent_per_year:.3g} % of the baseline per year, which "
            "means little for a measure whose zero is arbitrary."
        ])
        facts |= estimated(_mean_rate(change.rates), "mean change per year")
        found.append(
            row(target, "annual_change", comparison=name, unit=f"{unit_of(study, target)} per year".strip(), **facts)
        )
    if compare and len(rates) > 1:
        listed = list(rates)
        for i, first_name in enumerate(listed):
            for second_name in listed[i + 1 :]:
                pair = {first_name: rates[first_name], second_name: rates[second_name]}
                facts = inferred(welch_t(pair), "mean difference", "Hedges g")
                comparison = f"{first_name} - {second_name}"
                unit = f"{unit_of(study, target)} per year".strip()
                found.append(row(target, "annual_change", comparison=comparison, term="rate", unit=unit, **facts))
    return found


def mixed_effects(
    study: Study, target: Target, *, groups: Groups = (), reference: str = "", variables: Variables = (),
    covariates: Variables = (), outcome: VariableName = "", random_slope: bool = False, repetitions: int = 2000,
) -> list[Finding]:
    """Mixed model of time, group and their product, with intercepts of subjects (and of lesions within them).

    Parameters
    ----------
    groups : tuple of str
        Which groups; all of the protocol by default.
    reference : str
        The group that others are compared with: by default the controls, else the last.
    variables : tuple of str
        Further variables whose product with time is tested, such as the class of a lesion.
    covariates : tuple of str
        Variables to adjust for; those of the protocol by default. Age counts as that of the first visit, so that it
        does not take the place of time.
    outcome : str
        A variable of numbers whose change is explained by the measure at the first visit, in standard deviations, in
        place of the change of the measure.
    random_slope : bool
        Let the change of subjects vary.
    repetitions : int
        Samples of subjects for bootstrap intervals of the effects.
    """
    among, fixed, tested = _terms(study, target, groups, reference, variables, covariates)
    subject, nested = study.cohort.subjects()[among], _lesions(study, among)
    slope = _TIME if random_slope else None
    values = study.values(target)[among]
    if outcome:
        marker = _of_first_visit(values, study.years()[among], subject)
        marker = (marker - np.nanmean(marker)) / np.nanstd(marker)
        values, tested = study.numbers(outcome)[among], (f"{_TIME} x {target.measure}",)
        fixed |= {target.measure: marker, tested[0]: fixed[_TIME] * marker}
    fit = mixed_model(values, fixed, subject, slope=slope, nested=nested)
    intervals = bootstrap_fixed_effects(
        fit, values, fixed, subject, slope=slope, nested=nested, repetitions=repetitions
    )
    shown = [name for name in fixed if name == _TIME or name in tested or name.startswith("group ")]
    return [
        _of_term(study, target, "mixed_model", fit, name, among, name in tested, intervals[name]) for name in shown
    ]


def growth_curves(
    study: Study, target: Target, *, variable: VariableName, degree: int = 3, covariates: Variables = (),
    random_slope: bool = False,
) -> list[Finding]:
    """Growth curve: polynomials of time, a variable of labels, and their products, in a mixed model.

    Parameters
    ----------
    variable : str
        Of labels, such as the class of a lesion over all visits.
    degree : int
        Of the polynomials, which are orthonormal.
    covariates : tuple of str
        Variables to adjust for; those of the protocol by default.
    random_slope : bool
        Let the linear part of subjects vary.
    """
    among = np.isfinite(study.values(target)) & np.isfinite(study.years())
    curve = time_polynomials(study.years()[among], degree=degree)
    classes = study.predictors((variable,), among)
    products = {f"{one} x {name}": curve[one] * column for one in curve for name, column in classes.items()}
    fixed = {**curve, **classes, **products, **_baseline(study, covariates, among)}
    subject, nested = study.cohort.subjects()[among], _lesions(study, among)
    slope = next(iter(curve)) if random_slope else None
    fit = mixed_model(study.values(target)[among], fixed, subject, slope=slope, nested=nested)
    tested = (*classes, *products)
    return [_of_term(study, target, "growth_curve", fit, name, among, name in tested) for name in (*curve, *tested)]


def _rows(study: Study, target: Target) -> tuple[np.ndarray, np.ndarray]:
    """Values and positions of visits of all rows of a target: both sides where it is one of two."""
    if target.side not in ("left", "more affected"):
        return study.values(target), np.arange(len(study.cohort.visits))
    other = {"left": "right", "more affected": "less affected"}[target.side]
    both = [study.values(one) for one in (target, replace(target, side=other))]
    return np.concatenate(both), np.tile(np.arange(both[0].size), 2)


def side_equations(
    study: Study, target: Target, *, variables: Variables = (), groups: Groups = (), covariates: Variables = ()
) -> list[Finding]:
    """Generalized estimating equations: rows of a subject (both sides, or all lesions) share a correlation.

    Parameters
    ----------
    variables : tuple of str
        Whose coefficients are tested; besides the groups, if there are two or more.
    groups : tuple of str
        Which groups; all of the protocol by default.
    covariates : tuple of str
        Variables to adjust for; those of the protocol by default.
    """
    if target.side in ("right", "less affected"):
        return []  # rows of both sides are in one model, reported once
    values, visit = _rows(study, target)
    names = chosen_groups(study, groups)
    among = members(study, names)
    tested = _group_columns(study, names, "", among) | study.predictors(variables, among)
    fixed = {**tested, **{k: v for k, v in study.covariates(covariates or None, among).items() if k not in tested}}
    inside = among[visit]
    within = np.cumsum(among)[visit[inside]] - 1
    fit = estimating_equations(
        values[inside], {name: column[within] for name, column in fixed.items()}, study.cohort.subjects()[visit[inside]]
    )
    of = replace(target, side="both" if target.side else "")
    excluded = ", ".join(dict.fromkeys(study.cohort.named(visit[inside][list(fit.excluded)])))
    return [
        row(
            of, "estimating_equations", comparison="on " + ", ".join(fixed), term=name, method=fit.method,
            n=f"rows {fit.n}, subjects {fit.subjects}", unit=unit_of(study, target), excluded=excluded,
            remarks=" ".join((f"Rows of a subject correlate with {fit.correlation:.2g}.", *fit.remarks)),
            **of_coefficient(fit.coefficients[name]),
        )
        for name in tested
    ]


def _terms(study: Study, target: Target, groups, reference: str, variables, covariates):
    """Rows, fixed effects, and the names of those that are tested, of a model of time, group and their product."""
    names = chosen_groups(study, groups)
    among = members(study, names)
    time = study.years()[among]
    of_groups = _group_columns(study, names, reference, among)
    extra = study.predictors(variables, among)
    products = {f"{_TIME} x {name}": time * column for name, column in {**of_groups, **extra}.items()}
    fixed = {_TIME: time, **of_groups, **extra, **products}
    fixed |= {name: v for name, v in _baseline(study, covariates, among).items() if name not in fixed}
    return among, fixed, tuple(products) or (_TIME,)


def _group_columns(study: Study, names, reference: str, among: np.ndarray) -> dict[str, np.ndarray]:
    """Indicators of the groups but the reference: the one named, else the controls, else the last."""
    if len(names) < 2:
        return {}
    controls = [name for name in names if name in study.protocol.labels_of("control")]
    zero = reference or (controls[0] if controls else names[-1])
    label = study.groups()[among]
    return {f"group {name}": (label == name).astype(float) for name in names if name != zero}


def _baseline(study: Study, covariates, among: np.ndarray) -> dict[str, np.ndarray]:
    """Covariates, with age as that of the first visit of each subject."""
    found = study.covariates(covariates or None, among)
    if "age" in found:
        subjects, years = study.cohort.subjects()[among], study.years()[among]
        found["age"] = _of_first_visit(found["age"], years, subjects)
    return found


def _of_first_visit(values: np.ndarray, years: np.ndarray, subjects: np.ndarray) -> np.ndarray:
    """The first value of each subject, at all of its visits."""
    first: dict[str, float] = {}
    for i in np.argsort(years, kind="stable"):
        if np.isfinite(values[i]):
            first.setdefault(subjects[i], values[i])
    return np.array([first.get(subject, np.nan) for subject in subjects])


def _lesions(study: Study, among: np.ndarray) -> list[str] | None:
    """Lesions as units nested in subjects, where rows are lesions and subjects have several at several visits."""
    visits = [study.cohort.visits[i] for i in np.flatnonzero(among)]
    units = {(visit.subject, visit.lesion) for visit in visits}
    nested = any(visit.lesion for visit in visits) and len({one for one, _ in units}) < len(units) < len(visits)
    return [visit.lesion for visit in visits] if nested else None


def _of_term(study, target, analysis, fit: MixedModelFit, name, among, tested, interval=None) -> Finding:
    facts = of_coefficient(fit.coefficients[name])
    remarks = list(fit.remarks)
    if interval is not None:
        remarks.insert(0, f"Bootstrap of subjects: {interval.low:.4g} to {interval.high:.4g}.")
    spread = ", ".join(f"{what} {sd:.3g}" for what, sd in fit.random_sd.items())
    remarks.append(f"SD of random effects: {spread}; of the residual {fit.residual_sd:.3g}.")
    lesions = f", lesions {fit.nested}" if fit.nested else ""
    return row(
        target, analysis, comparison="model of time", term=name, role="test" if tested else "estimate",
        method=fit.method, n=f"rows {fit.n}, subjects {fit.subjects}{lesions}",
        unit=unit_of(study, target) + (" per year" if name.startswith(_TIME) and analysis == "mixed_model" else ""),
        excluded=study.excluded(fit.excluded, among), remarks=" ".join(remarks), **facts,
    )


def _first_and_last(study: Study, values, years, inside: np.ndarray):
    """Values of the first and the last visit of each subject, the time between them, and who has but one."""
    subjects = study.cohort.subjects()
    first, last, between, single = [], [], [], []
    for name in dict.fromkeys(subjects[inside]):
        own = np.flatnonzero((subjects == name) & inside & np.isfinite(values) & np.isfinite(years))
        own = own[np.argsort(years[own], kind="stable")]
        if own.size < 2 or years[own[-1]] == years[own[0]]:
            single.append(str(name))
            continue
        first.append(values[own[0]])
        last.append(values[own[-1]])
        between.append(years[own[-1]] - years[own[0]])
    if len(first) < 2:
        raise ValueError(f"{len(first)} subject(s) have values at two times, and a change needs at least 2 of them.")
    return first, last, between, single


def _mean_rate(rates: np.ndarray) -> Estimate:
    """Mean of rates with its t interval."""
    half = float(stats.t.ppf(0.975, rates.size - 1)) * float(rates.std(ddof=1)) / np.sqrt(rates.size)
    mean = float(rates.mean())
    return Estimate(mean, mean - half, mean + half, 0.95, "t distribution")
