"""DICOM as scanners export it comes back as the scan it was written from."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from pydicom.uid import RLELossless

from QSMReconstructionCore.commandline import main
from QSMReconstructionCore.io.dicom.pixels import _decoded_by_itk
from QSMReconstructionCore.io.dicom.scan import read_dicom
from QSMReconstructionCore.io.dicom.stacks import find_stacks
from QSMReconstructionCore.io.nifti import read_nifti
from QSMReconstructionCore.io.polarity import alternating_slices, negate_alternate
from QSMReconstructionCore.phantom import head_phantom
from scanners import MANNERS, PATIENT, export
from small_scan import small_scan

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

#: A step of stored phase: 12 bits over 2 pi. Values next to pi are stored as the largest number below it.
PHASE_STEP = np.pi / 2048


@pytest.fixture(scope="module")
def coarse_head():
    """The digital head at 7 mm, oblique, with echoes short enough for its voxels."""
    return head_phantom(
        shape=(26, 30, 26), spacing=(7.0, 7.0, 7.0), tilt=(20.0, 10.0), echo_times=(0.002, 0.005, 0.008)
    )


def scan_with_frequency():
    return replace(small_scan(), imaging_frequency=127.7)


def phase_error(read, written) -> np.ndarray:
    return np.abs(np.angle(np.exp(1j * (read.phase.astype(float) - written.phase))))


@pytest.mark.parametrize("manner", MANNERS)
def test_a_scan_comes_back_as_it_was_written(tmp_path, coarse_head, manner):
    written = coarse_head.acquisition
    read = read_dicom(export(tmp_path / "scan", written, MANNERS[manner]))
    assert read.echo_times == pytest.approx(written.echo_times, rel=1e-6)
    assert read.field_strength == 3.0
    assert read.grid.same_geometry(written.grid)
    scale = read.magnitude.max() / written.magnitude.max()
    bright = written.magnitude > 0.02 * written.magnitude.max()
    coarse = 0.02 if manner.startswith("ge") or "imaginary" in manner else PHASE_STEP * 1.001
    assert phase_error(read, written)[bright].max() <= coarse
    np.testing.assert_allclose(read.magnitude, written.magnitude * scale, atol=1e-3 * read.magnitude.max())
    assert np.abs(read.phase).max() <= np.float32(np.pi)
    assert set(read.sources) >= {"echo_times", "field_strength", "imaging_frequency", "orientation", "phase"}


def test_every_fact_tells_where_it_came_from(tmp_path):
    read = read_dicom(export(tmp_path / "scan", scan_with_frequency(), MANNERS["siemens"]))
    assert read.imaging_frequency == pytest.approx(127.7)
    assert read.sources["images"] == "magnitude of 3 echo(es) from series 5, phase of 3 echo(es) from series 6"
    assert read.sources["phase"] == "header, -4096 to 4096 as -pi to pi"
    assert read.sources["phase_sign"] == "as exported by Siemens"
    assert "ImagingFrequency" in read.sources["imaging_frequency"]
    given = read_dicom(tmp_path / "scan", echo_times=(0.001, 0.002, 0.003), field_strength=2.9)
    assert (given.echo_times, given.field_strength) == ((0.001, 0.002, 0.003), 2.9)
    assert given.sources["echo_times"] == given.sources["field_strength"] == "given"


@pytest.mark.parametrize(
    ("manner", "sign"),
    [("siemens", "as exported"), ("philips", "as exported"), ("ge", "negated"), ("uih", "negated"),
     ("canon", "assumed: as exported")],
)  # fmt: skip
def test_the_sign_is_the_vendors(tmp_path, manner, sign):
    read = read_dicom(export(tmp_path / "scan", small_scan(), MANNERS[manner]))
    assert read.sources["phase_sign"].startswith(sign)


def test_scale_comes_from_the_header_though_the_values_do_not_fill_it(tmp_path):
    narrow = small_scan()
    narrow = replace(narrow, phase=narrow.phase * np.float32(0.3))
    for manner in ("siemens", "philips", "ge phase"):
        read = read_dicom(export(tmp_path / manner, narrow, replace(MANNERS[manner], alternating=False)))
        assert phase_error(read, narrow).max() <= PHASE_STEP * 1.001


def test_phase_of_unknown_scale_that_does_not_fill_a_range_is_refused(tmp_path):
    def strip(dataset, kind, echo, k):
        dataset.Manufacturer = "Nobody"
        for keyword in ("RescaleSlope", "RescaleIntercept", "RescaleType"):
            if keyword in dataset:
                del dataset[keyword]

    narrow = small_scan()
    narrow = replace(narrow, phase=narrow.phase * np.float32(0.3))
    folder = export(tmp_path / "scan", narrow, MANNERS["siemens"], edit=strip)
    with pytest.raises(ValueError, match="known storage of a scanner"):
        read_dicom(folder)


def test_alternating_slices_are_found_and_not_assumed(tmp_path, coarse_head):
    scan = coarse_head.acquisition
    found, step = alternating_slices(scan.magnitude[0], scan.phase[0])
    assert (found, step < 1) == (False, True)
    flipped = negate_alternate(scan.phase)
    found, flipped_step = alternating_slices(scan.magnitude[0], flipped[0])
    assert found is True
    assert flipped_step == pytest.approx(np.pi - step, abs=1e-4)
    np.testing.assert_allclose(negate_alternate(flipped), scan.phase, atol=1e-6)
    noise = small_scan()
    assert alternating_slices(noise.magnitude[0], noise.phase[0])[0] is None

    for manner, says in (("ge", "alternating, corrected"), ("ge corrected", "the same in all slices")):
        read = read_dicom(export(tmp_path / manner, scan, MANNERS[manner]))
        assert read.sources["slice_polarity"].startswith(says)


def test_several_series_and_other_files_are_sorted_out(tmp_path, coarse_head):
    folder = export(tmp_path / "all", small_scan(), MANNERS["siemens"])
    magnitude_only = replace(MANNERS["siemens"], storages=(replace(MANNERS["siemens"].storages[0], series=2),))

    def other_protocol(dataset, kind, echo, k):
        dataset.ProtocolName = dataset.SeriesDescription = "t1_mprage"

    export(folder / "deeper", small_scan((0.003,)), magnitude_only, edit=other_protocol)
    (folder / "notes.txt").write_text("hello")
    (folder / "DICOMDIR.json").write_text("{}")
    found = find_stacks(folder)
    assert [(row["series"], row["kind"], row["echo_time"]) for row in found.table()] == [
        (2, "magnitude", 3), *((5, "magnitude", t) for t in (4, 12, 20)), *((6, "phase", t) for t in (4, 12, 20)),
    ]  # fmt: skip
    assert found.other_files == 2
    assert "gre_qsm" in str(found) and "t1_mprage" in str(found)
    assert read_dicom(folder).sources["images"].endswith("from series 6")


def test_repeated_scans_need_a_choice(tmp_path):
    first = MANNERS["siemens"]
    second = replace(first, storages=tuple(replace(s, series=s.series + 10) for s in first.storages))
    again = replace(small_scan(), phase=-small_scan().phase)
    folder = export(tmp_path / "a", small_scan(), first).parent
    export(tmp_path / "b", again, second)
    with pytest.raises(ValueError, match="There are 2 scans with phase: .*series 6; .*series 16. Choose one"):
        read_dicom(folder)
    for series in (15, 16):
        assert phase_error(read_dicom(folder, series=series), again).max() < PHASE_STEP * 1.001
    with pytest.raises(ValueError, match="There is no series 99. There are: 5, 6, 15, 16"):
        read_dicom(folder, series=99)


def test_one_multi_frame_file_may_hold_everything(tmp_path):
    folder = export(tmp_path / "parts", small_scan(), MANNERS["philips enhanced"])
    parts = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
    whole = parts[0]
    whole.PerFrameFunctionalGroupsSequence = [f for part in parts for f in part.PerFrameFunctionalGroupsSequence]
    whole.PixelData = b"".join(part.PixelData for part in parts)
    whole.NumberOfFrames = len(whole.PerFrameFunctionalGroupsSequence)
    whole.ImageType = ["ORIGINAL", "PRIMARY", "T1", "MIXED"]
    whole.save_as(tmp_path / "whole.dcm")
    one, many = read_dicom(tmp_path / "whole.dcm"), read_dicom(folder)
    np.testing.assert_array_equal(one.phase, many.phase)
    np.testing.assert_array_equal(one.magnitude, many.magnitude)


def test_a_series_exported_in_both_manners_is_taken_once(tmp_path):
    export(tmp_path / "classic", small_scan(), MANNERS["philips"])
    export(tmp_path / "enhanced", small_scan(), MANNERS["philips enhanced"])
    found = find_stacks(tmp_path)
    assert len(found.stacks) == 6
    assert found.copies == 6 * 6


def test_compressed_images_are_read(tmp_path):
    folder = export(tmp_path / "scan", small_scan(), MANNERS["siemens xa"])
    plain = read_dicom(folder)
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        dataset.compress(RLELossless)
        np.testing.assert_array_equal(_decoded_by_itk(dataset), dataset.pixel_array)
        dataset.save_as(path)
    packed = read_dicom(folder)
    np.testing.assert_array_equal(packed.phase, plain.phase)
    np.testing.assert_array_equal(packed.magnitude, plain.magnitude)


def test_the_command_line_lists_what_it_found_and_keeps_names_to_itself(tmp_path, capsys):
    folder = export(tmp_path / "scan", head_phantom(
        shape=(16, 19, 16), spacing=(11.0, 11.0, 11.0), echo_times=(0.002, 0.005)
    ).acquisition, MANNERS["philips"])  # fmt: skip
    out = tmp_path / "out"
    assert main(["reconstruct", str(out), "--dicom", str(folder), "--recipe", "preview", "--progress", "json"]) == 0
    shown = capsys.readouterr()
    assert "gre_qsm" not in shown.out
    assert shown.err.count("gre_qsm") == 4
    assert "Taken: magnitude of 2 echo(es) from series 301, phase of 2 echo(es) from series 301." in shown.err
    assert all("fraction" in json.loads(line) for line in shown.out.splitlines())
    told = (out / "chimap.json").read_text()
    assert json.loads(told)["FactSources"]["phase"] == "header, in mrad"
    assert len(json.loads(told)["InputFiles"]) == 4 * 16
    assert read_nifti(out / "chimap.nii.gz")[0].any()
    texts = [shown.out, shown.err, *(path.read_text() for path in out.iterdir() if path.suffix in (".json", ".html"))]
    assert len(texts) > 5
    for text in texts:
        assert not any(part in text for part in PATIENT.split("^"))


def test_the_report_names_the_patient_when_asked(tmp_path, capsys):
    folder = export(tmp_path / "scan", head_phantom(
        shape=(16, 19, 16), spacing=(11.0, 11.0, 11.0), echo_times=(0.002, 0.005)
    ).acquisition, MANNERS["siemens"])  # fmt: skip
    out = tmp_path / "out"
    (out / "dicom").mkdir(parents=True)
    for left in ("dicom/chimap_0099.dcm", "chimap.nii"):
        (out / left).write_bytes(b"of an earlier reconstruction")
    given = ["--dicom", str(folder), "--recipe", "preview", "--progress", "none", "--identify", "--write-dicom"]
    assert main(["reconstruct", str(out), *given]) == 0
    assert PATIENT in (out / "report.html").read_text()
    assert json.loads((out / "report.json").read_text())["Identity"]["PatientName"] == PATIENT
    assert PATIENT not in capsys.readouterr().err
    assert not (out / "chimap.nii").exists() and not (out / "dicom/chimap_0099.dcm").exists()
    assert len(list((out / "dicom").iterdir())) == 16


def test_pydicom_is_asked_for_where_it_is_missing(run_python, tmp_path):
    code = (
        "import sys; sys.modules['pydicom'] = None\n"
        "from QSMReconstructionCore.commandline import main\n"
        f"sys.exit(main(['reconstruct', {str(tmp_path / 'out')!r}, '--dicom', {str(tmp_path)!r}]))"
    )
    done = run_python(code)
    assert done.returncode == 1
    assert "needs the Python package pydicom" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_copy_of_a_file_changes_nothing(tmp_path):
    folder = export(tmp_path / "scan", small_scan(), MANNERS["siemens"])
    plain = read_dicom(folder)
    shutil.copy(next(folder.iterdir()), folder / "copy")
    assert find_stacks(folder).copies == 1
    assert "1 image(s) that came more than once" in str(find_stacks(folder))
    np.testing.assert_array_equal(read_dicom(folder).phase, plain.phase)


def test_echoes_in_series_of_their_own_are_one_scan(tmp_path):
    def split(dataset, kind, echo, k):
        dataset.SeriesNumber = 10 * echo + dataset.SeriesNumber
        dataset.SeriesInstanceUID = f"{dataset.SeriesInstanceUID}.{echo}"

    folder = export(tmp_path / "scan", small_scan(), MANNERS["siemens"], edit=split)
    read = read_dicom(folder)
    assert phase_error(read, small_scan()).max() <= PHASE_STEP * 1.001
    assert read.sources["images"].endswith("phase of 3 echo(es) from series 6 and series 16 and series 26")


def test_of_two_magnitudes_the_nearest_series_is_taken(tmp_path):
    manner = MANNERS["siemens"]
    folder = export(tmp_path / "scan", small_scan(), manner)
    further = replace(manner, storages=(replace(manner.storages[0], series=2),))
    export(tmp_path / "scan/normalized", small_scan(), further)
    another = replace(manner, storages=(replace(manner.storages[0], series=7),))
    export(tmp_path / "scan/other", small_scan((0.003,)), another)
    assert read_dicom(folder).sources["images"].startswith("magnitude of 3 echo(es) from series 5,")


def test_names_of_protocols_need_not_agree(tmp_path):
    def rename(dataset, kind, echo, k):
        del dataset.ProtocolName
        dataset.SeriesDescription = f"gre {kind}"

    assert len(read_dicom(export(tmp_path / "scan", small_scan(), MANNERS["siemens"], edit=rename)).echo_times) == 3


def test_a_tag_left_at_magnitude_does_not_hide_the_phase(tmp_path):
    folder = export(
        tmp_path / "scan", small_scan(), MANNERS["siemens"],
        edit=lambda dataset, kind, echo, k: setattr(dataset, "ComplexImageComponent", "MAGNITUDE"),
    )  # fmt: skip
    assert read_dicom(folder).sources["kinds"] == "magnitude: ComplexImageComponent, phase: ImageType"


def test_images_without_a_label_are_taken_for_magnitude_and_said_to_be_assumed(tmp_path):
    def unlabel(dataset, kind, echo, k):
        if kind == "magnitude":
            dataset.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]

    read = read_dicom(export(tmp_path / "scan", small_scan(), MANNERS["canon"], edit=unlabel))
    assert read.sources["kinds"] == "magnitude: assumed, because no tag says what they show, phase: ImageType"
