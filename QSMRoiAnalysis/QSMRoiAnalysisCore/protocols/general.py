"""The analyses that a cohort allows where no published design is asked for."""

from __future__ import annotations

from ..cohort import Cohort
from ..region_names import plain_name
from ..study import CONTROL_WORDS, GROUP_COLUMNS
from .protocol import Citation, FamilyPlan, Group, Protocol, RegionChoice, TestPlan, Variable

#: Columns that are adjusted for where the participants have them.
_COVARIATES = {"age": Variable("number", "age in years"), "sex": Variable("label", "sex")}

#: Fewest subjects for which a covariate has two values at all.
_VARYING = 2


def general_protocol(cohort: Cohort, *, longitudinal: bool = False, group_column: str | None = None) -> Protocol:
    """A design from the data: all regions, all groups, adjusted for age and sex where they are known.

    Parameters
    ----------
    cohort : Cohort
    longitudinal : bool
        Analyze change over visits instead of differences between groups.
    group_column : str, optional
        Column of the groups; by default the first of the usual names.

    Returns
    -------
    Protocol
        Named "general"; its means of all regions and sides are one family, adjusted by Holm's method.
    """
    groups = _groups(cohort, group_column)
    variables = {
        name: variable for name, variable in _COVARIATES.items()
        if name in cohort.columns and len(set(cohort.cells(name))) >= _VARYING
    }
    lesions = any(visit.lesion for visit in cohort.visits)
    return Protocol(
        name="general",
        title="Change of all regions over visits" if longitudinal else "Comparison of all regions between groups",
        disease="",
        citation=Citation("No published design: regions, groups and covariates are those of the data"),
        design="longitudinal" if longitudinal else "cross-sectional",
        groups=groups,
        regions=_regions(cohort),
        measures=("mean",),
        tests=_tests(groups, longitudinal, bool(variables)),
        family=FamilyPlan("mean of all regions and sides", "holm"),
        rows="lesions" if lesions else "regions",
        unit=cohort.unit,
        variables=variables,
        covariates=tuple(variables),
        figures=("trajectory", "forest") if longitudinal else ("violin", "forest", "roc") if groups else ("scatter",),
    )


def _groups(cohort: Cohort, column: str | None) -> tuple[Group, ...]:
    known = {plain_name(name): name for name in cohort.columns}
    column = column or next((known[name] for name in GROUP_COLUMNS if name in known), None)
    if column is None:
        return ()
    names = [str(name) for name in dict.fromkeys(cohort.labels(column)) if name]
    controls = [name for name in names if plain_name(name) in CONTROL_WORDS]
    ordered = [*(name for name in names if name not in controls), *controls]
    roles = {name: "control" if name in controls else "case" for name in names} if controls else {}
    return tuple(Group(name, role=roles.get(name, "")) for name in ordered)


def _regions(cohort: Cohort) -> tuple[RegionChoice, ...]:
    sides: dict[str, set[str]] = {}
    for region, side in cohort.regions:
        sides.setdefault(region, set()).add(side)
    return tuple(
        RegionChoice(region, "each" if {"left", "right"} <= own else "none")
        for region, own in sides.items() if {"left", "right"} <= own or "" in own
    )


def _tests(groups: tuple[Group, ...], longitudinal: bool, adjusted: bool) -> tuple[TestPlan, ...]:
    if longitudinal:
        return (
            TestPlan("mixed_model"), TestPlan("annual_change", family="mean change per year of all regions and sides")
        )
    if len(groups) < 2:
        variables = {"variables": ["age"]}
        return (TestPlan("correlation", variables),)
    crude = "welch_t" if len(groups) == 2 else "welch_anova"
    tests = [TestPlan("group_comparison", {"test": crude}, family="not adjusted for covariates")]
    if adjusted:
        tests.append(TestPlan("adjusted_comparison", {}))
    else:
        tests = [TestPlan("group_comparison", {"test": crude})]
    if {"case", "control"} <= {group.role for group in groups}:
        tests.append(TestPlan("roc"))
    return tuple(tests)
