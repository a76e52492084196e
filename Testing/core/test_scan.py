"""A scan is assembled from files, every fact with its source, and what does not fit together is named."""

from __future__ import annotations

import json

import numpy as np
import pytest

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import write_nifti
from QSMReconstructionCore.io.params import Params, params_of, read_params
from QSMReconstructionCore.io.scan import read_mask, read_scan, read_volume


@pytest.fixture
def files(tmp_path, acquisition):
    """One 3D file with sidecar per echo, named against the order of the echo times."""
    paths = {"phase": [], "magnitude": []}
    for echo, time in enumerate(acquisition.echo_times):
        for part, volumes in (("phase", acquisition.phase), ("magnitude", acquisition.magnitude)):
            path = tmp_path / f"{'zyx'[echo]}_{part}.nii.gz"
            write_nifti(path, volumes[echo], acquisition.grid)
            facts = {"EchoTime": time, "MagneticFieldStrength": 3, "ImagingFrequency": 127.7}
            (tmp_path / f"{'zyx'[echo]}_{part}.json").write_text(json.dumps(facts))
            paths[part].append(path)
    return paths


@pytest.fixture
def series(tmp_path, acquisition):
    """One 4D file each of phase and magnitude, without sidecar."""
    for part in ("phase", "magnitude"):
        write_nifti(tmp_path / f"{part}.nii.gz", getattr(acquisition, part), acquisition.grid)
    return {part: [tmp_path / f"{part}.nii.gz"] for part in ("phase", "magnitude")}


def edit_sidecar(path, **facts):
    """Change facts in the sidecar of an image; None removes one."""
    beside = path.with_name(path.name.replace(".nii.gz", ".json"))
    entries = json.loads(beside.read_text()) | facts
    beside.write_text(json.dumps({k: v for k, v in entries.items() if v is not None}))


def test_a_4d_file_with_given_facts_is_the_scan(series, acquisition):
    scan = read_scan(**series, echo_times=acquisition.echo_times, field_strength=3)
    np.testing.assert_array_equal(scan.phase, acquisition.phase)
    np.testing.assert_array_equal(scan.magnitude, acquisition.magnitude)
    assert scan.echo_times == acquisition.echo_times
    assert scan.grid.same_geometry(acquisition.grid)
    assert scan.sources["echo_times"] == scan.sources["field_strength"] == "given"
    assert scan.sources["orientation"] == "header"


def test_every_fact_tells_where_it_came_from(series, files, acquisition):
    scan = read_scan(**series, echo_times=acquisition.echo_times, field_strength=3)
    facts = {"orientation", "echo_times", "field_strength", "imaging_frequency", "phase", "phase_sign"}
    assert facts <= scan.sources.keys()
    assert scan.sources["imaging_frequency"].startswith("assumed")
    assert scan.sources["phase_sign"].startswith("assumed")
    for path in files["phase"]:
        edit_sidecar(path, Manufacturer="Siemens")
    told = read_scan(**files).sources
    assert (told["imaging_frequency"], told["phase_sign"]) == ("sidecar", "as exported by Siemens")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_echoes_are_ordered_by_the_echo_times_of_their_sidecars(files, acquisition, order):
    scan = read_scan([files["phase"][n] for n in order], sorted(files["magnitude"]))
    np.testing.assert_array_equal(scan.phase, acquisition.phase)
    np.testing.assert_array_equal(scan.magnitude, acquisition.magnitude)
    assert scan.echo_times == acquisition.echo_times
    assert scan.imaging_frequency == 127.7
    assert scan.sources["echo_times"] == scan.sources["imaging_frequency"] == "sidecar"


def test_magnitude_without_sidecars_follows_the_phase(files, acquisition):
    for path in files["magnitude"]:
        path.with_name(path.name.replace(".nii.gz", ".json")).unlink()
    order = (2, 0, 1)
    scan = read_scan(*([files[part][n] for n in order] for part in ("phase", "magnitude")))
    np.testing.assert_array_equal(scan.magnitude, acquisition.magnitude)


