"""A reconstruction leaves ordinary, self-describing nodes in the scene, or leaves the scene as it was."""

import json

import numpy as np
import pytest
import slicer
import vtk

from small_scan import rotation, small_scan

MAPS = ("susceptibility", "r2star", "localField", "totalField", "fieldNoise", "quality")


@pytest.fixture
def logic(reconstruction_module):
    return reconstruction_module.QSMReconstructionLogic()


@pytest.fixture
def sequences(scene):
    from QSMReconstructionLib.echo_sequences import add_sequences

    return add_sequences(small_scan(), "Head")


@pytest.fixture
def single_echo(scene):
    """Magnitude and phase volume of one echo."""
    acquisition = small_scan(echo_times=(0.02,))
    matrix = acquisition.grid.ijk_to_ras
    return [
        slicer.util.addVolumeFromArray(getattr(acquisition, role)[0], matrix, f"Head {role}")
        for role in ("magnitude", "phase")
    ]


def hierarchy() -> slicer.vtkMRMLSubjectHierarchyNode:
    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)


def children_of(item: int) -> list[str]:
    items = vtk.vtkIdList()
    hierarchy().GetItemChildren(item, items)
    return [hierarchy().GetItemName(items.GetId(number)) for number in range(items.GetNumberOfIds())]


def contents(scene) -> list[tuple]:
    """All nodes and the folders of the scene, to compare it with itself."""
    folders = children_of(hierarchy().GetSceneItemID())
    nodes = [scene.GetNthNode(number) for number in range(scene.GetNumberOfNodes())]
    return [folders, *((node.GetID(), node.GetName(), node.GetClassName()) for node in nodes)]


