"""Whether a measure carries the effect of another on an outcome (mediation)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .observations import complete_rows
from .regression import LinearFit, linear_regression
from .resampling import bootstrap_by_subject
from .result import Estimate

#: Names of the variables in the models of a mediation.
_CAUSE, _MEDIATOR = "cause", "mediator"


@dataclass(frozen=True)
class Mediation:
    """The parts of an effect of a cause on an outcome.

    The decomposition describes associations. It means causes only if nothing unmeasured affects two of the three, which
    no statistic of the same data can show.

    Parameters
    ----------
    indirect : Estimate
        Effect by way of the mediator, with the bootstrap interval.
    direct, total : Estimate
        Effect beside the mediator, and both together.
    to_mediator, to_outcome : LinearFit
        The models behind: the mediator by the cause, and the outcome by both.
    n : int
        Subjects used.
    excluded : tuple of int
        Positions of incomplete rows.
    """

    indirect: Estimate
    direct: Estimate
    total: Estimate
    to_mediator: LinearFit
    to_outcome: LinearFit
    n: int
    excluded: tuple[int, ...]


def mediation(
    cause: ArrayLike,
    mediator: ArrayLike,
    outcome: ArrayLike,
    covariates: Mapping[str, ArrayLike],
    *,
    repetitions: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Mediation:
    """Split the effect of a cause on an outcome into that through a mediator and the rest.

    Parameters
    ----------
    cause, mediator, outcome : array_like, shape (n,)
        One row for each subject; incomplete ones are left out.
    covariates : mapping of str to array_like of shape (n,)
        Held fixed in both models; may be empty. The names "cause" and "mediator" are taken.
    repetitions : int
        Bootstrap samples of subjects.
    seed : int
        Of the random numbers.
    confidence : float
        Level of the intervals.

    Returns
    -------
    Mediation

    Raises
    ------
    ValueError
        If a covariate bears a name that is taken, or as `linear_regression`.

    References
    ----------
    Preacher KJ, Hayes AF. Behav Res Methods 2008;40:879-891. https://doi.org/10.3758/BRM.40.3.879
    """
    if taken := {_CAUSE, _MEDIATOR, "outcome"} & set(covariates):
        raise ValueError(f"Covariates cannot be called {', '.join(sorted(taken))}; these are the variables themselves.")
    rows, excluded = complete_rows({_CAUSE: cause, _MEDIATOR: mediator, "outcome": outcome, **covariates})

    def models(columns: Mapping[str, np.ndarray]) -> tuple[LinearFit, LinearFit]:
        fixed = {name: columns[name] for name in covariates}
        first = linear_regression(columns[_MEDIATOR], {_CAUSE: columns[_CAUSE], **fixed}, confidence=confidence)
        both = {_CAUSE: columns[_CAUSE], _MEDIATOR: columns[_MEDIATOR], **fixed}
        return first, linear_regression(columns["outcome"], both, confidence=confidence)

    def product(columns: Mapping[str, np.ndarray], _) -> float:
        first, second = models(columns)
        return first.coefficients[_CAUSE].estimate.value * second.coefficients[_MEDIATOR].estimate.value

    to_mediator, to_outcome = models(rows)
    fixed = {name: rows[name] for name in covariates}
    whole = linear_regression(rows["outcome"], {_CAUSE: rows[_CAUSE], **fixed}, confidence=confidence)
    subjects = [str(i) for i in range(rows[_CAUSE].size)]
    return Mediation(
        indirect=bootstrap_by_subject(
            product, rows, subjects, repetitions=repetitions, seed=seed, confidence=confidence
        ),
        direct=to_outcome.coefficients[_CAUSE].estimate,
        total=whole.coefficients[_CAUSE].estimate,
        to_mediator=to_mediator,
        to_outcome=to_outcome,
        n=rows[_CAUSE].size,
        excluded=excluded,
    )
