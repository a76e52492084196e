"""Regions from an atlas: a known deformation is found again, and what is wrong with a labeling is said."""

import json
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  (its own name for itself)

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import read_nifti, write_nifti
from QSMReconstructionCore.phantom import LABELS, head_phantom
from QSMReconstructionCore.progress import Cancelled
from QSMRoiAnalysisCore.__main__ import main
from QSMRoiAnalysisCore.atlas.agreement import judge
from QSMRoiAnalysisCore.atlas.atlas import Atlas, read_atlas
from QSMRoiAnalysisCore.atlas.contrast import evened, gray_levels, hybrid
from QSMRoiAnalysisCore.atlas.images import image_of, resampled
from QSMRoiAnalysisCore.atlas.labeling import label
from QSMRoiAnalysisCore.atlas.registration import read_transforms, register, write_transform
from QSMRoiAnalysisCore.atlas.subject import Subject
from QSMRoiAnalysisCore.lookup import read_lookup

#: The deep gray nuclei that are large enough for voxels of 3 mm.
LARGE = ("Caudate", "Putamen", "Globus", "Thalamus")
NUCLEI = {value: name for value, name in LABELS.items() if name.split()[0] in LARGE}


@pytest.fixture(scope="module")
def phantom():
    return head_phantom(shape=(60, 72, 60), spacing=(3.0, 3.0, 3.0))


@pytest.fixture(scope="module")
def atlas(phantom) -> Atlas:
    labels = np.where(np.isin(phantom.labels, list(NUCLEI)), phantom.labels, 0).astype(np.int32)
    return Atlas(
        "Phantom atlas", "free to use", "Nobody 2026",
        {"T2starw": phantom.acquisition.magnitude[2], "susceptibility": phantom.susceptibility},
        phantom.acquisition.grid, dict(NUCLEI), labels, brain=phantom.mask,
    )  # fmt: skip


def true_transform(grid: Grid) -> sitk.CompositeTransform:
    """From points of the subject to points of the template: turned, grown, shifted and bent."""
    linear = sitk.AffineTransform(3)
    linear.Rotate(0, 1, 0.10)
    linear.Rotate(1, 2, -0.06)
    linear.Scale((0.95, 0.97, 0.94))
    linear.SetTranslation((4.0, -3.0, 5.0))
    bent = sitk.BSplineTransformInitializer(image_of(np.zeros(grid.shape, np.float32), grid), [4, 4, 4], order=3)
    random = np.random.default_rng(5)
    bent.SetParameters(random.normal(0, 4, len(bent.GetParameters())).tolist())
    return sitk.CompositeTransform([linear, bent])


@pytest.fixture(scope="module")
def truth(phantom) -> sitk.CompositeTransform:
    return true_transform(phantom.acquisition.grid)


@pytest.fixture(scope="module")
def subject(phantom, atlas, truth) -> Subject:
    """The phantom, deformed, on an oblique grid of other voxels, brighter on one side."""
    from small_scan import rotation

    direction = rotation(8, 0) @ np.eye(3)[:, ::-1]
    shape, spacing = (64, 66, 58), (2.8, 3.2, 3.0)
    middle = direction @ (np.array(spacing) * (np.array(shape) - 1) / 2)
    center = np.mean([axis.mean() for axis in phantom.acquisition.grid.world_coordinates()[:1]])
    origin = np.array([center, *(a.mean() for a in phantom.acquisition.grid.world_coordinates()[1:])]) - middle
    grid = Grid(shape, spacing, tuple(map(tuple, direction)), tuple(origin))
    onto = image_of(np.zeros(shape, np.float32), grid)
    there = phantom.acquisition.grid
    magnitude, chi = (
        resampled(image_of(a, there), onto, truth) for a in (phantom.acquisition.magnitude[2], phantom.susceptibility)
    )
    brain = resampled(image_of(phantom.mask, there), onto, truth, nearest=True) != 0
    magnitude = magnitude * np.linspace(0.7, 1.4, shape[2], dtype=np.float32)
    return Subject(np.where(brain, chi, 0), grid, magnitude, brain=brain)


