"""Synthesis of the results of studies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from scipy.optimize import minimize_scalar

from .effect_size import cohen_d, hedges_g
from .observations import check_same_length, numbers
from .result import TWO_SIDED, Estimate, Inference, check_confidence

#: Models: one true effect for all studies, or effects that vary, with how their variance is found.
MODELS = {
    "fixed": "common effect, inverse variance",
    "dersimonian-laird": "random effects, DerSimonian-Laird",
    "reml": "random effects, restricted maximum likelihood",
}


@dataclass(frozen=True)
class MetaAnalysis:
    """Studies taken together.

    Parameters
    ----------
    method : str
    pooled : Estimate
        Mean effect.
    standard_error : float
    z, p : float
        Two-sided test of the mean effect against zero; t in place of z with the Hartung-Knapp adjustment.
    tau2 : float
        Variance of the true effects between studies; 0 in the common-effect model.
    q, q_p : float
        Cochran's Q, and its p value for no variance between studies.
    i2 : float
        Part of the variation that is not sampling error, in percent (from Q).
    prediction : Estimate
        Where the true effect of a new study is expected; no interval below three studies or with a common effect.
    weights : mapping of str to float
        Part of each study in the mean.
    n : int
        Number of studies.
    """

    method: str
    pooled: Estimate
    standard_error: float
    z: float
    p: float
    tau2: float
    q: float
    q_p: float
    i2: float
    prediction: Estimate
    weights: Mapping[str, float]
    n: int


def meta_analysis(
    effects: Mapping[str, tuple[float, float]],
    *,
    model: str = "reml",
    hartung_knapp: bool = False,
    confidence: float = 0.95,
) -> MetaAnalysis:
    """Pool effects of studies by inverse variance.

    Parameters
    ----------
    effects : mapping of str to (float, float)
        Effect and its variance, by study.
    model : {"fixed", "dersimonian-laird", "reml"}
    hartung_knapp : bool
        Allow for the uncertainty of the variance between studies, with the t distribution.
    confidence : float
        Level of the intervals.

    Returns
    -------
    MetaAnalysis

    Raises
    ------
    ValueError
        If there are fewer than two studies, or an effect or its variance is not a number or the variance not positive.

    References
    ----------
    DerSimonian R, Laird N. Control Clin Trials 1986;7:177-188. https://doi.org/10.1016/0197-2456(86)90046-2

    Higgins JPT et al. J R Stat Soc A 2009;172:137-159. https://doi.org/10.1111/j.1467-985X.2008.00552.x

    Knapp G, Hartung J. Stat Med 2003;22:2693-2710. https://doi.org/10.1002/sim.1482
    """
    check_confidence(confidence)
    if model not in MODELS:
        raise ValueError(f"The model is {model!r}; choose one of {', '.join(MODELS)}.")
    y, v = _studies(effects)
    k = y.size
    fixed = 1 / v
    q = float(np.sum(fixed * (y - np.sum(fixed * y) / fixed.sum()) ** 2))
    tau2 = {"fixed": lambda *_: 0.0, "dersimonian-laird": _dersimonian_laird, "reml": _reml}[model](y, v, q)
    w = 1 / (v + tau2)
    mean, error = float(np.sum(w * y) / w.sum()), float(1 / np.sqrt(w.sum()))
    distribution = stats.norm
    if hartung_knapp:
        error = float(np.sqrt(np.sum(w * (y - mean) ** 2) / ((k - 1) * w.sum())))
        distribution = stats.t(k - 1)
    half = float(distribution.ppf((1 + confidence) / 2)) * error
    method = MODELS[model] + (", Hartung-Knapp" if hartung_knapp else "")
    with np.errstate(divide="ignore"):
        z = float(np.divide(mean, error))
    return MetaAnalysis(
        method=method,
        pooled=Estimate(mean, mean - half, mean + half, confidence, method),
        standard_error=error,
        z=z,
        p=float(2 * distribution.sf(abs(z))),
        tau2=tau2,
        q=q,
        q_p=float(stats.chi2.sf(q, k - 1)),
        i2=max(0.0, 100 * (q - (k - 1)) / q) if q > 0 else 0.0,
        prediction=_prediction(mean, tau2, float(1 / w.sum()), k, model, confidence),
        weights=dict(zip(effects, map(float, w / w.sum()))),
        n=k,
    )


def leave_one_out(effects: Mapping[str, tuple[float, float]], **options) -> dict[str, MetaAnalysis]:
    """The synthesis without each study in turn, by the study left out; options are those of `meta_analysis`."""
    if len(effects) < 3:
        raise ValueError(f"Leaving one study out needs at least 3 studies, but got {len(effects)}.")
    return {
        left: meta_analysis({name: effect for name, effect in effects.items() if name != left}, **options)
        for left in effects
    }


def egger(effects: Mapping[str, tuple[float, float]]) -> Inference:
    """Test whether small studies find other effects than large ones (Egger's regression).

    References
    ----------
    Egger M et al. BMJ 1997;315:629-634. https://doi.org/10.1136/bmj.315.7109.629
    """
    y, v = _studies(effects)
    if y.size < 3 or np.ptp(v) == 0:
        raise ValueError(f"Egger's test needs at least 3 studies of different precision, but got {y.size}.")
    precision = 1 / np.sqrt(v)
    line = stats.linregress(precision, y * precision)
    df = y.size - 2
    t = float(line.intercept / line.intercept_stderr)
    half = float(stats.t.ppf(0.975, df)) * float(line.intercept_stderr)
    few = ("Fewer than 10 studies: the test has little power.",) if y.size < 10 else ()
    return Inference(
        method="Egger regression test",
        statistic=t,
        statistic_name="t",
        df=(float(df),),
        p=float(2 * stats.t.sf(abs(t), df)),
        alternative=TWO_SIDED,
        n={"studies": y.size},
        estimates={
            "intercept": Estimate(
                float(line.intercept),
                float(line.intercept) - half,
                float(line.intercept) + half,
                0.95,
                "t distribution",
            )
        },
        excluded={},
        remarks=few,
    )


def standardized_effect(mean1: float, sd1: float, n1: int, mean2: float, sd2: float, n2: int) -> tuple[float, float]:
    """Hedges' g of two groups and its variance, from the means and standard deviations that a study prints."""
    if min(n1, n2) < 2 or min(sd1, sd2) < 0:
        raise ValueError(f"Expected at least 2 subjects and a spread >= 0 in each group; got {n1}, {n2}, {sd1}, {sd2}.")
    return hedges_g(cohen_d(mean1, sd1, n1, mean2, sd2, n2), n1, n2)


def log_risk_ratio(events1: int, others1: int, events2: int, others2: int) -> tuple[float, float]:
    """Logarithm of the ratio of two risks and its variance, from counts."""
    if min(events1, events2) < 1 or min(others1, others2) < 0:
        raise ValueError(f"A risk ratio needs events in both groups, but got {events1} and {events2}.")
    n1, n2 = events1 + others1, events2 + others2
    return float(np.log((events1 / n1) / (events2 / n2))), 1 / events1 - 1 / n1 + 1 / events2 - 1 / n2


def pooled_correlation(
    r: ArrayLike, n: ArrayLike, *, model: str = "reml", hartung_knapp: bool = False, confidence: float = 0.95
) -> Estimate:
    """Mean correlation of studies, pooled on Fisher's z scale.

    Parameters
    ----------
    r, n : array_like, shape (k,)
        Correlation and number of subjects of each study.
    model, hartung_knapp, confidence
        As in `meta_analysis`.
    """
    correlations, sizes = numbers("Correlations", r), numbers("Subjects", n)
    check_same_length({"Correlations": correlations, "Subjects": sizes})
    if not np.all(np.abs(correlations) < 1) or not np.all(sizes > 3):
        raise ValueError("Pooling needs correlations between -1 and 1 of more than 3 subjects each.")
    effects = {str(i): (float(z), 1 / (m - 3)) for i, (z, m) in enumerate(zip(np.arctanh(correlations), sizes))}
    pooled = meta_analysis(effects, model=model, hartung_knapp=hartung_knapp, confidence=confidence).pooled
    limits = (float(np.tanh(value)) for value in (pooled.value, pooled.low, pooled.high))
    return Estimate(*limits, confidence, f"{pooled.method}, Fisher z")


def _studies(effects: Mapping[str, tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    if len(effects) < 2:
        raise ValueError(f"A synthesis needs at least 2 studies, but got {len(effects)}.")
    y = numbers("Effects", [effect for effect, _ in effects.values()])
    v = numbers("Variances", [variance for _, variance in effects.values()])
    bad = [name for name, effect, variance in zip(effects, y, v) if not (np.isfinite(effect) and variance > 0)]
    if bad:
        raise ValueError(f"Each study needs an effect and a positive variance, but {', '.join(bad)} lack(s) them.")
    return y, v


def _dersimonian_laird(y: np.ndarray, v: np.ndarray, q: float) -> float:
    w = 1 / v
    return max(0.0, (q - (y.size - 1)) / float(w.sum() - np.sum(w**2) / w.sum()))


def _reml(y: np.ndarray, v: np.ndarray, q: float) -> float:
    def criterion(tau2: float) -> float:
        w = 1 / (v + tau2)
        mean = np.sum(w * y) / w.sum()
        return float(-np.sum(np.log(w)) + np.log(w.sum()) + np.sum(w * (y - mean) ** 2))

    largest = 10 * float(np.var(y) + v.max())
    # The criterion can have a minimum at zero besides one inside.
    found = minimize_scalar(criterion, bounds=(0, largest), method="bounded", options={"xatol": 1e-10 * largest})
    return float(found.x) if found.fun < criterion(0.0) else 0.0


def _prediction(mean: float, tau2: float, variance: float, k: int, model: str, confidence: float) -> Estimate:
    if model == "fixed" or k < 3:
        return Estimate(mean, np.nan, np.nan, confidence, "no interval")
    half = float(stats.t.ppf((1 + confidence) / 2, k - 2)) * np.sqrt(tau2 + variance)
    return Estimate(mean, float(mean - half), float(mean + half), confidence, "Higgins, t with k - 2")
