"""Regions from files, above all segmentations, whose segments bring names, overlap, and are cut to their extent."""

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import write_nifti
from QSMRoiAnalysisCore.__main__ import main
from QSMRoiAnalysisCore.atlas.images import grid_of, image_of
from QSMRoiAnalysisCore.region_files import read_regions
from QSMRoiAnalysisCore.regions import union_mask

OBLIQUE = Grid(
    (9, 10, 11), direction=((0, 0.6, 0.8), (0, 0.8, -0.6), (1, 0, 0)), spacing=(2.0, 1.0, 1.5), origin=(-4, 5, 7)
)


def write_segmentation(path, grid, layers, segments, start=(0, 0, 0)):
    """Write layers (k, j, i) that begin at voxel `start` of the grid; segments are (name, layer, value)."""
    image = sitk.Compose([image_of(layer, grid) for layer in layers]) if len(layers) > 1 else image_of(layers[0], grid)
    image.SetOrigin(image.TransformIndexToPhysicalPoint([int(n) for n in start[::-1]]))
    for number, (name, layer, value) in enumerate(segments):
        fields = {"ID": f"Segment_{number + 1}", "Name": name, "Layer": layer, "LabelValue": value}
        for field, what in fields.items():
            if what is not None:
                image.SetMetaData(f"Segment{number}_{field}", str(what))
    sitk.WriteImage(image, str(path))
    return path


def two_layers():
    layers = np.zeros((2, *OBLIQUE.shape), np.uint8)
    layers[0, 2:5, 2:6, 1:4], layers[0, 2:5, 2:6, 6:9], layers[1, 4:7, 4:8, 2:5] = 1, 2, 1
    return layers


SEGMENTS = (("Left Putamen", 0, 1), ("Right Putamen", 0, 2), ("Lesion", 1, 1), ("Not drawn yet", 1, 2))


def test_a_grid_survives_the_way_to_an_image_and_back():
    assert grid_of(image_of(np.zeros(OBLIQUE.shape, np.uint8), OBLIQUE)).same_geometry(OBLIQUE, 1e-6)


def test_segments_have_their_voxels_names_and_places_on_an_oblique_map(tmp_path):
    layers = two_layers()
    path = write_segmentation(tmp_path / "regions.seg.nrrd", OBLIQUE, layers, SEGMENTS)
    regions, names = read_regions(path, OBLIQUE)
    assert [(one.name, one.label) for one in regions] == [(name, n) for n, (name, *_) in enumerate(SEGMENTS, 1)]
    for region, (_, layer, value) in zip(regions, SEGMENTS):
        assert np.array_equal(union_mask([region], OBLIQUE.shape), layers[layer] == value)
    assert [one.voxels for one in regions] == [36, 36, 36, 0] and names == {}


def test_a_segmentation_without_layers_in_its_header_has_one_segment_in_each(tmp_path):
    layers = np.minimum(two_layers(), 1)
    path = write_segmentation(tmp_path / "old.seg.nrrd", OBLIQUE, layers, [("A", None, None), ("B", None, None)])
    regions, _ = read_regions(path, OBLIQUE)
    assert [one.voxels for one in regions] == [np.count_nonzero(layer) for layer in layers]


def test_a_segmentation_cut_to_its_segments_lies_where_it_was(tmp_path):
    layer = two_layers()[0]
    path = write_segmentation(tmp_path / "cut.seg.nrrd", OBLIQUE, [layer[1:6, 2:7, 1:]], SEGMENTS[:2], start=(1, 2, 1))
    regions, _ = read_regions(path, OBLIQUE)
    for region, value in zip(regions, (1, 2)):
        assert np.array_equal(union_mask([region], OBLIQUE.shape), layer == value)
        assert region.in_field == 1


@pytest.mark.parametrize(("start", "voxels"), [((-3, 0, 0), 24), ((5, 0, 0), 24), ((0, 9, 0), 0), ((0, -20, 0), 0)])
def test_what_lies_beyond_the_map_is_cut_off_and_counted(tmp_path, start, voxels):
    layer = two_layers()[0]
    path = write_segmentation(tmp_path / "shifted.seg.nrrd", OBLIQUE, [layer], SEGMENTS[:1], start=start)
    (region,), _ = read_regions(path, OBLIQUE)
    expected = np.zeros(OBLIQUE.shape, bool)
    marked = np.argwhere(layer == 1) + start
    inside = marked[np.all((marked >= 0) & (marked < OBLIQUE.shape), axis=1)]
    expected[tuple(inside.T)] = True
    assert np.array_equal(union_mask([region], OBLIQUE.shape), expected)
    assert (region.voxels, region.in_field) == (voxels, voxels / 36)