@pytest.fixture(scope="module")
def expected(subject, atlas, truth) -> np.ndarray:
    """The labels as the true transform carries them."""
    onto = image_of(subject.brain, subject.grid)
    return resampled(image_of(atlas.labels, atlas.grid), onto, truth, nearest=True)


@pytest.fixture(scope="module")
def found(subject, atlas):
    return label(subject, atlas)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def mean_dice(labels: np.ndarray, expected: np.ndarray) -> float:
    return float(np.mean([dice(labels == value, expected == value) for value in NUCLEI]))


def test_images_lie_where_their_grids_lie(subject):
    image = image_of(subject.susceptibility, subject.grid)
    for index in ((0, 0, 0), (3, 10, 20), (63, 65, 57)):
        point = image.TransformIndexToPhysicalPoint(index[::-1])
        world = subject.grid.ijk_to_ras @ [*index[::-1], 1]
        np.testing.assert_allclose(point, world[:3] * [-1, -1, 1], atol=1e-4)


def test_a_known_deformation_is_found_and_the_nuclei_come_out(found, expected):
    assert found.compared == ("hybrid of T2starw and susceptibility",) * 2
    assert mean_dice(found.labels, expected) > 0.85
    assert [verdict.name for verdict in found.verdicts if verdict.level != "good"] == []


def test_contrasts_that_differ_allow_for_an_affine_transform_only_and_it_is_said(subject, atlas, expected):
    other = replace(atlas, templates={"T1w": 200 - atlas.templates["T2starw"] * 0.5})
    labeled = label(subject, other)
    verdict = labeled.verdicts[0]
    assert labeled.compared == ("T2starw", "T1w")
    assert (verdict.name, verdict.level) == ("deformation", "caution")
    assert "different contrasts" in verdict.explanation
    assert mean_dice(labeled.labels, expected) > 0.5


def test_the_deformation_adds_to_the_affine_transform(subject, atlas, found, expected):
    affine = label(subject, atlas, deformable=False)
    assert mean_dice(affine.labels, expected) < mean_dice(found.labels, expected) - 0.03


def test_without_a_magnitude_susceptibility_alone_is_compared(subject, atlas, expected):
    alone = label(replace(subject, magnitude=None), atlas)
    assert alone.compared == ("susceptibility", "susceptibility")
    assert mean_dice(alone.labels, expected) > 0.7


def test_a_t1_weighted_image_on_a_grid_of_its_own_is_brought_to_the_map(subject, atlas, phantom, expected):
    shift = sitk.Euler3DTransform((0, 0, 0), 0.05, 0.0, -0.04, (6.0, 2.0, -5.0))
    own = replace(phantom.acquisition.grid, b0_direction=None)
    t1w = resampled(image_of(subject.magnitude, subject.grid), image_of(phantom.mask, own), shift)
    t1w_atlas = replace(atlas, templates={"T1w": atlas.templates["T2starw"]})
    labeled = label(replace(subject, t1w=t1w, t1w_grid=own), t1w_atlas)
    assert labeled.compared == ("T1w", "T1w")
    assert mean_dice(labeled.labels, expected) > 0.75


def test_a_transform_made_elsewhere_is_taken_as_it_is(subject, atlas, truth, expected, tmp_path):
    write_transform(tmp_path / "transform.h5", truth)
    labeled = label(subject, atlas, transform=read_transforms([tmp_path / "transform.h5"]))
    np.testing.assert_array_equal(labeled.labels, expected)
    assert labeled.compared == ()


