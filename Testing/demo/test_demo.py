"""The demo as a whole, on a small head: everything it promises is there, and nothing when it fails."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import slicer

from demo import __main__ as command
from demo import scans
from headless import opengl
from QSMReconstructionCore import metrics
from QSMReconstructionCore.io.nifti import read_nifti, write_nifti
from QSMReconstructionCore.phantom import LABELS, head_phantom
from QSMRoiAnalysisCore.table import read_table

MAPS = {f"{name}.nii.gz" for name in ("chimap", "mask", "totalfield", "localfield", "fieldnoise", "r2star")}
RESULTS = MAPS | {"recipe.json", "regions.tsv", "scene.mrb", "views.png", "report.html"}


@pytest.fixture(scope="module")
def phantom():
    return head_phantom(shape=(45, 54, 45), spacing=(4.0, 4.0, 4.0))


@pytest.fixture(scope="module")
def simulated(phantom, tmp_path_factory):
    """Output folder of the demo on a simulated scan."""
    out = tmp_path_factory.mktemp("demo") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scans, "head_phantom", lambda **settings: phantom)
        assert command.main(["--out", str(out), "--voxel-size", "4"]) == 0
    return out


@pytest.fixture(scope="module")
def files(phantom, tmp_path_factory):
    """The phantom's scan as files of a BIDS data set without JSON files."""
    folder = tmp_path_factory.mktemp("bids") / "sub-<01>" / "anat"
    folder.mkdir(parents=True)
    acquisition = phantom.acquisition
    for part, name in (("phase", "phase"), ("mag", "magnitude")):
        for echo, array in enumerate(getattr(acquisition, name), start=1):
            write_nifti(folder / f"sub-<01>_echo-{echo}_part-{part}_MEGRE.nii.gz", array, acquisition.grid)
    return folder.parents[1]


def facts_of(phantom):
    times = map(str, phantom.acquisition.echo_times)
    return ["--field-strength", "3", "--echo-times", *times]


def test_every_result_is_there(simulated):
    assert {path.name for path in simulated.iterdir()} >= RESULTS


def test_the_readme_lists_every_result():
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`([\w.]+)`", readme.partition("| file |")[2].partition("\n\n")[0]))
    assert {name.removesuffix(".nii.gz") for name in RESULTS} <= listed


def test_maps_have_the_geometry_of_the_scan(simulated, phantom):
    for name in MAPS:
        array, grid = read_nifti(simulated / name)
        assert array.shape == phantom.mask.shape
        assert grid.same_geometry(phantom.acquisition.grid)


def test_the_table_has_every_region_in_ppm(simulated, phantom):
    rows = read_table(simulated / "regions.tsv")
    assert [f"{row.region} {row.side}".strip() for row in rows] == [
        name for label, name in LABELS.items() if np.any(phantom.labels == label)
    ]
    assert {row.unit for row in rows} == {"ppm"}
    assert {row.reference for row in rows} == {"whole brain"}


def test_means_of_the_table_are_those_of_the_map(simulated, phantom):
    susceptibility, _ = read_nifti(simulated / "chimap.nii.gz")
    mask = read_nifti(simulated / "mask.nii.gz")[0] > 0
    rows = {row.label: row for row in read_table(simulated / "regions.tsv")}
    present = [label for label in LABELS if np.any(phantom.labels == label)]
    for position, label in enumerate(present, start=1):
        row, inside = rows[position], (phantom.labels == label) & mask
        if row.voxels == inside.sum():  # regions at the rim are cut where the map ends
            assert row.mean == pytest.approx(susceptibility[inside].mean(), abs=1e-5)
    assert sum(row.voxels for row in rows.values()) > 0.8 * mask.sum()


def test_the_saved_scene_opens_with_map_regions_and_table(simulated, session):
    assert session.scene.ReadFromMRB(str(simulated / "scene.mrb"), True)
    volume = session.scene.GetFirstNodeByName("Head susceptibility")
    assert volume.GetVoxelValueUnits().GetCodeValue() == "[ppm]"
    np.testing.assert_array_equal(
        slicer.util.arrayFromVolume(volume), read_nifti(simulated / "chimap.nii.gz")[0].astype(np.float32)
    )
    assert json.loads(volume.GetAttribute("QSM.Recipe")) == json.loads((simulated / "recipe.json").read_text())
    segmentation = session.scene.GetFirstNodeByName("Head susceptibility regions")
    assert segmentation.GetSegmentation().GetSegmentIdBySegmentName("Putamen left")
    assert session.scene.GetNumberOfNodesByClass("vtkMRMLTableNode") == 1
    composite = session.scene.GetNodeByID("vtkMRMLSliceCompositeNodeRed")
    assert composite.GetBackgroundVolumeID() == volume.GetID()


