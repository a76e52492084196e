"""The whole reconstruction, from wrapped phase to a referenced map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.ndimage

from QSMReconstructionCore.acquisition import Acquisition
from QSMReconstructionCore.background.vsharp import vsharp
from QSMReconstructionCore.fieldmapping.refilling import refilled
from QSMReconstructionCore.inversion.medi import medi
from QSMReconstructionCore.inversion.tkd import tkd
from QSMReconstructionCore.masking.surroundings import surroundings
from QSMReconstructionCore.metrics import score
from QSMReconstructionCore.phantom import LABELS, head_phantom
from QSMReconstructionCore.pipeline import reconstruct, weights_of
from QSMReconstructionCore.progress import Cancelled
from QSMReconstructionCore.recipe import Recipe


@pytest.fixture(scope="module")
def scan():
    """A 2.5 mm head, oblique by (25, 25) degrees, whose echoes are short enough for such voxels."""
    return head_phantom(
        shape=(72, 86, 72), spacing=(2.5, 2.5, 2.5), tilt=(25.0, 25.0), echo_times=(0.003, 0.007, 0.011, 0.015)
    )


@pytest.fixture(scope="module")
def cache():
    return {}


@pytest.fixture(scope="module")
def default(scan, cache):
    return reconstruct(scan.acquisition, "default", cache=cache)


def test_the_default_recipe_finds_the_susceptibility_of_the_head(scan, default):
    result = score(default.susceptibility, scan.susceptibility, scan.mask, scan.labels, LABELS)
    assert result["correlation"] > 0.8
    assert 0.88 < result["regional"]["slope"] < 1.12


def test_no_deep_nucleus_has_the_wrong_sign(scan, default):
    inside = scan.mask & default.mask
    true = scan.susceptibility - scan.susceptibility[inside].mean()
    for label in (1, 2, 3, 4, 5, 6, 21, 22, 23, 24, 25, 26):
        voxels = inside & (scan.labels == label)
        assert default.susceptibility[voxels].mean() * true[voxels].mean() > 0, LABELS[label]


def test_the_map_has_mean_zero_in_the_brain_and_is_zero_outside(default):
    assert default.susceptibility[default.mask].mean() == pytest.approx(0, abs=1e-6)
    assert not default.susceptibility[~default.mask].any()
    assert default.reference.region == "whole brain"
    assert default.reference.sd == pytest.approx(default.susceptibility[default.mask].std(), rel=1e-3)


def test_the_preview_agrees_with_the_default_in_less_contrast(scan, default, cache):
    preview = reconstruct(scan.acquisition, "preview", cache=cache)
    both = preview.mask & default.mask
    assert np.corrcoef(preview.susceptibility[both], default.susceptibility[both])[0, 1] > 0.6


def test_changing_the_inversion_repeats_the_inversion_only(scan, default, cache):
    recipe = default.recipe.with_values({"inversion.method": "tkd"})
    again = reconstruct(scan.acquisition, recipe, cache=cache)
    assert set(again.seconds) == {"inversion"}
    np.testing.assert_array_equal(again.field_map.field, default.field_map.field)


def test_the_inversion_is_given_the_magnitude_if_it_asks_for_it(scan, default, cache):
    settings = {"max_iterations": 1, "inner_iterations": 2}
    recipe = default.recipe.with_values(
        {"inversion.method": "medi", "reference.method": "no_reference", "support.margin": 0}
        | {f"inversion.{name}": value for name, value in settings.items()}
    )
    result = reconstruct(scan.acquisition, recipe, cache=cache)
    found = result.susceptibility
    local = result.local_field
    data = (local.field, result.mask, result.grid)
    settings["weights"] = weights_of(local.noise, local.mask)
    np.testing.assert_array_equal(found, medi(*data, magnitude=scan.acquisition.magnitude, **settings))
    assert not np.array_equal(found, medi(*data, **settings))


def test_a_margin_around_a_tight_mask_makes_the_map_inside_it_better(scan):
    errors = []
    for margin in (0, 3):
        recipe = Recipe.preset("default").with_values({"support.margin": margin})
        result = reconstruct(scan.acquisition, recipe, mask=scan.mask)
        np.testing.assert_array_equal(result.mask, scan.mask)
        assert not result.susceptibility[~scan.mask].any() and not result.field_map.field[~scan.mask].any()
        errors.append(score(result.susceptibility, scan.susceptibility, scan.mask)["nrmse"])
    assert errors[1] < errors[0]


def test_the_surroundings_are_the_voxels_with_signal_within_the_margin(scan):
    distance = scipy.ndimage.distance_transform_edt(~scan.mask, sampling=scan.acquisition.grid.spacing)
    wide = surroundings(scan.acquisition, scan.mask, margin=5, least_signal=0)
    np.testing.assert_array_equal(wide, distance <= 5)
    np.testing.assert_array_equal(surroundings(scan.acquisition, scan.mask, margin=0), scan.mask)
    silent = scan.acquisition.magnitude.copy()
    silent[:, ~scan.mask] = 0
    acquisition = replace(scan.acquisition, magnitude=silent)
    np.testing.assert_array_equal(surroundings(acquisition, scan.mask, margin=5), scan.mask)


def test_the_surroundings_leave_out_what_is_dark_beside_the_brain_near_it(scan):
    magnitude = scan.acquisition.magnitude
    j, i = np.indices(magnitude.shape[2:])
    shaded = magnitude * np.exp(-0.02 * (j + i)).astype(np.float32)  # by the coils: from 1 to a ninth
    found = [
        surroundings(replace(scan.acquisition, magnitude=image), scan.mask, margin=5) for image in (magnitude, shaded)
    ]
    rim = surroundings(scan.acquisition, scan.mask, margin=5, least_signal=0) & ~scan.mask
    typical = np.median(magnitude[0][scan.mask])
    assert not found[0][rim & (magnitude[0] < 0.35 * typical)].any()
    assert found[0][rim & (magnitude[0] > 0.7 * typical)].all()
    assert found[0][scan.mask].all()
    assert np.mean(found[0][rim] != found[1][rim]) < 0.05


def test_a_given_mask_is_used_as_it_is(scan):
    mask = scan.mask.copy()
    mask[:, :, :30] = False
    result = reconstruct(scan.acquisition, "preview", mask=mask)
    np.testing.assert_array_equal(result.mask, mask)
    assert "mask" not in result.seconds


def test_a_given_mask_keeps_its_holes(head):
    mask = head.mask.copy()
    mask[20:24, 25:30, 20:25] = False
    result = reconstruct(head.acquisition, "preview", mask=mask)
    np.testing.assert_array_equal(result.mask, mask)
    assert not result.susceptibility[~mask].any()
    assert np.isfinite(result.susceptibility).all()


def test_voxels_with_broken_phase_lose_their_weight_but_stay_in_the_mask(head):
    broken = head.mask & (np.random.default_rng(1).random(head.mask.shape) < 0.05)
    phase = head.acquisition.phase.copy()
    phase[:, broken] = np.random.default_rng(2).uniform(-np.pi, np.pi, (len(phase), np.count_nonzero(broken)))
    results = [
        reconstruct(replace(head.acquisition, phase=each), "preview", mask=head.mask)
        for each in (head.acquisition.phase, phase)
    ]
    for result in results:
        np.testing.assert_array_equal(result.mask, head.mask)
    clean, damaged = (weights_of(result.field_map.noise, head.mask) for result in results)
    assert np.median(damaged[broken]) < 0.1 * np.median(clean[broken])
    assert np.median(damaged[head.mask & ~broken]) > 0.8 * np.median(clean[head.mask & ~broken])


def test_progress_grows_to_one_and_names_the_stages(scan, cache):
    reports = []
    reconstruct(scan.acquisition, "preview", lambda *report: reports.append(report))
    fractions = [fraction for fraction, _ in reports]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    text = " ".join(message for _, message in reports)
    for stage in ("Brain mask", "Field map", "Background field", "Dipole inversion"):
        assert stage in text


@pytest.mark.parametrize("fraction", [0.05, 0.25, 0.5])
def test_it_can_be_cancelled_in_any_stage(scan, fraction):
    def cancel(done, message):
        if done >= fraction:
            raise Cancelled

    with pytest.raises(Cancelled):
        reconstruct(scan.acquisition, "default", cancel)


def test_two_passes_keep_the_reliable_voxels_of_the_first(scan, default, cache):
    # The preview's inversion is quick, and without a margin the passes can be repeated from the result.
    recipe = Recipe.preset("preview").with_values({"support.margin": 0, "passes.method": "two_pass"})
    recipe = recipe.with_values({"passes.smallest_quality": 0.6, "reference.method": "no_reference"})
    once = reconstruct(scan.acquisition, recipe.with_values({"passes.method": "one_pass"}), cache=cache)
    twice = reconstruct(scan.acquisition, recipe, cache=cache)
    reliable = twice.mask & (twice.field_map.quality >= 0.6)
    assert 0.5 < reliable.sum() / twice.mask.sum() < 0.99
    assert f"Two passes: {reliable.sum() / twice.mask.sum():.1%} of the brain" in twice.notes[0]
    rest = twice.mask & ~reliable
    np.testing.assert_array_equal(twice.susceptibility[rest], once.susceptibility[rest])

    background, inversion = (dict(recipe.stages[stage]) for stage in ("background", "inversion"))
    del background["method"], inversion["method"]
    field, noise, filled = refilled(twice.field_map.field, twice.field_map.noise, reliable)
    grid = scan.acquisition.grid
    local = vsharp(field, reliable, grid, weights=weights_of(noise, reliable), **background)
    local = local.distrusting(filled, twice.field_map.noise)
    weights = weights_of(local.noise, local.mask)
    first = tkd(local.field, reliable, grid, weights=weights, **inversion)
    found = twice.susceptibility[reliable]
    np.testing.assert_allclose(found - found.mean(), first[reliable] - first[reliable].mean(), atol=1e-5)
    assert found.mean() == pytest.approx(once.susceptibility[reliable].mean(), abs=1e-5)
    assert set(reconstruct(scan.acquisition, recipe, cache=cache).seconds) == set()


def test_two_passes_need_a_reliable_voxel(scan):
    recipe = Recipe.preset("preview").with_values({"passes.method": "two_pass", "passes.smallest_quality": 0.95})
    whole, random = scan.acquisition, np.random.default_rng(0)
    noise = replace(whole, phase=random.uniform(-np.pi, np.pi, whole.phase.shape).astype(np.float32))
    with pytest.raises(ValueError, match="No voxel of the mask has a phase quality of 0.95. Lower passes"):
        reconstruct(noise, recipe, mask=scan.mask)


def test_progress_grows_to_one_in_two_passes(scan, cache):
    reports = []
    recipe = Recipe.preset("preview").with_values({"passes.method": "two_pass"})
    reconstruct(scan.acquisition, recipe, lambda *report: reports.append(report[0]), cache=cache)
    assert reports == sorted(reports) and reports[-1] == 1.0


def test_a_single_echo_works_and_says_what_it_lacks(scan):
    whole = scan.acquisition
    single = Acquisition(
        whole.magnitude[2:3], whole.phase[2:3], whole.echo_times[2:3], whole.field_strength, whole.grid
    )
    result = reconstruct(single, "default", mask=scan.mask)
    assert result.r2star is None
    assert any("single echo" in note for note in result.notes)
    assert np.corrcoef(result.susceptibility[scan.mask], scan.susceptibility[scan.mask])[0, 1] > 0.6


def test_the_recipe_of_the_result_repeats_it(scan, default):
    again = reconstruct(scan.acquisition, Recipe.from_json(default.recipe.to_json()))
    np.testing.assert_allclose(again.susceptibility, default.susceptibility, atol=1e-6)
    assert again.input_identity == default.input_identity


def test_an_empty_mask_is_refused(scan):
    with pytest.raises(ValueError, match="mask is empty"):
        reconstruct(scan.acquisition, mask=np.zeros_like(scan.mask))
