"""The regional analysis on a real MRML scene: volumes and segmentations in, table nodes out."""

import math
from pathlib import Path

import numpy as np
import pytest
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

import standin
from QSMReconstructionCore.grid import Grid
from QSMRoiAnalysisCore.measures import measure
from QSMRoiAnalysisCore.region_files import read_regions
from QSMRoiAnalysisCore.table import read_table, write_table
from QSMRoiAnalysisLib.maps import map_from_node
from QSMRoiAnalysisLib.segments import region_names, regions_from_node
from QSMRoiAnalysisLib.tables import add_table

SHAPE = (14, 16, 18)


def rotation(degrees, axis):
    transform = vtk.vtkTransform()
    transform.RotateWXYZ(degrees, *axis)
    return slicer.util.arrayFromVTKMatrix(transform.GetMatrix())


OBLIQUE = rotation(25, (1, 0.4, 0)) @ np.diag([0.8, 1.0, 2.0, 1.0])
OBLIQUE[:3, 3] = -20, 5, -10


def add_map(values=None, ijk_to_ras=OBLIQUE, name="Susceptibility"):
    values = np.zeros(SHAPE, np.float32) if values is None else values.astype(np.float32)
    return slicer.util.addVolumeFromArray(values, ijkToRAS=ijk_to_ras, name=name)


def set_unit(volume, code, meaning="parts per million"):
    units = slicer.vtkCodedEntry()
    units.SetValueSchemeMeaning(code, "UCUM", meaning)
    volume.SetVoxelValueUnits(units)


def add_segmentation(volume, masks, name="Nuclei"):
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    for title, mask in masks.items():
        segment_id = segmentation.GetSegmentation().AddEmptySegment("", title)
        if mask.any():
            slicer.util.updateSegmentBinaryLabelmapFromArray(mask.astype(np.uint8), segmentation, segment_id, volume)
    return segmentation


def add_transform(matrix=None, kind="Linear"):
    transform = slicer.mrmlScene.AddNewNodeByClass(f"vtkMRML{kind}TransformNode", f"{kind} transform")
    if matrix is not None:
        transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    return transform


def block(*sides):
    mask = np.zeros(SHAPE, bool)
    mask[tuple(slice(*side) for side in sides)] = True
    return mask


LEFT, RIGHT, CSF = block((2, 6), (3, 8), (2, 8)), block((2, 6), (3, 8), (10, 16)), block((8, 12), (9, 14), (3, 15))
MASKS = {"Putamen left": LEFT, "Putamen right": RIGHT, "Lateral ventricle": CSF}
VALUES = np.select([LEFT, RIGHT, CSF], [0.06, 0.08, -0.02], 0.01)


def masks_of(regions):
    found = []
    for region in regions:
        mask = np.zeros(SHAPE, bool)
        mask[region.box] = region.inside
        found.append(mask)
    return found


def test_segments_become_regions_of_exactly_their_voxels_on_an_oblique_map(scene):
    volume = add_map()
    regions = regions_from_node(add_segmentation(volume, MASKS), volume)
    assert [(r.structure, r.side, r.label, r.in_field) for r in regions] == [
        ("Putamen", "left", 1, 1.0), ("Putamen", "right", 2, 1.0), ("Lateral ventricle", "", 3, 1.0)
    ]
    assert all(np.array_equal(*pair) for pair in zip(masks_of(regions), MASKS.values()))


def test_overlapping_segments_keep_all_their_voxels(scene):
    volume, larger = add_map(), block((1, 7), (2, 9), (1, 9))
    segmentation = add_segmentation(volume, {"Putamen left": LEFT, "Striatum left": larger})
    assert segmentation.GetSegmentation().GetNumberOfLayers() == 2
    inner, outer = masks_of(regions_from_node(segmentation, volume))
    assert np.array_equal(inner, LEFT) and np.array_equal(outer, larger)


@pytest.mark.parametrize("cut", [False, True])
def test_a_segmentation_saved_to_a_file_has_the_same_regions_there(scene, tmp_path, cut):
    volume, path = add_map(), tmp_path / "Nuclei.seg.nrrd"
    masks = {**MASKS, "Striatum left": block((1, 7), (2, 9), (1, 9))}
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetCropToMinimumExtent(cut)
    storage.SetFileName(str(path))
    assert storage.WriteData(add_segmentation(volume, masks))
    regions, _ = read_regions(path, map_from_node(volume).grid)
    assert [region.name for region in regions] == list(masks)
    assert all(np.array_equal(*pair) for pair in zip(masks_of(regions), masks.values()))


