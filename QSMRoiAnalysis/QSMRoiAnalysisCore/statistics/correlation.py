"""Correlation of two measures, also with others held fixed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .assumptions import normality
from .observations import check_varies, complete_rows
from .regression import design_matrix
from .result import TWO_SIDED, Estimate, Inference, check_alternative, check_confidence

#: Correlations, with the name of their coefficient.
METHODS = {"pearson": "Pearson r", "spearman": "Spearman rho", "kendall": "Kendall tau-b"}


def correlate(
    first: ArrayLike,
    second: ArrayLike,
    *,
    method: str = "pearson",
    alternative: str = TWO_SIDED,
    confidence: float = 0.95,
) -> Inference:
    """Correlate two measures of the same subjects.

    Parameters
    ----------
    first, second : array_like, shape (n,)
        Subjects that lack either are left out.
    method : {"pearson", "spearman", "kendall"}
        Straight-line correlation, or one of ranks.
    alternative : {"two-sided", "greater", "less"}
        Whether the correlation is tested to be different from, above, or below zero.
    confidence : float
        Level of the interval.

    Returns
    -------
    Inference
        With the coefficient as its estimate, whose interval is found on Fisher's z scale.

    Raises
    ------
    ValueError
        If fewer than four subjects are complete, a measure does not vary, or values are not numbers.

    References
    ----------
    Bonett DG, Wright TA. Psychometrika 2000;65:23-28. https://doi.org/10.1007/BF02294183
    """
    _check(method, alternative, confidence)
    rows, excluded = complete_rows({"First": first, "Second": second})
    _check_rows(rows, least=4)
    x, y = rows["First"], rows["Second"]
    test = {"pearson": stats.pearsonr, "spearman": stats.spearmanr, "kendall": stats.kendalltau}[method]
    outcome = test(x, y, alternative=alternative)
    r = float(np.clip(outcome.statistic, -1, 1))
    return Inference(
        method=f"{method.title()} correlation",
        statistic=r,
        statistic_name=METHODS[method],
        df=() if method == "kendall" else (float(x.size - 2),),
        p=float(outcome.pvalue),
        alternative=alternative,
        n={"subjects": x.size},
        estimates={METHODS[method]: _fisher_interval(r, x.size, 0, method, confidence)},
        excluded={"subjects": excluded},
        checks=normality({"first": x, "second": y}) if method == "pearson" else (),
    )


def correlate_partially(
    first: ArrayLike,
    second: ArrayLike,
    given: Mapping[str, ArrayLike],
    *,
    method: str = "pearson",
    alternative: str = TWO_SIDED,
    confidence: float = 0.95,
) -> Inference:
    """Correlate what is left of two measures after a linear fit of others.

    Parameters
    ----------
    first, second : array_like, shape (n,)
    given : mapping of str to array_like of shape (n,)
        What is held fixed, such as age. Rows that lack any value are left out.
    method : {"pearson", "spearman"}
        Whether values or their ranks are correlated and held fixed.
    alternative, confidence
        As in `correlate`.

    Returns
    -------
    Inference
        Its statistic is t, with n - 2 - k degrees of freedom for k measures held fixed.

    Raises
    ------
    ValueError
        If the measures held fixed leave nothing of the first or second, rows are too few, or values are no numbers.
    """
    if method == "kendall":
        raise ValueError("A partial correlation is one of values (pearson) or of ranks (spearman), not kendall.")
    _check(method, alternative, confidence)
    if not given:
        raise ValueError("Nothing is held fixed. Name at least one measure, or use correlate.")
    rows, excluded = complete_rows({"First": first, "Second": second, **given})
    _check_rows(rows, least=len(given) + 4)
    if method == "spearman":
        rows = {name: stats.rankdata(values) for name, values in rows.items()}
    fixed = design_matrix({name: rows[name] for name in given})
    left = []
    for name in ("First", "Second"):
        values = rows[name] - rows[name].mean()
        residual = values - fixed @ np.linalg.lstsq(fixed, values, rcond=None)[0]
        if residual @ residual <= 1e-12 * (values @ values):
            raise ValueError(f"{name} is determined by {', '.join(given)}, so nothing is left of it to correlate.")
        left.append(residual / np.sqrt(residual @ residual))
    r = float(np.clip(left[0] @ left[1], -1, 1))
    n, df = rows["First"].size, rows["First"].size - 2 - len(given)
    if 1 - abs(r) < 1e-12:  # rounding must not decide the p value of a perfect correlation
        r = float(np.sign(r))
    with np.errstate(divide="ignore"):
        t = float(np.divide(r * np.sqrt(df), np.sqrt(1 - r**2)))
    p = {TWO_SIDED: 2 * stats.t.sf(abs(t), df), "greater": stats.t.sf(t, df), "less": stats.t.cdf(t, df)}[alternative]
    name = f"partial {METHODS[method]}"
    return Inference(
        method=f"partial {method.title()} correlation given {', '.join(given)}",
        statistic=t,
        statistic_name="t",
        df=(float(df),),
        p=float(p),
        alternative=alternative,
        n={"subjects": n},
        estimates={name: _fisher_interval(r, n, len(given), method, confidence)},
        excluded={"subjects": excluded},
        checks=normality({"residuals of first": left[0], "residuals of second": left[1]})
        if method == "pearson"
        else (),
        remarks=("The measures are perfectly correlated once the others are held fixed.",) if abs(r) == 1 else (),
    )


def _fisher_interval(r: float, n: int, fixed: int, method: str, confidence: float) -> Estimate:
    variances = {
        "pearson": (1.0, n - fixed - 3),
        "spearman": (1 + r**2 / 2, n - fixed - 3),
        "kendall": (0.437, n - 4),
    }
    scale, size = variances[method]
    if size < 1 or abs(r) == 1:
        return Estimate(r, np.nan, np.nan, confidence, "no interval")
    half = stats.norm.ppf((1 + confidence) / 2) * np.sqrt(scale / size)
    low, high = np.tanh(np.arctanh(r) - half), np.tanh(np.arctanh(r) + half)
    return Estimate(r, float(low), float(high), confidence, "Fisher z")


def _check(method: str, alternative: str, confidence: float) -> None:
    if method not in METHODS:
        raise ValueError(f"The method is {method!r}; choose one of {', '.join(METHODS)}.")
    check_alternative(alternative)
    check_confidence(confidence)


def _check_rows(rows: Mapping[str, np.ndarray], least: int) -> None:
    size = rows["First"].size
    if size < least:
        raise ValueError(f"This correlation needs at least {least} complete subjects, but got {size}.")
    for name, values in rows.items():
        check_varies(name, values)
