"""Verdicts on reconstructions: each fault is found, and maps without one are good in every respect."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.ndimage

from QSMReconstructionCore.inversion.tkd import tkd
from QSMReconstructionCore.io.scan import read_scan
from QSMReconstructionCore.phantom import head_phantom
from QSMReconstructionCore.pipeline import reconstruct
from QSMReconstructionCore.quality import (
    BAD,
    CAUTION,
    NOT_ASSESSED,
    assess_acquisition,
    assess_reconstruction,
    brain_mask,
    field,
    susceptibility,
)
from small_scan import quick_reconstruct, small_scan

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

SIZE = dict(shape=(45, 54, 45), spacing=(4.0, 4.0, 4.0))
CLEAN = {
    "7 T, SNR 30, oblique": dict(field_strength=7.0, snr=30.0, seed=1, tilt=(0.0, 25.0)),
    "SNR 150": dict(snr=150.0, seed=2),
    "one echo": dict(echo_times=(0.02,), seed=4),
}
QUESTIONS = [question.name for module in (brain_mask, field, susceptibility) for question, _ in module.CHECKS]


def levels(verdicts) -> dict[str, str]:
    """Names and levels of the verdicts that are not good."""
    return {v.name: v.level for v in verdicts if v.level in (CAUTION, BAD)}


@pytest.fixture(scope="module")
def scan():
    return head_phantom(**SIZE, tilt=(20.0, 10.0)).acquisition


@pytest.fixture(scope="module")
def good(scan):
    return reconstruct(scan)


def test_a_reconstruction_carries_the_verdicts_on_the_scan_and_on_its_maps(good, scan):
    assert good.verdicts == (*assess_acquisition(scan, preview=False), *assess_reconstruction(good, scan))
    assert [v.name for v in good.verdicts[-len(QUESTIONS) :]] == QUESTIONS
    assert len({v.name for v in good.verdicts}) == len(good.verdicts)
    assert levels(good.verdicts) == {}


@pytest.mark.parametrize("case", CLEAN)
def test_a_clean_scan_raises_no_alarm_before_or_after(case):
    scan = head_phantom(**{**SIZE, **CLEAN[case]}).acquisition
    expected = {"echo_count"} if len(scan.echo_times) == 1 else set()
    found = reconstruct(scan)
    assert levels(found.verdicts).keys() == expected
    assert levels(assess_acquisition(scan)).keys() == expected
    unknown = {v.name for v in assess_reconstruction(found, scan) if v.level == NOT_ASSESSED}
    assert unknown == ({"fit_residual", "signal_dropout"} if expected else set())


def test_a_negated_phase_is_found_before_and_after_the_reconstruction(scan):
    wrong = replace(scan, phase=-scan.phase)
    assert levels(assess_acquisition(wrong)) == {"phase_sign": BAD}
    assert levels(reconstruct(wrong, "preview").verdicts)["phase_sign"] == BAD


def test_a_lost_orientation_is_found_before_and_after_the_reconstruction(scan):
    """The header says axial, but the field says otherwise: by the 22 degrees of the tilt."""
    lost = replace(scan, grid=replace(scan.grid, b0_direction=(1, 0, 0)))
    tilt = np.degrees(np.arccos(scan.grid.b0_direction[0]))
    for verdicts in (assess_acquisition(lost), reconstruct(lost, "preview").verdicts):
        verdict = next(v for v in verdicts if v.name == "b0_direction")
        assert verdict.level == BAD
        assert verdict.value == pytest.approx(tilt, abs=4)


def with_wrap(found, scan):
    """A block of the field one turn too high."""
    turn = 1 / (np.diff(scan.echo_times).min() * scan.hz_per_ppm)
    wrong = found.field_map.field.copy()
    wrong[20:25, 24:30, 20:26] += turn
    return replace(found, field_map=replace(found.field_map, field=wrong))


def with_mask(found, mask):
    return replace(found, mask=mask)


def dilated(found, scan):
    return scipy.ndimage.distance_transform_edt(~found.mask, sampling=found.grid.spacing)


def with_hole(found):
    mask = found.mask.copy()
    mask[20:24, 24:28, 20:24] = False
    return mask


def with_residual(found):
    residual = found.field_map.residual.copy()
    residual[: len(residual) // 2] = 0.5
    return replace(found, field_map=replace(found.field_map, residual=residual))


def with_threshold(found, threshold):
    local = found.local_field
    return replace(found, susceptibility=tkd(local.field, local.mask, found.grid, threshold=threshold))


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (with_wrap, {"wraps_left": BAD}),
        (lambda f, s: with_mask(f, dilated(f, s) <= 4), {"mask_leak": CAUTION}),
        (lambda f, s: with_mask(f, dilated(f, s) <= 8), {"mask_leak": BAD, "mask_volume": CAUTION}),
        (lambda f, s: with_mask(f, s.magnitude[0] > 0.2 * s.magnitude[0].max()), {"mask_volume": BAD}),
        (lambda f, s: with_mask(f, with_hole(f)), {"mask_holes": CAUTION}),
        (lambda f, s: with_residual(f), {"fit_residual": BAD}),
        (
            lambda f, s: replace(f, local_field=replace(f.local_field, field=f.field_map.field)),
            {"field_at_rim": CAUTION},
        ),
        (lambda f, s: with_threshold(f, 0.05), {"streak_index": CAUTION}),
        (lambda f, s: with_threshold(f, 0.02), {"streak_index": BAD}),
        (lambda f, s: replace(f, susceptibility=-f.susceptibility), {"phase_sign": BAD}),
    ],
)
def test_a_fault_of_a_map_is_found(good, scan, spoil, expected):
    assert levels(assess_reconstruction(spoil(good, scan), scan)).items() >= expected.items()


def test_a_mask_with_an_island_is_found(good, scan):
    mask = good.mask.copy()
    mask[:4, :4, :4] = True
    assert levels(assess_reconstruction(with_mask(good, mask), scan))["mask_holes"] == CAUTION


def test_signal_that_drops_out_is_found(good, scan):
    magnitude = scan.magnitude.copy()
    magnitude[-1, : magnitude.shape[1] // 2] *= 0.05
    metal = replace(scan, magnitude=magnitude)
    assert levels(assess_reconstruction(good, metal))["signal_dropout"] == BAD


def test_another_reference_changes_no_verdict(good, scan):
    shifted = replace(good, susceptibility=np.where(good.mask, good.susceptibility + 1, 0))
    for before, after in zip(assess_reconstruction(good, scan), assess_reconstruction(shifted, scan)):
        assert before.level == after.level
        assert (before.value is None) == (after.value is None)
        assert before.value is None or before.value == pytest.approx(after.value, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("echo_times", [(0.02,), (0.004, 0.012), (0.004, 0.012, 0.02)])
def test_tiny_reconstructions_are_judged_without_an_error(echo_times):
    scan = small_scan(echo_times)
    found = assess_reconstruction(quick_reconstruct(scan), scan)
    assert [v.name for v in found] == QUESTIONS
    empty = quick_reconstruct(scan)
    nothing = np.zeros_like(empty.susceptibility)
    local = replace(empty.local_field, field=nothing, mask=np.zeros_like(empty.mask))
    assert assess_reconstruction(replace(empty, susceptibility=nothing, local_field=local), scan)


def test_a_real_brain_shows_the_sign_of_its_phase_and_where_b0_points(scans):
    folder = scans / "philips_elition_fieldmap_2echo/nifti_dcm2niix"
    phase, magnitude = (
        [folder / f"2001_WIP_fcMRI_Field_Mapping_cl_e{echo}{part}.nii.gz" for echo in (1, 2)] for part in ("_ph", "")
    )
    scan = read_scan(phase, magnitude)
    found = {v.name: v for v in reconstruct(scan, "preview").verdicts}
    assert found["phase_sign"].value > 0.5
    assert found["b0_direction"].value < 5
    assert levels(found.values()).keys() == {"echo_count", "last_echo_time"} | (
        levels(found.values()).keys() & {"acquisition_type", "partial_fourier"}
    )
    assert levels(assess_acquisition(replace(scan, phase=-scan.phase)))["phase_sign"] == BAD
