"""Deviation from what is normal at an age, by controls of the same study."""

from __future__ import annotations

import numpy as np

from ..findings import Finding, estimated, inferred
from ..statistics.gaussian_process import GaussianProcessNorm, fit_gaussian_process
from ..statistics.group_comparison import welch_t
from ..statistics.normative import NormativeCurve, fit_normative_curve
from ..statistics.proportions import fisher_exact, proportion
from ..study import Study, Target
from .kinds import Groups, VariableName
from .selection import roles, row


def norm_deviation(
    study: Study, target: Target, *, age: VariableName = "age", shape: str = "linear", cases: Groups = (),
    controls: Groups = (),
) -> list[Finding]:
    """Compare z scores by the age curve of controls: of cases as they are, of each control by the others.

    Parameters
    ----------
    age : str
        Variable of years.
    shape : str
        Of the curve (`statistics.normative.SHAPES`), or "gaussian process".
    cases, controls : tuple of str
        Groups; those of these roles in the protocol by default.
    """
    z, positive, negative, remark = _deviations(study, target, age, shape, cases, controls)
    label = study.groups()
    samples = {" or ".join(names): z[np.isin(label, names)] for names in (positive, negative)}
    outcome = welch_t(samples)
    facts = inferred(outcome, "mean difference", "Hedges g", remarks=[remark] if remark else [])
    return [row(target, "norm_deviation", comparison=" - ".join(samples), unit="z", **facts)]


def abnormality(
    study: Study, target: Target, *, age: VariableName = "age", beyond: float = 3.0, shape: str = "linear",
    cases: Groups = (), controls: Groups = (),
) -> list[Finding]:
    """Compare how many subjects lie far above the norm of their age.

    Parameters
    ----------
    age, shape, cases, controls
        As for `norm_deviation`.
    beyond : float
        z score above which a subject is abnormal.
    """
    z, positive, negative, remark = _deviations(study, target, age, shape, cases, controls)
    label = study.groups()
    counts, found = [], []
    for names in (positive, negative):
        own = z[np.isin(label, names) & np.isfinite(z)]
        counts.append([int(np.count_nonzero(own > beyond)), int(np.count_nonzero(own <= beyond))])
        part = proportion(counts[-1][0], sum(counts[-1]))
        found.append(
            row(
                target, "abnormality", comparison=" or ".join(names), term=f"z > {beyond:g}", role="estimate",
                n=f"{counts[-1][0]} of {sum(counts[-1])}", method="exact (Clopper-Pearson)", remarks=remark,
                **estimated(part, "proportion", prefix="effect"),
            )
        )
    if not any(high for high, _ in counts):
        return found  # no one is abnormal, so there is nothing to compare
    outcome = fisher_exact(counts)
    comparison = f"{' or '.join(positive)} against {' or '.join(negative)}"
    facts = inferred(outcome, effect="odds ratio", remarks=[remark] if remark else [])
    return [row(target, "abnormality", comparison=comparison, term=f"z > {beyond:g}", **facts), *found]


def fit_norm(age: np.ndarray, values: np.ndarray, shape: str) -> NormativeCurve | GaussianProcessNorm:
    """What is normal at each age by the controls: a curve of `statistics.normative.SHAPES`, or a "gaussian process"."""
    if shape == "gaussian process":
        return fit_gaussian_process(age, values)
    return fit_normative_curve(age, values, shape=shape)


def _deviations(study: Study, target: Target, age: str, shape: str, cases, controls):
    """z scores of all subjects; a control's own value does not enter the norm that it is compared with."""
    positive, negative = roles(study, cases, controls)
    label, years, values = study.groups(), study.numbers(age), study.values(target)
    norm = np.isin(label, negative) & np.isfinite(years) & np.isfinite(values)
    others = np.isin(label, positive) & np.isfinite(years) & np.isfinite(values)

    z = np.full(values.size, np.nan)
    whole = fit_norm(years[norm], values[norm], shape)
    if isinstance(whole, GaussianProcessNorm):
        z[norm] = whole.left_out_z()
    else:
        for i in np.flatnonzero(norm):
            inside = norm & (np.arange(norm.size) != i)
            curve = fit_normative_curve(years[inside], values[inside], shape=shape)
            z[i] = (values[i] - curve.mean(years[i])) / curve.prediction_sd(years[i])
    z[others] = (values[others] - whole.mean(years[others])) / whole.prediction_sd(years[others])
    low, high = whole.ages
    outside = int(np.count_nonzero(others & ((years < low) | (years > high))))
    remark = f"{outside} case(s) are outside the ages of the controls ({low:g} to {high:g}): the norm is extrapolated."
    return z, positive, negative, remark if outside else ""