def test_what_is_given_overrides_the_sidecars(files, acquisition):
    scan = read_scan(**files, echo_times=(0.005, 0.006, 0.007), field_strength=2.95)
    assert scan.echo_times == (0.005, 0.006, 0.007)
    assert scan.field_strength == 2.95


def test_a_params_file_gives_facts_and_the_direction_of_b0(tmp_path, series, acquisition):
    entries = {"TE": [0.004, 0.012, 0.02], "B0": 7, "B0_dir": [0.0, 0.6, 0.8], "voxel_size": [1.0, 1.5, 2.0]}
    (tmp_path / "params.json").write_text(json.dumps(entries))
    scan = read_scan(**series, params=read_params(tmp_path / "params.json"))
    assert scan.field_strength == 7
    assert scan.grid.b0_direction == pytest.approx((0.8, 0.6, 0.0))
    assert scan.sources["b0_direction"] == scan.sources["echo_times"] == "params.json"


def test_params_survive_a_round_trip(tmp_path, acquisition):
    (tmp_path / "params.json").write_text(params_of(acquisition))
    grid = acquisition.grid
    assert read_params(tmp_path / "params.json") == Params(
        acquisition.echo_times, 3.0, grid.b0_direction, grid.spacing
    )


def test_vectors_of_params_run_along_x_y_z(acquisition):
    entries = json.loads(params_of(acquisition))
    assert entries["voxel_size"] == [1.0, 1.5, 2.0]
    assert entries["B0_dir"] == [0.0, 0.0, 1.0]