def index_in(volume_to_world, segment_to_world):
    """Which voxels of the map have their center nearest to a voxel of LEFT, worked out from the matrices alone."""
    points = np.argwhere(np.ones(SHAPE))[:, ::-1]
    matrix = np.linalg.inv(segment_to_world @ OBLIQUE) @ volume_to_world @ OBLIQUE
    nearest = np.rint(points @ matrix[:3, :3].T + matrix[:3, 3]).astype(int)[:, ::-1]
    inside = np.all((nearest >= 0) & (nearest < SHAPE), axis=1)
    mask = np.zeros(len(points), bool)
    mask[inside] = LEFT[tuple(nearest[inside].T)]
    return mask.reshape(SHAPE)


MOVE = rotation(20, (0.2, 0.1, 1))
MOVE[:3, 3] = 2.2, -1.3, 0.7


@pytest.mark.parametrize(("map_moves", "segments_move"), [(True, False), (False, True), (True, True)])
def test_linear_transforms_of_map_and_segmentation_are_taken_into_account(scene, map_moves, segments_move):
    volume = add_map()
    segmentation = add_segmentation(volume, {"Putamen left": LEFT})
    transform = add_transform(MOVE)
    for node, moves in ((volume, map_moves), (segmentation, segments_move)):
        node.SetAndObserveTransformNodeID(transform.GetID() if moves else None)
    (found,) = masks_of(regions_from_node(segmentation, volume))
    expected = index_in(*(MOVE if moves else np.eye(4) for moves in (map_moves, segments_move)))
    assert np.array_equal(found, expected) and expected.any()


@pytest.mark.parametrize("kind", ["Grid", "BSpline"])
@pytest.mark.parametrize("which", ["map", "segmentation"])
def test_a_transform_that_is_not_linear_is_refused_by_name(scene, kind, which):
    volume = add_map()
    segmentation = add_segmentation(volume, MASKS)
    node = volume if which == "map" else segmentation
    node.SetAndObserveTransformNodeID(add_transform(kind=kind).GetID())
    with pytest.raises(ValueError, match=f"'{node.GetName()}' lies under transform '{kind} transform'"):
        regions_from_node(segmentation, volume)


def test_segments_of_another_geometry_are_brought_to_the_voxels_of_the_map(scene):
    volume = add_map()
    fine = np.repeat(np.repeat(np.repeat(LEFT, 3, 0), 3, 1), 3, 2)
    to_ras = OBLIQUE @ np.array([[1 / 3, 0, 0, -1 / 3], [0, 1 / 3, 0, -1 / 3], [0, 0, 1 / 3, -1 / 3], [0, 0, 0, 1]])
    segmentation = add_segmentation(add_map(np.zeros(fine.shape), to_ras, "T1"), {"Putamen left": fine})
    (region,) = regions_from_node(segmentation, volume)
    assert np.array_equal(*masks_of([region]), LEFT) and region.in_field == 1.0


def test_the_part_of_a_segment_beyond_the_field_of_view_is_known(scene):
    volume = add_map()
    wide_shape = (14, 16, 36)
    to_ras = OBLIQUE @ np.array([[1, 0, 0, -9], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    inside, across, outside = (np.zeros(wide_shape, bool) for _ in range(3))
    inside[2:6, 2:6, 12:20], across[2:6, 2:6, 3:12], outside[2:6, 2:6, 0:4] = True, True, True
    wide = add_map(np.zeros(wide_shape), to_ras, "T1")
    segmentation = add_segmentation(wide, {"in": inside, "across": across, "out": outside})
    regions = regions_from_node(segmentation, volume)
    assert [region.in_field for region in regions] == pytest.approx([1.0, 1 / 3, 0.0])
    assert [region.voxels for region in regions] == [128, 48, 0]
    rows = measure(map_from_node(volume), regions)
    assert [row.coverage for row in rows] == pytest.approx([1.0, 1 / 3, 0.0])


@pytest.mark.parametrize(("center", "inside"), [(8, 1.0), (17.5, 0.5)])
def test_a_segment_that_is_a_surface_is_measured_too(scene, center, inside):
    volume = add_map(ijk_to_ras=np.eye(4))
    sphere = vtk.vtkSphereSource()
    sphere.SetRadius(5)
    sphere.SetCenter(center, 8, 7)
    sphere.SetThetaResolution(60)
    sphere.SetPhiResolution(60)
    sphere.Update()
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Surfaces")
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    segmentation.GetSegmentation().SetSourceRepresentationName("Closed surface")
    lesion = slicer.vtkSegment()
    lesion.SetName("Lesion")
    lesion.AddRepresentation("Closed surface", sphere.GetOutput())
    segmentation.GetSegmentation().AddSegment(lesion)
    (region,) = regions_from_node(segmentation, volume)
    volume_of_sphere = 4 / 3 * math.pi * 125
    assert region.voxels == pytest.approx(inside * volume_of_sphere, rel=0.1)  # as Slicer draws surfaces into voxels
    assert region.in_field == pytest.approx(inside, abs=0.05)


def test_an_empty_segment_gets_a_row_without_values(scene):
    volume = add_map(VALUES)
    regions = regions_from_node(add_segmentation(volume, {**MASKS, "SN left": np.zeros(SHAPE, bool)}), volume)
    row = measure(map_from_node(volume), regions)[3]
    assert (row.region, row.side, row.voxels) == ("SN", "left", 0)
    assert math.isnan(row.mean) and math.isnan(row.coverage)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ({}, "'Nuclei' has no segment"),
        ({"SN left": np.zeros(SHAPE, bool)}, "None of the segments of 'Nuclei' has a voxel"),
    ],
)
def test_a_segmentation_without_regions_is_refused(scene, masks, message):
    volume = add_map()
    with pytest.raises(ValueError, match=message):
        regions_from_node(add_segmentation(volume, masks), volume)


