"""How the file of a protocol is read and checked."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Sequence
from pathlib import Path

from ..analyses import ANALYSES
from ..clinical_scores import AGE_CAG_PRODUCTS
from ..cohort import OTHER_MAP
from ..descriptors import is_descriptor
from ..figure_data import FIGURES
from ..json_fields import fields_from_json, list_of, object_of, read_named_json
from ..lesion_table import LesionRow
from ..maps import UNITS
from ..measures import Measurement
from ..motor_cortex import MotorCortexRow
from ..statistics.multiplicity import METHODS
from .protocol import DESIGNS, ROWS, SIDES, Protocol

#: Where the files of the protocols lie.
FOLDER = Path(__file__).parent

_ROLES = ("case", "control", "")
_KINDS = ("number", "label")


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
    return parse_protocol(*read_named_json("protocol", name, FOLDER, protocol_names()))


def parse_protocol(name: str, data: object) -> Protocol:
    """A protocol from the content of its file; raises ValueError for content that no protocol can have."""
    protocol = Protocol(**fields_from_json(name, Protocol, object_of(name, data) | {"name": name}))
    _check_choices(protocol)
    _check_references(protocol)
    return protocol


def _order(name: str) -> tuple:
    letters, _, rest = name.partition("-")
    number = re.match(r"\d+", rest)
    return letters, int(number[0]) if number else 0, rest


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
        analysis = ANALYSES[test.kind]
        signature = inspect.signature(analysis.function).parameters
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
            ("group", analysis.named(test.parameters, "group"), groups),
            ("measure", analysis.named(test.parameters, "measure"), protocol.measures),
            ("variable", analysis.named(test.parameters, "variable"), variables),
        ):
            for name in names:
                _known(protocol, f"{what} of {test.kind}", name, known)


def _check_type(where: str, value: object, annotation: str) -> None:
    """Refuse a parameter that the function of an analysis cannot take."""
    many = annotation in ("Groups", "Variables", "Measures") or annotation.startswith("tuple")
    kinds = {"bool": (bool,), "int": (int,), "float": (int, float)}.get(annotation, (str,))
    values = list_of(where, value) if many else [value]
    for one in values:
        if not isinstance(one, kinds) or (isinstance(one, bool) and bool not in kinds):
            raise ValueError(f"{where}: expected {' or '.join(kind.__name__ for kind in kinds)}, but got {one!r}.")


def _known(protocol: Protocol, what: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise ValueError(f"{protocol.name}: the {what} is {name!r}, but the protocol has {', '.join(known) or 'none'}.")