def test_the_report_needs_no_other_file_and_tells_all_results(simulated):
    text = (simulated / "report.html").read_text(encoding="utf-8")
    assert all(source.startswith("data:image/png;base64,") for source in re.findall(r'src="([^"]{30})', text))
    assert not re.search(r"<(script|link)\b", text)
    told = ("Putamen", "in ppm, relative to whole brain", "Correlation", "romeo_linear", "10.1002/", "InputIdentity",
            "Verdicts", "True susceptibility", "Sequence (Table 4)")  # fmt: skip
    for expected in told:
        assert expected in text


def test_files_of_a_scan_give_the_same_map_and_the_whole_brain(files, simulated, phantom, tmp_path, capsys):
    given = {part: sorted(map(str, files.rglob(f"*part-{part}*.nii.gz"))) for part in ("phase", "mag")}
    out = tmp_path / "out"
    arguments = ["--out", str(out), *facts_of(phantom), "--phase", *given["phase"], "--magnitude", *given["mag"]]
    assert command.main(arguments) == 0
    assert {path.name for path in out.iterdir()} >= RESULTS
    found, expected = (read_nifti(folder / "chimap.nii.gz")[0] for folder in (out, simulated))
    inside = expected != 0
    assert metrics.nrmse(found, expected, inside) < 1  # percent; phase was stored in 32 bits
    (row,) = read_table(out / "regions.tsv")
    assert row.region == "Brain"
    assert "whole brain only" in capsys.readouterr().err
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "sub-&lt;01&gt;" in report and "<01>" not in report
    assert "Agreement with the truth" not in report


def test_a_bids_folder_is_read_like_its_files(files, phantom):
    times = phantom.acquisition.echo_times
    scan = scans.bids_scan(files, field_strength=3.0, echo_times=times)
    assert scan.acquisition.echo_times == times
    np.testing.assert_allclose(scan.acquisition.magnitude, phantom.acquisition.magnitude, rtol=1e-6)
    assert len(scan.files) == 2 * len(times)


@pytest.mark.parametrize(("subjects", "shown"), [((), "none"), (("sub-01", "sub-02"), "sub-01, sub-02")])
def test_an_unclear_subject_is_asked_for(tmp_path, subjects, shown):
    for subject in subjects:
        (tmp_path / subject).mkdir()
    with pytest.raises(ValueError, match=f"--subject. There are: {shown}"):
        scans.bids_scan(tmp_path)


@pytest.mark.parametrize("size", [["0"], ["1", "2"], ["1", "1", "-1"]])
def test_an_impossible_voxel_size_is_one_sentence_and_no_file(tmp_path, capsys, size):
    assert command.main(["--out", str(tmp_path / "out"), "--voxel-size", *size]) == 1
    assert "voxel size must be one or three positive lengths" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_failure_half_way_leaves_no_file(files, phantom, tmp_path, monkeypatch, capsys):
    def fail(*arguments):
        raise OSError("The disk is full.")

    monkeypatch.setattr("demo.workflow.write_report", fail)
    monkeypatch.setattr(scans, "head_phantom", lambda **settings: phantom)
    assert command.main(["--out", str(tmp_path / "out"), "--recipe", "preview"]) == 1
    assert capsys.readouterr().err.endswith("The disk is full.\n")
    assert not list(tmp_path.rglob("*.*"))


@pytest.mark.parametrize(
    "arguments", [["--phase", "p.nii"], ["--bids", "d", "--phase", "p.nii", "--magnitude", "m.nii"], ["--dance"]]
)
def test_wrong_usage_has_its_own_exit_status(arguments, capsys):
    with pytest.raises(SystemExit) as error:
        command.main(arguments)
    assert error.value.code == 2


def test_missing_files_are_named(tmp_path, capsys):
    missing = str(tmp_path / "missing.nii.gz")
    assert command.main(["--out", str(tmp_path / "out"), "--phase", missing, "--magnitude", missing]) == 1
    assert "missing.nii.gz" in capsys.readouterr().err


def test_without_opengl_the_pictures_say_so(phantom, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(opengl, "available", lambda: False)
    monkeypatch.setattr(scans, "head_phantom", lambda **settings: phantom)
    out = tmp_path / "out"
    assert command.main(["--out", str(out), "--recipe", "preview"]) == 0
    assert opengl.REMEDY in capsys.readouterr().err
    assert opengl.REMEDY in (out / "report.html").read_text(encoding="utf-8")
    assert (out / "views.png").stat().st_size > 10_000
