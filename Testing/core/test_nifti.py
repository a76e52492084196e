"""NIfTI files: what goes in comes out at the same place, and a bad file is refused in one sentence."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
import SimpleITK

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io import nifti, nifti_header
from QSMReconstructionCore.io.nifti import nifti_parts, read_header, read_nifti, write_nifti


def oblique(shape, seed=0, mirrored=False) -> Grid:
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    if (np.linalg.det(q) < 0) != mirrored:
        q[:, 0] *= -1
    return Grid(shape, (2.0, 0.7, 1.3), tuple(map(tuple, q)), (10.0, -20.0, 33.3))


def values(shape) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def itk_geometry(path) -> np.ndarray:
    """The matrix from (i, j, k) to RAS that ITK, and so Slicer, sees."""
    image = SimpleITK.ReadImage(str(path))
    n = image.GetDimension()
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(image.GetDirection(), (n, n))[:3, :3] * image.GetSpacing()[:3]
    matrix[:3, 3] = image.GetOrigin()[:3]
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ matrix


def edited(path, offset: int, fmt: str, *numbers) -> None:
    """Overwrite numbers in the header of an uncompressed file."""
    raw = bytearray(path.read_bytes())
    struct.pack_into(fmt, raw, offset, *numbers)
    path.write_bytes(raw)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("shape", [(5, 6, 7), (3, 5, 6, 7)])
@pytest.mark.parametrize("name", ["map.nii", "map.nii.gz"])
def test_values_and_oblique_geometry_survive(tmp_path, name, shape, mirrored):
    grid = oblique(shape[-3:], mirrored=mirrored)
    array = values(shape)
    write_nifti(tmp_path / name, array, grid)
    again, read = read_nifti(tmp_path / name)
    np.testing.assert_array_equal(again, array)
    np.testing.assert_allclose(read.ijk_to_ras, grid.ijk_to_ras, atol=1e-5)
    np.testing.assert_allclose(read.b0_direction, grid.b0_direction, atol=1e-6)
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("seed", range(4))
def test_itk_sees_the_same_values_at_the_same_place(tmp_path, seed):
    array = values((3, 5, 6, 7))
    grid = oblique((5, 6, 7), seed, mirrored=bool(seed % 2))
    write_nifti(tmp_path / "map.nii.gz", array, grid)
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(tmp_path / "map.nii.gz")), array)
    np.testing.assert_allclose(itk_geometry(tmp_path / "map.nii.gz"), grid.ijk_to_ras, atol=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_the_quaternion_alone_tells_the_same_geometry(tmp_path, seed):
    grid = oblique((5, 6, 7), seed, mirrored=bool(seed % 2))
    write_nifti(tmp_path / "map.nii", values((5, 6, 7)), grid)
    edited(tmp_path / "map.nii", 254, "<h", 0)
    np.testing.assert_allclose(read_nifti(tmp_path / "map.nii")[1].ijk_to_ras, grid.ijk_to_ras, atol=1e-5)
    np.testing.assert_allclose(itk_geometry(tmp_path / "map.nii"), grid.ijk_to_ras, atol=1e-5)


def test_a_file_that_itk_wrote_is_read_alike(tmp_path):
    image = SimpleITK.GetImageFromArray(values((5, 6, 7)))
    image.SetSpacing((1.3, 0.7, 2.0))
    image.SetOrigin((1.0, 2.0, 3.0))
    image.SetDirection((0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, 1.0))
    SimpleITK.WriteImage(image, tmp_path / "itk.nii.gz")
    array, grid = read_nifti(tmp_path / "itk.nii.gz")
    np.testing.assert_array_equal(array, values((5, 6, 7)))
    np.testing.assert_allclose(grid.ijk_to_ras, itk_geometry(tmp_path / "itk.nii.gz"), atol=1e-6)


def test_a_sform_to_an_atlas_yields_to_the_scanner_coordinates(tmp_path):
    grid = oblique((5, 6, 7))
    write_nifti(tmp_path / "map.nii", values((5, 6, 7)), grid)
    edited(tmp_path / "map.nii", 254, "<h", 4)
    edited(tmp_path / "map.nii", 280, "<12f", 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0)
    read = read_nifti(tmp_path / "map.nii")[1]
    np.testing.assert_allclose(read.ijk_to_ras, grid.ijk_to_ras, atol=1e-5)
    np.testing.assert_allclose(itk_geometry(tmp_path / "map.nii"), grid.ijk_to_ras, atol=1e-5)


def test_without_an_orientation_itks_axes_are_assumed_and_said(tmp_path):
    write_nifti(tmp_path / "map.nii", values((5, 6, 7)), Grid((5, 6, 7), (3.0, 2.0, 1.0)))
    assert read_header(tmp_path / "map.nii").oriented
    edited(tmp_path / "map.nii", 252, "<2h", 0, 0)
    header = read_header(tmp_path / "map.nii")
    assert not header.oriented
    np.testing.assert_allclose(header.grid.ijk_to_ras, itk_geometry(tmp_path / "map.nii"), atol=1e-6)


@pytest.mark.parametrize(
    ("array", "stored"),
    [
        (np.array([[[True, False]]]), np.uint8),
        (np.array([[[3, 250]]], np.uint8), np.uint8),
        (np.array([[[-3, 4000]]], np.int16), np.int16),
        (np.array([[[0.25, -1.5]]], np.float64), np.float32),
    ],
)
def test_each_type_is_stored_without_loss(tmp_path, array, stored):
    write_nifti(tmp_path / "a.nii.gz", array, Grid((1, 1, 2)))
    again, _ = read_nifti(tmp_path / "a.nii.gz")
    assert again.dtype == stored
    np.testing.assert_array_equal(again, array.astype(stored))


def test_the_slope_of_the_header_is_applied_unless_the_stored_values_are_wanted(tmp_path):
    array = np.array([[[0, 2048, 4095]]], np.int16)
    write_nifti(tmp_path / "a.nii", array, Grid((1, 1, 3)))
    edited(tmp_path / "a.nii", 112, "<2f", 2.0, -4096.0)
    np.testing.assert_array_equal(read_nifti(tmp_path / "a.nii")[0], np.float32([[[-4096, 0, 4094]]]))
    np.testing.assert_array_equal(read_nifti(tmp_path / "a.nii", stored=True)[0], array)


@pytest.mark.parametrize("slope", [0.0, float("nan")])
def test_a_slope_of_nothing_means_no_scaling(tmp_path, slope):
    write_nifti(tmp_path / "a.nii", values((2, 2, 2)), Grid((2, 2, 2)))
    edited(tmp_path / "a.nii", 112, "<2f", slope, 5.0)
    np.testing.assert_array_equal(read_nifti(tmp_path / "a.nii")[0], values((2, 2, 2)))


def test_big_endian_files_are_read(tmp_path):
    grid = oblique((2, 3, 4))
    write_nifti(tmp_path / "a.nii", values((2, 3, 4)), grid)
    raw = (tmp_path / "a.nii").read_bytes()
    header = np.frombuffer(raw[:348], nifti_header._header_type(0, "<"))
    swapped = header.astype(nifti_header._header_type(0, ">")).tobytes()
    (tmp_path / "b.nii").write_bytes(swapped + raw[348:352] + values((2, 3, 4)).astype(">f4").tobytes())
    array, read = read_nifti(tmp_path / "b.nii")
    np.testing.assert_array_equal(array, values((2, 3, 4)))
    np.testing.assert_allclose(read.ijk_to_ras, grid.ijk_to_ras, atol=1e-5)
    assert array.dtype.isnative


def test_version_2_files_are_read(tmp_path):
    fields = np.zeros((), nifti_header._header_type(1))
    fields["sizeof_hdr"], fields["magic"], fields["datatype"], fields["vox_offset"] = 540, b"n+2\0\r\n\x1a\n", 16, 544
    fields["dim"], fields["sform_code"] = [3, 4, 3, 2, 1, 1, 1, 1], 1
    fields["srow"] = oblique((2, 3, 4)).ijk_to_ras[:3]
    (tmp_path / "a.nii").write_bytes(fields.tobytes() + bytes(4) + values((2, 3, 4)).tobytes())
    array, grid = read_nifti(tmp_path / "a.nii")
    np.testing.assert_array_equal(array, values((2, 3, 4)))
    np.testing.assert_allclose(grid.ijk_to_ras, oblique((2, 3, 4)).ijk_to_ras, atol=1e-12)


def test_a_volume_beside_a_compressed_one_is_not_mistaken_for_it(tmp_path):
    write_nifti(tmp_path / "a.nii", values((2, 2, 2)), Grid((2, 2, 2)))
    write_nifti(tmp_path / "a.nii.gz", -values((2, 2, 2)), Grid((2, 2, 2)))
    np.testing.assert_array_equal(read_nifti(tmp_path / "a.nii.gz")[0], -values((2, 2, 2)))


def test_equal_arrays_make_equal_files(tmp_path):
    for name in ("a.nii.gz", "b.nii.gz"):
        write_nifti(tmp_path / name, values((4, 4, 4)), Grid((4, 4, 4)))
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def _good(tmp_path, name="good.nii.gz"):
    write_nifti(tmp_path / name, values((8, 8, 8)), Grid((8, 8, 8)))
    return tmp_path / name


def _missing(tmp_path):
    return tmp_path / "nowhere.nii.gz"


def _folder(tmp_path):
    return tmp_path


def _empty(tmp_path):
    (tmp_path / "empty.nii.gz").touch()
    return tmp_path / "empty.nii.gz"


def _truncated(tmp_path):
    path = _good(tmp_path)
    path.write_bytes(path.read_bytes()[:900])
    return path


def _truncated_plain(tmp_path):
    path = _good(tmp_path, "good.nii")
    path.write_bytes(path.read_bytes()[:900])
    return path


def _flipped_bit(tmp_path):
    path = _good(tmp_path)
    raw = bytearray(path.read_bytes())
    raw[-6] ^= 1
    path.write_bytes(raw)
    return path


def _text(tmp_path):
    (tmp_path / "a.nii").write_text("This is no image at all. " * 40)
    return tmp_path / "a.nii"


def _short_header(tmp_path):
    path = _good(tmp_path, "good.nii")
    path.write_bytes(path.read_bytes()[:100])
    return path


def _absurd(tmp_path):
    path = _good(tmp_path, "good.nii")
    edited(path, 40, "<8h", 3, 32000, 32000, 32000, 1, 1, 1, 1)
    return path


def _absurd_compressed(tmp_path):
    path = _absurd(tmp_path)
    packed = tmp_path / "absurd.nii.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    return packed


def _half(tmp_path):
    path = _good(tmp_path, "good.nii")
    edited(path, 344, "<4s", b"ni1\0")
    return path


def _analyze(tmp_path):
    path = _good(tmp_path, "good.nii")
    edited(path, 344, "<4s", b"\0\0\0\0")
    return path


def _complex(tmp_path):
    path = _good(tmp_path, "good.nii")
    edited(path, 70, "<h", 32)
    return path


def _five_dimensions(tmp_path):
    path = _good(tmp_path, "good.nii")
    edited(path, 40, "<8h", 5, 8, 8, 4, 1, 2, 1, 1)
    return path


def _no_dimensions(tmp_path):
    path = _good(tmp_path, "good.nii")
    edited(path, 40, "<8h", 3, 8, -8, 8, 1, 1, 1, 1)
    return path


def _sheared(tmp_path):
    path = _good(tmp_path, "good.nii")
    edited(path, 280, "<12f", 1, 0.5, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0)
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_missing, "does not exist"),
        (_folder, "is a folder"),
        (_empty, "is empty"),
        (_truncated, "is truncated"),
        (_truncated_plain, "is truncated"),
        (_flipped_bit, "truncated or damaged"),
        (_text, "is not a NIfTI file"),
        (_short_header, "its header is not complete"),
        (_absurd, "promises 131072000000000 bytes .* more than the file can hold"),
        (_absurd_compressed, "more than the file can hold"),
        (_half, "one half of a .hdr/.img pair"),
        (_analyze, "Analyze"),
        (_complex, "not real numbers"),
        (_five_dimensions, "more than four dimensions"),
        (_no_dimensions, "is damaged"),
        (_sheared, "geometry that cannot be used: direction must have perpendicular"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence_with_its_name(tmp_path, make, message):
    path = make(tmp_path)
    with pytest.raises(ValueError, match=message) as caught:
        read_nifti(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_larger_than_the_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = _good(tmp_path)
    monkeypatch.setattr(nifti_header, "_physical_memory", lambda: 1000)
    with pytest.raises(ValueError, match="GiB of memory"):
        read_nifti(path)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("a.mha", np.zeros((2, 2, 2)), "must end in .nii"),
        ("a.nii", np.zeros((2, 2, 3)), "must have the shape"),
        ("a.nii", np.zeros((2, 2)), "must have the shape"),
        ("a.nii", np.zeros((2, 2, 2), complex), "real numbers"),
    ],
)
def test_what_cannot_be_written_leaves_no_file(tmp_path, name, array, message):
    with pytest.raises(ValueError, match=message):
        write_nifti(tmp_path / name, array, Grid((2, 2, 2)))
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = _good(tmp_path)
    before = path.read_bytes()

    def full(parts):
        yield b"half"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nifti, "_gzipped", full)
    with pytest.raises(OSError, match="No space"):
        write_nifti(path, values((8, 8, 8)), Grid((8, 8, 8)))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_file_can_be_written_piece_by_piece(tmp_path):
    grid = Grid((5, 6, 7), (1.5, 1.0, 0.8))
    values = np.random.default_rng(0).normal(size=(2, *grid.shape)).astype(np.float32)
    (tmp_path / "pieces.nii").write_bytes(b"".join(nifti_parts(values, grid)))
    write_nifti(tmp_path / "whole.nii", values, grid)
    assert (tmp_path / "pieces.nii").read_bytes() == (tmp_path / "whole.nii").read_bytes()
    with pytest.raises(ValueError, match="array must have the shape"):
        nifti_parts(values[:, 1:], grid)
