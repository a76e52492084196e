"""Volumes, sequences and segmentations of a scene become what the core takes, or one clear sentence."""

from dataclasses import replace

import numpy as np
import pytest
import slicer
import vtk

from small_scan import SHAPE, rotation, small_scan


@pytest.fixture
def acquisition(scene):
    return small_scan()


@pytest.fixture
def sequences(acquisition):
    from QSMReconstructionLib.echo_sequences import add_sequences

    return add_sequences(acquisition, "Head")


@pytest.fixture
def volumes(acquisition):
    """The same scan as one volume per echo: two lists."""
    matrix = acquisition.grid.ijk_to_ras
    return [
        [slicer.util.addVolumeFromArray(array, matrix, f"Head {role}") for array in getattr(acquisition, role)]
        for role in ("magnitude", "phase")
    ]


def scan_from_nodes(magnitude, phase, echo_times=None):
    from QSMReconstructionLib.echoes import scan_from_nodes

    return scan_from_nodes(magnitude, phase, field_strength=3.0, echo_times=echo_times)


def add_transform(matrix) -> slicer.vtkMRMLLinearTransformNode:
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Turn")
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    return node


def test_sequences_give_back_the_scan(sequences, acquisition):
    read = scan_from_nodes(*sequences).acquisition
    np.testing.assert_array_equal(read.magnitude, acquisition.magnitude)
    np.testing.assert_array_equal(read.phase, acquisition.phase)
    np.testing.assert_allclose(read.echo_times, acquisition.echo_times, rtol=1e-9)
    assert read.grid.same_geometry(acquisition.grid, tolerance=1e-6)
    np.testing.assert_allclose(read.grid.b0_direction, acquisition.grid.b0_direction, atol=1e-9)


def test_an_index_in_seconds_counts_as_seconds(sequences, acquisition):
    in_seconds = []
    for sequence in sequences:
        other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", sequence.GetName())
        other.SetIndexUnit("s")
        for item, echo_time in enumerate(acquisition.echo_times):
            other.SetDataNodeAtValue(sequence.GetNthDataNode(item), str(echo_time))
        in_seconds.append(other)
    assert scan_from_nodes(*in_seconds).acquisition.echo_times == acquisition.echo_times


def test_one_volume_per_echo_gives_the_same_scan_as_sequences(sequences, volumes, acquisition):
    from_volumes = scan_from_nodes(*volumes, echo_times=acquisition.echo_times).acquisition
    from_sequences = scan_from_nodes(*sequences, echo_times=acquisition.echo_times).acquisition
    assert from_volumes.identity == from_sequences.identity


def test_a_single_volume_need_not_be_in_a_list(volumes, acquisition):
    (magnitude, *_), (phase, *_) = volumes
    read = scan_from_nodes(magnitude, phase, echo_times=[0.02]).acquisition
    assert read.magnitude.shape == (1, *SHAPE)
    assert read.echo_times == (0.02,)


def test_integers_are_read_as_they_are(volumes):
    (magnitude, *_), (phase, *_) = volumes
    slicer.util.updateVolumeFromArray(magnitude, np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE))
    read = scan_from_nodes(magnitude, phase, echo_times=[0.02]).acquisition
    assert read.magnitude.dtype == np.float32
    assert read.magnitude[0, 0, 0, 5] == 5


def test_given_echo_times_replace_the_index_and_say_so(sequences):
    read = scan_from_nodes(*sequences, echo_times=[0.005, 0.01, 0.015]).acquisition
    assert read.echo_times == (0.005, 0.01, 0.015)
    assert read.sources["echo_times"] == "user"


def carrying_scan(**changes):
    """Sequences of a scan that was loaded with its center frequency and sources."""
    from QSMReconstructionLib.echo_sequences import add_sequences

    facts = {"imaging_frequency": 123.2, "sources": {"field_strength": "tag MagneticFieldStrength", "phase": "tag"}}
    return add_sequences(replace(small_scan(), **facts | changes), "Head")


def test_a_loaded_scan_carries_its_field_strength_frequency_and_sources(scene):
    from QSMReconstructionLib.echoes import known_field_strength, scan_from_nodes

    sequences = carrying_scan()
    assert known_field_strength(sequences[0]) == 3.0
    read = scan_from_nodes(*sequences).acquisition
    assert (read.field_strength, read.imaging_frequency) == (3.0, 123.2)
    assert read.sources["field_strength"] == "tag MagneticFieldStrength"
    assert read.sources["echo_times"] == "sequence index"


