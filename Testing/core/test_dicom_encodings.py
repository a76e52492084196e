"""However a file is encoded, and wherever it keeps slope and kind, the same scan is read from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
)

from QSMReconstructionCore.acquisition import Acquisition
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.dicom.scan import read_dicom
from scanners import MANNERS, export
from small_scan import small_scan

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def rewritten(folder, change):
    """The folder with each file read, changed and saved again."""
    for path in sorted(folder.iterdir()):
        change(pydicom.dcmread(path), path)
    return folder


def same_scan(one, other):
    np.testing.assert_array_equal(one.phase, other.phase)
    np.testing.assert_array_equal(one.magnitude, other.magnitude)
    assert one.grid.same_geometry(other.grid)


@pytest.mark.parametrize("manner", ["siemens", "ge", "philips enhanced"])
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_any_byte_order_and_any_way_to_tell_types_is_read(tmp_path, manner, syntax):
    def change(dataset, path):
        if syntax == ExplicitVRBigEndian:
            dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").byteswap().tobytes()
        dataset.file_meta.TransferSyntaxUID = syntax
        implicit, little = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
        pydicom.dcmwrite(path, dataset, implicit_vr=implicit, little_endian=little, force_encoding=True)

    folder = export(tmp_path / "scan", small_scan(), MANNERS[manner])
    plain = read_dicom(folder)
    same_scan(read_dicom(rewritten(folder, change)), plain)


@pytest.mark.parametrize("manner", ["siemens", "ge", "siemens xa"])
@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEG2000Lossless])
def test_losslessly_compressed_images_are_read(tmp_path, manner, syntax):
    def change(dataset, path):
        frames = np.atleast_3d(dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns))
        dataset.PixelData = encapsulate([compressed(frame, syntax, tmp_path / "frame.dcm") for frame in frames])
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.BitsStored, dataset.HighBit = 16, 15
        dataset.save_as(path)

    folder = export(tmp_path / "scan", wide_scan(), MANNERS[manner])
    plain = read_dicom(folder)
    same_scan(read_dicom(rewritten(folder, change)), plain)


def wide_scan() -> Acquisition:
    """Two slices of noise, wide enough for every compression."""
    random, shape = np.random.default_rng(3), (2, 2, 64, 48)
    phase = random.uniform(-np.pi, np.pi, shape).astype(np.float32)
    magnitude = random.uniform(1, 10, shape).astype(np.float32)
    return Acquisition(magnitude, phase, (0.004, 0.008), 3.0, Grid(shape[1:], (2.0, 1.0, 1.5)))


def compressed(frame, syntax, scratch) -> bytes:
    """The code stream of an image, made by GDCM."""
    writer = SimpleITK.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.SetFileName(str(scratch))
    writer.UseCompressionOn()
    writer.SetCompressor("JPEG2000" if syntax == JPEG2000Lossless else "JPEG")
    writer.Execute(SimpleITK.GetImageFromArray(frame))
    file = pydicom.dcmread(scratch)
    assert file.file_meta.TransferSyntaxUID == syntax
    return next(pydicom.encaps.generate_frames(file.PixelData, number_of_frames=1))


def test_files_without_preamble_are_read(tmp_path):
    folder = export(tmp_path / "scan", small_scan(), MANNERS["siemens"])
    plain = read_dicom(folder)

    def change(dataset, path):
        bare = pydicom.Dataset()
        bare.update(dataset)
        pydicom.dcmwrite(path, bare, implicit_vr=True, little_endian=True, enforce_file_format=False)
        assert path.read_bytes()[:2] == b"\x08\x00"

    same_scan(read_dicom(rewritten(folder, change)), plain)


def test_the_numbers_that_philips_measured_have_one_scale(tmp_path):
    scan = small_scan()

    def edit(dataset, kind, echo, k):
        if kind == "magnitude":
            dataset.RescaleSlope = f"{1 + echo}"
            dataset.add_new((0x2005, 0x0010), "LO", "Philips MR Imaging DD 001")
            dataset.add_new((0x2005, 0x100E), "FL", 2.0**echo)

    shown = read_dicom(export(tmp_path / "shown", scan, MANNERS["philips"]))
    measured = read_dicom(export(tmp_path / "measured", scan, MANNERS["philips"], edit=edit))
    ratio = measured.magnitude / shown.magnitude
    for echo in range(3):
        np.testing.assert_allclose(ratio[echo], ratio[0].mean() / 2**echo, rtol=1e-5)
    np.testing.assert_array_equal(measured.phase, shown.phase)


@pytest.mark.parametrize("place", ["real world value without unit", "private tags"])
def test_a_slope_may_be_in_other_places(tmp_path, place):
    def edit(dataset, kind, echo, k):
        if kind != "phase":
            return
        slope, intercept = dataset.RescaleSlope, dataset.RescaleIntercept
        for keyword in ("RescaleSlope", "RescaleIntercept", "RescaleType"):
            del dataset[keyword]
        if place == "private tags":
            del dataset.RealWorldValueMappingSequence
            dataset.add_new((0x2005, 0x0014), "LO", "Philips MR Imaging DD 005")
            dataset.add_new((0x2005, 0x1409), "DS", str(intercept))
            dataset.add_new((0x2005, 0x140A), "DS", str(slope))
        else:
            dataset.RealWorldValueMappingSequence[0].MeasurementUnitsCodeSequence[0].CodeValue = "1"

    plain = read_dicom(export(tmp_path / "plain", small_scan(), MANNERS["philips"]))
    moved = read_dicom(export(tmp_path / "moved", small_scan(), MANNERS["philips"], edit=edit))
    assert moved.sources["phase"].startswith("header, -3142 to 3142")
    np.testing.assert_allclose(moved.phase, plain.phase, atol=1e-3)


@pytest.mark.parametrize("manner", ["siemens xa", "philips enhanced"])
def test_what_all_frames_share_may_be_told_once(tmp_path, manner):
    def share(dataset, kind, echo, k):
        frames, shared = dataset.PerFrameFunctionalGroupsSequence, dataset.SharedFunctionalGroupsSequence[0]
        names = ("MREchoSequence", "MRImageFrameTypeSequence", "PlaneOrientationSequence",
                 "PixelValueTransformationSequence", "RealWorldValueMappingSequence")  # fmt: skip
        for name in names:
            if name in frames[0]:
                shared[name] = frames[0][name]
                for frame in frames:
                    del frame[name]

    plain = read_dicom(export(tmp_path / "plain", small_scan(), MANNERS[manner]))
    same_scan(read_dicom(export(tmp_path / "shared", small_scan(), MANNERS[manner], edit=share)), plain)


def test_localizers_and_maps_beside_the_scan_do_not_disturb(tmp_path):
    folder = export(tmp_path / "study", small_scan(), MANNERS["siemens"])
    plain = read_dicom(folder)
    turned = [["1", "0", "0", "0", "1", "0"], ["1", "0", "0", "0", "0", "-1"], ["0", "1", "0", "0", "0", "-1"]]

    def localizer(dataset, kind, echo, k):
        dataset.ImageOrientationPatient = turned[k % 3]
        dataset.SeriesNumber, dataset.SeriesInstanceUID = 1, "1.2.3.1"
        dataset.SeriesDescription = dataset.ProtocolName = "localizer"

    def weighted(dataset, kind, echo, k):
        dataset.ImageType = ["DERIVED", "PRIMARY", "M", "SWI"] if kind == "phase" else ["DERIVED", "PRIMARY", "MNIP"]
        dataset.SeriesNumber, dataset.SeriesInstanceUID = 8, "1.2.3.8"

    magnitude = replace(MANNERS["siemens"], storages=MANNERS["siemens"].storages[:1])
    export(folder / "1", small_scan((0.005,)), magnitude, edit=localizer)
    export(folder / "8", small_scan((0.004,)), MANNERS["siemens"], edit=weighted)
    same_scan(read_dicom(folder), plain)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["PHASE MAP", "P", "FFE"], "phase"), (["P_FFE"], "phase"), (["PHASE"], "phase"), (["PHASE_IMAGE"], "phase"),
        (["P", "ND", "NORM", "DIS3D"], "phase"), (["M_FFE", "M", "FFE"], "magnitude"), (["REAL"], "real"),
        (["R_FFE", "R", "FFE"], "real"), (["IMAGINARY"], "imaginary"), (["I"], "imaginary"),
    ],
)  # fmt: skip
def test_every_word_for_what_an_image_shows_is_known(words, kind):
    from QSMReconstructionCore.io.dicom.conventions import image_kind
    from QSMReconstructionCore.io.dicom.headers import FrameHeader

    dataset = pydicom.Dataset()
    dataset.ImageType = ["ORIGINAL", "PRIMARY", *words]
    assert image_kind(FrameHeader(dataset), "Canon") == (kind, "ImageType")


def test_the_name_of_a_series_counts_only_where_no_tag_tells(tmp_path):
    def edit(dataset, kind, echo, k):
        dataset.SeriesDescription = "multiphase phase"

    read = read_dicom(export(tmp_path / "scan", small_scan(), MANNERS["siemens"], edit=edit))
    assert read.sources["kinds"] == "magnitude: ImageType, phase: ImageType"
    hitachi = read_dicom(export(tmp_path / "other", small_scan(), MANNERS["hitachi"]))
    assert "phase: SeriesDescription, because no other tag says" in hitachi.sources["kinds"]
