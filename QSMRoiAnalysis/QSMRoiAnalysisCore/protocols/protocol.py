"""What a protocol says: a study design as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: How the sides of a region are taken: each for itself, their mean, by how much the disease affects them, or that the
#: region has none.
SIDES = ("each", "mean", "affected", "none")

#: What rows of tables are: regions of visits, lesions of visits, participants alone, or published studies.
ROWS = ("regions", "lesions", "participants", "studies")

#: The region of measures that are columns of the participants.
SUBJECT_REGION = "Subject"

DESIGNS = ("cross-sectional", "longitudinal", "meta-analysis")


@dataclass(frozen=True)
class Citation:
    """Where a design was published; `doi` and `url` are empty where they are not known for certain."""

    text: str
    doi: str = ""
    url: str = ""


@dataclass(frozen=True)
class Group:
    """A group of subjects: its label, what tables may call it as well, and what it is in a ROC curve."""

    label: str
    also: tuple[str, ...] = ()
    role: str = ""


@dataclass(frozen=True)
class RegionChoice:
    """A structure, how its sides are taken (`SIDES`), and a structure whose value is subtracted from it, if any."""

    name: str
    sides: str = "each"
    minus: str = ""


@dataclass(frozen=True)
class Variable:
    """A column of the participants or visits.

    Attributes
    ----------
    kind : {"number", "label"}
    means : str
        What the column holds, with its unit.
    also : tuple of str
        Other names that the column may have.
    score : str
        A variant of `clinical_scores.AGE_CAG_PRODUCTS` by which it is computed from the columns age and cag.
    """

    kind: str
    means: str
    also: tuple[str, ...] = ()
    score: str = ""


@dataclass(frozen=True)
class FamilyPlan:
    """Tests that are judged together.

    Attributes
    ----------
    name : str
        What makes them a family.
    method : str
        One of `statistics.multiplicity.METHODS`.
    level : float
        Allowed error rate.
    as_published : bool
        Whether the study is known to have adjusted in this way. Where it did not, or where that is not known, the
        adjustment is the choice of this protocol.
    """

    name: str
    method: str
    level: float = 0.05
    as_published: bool = False


@dataclass(frozen=True)
class TestPlan:
    """One analysis: its kind (`analyses.ANALYSES`), its parameters, and its family if not that of the protocol.

    `measures` and `regions` restrict the analysis to some of those of the protocol.
    """

    __test__ = False  # which pytest would otherwise take for a class of tests

    kind: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    family: str = ""
    measures: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Protocol:
    """A study design.

    Attributes
    ----------
    name : str
        Such as "PD-2": the name of its file.
    title, disease : str
    citation : Citation
    design : {"cross-sectional", "longitudinal", "meta-analysis"}
        A longitudinal design takes two or more visits.
    rows : {"regions", "lesions", "participants", "studies"}
        What the tables have rows of. Those of participants need no table of regions: measures are their columns.
    groups : tuple of Group
        As the column `group_column` tells them.
    regions : tuple of RegionChoice
    measures : tuple of str
        Columns of the tables of regions.
    unit : {"ppm", "ppb"}
    reference : str
        Region that the study called zero; empty where that is not known.
    variables : mapping of str to Variable
        Columns of the participants that the tests use.
    covariates : tuple of str
        Variables that analyses adjust for unless they name others.
    tests : tuple of TestPlan
    family : FamilyPlan
    figures : tuple of str
        Kinds of figures (`figure_data.FIGURES`).
    limits : tuple of str
        What of the study this protocol does not reproduce, or what is not known of it.
    """

    name: str
    title: str
    disease: str
    citation: Citation
    design: str
    groups: tuple[Group, ...]
    regions: tuple[RegionChoice, ...]
    measures: tuple[str, ...]
    tests: tuple[TestPlan, ...]
    family: FamilyPlan
    group_column: str = "group"
    rows: str = "regions"
    unit: str = "ppb"
    reference: str = ""
    variables: Mapping[str, Variable] = field(default_factory=dict)
    covariates: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()

    def labels_of(self, role: str) -> tuple[str, ...]:
        """Labels of the groups of a role."""
        return tuple(group.label for group in self.groups if group.role == role)
