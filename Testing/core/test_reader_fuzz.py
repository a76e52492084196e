"""Any header, sidecar or tag is read to a valid scan or refused in a sentence, in little time and memory."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from QSMReconstructionCore.io.bids import find_scan
from QSMReconstructionCore.io.dicom.scan import read_dicom
from QSMReconstructionCore.io.nifti import read_header, read_nifti, write_nifti
from QSMReconstructionCore.io.params import read_params
from QSMReconstructionCore.io.scan import read_scan
from QSMReconstructionCore.quality import assess_acquisition
from scanners import MANNERS, export
from small_scan import small_scan

FUZZ = settings(
    max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
#: Bytes that reading a scan of a few kilobytes may take, whatever its header promises.
MEMORY = 50e6
PARTS = ("phase", "magnitude")
TIMES = (0.004, 0.012, 0.02)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny scan as one 4D file of phase and one of magnitude."""
    folder = tmp_path_factory.mktemp("fuzz")
    scan = small_scan(TIMES)
    for part in PARTS:
        write_nifti(folder / f"{part}.nii", getattr(scan, part), scan.grid)
    return folder


def judged_or_refused(read) -> None:
    """Call a reader: a scan that it gives must be valid enough to be judged, a refusal must be a sentence."""
    tracemalloc.start()
    try:
        scan = read()
    except ValueError as refusal:
        assert len(str(refusal)) > 20
        assert str(refusal)[0] != "("
    else:
        assert np.abs(scan.phase).max() <= np.pi * 1.001
        assert all(np.isfinite(scan.echo_times))
        assert assess_acquisition(scan, preview=False)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < MEMORY


def read(folder: Path, part: str, data: bytes, **facts):
    """Read the scan with other bytes in place of one of its files."""
    changed = folder / f"changed{'.nii.gz' if data[:2] == bytes((31, 139)) else '.nii'}"
    changed.write_bytes(data)
    files = {name: [changed if name == part else folder / f"{name}.nii"] for name in PARTS}
    judged_or_refused(lambda: read_scan(files["phase"], files["magnitude"], **facts))


GIVEN = dict(echo_times=TIMES, field_strength=3.0)


@FUZZ
@given(st.sampled_from(PARTS), st.integers(0, 351), st.binary(min_size=1, max_size=8))
@example("phase", 40, b"\7\0\1\0\1\0\1\0")
@example("phase", 108, np.float32(np.inf).tobytes())
@example("phase", 108, np.float32(3e38).tobytes())
@example("phase", 112, np.float32(1e38).tobytes())
@example("magnitude", 112, np.float32(-3e38).tobytes())
@example("magnitude", 80, np.float32(np.nan).tobytes())
@example("phase", 280, np.float32(3e38).tobytes())
@example("phase", 70, np.int16(1280).tobytes())
def test_any_bytes_in_the_header_of_nifti(folder, part, place, junk):
    data = (folder / f"{part}.nii").read_bytes()
    read(folder, part, data[:place] + junk + data[place + len(junk) :], **GIVEN)


@FUZZ
@given(st.sampled_from(PARTS), st.floats(0, 1), st.binary(max_size=40), st.booleans(), st.booleans())
def test_any_damage_of_nifti(folder, part, place, junk, cut, packed):
    data = (folder / f"{part}.nii").read_bytes()
    if packed:
        data = gzip.compress(data, 1, mtime=0)
    place = int(place * len(data))
    read(folder, part, data[:place] + junk + (b"" if cut else data[place + len(junk) :]), **GIVEN)


def test_a_small_file_that_unpacks_to_more_than_it_promises_is_read_no_further(folder, tmp_path):
    data = (folder / "phase.nii").read_bytes()
    (tmp_path / "bomb.nii.gz").write_bytes(gzip.compress(data + bytes(200_000_000), 1))
    tracemalloc.start()
    try:
        values = read_nifti(tmp_path / "bomb.nii.gz")[0]
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(values, read_nifti(folder / "phase.nii")[0])


def test_a_header_that_puts_its_voxels_far_away_asks_for_no_memory(folder, tmp_path):
    data = bytearray((folder / "phase.nii").read_bytes())
    data[108:112] = np.float32(1e9).tobytes()
    (tmp_path / "far.nii.gz").write_bytes(gzip.compress(bytes(data) + bytes(5_000_000), 1))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="truncated"):
            read_header(tmp_path / "far.nii.gz")
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


