"""Several sites or scanners in one study: what they add, and how analyses take account of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .cohort import listed
from .findings import Finding, of_coefficient
from .statistics.harmonization import harmonize, learn_site_effects
from .statistics.longitudinal_harmonization import harmonize_longitudinally
from .statistics.mixed_model import mixed_model
from .statistics.observations import complete_rows
from .statistics.regression import linear_regression
from .study import Study, Target

#: What can be done about sites.
WAYS = {
    "combat": "remove their effects from the values before all analyses (ComBat)",
    "term": "make the site a covariate of the models that take covariates",
    "ignore": "pool the values as they are",
}

#: Columns that may hold the site, the first that exists.
SITE_COLUMNS = ("site", "scanner", "center", "centre")


def site_column(study: Study, name: str | None = None) -> str:
    """The column of sites: the one named, else one of the usual names; empty where there is none."""
    if name is not None:
        if name not in study.cohort.columns:
            known = ", ".join(study.cohort.columns)
            raise ValueError(f"The participants have no column {name!r} of sites; there are {known}.")
        return name
    return next((one for one in SITE_COLUMNS if one in study.cohort.columns), "")


def account_for_sites(
    study: Study, column: str, way: str
) -> tuple[Study, tuple[str, ...], tuple[Finding, ...]]:
    """Take account of sites in a study.

    Parameters
    ----------
    study : Study
    column : str
        Column of the participants that tells the site of each visit.
    way : {"combat", "term", "ignore"}
        One of `WAYS`.

    Returns
    -------
    study : Study
        To be analyzed.
    remarks : tuple of str
        What was done.
    findings : tuple of Finding
        What each site adds to each measure, at the same group and covariates.

    Raises
    ------
    ValueError
        If the way is unknown, a visit has no site, or sites cannot be told apart from the groups.
    """
    if way not in WAYS:
        raise ValueError(f"The way to take account of sites is {way!r}; choose one of {', '.join(WAYS)}.")
    label = study.cohort.labels(column)
    if without := [visit.subject for visit, one in zip(study.cohort.visits, label) if not one]:
        names = listed(list(dict.fromkeys(without)))
        raise ValueError(f"{column} is missing for {names}. Fill it in, or leave them out.")
    sites = [str(one) for one in dict.fromkeys(label)]
    if len(sites) < 2:
        return study, (), ()
    if way == "ignore":
        return study, (f"Values of {len(sites)} sites were pooled as they are: differences may be those of sites.",), ()
    _refuse_confounding(study, label, sites)
    findings = _effects_of_sites(study, column)
    if way == "term":
        remark = f"Models that take covariates have the {len(sites)} sites among them; other tests pool the sites."
        return replace(study, site=column), (remark,), findings
    kept = ", ".join((*(("group",) if study.protocol.groups else ()), *study.protocol.covariates))
    harmonized, alone = _harmonized(study, column)
    remarks = [
        f"Effects of {len(sites)} sites were removed by ComBat, which kept {kept or 'nothing'}. p values take these "
        "effects as known: where sites hold different parts of the groups, a site term is safer."
    ]
    if alone:
        remarks.append(f"Harmonized alone, because visits lack a value: {listed(alone)}.")
    cohort = replace(study.cohort, computed={**study.cohort.computed, **harmonized})
    return study.with_cohort(cohort), tuple(remarks), findings


def _refuse_confounding(study: Study, label: np.ndarray, sites: list[str]) -> None:
    """Refuse sites that hold one group each: no analysis can tell them from the disease."""
    groups = study.groups()
    names = [one.label for one in study.protocol.groups if np.any(groups == one.label)]
    if len(names) < 2:
        return
    of_sites = {site: sorted({str(g) for g in groups[label == site] if g}) for site in sites}
    inside = groups != ""
    dummies = np.column_stack([groups[inside] == name for name in names[1:]]).astype(float)
    batch = np.column_stack([label[inside] == site for site in sites]).astype(float)
    whole = np.column_stack([batch, dummies])
    if np.linalg.matrix_rank(whole) < np.linalg.matrix_rank(batch) + dummies.shape[1]:
        held = "; ".join(f"{site} has {' and '.join(own) or 'none'}" for site, own in of_sites.items())
        raise ValueError(
            f"Sites and groups cannot be told apart ({held}): a difference of groups may be one of scanners. No "
            "statistic can mend this; scan both groups at each site, or analyze within sites."
        )


def _fixed(study: Study, among: np.ndarray) -> dict[str, np.ndarray]:
    """What harmonized values must keep: covariates, groups, and time with its product where there are visits."""
    columns = study.covariates(among=among)
    groups = study.groups()[among]
    names = [one.label for one in study.protocol.groups if np.any(groups == one.label)]
    of_groups = {f"group {name}": (groups == name).astype(float) for name in names[1:]}
    if study.protocol.design == "longitudinal":
        time = study.years()[among]
        columns |= {"time": time} | {f"time x {name}": time * column for name, column in of_groups.items()}
    return {**columns, **of_groups}


def _targets(study: Study) -> list[tuple[str, str, str]]:
    """Measure, structure and side of all that the protocol takes, as the tables call it."""
    found: dict[tuple[str, str, str], None] = {}
    for target in study.targets():
        for region in filter(None, (target.region, target.minus)):
            structure = study.structure_of(region)
            sides = {"mean": ("left", "right"), "more affected": ("left", "right"), "less affected": ("left", "right")}
            for side in sides.get(target.side, (target.side,)):
                if structure is not None and (structure, side) in study.cohort.regions:
                    found[target.measure, structure, side] = None
    return [key for key in found if key[0] in study.cohort.measures]


def _harmonized(study: Study, column: str) -> tuple[dict[tuple[str, str, str], np.ndarray], list[str]]:
    """Values without the effects of sites, and those that were harmonized alone."""
    cohort, among = study.cohort, np.ones(len(study.cohort.visits), bool)
    fixed, label = _fixed(study, among), study.cohort.labels(column)
    has_covariates = np.all([np.isfinite(values) for values in fixed.values()], axis=0) if fixed else among
    keys = _targets(study)
    found, alone = {}, []
    for measure in dict.fromkeys(key[0] for key in keys):
        values = {key: cohort.values(*key) for key in keys if key[0] == measure}
        complete = [key for key, own in values.items() if np.isfinite(own[has_covariates]).all()]
        jobs = [complete] if complete else []
        others = [key for key in values if key not in complete]
        jobs += [[key] for key in others]
        alone += [f"{structure} {side}".strip() for _, structure, side in others]
        for job in jobs:
            table = np.column_stack([values[key] for key in job])
            inside = has_covariates & np.isfinite(table).all(axis=1)
            own = {name: one[inside] for name, one in fixed.items()}
            moved = np.full(table.shape, np.nan)
            moved[inside] = _moved(study, table[inside], label[inside], own, cohort.subjects()[inside], len(job) > 1)
            found |= dict(zip(job, moved.T))
    return found, alone


def _moved(study: Study, table, label, fixed, subjects, shrink: bool) -> np.ndarray:
    if study.protocol.design == "longitudinal":
        return harmonize_longitudinally(table, label, fixed, subjects, shrink=shrink)
    effects = learn_site_effects(table, label, fixed, shrink=shrink)
    return harmonize(effects, table, label, fixed)


def _effects_of_sites(study: Study, column: str) -> tuple[Finding, ...]:
    """What each site adds, by a model of sites, groups and covariates."""
    among = np.ones(len(study.cohort.visits), bool)
    sites, fixed = study.predictors((column,), among), _fixed(study, among)
    rows = []
    for key in _targets(study):
        columns, excluded = complete_rows({"value": study.cohort.values(*key), **sites, **fixed})
        values = columns.pop("value")
        subjects = np.delete(study.cohort.subjects(), excluded)
        if study.protocol.design == "longitudinal":
            fit = mixed_model(values, columns, subjects)
        else:
            fit = linear_regression(values, columns)
        target = Target(*key)
        rows += [
            Finding(
                analysis="site_effect", measure=target.measure, region=target.region, side=target.side, term=name,
                comparison="at the same group and covariates", role="estimate", method=fit.method, n=f"rows {fit.n}",
                unit=study.cohort.unit_of(target.measure), excluded=study.excluded(excluded),
                **of_coefficient(fit.coefficients[name]),
            )
            for name in sites
        ]
    return tuple(rows)
