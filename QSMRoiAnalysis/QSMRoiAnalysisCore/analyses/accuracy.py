"""How well measures tell cases from controls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..findings import Finding, estimated, inferred
from ..statistics.cutoff import choose_cutoff
from ..statistics.proportions import diagnostic_table
from ..statistics.result import Estimate
from ..statistics.roc import RocCurve, average_precision, compare_paired_areas, roc_curve
from ..study import Study, Target
from .kinds import Groups, MeasureName, VariableName
from .selection import roles, row, unit_of


def roc_areas(
    study: Study, target: Target, *, cases: Groups = (), controls: Groups = (), higher_is_positive: bool = True,
    rule: str = "youden", specificity: float = 0.9,
) -> list[Finding]:
    """Area under the ROC curve, and a cut-off with its accuracy, also on new subjects.

    Parameters
    ----------
    cases, controls : tuple of str
        Groups; those of these roles in the protocol by default.
    higher_is_positive : bool
        Whether high values speak for the disease.
    rule : {"youden", "closest", "specificity"}
        How the cut-off is chosen.
    specificity : float
        Least specificity for the last rule.
    """
    positive, negative = roles(study, cases, controls)
    label, values = study.groups(), study.values(target)
    of_cases, of_controls = values[np.isin(label, positive)], values[np.isin(label, negative)]
    curve = roc_curve(of_cases, of_controls, higher_is_positive=higher_is_positive)
    n = f"cases {curve.n['cases']}, controls {curve.n['controls']}"
    comparison = f"{' or '.join(positive)} against {' or '.join(negative)}"
    area = row(
        target, "roc", comparison=comparison, term="area", role="estimate", n=n, method="DeLong",
        excluded=_excluded(study, curve, positive, negative),
        **estimated(curve.area, "area under the ROC curve", prefix="effect"),
    )
    cases_of_all = curve.n["cases"] / sum(curve.n.values())
    precision = row(
        target, "roc", comparison=comparison, term="average precision", role="estimate", n=n,
        method="area under the precision-recall curve", effect_name="average precision",
        effect=average_precision(of_cases, of_controls, higher_is_positive=higher_is_positive),
        remarks=f"A measure that tells nothing has {cases_of_all:.3g}, the part of cases in this sample.",
    )
    chosen = choose_cutoff(
        of_cases, of_controls, rule=rule, specificity=specificity, higher_is_positive=higher_is_positive
    )
    beyond = ">" if higher_is_positive else "<"
    rows = [
        row(
            target, "roc", comparison=comparison, term=f"{name} at {beyond} {chosen.threshold:.4g}", role="estimate",
            n=n, method="exact (Clopper-Pearson)", **estimated(getattr(chosen.table, name), name, prefix="effect"),
            estimate_name=f"expected {name} in new subjects", estimate=getattr(chosen, f"expected_{name}"),
            remarks="The cut-off was chosen on these subjects, so that the apparent accuracy is too good; the expected "
            f"one subtracts the optimism over {chosen.samples} bootstrap samples. Cut-offs do not transfer between "
            "ways of reconstruction.",
        )
        for name in ("sensitivity", "specificity")
    ]
    threshold = row(
        target, "roc", comparison=comparison, term=f"cut-off, {chosen.rule}", role="estimate", n=n, method=chosen.rule,
        unit=unit_of(study, target),
        **estimated(Estimate(chosen.threshold, np.nan, np.nan, np.nan, ""), "cut-off"),
        effect_name="Youden index", effect=chosen.youden,
    )
    return [area, precision, threshold, *rows]


def roc_comparison(
    study: Study, target: Target, *, other: MeasureName = "", variable: VariableName = "", cases: Groups = (),
    controls: Groups = (),
) -> list[Finding]:
    """Compare the areas under the ROC curves of a measure and another one of the same subjects (DeLong).

    High values of both must speak for the disease.

    Parameters
    ----------
    other : str
        Another measure of the same region.
    variable : str
        Or a variable of numbers, such as a visual score.
    cases, controls : tuple of str
        As for `roc_areas`.
    """
    if bool(other) == bool(variable):
        raise ValueError("Name either another measure or a variable to compare with.")
    if target.measure == other:
        return []
    positive, negative = roles(study, cases, controls)
    label = study.groups()
    among = np.isin(label, (*positive, *negative))
    second = study.numbers(variable) if variable else study.values(replace(target, measure=other, minus=""))
    condition = np.isin(label[among], positive).astype(float)
    outcome = compare_paired_areas(condition, study.values(target)[among], second[among])
    positions = dict.fromkeys(i for at in outcome.excluded.values() for i in at)
    facts = inferred(outcome, effect="difference of areas", excluded=study.excluded(positions, among))
    return [row(target, "roc_comparison", comparison=f"minus {variable or other}", **facts)]


def cutoffs(
    study: Study, *, variable: VariableName, at_least: float, cases: Groups = (), controls: Groups = ()
) -> list[Finding]:
    """Accuracy of a cut-off that is given, on a variable such as a number of lesions, with exact intervals.

    Parameters
    ----------
    variable : str
        Of numbers.
    at_least : float
        Values from here on are positive.
    cases, controls : tuple of str
        As for `roc_areas`.
    """
    positive, negative = roles(study, cases, controls)
    label, values = study.groups(), study.numbers(variable)
    known = np.isfinite(values)
    counts = [
        int(np.count_nonzero(np.isin(label, names) & known & ((values >= at_least) == beyond)))
        for names, beyond in ((positive, True), (negative, True), (negative, False), (positive, False))
    ]
    table = diagnostic_table(*counts)
    among = np.isin(label, (*positive, *negative))
    return [
        Finding(
            analysis="cutoff", measure=variable, comparison=f"{' or '.join(positive)} against {' or '.join(negative)}",
            term=f"{name} at >= {at_least:g}", role="estimate", method="exact (Clopper-Pearson)",
            n=f"cases {counts[0] + counts[3]}, controls {counts[1] + counts[2]}",
            excluded=study.excluded(np.flatnonzero(among & ~known)),
            **estimated(getattr(table, name), name, prefix="effect"),
        )
        for name in ("sensitivity", "specificity", "positive_predictive_value", "negative_predictive_value")
    ]


def _excluded(study: Study, curve: RocCurve, positive, negative) -> str:
    label = study.groups()
    found = []
    for names, key in ((positive, "cases"), (negative, "controls")):
        found += study.cohort.named(np.flatnonzero(np.isin(label, names))[list(curve.excluded[key])])
    return ", ".join(found)


