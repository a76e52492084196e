"""Associations of measures with variables and with each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..findings import Finding, inferred
from ..statistics.correlation import METHODS, correlate, correlate_partially
from ..study import Study, Target
from .kinds import Groups, MeasureName, Variables
from .selection import members, row


def correlation(
    study: Study, target: Target, *, variables: Variables, method: str = "pearson", given: Variables = (),
    groups: Groups = (), alternative: str = "two-sided",
) -> list[Finding]:
    """Correlate a measure with variables.

    Parameters
    ----------
    variables : tuple of str
        Of numbers, such as a clinical score; each is a test.
    method : {"pearson", "spearman", "kendall"}
    given : tuple of str
        Variables held fixed (partial correlation).
    groups : tuple of str
        Of which groups; all subjects by default.
    alternative : {"two-sided", "greater", "less"}
    """
    among = members(study, groups)
    values = study.values(target)[among]
    return [
        _correlated(study, target, "correlation", values, study.numbers(name)[among], name, method, given, among,
                    alternative)
        for name in variables
    ]


def measure_correlation(
    study: Study, target: Target, *, other: MeasureName, method: str = "pearson", given: Variables = (),
    groups: Groups = (),
) -> list[Finding]:
    """Correlate a measure with another measure of the same region, such as susceptibility with volume.

    Parameters
    ----------
    other : str
        The other measure.
    method, given, groups
        As for `correlation`.
    """
    if target.measure == other:
        return []
    among = members(study, groups)
    values, others = study.values(target)[among], study.values(replace(target, measure=other, minus=""))[among]
    return [
        _correlated(study, target, "measure_correlation", values, others, other, method, given, among, "two-sided")
    ]


def _correlated(
    study: Study, target: Target, analysis: str, values: np.ndarray, others: np.ndarray, name: str, method: str, given,
    among: np.ndarray, alternative: str,
) -> Finding:
    fixed = study.predictors(given, among)
    if fixed:
        outcome = correlate_partially(values, others, fixed, method=method, alternative=alternative)
    else:
        outcome = correlate(values, others, method=method, alternative=alternative)
    remarks = [study.meaning(name)] if name in study.protocol.variables else []
    if fixed:
        remarks.append(f"Held fixed: {', '.join(fixed)}.")
    coefficient = METHODS[method] if not fixed else f"partial {METHODS[method]}"
    facts = inferred(
        outcome, effect=coefficient, excluded=study.excluded(outcome.excluded["subjects"], among),
        remarks=list(filter(None, remarks)),
    )
    return row(target, analysis, comparison=f"with {name}", **facts)
