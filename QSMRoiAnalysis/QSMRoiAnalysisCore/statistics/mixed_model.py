"""Linear mixed models: repeated measurements of subjects, and lesions within subjects, by restricted likelihood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import approx_fprime, minimize

from .observations import check_varies, complete_rows, labels, numbers
from .regression import INTERCEPT, Coefficient, design_matrix, wald
from .result import check_confidence

#: Standard deviations of random effects are sought up to this multiple of the residual one.
_LARGEST_RATIO = 1e4

#: A random effect below this multiple of the residual standard deviation is reported as absent.
_SMALLEST_RATIO = 1e-4

#: Standard errors that ignore who was measured are remarked on if they differ by more than this fraction.
_NAIVE_DEVIATION = 0.05


@dataclass(frozen=True)
class MixedModelFit:
    """A linear mixed model fitted by restricted maximum likelihood (REML).

    Parameters
    ----------
    method : str
        The random effects of the model.
    coefficients : mapping of str to Coefficient
        Fixed effects by name, with Satterthwaite's degrees of freedom.
    naive_standard_errors : mapping of str to float
        What the standard errors would be if all rows were of different subjects.
    random_sd : mapping of str to float
        Standard deviations of the random effects: "intercept", "slope of ..." and "nested intercept".
    random_correlation : float
        Correlation of random intercept and slope; NaN for models that do not have both.
    residual_sd : float
    reml_criterion : float
        Minus twice the restricted log likelihood, with its constants, as lme4 prints it.
    n : int
        Rows used.
    subjects, nested : int
        Number of subjects, and of units nested in them (0 without).
    excluded : tuple of int
        Positions of rows that lack a value or a label.
    remarks : tuple of str
    """

    method: str
    coefficients: Mapping[str, Coefficient]
    naive_standard_errors: Mapping[str, float]
    random_sd: Mapping[str, float]
    random_correlation: float
    residual_sd: float
    reml_criterion: float
    n: int
    subjects: int
    nested: int
    excluded: tuple[int, ...]
    remarks: tuple[str, ...]


def mixed_model(
    response: ArrayLike,
    fixed: Mapping[str, ArrayLike],
    subject: Sequence,
    *,
    slope: str | None = None,
    nested: Sequence | None = None,
    confidence: float = 0.95,
) -> MixedModelFit:
    """Fit fixed effects and a random intercept for each subject; optionally random slopes and nested intercepts.

    Parameters
    ----------
    response : array_like, shape (n,)
        What is explained.
    fixed : mapping of str to array_like of shape (n,)
        Predictors by name, such as time, group (coded 0 and 1), and their product.
    subject : sequence, shape (n,)
        Who was measured.
    slope : str, optional
        A fixed predictor whose slope varies between subjects, correlated with their intercepts.
    nested : sequence, shape (n,), optional
        Units within subjects, such as lesions, each with an intercept of its own. The same label in two subjects means
        two units.
    confidence : float
        Level of the Wald intervals.

    Returns
    -------
    MixedModelFit

    Raises
    ------
    ValueError
        If there are fewer than three subjects, none was measured more than once, predictors cannot be told apart, or
        values are not numbers.

    Notes
    -----
    With V = I + Z T T' Z' the covariance in units of the residual variance, the criterion log|V| + log|X' V^-1 X| +
    (n - p) log r^2 is minimized over T, where r^2 is the generalized residual sum of squares. It falls apart over
    subjects, whose blocks are padded to one size and solved at once. Degrees of freedom follow Satterthwaite, with
    derivatives by finite differences.

    References
    ----------
    Bates D et al. J Stat Softw 2015;67(1). https://doi.org/10.18637/jss.v067.i01

    Kuznetsova A et al. J Stat Softw 2017;82(13). https://doi.org/10.18637/jss.v082.i13
    """
    check_confidence(confidence)
    if slope is not None and slope not in fixed:
        raise ValueError(f"The random slope {slope!r} is no fixed predictor; there are {', '.join(fixed)}.")
    who = labels("Subject", subject)
    unit = None if nested is None else labels("Nested", nested)
    columns = {"Response": numbers("Response", response)}
    columns |= {name: numbers(name, values) for name, values in fixed.items()}
    columns["Subject"] = np.where(who == "", np.nan, 0.0)
    if unit is not None:
        columns["Nested"] = np.where(unit == "", np.nan, 0.0)
    rows, excluded = complete_rows(columns)
    who = np.delete(who, excluded)
    y, predictors = rows["Response"], {name: rows[name] for name in fixed}
    check_varies("Response", y)
    x = design_matrix(predictors)
    n, p = x.shape
    subjects = np.unique(who).size
    if subjects < 3:
        raise ValueError(f"A mixed model needs at least 3 subjects to know how they vary, but got {subjects}.")
    if subjects == n:
        raise ValueError(f"Each of the {n} subjects has one row, so rows are independent. Use a linear regression.")
    if n <= p + 2:
        raise ValueError(f"{n} complete row(s) cannot determine {p} fixed effects and the random ones.")
    units = np.array([]) if unit is None else np.array([f"{a}\t{b}" for a, b in zip(who, np.delete(unit, excluded))])
    if units.size and np.unique(units).size == subjects:
        raise ValueError("Each subject has one nested unit, so that both have the same intercept. Leave out nested.")
    if units.size and np.unique(units).size == n:
        raise ValueError("Each nested unit has one row, so its intercept cannot be told from the error.")
    model = _Blocks(y, x, who, predictors[slope] if slope else None, units)
    ratios = model.most_likely_ratios()
    solved = model.solve(ratios)
    degrees = model.satterthwaite(ratios)
    independent = np.linalg.inv(x.T @ x) * np.sum((y - x @ np.linalg.lstsq(x, y, rcond=None)[0]) ** 2) / (n - p)
    names = [INTERCEPT, *predictors]
    coefficients = wald(INTERCEPT, predictors, solved.beta, solved.covariance, degrees, confidence)
    naive = {name: float(error) for name, error in zip(names, np.sqrt(np.diag(independent)))}
    sds, correlation = _random_effects(ratios, solved.sigma, model, slope)
    return MixedModelFit(
        method=_description(slope, bool(units.size)),
        coefficients=coefficients,
        naive_standard_errors=naive,
        random_sd=sds,
        random_correlation=correlation,
        residual_sd=solved.sigma,
        reml_criterion=solved.criterion,
        n=n,
        subjects=subjects,
        nested=np.unique(units).size,
        excluded=excluded,
        remarks=_remarks(coefficients, naive, sds, solved.sigma, np.std(y)),
    )


@dataclass(frozen=True)
class _Solution:
    """The model at given random effects."""

    beta: np.ndarray
    covariance: np.ndarray
    sigma: float
    criterion: float
    half_log_determinants: float
    residual: float


class _Blocks:
    """The rows of each subject as one block of a stack; shorter blocks are padded with rows of zeros.

    A padded row has unit variance and no data, so that it adds nothing to any sum.
    """

    def __init__(self, y, x, who, slope, units):
        self.n, self.p = x.shape
        _, index = np.unique(who, return_inverse=True)
        counts = np.bincount(index)
        order = np.argsort(index, kind="stable")
        place = np.arange(self.n) - np.repeat(np.cumsum(counts) - counts, counts)
        at = index[order], place
        shape = counts.size, counts.max()

        def stacked(columns):
            stack = np.zeros((*shape, columns.shape[1]))
            stack[at] = columns[order]
            return stack

        self.data = stacked(np.column_stack([x, y]))
        # A slope of unit scale makes the search for its spread well conditioned; its origin has to stay.
        self.slope_scale = float(np.sqrt(np.mean(slope**2))) if slope is not None else 1.0
        effects = [np.ones(self.n)] if slope is None else [np.ones(self.n), slope / self.slope_scale]
        self.effects = stacked(np.column_stack(effects))
        self.same_unit = None
        if units.size:
            code = np.zeros(shape)
            code[at] = 1 + np.unique(units, return_inverse=True)[1][order]
            self.same_unit = ((code[:, :, None] == code[:, None, :]) & (code[:, :, None] > 0)).astype(float)
        self.identity = np.eye(shape[1])

    def factor(self, ratios: np.ndarray) -> np.ndarray:
        """Lower triangular factor of the covariance of intercept and slope, in units of the residual variance."""
        if self.effects.shape[2] == 1:
            return np.array([[ratios[0]]])
        return np.array([[ratios[0], 0.0], [ratios[1], ratios[2]]])

    def solve(self, ratios: np.ndarray) -> _Solution:
        spread = self.effects @ self.factor(ratios)
        variance = self.identity + spread @ spread.transpose(0, 2, 1)
        if self.same_unit is not None:
            variance = variance + ratios[-1] ** 2 * self.same_unit
        root = np.linalg.cholesky(variance)
        white = np.linalg.solve(root, self.data).reshape(-1, self.p + 1)
        triangle = np.linalg.qr(white, mode="r")
        inner = triangle[: self.p, : self.p]
        beta = np.linalg.solve(inner, triangle[: self.p, self.p])
        residual = float(triangle[self.p, self.p] ** 2)
        # Data without noise would make the likelihood infinite; rounding is the least noise there can be.
        floor = np.finfo(float).eps ** 2 * float(np.sum(self.data[..., -1] ** 2))
        df = self.n - self.p
        sigma2 = max(residual, floor) / df
        determinants = float(
            np.sum(np.log(np.diagonal(root, axis1=1, axis2=2))) + np.sum(np.log(np.abs(np.diag(inner))))
        )
        inverse = np.linalg.inv(inner)
        return _Solution(
            beta=beta,
            covariance=inverse @ inverse.T * sigma2,
            sigma=float(np.sqrt(sigma2)),
            criterion=2 * determinants + df * (1 + np.log(2 * np.pi * sigma2)),
            half_log_determinants=determinants,
            residual=residual,
        )

    def most_likely_ratios(self) -> np.ndarray:
        """Random effects in units of the residual standard deviation, at the least criterion."""
        bounds = [(0.0, _LARGEST_RATIO)]
        if self.effects.shape[2] == 2:
            bounds += [(-_LARGEST_RATIO, _LARGEST_RATIO), (0.0, _LARGEST_RATIO)]
        if self.same_unit is not None:
            bounds.append((0.0, _LARGEST_RATIO))
        starts = [np.array([scale if low == 0 else 0.0 for low, _ in bounds]) for scale in (1.0, 0.1)]

        def criterion(ratios):
            return self.solve(ratios).criterion

        found = min(
            (minimize(criterion, start, method="L-BFGS-B", bounds=bounds) for start in starts), key=lambda r: r.fun
        )
        options = {"xatol": 1e-7, "fatol": 1e-9, "maxiter": 400}
        polished = minimize(criterion, found.x, method="Nelder-Mead", bounds=bounds, options=options)
        return polished.x if polished.fun < found.fun else found.x

    def satterthwaite(self, ratios: np.ndarray) -> np.ndarray:
        """Degrees of freedom of each fixed effect: those of the scaled chi-square that its variance resembles.

        Random effects that are absent are held there, as their estimates have no spread of the usual kind.
        """
        sigma = self.solve(ratios).sigma
        free = [i for i, value in enumerate(ratios) if abs(value) > _SMALLEST_RATIO]
        at = np.array([*ratios[free], np.log(sigma)])

        def full(point):
            moved = ratios.copy()
            moved[free] = point[:-1]
            return moved, np.exp(point[-1])

        def deviance(point):
            moved, scale = full(point)
            solution = self.solve(moved)
            return 2 * solution.half_log_determinants + 2 * (self.n - self.p) * point[-1] + solution.residual / scale**2

        def variances(point):
            moved, scale = full(point)
            solution = self.solve(moved)
            return np.diag(solution.covariance) * (scale / solution.sigma) ** 2

        steps = 1e-3 * np.maximum(np.abs(at), 0.1)
        hessian = _hessian(deviance, at, steps)
        gradients = approx_fprime(at, variances, steps / 10)
        spread = 2 * np.linalg.pinv(hessian, hermitian=True)
        of_variances = np.einsum("ij,jk,ik->i", np.atleast_2d(gradients), spread, np.atleast_2d(gradients))
        degrees = 2 * variances(at) ** 2 / np.maximum(of_variances, np.finfo(float).tiny)
        return np.clip(degrees, 1.0, self.n - self.p)


def _hessian(function, at: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Second derivatives by central differences."""
    size = at.size
    moves = np.diag(steps)
    hessian = np.empty((size, size))
    for i in range(size):
        for j in range(i, size):
            values = [function(at + a * moves[i] + b * moves[j]) for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
            hessian[i, j] = hessian[j, i] = (values[0] - values[1] - values[2] + values[3]) / (4 * steps[i] * steps[j])
    return hessian


def _random_effects(ratios, sigma: float, model: _Blocks, slope: str | None) -> tuple[dict[str, float], float]:
    factor = model.factor(ratios)
    covariance = factor @ factor.T
    sds = {"intercept": float(sigma * np.sqrt(covariance[0, 0]))}
    correlation = np.nan
    if slope is not None:
        sds[f"slope of {slope}"] = float(sigma * np.sqrt(covariance[1, 1]) / model.slope_scale)
        if covariance[0, 0] > 0 and covariance[1, 1] > 0:
            correlation = float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))
    if model.same_unit is not None:
        sds["nested intercept"] = float(sigma * ratios[-1])
    return sds, correlation


def _description(slope: str | None, nested: bool) -> str:
    parts = ["random intercept of the subject"]
    if slope is not None:
        parts.append(f"random slope of {slope}")
    if nested:
        parts.append("random intercept of the nested unit")
    return f"linear mixed model, {', '.join(parts)} (REML, Satterthwaite)"


def _remarks(coefficients, naive, sds, sigma: float, spread: float) -> tuple[str, ...]:
    if sigma < 1e-6 * spread:
        return ("The model fits without error, so its standard errors and tests mean nothing.",)
    found = []
    absent = [name for name, sd in sds.items() if sd < _SMALLEST_RATIO * sigma]
    if absent:
        found.append(f"Subjects do not differ in {', '.join(absent)} (singular fit).")
    worst = max((abs(naive[name] / coefficient.standard_error - 1), name) for name, coefficient in coefficients.items())
    if worst[0] > _NAIVE_DEVIATION:
        name = worst[1]
        found.append(
            f"Treating rows as independent would give {name} a standard error of {naive[name]:.3g} "
            f"instead of {coefficients[name].standard_error:.3g}."
        )
    return tuple(found)