@pytest.mark.usefixtures("quick_pipeline")
class TestAResult:
    def test_has_the_geometry_of_its_oblique_input(self, logic, sequences):
        nodes = logic.reconstruct(*sequences, fieldStrength=3.0)
        first_echo = sequences[0].GetNthDataNode(0)
        for name in MAPS:
            compared = slicer.modules.volumes.logic().CompareVolumeGeometry(first_echo, getattr(nodes, name))
            assert compared == "", name

    def test_holds_the_arrays_of_the_core(self, logic, sequences):
        nodes = logic.reconstruct(*sequences, fieldStrength=3.0)
        found = nodes.reconstruction
        for node, array in (
            (nodes.susceptibility, found.susceptibility),
            (nodes.totalField, found.field_map.field),
            (nodes.localField, found.local_field.field),
            (nodes.fieldNoise, found.field_map.noise),
            (nodes.quality, found.field_map.quality),
            (nodes.r2star, found.r2star),
        ):
            np.testing.assert_array_equal(slicer.util.arrayFromVolume(node), array)
            assert slicer.util.arrayFromVolume(node).dtype == np.float32

    @pytest.mark.parametrize(
        ("name", "unit", "quantity"),
        [
            ("susceptibility", "[ppm]", "126396"),
            ("totalField", "[ppm]", "110807"),
            ("localField", "[ppm]", "110807"),
            ("fieldNoise", "[ppm]", None),
            ("quality", "1", None),
            ("r2star", "/s", "126395"),
        ],
    )
    def test_names_its_unit_and_quantity(self, logic, sequences, name, unit, quantity):
        node = getattr(logic.reconstruct(*sequences, fieldStrength=3.0), name)
        assert node.GetVoxelValueUnits().GetCodingSchemeDesignator() == "UCUM"
        assert node.GetVoxelValueUnits().GetCodeValue() == unit
        coded = node.GetVoxelValueQuantity()
        assert (coded.GetCodeValue() if coded else None) == quantity

    def test_is_shown_in_a_gray_window_that_is_symmetric_where_the_map_has_a_sign(self, logic, sequences):
        nodes = logic.reconstruct(*sequences, fieldStrength=3.0)
        windows = {}
        for name in MAPS:
            display = getattr(nodes, name).GetDisplayNode()
            assert display.GetColorNodeID() == "vtkMRMLColorTableNodeGrey"
            assert not display.GetAutoWindowLevel()
            windows[name] = display.GetWindowLevelMin(), display.GetWindowLevelMax()
        assert windows["susceptibility"] == pytest.approx((-0.15, 0.15))
        assert windows["r2star"] == (0, 60)
        for name in ("susceptibility", "totalField", "localField"):
            assert windows[name][0] == -windows[name][1]

    def test_carries_its_recipe_reference_and_input_as_attributes(self, logic, sequences):
        from QSMReconstructionCore import Recipe, __version__

        node = logic.reconstruct(*sequences, fieldStrength=3.0, recipe="preview").susceptibility
        assert Recipe.from_json(node.GetAttribute("QSM.Recipe")) == Recipe.preset("preview")
        assert node.GetAttribute("QSM.Map") == "susceptibility"
        assert node.GetAttribute("QSM.Reference") == "whole brain"
        assert float(node.GetAttribute("QSM.ReferenceMean")) == pytest.approx(0, abs=1e-9)
        inside = slicer.util.arrayFromVolume(node)[1:-1, 1:-1, 1:-1]
        assert float(node.GetAttribute("QSM.ReferenceSD")) == pytest.approx(inside.std(), rel=1e-3)
        assert int(node.GetAttribute("QSM.ReferenceVoxels")) == inside.size
        assert node.GetAttribute("QSM.FieldStrength") == "3"
        assert node.GetAttribute("QSM.EchoTimes") == "0.004 0.012 0.02"
        assert len(node.GetAttribute("QSM.InputIdentity")) == 64
        assert node.GetAttribute("QSM.Version") == __version__

    def test_only_the_susceptibility_has_a_reference(self, logic, sequences):
        nodes = logic.reconstruct(*sequences, fieldStrength=3.0)
        for name in MAPS[1:]:
            assert getattr(nodes, name).GetAttribute("QSM.Reference") is None
            assert getattr(nodes, name).GetAttribute("QSM.Map") == name
            assert getattr(nodes, name).GetAttribute("QSM.Recipe")

    def test_keeps_its_attributes_and_units_in_a_saved_scene(self, logic, sequences, scene, tmp_path):
        node = logic.reconstruct(*sequences, fieldStrength=3.0).susceptibility
        expected = {name: node.GetAttribute(name) for name in node.GetAttributeNames()}
        voxels = slicer.util.arrayFromVolume(node).copy()
        assert scene.WriteToMRB(str(tmp_path / "scene.mrb"))
        scene.Clear(False)
        assert scene.ReadFromMRB(str(tmp_path / "scene.mrb"), True)
        read = slicer.util.getNode("Head susceptibility")
        assert {name: read.GetAttribute(name) for name in expected} == expected
        assert read.GetVoxelValueUnits().GetCodeValue() == "[ppm]"
        assert read.GetDisplayNode().GetWindowLevelMax() == pytest.approx(0.15)
        np.testing.assert_array_equal(slicer.util.arrayFromVolume(read), voxels)

    def test_brings_a_brain_mask_that_can_be_handed_in_again_without_shrinking(self, logic, sequences):
        nodes = logic.reconstruct(*sequences, fieldStrength=3.0)
        assert nodes.mask.IsA("vtkMRMLSegmentationNode")
        segment = nodes.mask.GetSegmentation().GetSegmentIdBySegmentName("Brain")
        drawn = slicer.util.arrayFromSegmentBinaryLabelmap(nodes.mask, segment, nodes.susceptibility) > 0
        np.testing.assert_array_equal(drawn, nodes.reconstruction.mask)
        again = logic.reconstruct(*sequences, fieldStrength=3.0, mask=nodes.mask)
        np.testing.assert_array_equal(again.reconstruction.mask, nodes.reconstruction.mask)

    def test_starts_from_a_corrected_mask(self, logic, sequences):
        nodes = logic.reconstruct(*sequences, fieldStrength=3.0)
        corrected = nodes.reconstruction.mask.copy()
        corrected[:, :, :4] = False
        slicer.util.updateSegmentBinaryLabelmapFromArray(
            corrected.astype(np.uint8), nodes.mask, "Brain", nodes.susceptibility
        )
        again = logic.reconstruct(*sequences, fieldStrength=3.0, mask=nodes.mask)
        np.testing.assert_array_equal(again.reconstruction.mask, corrected)
        assert not slicer.util.arrayFromVolume(again.susceptibility)[~corrected].any()

    def test_lies_under_the_transform_of_its_input(self, logic, single_echo, scene):
        turn = np.eye(4)
        turn[:3, :3] = rotation(30, 0)
        transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Turn")
        transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(turn))
        for node in single_echo:
            node.SetAndObserveTransformNodeID(transform.GetID())
        nodes = logic.reconstruct(*single_echo, fieldStrength=3.0, echoTimes=[0.02])
        ends = [np.zeros(6), np.zeros(6)]
        single_echo[0].GetRASBounds(ends[0])
        nodes.susceptibility.GetRASBounds(ends[1])
        np.testing.assert_allclose(ends[0], ends[1], atol=1e-4)
        drawn = slicer.util.arrayFromSegmentBinaryLabelmap(nodes.mask, "Brain", nodes.susceptibility) > 0
        np.testing.assert_array_equal(drawn, nodes.reconstruction.mask)
        assert "transform 'Turn'" in nodes.susceptibility.GetAttribute("QSM.Notes")
        assert "transform 'Turn'" in nodes.summary()

    def test_lies_in_a_folder_beside_its_input(self, logic, sequences):
        patient = hierarchy().CreateSubjectItem(hierarchy().GetSceneItemID(), "sub-01")
        hierarchy().CreateItem(patient, sequences[0])
        logic.reconstruct(*sequences, fieldStrength=3.0)
        assert children_of(patient) == ["Head magnitude", "Head QSM"]
        folder = hierarchy().GetItemChildWithName(patient, "Head QSM")
        assert children_of(folder)[0] == "Head susceptibility"
        assert len(children_of(folder)) == len(MAPS) + 1

    def test_lies_in_a_folder_of_the_scene_where_the_input_has_no_item(self, logic, sequences):
        logic.reconstruct(*sequences, fieldStrength=3.0)
        assert "Head QSM" in children_of(hierarchy().GetSceneItemID())

    def test_gets_a_name_of_its_own_when_there_is_one_already(self, logic, sequences):
        first, second = (logic.reconstruct(*sequences, fieldStrength=3.0) for _ in range(2))
        assert first.susceptibility.GetName() == "Head susceptibility"
        assert second.susceptibility.GetName() == "Head susceptibility_1"

    def test_of_a_single_echo_has_no_r2star_and_says_so(self, logic, single_echo):
        nodes = logic.reconstruct(*single_echo, fieldStrength=3.0, echoTimes=[0.02])
        assert nodes.r2star is None
        assert "A single echo." in nodes.summary()
        assert nodes.susceptibility.GetAttribute("QSM.Notes") == "A single echo."

    def test_is_summed_up_with_name_unit_and_reference(self, logic, sequences):
        nodes = logic.reconstruct(*sequences, fieldStrength=3.0)
        reference = nodes.reconstruction.reference
        assert nodes.summary().splitlines() == [
            "Result: Head susceptibility, in ppm",
            f"Reference: whole brain, mean {reference.mean:.4f} ppm, sd {reference.sd:.4f} ppm",
        ]

    def test_follows_a_recipe_given_by_name_as_plain_data_or_as_a_recipe(self, logic, sequences):
        from QSMReconstructionCore import Recipe

        preview = Recipe.preset("preview")
        for given in ("preview", preview, json.loads(preview.to_json())):
            nodes = logic.reconstruct(*sequences, fieldStrength=3.0, recipe=given)
            assert nodes.reconstruction.recipe == preview

    def test_is_announced_by_progress_from_0_to_1(self, logic, sequences):
        reports = []
        logic.reconstruct(*sequences, fieldStrength=3.0, progress=lambda *report: reports.append(report))
        fractions = [fraction for fraction, _ in reports]
        assert fractions == sorted(fractions)
        assert (fractions[0], fractions[-1]) == (0, 1)
        assert "Dipole inversion" in [message for _, message in reports]


