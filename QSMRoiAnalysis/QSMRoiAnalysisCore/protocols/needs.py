"""What the data of a user lack for a protocol, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..analyses import ANALYSES
from ..cohort import OTHER_MAP, Cohort, listed
from ..published_effects import PublishedEffect
from ..region_names import STRUCTURES, same_structure
from ..study import AFFECTED_COLUMN, Study
from .protocol import Protocol, RegionChoice

if TYPE_CHECKING:
    from .protocol import TestPlan

#: Fewest subjects of a group that anything can be said of.
_FEWEST = 2

#: What a whole can be measured as where a table has its parts alone.
_PARTS = {
    "Globus pallidus": ("Globus pallidus external", "Globus pallidus internal"),
    "Substantia nigra": ("Substantia nigra pars compacta", "Substantia nigra pars reticulata"),
    "Striatum": ("Caudate nucleus", "Putamen"),
    "Basal ganglia": ("Caudate nucleus", "Putamen", "Globus pallidus"),
}


def missing(
    protocol: Protocol,
    table: Cohort | Sequence[PublishedEffect],
    *,
    columns: Mapping[str, str] | None = None,
    group_labels: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """What a cohort lacks for a protocol.

    Parameters
    ----------
    protocol : Protocol
    table : Cohort, or sequence of PublishedEffect for a meta-analysis
    columns : mapping of str to str, optional
        Columns of the participants for variables of the protocol that are called otherwise there.
    group_labels : mapping of str to str, optional
        Labels in the tables for groups of the protocol that are called otherwise there.

    Returns
    -------
    tuple of str
        One sentence for each thing that is missing; none if the protocol can be run.
    """
    if protocol.rows == "studies":
        if isinstance(table, Cohort):
            return (f"{protocol.name} takes a table of published studies and no cohort. Give it with --studies.",)
        present = [one.region for one in table]
        absent = [choice.name for choice in protocol.regions if same_structure(choice.name, present) is None]
        return tuple(f"No study reports the region {name}." for name in absent)
    if not isinstance(table, Cohort):
        return (f"{protocol.name} takes a cohort and no table of published studies.",)
    return missing_of(Study(protocol, table, columns or {}, group_labels or {}))


def missing_of(study: Study) -> tuple[str, ...]:
    """What a study lacks for its protocol; see `missing`."""
    return (
        *_of_rows(study), *_of_regions(study), *_of_measures(study), *_of_columns(study), *_of_groups(study),
        *_of_visits(study), *_of_references(study),
    )  # fmt: skip


def is_possible(study: Study, test: TestPlan) -> bool:
    """Whether the data have every column that a test names."""
    needed = _variables_of(study, test)
    return all(_source(study, name) for name in needed)


def _of_rows(study: Study) -> list[str]:
    lesions = any(visit.lesion for visit in study.cohort.visits)
    if study.protocol.rows == "participants":
        return []
    if study.protocol.rows == "lesions" and not lesions:
        return ["The tables have regions, but this protocol takes lesions: tables that the command lesions wrote."]
    if study.protocol.rows == "regions" and lesions:
        return ["The tables have lesions, but this protocol takes regions: tables that the command measure wrote."]
    return []


def _of_regions(study: Study) -> list[str]:
    return [sentence for choice in study.protocol.regions for sentence in _of_region(study, choice)]


def _of_region(study: Study, choice: RegionChoice) -> list[str]:
    found = []
    if study.protocol.rows == "participants":
        return found
    for name in filter(None, (choice.name, choice.minus)):
        structure = study.structure_of(name)
        if structure is None:
            also = STRUCTURES.get(name, ())
            called = f" (also looked for as {', '.join(also)})" if also else ""
            found.append(f"No table has the region {name}{called}.{_hint(study, name)}")
            continue
        sides = {side for region, side in study.cohort.regions if region == structure}
        if choice.sides == "none":
            if "" not in sides:
                found.append(f"{name} is in the tables by side only, but the protocol takes it as one.")
            continue
        if absent := [side for side in ("left", "right") if side not in sides]:
            without = f"the {' and the '.join(absent)} side is missing"
            without = "the sides are not told apart" if sides == {""} else without
            found.append(f"{name}: {without}, but the protocol takes {_taken(choice)}.")
    return found


def _taken(choice: RegionChoice) -> str:
    return {"each": "each side", "mean": "the mean of both sides", "affected": "the more and the less affected side"}[
        choice.sides
    ]


def _hint(study: Study, name: str) -> str:
    parts = [study.structure_of(part) for part in _PARTS.get(name, ())]
    if not parts or None in parts:
        return ""
    return f' Its parts are there: measure again with --group "{name}={"+".join(parts)}".'


def _of_measures(study: Study) -> list[str]:
    known = study.cohort.measures
    found = []
    for name in study.protocol.measures:
        if name in known:
            continue
        if study.protocol.rows == "participants":
            found.append(f"The participants have no column {name} ({study.protocol.variables[name].means}).")
            continue
        if name.startswith(OTHER_MAP):
            way = f"measure again with --also {name.removeprefix(OTHER_MAP)}.nii.gz and its unit"
        elif name.startswith(("relative_", "hand_", "adjacent_")):
            way = "measure with the command motor-cortex"
        else:
            way = f"measure again with --measures {name}"
        found.append(f"No table has the measure {name}: {way}.")
    return found


def _variables_of(study: Study, test: TestPlan) -> tuple[str, ...]:
    names = list(ANALYSES[test.kind].named(test.parameters, "variable"))
    if ANALYSES[test.kind].adjusts and not test.parameters.get("covariates"):
        names += study.protocol.covariates
    if "age" in ANALYSES[test.kind].function.__kwdefaults__:
        names.append(str(test.parameters.get("age", "age")))
    return tuple(dict.fromkeys(names))


def _source(study: Study, name: str) -> bool:
    """Whether a variable is in the data, or can be computed from them."""
    variable = study.protocol.variables.get(name)
    if study.column_of(name):
        return True
    return bool(variable and variable.score and study.column_of("age") and study.column_of("cag"))


def _of_columns(study: Study) -> list[str]:
    names = dict.fromkeys(name for test in study.protocol.tests for name in _variables_of(study, test))
    found = []
    for name in names:
        variable = study.protocol.variables[name]
        role = "covariate" if name in study.protocol.covariates else "variable"
        if not _source(study, name):
            other = ", or age and cag, from which it is computed" if variable.score else ""
            also = f" or {' or '.join(variable.also)}" if variable.also else ""
            found.append(
                f"The participants have no column for the {role} {name} ({variable.means}): add a column {name}{also}"
                f"{other}, or name yours with --column {name}=COLUMN."
            )
            continue
        found += _of_cells(study, name, role)
    if any(choice.sides == "affected" for choice in study.protocol.regions):
        if study.column_of(AFFECTED_COLUMN) is None:
            found.append(
                f"The participants have no column {AFFECTED_COLUMN} (left, right or n/a: the more affected side of the "
                "body), but the protocol compares the more with the less affected side."
            )
    return found


def _of_cells(study: Study, name: str, role: str) -> list[str]:
    if study.protocol.variables[name].kind == "label":
        return [] if np.any(study.labels(name) != "") else [f"The {role} {name} is missing for every subject."]
    try:
        values = study.numbers(name)
    except ValueError as error:
        return [str(error)]
    return [] if np.any(np.isfinite(values)) else [f"The {role} {name} is missing for every subject."]


def _of_groups(study: Study) -> list[str]:
    protocol = study.protocol
    if not protocol.groups:
        return []
    if study.column_of("group") is None:
        wanted = ", ".join(group.label for group in protocol.groups)
        return [
            f"The participants have no column {protocol.group_column}, which must tell {wanted}; name yours with "
            "--column group=COLUMN."
        ]
    labels, groups, found = study.labels("group"), study.groups(), []
    subjects = study.cohort.subjects()
    for group in protocol.groups:
        count = len(set(subjects[groups == group.label]))
        if count == 0:
            held = Counter(dict(zip(subjects, labels)).values())
            known = ", ".join(f"{label or 'n/a'} ({n})" for label, n in held.items())
            found.append(
                f"No subject has the group {group.label}: the column {study.column_of('group')} holds {known}. Name it "
                f"with --label {group.label}=LABEL."
            )
        elif count < _FEWEST:
            found.append(f"The group {group.label} has {count} subject, and comparing needs {_FEWEST} or more.")
    return found


def _of_visits(study: Study) -> list[str]:
    protocol, visits = study.protocol, study.cohort.visits
    sessions: dict[str, set[str]] = {}
    for visit in visits:
        sessions.setdefault(visit.subject, set()).add(visit.session)
    several = [subject for subject, own in sessions.items() if len(own) > 1]
    if protocol.design == "longitudinal":
        if len(several) < _FEWEST + 1:
            return [
                f"{len(several)} subject(s) have two visits or more, but change over time needs {_FEWEST + 1} or more "
                "of them. Tables are told apart by names such as sub-01_ses-02.tsv."
            ]
        try:
            years = study.years()
        except ValueError as error:
            return [str(error)]
        subjects = study.cohort.subjects()
        known = np.isfinite(years)
        at_once = [name for name in several if np.sum(subjects[known] == name) > 1
                   and np.ptp(years[known & (subjects == name)]) == 0]  # fmt: skip
        if at_once:
            return [
                f"All visits of {listed(at_once)} are at the same time: correct the column that tells it, or leave "
                "these subjects out."
            ]
        if not np.any(years[known] > 0):
            return ["No visit is known to be later than the first of its subject: fill in the column that tells when."]
        return []
    if several and protocol.rows == "regions" and not any(ANALYSES[test.kind].visits > 1 for test in protocol.tests):
        names = sorted({session or "(none)" for own in sessions.values() for session in own})
        return [
            f"{listed(several)} have several visits, but this protocol takes one of each subject: choose one of the "
            f"sessions {', '.join(names)} with --session."
        ]
    return []


def _of_references(study: Study) -> list[str]:
    held = Counter(row.reference or "unknown" for row in study.cohort.measurements.values())
    if len(held) < 2:
        return []
    rows = ", ".join(f"{name} ({count} rows)" for name, count in held.items())
    return [f"Susceptibilities are relative to different references: {rows}. Measure all with the same --reference."]