def test_a_wrong_voxel_size_in_params_is_refused(series):
    with pytest.raises(ValueError, match=r"voxel_size in params.json is .* but phase.nii.gz has"):
        read_scan(**series, params=Params((0.004, 0.012, 0.02), 3.0, None, (1.0, 1.0, 1.0)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[1]", "must hold a JSON object"),
        ('{"TE": "soon"}', "TE in .* must be numbers"),
        ('{"B0": "strong"}', "B0 in .* must be numbers"),
        ('{"B0_dir": [0, 1]}', "B0_dir in .* must be 3 numbers"),
    ],
)
def test_bad_params_are_refused_by_entry(tmp_path, text, message):
    (tmp_path / "params.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_params(tmp_path / "params.json")


def test_missing_facts_are_named(series):
    with pytest.raises(ValueError, match="echo_times are missing"):
        read_scan(**series, field_strength=3)
    with pytest.raises(ValueError, match="field_strength is missing"):
        read_scan(**series, echo_times=(0.004, 0.012, 0.02))
    with pytest.raises(ValueError, match="phase has 3 echo.* 2 echo time"):
        read_scan(**series, echo_times=(0.004, 0.012), field_strength=3)
    with pytest.raises(ValueError, match="magnitude has no file"):
        read_scan(series["phase"], [])


def test_a_file_on_another_grid_is_named(tmp_path, files, acquisition):
    odd = files["magnitude"][1]
    write_nifti(odd, acquisition.magnitude[1, :, :, :-1], Grid((4, 5, 5), (2.0, 1.5, 1.0)))
    with pytest.raises(ValueError, match=f"{odd} has 5 x 5 x 4 voxels, but .* has 6 x 5 x 4"):
        read_scan(**files)
    write_nifti(odd, acquisition.magnitude[1], Grid((4, 5, 6), (2.0, 1.5, 1.0), origin=(0.0, 5.0, 0.0)))
    with pytest.raises(ValueError, match=f"{odd} lies elsewhere"):
        read_scan(**files)


def test_a_missing_echo_is_named(files):
    with pytest.raises(ValueError, match=r"phase has 3 echo\(es\), but magnitude has 2"):
        read_scan(files["phase"], files["magnitude"][:2])


@pytest.mark.parametrize(
    ("part", "told", "message"),
    [
        ("phase", {"EchoTime": None}, "sidecar of .* tells no EchoTime"),
        ("phase", {"EchoTime": "late"}, r"EchoTime .* must be 1 number\(s\)"),
        ("phase", {"EchoTime": 0.02}, "phase has the echo times 0.012, 0.02, 0.02"),
        ("magnitude", {"EchoTime": 0.009}, "phase has the echo times 0.004, .* but magnitude has 0.009"),
        ("phase", {"MagneticFieldStrength": 7}, "MagneticFieldStrength is 3 for .* but 7 for"),
        ("phase", {"MagneticFieldStrength": "3T"}, "must be a number"),
        ("phase", {"EchoTime1": 0.004, "EchoTime2": 0.006}, "difference of the phases of two echoes"),
        ("phase", {"Units": "Hz"}, "is a field map in Hz"),
    ],
)
def test_sidecars_that_do_not_fit_are_named(files, part, told, message):
    edit_sidecar(files[part][0], **told)
    with pytest.raises(ValueError, match=message):
        read_scan(**files)


def test_the_vendor_in_the_sidecar_decides_the_sign(files, acquisition):
    edit_sidecar(files["phase"][0], Manufacturer="GE")
    scan = read_scan(**files)
    np.testing.assert_array_equal(scan.phase, -acquisition.phase)
    assert "negated" in scan.sources["phase"]


@pytest.fixture
def parts(tmp_path, acquisition):
    """Real and imaginary part in one 4D file each."""
    complex_image = acquisition.magnitude * np.exp(1j * acquisition.phase)
    for name, values in (("real", complex_image.real), ("imaginary", complex_image.imag)):
        write_nifti(tmp_path / f"{name}.nii.gz", values, acquisition.grid)
    return {name: [tmp_path / f"{name}.nii.gz"] for name in ("real", "imaginary")}


def test_real_and_imaginary_part_are_the_scan(parts, acquisition):
    scan = read_scan(**parts, echo_times=acquisition.echo_times, field_strength=3)
    np.testing.assert_allclose(scan.phase, acquisition.phase, atol=1e-5)
    np.testing.assert_allclose(scan.magnitude, acquisition.magnitude, rtol=1e-5)
    assert scan.sources["phase"] == "real and imaginary part"
    assert scan.sources["phase_sign"].startswith("assumed: as exported by the unnamed vendor")


def test_the_vendor_decides_the_sign_of_real_and_imaginary_part(parts, acquisition):
    (parts["real"][0].parent / "real.json").write_text(json.dumps({"Manufacturer": "GE MEDICAL SYSTEMS"}))
    scan = read_scan(**parts, echo_times=acquisition.echo_times, field_strength=3)
    np.testing.assert_allclose(scan.phase, -acquisition.phase, atol=1e-5)
    assert "slice_polarity" in scan.sources


def test_parts_that_do_not_make_a_pair_are_named(parts, series):
    facts = dict(echo_times=(0.004, 0.012, 0.02), field_strength=3)
    with pytest.raises(ValueError, match="imaginary has no file"):
        read_scan(real=parts["real"], **facts)
    with pytest.raises(ValueError, match="phase cannot go with .*real"):
        read_scan(phase=series["phase"], real=parts["real"], **facts)
    with pytest.raises(ValueError, match="The real part has values from .* so zero is not where the header says"):
        read_scan(real=series["magnitude"], imaginary=parts["imaginary"], **facts)


def test_a_mask_must_lie_on_the_scan(tmp_path, acquisition):
    grid = acquisition.grid
    write_nifti(tmp_path / "mask.nii.gz", np.ones(grid.shape, bool), grid)
    assert read_mask(tmp_path / "mask.nii.gz", grid).all()
    with pytest.raises(ValueError, match="mask .* lies elsewhere in the scanner than the data"):
        read_mask(tmp_path / "mask.nii.gz", Grid(grid.shape, grid.spacing, origin=(0.0, 3.0, 0.0)))
    write_nifti(tmp_path / "mask.nii.gz", np.zeros(grid.shape, bool), grid)
    with pytest.raises(ValueError, match="mask is empty"):
        read_mask(tmp_path / "mask.nii.gz", grid)


def test_one_volume_must_be_one(tmp_path, acquisition):
    write_nifti(tmp_path / "a.nii.gz", acquisition.phase, acquisition.grid)
    with pytest.raises(ValueError, match="field must be one volume, but .* holds 3"):
        read_volume(tmp_path / "a.nii.gz", acquisition.grid, "field")
