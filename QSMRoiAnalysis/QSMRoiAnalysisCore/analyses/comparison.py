"""Comparisons of groups and of sides."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np

from ..findings import Finding, estimated, inferred
from ..statistics import group_comparison as two
from ..statistics import several_groups as several
from ..statistics.ancova import ancova
from ..statistics.proportions import chi_square, fisher_exact
from ..statistics.resampling import permutation_test
from ..statistics.several_groups import PairwiseComparison
from ..study import Study, Target
from .kinds import Groups, VariableName, Variables
from .selection import by_group, chosen_groups, left_out, members, row, unit_of

#: Tests of two groups, with the names of the estimate and the effect size that they report.
TWO_GROUPS = {
    "welch_t": (two.welch_t, "mean difference", "Hedges g"),
    "student_t": (two.student_t, "mean difference", "Hedges g"),
    "mann_whitney": (two.mann_whitney, "probability of superiority", "rank-biserial correlation"),
    "permutation": (permutation_test, "mean difference", ""),
}

#: Tests of more groups, with the name of the effect size.
SEVERAL_GROUPS = {
    "anova": (several.anova, "omega squared"),
    "welch_anova": (several.welch_anova, ""),
    "kruskal_wallis": (several.kruskal_wallis, "epsilon squared"),
    "jonckheere": (several.jonckheere, "Kendall tau-b with the order of groups"),
}

PAIRS = {"tukey": several.tukey, "games_howell": several.games_howell, "dunn": several.dunn}


def group_comparison(
    study: Study, target: Target, *, test: str, groups: Groups = (), alternative: str = "two-sided", pairs: str = ""
) -> list[Finding]:
    """Compare groups of subjects.

    Parameters
    ----------
    test : str
        One of `TWO_GROUPS` or `SEVERAL_GROUPS`. A test of two groups that is given more is made of each pair.
    groups : tuple of str
        Which groups, in order; differences are first minus second. All of the protocol by default.
    alternative : {"two-sided", "greater", "less"}
        For tests of two groups and trends.
    pairs : {"", "tukey", "games_howell", "dunn"}
        How pairs of several groups are compared afterwards.
    """
    if test not in TWO_GROUPS and test not in SEVERAL_GROUPS:
        raise ValueError(f"The test is {test!r}; choose one of {', '.join((*TWO_GROUPS, *SEVERAL_GROUPS))}.")
    if pairs and pairs not in PAIRS:
        raise ValueError(f"The comparison of pairs is {pairs!r}; choose one of {', '.join(PAIRS)}.")
    samples = by_group(study, study.values(target), groups)
    if test in TWO_GROUPS:
        return [
            _of_two(study, target, test, {name: samples[name] for name in names}, alternative)
            for names in combinations(samples, 2)
        ]
    function, effect = SEVERAL_GROUPS[test]
    options = {"alternative": alternative} if test == "jonckheere" else {}
    outcome = function(samples, **options)
    facts = inferred(outcome, effect=effect, excluded=left_out(study, outcome.excluded))
    found = [row(target, "group_comparison", comparison=", ".join(samples), **facts)]
    if pairs:
        found += [_of_pair(study, target, "group_comparison", one) for one in PAIRS[pairs](samples)]
    return found


def adjusted_comparison(
    study: Study, target: Target, *, groups: Groups = (), covariates: Variables = (), robust: bool = False
) -> list[Finding]:
    """Compare groups at the same values of covariates (analysis of covariance).

    Parameters
    ----------
    groups : tuple of str
        Which groups; all of the protocol by default.
    covariates : tuple of str
        Variables to adjust for; those of the protocol by default.
    robust : bool
        Use HC3 standard errors for the adjusted differences.
    """
    names = chosen_groups(study, groups)
    among = members(study, names)
    label = study.groups()[among]
    columns = study.covariates(covariates or None, among)
    fit = ancova(study.values(target)[among], list(label), columns, reference=names[-1], robust=robust)
    excluded = study.excluded(fit.excluded, among)
    remarks = [f"Adjusted for {', '.join(columns)}."] if columns else []
    if fit.slopes is not None and fit.slopes.p < 0.05:
        remarks.append(f"Covariates act differently in the groups (p = {fit.slopes.p:.2g}): a doubtful adjustment.")
    facts = inferred(fit.test, effect="partial eta squared", excluded=excluded, remarks=remarks)
    facts["n"] = ", ".join(f"{name} {count}" for name, count in fit.n.items())
    pairs = [_of_pair(study, target, "adjusted_comparison", _ordered(one, names)) for one in fit.contrasts]
    if len(pairs) == 1:  # the F test of two groups is that of their difference, in one row
        (pair,) = pairs
        kept = {name: getattr(pair, name) for name in ("estimate_name", "estimate", "estimate_low", "estimate_high")}
        of_effect = {name: getattr(pair, name) for name in ("effect_name", "effect", "effect_low", "effect_high")}
        facts |= kept | of_effect | {"confidence": pair.confidence, "unit": pair.unit}
        return [row(target, "adjusted_comparison", comparison=pair.comparison, **facts)]
    found = [row(target, "adjusted_comparison", comparison=", ".join(fit.n), **facts)]
    return found + [replace(pair, excluded=excluded) for pair in pairs]


def side_comparison(study: Study, target: Target, *, test: str = "paired_t", groups: Groups = ()) -> list[Finding]:
    """Compare the sides of the same subjects: left and right, or more and less affected.

    Parameters
    ----------
    test : {"paired_t", "wilcoxon"}
    groups : tuple of str
        Of which groups; all subjects by default.
    """
    tests = {"paired_t": (two.paired_t, "mean difference", "standardized mean difference"),
             "wilcoxon": (two.wilcoxon, "", "rank-biserial correlation")}  # fmt: skip
    if test not in tests:
        raise ValueError(f"The test is {test!r}; choose one of {', '.join(tests)}.")
    other = {"left": "right", "more affected": "less affected"}.get(target.side)
    if other is None:
        return []  # the pair is reported once, on its first side
    among = members(study, groups)
    first, second = (study.values(replace(target, side=side))[among] for side in (target.side, other))
    function, estimate, effect = tests[test]
    outcome = function(first, second)
    positions = [i for at in outcome.excluded.values() for i in at]
    facts = inferred(outcome, estimate, effect, excluded=study.excluded(dict.fromkeys(positions), among))
    comparison = f"{target.side} - {other}"
    of = replace(target, side="both")
    return [row(of, "side_comparison", comparison=comparison, unit=unit_of(study, target) if estimate else "", **facts)]


def category_comparison(study: Study, *, variable: VariableName, test: str = "chi_square", groups: Groups = ()):
    """Compare how often groups have each category of a variable, such as a swallow-tail score.

    Parameters
    ----------
    variable : str
        Of labels.
    test : {"chi_square", "fisher"}
        Fisher's exact test takes two groups and two categories.
    groups : tuple of str
        Which groups; all of the protocol by default.
    """
    tests = {"chi_square": chi_square, "fisher": fisher_exact}
    if test not in tests:
        raise ValueError(f"The test is {test!r}; choose one of {', '.join(tests)}.")
    column, label, names = study.labels(variable), study.groups(), chosen_groups(study, groups)
    inside = np.isin(label, names)
    categories = sorted(set(column[inside & (column != "")]))
    table = np.array([[np.count_nonzero((label == g) & (column == c)) for c in categories] for g in names])
    outcome = tests[test](table)
    counts = "; ".join(
        f"{group}: " + ", ".join(f"{category} {count}" for category, count in zip(categories, counted))
        for group, counted in zip(names, table)
    )
    unknown = np.flatnonzero(inside & (column == ""))
    facts = inferred(outcome, effect=next(iter(outcome.estimates)), excluded=study.excluded(unknown))
    facts["n"] = counts
    return [Finding(analysis="category_comparison", measure=variable, comparison=", ".join(names), **facts)]


def _of_two(study: Study, target: Target, test: str, samples, alternative: str) -> Finding:
    function, estimate, effect = TWO_GROUPS[test]
    outcome = function(samples, alternative=alternative)
    facts = inferred(outcome, estimate, effect, excluded=left_out(study, outcome.excluded))
    unit = unit_of(study, target) if estimate == "mean difference" else ""
    return row(target, "group_comparison", comparison=" - ".join(samples), unit=unit, **facts)


def _ordered(pair: PairwiseComparison, names: tuple[str, ...]) -> PairwiseComparison:
    """A pair in the order of the groups of the protocol, with the signs that belong to it."""
    if names.index(pair.first) < names.index(pair.second):
        return pair
    return replace(
        pair, first=pair.second, second=pair.first, n=pair.n[::-1], statistic=-pair.statistic,
        difference=_negated(pair.difference), effect=_negated(pair.effect),
    )


def _negated(estimate):
    return replace(estimate, value=-estimate.value, low=-estimate.high, high=-estimate.low)


def _of_pair(study: Study, target: Target, analysis: str, pair: PairwiseComparison) -> Finding:
    ranks = pair.difference.method == "difference of mean ranks"
    facts = estimated(pair.difference, "difference of mean ranks" if ranks else "mean difference")
    facts |= estimated(pair.effect, pair.effect.method.split(",")[0], prefix="effect")
    by_group = set(pair.excluded) <= set(study.groups())
    return row(
        target, analysis, comparison=f"{pair.first} - {pair.second}", role="pair", method=pair.method,
        n=f"{pair.first} {pair.n[0]}, {pair.second} {pair.n[1]}", statistic_name="z" if np.isinf(pair.df) else "t",
        statistic=pair.statistic, df="" if np.isinf(pair.df) else f"{pair.df:.4g}", alternative="two-sided", p=pair.p,
        adjusted_p=pair.adjusted_p, family=f"pairs of groups, {target}", adjustment=pair.method,
        unit="" if ranks else unit_of(study, target), excluded=left_out(study, pair.excluded) if by_group else "",
        **facts,
    )
