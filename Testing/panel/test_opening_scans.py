"""Scans come into the scene by the DICOM browser, by opening a file, and from the Sample Data module."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import slicer

import standin
from QSMReconstructionCore.io.nifti import write_nifti
from scanners import MANNERS, export
from small_scan import small_scan

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def modules(application, scene):
    """Both modules of the folder, loaded as the application does."""
    for name in ("QSMReconstruction", "DICOMQSMPlugin"):
        standin.load_module(REPOSITORY / "QSMReconstruction" / f"{name}.py")


@pytest.fixture
def plugin(modules):
    """The plugin, as the DICOM browser makes it."""
    return slicer.modules.dicomPlugins["DICOMQSMPlugin"]()


def file_lists(folder):
    from standin.dicom_library import file_lists

    return file_lists(folder)


def node_ids() -> set[str]:
    return {slicer.mrmlScene.GetNthNode(n).GetID() for n in range(slicer.mrmlScene.GetNumberOfNodes())}


def names_in_scene(class_name: str) -> list[str]:
    return [node.GetName() for node in slicer.util.getNodesByClass(class_name)]


@pytest.mark.parametrize("manner", ["siemens", "philips enhanced", "ge corrected"])
def test_the_browser_offers_magnitude_and_phase_together_and_loads_two_sequences(plugin, tmp_path, manner):
    from QSMReconstructionLib.echoes import scan_from_nodes

    scan = small_scan()
    (loadable,) = plugin.examineForImport(file_lists(export(tmp_path, scan, MANNERS[manner])))
    assert plugin.loadType == "Multi-echo gradient echo (magnitude + phase)"
    assert (loadable.selected, loadable.warning) == (True, "")
    assert loadable.confidence > 0.6
    magnitude = plugin.load(loadable)
    _, phase = slicer.util.getNodesByClass("vtkMRMLSequenceNode")
    assert (magnitude.GetIndexName(), magnitude.GetIndexUnit()) == ("EchoTime", "ms")
    read = scan_from_nodes(magnitude, phase).acquisition
    assert read.echo_times == pytest.approx(scan.echo_times)
    assert read.field_strength == scan.field_strength
    assert read.grid.same_geometry(scan.grid, 1e-3)
    difference = np.angle(np.exp(1j * (read.phase - scan.phase)))
    assert np.abs(difference[:, 1:-1, 1:-1, 1:-1]).max() < 0.05
    assert "tag" in read.sources["field_strength"]


def test_loaded_sequences_lie_under_their_patient_with_a_browser_for_both(plugin, tmp_path):
    (loadable,) = plugin.examineForImport(file_lists(export(tmp_path, small_scan(), MANNERS["siemens"])))
    magnitude = plugin.load(loadable)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    item = hierarchy.GetItemByDataNode(magnitude)
    assert hierarchy.GetItemAncestorAtLevel(item, "Patient")
    (browser,) = slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode")
    assert browser.GetNumberOfSynchronizedSequenceNodes(True) == 2
    assert browser.GetMasterSequenceNode() is magnitude
    assert not browser.GetSaveChanges(magnitude)
    active = slicer.app.applicationLogic().GetSelectionNode().GetActiveVolumeID()
    assert active == browser.GetProxyNode(magnitude).GetID()


def test_a_scan_that_is_not_whole_is_offered_with_the_reason_and_not_selected(plugin, tmp_path):
    folder = export(tmp_path, small_scan(), MANNERS["siemens"])
    lists = file_lists(folder)
    lists[-1] = lists[-1][:-1]
    (loadable,) = plugin.examineForImport(lists)
    assert not loadable.selected
    assert loadable.confidence < 0.5
    assert "slice" in loadable.warning
    before = node_ids()
    with pytest.raises(ValueError, match="slice"):
        plugin.load(loadable)
    assert node_ids() == before


def test_series_of_other_kinds_are_not_offered(plugin, tmp_path):
    def another_modality(dataset, *_):
        dataset.Modality = "CT"

    folder = export(tmp_path, small_scan(), MANNERS["siemens"], edit=another_modality)
    assert plugin.examineForImport(file_lists(folder)) == []
    magnitudes = [files for files in file_lists(export(tmp_path / "m", small_scan(), MANNERS["siemens"]))][:1]
    assert plugin.examineForImport(magnitudes) == []


def test_files_that_were_examined_are_not_read_again(plugin, tmp_path, monkeypatch):
    from QSMReconstructionCore.io.dicom import stacks

    lists = file_lists(export(tmp_path, small_scan(), MANNERS["siemens"]))
    offered = plugin.examineForImport(lists)
    monkeypatch.setattr(stacks, "read_frames", None)
    assert plugin.examineForImport(lists) == offered


@pytest.fixture
def echo_files(tmp_path):
    """Magnitude and phase of a scan in two four-dimensional files with sidecars."""
    scan = small_scan()
    for role in ("magnitude", "phase"):
        write_nifti(tmp_path / f"head_{role}.nii.gz", getattr(scan, role), scan.grid)
        facts = {"EchoTime": list(scan.echo_times), "MagneticFieldStrength": 3, "ImagingFrequency": 123.2}
        (tmp_path / f"head_{role}.json").write_text(json.dumps(facts), encoding="utf-8")
    return tmp_path


def open_file(path):
    from standin.file_readers import open_file

    return open_file(path)


def test_a_four_dimensional_file_with_sidecar_opens_as_a_sequence(modules, echo_files):
    from QSMReconstructionLib.echoes import scan_from_nodes

    (magnitude,), (phase,) = (open_file(echo_files / f"head_{role}.nii.gz") for role in ("magnitude", "phase"))
    read, scan = scan_from_nodes(magnitude, phase).acquisition, small_scan()
    np.testing.assert_allclose(read.phase, scan.phase, atol=1e-6)
    np.testing.assert_array_equal(read.magnitude, scan.magnitude)
    assert read.echo_times == pytest.approx(scan.echo_times)
    assert (read.field_strength, read.imaging_frequency) == (3.0, 123.2)
    assert read.grid.same_geometry(scan.grid, 1e-4)
    assert names_in_scene("vtkMRMLSequenceBrowserNode") == ["head_magnitude echoes", "head_phase echoes"]


def test_a_params_file_beside_it_does_for_a_sidecar(modules, echo_files):
    (echo_files / "head_phase.json").unlink()
    (echo_files / "params.json").write_text(json.dumps({"TE": [0.004, 0.012, 0.02], "B0": 7}), encoding="utf-8")
    (phase,) = open_file(echo_files / "head_phase.nii.gz")
    assert [phase.GetNthIndexValue(n) for n in range(3)] == ["4", "12", "20"]
    assert phase.GetAttribute("QSM.FieldStrength") == "7"


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"EchoTime": [0.004, 0.012]}, "EchoTime.*must be 3 number"),
        ({"EchoTime": [4, 12, 20]}, "milliseconds"),
        ({"EchoTime": [0.004, 0.012, 0.02], "Units": "Hz"}, "field map in Hz"),
        ({"EchoTime": [0.004, 0.012, 0.02], "MagneticFieldStrength": "three"}, "must be a number"),
    ],
)
def test_a_sidecar_that_does_not_fit_is_explained_and_adds_nothing(modules, echo_files, facts, reason):
    (echo_files / "head_phase.json").write_text(json.dumps(facts), encoding="utf-8")
    before = node_ids()
    with pytest.raises(RuntimeError, match=reason):
        open_file(echo_files / "head_phase.nii.gz")
    assert node_ids() == before


def test_files_that_are_not_echoes_are_left_to_other_readers(modules, echo_files):
    (echo_files / "head_phase.json").unlink()
    scan = small_scan()
    write_nifti(echo_files / "atlas_phase.nii.gz", scan.phase[0], scan.grid)
    (echo_files / "atlas_phase.json").write_text('{"EchoTime": 0.02}', encoding="utf-8")
    (echo_files / "head_phase.nii").write_bytes(b"no NIfTI")
    for name in ("head_phase.nii.gz", "atlas_phase.nii.gz", "head_phase.nii"):
        with pytest.raises(RuntimeError, match="no scripted reader wants"):
            open_file(echo_files / name)


def test_the_head_phantom_comes_from_the_sample_data_module_without_a_network(modules, application, monkeypatch):
    import SampleData

    import QSMReconstructionCore

    application.startupCompleted.emit()
    (category,) = slicer.modules.sampleDataSources
    (source,) = slicer.modules.sampleDataSources[category]
    assert SampleData.SampleDataLogic.categories[category] == "Quantitative Susceptibility Mapping"
    assert Path(source.thumbnailFileName).is_file()
    quick = SimpleNamespace(acquisition=small_scan())
    monkeypatch.setattr(QSMReconstructionCore, "head_phantom", lambda **_: quick)
    SampleData.SampleDataLogic().downloadSample("QSMHeadPhantom")
    assert names_in_scene("vtkMRMLSequenceNode") == ["QSM head phantom magnitude", "QSM head phantom phase"]
