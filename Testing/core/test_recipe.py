"""A recipe is complete, survives JSON, and names what it does not know."""

from __future__ import annotations

import json

import pytest

from QSMReconstructionCore.methods import METHODS, STAGES
from QSMReconstructionCore.recipe import PRESETS, Recipe


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_names_every_stage_and_parameter(name):
    recipe = Recipe.preset(name)
    assert list(recipe.stages) == list(STAGES)
    for stage, chosen in recipe.stages.items():
        assert set(chosen) == {"method", *METHODS[stage][chosen["method"]].parameters}
    assert PRESETS[name].purpose.endswith(".")


@pytest.mark.parametrize("name", PRESETS)
def test_a_recipe_survives_json(name):
    recipe = Recipe.preset(name)
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_what_is_left_out_takes_its_default():
    assert Recipe.from_json("{}") == Recipe.preset("default")
    partial = Recipe.from_json('{"inversion": {"method": "tkd"}}')
    assert partial.stages["inversion"] == Recipe.preset("default").with_values({"inversion.method": "tkd"}).stages[
        "inversion"
    ]


def test_values_are_replaced_in_a_copy():
    recipe = Recipe.preset("default")
    changed = recipe.with_values({"background.largest_radius": "9"})
    assert changed.stages["background"]["largest_radius"] == 9.0
    assert recipe == Recipe.preset("default")
    assert {s: c for s, c in changed.stages.items() if s != "background"} == {
        s: c for s, c in recipe.stages.items() if s != "background"
    }


def test_a_new_method_starts_from_its_own_defaults_whatever_the_order():
    for values in ({"inversion.method": "tkd", "inversion.threshold": 0.15},
                   {"inversion.threshold": 0.15, "inversion.method": "tkd"}):
        stage = Recipe.preset("default").with_values(values).stages["inversion"]
        assert stage["method"] == "tkd"
        assert stage["threshold"] == 0.15


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"colour.red": 1}, "must read stage.parameter, where the stage is one of mask, support, field_map"),
        ({"inversion": 1}, "must read stage.parameter"),
        ({"inversion.method": "magic"}, "Unknown method 'magic' of stage inversion. Its methods are weighted_tv, tkd"),
        ({"background.magic": 1}, "background.magic is not a parameter of vsharp. Its parameters: "),
        ({"background.largest_radius": 1000}, "background.largest_radius must lie between .* mm, but got 1000"),
    ],
)
def test_what_is_unknown_is_named_with_what_is_known(values, message):
    with pytest.raises(ValueError, match=message):
        Recipe.preset("default").with_values(values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "must map stages to methods"),
        ('{"colour": {}}', "Unknown stage 'colour'"),
        ('{"inversion": {"threshold": 0.2}}', "names no method for stage inversion"),
    ],
)
def test_text_that_is_no_recipe_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        Recipe.from_json(text)


def test_an_unknown_preset_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="Unknown preset 'best'. The presets are default, consensus, preview"):
        Recipe.preset("best")


def test_a_recipe_is_plain_data():
    assert json.loads(Recipe.preset("default").to_json())["background"]["method"] == "vsharp"


def test_an_inversion_gets_the_field_that_it_takes():
    default = Recipe.preset("default")
    with pytest.raises(ValueError, match="tfi takes the total field.*Choose background.method=no_removal"):
        default.with_values({"inversion.method": "tfi"})
    with pytest.raises(ValueError, match="weighted_tv takes the local field.*Choose background.method=vsharp or"):
        default.with_values({"background.method": "no_removal"})
    assert default.with_method("inversion", "tfi").stages["background"]["method"] == "no_removal"
    assert default.with_method("background", "no_removal").stages["inversion"]["method"] == "tfi"
    assert default.with_method("inversion", "tkd").stages["background"] == default.stages["background"]
    single = default.with_values({"background.method": "no_removal", "inversion.method": "tfi"})
    assert single.stages["inversion"]["outside"] == 30.0
