"""Comparison of groups in all regions at once."""

from __future__ import annotations

from ..findings import Finding, inferred
from ..statistics.multivariate import mancova
from ..study import Study
from .kinds import Groups, MeasureName, Variables
from .selection import chosen_groups, members


def multivariate_comparison(
    study: Study, *, measure: MeasureName, groups: Groups = (), covariates: Variables = ()
) -> list[Finding]:
    """Test whether groups differ in a measure of any region (multivariate analysis of covariance).

    Parameters
    ----------
    measure : str
        Of all regions and sides of the protocol.
    groups : tuple of str
        Which groups; all of the protocol by default.
    covariates : tuple of str
        Variables to adjust for; those of the protocol by default.
    """
    names = chosen_groups(study, groups)
    among = members(study, names)
    columns = {str(target): study.values(target)[among] for target in study.targets(measures=(measure,))}
    fixed = study.covariates(covariates or None, among)
    outcome = mancova(columns, list(study.groups()[among]), fixed)
    facts = inferred(
        outcome, effect="Pillai trace", excluded=study.excluded(outcome.excluded["rows"], among),
        remarks=[f"Adjusted for {', '.join(fixed)}."] if fixed else [],
    )
    facts |= {"region": f"{len(columns)} regions and sides together", "comparison": ", ".join(names)}
    return [Finding(analysis="multivariate_comparison", measure=measure, **facts)]
