"""Results of stages in a folder: a later run, in another process too, repeats only what has changed."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest

from QSMReconstructionCore.phantom import head_phantom
from QSMReconstructionCore.pipeline import AS_BEFORE, reconstruct
from QSMReconstructionCore.recipe import Recipe
from QSMReconstructionCore.stage_folder import StageFolder

#: Quick, and with an inversion that asks the background method what it has lost.
RECIPE = Recipe.preset().with_values({"inversion.max_iterations": 2})


@pytest.fixture(scope="module")
def acquisition():
    return head_phantom(shape=(45, 54, 45), spacing=(4.0, 4.0, 4.0), echo_times=(0.002, 0.005, 0.008)).acquisition


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("stages")


@pytest.fixture(scope="module")
def first(acquisition, folder):
    """A run that leaves the results of its stages behind."""
    result = reconstruct(acquisition, RECIPE, cache=StageFolder(folder))
    assert {"mask", "field_map", "background", "inversion"} <= set(result.seconds)
    return result


def assert_same(one, other) -> None:
    pairs = [
        (one.susceptibility, other.susceptibility), (one.mask, other.mask), (one.r2star, other.r2star),
        (one.field_map.field, other.field_map.field), (one.field_map.noise, other.field_map.noise),
        (one.local_field.field, other.local_field.field), (one.local_field.noise, other.local_field.noise),
    ]  # fmt: skip
    for left, right in pairs:
        np.testing.assert_array_equal(left, right)
    assert [verdict.as_dict() for verdict in one.verdicts] == [verdict.as_dict() for verdict in other.verdicts]
    assert (one.notes, one.reference) == (other.notes, other.reference)


def test_the_same_again_computes_nothing(acquisition, folder, first):
    told = []
    again = reconstruct(acquisition, RECIPE, lambda *report: told.append(report[1]), cache=StageFolder(folder))
    assert again.seconds == {}
    assert f"Field map: {AS_BEFORE}" in told and f"Dipole inversion: {AS_BEFORE}" in told
    assert_same(again, first)


def test_the_mask_that_was_found_may_be_given(acquisition, folder, first):
    again = reconstruct(acquisition, RECIPE, mask=first.mask, cache=StageFolder(folder))
    assert again.seconds == {}
    assert_same(again, first)


def test_another_inversion_begins_where_the_field_is_known(acquisition, folder, first):
    recipe = RECIPE.with_values({"inversion.max_iterations": 3})
    again = reconstruct(acquisition, recipe, mask=first.mask, cache=StageFolder(folder))
    assert set(again.seconds) == {"inversion"}
    assert_same(again, reconstruct(acquisition, recipe, mask=first.mask))


def test_a_hole_in_the_mask_that_its_surroundings_fill_costs_no_long_stage(acquisition, folder, first):
    mask = first.mask.copy()
    middle = tuple(int(place) for place in np.argwhere(mask).mean(axis=0))
    assert mask[middle]
    mask[middle] = False
    recipe = RECIPE.with_values({"support.margin": 5.0})
    stages = StageFolder(folder)
    reconstruct(acquisition, recipe, mask=first.mask, cache=stages)
    again = reconstruct(acquisition, recipe, mask=mask, cache=stages)
    assert set(again.seconds) == {"support", "reference", "r2star"}
    assert_same(again, reconstruct(acquisition, recipe, mask=mask))


def test_an_edited_edge_is_computed_as_if_for_the_first_time(acquisition, folder, first):
    mask = first.mask.copy()
    mask[: np.flatnonzero(mask.any(axis=(1, 2)))[3]] = False
    again = reconstruct(acquisition, RECIPE, mask=mask, cache=StageFolder(folder))
    assert {"field_map", "background", "inversion"} <= set(again.seconds)
    assert_same(again, reconstruct(acquisition, RECIPE, mask=mask))


def test_what_is_kept_is_read_back_as_it_was(tmp_path):
    stages = StageFolder(tmp_path)
    array = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    stages["array"], stages["none"] = array, None
    assert set(StageFolder(tmp_path)) == {"array", "none"} and len(stages) == 2
    np.testing.assert_array_equal(StageFolder(tmp_path)["array"], array)
    assert stages["none"] is None
    del stages["none"]
    assert "none" not in stages
    with pytest.raises(KeyError):
        del stages["none"]


def test_what_was_not_used_for_the_longest_time_goes_first(tmp_path):
    stages = StageFolder(tmp_path, limit=3500)
    for age, key in enumerate("abc"):
        stages[key] = np.zeros(1000, np.uint8)
        os.utime(tmp_path / f"{key}.stage", (1000 + age, 1000 + age))
    assert stages["a"].size == 1000  # used now
    stages["d"] = np.zeros(1000, np.uint8)
    assert set(stages) == {"a", "c", "d"}
    stages["e"] = np.zeros(4000, np.uint8)  # more than all of it
    assert not stages


def test_a_process_that_was_ended_while_writing_leaves_nothing(tmp_path):
    (tmp_path / "a.stage.part").write_bytes(b"begun")
    assert not StageFolder(tmp_path)
    assert not list(tmp_path.iterdir())


#: A call of what a module of the package has imported, in the opcodes of protocol 4.
THROUGH_AN_IMPORT = b"\x80\x04\x8c\x22QSMReconstructionCore.stage_folder\x8c\x09os.getcwd\x93)R."


@pytest.mark.parametrize("content", [b"", b"damaged", pickle.dumps(os.getcwd), THROUGH_AN_IMPORT])
def test_a_file_that_is_no_result_counts_as_not_there_and_is_never_run(tmp_path, content):
    (tmp_path / "a.stage").write_bytes(content)
    with pytest.raises(KeyError):
        StageFolder(tmp_path)["a"]


def test_a_function_made_on_the_spot_is_left_out(tmp_path):
    stages = StageFolder(tmp_path)
    stages["a"] = lambda field: field
    assert not stages and not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_result_out(tmp_path, monkeypatch):
    def full(*_arguments, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pickle, "dump", full)
    stages = StageFolder(tmp_path)
    stages["a"] = 1
    assert not list(tmp_path.iterdir())
