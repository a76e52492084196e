"""The phase between odd and even echoes is found, taken off, reported, and left alone where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from field_scene import SHAPE, TIMES, error, head_mask, places, scan, smooth_field

from QSMReconstructionCore.acquisition import GAMMA_BAR
from QSMReconstructionCore.fieldmapping.bipolar import evenly_spaced_triples, odd_even_phase, without_odd_even_phase
from QSMReconstructionCore.fieldmapping.romeo_linear import romeo_linear
from QSMReconstructionCore.numerics.romeo_weights import wrapped
from QSMReconstructionCore.progress import no_progress

GRADIENT = np.array([0.02, -0.03, 0.11])


def odd_even(constant=0.3, gradient=GRADIENT):
    """beta: its constant in the middle of the volume and its gradient in rad per voxel."""
    return constant + sum(g * (np.arange(n) - n // 2).reshape([-1 if a == axis else 1 for a in range(3)])
                          for axis, (g, n) in enumerate(zip(gradient, SHAPE)))  # fmt: skip


def bipolar(acquisition, beta):
    """The scan with odd and even echoes read in opposite directions."""
    signs = np.array([1, -1] * 3)[: len(acquisition.echo_times), None, None, None]
    return replace(acquisition, phase=wrapped((acquisition.phase + signs * beta).astype(np.float32)))


def less_a_ramp(off, mask):
    """What a constant and a linear function of space do not explain, which no local field is made of."""
    design = np.stack([np.ones(np.count_nonzero(mask)), *(c[mask] for c in places())], axis=1)
    return off - design @ np.linalg.lstsq(design, off, rcond=None)[0]


@pytest.mark.parametrize("echoes", [3, 4, 5])
@pytest.mark.parametrize("readout", ["detect", "bipolar"])
def test_the_field_is_exact_after_the_correction(echoes, readout):
    field, mask = smooth_field(), head_mask()
    found = romeo_linear(bipolar(scan(field, times=TIMES[:echoes]), odd_even()), mask, readout=readout)
    assert np.abs(error(found, field, mask)).max() < 2e-3
    assert found.residual[mask].max() < 0.02
    (note,) = found.notes
    size = 2 * np.abs(odd_even()[mask]).max()
    assert note.startswith(f"Odd and even echoes differ in phase by up to {size:.2g} rad")


@pytest.mark.parametrize("constant", [0.7, -0.7, 0.0])
def test_constant_and_gradient_are_found_in_noise(constant):
    noisy = bipolar(scan(smooth_field(), snr=20), odd_even(constant))
    found = odd_even_phase(noisy, head_mask(), evenly_spaced_triples(TIMES), no_progress)
    np.testing.assert_allclose(found.gradient, GRADIENT, atol=5e-4)
    np.testing.assert_allclose(found.values(SHAPE)[head_mask()], odd_even(constant)[head_mask()], atol=0.01)


@pytest.mark.parametrize("intensity", [1e30, 1e-30])
def test_the_unit_of_the_magnitude_does_not_matter(intensity):
    usual = bipolar(scan(smooth_field(), snr=20), odd_even())
    other = replace(usual, magnitude=usual.magnitude * np.float32(intensity))
    first, second = (odd_even_phase(s, head_mask(), evenly_spaced_triples(TIMES), no_progress) for s in (usual, other))
    assert second.constant == pytest.approx(first.constant, rel=1e-4)
    np.testing.assert_allclose(second.gradient, first.gradient, rtol=1e-4)
    assert second.share == pytest.approx(first.share, rel=1e-4)


def test_a_large_constant_moves_the_field_by_a_constant():
    # beta is known but for multiples of pi / 2, which are half a turn from echo to echo.
    field, mask = smooth_field(), head_mask()
    found = romeo_linear(bipolar(scan(field), odd_even(constant=1.2)), mask)
    off = (found.field - field)[mask]
    half_turn = 0.5 / (0.006 * GAMMA_BAR * 3)
    assert np.ptp(off) < 4e-3
    assert np.median(off) / half_turn == pytest.approx(np.rint(np.median(off) / half_turn), abs=0.01)


def test_the_noise_map_is_that_of_a_scan_without_the_fault():
    field, mask = smooth_field(), head_mask()
    clean = scan(field, snr=40)
    found, expected = romeo_linear(bipolar(clean, odd_even()), mask), romeo_linear(clean, mask)
    assert np.median(found.noise[mask]) == pytest.approx(np.median(expected.noise[mask]), rel=0.05)
    left_alone = romeo_linear(bipolar(clean, odd_even()), mask, readout="monopolar")
    assert np.median(left_alone.noise[mask]) > 5 * np.median(expected.noise[mask])


@pytest.mark.parametrize("snr", [np.inf, 50, 5])
def test_a_monopolar_scan_is_returned_as_it_is(snr):
    clean = scan(smooth_field(), snr=snr)
    same, notes = without_odd_even_phase(clean, head_mask(), "detect", no_progress)
    assert same is clean and notes == ()


def test_noise_alone_is_not_taken_for_a_bipolar_readout():
    random = np.random.default_rng(8)
    noise = replace(scan(smooth_field()), phase=random.uniform(-np.pi, np.pi, (5, *SHAPE)).astype(np.float32))
    same, _ = without_odd_even_phase(noise, head_mask(), "detect", no_progress)
    assert same is noise


def test_a_spoiled_echo_is_not_taken_for_a_bipolar_readout():
    k, j, i = places()
    clean = scan(smooth_field(), snr=60)
    for echo in range(5):
        phase = clean.phase.copy()
        phase[echo] = wrapped(phase[echo] + (2 * np.sin(k / 9) * np.cos(j / 7 + i / 12)).astype(np.float32))
        spoiled = replace(clean, phase=phase)
        same, _ = without_odd_even_phase(spoiled, head_mask(), "detect", no_progress)
        assert same is spoiled


def test_the_input_is_not_changed():
    fault = bipolar(scan(smooth_field()), odd_even())
    before = fault.phase.copy()
    without_odd_even_phase(fault, head_mask(), "bipolar", no_progress)
    np.testing.assert_array_equal(fault.phase, before)


def test_what_the_correction_leaves_is_at_most_a_ramp_where_a_bad_region_pulls():
    # A third of the head has a beta of its own: the plane is pulled, but only by a plane.
    field, mask = smooth_field(), head_mask()
    beta = odd_even() + 0.3 * (places()[0] > 12)
    found = romeo_linear(bipolar(scan(field, snr=200), beta), mask, readout="bipolar")
    rest = mask & (places()[0] < 9)
    off = (found.field - field)[rest]
    assert np.std(less_a_ramp(off, rest)) < 4e-3


@pytest.mark.parametrize("times", [TIMES[:1], TIMES[:2], (0.004, 0.010, 0.019, 0.031)])
def test_asking_for_it_without_three_even_echoes_is_refused(times):
    with pytest.raises(ValueError, match="readout 'bipolar' needs three successive, evenly spaced echoes"):
        romeo_linear(scan(0.1 * smooth_field(), times=times), head_mask(), readout="bipolar")
    assert not any("Odd and even" in note for note in romeo_linear(scan(0.1 * smooth_field(), times=times),
                                                                   head_mask()).notes)  # fmt: skip


def test_triples_allow_for_rounded_echo_times():
    assert evenly_spaced_triples(TIMES) == [0, 1, 2]
    assert evenly_spaced_triples((0.00492, 0.00984, 0.01477, 0.01969)) == [0, 1]
    assert evenly_spaced_triples((0.004, 0.010, 0.019, 0.028)) == [1]
    assert evenly_spaced_triples((0.004,)) == []
