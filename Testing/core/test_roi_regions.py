"""Regions from label images, their names and sides, and lists of names."""

import numpy as np
import pytest
import SimpleITK

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import read_nifti
from QSMRoiAnalysisCore.laterality import split_side
from QSMRoiAnalysisCore.lookup import read_lookup
from QSMRoiAnalysisCore.regions import Region, check_same_grid, find_regions, overlaps, regions_from_labels, union_mask


@pytest.mark.parametrize(
    ("name", "structure", "side"),
    [
        ("Caudate nucleus left", "Caudate nucleus", "left"),
        ("Left-Caudate", "Caudate", "left"),
        ("right cerebral white matter", "cerebral white matter", "right"),
        ("SN_L", "SN", "left"),
        ("L_SN", "SN", "left"),
        ("SN_pc_R", "SN_pc", "right"),
        ("ctx-lh-precentral", "ctx-precentral", "left"),
        ("ctx_rh_G_cuneus", "ctx_G_cuneus", "right"),
        ("rh.bankssts", "bankssts", "right"),
        ("Putamen (R)", "Putamen", "right"),
        ("Thalamus, left", "Thalamus", "left"),
        ("Caudate (left) head", "Caudate head", "left"),
        ("LeftAmygdala", "Amygdala", "left"),
        ("Brain-Stem", "Brain-Stem", ""),
        ("Lateral ventricles left and right", "Lateral ventricles left and right", ""),
        ("Vertebra L4", "Vertebra L4", ""),
        ("L", "L", ""),
        ("Left", "Left", "left"),
        ("Corpus callosum", "Corpus callosum", ""),
        ("Leftover", "Leftover", ""),
    ],
)
def test_the_side_is_parsed_from_names_as_label_lists_write_them(name, structure, side):
    assert split_side(name) == (structure, side)


def small_labels(dtype=np.uint8):
    labels = np.zeros((4, 5, 6), dtype)
    labels[1:3, 1:4, 1:3] = 2
    labels[0, 0, 5] = 7
    return labels


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.int64, np.float32, np.float64])
def test_regions_of_a_label_image_have_its_voxels_whatever_its_type(dtype):
    labels = small_labels(dtype)
    regions = regions_from_labels(labels, {2: "Putamen left", 7: "Brain stem"})
    assert [(r.name, r.structure, r.side, r.label, r.voxels) for r in regions] == [
        ("Putamen left", "Putamen", "left", 2, 12),
        ("Brain stem", "Brain stem", "", 7, 1),
    ]
    for region in regions:
        assert np.array_equal(union_mask([region], labels.shape), labels == region.label)


def test_label_values_may_be_huge_and_fill_the_whole_image():
    labels = np.full((3, 3, 3), 5_000_000_000, np.int64)
    labels[0] = 123_456
    assert [(r.label, r.voxels, r.name) for r in regions_from_labels(labels)] == [
        (123_456, 9, "Label 123456"), (5_000_000_000, 18, "Label 5000000000")
    ]


@pytest.mark.parametrize(
    ("labels", "lookup", "message"),
    [
        (np.zeros((2, 2, 2), int), None, "labels is empty"),
        (np.full((2, 2, 2), 0.5), None, "whole numbers"),
        (np.full((2, 2, 2), np.nan), None, "whole numbers"),
        (np.full((2, 2, 2), -1), None, "smallest value is -1"),
        (np.ones((3, 2, 2, 2), int), None, r"\(3, 2, 2, 2\)"),
        (small_labels(), {2: "Putamen"}, r"1 value\(s\) that the lookup does not name: 7"),
        (small_labels(), {2: "SN", 7: "SN"}, "gives the name 'SN' to 2 labels: 2, 7"),
    ],
)
def test_label_images_that_cannot_be_read_unambiguously_are_refused(labels, lookup, message):
    with pytest.raises(ValueError, match=message):
        regions_from_labels(labels, lookup)


def test_a_region_is_found_by_its_name_and_a_structure_gives_both_sides():
    labels = np.arange(1, 5).reshape(1, 2, 2)
    names = {1: "Left-Lateral-Ventricle", 2: "Right-Lateral-Ventricle", 3: "CSF", 4: "SN"}
    regions = regions_from_labels(labels, names)
    assert [r.label for r in find_regions(regions, "left lateral ventricle")] == [1]
    assert [r.label for r in find_regions(regions, "Lateral ventricle")] == [1, 2]
    with pytest.raises(ValueError, match="no region 'Lateral ventrikel'.*Lateral-Ventricle"):
        find_regions(regions, "Lateral ventrikel")


def test_overlapping_regions_are_reported_with_the_voxels_that_they_share():
    first, second, third = (np.zeros((5, 5, 5), bool) for _ in range(3))
    first[:3], second[2:4, 1:], third[4, 4, 4] = True, True, True
    regions = [Region.from_mask(name, i, mask) for i, (name, mask) in enumerate(zip("abc", (first, second, third)))]
    (a, b, voxels), = overlaps(regions)
    assert (a.name, b.name, voxels) == ("a", "b", np.count_nonzero(first & second))


