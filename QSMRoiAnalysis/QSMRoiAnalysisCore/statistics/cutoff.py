"""Cut-offs of a measure, and what they are worth on subjects they were not chosen on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .observations import present_in_groups
from .proportions import DiagnosticTable, diagnostic_table
from .result import check_confidence
from .roc import CurvePoints, RocCurve, curve_points, roc_curve

#: How a point of the curve is chosen.
RULES = {
    "youden": "largest sensitivity + specificity - 1",
    "closest": "closest to sensitivity 1 and specificity 1",
    "specificity": "most sensitive of those that keep a specificity",
}


@dataclass(frozen=True)
class Cutoff:
    """A cut-off and its accuracy.

    Parameters
    ----------
    threshold : float
        Values beyond it are positive.
    higher_is_positive : bool
        Whether "beyond" means above.
    rule : str
        One of `RULES`.
    youden : float
        Sensitivity + specificity - 1, on the subjects it was chosen on.
    table : DiagnosticTable
        Accuracy on the subjects it was chosen on, with exact intervals; it is too good.
    expected_sensitivity, expected_specificity, expected_youden : float
        What new subjects can expect: the apparent accuracy less its optimism.
    optimism : float
        Mean difference of Youden's index between subjects a cut-off is chosen on and all subjects, over bootstrap
        samples.
    samples : int
        Bootstrap samples behind.
    excluded : mapping of str to tuple of int
        Positions of missing values among cases and among controls.
    """

    threshold: float
    higher_is_positive: bool
    rule: str
    youden: float
    table: DiagnosticTable
    expected_sensitivity: float
    expected_specificity: float
    expected_youden: float
    optimism: float
    samples: int
    excluded: Mapping[str, tuple[int, ...]]


def choose_cutoff(
    cases: ArrayLike,
    controls: ArrayLike,
    *,
    rule: str = "youden",
    specificity: float = 0.9,
    higher_is_positive: bool = True,
    repetitions: int = 200,
    seed: int = 0,
    confidence: float = 0.95,
) -> Cutoff:
    """Choose a cut-off by a ROC curve, and estimate what it is worth on new subjects.

    Parameters
    ----------
    cases, controls : array_like
        Values of those who have the condition, and of those who do not; missing ones are left out.
    rule : {"youden", "closest", "specificity"}
        How it is chosen.
    specificity : float
        Least specificity, for the last rule.
    higher_is_positive : bool
        Whether high values speak for the condition.
    repetitions : int
        Bootstrap samples for the optimism, with cases and controls drawn apart.
    seed : int
        Of the random numbers.
    confidence : float
        Level of the intervals of the apparent accuracy.

    Returns
    -------
    Cutoff

    Raises
    ------
    ValueError
        As `roc.roc_curve`; and if the rule is unknown, or no cut-off has the wanted specificity.

    Notes
    -----
    A cut-off chosen on a sample fits its chance. Harrell's bootstrap repeats the choice on samples of the sample, and
    subtracts the mean loss between sample and whole from the apparent accuracy.

    References
    ----------
    Harrell FE et al. Stat Med 1996;15:361-387.
    https://doi.org/10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4
    """
    check_confidence(confidence)
    if rule not in RULES:
        raise ValueError(f"The rule is {rule!r}; choose one of {', '.join(RULES)}.")
    if not 0 < specificity <= 1:
        raise ValueError(f"The specificity is {specificity}; give a fraction, such as 0.9.")
    if repetitions < 50:
        raise ValueError(f"Optimism needs at least 50 bootstrap samples, but got {repetitions}.")
    groups = {"cases": cases, "controls": controls}
    present, _ = present_in_groups(groups, least=2, test="A cut-off", count=2)
    one, other = present["cases"], present["controls"]
    curve = roc_curve(one, other, higher_is_positive=higher_is_positive, confidence=confidence)
    choose = _chooser(rule, specificity)
    threshold = curve.thresholds[choose(curve)]
    if not np.isfinite(threshold):
        raise ValueError("The best this rule can do is to call everyone alike: the measure does not tell cases apart.")
    apparent = _accuracy(one, other, threshold, higher_is_positive)
    random = np.random.default_rng(seed)
    losses = []
    while len(losses) < repetitions:
        drawn, drawn_other = random.choice(one, one.size), random.choice(other, other.size)
        if np.ptp(np.concatenate([drawn, drawn_other])) == 0:
            continue  # a sample of one value has no curve; it is drawn anew
        sample = curve_points(drawn, drawn_other, higher_is_positive)
        best = sample.thresholds[choose(sample)]
        on_sample = _accuracy(drawn, drawn_other, best, higher_is_positive)
        losses.append(on_sample - _accuracy(one, other, best, higher_is_positive))
    loss = np.mean(losses, axis=0)
    expected = np.clip(apparent - loss, 0, 1)
    positive = np.count_nonzero(_beyond(one, threshold, higher_is_positive))
    false = np.count_nonzero(_beyond(other, threshold, higher_is_positive))
    return Cutoff(
        threshold=float(threshold),
        higher_is_positive=higher_is_positive,
        rule=RULES[rule],
        youden=float(apparent.sum() - 1),
        table=diagnostic_table(
            int(positive), int(false), int(other.size - false), int(one.size - positive), confidence=confidence
        ),
        expected_sensitivity=float(expected[0]),
        expected_specificity=float(expected[1]),
        expected_youden=float(apparent.sum() - 1 - loss.sum()),
        optimism=float(loss.sum()),
        samples=repetitions,
        excluded=curve.excluded,
    )


def _chooser(rule: str, specificity: float) -> Callable[[RocCurve | CurvePoints], int]:
    def choose(curve: RocCurve | CurvePoints) -> int:
        if rule == "youden":
            return int(np.argmax(curve.sensitivity + curve.specificity))
        if rule == "closest":
            return int(np.argmin((1 - curve.sensitivity) ** 2 + (1 - curve.specificity) ** 2))
        return int(np.flatnonzero(curve.specificity >= specificity - 1e-12)[-1])

    return choose


def _beyond(values: np.ndarray, threshold: float, higher_is_positive: bool) -> np.ndarray:
    return values > threshold if higher_is_positive else values < threshold


def _accuracy(cases: np.ndarray, controls: np.ndarray, threshold: float, higher_is_positive: bool) -> np.ndarray:
    """Sensitivity and specificity."""
    return np.array(
        [
            _beyond(cases, threshold, higher_is_positive).mean(),
            1 - _beyond(controls, threshold, higher_is_positive).mean(),
        ]
    )
