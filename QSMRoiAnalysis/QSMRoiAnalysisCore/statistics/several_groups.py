"""Comparisons of more than two groups, as a whole and pair by pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .assumptions import equal_variances, normality
from .effect_size import rank_biserial, standardized_differences
from .multiplicity import adjust
from .observations import present_in_groups
from .result import TWO_SIDED, Estimate, Inference, check_alternative, check_confidence


@dataclass(frozen=True)
class PairwiseComparison:
    """Two of several groups, tested two-sided.

    Parameters
    ----------
    first, second : str
        The groups.
    n : tuple of (int, int)
        Subjects used of each.
    difference : Estimate
        First minus second.
    effect : Estimate
        The difference in a scale without unit; its method says which.
    statistic, df : float
        Test statistic, and its degrees of freedom (infinite for z).
    p, adjusted_p : float
        Before and after the adjustment for all pairs.
    method : str
    excluded : mapping of str to tuple of int
        Positions of missing values.
    """

    first: str
    second: str
    n: tuple[int, int]
    difference: Estimate
    effect: Estimate
    statistic: float
    df: float
    p: float
    adjusted_p: float
    method: str
    excluded: Mapping[str, tuple[int, ...]]


def anova(groups: Mapping[str, ArrayLike]) -> Inference:
    """Compare the means of groups of equal variance (one-way analysis of variance).

    Parameters
    ----------
    groups : mapping of str to array_like
        Values by the name of the group.

    Returns
    -------
    Inference
        With the estimates "eta squared" and "omega squared" (which has less bias); they have no interval.

    Raises
    ------
    ValueError
        If there are fewer than two groups, one has fewer than two values, no group varies, or values are not numbers.
    """
    present, excluded = _varying(groups, "Analysis of variance")
    outcome = stats.f_oneway(*present.values())
    between, within, n, k = _sums_of_squares(present)
    mean_square = within / (n - k)
    estimates = {
        "eta squared": between / (between + within),
        "omega squared": (between - (k - 1) * mean_square) / (between + within + mean_square),
    }
    return _omnibus(
        "one-way analysis of variance",
        "F",
        outcome,
        (k - 1.0, float(n - k)),
        present,
        excluded,
        estimates,
        checks=normality(_residuals(present)) + equal_variances(present),
    )


def welch_anova(groups: Mapping[str, ArrayLike]) -> Inference:
    """Compare the means of groups whose variances may differ (Welch); every group must vary.

    References
    ----------
    Welch BL. Biometrika 1951;38:330-336. https://doi.org/10.1093/biomet/38.3-4.330
    """
    present, excluded = _varying(groups, "Welch's analysis of variance", all_vary=True)
    sizes = np.array([values.size for values in present.values()])
    means = np.array([values.mean() for values in present.values()])
    weights = sizes / np.array([values.var(ddof=1) for values in present.values()])
    k, total = sizes.size, weights.sum()
    between = np.sum(weights * (means - np.sum(weights * means) / total) ** 2) / (k - 1)
    excess = np.sum((1 - weights / total) ** 2 / (sizes - 1))
    f = between / (1 + 2 * (k - 2) / (k**2 - 1) * excess)
    df = (k - 1.0, float((k**2 - 1) / (3 * excess)))
    return _omnibus(
        "Welch analysis of variance", "F", (f, stats.f.sf(f, *df)), df, present, excluded, {}, checks=normality(present)
    )


def kruskal_wallis(groups: Mapping[str, ArrayLike]) -> Inference:
    """Compare groups by ranks (Kruskal-Wallis, corrected for ties), with the estimate "epsilon squared"."""
    present, excluded = present_in_groups(groups, least=1, test="The Kruskal-Wallis test")
    outcome = stats.kruskal(*present.values())
    n = sum(values.size for values in present.values())
    estimates = {"epsilon squared": float(outcome.statistic) / (n - 1)}
    return _omnibus("Kruskal-Wallis test", "H", outcome, (len(present) - 1.0,), present, excluded, estimates)


def jonckheere(groups: Mapping[str, ArrayLike], *, alternative: str = TWO_SIDED) -> Inference:
    """Test for a trend over ordered groups (Jonckheere-Terpstra, normal approximation corrected for ties).

    Parameters
    ----------
    groups : mapping of str to array_like
        Values by the name of the group, in their order, such as controls, carriers, patients.
    alternative : {"two-sided", "greater", "less"}
        Whether any trend, a rising, or a falling one is tested for.

    References
    ----------
    Hollander M, Wolfe DA, Chicken E. Nonparametric Statistical Methods, 3rd ed. Wiley 2014.
    https://doi.org/10.1002/9781119196037
    """
    check_alternative(alternative)
    present, excluded = present_in_groups(groups, least=1, test="The Jonckheere-Terpstra test")
    samples = list(present.values())
    j = sum(float(stats.mannwhitneyu(b, a, method="asymptotic").statistic) for a, b in combinations(samples, 2))
    sizes = np.array([values.size for values in samples], float)
    ties = np.unique(np.concatenate(samples), return_counts=True)[1].astype(float)
    n = sizes.sum()

    variance = _trend_variance(sizes, ties)
    z = (j - (n**2 - np.sum(sizes**2)) / 4) / np.sqrt(variance)
    p = {TWO_SIDED: 2 * stats.norm.sf(abs(z)), "greater": stats.norm.sf(z), "less": stats.norm.cdf(z)}[alternative]
    tau = {"Kendall tau-b with the order of groups": _order_correlation(samples)}
    return _omnibus("Jonckheere-Terpstra test", "z", (z, p), (), present, excluded, tau, alternative=alternative)


def tukey(groups: Mapping[str, ArrayLike], *, confidence: float = 0.95) -> tuple[PairwiseComparison, ...]:
    """Compare all pairs of groups of equal variance (Tukey-Kramer), p values and intervals adjusted for all pairs."""
    return _studentized(groups, True, "Tukey-Kramer", confidence)


def games_howell(groups: Mapping[str, ArrayLike], *, confidence: float = 0.95) -> tuple[PairwiseComparison, ...]:
    """Compare all pairs of groups whose variances may differ (Games-Howell), adjusted for all pairs."""
    return _studentized(groups, False, "Games-Howell", confidence)


def dunn(groups: Mapping[str, ArrayLike]) -> tuple[PairwiseComparison, ...]:
    """Compare all pairs of groups by their mean ranks among all (Dunn, corrected for ties; Holm over the pairs).

    The difference is one of mean ranks.

    References
    ----------
    Dunn OJ. Technometrics 1964;6:241-252. https://doi.org/10.1080/00401706.1964.10490181
    """
    present, excluded = present_in_groups(groups, least=1, test="Dunn's test")
    samples = list(present.values())
    together = np.concatenate(samples)
    n = together.size
    means = [ranks.mean() for ranks in np.split(stats.rankdata(together), np.cumsum([s.size for s in samples])[:-1])]
    ties = np.unique(together, return_counts=True)[1]
    variance = n * (n + 1) / 12 - np.sum(ties**3 - ties) / (12 * (n - 1))
    pairs = list(combinations(range(len(samples)), 2))
    z = [(means[a] - means[b]) / np.sqrt(variance * (1 / samples[a].size + 1 / samples[b].size)) for a, b in pairs]
    p = {str(i): float(2 * stats.norm.sf(abs(value))) for i, value in enumerate(z)}
    adjusted = adjust(p, family="all pairs of groups", method="holm").adjusted
    names = list(present)
    return tuple(
        PairwiseComparison(
            first=names[a],
            second=names[b],
            n=(samples[a].size, samples[b].size),
            difference=Estimate(float(means[a] - means[b]), np.nan, np.nan, np.nan, "difference of mean ranks"),
            effect=rank_biserial(samples[a], samples[b], 0.95),
            statistic=float(z[i]),
            df=np.inf,
            p=p[str(i)],
            adjusted_p=adjusted[str(i)],
            method="Dunn, Holm",
            excluded={names[a]: excluded[names[a]], names[b]: excluded[names[b]]},
        )
        for i, (a, b) in enumerate(pairs)
    )


def _studentized(groups, equal_variance: bool, method: str, confidence: float) -> tuple[PairwiseComparison, ...]:
    check_confidence(confidence)
    present, excluded = _varying(groups, method, all_vary=not equal_variance)
    samples, names = list(present.values()), list(present)
    k = len(samples)
    _, within, n, _ = _sums_of_squares(present)
    common = stats.studentized_range.ppf(confidence, k, n - k) if equal_variance else np.nan  # slow to find
    rows = []
    for a, b in combinations(range(k), 2):
        first, second = samples[a], samples[b]
        if equal_variance:
            square, df = within / (n - k) * (1 / first.size + 1 / second.size), float(n - k)
        else:
            parts = first.var(ddof=1) / first.size, second.var(ddof=1) / second.size
            square = sum(parts)
            df = square**2 / (parts[0] ** 2 / (first.size - 1) + parts[1] ** 2 / (second.size - 1))
        error = np.sqrt(square / 2)
        difference = float(first.mean() - second.mean())
        half = error * (common if equal_variance else stats.studentized_range.ppf(confidence, k, df))
        t = difference / np.sqrt(square)
        limits = float(difference - half), float(difference + half)
        rows.append(
            PairwiseComparison(
                first=names[a],
                second=names[b],
                n=(first.size, second.size),
                difference=Estimate(difference, *limits, confidence, "studentized range"),
                effect=_standardized(first, second, confidence),
                statistic=float(t),
                df=float(df),
                p=float(2 * stats.t.sf(abs(t), df)),
                adjusted_p=float(stats.studentized_range.sf(abs(difference) / error, k, df)),
                method=method,
                excluded={names[a]: excluded[names[a]], names[b]: excluded[names[b]]},
            )
        )
    return tuple(rows)


def _standardized(first: np.ndarray, second: np.ndarray, confidence: float) -> Estimate:
    """Hedges' g of a pair; NaN where neither of the two varies, though others do."""
    if np.ptp(first) == 0 and np.ptp(second) == 0:
        return Estimate(np.nan, np.nan, np.nan, confidence, "Hedges g, no spread")
    g = standardized_differences(first, second, confidence)["Hedges g"]
    return replace(g, method=f"Hedges g, {g.method}")


