"""Faulty DICOM: one sentence each that names what is wrong, and never anything but a `ValueError`."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from QSMReconstructionCore.commandline import main
from QSMReconstructionCore.io.dicom.scan import read_dicom
from QSMReconstructionCore.io.dicom.stacks import find_stacks
from scanners import MANNERS, PATIENT, export
from small_scan import small_scan

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

SIEMENS, XA = MANNERS["siemens"], MANNERS["siemens xa"]


@pytest.fixture
def refused(tmp_path, capsys):
    """Write a scan with each dataset edited (or left out), then spoil the folder; returns the sentence that came."""

    def run(edit=lambda dataset, kind, echo, k: None, manner=SIEMENS, scan=None, spoil=lambda folder: None) -> str:
        left_out = []

        def note(dataset, kind, echo, k):
            if edit(dataset, kind, echo, k) == "left out":
                left_out.append(str(dataset.SOPInstanceUID))

        folder = export(tmp_path / "scan", scan or small_scan(), manner, edit=note)
        for path in folder.iterdir():
            if left_out and str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID) in left_out:
                path.unlink()
        spoil(folder)
        with pytest.raises(ValueError) as error:
            read_dicom(folder)
        status = main(["reconstruct", str(tmp_path / "out"), "--dicom", str(folder), "--progress", "none"])
        shown = capsys.readouterr()
        assert status == 1
        assert shown.err.splitlines()[-1] == str(error.value)
        assert "Traceback" not in shown.err
        assert not any(part in shown.err for part in PATIENT.split("^"))
        assert not (tmp_path / "out").exists()
        return str(error.value)

    return run


def where(kind=None, echo=None, k=None):
    """Whether an image is the one meant."""
    return lambda *place: all(wanted in (None, found) for wanted, found in zip((kind, echo, k), place))


def setting(keyword, value, **place):
    """An edit that gives a tag a value in the images meant."""
    meant = where(**place)

    def edit(dataset, kind, echo, k):
        if meant(kind, echo, k):
            setattr(dataset, keyword, value)

    return edit


def leaving_out(**place):
    meant = where(**place)
    return lambda dataset, kind, echo, k: "left out" if meant(kind, echo, k) else None


def file_of(folder: Path, kind: str, echo: int, k: int) -> Path:
    """The file of one slice, by what is in it."""
    grid = small_scan().grid
    at = (np.array([-1, -1, 1]) * (grid.ijk_to_ras @ [0, 0, k, 1])[:3]).round(3)
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        letter = {"magnitude": "M", "phase": "P"}[kind]
        if (dataset.ImageType[2], dataset.EchoNumbers) == (letter, echo + 1):
            if np.allclose(np.array(dataset.ImagePositionPatient, float), at, atol=1e-2):
                return path
    raise AssertionError("no such slice")


def test_a_missing_slice_is_named(refused):
    message = refused(leaving_out(kind="phase", echo=1, k=2))
    assert message.startswith("The phase at 12 ms in series 6 lacks 1 slice(s): number 3 is missing, at ")


def test_a_missing_last_slice_is_named(refused):
    message = refused(leaving_out(kind="phase", echo=1, k=5))
    assert "lacks 1 of 6 slices: number 6 is missing" in message


def test_a_missing_echo_is_named(refused):
    assert "The phase of the echo at 20 ms is missing" in refused(leaving_out(kind="phase", echo=2))


def test_a_missing_magnitude_is_named(refused):
    assert "There is phase in series 6, but no magnitude of it." in refused(leaving_out(kind="magnitude"))


def test_magnitude_alone_is_refused_with_the_reason(refused):
    assert "There is no phase, only magnitude (series 5)." in refused(leaving_out(kind="phase"))


def test_images_that_lost_their_labels_are_said_to_have(refused):
    def anonymize(dataset, kind, echo, k):
        for tag in ((0x0043, 0x0010), (0x0043, 0x102F)):
            del dataset[tag]

    assert "keep private tags when anonymizing" in refused(anonymize, manner=MANNERS["ge"])


def test_swapped_echo_times_are_noticed(refused):
    def swap(dataset, kind, echo, k):
        dataset.EchoTime = {0: "12", 1: "4", 2: "20"}[echo]

    assert "Echo numbers and echo times of the magnitude contradict" in refused(swap)


def test_echoes_with_one_echo_time_are_told_apart_but_not_guessed(refused):
    assert "have the same echo time" in refused(setting("EchoTime", "4"))


@pytest.mark.parametrize("wrong", [{0: "4", 1: "4", 2: "4"}, {0: "12", 1: "4", 2: "20"}, {0: "0", 1: "0", 2: "0"}])
def test_wrong_echo_times_can_be_put_right(tmp_path, wrong):
    def edit(dataset, kind, echo, k):
        dataset.EchoTime = wrong[echo]

    folder = export(tmp_path / "scan", small_scan(), SIEMENS, edit=edit)
    read = read_dicom(folder, echo_times=(0.004, 0.012, 0.02))
    assert np.abs(np.angle(np.exp(1j * (read.phase - small_scan().phase)))).max() < 0.01
    with pytest.raises(ValueError, match=r"has 3 echo\(es\), but 2 echo time\(s\) were given"):
        read_dicom(folder, echo_times=(0.004, 0.012))


def test_a_missing_echo_is_noticed_where_echo_times_are_given(tmp_path):
    def edit(dataset, kind, echo, k):
        if (kind, echo) == ("phase", 2):
            dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"

    folder = export(tmp_path / "scan", small_scan(), SIEMENS, edit=edit)
    with pytest.raises(ValueError, match=r"magnitude of 3 echo\(es\), but phase of 2"):
        read_dicom(folder, echo_times=(0.004, 0.012))


def test_a_missing_echo_time_is_named(refused):
    assert "tells no echo time" in refused(setting("EchoTime", "0"))


def test_an_echo_time_in_other_units_is_refused(refused):
    assert "look like milliseconds" in refused(setting("EchoTime", "12000", echo=1), scan=small_scan((0.004, 0.012)))


def test_two_different_images_of_a_slice_are_refused(refused):
    def spoil(folder):
        dataset = pydicom.dcmread(file_of(folder, "phase", 0, 1))
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        dataset.save_as(folder / "again")

    assert "more than one image at 1 of its places" in refused(spoil=spoil)


def test_several_orientations_are_refused(refused):
    turned = setting("ImageOrientationPatient", ["1", "0", "0", "0", "0", "-1"], kind="phase", echo=0, k=3)
    assert "slices of several orientations" in refused(turned)


def test_several_image_sizes_are_refused(refused):
    def crop(dataset, kind, echo, k):
        if (kind, echo, k) == ("phase", 0, 3):
            dataset.Rows = 6
            dataset.PixelData = dataset.PixelData[: 6 * 8 * 2]

    assert "images of 6 x 8 and of 7 x 8 voxels" in refused(crop)


def test_uneven_slices_are_refused(refused):
    def move(dataset, kind, echo, k):
        if k == 5:
            grid = small_scan().grid
            lps = np.array([-1, -1, 1]) * (grid.ijk_to_ras @ [0, 0, 5.3, 1])[:3]
            dataset.ImagePositionPatient = [f"{x:.6f}" for x in lps]

    assert "slices at uneven distances" in refused(move)


def test_phase_that_lies_elsewhere_is_refused(refused):
    def shift(dataset, kind, echo, k):
        if kind == "phase":
            dataset.ImagePositionPatient = [f"{float(x) + 40:.6f}" for x in dataset.ImagePositionPatient]

    assert "lies elsewhere in the scanner than" in refused(shift)


def test_echoes_of_several_field_strengths_are_refused(refused):
    assert "field strengths from 1.5 to 3 T" in refused(setting("MagneticFieldStrength", "1.5", echo=1))


@pytest.mark.parametrize(
    ("kind", "echo", "words", "rescale_type", "sequence", "reason"),
    [
        ("phase", None, ["PHASE_DIFF"], "US", "gre", "is the difference of the phases of two echoes"),
        ("phase", None, ["B0", "B0", "FFE"], "Hz", "gre", "is a field map that the scanner computed, in Hz"),
        ("phase", None, ["P", "SWI"], "US", "gre", "There is no phase, only magnitude"),
        (None, None, ["M", "SWI"], "US", "gre", "these images show something else"),
    ],
)
def test_images_that_are_no_phase_are_refused_with_the_reason(
    refused, kind, echo, words, rescale_type, sequence, reason
):
    meant = where(kind, echo)

    def edit(dataset, *place):
        if meant(*place):
            dataset.ImageType = ["ORIGINAL", "PRIMARY", *words]
            dataset.RescaleType = rescale_type
            dataset.SequenceName = sequence

    assert reason in refused(edit)


def test_the_one_phase_of_a_field_mapping_sequence_is_a_difference(refused):
    def edit(dataset, kind, echo, k):
        dataset.SequenceName = "*fm2d2r"
        return "left out" if kind == "phase" and echo < 2 else None

    assert "Series 6 is the difference of the phases of two echoes" in refused(edit)


def test_several_phases_of_a_field_mapping_sequence_are_phases(tmp_path):
    folder = export(tmp_path / "scan", small_scan(), SIEMENS, edit=setting("SequenceName", "*fm2d2r"))
    assert len(read_dicom(folder).echo_times) == 3


def test_phase_beyond_the_range_of_its_scale_is_refused(refused):
    def wrong(dataset, kind, echo, k):
        if kind == "phase":
            dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = "20", "-3142", "mrad"

    assert "phase must be in radians within [-pi, pi] or fill a known storage" in refused(wrong)


def test_real_and_imaginary_parts_without_a_sign_are_refused(refused):
    def unsigned(dataset, kind, echo, k):
        stored = np.abs(np.frombuffer(dataset.PixelData, "<i2"))
        dataset.PixelData = stored.tobytes()

    assert "zero is not where the header says" in refused(unsigned, manner=MANNERS["ge"])


def test_an_empty_folder(tmp_path):
    with pytest.raises(ValueError, match="is empty. Give the folder of a DICOM export"):
        read_dicom(tmp_path)


def test_a_folder_without_images(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ValueError, match=r"no DICOM file with MR images among its 1 file\(s\)"):
        read_dicom(tmp_path)
    with pytest.raises(ValueError, match=r"notes\.txt is not a DICOM file with MR images"):
        read_dicom(tmp_path / "notes.txt")


def test_an_empty_file_is_named_where_a_slice_is_missing(refused):
    def spoil(folder):
        path = file_of(folder, "phase", 0, 3)
        path.write_bytes(b"")
        path.rename(folder / "EMPTY")

    message = refused(spoil=spoil)
    assert "number 4 is missing" in message
    assert message.endswith("EMPTY is empty.")


@pytest.mark.parametrize(
    ("kept", "says"),
    [(0.97, "is cut short: it promises 112 bytes"), (0.5, "number 4 is missing"), (0.25, "number 4 is missing")],
)
def test_a_truncated_file_is_named(refused, kept, says):
    def spoil(folder):
        path = file_of(folder, "phase", 0, 3)
        data = path.read_bytes()
        (folder / "SHORT").write_bytes(data[: int(kept * len(data))])
        path.unlink()

    message = refused(spoil=spoil)
    assert says in message
    assert "SHORT" in message


def test_a_header_that_promises_a_million_million_voxels_asks_for_no_memory(refused):
    def huge(dataset, kind, echo, k):
        dataset.Rows = dataset.Columns = 65535

    message = refused(huge)
    assert "is cut short: it promises 8589672450 bytes of voxels, but holds 112" in message


def test_a_header_that_promises_too_many_frames_is_refused(refused):
    message = refused(setting("NumberOfFrames", "2147483647"), manner=XA)
    assert "promises 2.14748e+09 frames, but describes 6." in message


@pytest.mark.parametrize(
    ("keyword", "value", "says"),
    [
        ("ImageOrientationPatient", ["1", "0", "0", "1", "0", "0"], "is not two perpendicular unit vectors"),
        ("PixelSpacing", ["0", "0"], "its PixelSpacing is not that of an image"),
        ("ImagePositionPatient", ["0", "0", "1e300"], "its ImagePositionPatient is outside of any scanner"),
        ("BitsStored", 65535, "its BitsStored is not between 1 and 64"),
        ("RescaleIntercept", "1e300", "its RescaleSlope or RescaleIntercept is absurd"),
        ("ImagePositionPatient", None, "has no ImagePositionPatient"),
        ("Rows", 0, "says that it has no rows or no columns"),
        ("RescaleSlope", "0", "its RescaleSlope or RescaleIntercept is absurd"),
        ("EchoTime", "1e999", "its EchoTime is not finite"),
    ],
)
def test_absurd_headers_are_named(refused, keyword, value, says):
    def edit(dataset, kind, echo, k):
        dataset.RescaleSlope, dataset.RescaleIntercept = "1", "0"
        setattr(dataset, keyword, value)

    message = refused(edit)
    assert says in message
    assert "31 more file(s) cannot be read" in message


def test_damage_elsewhere_does_not_stop_a_complete_scan(tmp_path):
    folder = export(tmp_path / "scan", small_scan(), SIEMENS)
    (folder / "EMPTY").write_bytes(b"")
    assert "EMPTY is empty." in str(find_stacks(folder))
    assert len(read_dicom(folder).echo_times) == 3


KEYWORDS = [
    "ImageType", "EchoTime", "EchoNumbers", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows",
    "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "RescaleSlope", "RescaleIntercept",
    "RescaleType", "SeriesNumber", "MagneticFieldStrength", "ImagingFrequency", "Manufacturer", "SOPClassUID",
    "SOPInstanceUID", "SeriesInstanceUID", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation",
    "SliceThickness", "SpacingBetweenSlices", "SequenceName", "PixelData", "RealWorldValueMappingSequence",
    "PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence",
]  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Tiny scans to spoil, classic and enhanced."""
    whole = small_scan((0.004,))
    part = replace(whole.grid, shape=(3, *whole.grid.shape[1:]))
    scan = replace(whole, magnitude=whole.magnitude[:, :3], phase=whole.phase[:, :3], grid=part)
    parent = tmp_path_factory.mktemp("fuzz")
    return [export(parent / name, scan, MANNERS[name]) for name in ("philips", "philips enhanced")]


