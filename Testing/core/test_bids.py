"""Echoes are found in a BIDS folder, with the metadata they inherit."""

from __future__ import annotations

import json

import numpy as np
import pytest

from QSMReconstructionCore.io.bids import find_scan
from QSMReconstructionCore.io.nifti import write_nifti
from QSMReconstructionCore.io.scan import read_scan


def make(root, acquisition, stem, suffix="MEGRE"):
    """File the echoes of a scan with their echo times beside them."""
    for echo, time in enumerate(acquisition.echo_times):
        for part, volumes in (("phase", acquisition.phase), ("mag", acquisition.magnitude)):
            path = root / f"{stem}_echo-{echo + 1}_part-{part}_{suffix}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_nifti(path, volumes[echo], acquisition.grid)
        beside = path.with_name(f"{path.name.split('_part')[0]}_{suffix}.json")
        beside.write_text(json.dumps({"EchoTime": time}))


@pytest.fixture
def dataset(tmp_path, acquisition):
    make(tmp_path, acquisition, "sub-01/anat/sub-01_run-1")
    (tmp_path / "MEGRE.json").write_text(json.dumps({"MagneticFieldStrength": 3, "Manufacturer": "Siemens"}))
    return tmp_path


def test_the_echoes_of_a_subject_make_its_scan(dataset, acquisition):
    found = find_scan(dataset, "01")
    scan = read_scan(**found.parts, metadata=found.metadata)
    np.testing.assert_array_equal(scan.phase, acquisition.phase)
    np.testing.assert_array_equal(scan.magnitude, acquisition.magnitude)
    assert scan.echo_times == acquisition.echo_times
    assert scan.field_strength == 3


def test_echo_ten_comes_after_echo_two(tmp_path, acquisition):
    for echo in (10, 2):
        for part in ("phase", "mag"):
            path = tmp_path / f"sub-01/anat/sub-01_echo-{echo}_part-{part}_GRE.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_nifti(path, acquisition.phase[0], acquisition.grid)
    assert [p.name.split("_")[1] for p in find_scan(tmp_path, "sub-01").parts["phase"]] == ["echo-2", "echo-10"]


def test_the_nearest_metadata_wins(dataset):
    (dataset / "sub-01/sub-01_MEGRE.json").write_text(json.dumps({"MagneticFieldStrength": 2.89}))
    found = find_scan(dataset, "01")
    assert found.metadata(found.parts["phase"][1])["MagneticFieldStrength"] == 2.89
    assert found.metadata(found.parts["phase"][1])["Manufacturer"] == "Siemens"
    assert found.metadata(found.parts["phase"][1])["EchoTime"] == 0.012


def test_metadata_of_another_part_does_not_apply(dataset):
    (dataset / "part-mag_MEGRE.json").write_text(json.dumps({"Manufacturer": "GE"}))
    found = find_scan(dataset, "01")
    assert found.metadata(found.parts["phase"][0])["Manufacturer"] == "Siemens"
    assert found.metadata(found.parts["magnitude"][0])["Manufacturer"] == "GE"


def test_a_session_is_found_or_asked_for(tmp_path, acquisition):
    make(tmp_path, acquisition, "sub-02/ses-a/anat/sub-02_ses-a")
    assert find_scan(tmp_path, "02").entities == {"sub": "02", "ses": "a"}
    make(tmp_path, acquisition, "sub-02/ses-b/anat/sub-02_ses-b")
    with pytest.raises(ValueError, match=r"several sessions \(ses-a, ses-b\)"):
        find_scan(tmp_path, "02")
    assert find_scan(tmp_path, "02", "ses-b").entities["ses"] == "b"


def test_derivatives_keep_the_entities_of_the_scan(tmp_path, acquisition):
    make(tmp_path, acquisition, "sub-02/ses-b/anat/sub-02_ses-b_acq-qsm_run-2")
    assert find_scan(tmp_path, "02").derivative_prefix.as_posix() == "sub-02/ses-b/anat/sub-02_ses-b_acq-qsm_run-2"


def test_what_is_not_there_is_named(dataset, tmp_path):
    with pytest.raises(ValueError, match="has no sub-03. There are: sub-01"):
        find_scan(dataset, "03")
    with pytest.raises(ValueError, match="has no ses-x. There are: none"):
        find_scan(dataset, "01", "x")
    with pytest.raises(ValueError, match="is not a folder"):
        find_scan(tmp_path / "nowhere", "01")
    (dataset / "sub-04").mkdir()
    with pytest.raises(ValueError, match="no gradient-echo scan with magnitude and phase"):
        find_scan(dataset, "04")


def test_two_scans_are_told_apart(dataset, acquisition):
    make(dataset, acquisition, "sub-01/anat/sub-01_run-2")
    with pytest.raises(ValueError, match="several scans: sub-01_run-1_MEGRE, sub-01_run-2_MEGRE. Choose one"):
        find_scan(dataset, "01")
    assert find_scan(dataset, "01", run="2").entities["run"] == "2"
    assert find_scan(dataset, "01", run="run-01").entities["run"] == "1"
    with pytest.raises(ValueError, match="has no scan with acq-qsm and run-3. There are: sub-01_run-1_MEGRE, sub-01_r"):
        find_scan(dataset, "01", acq="qsm", run="3")


def test_an_acquisition_is_chosen_by_its_label(tmp_path, acquisition):
    for label in ("swi", "qsm"):
        make(tmp_path, acquisition, f"sub-01/anat/sub-01_acq-{label}")
    assert find_scan(tmp_path, "01", acq="qsm").entities == {"sub": "01", "acq": "qsm"}


def test_real_and_imaginary_part_are_a_scan(tmp_path, acquisition):
    complex_image = acquisition.magnitude * np.exp(1j * acquisition.phase)
    for part, values in (("real", complex_image.real), ("imag", complex_image.imag)):
        path = tmp_path / f"sub-01/anat/sub-01_part-{part}_MEGRE.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_nifti(path, values, acquisition.grid)
    (tmp_path / "MEGRE.json").write_text(json.dumps({"EchoTime": acquisition.echo_times, "MagneticFieldStrength": 3}))
    found = find_scan(tmp_path, "01")
    assert list(found.parts) == ["real", "imaginary"]
    scan = read_scan(**found.parts, metadata=found.metadata)
    np.testing.assert_allclose(scan.phase, acquisition.phase, atol=1e-5)
    np.testing.assert_allclose(scan.magnitude, acquisition.magnitude, rtol=1e-5)


def test_files_without_a_part_are_the_magnitude(tmp_path, acquisition):
    make(tmp_path, acquisition, "sub-01/anat/sub-01", "GRE")
    for path in (tmp_path / "sub-01/anat").glob("*part-mag*"):
        path.rename(path.with_name(path.name.replace("_part-mag", "")))
    assert [path.name for path in find_scan(tmp_path, "01").parts["magnitude"]][0] == "sub-01_echo-1_GRE.nii.gz"
