"""Field maps of the digital head, and of real scans where they are present."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from QSMReconstructionCore.acquisition import Acquisition
from QSMReconstructionCore.fieldmapping.echo_average import echo_average
from QSMReconstructionCore.fieldmapping.laplacian import laplacian
from QSMReconstructionCore.fieldmapping.nonlinear_fit import nonlinear_fit
from QSMReconstructionCore.fieldmapping.romeo_linear import romeo_linear
from QSMReconstructionCore.io.nifti import read_nifti
from QSMReconstructionCore.numerics.romeo_weights import wrapped
from QSMReconstructionCore.phantom import head_phantom


@pytest.fixture(autouse=True)
def arithmetic_errors_are_errors():
    with np.errstate(all="raise", under="ignore"):
        yield


def errors(field_map, head):
    """Absolute errors in ppb inside the mask, less a constant."""
    off = (field_map.field - head.total_field)[head.mask]
    return 1e3 * np.abs(off - np.median(off))


def test_the_head_is_mapped_to_a_part_per_billion_away_from_the_sinuses(head):
    # 4 mm voxels dephase in a wide neighbourhood of air: the last percent is beyond any method.
    found = errors(romeo_linear(head.acquisition, head.mask), head)
    assert np.median(found) < 0.7
    assert np.percentile(found, 90) < 3.3
    free = errors(romeo_linear(head.acquisition, head.mask, phase_offset="free"), head)
    assert np.median(found) < 0.75 * np.median(free)
    assert np.percentile(found, 99) < 0.5 * np.percentile(free, 99)


def test_the_noise_map_of_the_head_is_honest_where_the_signal_is_broken_too(head):
    found = romeo_linear(head.acquisition, head.mask)
    z = errors(found, head) / 1e3 / found.noise[head.mask]
    assert 0.8 < np.median(z) / 0.6745 < 1.4
    assert np.percentile(z, 99) < 10


@pytest.mark.parametrize("echo", range(5))
def test_an_echo_spoiled_by_motion_loses_its_weight_and_is_reported(head, echo):
    scan = head.acquisition
    k, j, i = np.meshgrid(*(np.linspace(-1, 1, n) for n in scan.grid.shape), indexing="ij")
    phase = scan.phase.copy()
    phase[echo] = wrapped(phase[echo] + np.float32(2.5) * np.sin(3 * k + 2 * j) * np.cos(4 * i).astype(np.float32))
    found = romeo_linear(replace(scan, phase=phase.astype(np.float32)), head.mask)
    assert np.median(errors(found, head)) < 0.8
    assert np.percentile(errors(found, head), 90) < 4.5
    (note,) = found.notes
    assert note.startswith(f"Echo {echo + 1} ({1000 * scan.echo_times[echo]:g} ms) departs from the other echoes")
    z = errors(found, head) / 1e3 / found.noise[head.mask]
    assert 0.7 < np.median(z) / 0.6745 < 1.5


@pytest.mark.parametrize("echoes", [5, 4, 3, 2, 1])
def test_no_echo_of_a_good_scan_is_distrusted(head, echoes):
    scan = head.acquisition
    first = replace(
        scan, magnitude=scan.magnitude[:echoes], phase=scan.phase[:echoes], echo_times=scan.echo_times[:echoes]
    )
    assert romeo_linear(first, head.mask).notes == ()


def test_no_echo_is_distrusted_for_what_shows_only_without_noise():
    clean = head_phantom(shape=(45, 54, 45), spacing=(4.0, 4.0, 4.0), snr=np.inf)
    assert romeo_linear(clean.acquisition, clean.mask).notes == ()


@pytest.mark.parametrize("method", [echo_average, nonlinear_fit, laplacian])
def test_other_methods_map_the_head_nearly_as_well(head, method):
    best, found = (errors(each(head.acquisition, head.mask), head) for each in (romeo_linear, method))
    assert np.median(found) < 1.05 * np.median(best)
    # Near air, where 4 mm voxels dephase, late echoes lose their weight in romeo_linear and laplacian only.
    assert np.percentile(found, 90) < 1.5 * np.percentile(best, 90)


def test_the_classical_laplacian_loses_a_part_of_the_background_field(head):
    best = errors(romeo_linear(head.acquisition, head.mask), head)
    for boundary in ("reflecting", "periodic"):
        found = errors(laplacian(head.acquisition, head.mask, boundary=boundary, congruent=False), head)
        assert 10 * np.median(best) < np.median(found) < 100


def steps_left_over(scan, field_map, mask, echo):
    """Median step in rad between neighbours, along each axis, of what the field leaves of an echo's phase."""
    expected = field_map.field * np.float32(scan.radians_per_ppm_second * scan.echo_times[echo])
    rest, medians = scan.phase[echo] - expected, []
    for axis in range(3):
        pairs = np.moveaxis(mask, axis, 0)[1:] & np.moveaxis(mask, axis, 0)[:-1]
        medians.append(float(np.median(np.abs(wrapped(np.diff(np.moveaxis(rest, axis, 0), axis=0)[pairs])))))
    return medians