def test_a_region_without_voxels_can_be_kept():
    region = Region.from_mask("SN left", 1, np.zeros((3, 3, 3), bool))
    assert region.voxels == 0
    assert not union_mask([region], (3, 3, 3)).any()


@pytest.mark.parametrize(
    ("grid", "difference"),
    [
        (Grid((9, 10, 10)), "9 x 10 x 10 voxels"),
        (Grid((10, 10, 10), spacing=(2, 1, 1)), "spacing .* 2 x 1 x 1 mm against 1 x 1 x 1 mm"),
        (Grid((10, 10, 10), origin=(0, 3, 4)), "first voxel lies 5 mm away"),
        (
            Grid((10, 10, 10), direction=((0, 0.6, 0.8), (0, 0.8, -0.6), (1, 0, 0))),
            "axes are turned by up to 36.9 degrees",
        ),
    ],
)
def test_labels_on_another_grid_are_refused_by_naming_the_difference(grid, difference):
    with pytest.raises(ValueError, match=f"labels is on another grid than the map: .*{difference}"):
        check_same_grid("labels", grid, Grid((10, 10, 10)))


def test_rounding_in_a_header_does_not_make_another_grid():
    check_same_grid("labels", Grid((10, 10, 10), origin=(0, 0.004, 0)), Grid((10, 10, 10)))


@pytest.mark.parametrize(
    "text",
    [
        "index\tname\n0\tbackground\n11\tLeft-Caudate\n16\tBrain stem\n",
        "index\tlabel\n11\tLeft-Caudate\n16\tBrain stem\n",
        "label,name\n11,Left-Caudate\n16,Brain stem\n",
        "index\tname\tcolor\n11.0\tLeft-Caudate\t#ff0000\n16\tBrain stem\tn/a\n",
        "# a comment\n\n11 Left-Caudate\n16 Brain stem\n",
        "0 Unknown 0 0 0 0\r\n11  Left-Caudate  122 186 220 0\r\n16 Brain stem 119 159 176 255\r\n",
        '11 122 186 220 1 1 1 "Left-Caudate"\n16 119 159 176 1 0 1 "Brain stem"\n',
        "\ufeffindex\tname\n11\tLeft-Caudate\n16\tBrain stem",
    ],
    ids=["dseg", "atlas", "csv", "color", "plain", "FreeSurfer", "ITK-SNAP", "byte order mark"],
)
def test_lists_of_names_are_read_in_the_forms_that_tools_write(tmp_path, text):
    path = tmp_path / "labels.tsv"
    path.write_text(text, encoding="utf-8")
    assert read_lookup(path) == {11: "Left-Caudate", 16: "Brain stem"}


def test_a_column_of_hemispheres_is_joined_to_names_without_a_side(tmp_path):
    path = tmp_path / "atlas.tsv"
    path.write_text("index\tname\themisphere\n1\tCaudate\tL\n2\tCaudate\tright\n3\tSN right\tR\n4\tVermis\tn/a\n")
    assert read_lookup(path) == {1: "Caudate left", 2: "Caudate right", 3: "SN right", 4: "Vermis"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no label"),
        ("# only a comment\n", "names no label"),
        ("index\tname\n1.5\tCaudate\n", "line 2: the label value must be a whole number, but got '1.5'"),
        ("index\tname\n1\n", "line 2: expected 2 columns, but got 1"),
        ("Caudate\nPutamen\n", "line 1: expected a label value and a name"),
        ("index\tname\n1\tCaudate\n1\tPutamen\n", "names label 1 twice: 'Caudate' and 'Putamen'"),
        ("index\tname\n1\t\n", "gives no name to label 1"),
    ],
)
def test_a_list_that_names_labels_wrongly_is_refused_with_its_line(tmp_path, text, message):
    path = tmp_path / "labels.tsv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_lookup(path)


def test_a_list_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "labels.tsv"
    path.write_bytes(b"\x1f\x8b\xff\xfe\x00")
    with pytest.raises(ValueError, match="not a text file"):
        read_lookup(path)


def test_labels_of_an_atlas_that_runs_to_the_left_lie_on_the_side_that_they_name(tmp_path):
    # An atlas with the affine diag(-1, 1, 1): the index along the first axis grows toward the left of the patient.
    values = np.zeros((20, 24, 30), np.int16)
    values[8:11, 9:12, 13:16], values[8:11, 9:12, 16:19] = 75, 76
    image = SimpleITK.GetImageFromArray(values)
    image.SetDirection((1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0))  # ITK counts toward left and posterior
    image.SetOrigin((-15.0, 0.0, 0.0))  # so that the middle of the image is that of the patient
    SimpleITK.WriteImage(image, str(tmp_path / "atlas.nii.gz"))
    labels, grid = read_nifti(tmp_path / "atlas.nii.gz")
    right, left = regions_from_labels(labels, {75: "R-Cau", 76: "L-Cau"})
    assert (right.side, left.side) == ("right", "left")
    assert right.points(grid).mean(axis=0) == pytest.approx([1.0, 10.0, 9.0])
    assert left.points(grid).mean(axis=0) == pytest.approx([-2.0, 10.0, 9.0])