def test_missing_and_wrong_nodes_are_refused_with_a_sentence(scene):
    volume = add_map()
    labels = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Labels")
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", "Table")
    for node, message in (
        (None, "map is missing"), (labels, "'Labels' is a vtkMRMLLabelMapVolumeNode"), (table, "'Table' is a"),
        (scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty"), "'Empty' holds no voxels"),
    ):
        with pytest.raises(ValueError, match=message):
            map_from_node(node)
    for node, message in ((None, "segmentation is missing"), (labels, "Import a label map into a segmentation")):
        with pytest.raises(ValueError, match=message):
            regions_from_node(node, volume)


def test_a_map_node_gives_its_values_geometry_unit_and_reference(scene):
    volume = add_map(VALUES)
    found = map_from_node(volume)
    assert found.grid.same_geometry(Grid.from_ijk_to_ras(SHAPE, OBLIQUE))
    assert np.array_equal(found.values, VALUES.astype(np.float32))
    assert (found.unit, found.reference, found.name) == ("ppm", None, "Susceptibility")
    set_unit(volume, "[ppb]")
    for name, value in (("", "whole brain"), ("Mean", "0"), ("SD", "0.031")):
        volume.SetAttribute(f"QSM.Reference{name}", value)
    found = map_from_node(volume)
    assert (found.unit, found.reference.region, found.reference.mean, found.reference.sd) == (
        "ppb", "whole brain", 0.0, 0.031
    )


def test_a_map_in_another_unit_is_refused(scene):
    volume = add_map(VALUES, name="R2*")
    set_unit(volume, "/s", "per second")
    with pytest.raises(ValueError, match="'R2\\*' is in per second"):
        map_from_node(volume)


def test_scaling_a_volume_by_a_transform_does_not_change_its_voxel_volume(scene):
    volume = add_map(VALUES)
    volume.SetAndObserveTransformNodeID(add_transform(np.diag([2.0, 2.0, 2.0, 1.0])).GetID())
    assert map_from_node(volume).grid.voxel_volume == pytest.approx(1.6)


def test_names_of_references_offer_structures_of_two_sides_first(scene):
    assert region_names(add_segmentation(add_map(), MASKS)) == [
        "Putamen", "Putamen left", "Putamen right", "Lateral ventricle"
    ]


@pytest.fixture
def measured(scene):
    """A map with three regions, their measurements, and the table made of them."""
    volume = add_map(VALUES)
    volume.SetAttribute("QSM.Recipe", '{"inversion": {"method": "weighted_tv"}}')
    segmentation = add_segmentation(volume, MASKS)
    regions = regions_from_node(segmentation, volume)
    rows = measure(map_from_node(volume), regions, reference="Lateral ventricle", unit="ppb")
    return volume, segmentation, rows, add_table(rows, ("A remark.",), volume, segmentation)


def columns_of(table):
    columns = {}
    for index in range(table.GetNumberOfColumns()):
        array = table.GetTable().GetColumn(index)
        texts = isinstance(array, vtk.vtkStringArray)
        columns[array.GetName()] = (
            [array.GetValue(row) for row in range(array.GetNumberOfValues())] if texts else vtk_to_numpy(array)
        )
    return columns


def test_the_table_node_holds_every_measurement_with_type_unit_and_description(measured):
    *_, rows, table = measured
    columns = columns_of(table)
    assert columns["region"] == ["Putamen", "Putamen", "Lateral ventricle"] and columns["side"] == ["left", "right", ""]
    assert columns["mean"] == pytest.approx([80, 100, 0], abs=1e-3)
    assert columns["voxels"].tolist() == [120, 120, 240] and columns["voxels"].dtype == np.int32
    assert columns["volume_mm3"] == pytest.approx([192, 192, 384])
    assert list(columns) == list(vars(rows[0]))
    units = {name: table.GetColumnUnitLabel(name) for name in columns}
    assert (units["volume_mm3"], units["mean"], units["p95"], units["reference_sd"], units["region"]) == (
        "mm3", "ppb", "ppb", "ppb", ""
    )
    assert table.GetColumnTitle("sd") == "SD [ppb]" and "n - 1" in table.GetColumnDescription("sd")


def test_the_table_node_says_what_it_was_measured_from(measured):
    volume, segmentation, _, table = measured
    assert table.GetNodeReference("QSM.MapNode") is volume
    assert table.GetNodeReference("QSM.SegmentationNode") is segmentation
    attributes = ("Table", "MapName", "SegmentationName", "Unit", "Reference", "Remarks")
    assert [table.GetAttribute(f"QSM.{name}") for name in attributes] == [
        "regions", "Susceptibility", "Nuclei", "ppb", "Lateral ventricle", "A remark."
    ]
    assert "weighted_tv" in table.GetAttribute("QSM.Recipe") and table.GetAttribute("QSM.Version")


def test_the_table_lies_beside_the_map_in_the_subject_hierarchy(scene):
    volume = add_map(VALUES)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "Subject QSM")
    hierarchy.CreateItem(folder, volume)
    segmentation = add_segmentation(volume, MASKS)
    rows = measure(map_from_node(volume), regions_from_node(segmentation, volume))
    table = add_table(rows, (), volume, segmentation)
    assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(table)) == folder