@pytest.mark.usefixtures("quick_pipeline")
class TestTheSceneIsAsItWas:
    @pytest.fixture(autouse=True)
    def compare(self, logic, sequences, scene):
        before = contents(scene)
        yield
        assert contents(scene) == before

    def test_after_a_reconstruction_that_is_cancelled(self, logic, sequences):
        from QSMReconstructionCore import Cancelled

        def cancel_half_way(fraction, message):
            if fraction > 0.5:
                raise Cancelled

        with pytest.raises(Cancelled):
            logic.reconstruct(*sequences, fieldStrength=3.0, progress=cancel_half_way)

    @pytest.mark.parametrize(
        ("arguments", "reason"),
        [
            (dict(fieldStrength=40.0), "field_strength must"),
            (dict(fieldStrength=3.0, echoTimes=[4, 12, 20]), "look like milliseconds"),
            (dict(fieldStrength=3.0, recipe="no such"), "Unknown preset 'no such'"),
            (dict(fieldStrength=3.0, recipe={"inversion": {"method": "no such"}}), "Unknown method 'no such'"),
        ],
    )
    def test_after_input_that_cannot_be_processed(self, logic, sequences, arguments, reason):
        with pytest.raises(ValueError, match=reason):
            logic.reconstruct(*sequences, **arguments)

    @pytest.mark.parametrize(
        "step", ["_detached_map", "put_segmentation_in_scene", "reference_attributes", "_put_in_folder"]
    )
    def test_after_adding_nodes_failed_at_any_step(self, logic, sequences, monkeypatch, step):
        from QSMReconstructionLib import maps

        real = getattr(maps, step)

        def fail_late(*arguments):
            real(*arguments)
            raise MemoryError("no memory left")

        monkeypatch.setattr(maps, step, fail_late)
        with pytest.raises(MemoryError, match="no memory left"):
            logic.reconstruct(*sequences, fieldStrength=3.0)


def test_the_module_passes_its_own_test_with_the_real_pipeline(reconstruction_module):
    reconstruction_module.QSMReconstructionTest().runTest()
