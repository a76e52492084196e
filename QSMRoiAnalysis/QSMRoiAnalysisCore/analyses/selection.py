"""Choosing rows of a study for an analysis, and saying who was left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..findings import Finding
from ..study import Study, Target


def chosen_groups(study: Study, groups: Sequence[str]) -> tuple[str, ...]:
    """The groups named, else all of the protocol that have a subject, in its order."""
    present = set(study.groups())
    return tuple(groups) or tuple(group.label for group in study.protocol.groups if group.label in present)


def by_group(study: Study, values: np.ndarray, groups: Sequence[str]) -> dict[str, np.ndarray]:
    """Values of each group."""
    label = study.groups()
    return {name: values[label == name] for name in chosen_groups(study, groups)}


def members(study: Study, groups: Sequence[str]) -> np.ndarray:
    """Which visits are of the groups named; all visits where none is named."""
    return np.isin(study.groups(), groups) if groups else np.ones(len(study.cohort.visits), bool)


def left_out(study: Study, excluded: Mapping[str, Sequence[int]]) -> str:
    """Who was left out of groups, where positions count within each group."""
    label = study.groups()
    return ", ".join(
        name for group, at in excluded.items() for name in study.cohort.named(np.flatnonzero(label == group)[list(at)])
    )


def row(target: Target, analysis: str, **more) -> Finding:
    """A finding on a target."""
    return Finding(analysis=analysis, measure=target.measure, region=target.structure, side=target.side, **more)


def unit_of(study: Study, target: Target) -> str:
    """Unit of a measure, as far as it is that of the map."""
    return study.cohort.unit_of(target.measure)


def roles(study: Study, cases: Sequence[str], controls: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Groups that count as cases and as controls: those named, else those with that role in the protocol."""
    return tuple(cases) or study.protocol.labels_of("case"), tuple(controls) or study.protocol.labels_of("control")
