"""The command line reads the scan of a folder into files that any program can show."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from QSMReconstructionCore.commandline import main
from QSMReconstructionCore.io.dicom.scan import read_dicom
from QSMReconstructionCore.io.nifti import read_nifti
from scanners import MANNERS, export
from small_scan import small_scan


def without_the_last_phase(dataset, kind, echo, k):
    if (kind, echo) == ("phase", 2):
        dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"


@pytest.fixture
def two_scans(tmp_path):
    """A folder with a whole scan, and one without its last echo of phase."""
    siemens = MANNERS["siemens"]
    second = replace(siemens, storages=tuple(replace(s, series=s.series + 10) for s in siemens.storages))
    export(tmp_path / "dicom" / "a", small_scan(), siemens)
    export(
        tmp_path / "dicom" / "b", replace(small_scan(), phase=-small_scan().phase), second, edit=without_the_last_phase
    )
    return tmp_path / "dicom"


def told(path):
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("manner", ["siemens", "ge corrected"])
def test_the_only_scan_is_read_with_all_its_facts(tmp_path, manner):
    folder = export(tmp_path / "dicom", small_scan(), MANNERS[manner])
    assert main(["read", str(folder), str(tmp_path / "out"), "--progress", "none"]) == 0
    scan, facts = read_dicom(folder), told(tmp_path / "out/scan.json")
    for role in ("magnitude", "phase"):
        for echo, values in enumerate(getattr(scan, role)):
            found, grid = read_nifti(tmp_path / "out" / f"{role}_{echo}.nii")
            np.testing.assert_array_equal(found, values)
            assert grid.same_geometry(scan.grid, 1e-4)
    assert tuple(facts["echo_times"]) == scan.echo_times
    assert facts["grid"]["spacing"] == list(scan.grid.spacing)
    for name in ("field_strength", "imaging_frequency", "sources", "protocol"):
        assert facts[name] == json.loads(json.dumps(getattr(scan, name)))


def test_of_several_scans_it_lists_all_and_reads_the_one_that_is_chosen(two_scans, tmp_path, capsys):
    out, again = tmp_path / "out", tmp_path / "again"
    assert main(["read", str(two_scans), str(out), "--progress", "none"]) == 0
    assert [path.name for path in out.iterdir()] == ["scans.json"]
    first, second = told(out / "scans.json")
    assert (first["fault"], "is missing" in second["fault"]) == ("", True)
    assert len(first["files"]) == 2 * 3 * small_scan().grid.shape[0]

    arguments = ["read", str(two_scans), str(again), "--scan", str(out / "scans.json")]
    assert main([*arguments, "0", "--progress", "json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["stage"] for line in lines if line["stage"] == "Looking for scans"]
    assert (told(again / "scan.json")["title"], len(list(again.glob("phase_*.nii")))) == (first["title"], 3)
    assert main([*arguments, "1", "--progress", "none"]) == 1
    assert "The phase of the echo at 20 ms is missing" in capsys.readouterr().err
    for file in (two_scans / "a").iterdir():
        file.unlink()
    assert main([*arguments, "0", "--progress", "none"]) == 1
    assert main(["read", str(tmp_path / "out"), str(again), "--progress", "none"]) == 1
    assert "holds no DICOM file" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["2", "-3", "first"])
def test_a_scan_that_is_not_on_the_list_is_wrong_usage(two_scans, tmp_path, number, capsys):
    out = tmp_path / "out"
    assert main(["read", str(two_scans), str(out), "--progress", "none"]) == 0
    with pytest.raises(SystemExit) as ended:
        main(["read", str(two_scans), str(out), "--scan", str(out / "scans.json"), number, "--progress", "none"])
    assert ended.value.code == 2
    assert f"0 to 1, but got {number}" in capsys.readouterr().err