def read_or_refuse(path: Path, data: bytes) -> None:
    """Read the folder with this in place of one of its files."""
    before = path.read_bytes()
    path.write_bytes(data)
    try:
        scan = read_dicom(path.parent)
    except ValueError as refusal:
        assert str(refusal)
    else:
        assert np.abs(scan.phase).max() <= np.float32(np.pi)
    finally:
        path.write_bytes(before)


def with_value(data: bytes, keyword: str, value: bytes) -> bytes:
    """The file with the bytes of the first such tag replaced, whatever its type allows."""
    tag = pydicom.tag.Tag(keyword)
    vr = pydicom.datadict.dictionary_VR(tag).split(" ")[-1].encode()
    start = data.find(tag.group.to_bytes(2, "little") + tag.element.to_bytes(2, "little") + vr)
    if start < 0:
        return data
    value += b" " * (len(value) % 2)
    size = 4 if vr in (b"OB", b"OW", b"SQ") else 2
    place = start + (8 if size == 4 else 6)
    length = int.from_bytes(data[place : place + size], "little")
    return data[:place] + len(value).to_bytes(size, "little") + value + data[place + size + length :]


@pytest.mark.parametrize(
    ("keyword", "says"),
    [
        ("EchoTime", "its EchoTime is damaged"),
        ("PerFrameFunctionalGroupsSequence", "its PerFrameFunctionalGroupsSequence is damaged"),
        ("SamplesPerPixel", "does not say how its voxels are stored"),
        ("SOPClassUID", "its SOPClassUID is damaged"),
        ("MediaStorageSOPClassUID", "its MediaStorageSOPClassUID is damaged"),
    ],
)
def test_a_tag_of_a_type_that_does_not_exist_is_named(folders, keyword, says):
    tag = pydicom.tag.Tag(keyword)
    place = tag.group.to_bytes(2, "little") + tag.element.to_bytes(2, "little")
    for folder in folders:
        path = sorted(folder.iterdir())[0]
        before = path.read_bytes()
        if place not in before:
            continue
        data = before.replace(place + before[before.index(place) + 4 :][:2], place + b"ZZ", 1)
        if keyword == "MediaStorageSOPClassUID":
            data = with_value(data, "SOPClassUID", b"")
        path.write_bytes(data)
        try:
            with pytest.raises(ValueError, match=says):
                read_dicom(folder)
        finally:
            path.write_bytes(before)


