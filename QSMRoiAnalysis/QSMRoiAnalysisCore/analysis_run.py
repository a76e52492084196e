"""Running a protocol on a study: every test of every region, with the declared families of tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from .analyses import ANALYSES
from .cohort import Visit, listed
from .findings import Finding
from .long_table import quality
from .protocols.needs import is_possible, missing_of
from .protocols.protocol import Protocol, TestPlan
from .reference_values import compare_with_literature
from .remarks import FEW_VOXELS, LOW_COVERAGE
from .results import Omission, StudyResult
from .statistics.multiplicity import adjust
from .study import Study, Target
from .study_figures import figures_of
from .table_one import descriptives, table_one


class MissingDataError(ValueError):
    """The data lack what the protocol needs; the message has a sentence for each thing."""


def run_protocol(
    study: Study,
    *,
    partial: bool = False,
    remarks: tuple[str, ...] = (),
    more: tuple[Finding, ...] = (),
    provenance: Mapping[str, object] | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> StudyResult:
    """Make all analyses of a protocol.

    Parameters
    ----------
    study : Study
    partial : bool
        Make those analyses that the data allow where they lack something, and say what was omitted.
    remarks : tuple of str
        Sentences to be added to the result.
    more : tuple of Finding
        Findings to be added, such as the effects of sites.
    provenance : mapping, optional
        How the data came about.
    progress : callable, optional
        Called with the part that is done and what is being done.

    Returns
    -------
    StudyResult

    Raises
    ------
    MissingDataError
        If the data lack something, unless `partial`.
    """
    protocol = study.protocol
    lacking = () if protocol.rows == "studies" else missing_of(study)
    if lacking and not partial:
        listed = "\n".join(f"- {sentence}" for sentence in lacking)
        raise MissingDataError(f"The data lack what {protocol.name} needs:\n{listed}")
    found, omitted = [], [Omission("protocol", "", "", "", sentence) for sentence in lacking]
    for i, test in enumerate(protocol.tests):
        if progress is not None:
            progress(i / len(protocol.tests), test.kind.replace("_", " "))
        findings, omissions = _made(study, test)
        family = test.family or protocol.family.name
        found += [replace(one, family=family) if one.role == "test" else one for one in findings]
        omitted += omissions
    if not found:
        reasons = "\n".join(f"- {one.reason}" for one in dict.fromkeys(omitted))
        raise MissingDataError(f"No analysis of {protocol.name} can be made:\n{reasons}")
    findings = (*_adjusted(protocol, found), *more)
    described = descriptives(study)
    return StudyResult(
        protocol=protocol.name,
        title=protocol.title,
        disease=protocol.disease,
        citation=protocol.citation.text,
        doi=protocol.citation.doi,
        design=protocol.design,
        unit=study.unit,
        reference=study.cohort.reference,
        groups=_sizes(study),
        table_one=table_one(study),
        descriptives=described,
        findings=findings,
        omissions=tuple(omitted),
        figures=figures_of(study, findings),
        limits=protocol.limits,
        remarks=(*study.cohort.remarks, *_of_reference(study), *_of_quality(study), *_of_sides(study), *remarks),
        provenance=provenance or {},
        literature=compare_with_literature(described),
    )


def _made(study: Study, test: TestPlan) -> tuple[list[Finding], list[Omission]]:
    if not is_possible(study, test):
        return [], [Omission(test.kind, "", "", "", "A column that it needs is missing.")]
    if study.protocol.design == "longitudinal" and study.protocol.rows == "regions" and ANALYSES[test.kind].visits == 1:
        study = study.at_baseline()
    parameters = {name: tuple(value) if isinstance(value, list) else value for name, value in test.parameters.items()}
    if not ANALYSES[test.kind].per_target:
        try:
            return ANALYSES[test.kind].function(study, **parameters), []
        except ValueError as error:
            return [], [Omission(test.kind, "", "", "", str(error))]
    choices = [one for one in study.protocol.regions if not test.regions or one.name in test.regions]
    found, omitted = [], []
    for target in study.targets(choices, test.measures):
        try:
            found += ANALYSES[test.kind].function(study, target, **parameters)
        except ValueError as error:
            omitted.append(_omission(test, target, error))
    return found, omitted


def _omission(test: TestPlan, target: Target, error: ValueError) -> Omission:
    return Omission(test.kind, target.measure, target.structure, target.side, str(error))


def _adjusted(protocol: Protocol, findings: list[Finding]) -> list[Finding]:
    """Findings with p adjusted over their family: all tests that bear its name."""
    plan, families = protocol.family, {}
    for i, one in enumerate(findings):
        if one.role == "test" and np.isfinite(one.p):
            families.setdefault(one.family, {})[str(i)] = one.p
    adjusted = {
        name: adjust(p, family=name, method=plan.method, level=plan.level) for name, p in families.items()
    }
    rows = []
    for i, one in enumerate(findings):
        family = adjusted.get(one.family)
        if one.role == "test" and family and str(i) in family.adjusted:
            one = replace(
                one, adjusted_p=family.adjusted[str(i)], family_size=family.size,
                adjustment=f"{family.method}, {family.controls}",
            )
        elif one.role == "test":
            one = replace(one, family="", role="estimate")
        rows.append(one)
    return rows


def _sizes(study: Study) -> dict[str, int]:
    groups, subjects = study.groups(), study.cohort.subjects()
    if not study.protocol.groups:
        return {"all": len(set(subjects))}
    return {group.label: len(set(subjects[groups == group.label])) for group in study.protocol.groups}


def _of_reference(study: Study) -> tuple[str, ...]:
    """A remark where the study called another region zero, because values then shift."""
    wanted, own = study.protocol.reference, study.cohort.reference
    if study.protocol.rows == "studies" or not wanted:
        return ()
    if not own:
        return (f"The study is relative to {wanted}; what these values are relative to is unknown.",)
    if wanted.lower() != own.lower():
        return (f"The study is relative to {wanted}, these values to {own}: means and cut-offs do not compare.",)
    return ()


def _of_quality(study: Study) -> tuple[str, ...]:
    """Remarks on regions of the protocol that were measured in part, on few voxels, or not at all."""
    structures = {study.structure_of(choice.name) for choice in study.protocol.regions}
    found: dict[str, list[str]] = {}
    for (visit, region, side), row in study.cohort.measurements.items():
        if region in structures:
            for flag in quality(row).split(", "):
                found.setdefault(flag, []).append(" ".join(filter(None, (region, side, "of", *visit))))
    said = {
        "empty": "No voxel was measured in",
        "partial": f"Less than {LOW_COVERAGE:.0%} lies inside the mask and the field of view of",
        "small": f"Fewer than {FEW_VOXELS} voxels were measured in",
    }
    return tuple(f"{sentence} {listed(found[flag], 3)}." for flag, sentence in said.items() if flag in found)


def _of_sides(study: Study) -> tuple[str, ...]:
    """A remark on visits whose left and right have each other's label values, by what most visits have."""
    labels: dict[str, dict[Visit, dict[str, int]]] = {}
    for (visit, region, side), row in study.cohort.measurements.items():
        if side and hasattr(row, "label"):
            labels.setdefault(region, {}).setdefault(visit, {})[side] = row.label
    swapped = []
    for region, by_visit in labels.items():
        pairs = {visit: (own["left"], own["right"]) for visit, own in by_visit.items() if len(own) == 2}
        counts = Counter(pairs.values())
        for visit, (left, right) in pairs.items():
            if left != right and counts[right, left] > counts[left, right]:
                swapped.append(" ".join(filter(None, (region, "of", *visit))))
    if not swapped:
        return ()
    return (
        f"Left and right have each other's label values in {listed(swapped, 3)}, other than in most visits: sides are "
        "swapped, in the names or in the image.",
    )