def test_a_loaded_scan_carries_its_protocol(scene):
    from QSMReconstructionLib.echo_sequences import add_sequences
    from QSMReconstructionLib.echoes import scan_from_nodes

    sequences = add_sequences(replace(small_scan(), protocol={"FlipAngle": 15, "Manufacturer": "Siemens"}))
    read = scan_from_nodes(*sequences, field_strength=3.0).acquisition
    assert read.protocol == {"Manufacturer": "Siemens", "FlipAngle": 15}


def test_another_field_strength_of_the_user_sets_the_loaded_frequency_aside(scene):
    from QSMReconstructionLib.echoes import scan_from_nodes

    read = scan_from_nodes(*carrying_scan(), field_strength=7.0).acquisition
    assert (read.field_strength, read.imaging_frequency) == (7.0, None)
    assert read.sources["field_strength"] == "user"


def test_nodes_without_a_field_strength_ask_for_it(volumes):
    from QSMReconstructionLib.echoes import scan_from_nodes

    with pytest.raises(ValueError, match="field_strength is missing.*Give B0 in T"):
        scan_from_nodes(volumes[0][0], volumes[1][0], echo_times=[0.02])


def test_sequences_of_different_field_strengths_are_no_scan(scene):
    from QSMReconstructionLib.echoes import scan_from_nodes

    magnitude, _ = carrying_scan()
    _, phase = carrying_scan(field_strength=7.0, imaging_frequency=None)
    with pytest.raises(ValueError, match="3 T for 'Head magnitude' and 7 T for 'Head phase'"):
        scan_from_nodes(magnitude, phase)


@pytest.mark.parametrize(
    ("attribute", "value"), [("QSM.FieldStrength", "three"), ("QSM.Sources", "[1]"), ("QSM.Sources", "{")]
)
def test_a_damaged_attribute_is_named(scene, attribute, value):
    from QSMReconstructionLib.echoes import scan_from_nodes

    sequences = carrying_scan()
    sequences[0].SetAttribute(attribute, value)
    with pytest.raises(ValueError, match=f"{attribute}.*Load the scan again"):
        scan_from_nodes(*sequences)


def test_the_copy_does_not_follow_the_nodes(volumes, acquisition):
    scan = scan_from_nodes(*volumes, echo_times=acquisition.echo_times)
    slicer.util.arrayFromVolume(volumes[0][0])[:] = 0
    volumes[0][0].SetOrigin(1, 2, 3)
    np.testing.assert_array_equal(scan.acquisition.magnitude, acquisition.magnitude)
    np.testing.assert_allclose(scan.ijk_to_ras, acquisition.grid.ijk_to_ras, atol=1e-6)


@pytest.mark.parametrize(
    ("magnitude", "phase", "common"),
    [
        ("Head magnitude", "Head phase", "Head"),
        ("sub-01_part-mag_GRE", "sub-01_part-phase_GRE", "sub-01_part"),
        ("GRE", "GRE", "GRE"),
        ("Magnitude", "Phase", ""),
    ],
)
def test_the_scan_is_named_after_what_its_names_have_in_common(volumes, magnitude, phase, common):
    volumes[0][0].SetName(magnitude)
    volumes[1][0].SetName(phase)
    assert scan_from_nodes(volumes[0][0], volumes[1][0], echo_times=[0.02]).name == common


def test_a_linear_transform_turns_the_scan_against_b0_as_hardening_it_would(volumes):
    magnitude, phase = volumes[0][0], volumes[1][0]
    turn = np.eye(4)
    turn[:3, :3] = rotation(40, 0)
    turn[:3, 3] = 3, -4, 5
    transform = add_transform(turn)
    for node in (magnitude, phase):
        node.SetAndObserveTransformNodeID(transform.GetID())
    scan = scan_from_nodes(magnitude, phase, echo_times=[0.02])
    for node in (magnitude, phase):
        node.HardenTransform()
    hardened = scan_from_nodes(magnitude, phase, echo_times=[0.02])
    np.testing.assert_allclose(scan.acquisition.grid.b0_direction, hardened.acquisition.grid.b0_direction, atol=1e-6)
    assert scan.acquisition.grid.same_geometry(hardened.acquisition.grid)
    assert "transform 'Turn'" in scan.notes[0]
    assert not hardened.notes


def test_a_transform_that_is_not_linear_is_refused(volumes):
    magnitude, phase = volumes[0][0], volumes[1][0]
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "Warp")
    spline = vtk.vtkThinPlateSplineTransform()
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for number in range(5):
        point = np.eye(5)[number, :3] * 10
        source.InsertNextPoint(point)
        target.InsertNextPoint(point + [number, 0, number % 2])
    spline.SetSourceLandmarks(source)
    spline.SetTargetLandmarks(target)
    node.SetAndObserveTransformToParent(spline)
    magnitude.SetAndObserveTransformNodeID(node.GetID())
    with pytest.raises(ValueError, match="'Warp', which is not linear"):
        scan_from_nodes(magnitude, phase, echo_times=[0.02])


