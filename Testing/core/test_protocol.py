"""What headers tell of scanner and sequence comes along; what could name a patient does not."""

from __future__ import annotations

import json

import numpy as np
import pydicom
import pytest

from QSMReconstructionCore.io.dicom.scan import read_dicom
from QSMReconstructionCore.io.nifti import write_nifti
from QSMReconstructionCore.io.protocol import PROTOCOL, as_fact, protocol_of
from QSMReconstructionCore.io.scan import read_scan
from scanners import MANNERS, PATIENT, export
from small_scan import small_scan


def with_protocol(dataset, kind, echo, k):
    """Tags of the protocol where classic or enhanced files have them."""
    dataset.ManufacturerModelName = "Model\nOne"
    dataset.SoftwareVersions = ["A1", "B2"]
    dataset.MRAcquisitionType = "3D"
    timing, modifier = pydicom.Dataset(), pydicom.Dataset()
    timing.RepetitionTime, timing.FlipAngle = "33", "15"
    modifier.ParallelReductionFactorInPlane = 2.0
    if k < 0:
        shared = dataset.SharedFunctionalGroupsSequence[0]
        shared.MRTimingAndRelatedParametersSequence, shared.MRModifierSequence = [timing], [modifier]
    else:
        dataset.update(timing)
        dataset.update(modifier)
        dataset.ImageType = [*dataset.ImageType, "DIS3D"]


@pytest.mark.parametrize("manner", ["siemens", "siemens xa"])
def test_tags_of_the_protocol_are_read_wherever_they_are(tmp_path, manner):
    told = read_dicom(export(tmp_path / "scan", small_scan(), MANNERS[manner], edit=with_protocol)).protocol
    expected = {
        "ManufacturersModelName": "Model One", "SoftwareVersions": "A1 B2", "MRAcquisitionType": "3D",
        "RepetitionTime": 0.033, "FlipAngle": 15, "ParallelReductionFactorInPlane": 2, "SequenceName": "gre3d",
    }  # fmt: skip
    assert {name: told[name] for name in expected} == expected
    assert told.get("NonlinearGradientCorrection") == (True if manner == "siemens" else None)
    assert told.keys() <= PROTOCOL.keys()
    assert not any(part in json.dumps(told) for part in PATIENT.split("^"))


def test_a_damaged_tag_of_the_protocol_stops_nothing(tmp_path):
    def edit(dataset, kind, echo, k):
        dataset.add_new("RepetitionTime", "LO", "soon")
        dataset.MRAcquisitionType = "3D"

    told = read_dicom(export(tmp_path / "scan", small_scan(), MANNERS["siemens"], edit=edit)).protocol
    assert told["MRAcquisitionType"] == "3D"
    assert "RepetitionTime" not in told


def test_sidecars_tell_the_protocol_and_nothing_else_is_taken(tmp_path, acquisition):
    facts = {
        "RepetitionTime": 0.03, "Manufacturer": "Siemens", "PatientName": PATIENT, "FlipAngle": float("nan"),
        "ScanOptions": ["FC", "PFP"], "ReceiveCoilName": {"no": "text"}, "SoftwareVersions": "x" * 1000,
    }  # fmt: skip
    for part in ("phase", "magnitude"):
        write_nifti(tmp_path / f"{part}.nii", getattr(acquisition, part), acquisition.grid)
    (tmp_path / "magnitude.json").write_text(json.dumps(facts))
    scan = read_scan(
        [tmp_path / "phase.nii"], [tmp_path / "magnitude.nii"], echo_times=acquisition.echo_times, field_strength=3
    )
    assert scan.protocol == {
        "Manufacturer": "Siemens", "RepetitionTime": 0.03, "ScanOptions": "FC PFP", "SoftwareVersions": "x" * 200,
    }  # fmt: skip


def test_the_first_sidecar_that_tells_a_fact_is_taken():
    assert protocol_of([{"FlipAngle": None}, {"FlipAngle": 15, "x": 1}, {"FlipAngle": 20}]) == {"FlipAngle": 15}


@pytest.mark.parametrize(
    ("value", "fact"), [(True, True), (" a \x00 b ", "a b"), (np.inf, None), ("", None), ({}, None), (["a", 2], "a 2")]
)
def test_facts_are_texts_numbers_or_nothing(value, fact):
    assert as_fact(value) == fact
