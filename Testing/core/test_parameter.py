"""Parameters are read from signatures, and what a user types is converted and checked."""

from __future__ import annotations

from typing import Annotated

import pytest

from QSMReconstructionCore.parameter import Parameter, parameters_of
from QSMReconstructionCore.progress import Cancelled, no_progress, part_of


def smooth(
    field,
    *,
    radius: Annotated[float, Parameter("Radius", unit="mm", range=(2, 40))] = 12.0,
    steps: Annotated[int, Parameter("Steps", range=(1, 9))] = 3,
    fast: Annotated[bool, Parameter("Fast")] = True,
    kind: Annotated[str, Parameter("Kind", choices={"round": "Round", "square": "Square"})] = "round",
    progress=no_progress,
):
    """Smooth a field."""


PARAMETERS = parameters_of(smooth)


def test_only_what_is_marked_is_a_parameter():
    assert list(PARAMETERS) == ["radius", "steps", "fast", "kind"]


def test_type_and_default_come_from_the_signature():
    assert [(p.type, p.default) for p in PARAMETERS.values()] == [
        (float, 12.0), (int, 3), (bool, True), (str, "round"),
    ]


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("radius", "7.5", 7.5), ("radius", 2, 2.0), ("steps", "4", 4), ("steps", 4.0, 4), ("fast", "no", False),
        ("fast", "True", True), ("fast", 0, False), ("kind", "square", "square"),
    ],
)
def test_what_is_typed_becomes_the_parameters_type(name, typed, value):
    checked = PARAMETERS[name].checked(typed)
    assert checked == value
    assert type(checked) is PARAMETERS[name].type


@pytest.mark.parametrize(
    ("name", "typed", "message"),
    [
        ("radius", "wide", "blur.radius must be a number, but got 'wide'"),
        ("radius", True, "must be a number"),
        ("radius", "nan", "must be a number"),
        ("radius", 50, "blur.radius must lie between 2 and 40 mm, but got 50"),
        ("steps", 2.5, "must be a whole number"),
        ("fast", "perhaps", "must be true or false"),
        ("fast", 1.0, "must be true or false"),
        ("kind", "oval", "must be one of round, square, but got 'oval'"),
        ("kind", 3, "must be a text"),
    ],
)
def test_what_is_not_allowed_is_refused_with_what_is(name, typed, message):
    with pytest.raises(ValueError, match=message):
        PARAMETERS[name].checked(typed, "blur")


def test_the_progress_of_a_part_runs_within_its_share():
    reports = []
    part = part_of(lambda fraction, message: reports.append((fraction, message)), 0.2, 0.6, "Field map")
    for fraction, message in ((0.0, ""), (0.5, "unwrapping"), (2.0, "")):
        part(fraction, message)
    assert reports == [
        (0.2, "Field map"), (pytest.approx(0.4), "Field map: unwrapping"), (pytest.approx(0.6), "Field map"),
    ]


def test_cancelling_passes_through_a_part():
    def cancel(fraction, message):
        raise Cancelled

    with pytest.raises(Cancelled):
        part_of(cancel, 0, 1)(0.5, "")