def test_a_given_table_is_emptied_and_filled_again(measured):
    volume, segmentation, rows, table = measured
    before = table.GetScene().GetNumberOfNodesByClass("vtkMRMLTableNode")
    assert add_table(rows[:1], (), volume, segmentation, table) is table
    assert table.GetNumberOfRows() == 1 and table.GetNumberOfColumns() == 18
    assert table.GetAttribute("QSM.Remarks") == ""
    assert table.GetScene().GetNumberOfNodesByClass("vtkMRMLTableNode") == before


def test_formulas_in_segment_names_do_not_reach_the_table(scene):
    volume = add_map(VALUES, name="+chi")
    segmentation = add_segmentation(volume, {"=cmd|' /C calc'!A0": LEFT})
    rows = measure(map_from_node(volume), regions_from_node(segmentation, volume))
    columns = columns_of(add_table(rows, (), volume, segmentation))
    assert columns["region"] == ["'=cmd|' /C calc'!A0"] and columns["map"] == ["'+chi"]


def test_a_saved_table_keeps_values_types_and_units(measured, tmp_path):
    *_, table = measured
    path = str(tmp_path / "regions.tsv")
    storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableStorageNode")
    storage.SetFileName(path)
    assert storage.WriteData(table)
    loaded = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode")
    assert storage.ReadData(loaded)
    assert columns_of(loaded)["mean"] == pytest.approx(columns_of(table)["mean"], abs=1e-4)
    assert columns_of(loaded)["region"] == columns_of(table)["region"]
    assert loaded.GetColumnUnitLabel("mean") == "ppb"


def test_the_scene_and_the_command_line_agree(measured, tmp_path):
    *_, rows, table = measured
    write_table(tmp_path / "T.tsv", rows)
    written = read_table(tmp_path / "T.tsv")
    for name, values in columns_of(table).items():
        expected = [getattr(row, name) for row in written]
        assert (list(values) == expected) if isinstance(values, list) else (values == pytest.approx(expected, rel=1e-6))


@pytest.fixture
def module(scene):
    standin.install(scene)
    return standin.load_module(Path(__file__).resolve().parents[2] / "QSMRoiAnalysis" / "QSMRoiAnalysis.py")