def test_a_missing_input_is_named(volumes):
    with pytest.raises(ValueError, match="magnitude is missing"):
        scan_from_nodes(None, volumes[1][0], echo_times=[0.02])
    with pytest.raises(ValueError, match="phase is missing"):
        scan_from_nodes(volumes[0][0], [], echo_times=[0.02])


def test_missing_echo_times_are_named(volumes):
    with pytest.raises(ValueError, match="Echo times are missing"):
        scan_from_nodes(*volumes)


def test_different_numbers_of_echoes_are_named(sequences):
    magnitude, phase = sequences
    phase.RemoveDataNodeAtValue("20")
    with pytest.raises(ValueError, match=r"magnitude has 3 echo\(es\) and phase has 2"):
        scan_from_nodes(magnitude, phase)


def test_different_echo_times_are_named(sequences):
    magnitude, phase = sequences
    phase.UpdateIndexValue("20", "21")
    with pytest.raises(ValueError, match="4, 12, 20 ms, and of phase, 4, 12, 21 ms, differ"):
        scan_from_nodes(magnitude, phase)


@pytest.mark.parametrize("unit", ["", "frame", "us"])
def test_an_index_that_is_not_a_time_is_refused(sequences, unit):
    sequences[0].SetIndexUnit(unit)
    with pytest.raises(ValueError, match=f"its index unit is '{unit}'"):
        scan_from_nodes(*sequences)


def test_a_sequence_of_the_multivolume_importer_has_its_echo_times_in_attributes(volumes, acquisition):
    sequences = []
    for role, nodes in zip(("magnitude", "phase"), volumes):
        sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", f"Head {role}")
        for number, node in enumerate(nodes):
            sequence.SetDataNodeAtValue(node, str(number))
        sequence.SetIndexUnit("")
        sequence.SetAttribute("MultiVolume.FrameIdentifyingDICOMTagName", "EchoTime")
        sequence.SetAttribute("MultiVolume.FrameIdentifyingDICOMTagUnits", "ms")
        sequence.SetAttribute("MultiVolume.FrameLabels", "4,12,20")
        sequences.append(sequence)
    assert scan_from_nodes(*sequences).acquisition.echo_times == acquisition.echo_times
    sequences[0].SetAttribute("MultiVolume.FrameLabels", "4,12")
    with pytest.raises(ValueError, match="its index unit is ''"):
        scan_from_nodes(*sequences)


def test_phase_as_the_scanner_stores_it_becomes_radians(volumes, acquisition):
    for node in volumes[1]:
        array = slicer.util.arrayFromVolume(node)
        array[:] = np.clip(np.rint(array * 4096 / np.pi), -4096, 4095)
    read = scan_from_nodes(*volumes, echo_times=acquisition.echo_times).acquisition
    np.testing.assert_allclose(read.phase, acquisition.phase, atol=2e-3)
    assert read.sources["phase"].startswith("12 bit integers")


def test_index_values_that_are_no_numbers_are_refused(sequences):
    sequences[0].SetIndexTypeFromString("text")
    sequences[0].UpdateIndexValue("4", "first")
    with pytest.raises(ValueError, match="its index values are first, 12, 20"):
        scan_from_nodes(*sequences)


def test_an_empty_sequence_is_named(sequences):
    sequences[1].RemoveAllDataNodes()
    with pytest.raises(ValueError, match="Sequence 'Head phase' is empty"):
        scan_from_nodes(*sequences)


def test_a_volume_without_voxels_is_named(volumes):
    empty = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Nothing")
    with pytest.raises(ValueError, match="Volume 'Nothing' holds no voxels"):
        scan_from_nodes(volumes[0][0], empty, echo_times=[0.02])


def test_volumes_at_different_places_are_named(volumes):
    volumes[1][0].SetOrigin(0, 0, 0)
    with pytest.raises(ValueError, match="'Head magnitude' and 'Head phase.*' differ in size, position"):
        scan_from_nodes(volumes[0][0], volumes[1][0], echo_times=[0.02])


def test_nodes_of_other_classes_are_refused(volumes):
    vector = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "Colors")
    model = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode", "Skin")
    for node in (vector, model):
        with pytest.raises(ValueError, match=f"'{node.GetName()}' is a {node.GetClassName()}"):
            scan_from_nodes(volumes[0][0], node, echo_times=[0.02])


