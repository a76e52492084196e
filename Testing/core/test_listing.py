"""The command line tells what a folder holds before anything is computed."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from QSMReconstructionCore.commandline import main
from QSMReconstructionCore.io.nifti import write_nifti
from scanners import MANNERS, PATIENT, export
from small_scan import small_scan


@pytest.fixture
def exported(tmp_path):
    """Two scans with phase, the second without its last echo of phase, and a magnitude alone."""
    siemens = MANNERS["siemens"]
    second = replace(siemens, storages=tuple(replace(s, series=s.series + 10) for s in siemens.storages))
    third = replace(siemens, storages=(replace(siemens.storages[0], series=2),))
    export(tmp_path / "a", small_scan(), siemens)
    export(tmp_path / "b", replace(small_scan(), phase=-small_scan().phase), second, edit=without_the_last_phase)
    export(tmp_path / "c", small_scan((0.003,)), third, edit=as_t1)
    return tmp_path


def without_the_last_phase(dataset, kind, echo, k):
    if (kind, echo) == ("phase", 2):
        dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"


def as_t1(dataset, kind, echo, k):
    dataset.ProtocolName = dataset.SeriesDescription = "t1\x1b[31m"


def test_all_series_are_listed_with_the_scans_among_them(exported, capsys):
    assert main(["list", str(exported)]) == 0
    shown = capsys.readouterr().out
    assert "--series 6: magnitude of 3 echo(es) from series 5, phase of 3 echo(es) from series 6." in shown
    assert "--series 16: magnitude" in shown and "The phase of the echo at 20 ms is missing" in shown
    assert "t1?[31m" in shown  # what moves the cursor of a terminal does not come through
    assert not any(part in shown for part in PATIENT.split("^"))

    assert main(["list", str(exported), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(scan["series"], bool(scan["fault"])) for scan in told["scans"]] == [([5, 6], False), ([15, 16], True)]
    assert len(told["images"]) == 3 + 3 + 3 + 2 + 1
    assert told["other_files"] == 6


def test_a_folder_without_phase_says_so(tmp_path, capsys):
    siemens = MANNERS["siemens"]
    export(tmp_path / "scan", small_scan(), replace(siemens, storages=siemens.storages[:1]))
    assert main(["list", str(tmp_path)]) == 0
    assert "There is no scan with phase." in capsys.readouterr().out


def test_a_data_set_lists_its_scans(tmp_path, acquisition, capsys):
    for stem in ("sub-01/ses-a/anat/sub-01_ses-a_run-2", "sub-02/anat/sub-02"):
        for part in ("mag", "phase"):
            path = tmp_path / f"{stem}_part-{part}_MEGRE.nii"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_nifti(path, np.ones(acquisition.grid.shape, np.uint8), acquisition.grid)
    assert main(["list", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "sub-01_ses-a_run-2: phase in 1 file(s), magnitude in 1 file(s)",
        "sub-02: phase in 1 file(s), magnitude in 1 file(s)",
    ]
    assert main(["list", str(tmp_path), "--json"]) == 0
    assert [row["run"] for row in json.loads(capsys.readouterr().out)["scans"]] == ["2", None]


def test_nothing_to_list_is_said(tmp_path, capsys):
    assert main(["list", str(tmp_path / "nowhere")]) == 1
    assert "does not exist" in capsys.readouterr().err
