"""Regression of measures on variables, and of outcomes on measures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..findings import Finding, checked, estimated, inferred, of_coefficient
from ..statistics.count_regression import rate_regression
from ..statistics.logistic_regression import LogisticFit, logistic_regression
from ..statistics.mediation import mediation
from ..statistics.observations import complete_rows
from ..statistics.regression import INTERCEPT, compare_nested, linear_regression
from ..statistics.roc import roc_curve
from ..study import Study, Target
from .kinds import Groups, Measures, VariableName, Variables
from .selection import members, roles, row, unit_of

#: Fitted probabilities of the rows that a model is made from are too good.
_APPARENT = "The area is that of the subjects the model was fitted to, and so too good."


def regression(
    study: Study, target: Target, *, variables: Variables, covariates: Variables = (), groups: Groups = (),
    robust: bool = False,
) -> list[Finding]:
    """Regress a measure on variables, at the same values of covariates.

    Parameters
    ----------
    variables : tuple of str
        Whose coefficients are tested; labels become indicators.
    covariates : tuple of str
        Variables to adjust for; those of the protocol by default.
    groups : tuple of str
        Of which groups; all subjects by default.
    robust : bool
        Use HC3 standard errors.
    """
    among = members(study, groups)
    tested = study.predictors(variables, among)
    others = study.covariates(covariates or None, among)
    others = {name: values for name, values in others.items() if name not in tested}
    fit = linear_regression(study.values(target)[among], {**tested, **others}, robust=robust)
    return [
        row(
            target, "regression", comparison="on " + ", ".join((*tested, *others)), term=name, method=fit.method,
            n=f"rows {fit.n}", unit=f"{unit_of(study, target)} per unit of {name}", assumptions=checked(fit.checks),
            excluded=study.excluded(fit.excluded, among), remarks=" ".join(fit.remarks),
            **of_coefficient(fit.coefficients[name]),
        )
        for name in tested
    ]


def hierarchical_regression(
    study: Study, target: Target, *, outcome: VariableName, first: Variables = (), first_measures: Measures = (),
    groups: Groups = (),
) -> list[Finding]:
    """Test what a measure explains of an outcome beyond variables and other measures of the region entered before it.

    Parameters
    ----------
    outcome : str
        Variable of numbers.
    first : tuple of str
        Variables entered first; the covariates of the protocol by default.
    first_measures : tuple of str
        Measures of the same region entered first, such as volume_mm3.
    groups : tuple of str
        Of which groups; all subjects by default.
    """
    if target.measure in first_measures:
        return []
    among = members(study, groups)
    columns = study.covariates(first or None, among)
    columns |= {name: study.values(replace(target, measure=name, minus=""))[among] for name in first_measures}
    columns = {"outcome": study.numbers(outcome)[among], **columns, "measure": study.values(target)[among]}
    rows, excluded = complete_rows(columns)
    before = [name for name in columns if name not in ("outcome", "measure")]
    smaller = linear_regression(rows["outcome"], {name: rows[name] for name in before})
    larger = linear_regression(rows["outcome"], {name: rows[name] for name in (*before, "measure")})
    facts = inferred(
        compare_nested(smaller, larger, tested="added measure"), effect="R squared change",
        excluded=study.excluded(excluded, among), remarks=[f"Entered first: {', '.join(before)}."],
    )
    facts |= estimated(larger.coefficients["measure"].estimate, "coefficient")
    return [row(target, "hierarchical_regression", comparison=f"explains {outcome}", **facts)]


def logistic_prediction(
    study: Study, target: Target, *, outcome: VariableName, positive: str, covariates: Variables = (),
    groups: Groups = (), firth: bool = True,
) -> list[Finding]:
    """Regress a yes-or-no variable on a measure in standard deviations (logistic).

    Parameters
    ----------
    outcome : str
        Variable of labels, such as the status of a biomarker.
    positive : str
        The label that counts as yes.
    covariates : tuple of str
        Variables to adjust for; those of the protocol by default.
    groups : tuple of str
        Of which groups; all subjects by default.
    firth : bool
        Penalize, for small or separated samples.
    """
    among = members(study, groups)
    label = study.labels(outcome)[among]
    yes = np.where(label == "", np.nan, label == positive)
    columns = study.covariates(covariates or None, among)
    fit = logistic_regression(yes, {"z": _standardized(study.values(target)[among]), **columns}, firth=firth)
    facts = of_coefficient(fit.coefficients["z"])
    facts |= estimated(fit.odds_ratios["z"], "odds ratio for one SD", prefix="effect")
    return [
        row(
            target, "logistic_prediction", comparison=f"predicts {outcome} {positive}", method=fit.method,
            n=", ".join(f"{name} {count}" for name, count in fit.n.items()), unit="log odds for one SD",
            excluded=study.excluded(fit.excluded, among), remarks=" ".join(fit.remarks), **facts,
        )
    ]


def multimarker_logistic(
    study: Study, *, measures: Measures = (), variables: Variables = (), cases: Groups = (),
    controls: Groups = (), firth: bool = True,
) -> list[Finding]:
    """Tell cases from controls by several markers together (logistic), with the area under the ROC curve.

    Parameters
    ----------
    measures : tuple of str
        Measures that are taken from every region of the protocol, both sides averaged; all by default.
    variables : tuple of str
        Variables of numbers that are markers as well.
    cases, controls : tuple of str
        Groups; those of these roles in the protocol by default.
    firth : bool
        Penalize, for small or separated samples.
    """
    positive, negative = roles(study, cases, controls)
    label = study.groups()
    among = np.isin(label, (*positive, *negative))
    condition = np.isin(label[among], positive).astype(float)
    choices = [replace(one, sides="none" if one.sides == "none" else "mean") for one in study.protocol.regions]
    columns = {str(one): _standardized(study.values(one)[among]) for one in study.targets(choices, measures)}
    columns |= {name: _standardized(study.numbers(name)[among]) for name in variables}
    fit = logistic_regression(condition, columns, firth=firth)
    kept = np.delete(condition, fit.excluded) == 1
    area = roc_curve(fit.probabilities[kept], fit.probabilities[~kept]).area
    comparison = f"{' or '.join(positive)} against {' or '.join(negative)}"
    n = ", ".join(f"{name} {count}" for name, count in fit.n.items())
    whole = inferred(fit.test, excluded=study.excluded(fit.excluded, among), remarks=(*fit.remarks, _APPARENT))
    whole |= estimated(area, "area under the ROC curve", prefix="effect")
    found = [Finding(analysis="multimarker_logistic", measure="all markers", comparison=comparison, **whole)]
    return found + [_of_marker(name, fit, comparison, n) for name in fit.coefficients if name != INTERCEPT]


def mediated_effect(
    study: Study, *, cause: VariableName, mediator: VariableName, outcome: VariableName, covariates: Variables = (),
    groups: Groups = (), repetitions: int = 1000,
) -> list[Finding]:
    """Split the effect of a variable on an outcome into that through a mediator and the rest.

    Parameters
    ----------
    cause, mediator, outcome : str
        Variables of numbers.
    covariates : tuple of str
        Held fixed; those of the protocol by default.
    groups : tuple of str
        Of which groups; all subjects by default.
    repetitions : int
        Bootstrap samples of subjects.
    """
    among = members(study, groups)
    columns = [study.numbers(name)[among] for name in (cause, mediator, outcome)]
    fit = mediation(*columns, study.covariates(covariates or None, among), repetitions=repetitions)
    remark = "The parts describe associations; they are causes only if nothing unmeasured affects two of the three."
    return [
        Finding(
            analysis="mediation", measure=outcome, comparison=f"{cause} through {mediator}", term=f"{name} effect",
            role="estimate", method=one.method, n=f"subjects {fit.n}", remarks=remark,
            excluded=study.excluded(fit.excluded, among), **estimated(one, f"{name} effect"),
        )
        for name, one in (("indirect", fit.indirect), ("direct", fit.direct), ("total", fit.total))
    ]


def rates(
    study: Study, *, counts: VariableName, variables: Variables, exposure: VariableName = "",
    covariates: Variables = (), groups: Groups = (),
) -> list[Finding]:
    """Regress counts, such as numbers of lesions, on variables (Poisson, widened for overdispersion).

    Parameters
    ----------
    counts : str
        Variable of counts.
    variables : tuple of str
        Whose rate ratios are tested.
    exposure : str
        Variable that counts are in proportion to, such as years.
    covariates : tuple of str
        Variables to adjust for; those of the protocol by default.
    groups : tuple of str
        Of which groups; all subjects by default.
    """
    among = members(study, groups)
    tested = study.predictors(variables, among)
    fixed = study.covariates(covariates or None, among)
    fixed = {name: values for name, values in fixed.items() if name not in tested}
    of = study.numbers(exposure)[among] if exposure else None
    fit = rate_regression(study.numbers(counts)[among], {**tested, **fixed}, exposure=of)
    return [
        Finding(
            analysis="rates", measure=counts, comparison="on " + ", ".join((*tested, *fixed)), term=name,
            method=fit.method, n=f"rows {fit.n}", assumptions=checked(fit.checks), remarks=" ".join(fit.remarks),
            excluded=study.excluded(fit.excluded, among), unit="log rate",
            **of_coefficient(fit.coefficients[name]) | estimated(fit.ratios[name], "rate ratio", prefix="effect"),
        )
        for name in tested
    ]


def _of_marker(name: str, fit: LogisticFit, comparison: str, n: str) -> Finding:
    facts = of_coefficient(fit.coefficients[name])
    facts |= estimated(fit.odds_ratios[name], "odds ratio for one SD", prefix="effect")
    return Finding(
        analysis="multimarker_logistic", measure=name, comparison=comparison, term="beside the other markers",
        role="estimate", method=fit.method, n=n, unit="log odds for one SD", **facts,
    )


def _standardized(values: np.ndarray) -> np.ndarray:
    """Values in standard deviations about their mean; missing ones stay missing."""
    sd = np.nanstd(values, ddof=1)
    return (values - np.nanmean(values)) / (sd if sd > 0 else 1.0)