def test_a_label_image_is_named_by_the_list_beside_it_or_the_one_given(tmp_path):
    write_nifti(tmp_path / "dseg.nii.gz", two_layers()[0], OBLIQUE)
    assert [one.name for one in read_regions(tmp_path / "dseg.nii.gz", OBLIQUE)[0]] == ["Label 1", "Label 2"]
    (tmp_path / "dseg.tsv").write_text("index\tname\n1\tA\n2\tB\n3\tC\n")
    regions, names = read_regions(tmp_path / "dseg.nii.gz", OBLIQUE)
    assert [one.name for one in regions] == ["A", "B"] and names == {1: "A", 2: "B", 3: "C"}
    (tmp_path / "other.tsv").write_text("index\tname\n1\tX\n2\tY\n")
    regions, _ = read_regions(tmp_path / "dseg.nii.gz", OBLIQUE, tmp_path / "other.tsv")
    assert [one.name for one in regions] == ["X", "Y"]


@pytest.mark.parametrize(
    ("segments", "change", "message"),
    [
        (SEGMENTS, {"spacing": (2.0, 1.0, 1.0)}, "another grid than the map: spacing"),
        (SEGMENTS, {"origin": (-4, 5, 7.4)}, "another grid than the map: its first voxel lies 0.4 mm away"),
        ((), {}, "describes no segment"),
        ((*SEGMENTS, ("Lesion", 0, 9)), {}, "2 segments 'Lesion'"),
        ((("Lesion", 5, 1),), {}, "no layer for the segment Lesion"),
        ((("Lesion", "top", 1),), {}, "layer and value of segment 0 must be whole numbers, but are 'top'"),
    ],
)
def test_segmentations_that_cannot_be_placed_or_told_apart_are_refused(tmp_path, segments, change, message):
    facts = {"direction": OBLIQUE.direction, "spacing": OBLIQUE.spacing, "origin": OBLIQUE.origin} | change
    path = write_segmentation(tmp_path / "faulty.seg.nrrd", Grid(OBLIQUE.shape, **facts), two_layers(), segments)
    with pytest.raises(ValueError, match=message):
        read_regions(path, OBLIQUE)


def test_files_that_are_no_segmentation_and_lists_that_it_does_not_need_are_refused(tmp_path):
    (tmp_path / "text.seg.nrrd").write_text("not a segmentation")
    with pytest.raises(ValueError, match="text.seg.nrrd cannot be read as a segmentation"):
        read_regions(tmp_path / "text.seg.nrrd", OBLIQUE)
    with pytest.raises(ValueError, match="none.seg.nrrd does not exist"):
        read_regions(tmp_path / "none.seg.nrrd", OBLIQUE)
    with pytest.raises(ValueError, match="names its segments itself"):
        read_regions(tmp_path / "text.seg.nrrd", OBLIQUE, tmp_path / "names.tsv")


def test_the_command_measures_segments_and_says_which_overlap_and_which_are_empty(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_nifti(tmp_path / "map.nii.gz", np.full(OBLIQUE.shape, 0.05), OBLIQUE)
    write_segmentation(tmp_path / "regions.seg.nrrd", OBLIQUE, two_layers(), SEGMENTS)
    assert main(["measure", "--map", "map.nii.gz", "--labels", "regions.seg.nrrd", "--out", "T.tsv"]) == 0
    said = capsys.readouterr()
    assert "Measured 4 regions" in said.out
    assert "Regions share voxels: Left Putamen and Lesion (4 voxels)." in said.err
    assert "No voxel to measure in Not drawn yet." in said.err


def test_erosion_that_leaves_nothing_is_named_as_the_cause(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_nifti(tmp_path / "map.nii.gz", np.full(OBLIQUE.shape, 0.05), OBLIQUE)
    write_nifti(tmp_path / "dseg.nii.gz", two_layers()[0], OBLIQUE)
    files = ["measure", "--map", "map.nii.gz", "--labels", "dseg.nii.gz", "--out", "T.tsv"]
    assert main([*files, "--erode", "9"]) == 1
    assert "Nothing is left of the regions after 9 mm are taken off" in capsys.readouterr().err
