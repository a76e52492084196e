"""Published studies taken together."""

from __future__ import annotations

import numpy as np

from ..findings import Finding, estimated, of_coefficient
from ..statistics.meta_analysis import egger, meta_analysis
from ..statistics.meta_regression import meta_regression
from ..statistics.regression import INTERCEPT
from ..statistics.result import Estimate
from ..study import Study


def pooled_effects(
    study: Study, *, model: str = "reml", hartung_knapp: bool = False, moderators: tuple[str, ...] = ()
) -> list[Finding]:
    """Mean effect of published studies in each region, how they vary, and on what their effects depend.

    Parameters
    ----------
    model : {"fixed", "dersimonian-laird", "reml"}
    hartung_knapp : bool
        Use the adjustment of Hartung and Knapp.
    moderators : tuple of str
        Columns of the table of studies for a meta-regression, where at least as many studies have them as it takes.
    """
    found = []
    for region in dict.fromkeys(one.region for one in study.evidence):
        rows = [one for one in study.evidence if one.region == region]
        if len({one.scale for one in rows}) > 1:
            raise ValueError(f"{region}: effects of different kinds cannot be taken together.")
        effects = {one.study: (one.effect, one.variance) for one in rows}
        pooled = meta_analysis(effects, model=model, hartung_knapp=hartung_knapp)
        value = pooled.pooled
        name = rows[0].scale
        if name == "Fisher z":
            value = Estimate(*(float(np.tanh(x)) for x in (value.value, value.low, value.high)), value.confidence, "")
            name = "correlation"
        remark = (
            f"tau2 {pooled.tau2:.4g}; I2 {pooled.i2:.1f} %; Q {pooled.q:.4g}, p = {pooled.q_p:.2g}; true effect of a "
            f"new study {pooled.prediction.low:.3g} to {pooled.prediction.high:.3g}."
        )
        found.append(
            Finding(
                analysis="meta_analysis", measure=name, region=region, comparison="mean effect", method=pooled.method,
                n=f"studies {pooled.n}", statistic_name="t" if hartung_knapp else "z", statistic=pooled.z, p=pooled.p,
                alternative="two-sided", remarks=remark, **estimated(value, name, prefix="effect"),
            )
        )
        if len(rows) >= 3:
            small = egger(effects)
            found.append(
                Finding(
                    analysis="meta_analysis", measure=name, region=region, comparison="small-study effects",
                    role="estimate", method=small.method, n=f"studies {len(rows)}", statistic_name=small.statistic_name,
                    statistic=small.statistic, df=", ".join(f"{df:g}" for df in small.df), p=small.p,
                    alternative="two-sided",
                )
            )
        found += _moderated(region, name, rows, effects, moderators)
    return found


def _moderated(region: str, name: str, rows, effects, moderators) -> list[Finding]:
    known = [one for one in moderators if sum(one in row.moderators for row in rows) >= len(moderators) + 3]
    if not known:
        return []
    columns = {one: [row.moderators.get(one, np.nan) for row in rows] for one in known}
    fit = meta_regression(effects, columns)
    return [
        Finding(
            analysis="meta_analysis", measure=name, region=region, comparison="meta-regression", term=term,
            role="estimate", method=fit.test.method, n=f"studies {fit.n}", excluded=", ".join(fit.excluded),
            remarks=" ".join((f"tau2 that moderators leave: {fit.tau2:.4g}.", *fit.remarks)), **of_coefficient(one),
        )
        for term, one in fit.coefficients.items() if term != INTERCEPT
    ]