def test_a_displacement_field_and_an_affine_file_are_composed_as_ants_lists_them(subject, atlas, truth, tmp_path):
    linear, bent = (truth.GetNthTransform(n) for n in range(2))
    onto = image_of(subject.brain, subject.grid)
    field = sitk.TransformToDisplacementField(
        bent, sitk.sitkVectorFloat64, onto.GetSize(), onto.GetOrigin(), onto.GetSpacing(), onto.GetDirection()
    )
    sitk.WriteImage(field, str(tmp_path / "warp.nii.gz"))
    sitk.WriteTransform(sitk.AffineTransform(linear), str(tmp_path / "affine.mat"))
    both = read_transforms([tmp_path / "affine.mat", tmp_path / "warp.nii.gz"])
    point = onto.TransformIndexToPhysicalPoint([30, 33, 31])
    np.testing.assert_allclose(both.TransformPoint(point), truth.TransformPoint(point), atol=0.05)


def test_files_that_hold_no_transform_are_named(tmp_path):
    (tmp_path / "text.tfm").write_text("nothing", encoding="utf-8")
    with pytest.raises(ValueError, match="text.tfm holds no transform"):
        read_transforms([tmp_path / "text.tfm"])
    with pytest.raises(ValueError, match="absent.h5 does not exist"):
        read_transforms([tmp_path / "absent.h5"])
    with pytest.raises(ValueError, match="at least one file"):
        read_transforms([])


def test_probabilities_give_the_labels_they_were_made_from(subject, atlas, truth, expected):
    probabilities = {value: (atlas.labels == value).astype(np.float32) for value in atlas.names}
    likely = replace(atlas, labels=None, probabilities=probabilities)
    labeled = label(subject, likely, transform=truth)
    assert mean_dice(labeled.labels, expected) > 0.9
    strict = label(subject, likely, transform=truth, threshold=0.75)
    assert 0 < (strict.labels > 0).sum() < (labeled.labels > 0).sum()
    assert set(np.unique(strict.labels[strict.labels != labeled.labels])) == {0}


@pytest.mark.parametrize("when", [0.35, 0.6])
def test_registration_can_be_cancelled(subject, atlas, when):
    def progress(fraction, message):
        if fraction > when:
            raise Cancelled

    with pytest.raises(Cancelled):
        label(subject, atlas, progress=progress)


def test_images_without_overlap_are_refused_with_advice():
    near = image_of(np.random.default_rng(0).random((20, 20, 20), dtype=np.float32), Grid((20, 20, 20)))
    nothing = sitk.Image([20, 20, 20], sitk.sitkFloat32)
    with pytest.raises(ValueError, match="0 everywhere. Check that both images show the whole brain"):
        register(near, nothing)


def test_a_hybrid_is_the_weighted_image_less_susceptibility():
    weighted = np.linspace(0, 200, 4096, dtype=np.float32).reshape(16, 16, 16)
    chi = np.full(weighted.shape, 0.1, np.float32)
    levels = gray_levels(weighted, np.ones(weighted.shape, bool))
    assert (levels.min(), levels.max()) == (0, 255)
    np.testing.assert_allclose(
        hybrid(weighted, chi, np.ones(weighted.shape, bool)), np.clip(levels - 40, 0, 255), atol=1e-4
    )
    with pytest.raises(ValueError, match="Choose an image with contrast"):
        gray_levels(np.ones((4, 4, 4)))
    with pytest.raises(ValueError, match="0 everywhere"):
        gray_levels(np.zeros((4, 4, 4)))


def test_the_bias_field_of_coils_is_taken_out(phantom):
    brain = phantom.mask
    flat = phantom.acquisition.magnitude[0]
    biased = flat * np.linspace(0.6, 1.5, flat.shape[2], dtype=np.float32)
    grid = phantom.acquisition.grid
    reference = evened(flat, grid, brain)

    def slope(image):
        ratio = image[brain] / reference[brain]
        columns = np.nonzero(brain)[2]
        return np.polyfit(columns, ratio / ratio.mean(), 1)[0]

    mended = evened(biased, grid, brain)
    assert abs(slope(mended)) < 0.2 * abs(slope(biased))
    assert not mended[~brain].any()


def verdicts(labels, subject, atlas, transform=None) -> dict:
    found = judge(labels, subject, atlas, transform or sitk.Transform(3, sitk.sitkIdentity))
    return {verdict.name: verdict for verdict in found}


