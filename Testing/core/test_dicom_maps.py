"""Susceptibility maps written as DICOM lie where the scan lies, tell their unit and source, and come back the same."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
import SimpleITK

from QSMReconstructionCore.commandline import main
from QSMReconstructionCore.io.dicom.scan import read_dicom, read_selection
from QSMReconstructionCore.io.dicom.selection import select_scan
from QSMReconstructionCore.io.dicom.stacks import find_stacks
from QSMReconstructionCore.io.dicom.susceptibility import read_susceptibility, write_susceptibility
from QSMReconstructionCore.io.nifti import read_nifti
from QSMReconstructionCore.phantom import head_phantom
from scanners import MANNERS, PATIENT, export
from small_scan import quick_reconstruct, small_scan

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


@pytest.fixture(params=["siemens", "philips enhanced"])
def written(request, tmp_path):
    """A scan, its reconstruction, and the folder and files of its map."""
    folder = export(tmp_path / "scan", small_scan(), MANNERS[request.param])
    scan = select_scan(find_stacks(folder))
    result = quick_reconstruct(read_selection(scan))
    return scan, result, tmp_path / "map", write_susceptibility(tmp_path / "map", result, scan)


def test_a_map_comes_back_to_the_stored_precision(written):
    _, result, folder, files = written
    values, grid = read_susceptibility(folder)
    precision = np.abs(result.susceptibility).max() / 32767
    np.testing.assert_allclose(values, result.susceptibility, atol=0.501 * precision)
    assert not values[result.susceptibility == 0].any()
    assert grid.same_geometry(result.grid)
    assert len(files) == grid.shape[0]


def test_the_map_of_another_program_agrees(written):
    _, result, _, files = written
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames([str(path) for path in files])
    image = reader.Execute()
    precision = np.abs(result.susceptibility).max() / 32767
    np.testing.assert_allclose(SimpleITK.GetArrayFromImage(image), result.susceptibility, atol=0.51 * precision)
    lps = result.grid.ijk_to_ras[:3, 3] * [-1, -1, 1]
    np.testing.assert_allclose(image.GetOrigin(), lps, atol=1e-3)
    np.testing.assert_allclose(image.GetSpacing(), result.grid.spacing[::-1], atol=1e-4)


def test_a_map_belongs_to_the_study_and_names_its_sources(written):
    scan, _, _, files = written
    source = pydicom.dcmread(scan.stacks[0].first.path)
    for k, path in enumerate(files):
        image = pydicom.dcmread(path)
        assert image.ImageType[:1] == ["DERIVED"]
        assert image.StudyInstanceUID == source.StudyInstanceUID
        assert image.FrameOfReferenceUID == source.FrameOfReferenceUID
        assert image.PatientName == PATIENT
        assert image.SeriesInstanceUID not in {stack.first.series for stack in scan.stacks}
        (mapping,) = image.RealWorldValueMappingSequence
        assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == "[ppm]"
        assert mapping.RealWorldValueSlope == float(image.RescaleSlope)
        assert "vsharp" in image.DerivationDescription
        sources = image.SourceImageSequence
        named = {(item.ReferencedSOPInstanceUID, item.get("ReferencedFrameNumber")) for item in sources}
        here = [stack.frames[k] for stack in scan.stacks]
        assert named == {(f.instance, f.index + 1 if f.enhanced else None) for f in here}
        assert {item.SeriesInstanceUID for item in image.ReferencedSeriesSequence} == {f.series for f in here}
    assert len({pydicom.dcmread(path).SOPInstanceUID for path in files}) == len(files)


def test_the_same_map_gets_the_same_identifiers_and_another_map_others(written, tmp_path):
    scan, result, _, files = written
    again = write_susceptibility(tmp_path / "again", result, scan)
    assert pydicom.dcmread(again[0]).SOPInstanceUID == pydicom.dcmread(files[0]).SOPInstanceUID
    result.susceptibility[2, 3, 3] += 0.1
    other = write_susceptibility(tmp_path / "other", result, scan)
    assert pydicom.dcmread(other[0]).SOPInstanceUID != pydicom.dcmread(files[0]).SOPInstanceUID


def test_a_map_beside_its_scan_does_not_stand_in_the_way(written):
    scan, _, folder, _ = written
    found = find_stacks(folder.parent)
    assert [row["kind"] for row in found.table()].count("susceptibility") == 1
    assert select_scan(found).files == scan.files
    with pytest.raises(ValueError, match="these images show something else"):
        read_dicom(folder)


def test_a_map_of_fewer_slices_leaves_none_of_the_map_before(written):
    scan, result, folder, files = written
    (folder / "chimap_0099.dcm").write_bytes(b"")
    (folder / "notes.dcm").write_bytes(b"")
    write_susceptibility(folder, result, scan)
    assert {path.name for path in folder.iterdir()} == {"notes.dcm", *(path.name for path in files)}


def test_a_map_that_lies_elsewhere_is_refused(written, tmp_path):
    _, result, _, _ = written
    other = export(tmp_path / "else", small_scan(), MANNERS["uih"], edit=_moved)
    with pytest.raises(ValueError, match="does not lie where the scan lies"):
        write_susceptibility(tmp_path / "new", result, select_scan(find_stacks(other)))
    assert not (tmp_path / "new").exists()


def _moved(dataset, kind, echo, k):
    dataset.ImagePositionPatient = [f"{float(x) + 5:.6f}" for x in dataset.ImagePositionPatient]


def test_a_folder_without_a_whole_map_is_refused(written, tmp_path):
    _, _, folder, files = written
    with pytest.raises(ValueError, match="holds 0 susceptibility maps"):
        read_susceptibility(tmp_path / "scan")
    files[2].unlink()
    with pytest.raises(ValueError, match="number 3 is missing"):
        read_susceptibility(folder)


def test_the_command_line_writes_the_map_as_dicom(tmp_path, head_in_dicom):
    out = tmp_path / "out"
    given = ["--dicom", str(head_in_dicom), "--recipe", "preview", "--progress", "none", "--write-dicom"]
    assert main(["reconstruct", str(out), *given]) == 0
    values, grid = read_susceptibility(out / "dicom")
    chimap, own = read_nifti(out / "chimap.nii.gz")
    np.testing.assert_allclose(values, chimap, atol=np.abs(chimap).max() / 32767)
    assert grid.same_geometry(own)


@pytest.fixture
def head_in_dicom(tmp_path):
    """The digital head at 9 mm as enhanced files."""
    head = head_phantom(shape=(20, 23, 20), spacing=(9.0, 9.0, 9.0), echo_times=(0.002, 0.005))
    return export(tmp_path / "scan", head.acquisition, MANNERS["siemens xa"])
