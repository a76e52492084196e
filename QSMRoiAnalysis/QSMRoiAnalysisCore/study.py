"""A study: a cohort as a protocol sees it, with groups, regions and variables under the names of the protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from .affected import OTHER_SIDE, side_of
from .clinical_scores import FEWEST_REPEATS, ClinicalScore, age_cag_product
from .cohort import Cohort, Visit
from .published_effects import PublishedEffect
from .region_names import plain_name, same_structure
from .statistics.regression import indicators

if TYPE_CHECKING:
    from .protocols.protocol import Protocol, RegionChoice

#: Column of subjects' more affected side of the body.
AFFECTED_COLUMN = "more_affected_side"

#: Columns that may hold the group of a subject, the first that exists.
GROUP_COLUMNS = ("group", "diagnosis", "dx", "cohort", "phenotype")

#: What tables call healthy controls.
CONTROL_WORDS = ("hc", "control", "controls", "healthy", "healthy control", "healthy controls", "con", "ctrl", "nc")

#: Columns that may hold the time of a visit in years, and those of which the time follows.
TIME_COLUMNS = ("time_years", "years")


@dataclass(frozen=True)
class Target:
    """One measure of one region, as the protocol calls it; `minus` is a region whose value is subtracted."""

    measure: str
    region: str
    side: str = ""
    minus: str = ""

    @property
    def structure(self) -> str:
        """The region with what is subtracted from it."""
        return f"{self.region} minus {self.minus}" if self.minus else self.region

    def __str__(self) -> str:
        return f"{self.structure} {self.side}".strip() + f", {self.measure}"


@dataclass(frozen=True)
class Study:
    """A cohort joined to a protocol.

    Parameters
    ----------
    protocol : Protocol
    cohort : Cohort
    columns : mapping of str to str
        Column of the participants for variables of the protocol that are called otherwise there, also for "group".
    group_labels : mapping of str to str
        Label in the tables for groups of the protocol that are called otherwise there.
    site : str
        Column of sites that models take as a term; empty for none.
    evidence : tuple of PublishedEffect
        Effects of published studies, for a meta-analysis, which has no cohort.
    """

    protocol: Protocol
    cohort: Cohort
    columns: Mapping[str, str] = field(default_factory=dict)
    group_labels: Mapping[str, str] = field(default_factory=dict)
    site: str = ""
    evidence: tuple[PublishedEffect, ...] = ()

    @property
    def unit(self) -> str:
        """Unit of susceptibilities."""
        return self.cohort.unit

    def column_of(self, name: str) -> str | None:
        """The column that holds a variable of the protocol; none where there is no such column."""
        wanted = [self.columns[name]] if name in self.columns else [name, *self._also(name)]
        if name == "group" and name not in self.columns:
            wanted = [self.protocol.group_column] if self.protocol.group_column != name else [name, *GROUP_COLUMNS]
        known = {plain_name(column): column for column in self.cohort.columns}
        return next((known[plain_name(one)] for one in wanted if plain_name(one) in known), None)

    def _also(self, name: str) -> tuple[str, ...]:
        variable = self.protocol.variables.get(name)
        return variable.also if variable else ()

    def numbers(self, name: str) -> np.ndarray:
        """A variable of numbers, for each visit; scores of age and CAG repeats are computed from their columns.

        Such a score is missing for those whose allele is not expanded, such as controls.
        """
        score = self._score(name)
        return self.cohort.numbers(self._existing(name)) if score is None else score.values

    def meaning(self, name: str) -> str:
        """How a variable was computed; empty for one that has a column of its own."""
        score = self._score(name)
        return "" if score is None else f"{name} is {score.variant}."

    def _score(self, name: str) -> ClinicalScore | None:
        variable = self.protocol.variables.get(name)
        if not (variable and variable.score) or self.column_of(name) is not None:
            return None
        repeats = self.numbers("cag")
        expanded = np.where(repeats < FEWEST_REPEATS, np.nan, repeats)
        return age_cag_product(self.numbers("age"), expanded, variant=variable.score)

    def labels(self, name: str) -> np.ndarray:
        """A variable of labels, for each visit."""
        return self.cohort.labels(self._existing(name))

    def _existing(self, name: str) -> str:
        column = self.column_of(name)
        if column is None:
            raise ValueError(f"The participants have no column {name!r}; there are {', '.join(self.cohort.columns)}.")
        return column

    def predictors(self, names: Iterable[str], among: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Columns for a model: numbers as they are, labels as indicators.

        A category that all visits share explains nothing and is left out.

        Parameters
        ----------
        names : iterable of str
            Variables of the protocol.
        among : ndarray of bool, optional
            The visits that the model is of.
        """
        among = np.ones(len(self.cohort.visits), bool) if among is None else among
        found: dict[str, np.ndarray] = {}
        for name in names:
            variable = self.protocol.variables.get(name)
            if variable is not None and variable.kind == "number":
                found[name] = self.numbers(name)[among]
                continue
            column = self.labels(name)[among]
            if np.unique(column[column != ""]).size > 1:
                found |= indicators(name, column)
        return found

    def covariates(self, names: Sequence[str] | None = None, among: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """What models adjust for: the covariates named, else those of the protocol, and the site if it is a term."""
        chosen = self.protocol.covariates if names is None else tuple(names)
        if self.site and self.site not in chosen:
            chosen = (*chosen, self.site)
        return self.predictors(chosen, among)

    def groups(self) -> np.ndarray:
        """Group of each visit, under the name of the protocol; empty for those in none of its groups."""
        if not self.protocol.groups or self.column_of("group") is None:
            return np.full(len(self.cohort.visits), "", dtype=object)
        names = {label.lower(): group for group, labels in reversed(self.known_labels().items()) for label in labels}
        return np.array([names.get(label.strip().lower(), "") for label in self.labels("group")], dtype=object)

    def known_labels(self) -> dict[str, tuple[str, ...]]:
        """What each group of the protocol may be called in the tables."""
        found = {}
        for group in self.protocol.groups:
            if group.label in self.group_labels:
                found[group.label] = (self.group_labels[group.label],)
                continue
            healthy = group.label.lower() in CONTROL_WORDS
            found[group.label] = (group.label, *group.also, *(CONTROL_WORDS if healthy else ()))
        return found

    def targets(self, choices: Sequence[RegionChoice] | None = None, measures: Sequence[str] = ()) -> list[Target]:
        """Every measure of every region and side that the protocol names, or that are chosen from it."""
        found = []
        for measure in measures or self.protocol.measures:
            for choice in self.protocol.regions if choices is None else choices:
                sides = {
                    "each": ("left", "right"), "mean": ("mean",), "affected": ("more affected", "less affected"),
                    "none": ("",),
                }[choice.sides]  # fmt: skip
                found += [Target(measure, choice.name, side, choice.minus) for side in sides]
        return found

    def structure_of(self, region: str) -> str | None:
        """What the tables call a region of the protocol."""
        return same_structure(region, dict.fromkeys(name for name, _ in self.cohort.regions))

    def values(self, target: Target) -> np.ndarray:
        """A target at each visit, in the unit of the cohort; NaN where it is missing."""
        values = self._of_side(target.measure, target.region, target.side)
        if target.minus:
            values = values - self._of_side(target.measure, target.minus, target.side)
        return values

    def _of_side(self, measure: str, region: str, side: str) -> np.ndarray:
        structure = self.structure_of(region)
        if structure is None:
            raise ValueError(f"The tables have no region {region!r}.")
        if side not in ("more affected", "less affected"):
            return self.cohort.values(measure, structure, side)
        more = self.affected_sides()
        left, right = (self.cohort.values(measure, structure, one) for one in ("left", "right"))
        wanted = more if side == "more affected" else np.array([OTHER_SIDE[one] for one in more])
        return np.where(wanted == "left", left, np.where(wanted == "right", right, np.nan))

    def affected_sides(self) -> np.ndarray:
        """More affected side of the brain, opposite to that of the body, for each visit; empty where there is none."""
        cells = zip(self.labels(AFFECTED_COLUMN), self.cohort.subjects())
        return np.array([OTHER_SIDE[side_of(cell, subject, AFFECTED_COLUMN)] for cell, subject in cells])

    def at_baseline(self) -> Study:
        """The same study of the first visit of each subject alone."""
        first: dict[str, Visit] = {}
        times = self.years()
        for i in np.argsort(times, kind="stable"):
            first.setdefault(self.cohort.visits[i].subject, self.cohort.visits[i])
        return self.with_cohort(self.cohort.only(lambda visit: first.get(visit.subject) == visit))

    def years(self) -> np.ndarray:
        """Time of each visit since the first of its subject, in years."""
        return self.cohort.years()

    def excluded(self, positions: Iterable[int], among: np.ndarray | None = None) -> str:
        """Visits at positions by name; positions count among those visits where `among` is true."""
        where = np.arange(len(self.cohort.visits)) if among is None else np.flatnonzero(among)
        return ", ".join(self.cohort.named(int(where[i]) for i in positions))

    def with_cohort(self, cohort: Cohort) -> Study:
        """The same study of other values."""
        return replace(self, cohort=cohort)
