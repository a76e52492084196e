"""Real scans, where present: awkward headers, real wraps, real vessels."""

from __future__ import annotations

import json

import numpy as np
import pytest

from QSMReconstructionCore.commandline import main
from QSMReconstructionCore.io.nifti import read_nifti
from QSMReconstructionCore.io.scan import read_scan
from QSMReconstructionCore.metrics import correlation

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


@pytest.fixture(scope="module")
def philips(scans):
    """Files of the two echoes, phase and magnitude, of one conversion."""
    folder = scans / "philips_elition_fieldmap_2echo/nifti_dcm2niix"

    def files(kind):
        stem = f"2001_WIP_fcMRI_Field_Mapping_{kind}"
        return tuple([folder / f"{stem}_e{echo}{part}.nii.gz" for echo in (1, 2)] for part in ("_ph", ""))

    return files


def volume(path) -> np.ndarray:
    return read_nifti(path)[0]


def test_vessels_in_a_crop_at_7_tesla_are_paramagnetic(tmp_path, scans):
    crop = scans / "romeo_small_3echo"
    files = ["--phase", str(crop / "Phase.nii"), "--magnitude", str(crop / "Mag.nii")]
    facts = ["--echo-times", "0.004", "0.008", "0.012", "--field-strength", "7"]
    assert main(["reconstruct", str(tmp_path), *files, *facts, "--progress", "none"]) == 0
    told = json.loads((tmp_path / "chimap.json").read_text())
    assert "slope in the header would shrink" in told["FactSources"]["phase"]
    assert told["MagneticFieldStrength"] == 7
    chimap, last_echo = volume(tmp_path / "chimap.nii.gz"), volume(crop / "Mag.nii")[2]
    defined = volume(tmp_path / "mask.nii.gz") > 0
    assert defined.mean() > 0.5
    vessels = defined & (last_echo <= np.percentile(last_echo[defined], 1))
    assert chimap[vessels].mean() > chimap[defined & ~vessels].mean() + 0.01
    assert np.median(chimap[vessels]) > 0
    assert np.abs(chimap[defined]).max() < 1


def test_the_two_conversions_of_a_scan_are_the_same_scan(philips):
    classic, enhanced = (read_scan(*philips(kind)) for kind in ("cl", "enh"))
    np.testing.assert_array_equal(classic.phase, enhanced.phase)
    np.testing.assert_array_equal(classic.magnitude, enhanced.magnitude)
    assert classic.echo_times == enhanced.echo_times == (0.0023, 0.0046)
    assert classic.grid.same_geometry(enhanced.grid)
    assert classic.sources["phase"] == "radians"
    assert classic.hz_per_ppm == pytest.approx(127.7485)


def test_the_field_map_agrees_with_each_echo(tmp_path, philips):
    phase, magnitude = philips("cl")
    out = tmp_path / "both"
    files = ["--phase", *map(str, phase), "--magnitude", *map(str, magnitude)]
    assert main(["reconstruct", str(out), *files, "--recipe", "preview", "--progress", "none"]) == 0
    scan = read_scan(phase, magnitude)
    mask = volume(out / "mask.nii.gz") > 0
    turn = volume(out / "totalfield.nii.gz") * scan.radians_per_ppm_second
    gained = turn * (scan.echo_times[1] - scan.echo_times[0])
    difference = np.angle(np.exp(1j * (scan.phase[1] - scan.phase[0] - gained)))[mask]
    assert np.median(np.abs(difference)) < 0.05
    assert np.percentile(np.abs(difference), 95) < 0.2

    fields = []
    for echo in (0, 1):
        alone = tmp_path / f"echo{echo}"
        files = ["--phase", str(phase[echo]), "--magnitude", str(magnitude[echo]), "--mask", str(out / "mask.nii.gz")]
        assert main(["reconstruct", str(alone), *files, "--recipe", "preview", "--progress", "none"]) == 0
        fields.append(volume(alone / "localfield.nii.gz"))
    defined = (fields[0] != 0) & (fields[1] != 0)
    assert correlation(*fields, defined) > 0.85


@pytest.mark.parametrize("scanner", ["siemens_prisma_ve11_me_fieldmap", "siemens_prisma_xa30_enhanced_fieldmap"])
def test_a_phase_difference_is_refused_with_the_reason(scans, scanner):
    (phase,) = (scans / scanner / "nifti_dcm2niix").glob("*_ph.nii")
    magnitude = sorted((scans / scanner / "nifti_dcm2niix").glob("*_e2.nii"))
    with pytest.raises(ValueError, match="difference of the phases of two echoes"):
        read_scan([phase], magnitude)


@pytest.mark.parametrize("scanner", ["siemens_prisma_ve11_me_fieldmap", "siemens_prisma_xa30_enhanced_fieldmap"])
def test_siemens_integers_reach_from_minus_pi_to_pi(scans, scanner):
    (phase,) = (scans / scanner / "nifti_dcm2niix").glob("*_ph.nii")
    magnitude = sorted((scans / scanner / "nifti_dcm2niix").glob("*_e2.nii"))
    scan = read_scan([phase], magnitude, echo_times=[0.00246], field_strength=3, metadata=lambda path: {})
    assert scan.sources["phase"] == "12 bit integers, -4096 to 4095, as -pi to pi"
    assert scan.phase.min() == pytest.approx(-np.pi, abs=1e-6)
    assert scan.phase.max() == pytest.approx(np.pi, abs=5e-3)


def test_a_field_map_in_hertz_is_not_taken_for_phase(scans):
    folder = scans / "ge_b0map_invivo/nifti_dcm2niix"
    stem = "GE_6_CV_Neuro_HH_Adv"
    with pytest.raises(ValueError, match="is a field map in Hz"):
        read_scan([folder / f"{stem}_fieldmaphz.nii"], [folder / f"{stem}.nii"])