def _varying(groups, test: str, *, all_vary: bool = False):
    """Groups fit for a comparison of means: some or all of them vary."""
    present, excluded = present_in_groups(groups, least=2, test=test)
    constant = [name for name, values in present.items() if np.ptp(values) == 0]
    if len(constant) == len(present) or (all_vary and constant):
        raise ValueError(f"{test}: values do not vary within {', '.join(constant)}, so their spread cannot be used.")
    return present, excluded


def _sums_of_squares(groups: Mapping[str, np.ndarray]) -> tuple[float, float, int, int]:
    together = np.concatenate(list(groups.values()))
    within = sum(float(np.sum((values - values.mean()) ** 2)) for values in groups.values())
    between = sum(values.size * (values.mean() - together.mean()) ** 2 for values in groups.values())
    return float(between), within, together.size, len(groups)


def _residuals(groups: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {"residuals": np.concatenate([values - values.mean() for values in groups.values()])}


def _order_correlation(samples: list[np.ndarray]) -> float:
    order = np.repeat(np.arange(len(samples)), [values.size for values in samples])
    return float(stats.kendalltau(order, np.concatenate(samples)).statistic)


def _trend_variance(sizes: np.ndarray, ties: np.ndarray) -> float:
    """Variance of the Jonckheere-Terpstra statistic where nothing differs, given sizes of groups and of ties."""
    n = sizes.sum()

    def single(counts):
        return np.sum(counts * (counts - 1) * (2 * counts + 5))

    def pairs(counts):
        return np.sum(counts * (counts - 1))

    def triples(counts):
        return np.sum(counts * (counts - 1) * (counts - 2))

    variance = (single(np.array([n])) - single(sizes) - single(ties)) / 72
    variance += pairs(sizes) * pairs(ties) / (8 * n * (n - 1))
    if n > 2:
        variance += triples(sizes) * triples(ties) / (36 * n * (n - 1) * (n - 2))
    return float(variance)


def _omnibus(
    method, symbol, outcome, df, present, excluded, estimates, *, checks=(), alternative=TWO_SIDED
) -> Inference:
    statistic, p = outcome
    return Inference(
        method=method,
        statistic=float(statistic),
        statistic_name=symbol,
        df=df,
        p=float(p),
        alternative=alternative,
        n={name: values.size for name, values in present.items()},
        estimates={
            name: Estimate(float(value), np.nan, np.nan, np.nan, "no interval") for name, value in estimates.items()
        },
        excluded=excluded,
        checks=checks,
    )