@pytest.fixture
def same(phantom, atlas) -> Subject:
    """A subject that is the template."""
    return Subject(phantom.susceptibility, phantom.acquisition.grid, brain=phantom.mask)


def test_a_mirrored_atlas_is_told(same, atlas):
    names = {value: name.replace("left", "LEFT").replace("right", "left").replace("LEFT", "right")
             for value, name in atlas.names.items()}  # fmt: skip
    verdict = verdicts(atlas.labels, same, replace(atlas, names=names))["sides"]
    assert verdict.level == "bad"
    assert "mirrored" in verdict.action


def test_a_shifted_brain_is_told(same, atlas):
    shift = sitk.TranslationTransform(3, (0.0, 0.0, 60.0))
    assert verdicts(atlas.labels, same, atlas, shift)["brain_overlap"].level == "bad"


def test_a_folded_transform_is_told(same, atlas):
    mirror = sitk.AffineTransform(3)
    mirror.SetMatrix((-1, 0, 0, 0, 1, 0, 0, 0, 1))
    assert verdicts(atlas.labels, same, atlas, mirror)["folds"].level == "bad"


def test_missing_swollen_and_stray_regions_are_told(same, atlas):
    value = next(iter(NUCLEI))
    missing = np.where(atlas.labels == value, 0, atlas.labels)
    assert NUCLEI[value] in verdicts(missing, same, atlas)["region_sizes"].explanation
    swollen = atlas.labels.copy()
    inside = np.argwhere(swollen == value).mean(axis=0).astype(int)
    swollen[tuple(slice(c - 8, c + 8) for c in inside)] = value
    assert verdicts(swollen, same, atlas)["region_volumes"].level in ("caution", "bad")
    stray = atlas.labels.copy()
    stray[~same.brain] = value
    assert verdicts(stray, same, atlas)["outside_brain"].level == "bad"
    small = np.where(atlas.labels == value, 0, atlas.labels)
    small.flat[np.flatnonzero(atlas.labels == value)[:10]] = value
    assert verdicts(small, same, atlas)["region_sizes"].level == "caution"


@pytest.fixture
def folder(atlas, tmp_path):
    """The atlas on disk."""
    home = tmp_path / "atlas"
    home.mkdir()
    for contrast, image in atlas.templates.items():
        write_nifti(home / f"{contrast}.nii.gz", image, atlas.grid)
    write_nifti(home / "labels.nii.gz", atlas.labels, atlas.grid)
    write_nifti(home / "brain.nii.gz", atlas.brain.astype(np.uint8), atlas.grid)
    lines = [f"{value}\t{name}" for value, name in atlas.names.items()]
    (home / "labels.tsv").write_text("\n".join(["index\tname", *lines]) + "\n", encoding="utf-8")
    describe(home)
    return home


def describe(home, **changes) -> None:
    facts = {
        "Name": "Phantom atlas", "Version": "1", "License": "free to use", "Citation": "Nobody 2026",
        "Templates": {"T2starw": "T2starw.nii.gz", "susceptibility": "susceptibility.nii.gz"},
        "Labels": "labels.nii.gz", "Lookup": "labels.tsv", "Brain": "brain.nii.gz",
    }  # fmt: skip
    facts = {name: value for name, value in (facts | changes).items() if value is not None}
    (home / "atlas.json").write_text(json.dumps(facts), encoding="utf-8")


def test_an_atlas_is_read_as_it_was_written(folder, atlas):
    read = read_atlas(folder)
    np.testing.assert_array_equal(read.labels, atlas.labels)
    np.testing.assert_array_equal(read.brain, atlas.brain)
    assert (read.names, read.version, set(read.templates)) == (atlas.names, "1", set(atlas.templates))