def test_phase_that_is_not_in_radians_is_refused_in_the_words_of_the_core(volumes):
    slicer.util.arrayFromVolume(volumes[1][0])[:] *= 100
    with pytest.raises(ValueError, match="phase must be in radians"):
        scan_from_nodes(volumes[0][0], volumes[1][0], echo_times=[0.02])


def some_mask() -> np.ndarray:
    return np.random.default_rng(2).random(SHAPE) > 0.5


def test_a_mask_survives_the_way_through_a_segmentation(volumes):
    from QSMReconstructionLib.masks import add_segmentation, mask_from_node

    mask = some_mask()
    node = add_segmentation("Mask", mask, volumes[0][0])
    np.testing.assert_array_equal(mask_from_node(node, volumes[0][0]), mask)


def test_all_segments_together_are_the_mask(volumes):
    from QSMReconstructionLib.masks import add_segmentation, mask_from_node

    mask = some_mask()
    first, second = mask.copy(), mask.copy()
    first[:3] = False
    second[3:] = False
    node = add_segmentation("Mask", first, volumes[0][0])
    segment = node.GetSegmentation().AddEmptySegment("Brain stem")
    slicer.util.updateSegmentBinaryLabelmapFromArray(second.astype(np.uint8), node, segment, volumes[0][0])
    np.testing.assert_array_equal(mask_from_node(node, volumes[0][0]), mask)


def test_a_mask_can_be_read_on_an_echo_of_a_sequence(sequences, volumes):
    from QSMReconstructionLib.masks import add_segmentation, mask_from_node

    mask = some_mask()
    node = add_segmentation("Mask", mask, volumes[0][0])
    np.testing.assert_array_equal(mask_from_node(node, scan_from_nodes(*sequences).first_echo), mask)


def test_reading_a_mask_leaves_no_node_behind(scene, volumes):
    from QSMReconstructionLib.masks import add_segmentation, mask_from_node

    node = add_segmentation("Mask", some_mask(), volumes[0][0])
    mask_from_node(node, volumes[0][0])  # makes the scene's singletons, which stay
    before = scene.GetNumberOfNodes()
    mask_from_node(node, volumes[0][0])
    assert scene.GetNumberOfNodes() == before


def test_a_label_map_serves_as_a_mask(volumes, acquisition):
    from QSMReconstructionLib.masks import mask_from_node

    mask = some_mask()
    node = slicer.util.addVolumeFromArray(
        mask.astype(np.uint8) * 7, acquisition.grid.ijk_to_ras, "Labels", "vtkMRMLLabelMapVolumeNode"
    )
    np.testing.assert_array_equal(mask_from_node(node, volumes[0][0]), mask)
    node.SetOrigin(0, 0, 0)
    with pytest.raises(ValueError, match="Mask 'Labels' differs from 'Head magnitude'"):
        mask_from_node(node, volumes[0][0])


def test_a_segmentation_without_segments_and_a_node_of_another_class_are_refused(scene, volumes):
    from QSMReconstructionLib.masks import mask_from_node

    with pytest.raises(ValueError, match="Segmentation 'Empty' has no segment"):
        mask_from_node(scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Empty"), volumes[0][0])
    with pytest.raises(ValueError, match="mask must be a segmentation or a label map"):
        mask_from_node(volumes[0][0], volumes[0][0])


def test_an_empty_segment_adds_nothing_to_the_mask(volumes):
    from QSMReconstructionLib.masks import add_segmentation, mask_from_node

    mask = some_mask()
    node = add_segmentation("Mask", mask, volumes[0][0])
    node.GetSegmentation().AddEmptySegment("Nothing")
    np.testing.assert_array_equal(mask_from_node(node, volumes[0][0]), mask)


def test_a_mask_drawn_elsewhere_is_resampled_to_the_scan(volumes, acquisition):
    from QSMReconstructionLib.masks import add_segmentation, mask_from_node

    grid = acquisition.grid
    finer = grid.ijk_to_ras @ np.diag([0.5, 0.5, 0.5, 1.0])
    finer[:3, 3] -= finer[:3, :3] @ [0.5, 0.5, 0.5]  # the same corner, with voxels of half the size
    drawn = slicer.util.addVolumeFromArray(np.zeros([2 * n for n in SHAPE], np.uint8), finer, "Finer")
    mask = some_mask()
    node = add_segmentation("Mask", np.kron(mask, np.ones((2, 2, 2), bool)), drawn)
    np.testing.assert_array_equal(mask_from_node(node, volumes[0][0]), mask)