ANY_NUMBER = st.one_of(st.integers(), st.integers(10**300, 10**400), st.floats())
ANY_JSON = st.recursive(
    st.none() | st.booleans() | ANY_NUMBER | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NEARLY_RIGHT = ANY_JSON | st.sampled_from([list(TIMES), 0.004, 3, 127.7, "Siemens", "GE", "3D", 0.75, "1 0 0"])
KEYS = (
    "EchoTime", "MagneticFieldStrength", "ImagingFrequency", "Manufacturer", "Units", "EchoTime1", "EchoTime2",
    "ImageOrientationPatientDICOM", "PartialFourier", "ScanOptions", "MRAcquisitionType", "RepetitionTime",
)  # fmt: skip


@FUZZ
@given(st.sampled_from(PARTS), st.dictionaries(st.sampled_from(KEYS), NEARLY_RIGHT), st.booleans())
@example("phase", {"ImageOrientationPatientDICOM": "1 0 0 0 1 nan"}, True)
@example("phase", {"EchoTime": list(TIMES), "MagneticFieldStrength": 10**400}, False)
@example("phase", {"EchoTime": list(TIMES), "MagneticFieldStrength": True}, False)
@example("phase", {"EchoTime": [10**400, 1, 2], "MagneticFieldStrength": 3}, False)
@example("phase", {"ImagingFrequency": True}, True)
@example("phase", {"PartialFourier": float("nan")}, True)
def test_any_value_in_a_sidecar(folder, part, entries, complete):
    facts = GIVEN if complete else {}
    sidecars = {f"{part}.nii": entries}
    judged_or_refused(
        lambda: read_scan(
            [folder / "phase.nii"], [folder / "magnitude.nii"], **facts,
            metadata=lambda path: sidecars.get(path.name, {}),
        )
    )  # fmt: skip


@FUZZ
@given(st.one_of(st.binary(max_size=60), ANY_JSON.map(lambda value: json.dumps(value).encode())))
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b'{"EchoTime": 1' + b"0" * 5000 + b"}")
@example(b"\xff\xfe{\0}\0")
def test_any_bytes_as_a_sidecar(folder, data):
    path = folder / "phase.json"
    path.write_bytes(data)
    try:
        judged_or_refused(lambda: read_scan([folder / "phase.nii"], [folder / "magnitude.nii"], **GIVEN))
    finally:
        path.unlink()


@FUZZ
@given(st.dictionaries(st.sampled_from(("TE", "B0", "B0_dir", "voxel_size")), NEARLY_RIGHT))
@example({"TE": list(TIMES), "B0": 10**400})
@example({"B0_dir": [0, 0, 0]})
@example({"B0_dir": [1e308, 1e308, 1e308]})
@example({"voxel_size": [True, 1, 1]})
def test_any_value_in_params(folder, entries):
    path = folder / "params.json"
    path.write_text(json.dumps(entries))
    facts = {"echo_times": TIMES if "TE" not in entries else None, "field_strength": None if "B0" in entries else 3.0}
    judged_or_refused(
        lambda: read_scan([folder / "phase.nii"], [folder / "magnitude.nii"], params=read_params(path), **facts)
    )


@FUZZ
@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=30))
@example("sub-01_echo-²_part-phase_MEGRE")
@example("sub-01_echo-9999999999999999999_part-phase_MEGRE")
@example("_-_-_")
def test_any_name_of_a_file_in_a_bids_folder(tmp_path_factory, name):
    root = tmp_path_factory.mktemp("bids")
    anat = root / "sub-01/anat"
    anat.mkdir(parents=True)
    try:
        (anat / f"{name}.nii").touch()
    except OSError:  # not a name that this file system can store
        return
    with pytest.raises(ValueError, match="has no gradient-echo scan with magnitude and phase"):
        find_scan(root, "01")


#: Tags that describe the protocol -> a value of 16 bytes that stands nowhere else in the files.
PROTOCOL_TAGS = {
    "RepetitionTime": "1234.56789012345", "FlipAngle": "2345.67890123456", "PixelBandwidth": "3456.78901234567",
    "ScanOptions": "SCAN_OPTIONS_ABC", "MRAcquisitionType": "ACQUISITION_TYPE", "SoftwareVersions": "software version",
}  # fmt: skip


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A tiny scan as DICOM that tells its protocol."""

    def edit(dataset, kind, echo, k):
        for keyword, value in PROTOCOL_TAGS.items():
            setattr(dataset, keyword, value)

    return export(tmp_path_factory.mktemp("fuzz") / "dicom", small_scan((0.004,)), MANNERS["siemens"], edit=edit)


@settings(FUZZ, max_examples=50)
@given(st.sampled_from(sorted(PROTOCOL_TAGS)), st.binary(min_size=16, max_size=16))
@example("FlipAngle", b"nan             ")
@example("RepetitionTime", b"1e999           ")
@example("PixelBandwidth", b"1\\2\\3           ")
def test_any_value_in_a_tag_of_the_protocol(exported, keyword, junk):
    """None of them changes the map, so the scan is read whatever they hold."""
    paths = sorted(exported.iterdir())
    before = [path.read_bytes() for path in paths]
    try:
        for path, data in zip(paths, before):
            assert PROTOCOL_TAGS[keyword].encode() in data
            path.write_bytes(data.replace(PROTOCOL_TAGS[keyword].encode(), junk))
        scan = read_dicom(exported)
    finally:
        for path, data in zip(paths, before):
            path.write_bytes(data)
    assert all(np.isfinite(value) for value in scan.protocol.values() if isinstance(value, float))
    assert assess_acquisition(scan, preview=False)