FUZZ = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@FUZZ
@given(which=st.integers(0, 1), keyword=st.sampled_from(KEYWORDS), value=st.binary(max_size=12))
def test_any_value_of_a_tag_is_read_or_refused(folders, which, keyword, value):
    path = sorted(folders[which].iterdir())[0]
    read_or_refuse(path, with_value(path.read_bytes(), keyword, value))


@FUZZ
@given(which=st.integers(0, 1), start=st.floats(0, 1), junk=st.binary(min_size=1, max_size=40), cut=st.booleans())
def test_any_bytes_in_a_file_are_read_or_refused(folders, which, start, junk, cut):
    path = sorted(folders[which].iterdir())[0]
    data = path.read_bytes()
    place = int(start * len(data))
    read_or_refuse(path, data[:place] + junk + (b"" if cut else data[place + len(junk) :]))


@pytest.mark.parametrize("manner", ["philips", "philips enhanced"])
@pytest.mark.parametrize("keyword", KEYWORDS)
def test_a_tag_that_is_missing_is_done_without_or_named(tmp_path, manner, keyword):
    folder = export(tmp_path / "scan", small_scan((0.004,)), MANNERS[manner])
    path = sorted(folder.iterdir())[0]
    dataset = pydicom.dcmread(path)
    dataset.pop(keyword, None)
    dataset.save_as(path)
    read_or_refuse(path, path.read_bytes())


def test_the_libraries_log_nothing_of_a_patient(tmp_path, caplog, recwarn):
    folder = export(tmp_path / "scan", small_scan((0.004,)), SIEMENS)
    root = b"1.2.826.0.1.3680043.8.498.77."
    for path in folder.iterdir():  # as if a name had got into tags that are read, where it is no valid value
        path.write_bytes(path.read_bytes().replace(root, PATIENT.encode().ljust(len(root), b"^")))
    recwarn.clear()
    with caplog.at_level(logging.DEBUG):
        read_dicom(folder)
    assert not any("Sesam" in text for text in [caplog.text, *(str(w.message) for w in recwarn)])
