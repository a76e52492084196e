"""Echoes that are noisier than their magnitude says are found and lose the weight that they do not deserve."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from field_scene import TIMES, head_mask, scan, smooth_field

from QSMReconstructionCore.acquisition import GAMMA_BAR
from QSMReconstructionCore.fieldmapping.echo_fit import Echoes
from QSMReconstructionCore.fieldmapping.echo_variance import distrusting, notes_on, spoiled_echoes
from QSMReconstructionCore.fieldmapping.romeo_linear import romeo_linear
from QSMReconstructionCore.numerics.romeo_weights import wrapped

OMEGA = 2 * np.pi * GAMMA_BAR * 3
SNR = 60.0


def with_noise_in(acquisition, excess):
    """The scan with the phase noise of some echoes, {echo: variance over that of the others}, made larger."""
    random = np.random.default_rng(5)
    phase = acquisition.phase.copy()
    for echo, factor in excess.items():
        deviation = np.sqrt(factor - 1) / (SNR * np.exp(-25 * TIMES[echo]))
        phase[echo] = wrapped(phase[echo] + random.normal(0, deviation, phase[echo].shape).astype(np.float32))
    return replace(acquisition, phase=phase)


def judged(acquisition):
    mask = head_mask()
    slope = (OMEGA * smooth_field()[mask]).astype(np.float32)
    return spoiled_echoes(Echoes.of(acquisition, mask), slope)


def test_equal_echoes_are_all_trusted():
    assert judged(scan(smooth_field(), snr=SNR)) == []
    assert judged(scan(smooth_field())) == []


@pytest.mark.parametrize("echo", range(5))
@pytest.mark.parametrize("excess", [9.0, 100.0])
def test_the_excess_of_variance_is_found(echo, excess):
    (found,) = judged(with_noise_in(scan(smooth_field(), snr=SNR), {echo: excess}))
    assert found.echo == echo
    assert found.excess == pytest.approx(excess, rel=0.1)


def test_two_spoiled_echoes_of_five_are_found():
    found = judged(with_noise_in(scan(smooth_field(), snr=SNR), {1: 25.0, 4: 100.0}))
    assert {each.echo for each in found} == {1, 4}


def test_three_echoes_are_never_judged():
    three = scan(smooth_field(), times=TIMES[:3], snr=SNR)
    assert judged(with_noise_in(three, {1: 400.0})) == []


def test_the_field_keeps_the_precision_of_the_good_echoes_and_the_noise_map_says_so():
    field, mask = smooth_field(), head_mask()
    clean = scan(field, snr=SNR)
    spoiled = with_noise_in(clean, {3: 400.0})
    found = romeo_linear(spoiled, mask, phase_offset="free")
    # Theory: the spread of the echo times with the weight of the spoiled echo divided by its excess.
    t, weight = np.array(TIMES), np.exp(-50 * np.array(TIMES)) / np.array([1, 1, 1, 400, 1])
    spread = np.sum(weight * (t - np.sum(weight * t) / weight.sum()) ** 2)
    expected = 1 / (SNR * np.sqrt(spread) * OMEGA)
    off = (found.field - field)[mask]
    assert np.std(off) == pytest.approx(expected, rel=0.05)
    assert np.median(found.noise[mask]) == pytest.approx(expected, rel=0.05)


def test_the_report_names_echo_time_and_weight():
    (found,) = judged(with_noise_in(scan(smooth_field(), snr=SNR), {2: 100.0}))
    (note,) = notes_on([found], TIMES)
    assert note.startswith("Echo 3 (17 ms) departs from the other echoes 10 times as far as its noise explains")
    echoes = distrusting(Echoes.of(scan(smooth_field()), head_mask()), [found])
    np.testing.assert_allclose(echoes.trust.ravel(), [1, 1, 1 / found.excess, 1, 1], rtol=1e-6)
