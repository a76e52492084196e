"""What holds for every method, listed or added later."""

from __future__ import annotations

import inspect
import re

import pytest

from QSMReconstructionCore.methods import METHODS, STAGES, method
from QSMReconstructionCore.recipe import PRESETS

ALL = [pytest.param(m, id=f"{stage}-{m.name}") for stage, found in METHODS.items() for m in found.values()]

#: Leading arguments of the methods of a stage; all others are keywords.
DATA = {
    "mask": ["acquisition"],
    "support": ["acquisition", "mask"],
    "field_map": ["acquisition", "mask"],
    "passes": ["field_map", "mask"],
    "background": ["field", "mask", "grid"],
    "inversion": ["field", "mask", "grid"],
    "reference": ["mask", "grid"],
    "r2star": ["acquisition", "mask"],
}
#: Keywords that the pipeline gives, not the user.
GIVEN = {"weights", "lost", "magnitude", "r2star", "region", "reference_region", "progress"}


def arguments(function):
    return inspect.signature(function).parameters.values()


@pytest.mark.parametrize("listed", ALL)
def test_methods_of_a_stage_can_be_exchanged(listed):
    positional = [a.name for a in arguments(listed.function) if a.kind is not a.KEYWORD_ONLY]
    expected = list(DATA[listed.stage])
    if listed.stage == "inversion" and listed.works_on_total_field:
        expected[0] = "total_field"
    assert positional == expected
    if listed.stage in ("background", "inversion"):
        assert {"weights", "progress"} <= {a.name for a in arguments(listed.function)}


@pytest.mark.parametrize("listed", ALL)
def test_every_keyword_is_a_parameter_with_a_default(listed):
    keywords = {a.name for a in arguments(listed.function) if a.kind is a.KEYWORD_ONLY}
    assert keywords - GIVEN == set(listed.parameters)
    assert all(a.default is not a.empty for a in arguments(listed.function) if a.kind is a.KEYWORD_ONLY)


@pytest.mark.parametrize("listed", ALL)
def test_every_parameter_says_what_it_is_and_accepts_its_default(listed):
    for parameter in listed.parameters.values():
        assert re.match(r"[A-Z].*[^.]$", parameter.label), parameter
        assert parameter.type in (float, int, bool, str)
        if parameter.type in (float, int):
            assert parameter.range is not None, f"{parameter.name} needs a range"
        if parameter.type is str:
            assert parameter.choices, f"{parameter.name} needs choices"
            for choice, words in parameter.choices.items():
                assert re.match(r"[A-Z].*[^.]$", words), choice
                if choice in METHODS[listed.stage]:
                    assert words == METHODS[listed.stage][choice].title
        assert parameter.checked(parameter.default) == parameter.default


@pytest.mark.parametrize("listed", ALL)
def test_every_method_has_a_title_of_its_own(listed):
    assert re.match(r"[A-Za-z][^_]*[^_.]$", listed.title)
    assert [other.name for other in METHODS[listed.stage].values() if other.title == listed.title] == [listed.name]
    if short := re.search(r" \(([\w-]+)\)", listed.summary):
        assert short[1] in listed.title


@pytest.mark.parametrize("listed", ALL)
def test_every_docstring_has_its_sections(listed):
    text = inspect.getdoc(listed.function)
    for section in ("Parameters", "Returns"):
        assert re.search(rf"^{section}\n-+$", text, re.MULTILINE), f"{listed.name} lacks {section}"
    assert re.match(r"[A-Z].*\.$", listed.summary), listed.summary
    for a in arguments(listed.function):
        assert re.search(rf"^(\w+, )*{a.name}(, \w+)* : ", text, re.MULTILINE), f"{listed.name} leaves {a.name} out"


#: Plain arithmetic or geometry, with no paper to name.
PLAIN = {"robust_threshold", "surroundings", "one_pass", "whole_brain", "no_removal", "region", "no_reference"}


@pytest.mark.parametrize("listed", [p for p in ALL if p.values[0].name not in PLAIN])
def test_every_method_names_its_paper(listed):
    assert re.search(r"^References\n-+$", inspect.getdoc(listed.function), re.MULTILINE)
    assert listed.references
    assert all(re.fullmatch(r"10\.\d{4,9}/\S+", doi) for doi in listed.references)


def test_every_stage_has_a_method_and_a_default_among_them():
    assert list(METHODS) == list(STAGES)
    for preset in PRESETS.values():
        assert all(chosen["method"] in METHODS[stage] for stage, chosen in preset.stages.items())


def test_values_are_completed_by_the_defaults():
    vsharp = method("background", "vsharp")
    completed = vsharp.completed({"largest_radius": "10"})
    assert list(completed) == list(vsharp.parameters)
    assert completed["largest_radius"] == 10.0


def test_unknown_stages_and_methods_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="Unknown stage 'colour'. The stages are mask, support, field_map"):
        method("colour", "red")
    with pytest.raises(ValueError, match="Unknown method 'red' of stage mask. Its methods are brain_extraction"):
        method("mask", "red")