def test_probabilities_are_read_from_one_file_or_several(folder, atlas):
    volumes = np.stack([(atlas.labels == value).astype(np.float32) for value in atlas.names])
    write_nifti(folder / "p.nii.gz", volumes, atlas.grid)
    describe(folder, Labels=None, Probabilities="p.nii.gz")
    one = read_atlas(folder)
    assert set(one.probabilities) == set(atlas.names)
    for value, volume in zip(atlas.names, volumes):
        write_nifti(folder / f"p{value}.nii.gz", volume, atlas.grid)
    describe(folder, Labels=None, Probabilities={str(value): f"p{value}.nii.gz" for value in atlas.names})
    several = read_atlas(folder)
    for value in atlas.names:
        np.testing.assert_array_equal(one.probabilities[value], several.probabilities[value])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (dict(License=None), "lacks License"),
        (dict(Citation=""), "lacks Citation"),
        (dict(Templates={"T1": "T2starw.nii.gz"}), "templates must be among T1w"),
        (dict(Labels="../labels.nii.gz"), "leads out of the folder"),
        (dict(Labels="none.nii.gz"), "none.nii.gz does not exist"),
        (dict(Labels=None), "either labels or probabilities"),
        (dict(Labels="susceptibility.nii.gz"), "must hold whole numbers"),
        (dict(Templates=["T2starw.nii.gz"]), "must name a file for each contrast"),
    ],
)
def test_what_is_wrong_with_an_atlas_is_said(folder, changes, reason):
    describe(folder, **changes)
    with pytest.raises(ValueError, match=reason):
        read_atlas(folder)


def test_a_folder_that_is_no_atlas_says_what_one_is(tmp_path):
    with pytest.raises(ValueError, match="has no atlas.json. An atlas is a folder"):
        read_atlas(tmp_path)


def test_the_command_writes_labels_names_origin_and_transform(folder, subject, expected, tmp_path, capsys):
    write_nifti(tmp_path / "chimap.nii.gz", subject.susceptibility, subject.grid)
    write_nifti(tmp_path / "magnitude.nii.gz", subject.magnitude, subject.grid)
    write_nifti(tmp_path / "mask.nii.gz", subject.brain.astype(np.uint8), subject.grid)
    out = tmp_path / "out"
    arguments = ["label", "--map", f"{tmp_path}/chimap.nii.gz", "--atlas", str(folder), "--progress", "none"]
    more = ["--magnitude", f"{tmp_path}/magnitude.nii.gz", "--mask", f"{tmp_path}/mask.nii.gz", "--out", str(out)]
    assert main([*arguments, *more]) == 0
    assert "License: free to use. Cite: Nobody 2026" in capsys.readouterr().out
    labels, grid = read_nifti(out / "labels.nii.gz")
    assert grid.same_geometry(subject.grid, 1e-3)
    assert mean_dice(labels, expected) > 0.85
    assert read_lookup(out / "labels.tsv") == NUCLEI
    facts = json.loads((out / "labels.json").read_text(encoding="utf-8"))
    assert facts["Atlas"]["License"] == "free to use"
    assert len(facts["Verdicts"]) == 7
    again = tmp_path / "again"
    more[-1] = str(again)
    assert main([*arguments, *more, "--transform", str(out / "transform.h5")]) == 0
    np.testing.assert_array_equal(read_nifti(again / "labels.nii.gz")[0], labels)
    assert main(["measure", "--map", f"{tmp_path}/chimap.nii.gz", "--labels", str(out / "labels.nii.gz"),
                 "--out", str(tmp_path / "table.tsv")]) == 0  # fmt: skip


def test_a_command_that_cannot_label_writes_nothing(folder, subject, tmp_path, capsys):
    write_nifti(tmp_path / "chimap.nii.gz", subject.susceptibility, subject.grid)
    describe(folder, License=None)
    out = tmp_path / "out"
    arguments = ["label", "--map", f"{tmp_path}/chimap.nii.gz", "--atlas", str(folder), "--out", str(out)]
    assert main(arguments) == 1
    assert "lacks License" in capsys.readouterr().err
    assert not out.exists()