def test_the_small_three_echo_scan_has_vessels_and_little_noise(scans):
    folder = scans / "romeo_small_3echo"
    magnitude, grid = read_nifti(folder / "Mag.nii")
    phase, _ = read_nifti(folder / "Phase.nii")
    # The header lacks the scale (the largest value stands for pi), the echo times and the field strength.
    scan = Acquisition(magnitude, phase * np.float32(np.pi / np.abs(phase).max()), (0.004, 0.008, 0.012), 7.0, grid)
    mask = scan.magnitude[0] > 0.3 * np.percentile(scan.magnitude[0], 95)
    found = romeo_linear(scan, mask)
    assert 0.001 < np.median(found.noise[mask]) < 0.005
    assert np.percentile(found.residual[mask], 90) < 0.1
    assert all(step < 0.1 for echo in range(3) for step in steps_left_over(scan, found, mask, echo))
    # Neighbours never differ by a turn: the whole crop is unwrapped.
    turn = 1 / (0.004 * scan.hz_per_ppm)
    steps = np.abs(np.diff(found.field, axis=2))[mask[..., 1:] & mask[..., :-1]]
    assert np.mean(steps > turn / 2) < 1e-3


def philips(folder, kind):
    pair = [folder / f"2001_WIP_fcMRI_Field_Mapping_{kind}_e{echo}" for echo in (1, 2)]
    magnitude, phase = (
        [read_nifti(path.with_name(path.name + end))[0] for path in pair] for end in (".nii.gz", "_ph.nii.gz")
    )
    _, grid = read_nifti(pair[0].with_name(pair[0].name + ".nii.gz"))
    headers = [json.loads(path.with_name(path.name + ".json").read_text()) for path in pair]
    times = tuple(header["EchoTime"] for header in headers)
    return Acquisition(np.stack(magnitude), np.stack(phase), times, 3.0, grid, headers[0]["ImagingFrequency"])


def test_both_echoes_of_the_philips_scan_agree_with_its_field_map(scans):
    scan = philips(scans / "philips_elition_fieldmap_2echo" / "nifti_dcm2niix", "cl")
    mask = scan.magnitude[0] > 0.25 * np.percentile(scan.magnitude[0], 98)
    found = romeo_linear(scan, mask)
    assert all(step < 0.08 for echo in range(2) for step in steps_left_over(scan, found, mask, echo))
    assert np.median(found.noise[mask]) < 0.02
    free = romeo_linear(scan, mask, phase_offset="free")
    both = np.median(np.abs(found.field - free.field)[mask])
    assert both < 2 * np.median(free.noise[mask])


def test_classic_and_enhanced_dicom_give_the_same_philips_field_map(scans):
    folder = scans / "philips_elition_fieldmap_2echo" / "nifti_dcm2niix"
    first, second = (philips(folder, kind) for kind in ("cl", "enh"))
    mask = first.magnitude[0] > 0.25 * np.percentile(first.magnitude[0], 98)
    np.testing.assert_allclose(romeo_linear(first, mask).field, romeo_linear(second, mask).field, atol=1e-5)
