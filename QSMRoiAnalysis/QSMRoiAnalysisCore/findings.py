"""Findings: what an analysis of a study says about one measure of one region, in one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .statistics.regression import Coefficient
from .statistics.result import Check, Estimate, Inference

_NAN = float("nan")

#: p values of checks below this speak against an assumption.
DOUBTFUL = 0.05


def _column(description: str, default: object = ""):
    return field(default=default, metadata={"description": description})


@dataclass(frozen=True)
class Finding:
    """One row of the results.

    Numbers are NaN and text is empty where an analysis has no such thing.
    """

    analysis: str = _column("Kind of the analysis")
    measure: str = _column("What was measured")
    region: str = _column("Structure, without its side")
    side: str = _column("left, right, mean, more affected, less affected, or empty")
    comparison: str = _column("What is compared or related, such as PD - HC")
    term: str = _column("Term of a model, such as time x group PD")
    role: str = _column("test (counts in its family), pair (adjusted among the pairs of groups), or estimate", "test")
    n: str = _column("Values used, by group or sample")
    method: str = _column("Name of the test or model")
    statistic_name: str = _column("Symbol of the statistic")
    statistic: float = _column("Test statistic", _NAN)
    df: str = _column("Degrees of freedom")
    alternative: str = _column("two-sided, greater or less: what the test is directed at")
    p: float = _column("p value, not adjusted", _NAN)
    adjusted_p: float = _column("p value, adjusted over the family", _NAN)
    family: str = _column("Tests that are judged together")
    family_size: int = _column("Number of tests in the family", 0)
    adjustment: str = _column("How p was adjusted")
    estimate_name: str = _column("What is estimated, such as mean difference")
    estimate: float = _column("Its value", _NAN)
    estimate_low: float = _column("Lower limit of its confidence interval", _NAN)
    estimate_high: float = _column("Upper limit of its confidence interval", _NAN)
    unit: str = _column("Unit of the estimate")
    effect_name: str = _column("Effect size in a scale without unit, such as Hedges g")
    effect: float = _column("Its value", _NAN)
    effect_low: float = _column("Lower limit of its confidence interval", _NAN)
    effect_high: float = _column("Upper limit of its confidence interval", _NAN)
    confidence: float = _column("Level of the intervals", _NAN)
    assumptions: str = _column("Assumptions that were checked, with the p values of the checks")
    excluded: str = _column("Who was left out as missing")
    remarks: str = _column("What a reader should know before using the result")


def estimated(estimate: Estimate | None, name: str, *, prefix: str = "estimate") -> dict[str, object]:
    """The columns of an estimate, or of an effect size."""
    if estimate is None:
        return {}
    return {
        f"{prefix}_name": name, prefix: estimate.value, f"{prefix}_low": estimate.low, f"{prefix}_high": estimate.high,
        "confidence": estimate.confidence,
    }  # fmt: skip


def checked(checks: Sequence[Check]) -> str:
    """Checks of assumptions in words; those that speak against an assumption say so."""
    return "; ".join(
        f"{check.assumption} of {check.of}: {check.method} p = {check.p:.2g}"
        + (" (doubtful)" if check.p < DOUBTFUL else "")
        for check in checks
    )


def inferred(
    inference: Inference, estimate: str = "", effect: str = "", *, excluded: str = "", remarks: Sequence[str] = ()
) -> dict[str, object]:
    """The columns of a test.

    Parameters
    ----------
    inference : Inference
    estimate, effect : str
        Names of its estimates that go into the columns of the estimate and of the effect size.
    excluded : str
        Who was left out, by name.
    remarks : sequence of str
        To be added to those of the test.
    """
    return {
        "method": inference.method,
        "statistic_name": inference.statistic_name,
        "statistic": inference.statistic,
        "df": ", ".join(f"{df:.4g}" for df in inference.df),
        "alternative": inference.alternative,
        "p": inference.p,
        "n": ", ".join(f"{name} {count}" for name, count in inference.n.items()),
        "assumptions": checked(inference.checks),
        "excluded": excluded,
        "remarks": " ".join((*inference.remarks, *remarks)),
        **estimated(inference.estimates.get(estimate), estimate),
        **estimated(inference.estimates.get(effect), effect, prefix="effect"),
    }


def of_coefficient(coefficient: Coefficient) -> dict[str, object]:
    """The columns of a coefficient of a model."""
    return {
        "statistic_name": "z" if coefficient.df == float("inf") else "t",
        "statistic": coefficient.statistic,
        "df": "" if coefficient.df == float("inf") else f"{coefficient.df:.4g}",
        "alternative": "two-sided",
        "p": coefficient.p,
        **estimated(coefficient.estimate, "coefficient"),
    }
