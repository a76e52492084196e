"""Which region is called zero, that it is found or refused, and that changing it costs nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest

from QSMReconstructionCore.acquisition import Acquisition
from QSMReconstructionCore.commandline import main
from QSMReconstructionCore.contrasts.r2star import arlo
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import read_nifti, write_nifti
from QSMReconstructionCore.phantom import LABELS, head_phantom
from QSMReconstructionCore.pipeline import reconstruct
from QSMReconstructionCore.recipe import Recipe
from QSMReconstructionCore.referencing import Reference, ReferenceRegion, apply_reference, rereference
from QSMReconstructionCore.referencing.csf import csf
from QSMReconstructionCore.referencing.region import region

CSF = next(label for label, name in LABELS.items() if name == "Cerebrospinal fluid")
SHAPE = (40, 44, 42)


@pytest.fixture(scope="module")
def cache():
    return {}


@pytest.fixture(scope="module")
def scan():
    return head_phantom(
        shape=(60, 72, 60), spacing=(3.0, 3.0, 3.0), tilt=(20.0, 10.0), echo_times=(0.002, 0.005, 0.008, 0.011)
    )


@pytest.fixture(scope="module")
def brain(scan, cache):
    return reconstruct(scan.acquisition, "preview", mask=scan.mask, cache=cache)


@pytest.fixture
def ball():
    """A brain of 60 mm with a ventricle of 8 mm in the middle, fluid under its surface, and vessels nowhere."""
    grid = Grid(SHAPE, (1.6, 1.5, 1.5))
    axes = np.ogrid[tuple(slice(n) for n in SHAPE)]
    radius = np.sqrt(sum(((a - n / 2) * h) ** 2 for a, n, h in zip(axes, SHAPE, grid.spacing)))
    rate = np.where((radius < 8) | (radius > 25), 2.0, 20.0).astype(np.float32)
    return grid, radius < 30, radius, rate


def test_the_ventricles_are_the_fluid_deep_in_the_middle(ball):
    grid, mask, radius, rate = ball
    found = csf(mask, grid, r2star=rate, erosion=0).voxels
    assert found[radius < 6].all()
    assert not found[radius > 9].any()


def test_erosion_keeps_off_the_walls(ball):
    grid, mask, radius, rate = ball
    wide, narrow = (csf(mask, grid, r2star=rate, erosion=e).voxels for e in (0, 2))
    assert not (narrow & ~wide).any()
    assert narrow.sum() < 0.7 * wide.sum()
    assert radius[narrow].max() < radius[wide].max() - 0.7


def test_the_ventricles_of_a_noisy_head_are_found_at_7_tesla():
    head = head_phantom(shape=(72, 86, 72), spacing=(2.5,) * 3, tilt=(0.0, 25.0), field_strength=7.0, snr=50, seed=2)
    found = csf(head.mask, head.acquisition.grid, r2star=arlo(head.acquisition, head.mask)).voxels
    assert (head.labels[found] == CSF).mean() > 0.97
    assert abs(head.susceptibility[found].mean()) < 0.005


def test_a_brain_without_ventricles_is_refused_and_nothing_taken_instead(ball):
    grid, mask, radius, rate = ball
    rate[radius < 10] = 20
    with pytest.raises(ValueError, match=r"No ventricle was found .* Choose whole_brain, give the region"):
        csf(mask, grid, r2star=rate)
    with pytest.raises(ValueError, match="a single echo does not tell it"):
        csf(mask, grid)


def test_fluid_that_is_too_little_is_refused(ball):
    grid, mask, radius, rate = ball
    rate[(radius < 10) & (radius > 3.5)] = 20
    with pytest.raises(ValueError, match="and 0.5 ml are needed"):
        csf(mask, grid, r2star=rate, erosion=0)


def test_a_mean_that_is_subtracted_can_be_put_back():
    random = np.random.default_rng(0)
    values = random.normal(0.03, 0.1, SHAPE).astype(np.float32)
    mask = random.random(SHAPE) > 0.3
    part = mask & (random.random(SHAPE) > 0.9)
    whole, first = apply_reference(values, mask, mask, "whole brain")
    other, second = rereference(whole, mask, ReferenceRegion("part", part), first)
    assert second.subtracted == pytest.approx(values[part].mean(), abs=1e-6)
    assert second.mean == pytest.approx(values[part].mean() - values[mask].mean(), abs=1e-6)
    assert second.sd == pytest.approx(values[part].std(), rel=1e-4)
    assert (second.region, second.voxels) == ("part", part.sum())
    assert other[part].mean() == pytest.approx(0, abs=1e-6)
    bare, third = rereference(other, mask, ReferenceRegion("none", None), second)
    np.testing.assert_allclose(bare, np.where(mask, values, 0), atol=1e-6)
    assert third.subtracted == 0
    unknown, fourth = rereference(whole, mask, ReferenceRegion("part", part))
    np.testing.assert_allclose(unknown, other, atol=1e-6)
    assert fourth.subtracted == pytest.approx(second.mean, abs=1e-6)


def test_a_region_outside_the_brain_is_refused(ball):
    grid, mask, radius, _ = ball
    with pytest.raises(ValueError, match=r"The reference region \(Air\) has no voxel inside the brain"):
        region(mask, grid, region=ReferenceRegion("Air", radius > 31))
    with pytest.raises(ValueError, match="needs the voxels of the reference region"):
        region(mask, grid)
    with pytest.raises(ValueError, match=r"the reference region \(given region\) must have the shape"):
        region(mask, grid, region=mask[1:])


def test_changing_the_reference_repeats_no_stage(scan, brain, cache):
    recipe = brain.recipe.with_values({"reference.method": "csf"})
    again = reconstruct(scan.acquisition, recipe, mask=scan.mask, cache=cache)
    assert set(again.seconds) <= {"reference"}
    assert again.reference.region == "CSF of the ventricles"
    ventricles = csf(again.mask, again.grid, r2star=again.r2star).voxels
    assert again.susceptibility[ventricles].mean() == pytest.approx(0, abs=1e-6)
    assert again.reference.voxels == ventricles.sum()
    direct = brain.with_reference("csf")
    np.testing.assert_allclose(direct.susceptibility, again.susceptibility, atol=1e-6)
    assert direct.recipe == again.recipe
    assert direct.reference.mean == pytest.approx(again.reference.mean, abs=1e-6)


def test_referencing_can_be_undone(brain):
    bare = brain.with_reference("no_reference")
    assert bare.reference.subtracted == 0
    assert bare.recipe.stages["reference"]["method"] == "no_reference"
    shift = bare.susceptibility[bare.mask] - brain.susceptibility[brain.mask]
    np.testing.assert_allclose(shift, brain.reference.subtracted, atol=1e-6)
    np.testing.assert_allclose(bare.with_reference("whole_brain").susceptibility, brain.susceptibility, atol=1e-6)


def test_any_region_can_be_given(scan, cache):
    white = ReferenceRegion("White matter", scan.labels == 8)
    recipe = Recipe.preset("preview").with_values({"reference.method": "region"})
    result = reconstruct(scan.acquisition, recipe, mask=scan.mask, reference_region=white, cache=cache)
    assert result.reference.region == "White matter"
    assert result.susceptibility[scan.labels == 8].mean() == pytest.approx(0, abs=1e-6)
    other = reconstruct(scan.acquisition, recipe, mask=scan.mask, reference_region=scan.labels == 9, cache=cache)
    assert other.reference.region == "given region"
    assert other.susceptibility[scan.labels == 9].mean() == pytest.approx(0, abs=1e-6)


def test_a_region_that_the_recipe_does_not_want_is_refused(scan):
    with pytest.raises(ValueError, match="the recipe refers to whole_brain. Set reference.method=region"):
        reconstruct(scan.acquisition, "preview", reference_region=scan.mask)


def test_a_reference_that_cannot_be_found_is_told_before_the_long_stages(scan):
    whole = scan.acquisition
    single = Acquisition(whole.magnitude[:1], whole.phase[:1], whole.echo_times[:1], 3.0, whole.grid)
    stages = []
    with pytest.raises(ValueError, match="a single echo does not tell it"):
        reconstruct(
            single, Recipe.preset("preview").with_values({"reference.method": "csf"}),
            lambda fraction, message: stages.append(message), mask=scan.mask,
        )
    assert not any("Field map" in message for message in stages)


@pytest.fixture(scope="module")
def written(simulated, tmp_path_factory):
    """A map as `reconstruct` writes it."""
    out = tmp_path_factory.mktemp("maps")
    inputs = simulated / "inputs"
    files = [f"--{name}={inputs / name}.nii.gz" for name in ("phase", "magnitude", "mask")]
    options = [f"--params={inputs / 'params.json'}", "--recipe=preview", "--progress=none"]
    assert main(["reconstruct", str(out), *files, *options]) == 0
    return out


def test_a_finished_map_is_referred_to_another_region_on_the_command_line(written, simulated, tmp_path, capsys):
    labels = simulated / "groundtruth/labels.nii.gz"
    out = tmp_path / "white.nii.gz"
    options = ["--reference-region", str(labels), "--reference-label", "8"]
    assert main(["reference", str(written / "chimap.nii.gz"), "--out", str(out), *options]) == 0
    assert capsys.readouterr().out.startswith("Reference: White matter, ")
    before, after = (read_nifti(path)[0] for path in (written / "chimap.nii.gz", out))
    mask = read_nifti(written / "mask.nii.gz")[0] > 0
    white = (read_nifti(labels)[0] == 8) & mask
    np.testing.assert_allclose(after[mask], before[mask] - before[white].mean(dtype=float), atol=1e-6)
    first, second = (json.loads(path.read_text()) for path in (written / "chimap.json", tmp_path / "white.json"))
    assert second["Recipe"]["reference"] == {"method": "region"}
    assert Reference(**second["Reference"]).voxels == white.sum()
    raw = first["Reference"]["subtracted"] + before[white].mean(dtype=float)
    assert second["Reference"]["subtracted"] == pytest.approx(raw, abs=1e-6)
    assert {k: v for k, v in second.items() if k not in ("Recipe", "Reference")} == {
        k: v for k, v in first.items() if k not in ("Recipe", "Reference")
    }


def test_the_ventricles_are_found_beside_a_finished_map(written, tmp_path):
    out = tmp_path / "csf.nii.gz"
    assert main(["reference", str(written / "chimap.nii.gz"), "--out", str(out), "--method", "csf"]) == 0
    told = json.loads((tmp_path / "csf.json").read_text())
    assert told["Reference"]["region"] == "CSF of the ventricles"
    assert told["Recipe"]["reference"]["slowness"] == 0.3


def test_reconstruct_takes_a_reference_region(simulated, tmp_path):
    inputs = simulated / "inputs"
    files = [f"--{name}={inputs / name}.nii.gz" for name in ("phase", "magnitude", "mask")]
    labels = simulated / "groundtruth/labels.nii.gz"
    options = [f"--params={inputs / 'params.json'}", "--recipe=preview", "--progress=none"]
    region = ["--reference-region", str(labels), "--reference-label", "3", "23"]
    assert main(["reconstruct", str(tmp_path / "out"), *files, *options, *region]) == 0
    told = json.loads((tmp_path / "out/chimap.json").read_text())
    assert told["Reference"]["region"] == "Putamen left + Putamen right"
    assert str(labels) in [entry["Path"] for entry in told["InputFiles"]]


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        ([], 2, "give --method, or --reference-region"),
        (["--method", "csf", "--reference-region", "{labels}"], 2, "goes with the method region, not with csf"),
        (["--method", "moon"], 2, "Unknown method 'moon' of stage reference"),
        (["--method", "whole_brain", "--reference-label", "3"], 2, "--reference-label needs --reference-region"),
        (["--reference-region", "{labels}", "--reference-label", "99"], 1, "has no voxel of label 99"),
        (["--method", "csf", "--r2star", "{map}"], 1, "No ventricle was found"),
    ],
)
def test_wrong_usage_of_the_reference_command_is_named(written, simulated, tmp_path, capsys, options, status, message):
    chimap = tmp_path / "in/chimap.nii.gz"
    chimap.parent.mkdir()
    write_nifti(chimap, np.full((45, 54, 45), 9.0, np.float32), read_nifti(written / "chimap.nii.gz")[1])
    paths = {"labels": simulated / "groundtruth/labels.nii.gz", "map": chimap}
    options = [option.format(**paths) for option in options]
    try:
        found = main(["reference", str(chimap), "--out", str(tmp_path / "out.nii.gz"), *options])
    except SystemExit as exit_:
        found = exit_.code
    assert found == status
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.nii.gz").exists()
