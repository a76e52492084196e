"""Verdicts on scans: each fault is found, and scans without one are good in every respect."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

import quality_faults as faults
from QSMReconstructionCore.acquisition import Acquisition
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.scan import read_scan
from QSMReconstructionCore.phantom import head_phantom
from QSMReconstructionCore.quality import BAD, CAUTION, GOOD, NOT_ASSESSED, assess_acquisition

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

SIZE = dict(shape=(45, 54, 45), spacing=(4.0, 4.0, 4.0))
CLEAN = {
    "3 T": {},
    "7 T": dict(field_strength=7.0, seed=1),
    "1.5 T": dict(field_strength=1.5, seed=2),
    "SNR 30": dict(snr=30.0, seed=3),
    "SNR 150, oblique": dict(snr=150.0, seed=4, tilt=(20.0, 10.0)),
    "7 T, SNR 30, oblique": dict(field_strength=7.0, snr=30.0, seed=5, tilt=(0.0, 25.0)),
}


def faults_of(scan: Acquisition) -> dict[str, str]:
    """Names and levels of the verdicts that are not good."""
    return {v.name: v.level for v in assess_acquisition(scan, preview=False) if v.level in (CAUTION, BAD)}


@pytest.fixture(scope="module", params=CLEAN)
def clean(request):
    return head_phantom(**SIZE, **CLEAN[request.param]).acquisition


@pytest.fixture(scope="module")
def good():
    return head_phantom(**SIZE, tilt=(20.0, 10.0)).acquisition


def test_a_clean_scan_raises_no_alarm(clean):
    assert faults_of(clean) == {}
    unknown = {v.name for v in assess_acquisition(clean, preview=False) if v.level == NOT_ASSESSED}
    told_by_no_header = {"imaging_frequency", "partial_fourier", "acquisition_type"}
    assert told_by_no_header <= unknown <= told_by_no_header | {"phase_scale"}


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda s: faults.with_phase_scaled(s, 0.8), {"phase_scale": BAD}),
        (lambda s: faults.with_phase_scaled(s, 0.7, echoes=0), {"phase_scale": BAD}),
        (lambda s: faults.with_phase_scaled(s, 1 / np.pi), {"phase_scale": BAD, "phase_range": CAUTION}),
        (faults.with_magnitude_as_phase, {"phase_content": BAD}),
        (lambda s: faults.with_echoes(s, (0, 0, 2, 3, 4), ["magnitude"]), {"distinct_echoes": BAD}),
        (lambda s: faults.with_echoes(s, (0, 2, 2, 3, 4), ["phase"]), {"distinct_echoes": BAD}),
        (lambda s: faults.with_echoes(s, (0, 2, 1, 3, 4)), {"echo_order": BAD, "phase_over_echoes": BAD}),
        (lambda s: faults.with_echoes(s, (0, 2, 1, 3, 4), ["phase"]), {"phase_over_echoes": BAD}),
        (lambda s: faults.with_echoes(s, (4, 3, 2, 1, 0)), {"echo_order": BAD, "decay_rate": BAD}),
        (lambda s: replace(s, echo_times=tuple(t / 10 for t in s.echo_times)), {"decay_rate": BAD}),
        (lambda s: replace(s, echo_times=tuple(t * 8 for t in s.echo_times)), {"decay_rate": CAUTION}),
        (lambda s: faults.with_alternating_slices(s, 0), {"slice_polarity": BAD}),
        (lambda s: faults.with_alternating_slices(s, 2), {"slice_polarity": BAD}),
        (lambda s: faults.with_bipolar_readout(s, 2.0), {"readout_polarity": CAUTION}),
        (lambda s: faults.with_bipolar_readout(s, 5.0), {"readout_polarity": CAUTION}),
        (faults.with_filtered_phase, {"filtered_phase": BAD}),
        (lambda s: faults.with_echo_moved(s, 1, (0.25, 0.25, 0.0)), {"motion_between_echoes": CAUTION}),
        (lambda s: faults.with_echo_moved(s, 3, (0.7, 0.7, 0.0)), {"motion_between_echoes": BAD}),
        (lambda s: faults.with_noise(s, 0.05), {"signal_to_noise": CAUTION}),
        (lambda s: faults.with_noise(s, 0.15), {"signal_to_noise": BAD}),
    ],
)
def test_a_fault_is_found(good, spoil, expected):
    found = faults_of(spoil(good))
    assert found.items() >= expected.items()


def test_phase_that_was_unwrapped_and_stretched_is_found(good):
    smooth = np.cumsum(np.ones(good.phase.shape, np.float32), axis=1)
    stretched = (2 * smooth / smooth.max() - 1) * np.float32(np.pi)
    assert faults_of(replace(good, phase=stretched))["phase_range"] == CAUTION


def test_steep_fields_at_late_echoes_are_no_filter():
    # At 7 T in oblique slices, the last echoes have a phase of their own in one part of the head only.
    size = dict(shape=(90, 108, 90), spacing=(2.0, 2.0, 2.0))
    scan = head_phantom(**size, field_strength=7.0, snr=30.0, tilt=(20.0, 10.0)).acquisition
    found = {v.name: v for v in assess_acquisition(scan, preview=False)}["filtered_phase"]
    assert found.level == GOOD
    assert found.value > 2.4  # 1.5 at the last echo
    for width in (6.0, 10.0):
        assert faults_of(faults.with_filtered_phase(scan, width))["filtered_phase"] == BAD


def test_few_echoes_are_judged_by_what_they_tell():
    for times in ((0.005, 0.015), (0.02,)):
        scan = head_phantom(**SIZE, echo_times=times).acquisition
        assert faults_of(scan) == {"echo_count": CAUTION}
        unknown = {v.name for v in assess_acquisition(scan, preview=False) if v.level == NOT_ASSESSED}
        assert {"phase_over_echoes", "readout_polarity", "motion_between_echoes"} <= unknown
        assert "signal_to_noise" not in unknown


def test_unequal_spacing_is_no_fault_of_the_phase(good):
    chosen = [0, 1, 3]
    scan = Acquisition(
        good.magnitude[chosen], good.phase[chosen], tuple(good.echo_times[e] for e in chosen), 3.0, good.grid
    )
    assert faults_of(scan) == {"echo_spacing": CAUTION}


@pytest.mark.parametrize("shape", [(1, 1, 9), (1, 40, 40), (2, 3, 4), (3, 30, 30), (40, 4, 4)])
def test_scans_of_any_shape_are_judged_without_an_error(shape):
    random = np.random.default_rng(0)
    for echoes in (1, 2, 4):
        scan = Acquisition(
            random.uniform(1, 2, (echoes, *shape)), random.uniform(-3, 3, (echoes, *shape)),
            0.005 * (1 + np.arange(echoes)), 3.0, Grid(shape),
        )  # fmt: skip
        assert assess_acquisition(scan)


def test_extreme_magnitudes_are_judged_without_an_error(good):
    for factor in (1e-20, 1e20):
        assert faults_of(replace(good, magnitude=good.magnitude * np.float32(factor))) == {}
    empty = np.zeros_like(good.magnitude)
    empty[:, 20, 20, 20] = 1
    assert assess_acquisition(replace(good, magnitude=empty), preview=False)


def test_a_scan_of_clinical_size_is_judged_in_an_instant():
    """A head of 180 x 216 x 180 voxels and five echoes, of which only the places looked at are paged in."""
    shape = (5, 180, 216, 180)
    random = np.random.default_rng(0)
    tile = random.uniform(0, 1, (1, 1, 216, 180)).astype(np.float32)
    scan = Acquisition(
        np.broadcast_to(tile + 1, shape), np.broadcast_to(tile, shape), (0.005, 0.011, 0.017, 0.023, 0.029), 3.0,
        Grid(shape[1:]),
    )  # fmt: skip
    began = time.process_time()
    assess_acquisition(scan, preview=False)
    assert time.process_time() - began < 2


def test_real_scans_are_judged_as_what_they_are(scans):
    folder = scans / "philips_elition_fieldmap_2echo/nifti_dcm2niix"
    phase, magnitude = (
        [folder / f"2001_WIP_fcMRI_Field_Mapping_cl_e{echo}{part}.nii.gz" for echo in (1, 2)] for part in ("_ph", "")
    )
    found = faults_of(read_scan(phase, magnitude))
    assert {"echo_count": CAUTION, "last_echo_time": CAUTION}.items() <= found.items()
    assert found.keys() <= {"echo_count", "last_echo_time", "acquisition_type", "partial_fourier"}

    crop = scans / "romeo_small_3echo"
    facts = dict(echo_times=(0.004, 0.008, 0.012), field_strength=7)
    assert faults_of(read_scan([crop / "Phase.nii"], [crop / "Mag.nii"], **facts)) == {}
