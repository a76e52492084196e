"""What a protocol says, and how its file is read and checked."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING as REQUIRED
from dataclasses import dataclass, field, fields
from pathlib import Path

from ..analyses import ANALYSES, Analysis
from ..clinical_scores import AGE_CAG_PRODUCTS
from ..cohort import OTHER_MAP
from ..descriptors import is_descriptor
from ..figure_data import FIGURES
from ..lesion_table import LesionRow
from ..maps import UNITS
from ..measures import Measurement
from ..motor_cortex import MotorCortexRow
from ..statistics.multiplicity import METHODS

#: Where the files of the protocols lie.
FOLDER = Path(__file__).parent

#: How the sides of a region are taken: each for itself, their mean, by how much the disease affects them, or that the
#: region has none.
SIDES = ("each", "mean", "affected", "none")

#: What rows of tables are: regions of visits, lesions of visits, participants alone, or published studies.
ROWS = ("regions", "lesions", "participants", "studies")

#: The region of measures that are columns of the participants.
SUBJECT_REGION = "Subject"

DESIGNS = ("cross-sectional", "longitudinal", "meta-analysis")
_ROLES = ("case", "control", "")
_KINDS = ("number", "label")


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

    @property
    def analysis(self) -> Analysis:
        """What is computed."""
        return ANALYSES[self.kind]


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


def protocol_names() -> tuple[str, ...]:
    """Names of all protocols that come with the software, in the order of diseases and numbers."""
    return tuple(sorted((path.stem for path in FOLDER.glob("*.json")), key=_order))


def load_protocol(name: str | os.PathLike) -> Protocol:
    """Read a protocol.

    Parameters
    ----------
    name : str or path
        A name of `protocol_names`, or a file of one's own.

    Returns
    -------
    Protocol

    Raises
    ------
    ValueError
        If there is no such protocol, or the file says something that no protocol can; the message names the field.
    """
    path = Path(name)
    if path.suffix != ".json":
        path = FOLDER / f"{name}.json"
        if str(name) not in protocol_names():
            raise ValueError(
                f"There is no protocol {str(name)!r}. Choose one of {', '.join(protocol_names())}, or give a .json "
                "file of your own."
            )
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is no JSON file: {error}.") from None
    return parse_protocol(path.stem, data)


def parse_protocol(name: str, data: object) -> Protocol:
    """A protocol from the content of its file; raises ValueError for content that no protocol can have."""
    given = _mapping(name, data)
    protocol = Protocol(**_converted(name, Protocol, given | {"name": name}))
    _check_choices(protocol)
    _check_references(protocol)
    return protocol


def _order(name: str) -> tuple:
    letters, _, rest = name.partition("-")
    number = re.match(r"\d+", rest)
    return letters, int(number[0]) if number else 0, rest


def _mapping(where: str, data: object) -> Mapping:
    if not isinstance(data, dict):
        raise ValueError(f"{where}: expected an object with named fields, but got {type(data).__name__}.")
    return data


def _converted(where: str, kind: type, given: Mapping) -> dict[str, object]:
    """The fields of a dataclass from JSON: unknown, missing and ill-typed ones are refused by name."""
    known = {one.name: one for one in fields(kind)}
    if unknown := [name for name in given if name not in known]:
        raise ValueError(f"{where}: unknown field(s) {', '.join(unknown)}; allowed are {', '.join(known)}.")
    required = [one.name for one in known.values() if one.default is REQUIRED and one.default_factory is REQUIRED]
    if absent := [name for name in required if name not in given]:
        raise ValueError(f"{where}: missing field(s) {', '.join(absent)}.")
    return {name: _value(f"{where}, {name}", known[name], value) for name, value in given.items()}


#: Fields whose values are objects of their own, in a list or by name.
_PARTS = {
    "citation": Citation, "groups": Group, "regions": RegionChoice, "variables": Variable, "tests": TestPlan,
    "family": FamilyPlan,
}  # fmt: skip


def _value(where: str, one, value: object) -> object:
    part = _PARTS.get(one.name)
    annotation = str(one.type)
    if part is not None and part.__name__ in annotation:
        if annotation.startswith("tuple"):
            return tuple(part(**_converted(f"{where} {i}", part, _mapping(where, item))) for i, item in
                         enumerate(_list(where, value), 1))
        if annotation.startswith("Mapping"):
            items = _mapping(where, value).items()
            return {name: part(**_converted(f"{where} {name}", part, _mapping(where, item))) for name, item in items}
        return part(**_converted(where, part, _mapping(where, value)))
    if annotation.startswith("tuple"):
        return tuple(_text(where, item) for item in _list(where, value))
    if annotation.startswith("Mapping"):
        return dict(_mapping(where, value))
    if annotation == "float":
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{where}: expected a number, but got {value!r}.")
        return float(value)
    if annotation == "bool":
        if not isinstance(value, bool):
            raise ValueError(f"{where}: expected true or false, but got {value!r}.")
        return value
    return _text(where, value)


def _list(where: str, value: object) -> Sequence:
    if not isinstance(value, list):
        raise ValueError(f"{where}: expected a list, but got {value!r}.")
    return value


def _text(where: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{where}: expected text, but got {value!r}.")
    return value


def _check_choices(protocol: Protocol) -> None:
    choices = [
        ("design", protocol.design, DESIGNS),
        ("rows", protocol.rows, ROWS),
        ("unit", protocol.unit, tuple(UNITS)),
        ("family, method", protocol.family.method, tuple(METHODS)),
        *((f"role of group {group.label}", group.role, _ROLES) for group in protocol.groups),
        *((f"sides of {region.name}", region.sides, SIDES) for region in protocol.regions),
        *((f"kind of {name}", variable.kind, _KINDS) for name, variable in protocol.variables.items()),
        *((f"score of {n}", v.score, ("", *AGE_CAG_PRODUCTS)) for n, v in protocol.variables.items()),
        *(("figures", figure, tuple(FIGURES)) for figure in protocol.figures),
        *(("kind of a test", test.kind, tuple(ANALYSES)) for test in protocol.tests),
    ]
    for what, got, allowed in choices:
        if got not in allowed:
            listed = ", ".join(one or "(empty)" for one in allowed)
            raise ValueError(f"{protocol.name}: {what} is {got!r}; choose one of {listed}.")
    if not 0 < protocol.family.level < 1:
        raise ValueError(f"{protocol.name}: the level of the family is {protocol.family.level}; give a fraction.")
    if not protocol.tests:
        raise ValueError(f"{protocol.name}: it has no test.")
    for measure in protocol.measures:
        if not _is_measure(protocol, measure):
            raise ValueError(f"{protocol.name}: no table of {protocol.rows} has the measure {measure!r}.")


def _is_measure(protocol: Protocol, name: str) -> bool:
    if protocol.rows == "participants":
        return name in protocol.variables
    if protocol.rows == "lesions":
        return name in LesionRow.__dataclass_fields__
    known = Measurement.__dataclass_fields__ | MotorCortexRow.__dataclass_fields__
    return name in known or name.startswith(OTHER_MAP) or is_descriptor(name)


def _check_references(protocol: Protocol) -> None:
    """Names that a protocol uses must be those that it defines."""
    groups = tuple(group.label for group in protocol.groups)
    regions = tuple(region.name for region in protocol.regions)
    variables = tuple(protocol.variables)
    for name in protocol.covariates:
        _known(protocol, "covariate", name, variables)
    for test in protocol.tests:
        signature = inspect.signature(test.analysis.function).parameters
        allowed = [name for name, one in signature.items() if one.kind is inspect.Parameter.KEYWORD_ONLY]
        for name in test.parameters:
            if name not in allowed:
                raise ValueError(
                    f"{protocol.name}: the analysis {test.kind} has no parameter {name!r}; it has {', '.join(allowed)}."
                )
        required = [name for name in allowed if signature[name].default is inspect.Parameter.empty]
        if absent := [name for name in required if name not in test.parameters]:
            raise ValueError(f"{protocol.name}: the analysis {test.kind} needs the parameter(s) {', '.join(absent)}.")
        for name, value in test.parameters.items():
            _check_type(f"{protocol.name}, {test.kind}, {name}", value, str(signature[name].annotation))
        for what, names, known in (
            ("measure", test.measures, protocol.measures),
            ("region", test.regions, regions),
            ("group", test.analysis.named(test.parameters, "group"), groups),
            ("measure", test.analysis.named(test.parameters, "measure"), protocol.measures),
            ("variable", test.analysis.named(test.parameters, "variable"), variables),
        ):
            for name in names:
                _known(protocol, f"{what} of {test.kind}", name, known)


def _check_type(where: str, value: object, annotation: str) -> None:
    """Refuse a parameter that the function of an analysis cannot take."""
    many = annotation in ("Groups", "Variables", "Measures") or annotation.startswith("tuple")
    kinds = {"bool": (bool,), "int": (int,), "float": (int, float)}.get(annotation, (str,))
    values = _list(where, value) if many else [value]
    for one in values:
        if not isinstance(one, kinds) or (isinstance(one, bool) and bool not in kinds):
            raise ValueError(f"{where}: expected {' or '.join(kind.__name__ for kind in kinds)}, but got {one!r}.")


def _known(protocol: Protocol, what: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise ValueError(f"{protocol.name}: the {what} is {name!r}, but the protocol has {', '.join(known) or 'none'}.")