def test_the_logic_measures_as_documented(module):
    volume = add_map(VALUES)
    segmentation = add_segmentation(volume, MASKS)
    table = module.QSMRoiAnalysisLogic().measure(volume, segmentation, reference="Lateral ventricle", unit="ppb")
    assert table.IsA("vtkMRMLTableNode") and table.GetScene() is slicer.mrmlScene
    assert columns_of(table)["mean"] == pytest.approx([80, 100, 0], abs=1e-3)
    again = module.QSMRoiAnalysisLogic().measure(volume, segmentation, tableNode=table)
    assert again is table and columns_of(table)["mean"] == pytest.approx([0.06, 0.08, -0.02])


def test_another_susceptibility_map_keeps_its_reference_and_takes_the_unit_of_the_table(module):
    volume, iron = add_map(VALUES), add_map(np.full(SHAPE, 30.0), name="Paramagnetic")
    set_unit(iron, "[ppb]", "parts per billion")
    iron.SetAttribute("QSM.Reference", "CSF")
    segmentation = add_segmentation(volume, MASKS)
    table = module.QSMRoiAnalysisLogic().measure(volume, segmentation, reference="Lateral ventricle", others=[iron])
    found = columns_of(table)
    assert found["mean"] == pytest.approx([0.08, 0.1, 0, 0.03, 0.03, 0.03], abs=1e-6)
    assert found["reference"] == ["Lateral ventricle"] * 3 + ["CSF"] * 3
    assert set(found["unit"]) == {"ppm"} and table.GetColumnTitle("mean") == "Mean [ppm]"


def test_the_excluded_segment_cannot_be_the_reference(module):
    volume = add_map(VALUES)
    segmentation = add_segmentation(volume, MASKS)
    with pytest.raises(ValueError, match="Lateral ventricle"):
        module.QSMRoiAnalysisLogic().measure(
            volume, segmentation, reference="Lateral ventricle", exclude="Lateral ventricle"
        )


def test_a_reconstructed_map_counts_where_it_is_defined_unless_a_mask_is_given(module):
    volume = add_map(np.where(block((0, 4), (0, 16), (0, 18)), VALUES, 0))
    segmentation = add_segmentation(volume, MASKS)
    table = module.QSMRoiAnalysisLogic().measure(volume, segmentation)
    assert columns_of(table)["coverage"] == pytest.approx([1.0, 1.0, 1.0])
    assert "exactly 0, as outside a brain mask" in table.GetAttribute("QSM.Remarks")
    volume.SetAttribute("QSM.Recipe", "{}")
    table = module.QSMRoiAnalysisLogic().measure(volume, segmentation)
    assert columns_of(table)["coverage"] == pytest.approx([0.5, 0.5, 0.0])
    assert "Only in part inside the mask" in table.GetAttribute("QSM.Remarks")
    mask = add_segmentation(volume, {"Brain": block((0, 3), (0, 16), (0, 18))}, "Brain mask")
    table = module.QSMRoiAnalysisLogic().measure(volume, segmentation, mask=mask)
    assert columns_of(table)["coverage"] == pytest.approx([0.25, 0.25, 0.0])


def test_a_failed_measurement_leaves_the_scene_and_the_given_table_alone(module):
    volume = add_map(VALUES)
    segmentation = add_segmentation(volume, MASKS)
    table = module.QSMRoiAnalysisLogic().measure(volume, segmentation)
    nodes, modified = slicer.mrmlScene.GetNumberOfNodes(), table.GetMTime()
    for more in ({"reference": "Pallidum"}, {"unit": "Hz"}, {"tableNode": volume}):
        with pytest.raises(ValueError):
            module.QSMRoiAnalysisLogic().measure(volume, segmentation, **{"tableNode": table, **more})
    assert slicer.mrmlScene.GetNumberOfNodes() == nodes and table.GetMTime() == modified


def test_the_self_test_of_the_module_passes(module):
    module.QSMRoiAnalysisTest().runTest()


def test_an_empty_segment_among_surfaces_gets_a_row_without_values(scene):
    volume = add_map(VALUES, np.eye(4))
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Surfaces")
    segmentation.GetSegmentation().SetSourceRepresentationName("Closed surface")
    sphere = vtk.vtkSphereSource()
    sphere.SetRadius(4)
    sphere.SetCenter(8, 8, 7)
    sphere.Update()
    for name, surface in (("Lesion", sphere.GetOutput()), ("SN left", vtk.vtkPolyData())):
        segment = slicer.vtkSegment()
        segment.SetName(name)
        segment.AddRepresentation("Closed surface", surface)
        segmentation.GetSegmentation().AddSegment(segment)
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    lesion, empty = regions_from_node(segmentation, volume)
    assert lesion.voxels > 100 and empty.voxels == 0
