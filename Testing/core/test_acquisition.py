"""A scan is checked once, where it enters, and each fault has its own sentence."""

from __future__ import annotations

import numpy as np
import pytest

from QSMReconstructionCore.acquisition import (
    GAMMA_BAR,
    Acquisition,
    checked_echo_times,
    checked_mask,
    checked_volume,
)
from QSMReconstructionCore.grid import Grid


def test_one_ppm_at_3_tesla_is_128_hertz(acquisition):
    assert acquisition.hz_per_ppm == pytest.approx(127.73, abs=0.01)
    assert acquisition.radians_per_ppm_second == pytest.approx(2 * np.pi * acquisition.hz_per_ppm)


def test_the_imaging_frequency_is_preferred_over_the_nominal_field(facts):
    assert Acquisition(**facts, imaging_frequency=123.25).hz_per_ppm == 123.25


def test_a_single_volume_counts_as_one_echo(facts):
    facts |= {"magnitude": facts["magnitude"][0], "phase": facts["phase"][0], "echo_times": 0.02}
    scan = Acquisition(**facts)
    assert scan.phase.shape == (1, 4, 5, 6)
    assert scan.echo_times == (0.02,)


def test_arrays_are_kept_as_float32(facts):
    scan = Acquisition(**facts | {"magnitude": (facts["magnitude"] * 100).astype(np.int16)})
    assert scan.magnitude.dtype == scan.phase.dtype == np.float32


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("magnitude", lambda a: a[:, :, :, :-1], "must have the same shape"),
        ("magnitude", lambda a: -a, "must not be negative"),
        ("magnitude", lambda a: a * 0, "zero everywhere"),
        ("magnitude", lambda a: a * np.exp(1j), "must be real"),
        ("phase", lambda a: a[0, 0], r"must have the shape \(echo, k, j, i\)"),
        ("phase", lambda a: a[:2], "2 echo.* but 3 echo time"),
        ("phase", lambda a: a * 1000, "radians within .* but its values range from -3"),
        ("phase", lambda a: a * 1e-3, "only range from"),
        ("phase", lambda a: np.where(a > 3, np.nan, a), r"phase has \d+ voxel\(s\) that are not finite"),
        ("magnitude", lambda a: np.where(a > 1.99, np.inf, a), r"magnitude has \d+ voxel\(s\) that are not finite"),
        ("grid", lambda g: Grid((4, 5, 7)), r"grid.shape must be .*\(4, 5, 6\)"),
        ("field_strength", lambda b: None, "field_strength is missing"),
        ("field_strength", lambda b: "three", "field_strength must be a number"),
        ("field_strength", lambda b: 3000.0, "field_strength must lie between"),
        ("echo_times", lambda t: None, "echo_times are missing"),
        ("echo_times", lambda t: t[::-1], "must increase"),
        ("echo_times", lambda t: [1000 * x for x in t], "look like milliseconds"),
    ],
)
def test_each_fault_is_named(facts, name, spoil, message):
    with pytest.raises(ValueError, match=message):
        Acquisition(**facts | {name: spoil(facts[name])})


def test_not_finite_voxels_are_counted(facts):
    facts["phase"][0, 0, 0, :3] = np.nan
    with pytest.raises(ValueError, match=r"phase has 3 voxel"):
        Acquisition(**facts)


def test_a_frequency_of_another_field_strength_is_refused(facts):
    with pytest.raises(ValueError, match="within 5 % of 127.73 MHz at 3 T, but got 63.8"):
        Acquisition(**facts, imaging_frequency=63.8)
    assert Acquisition(**facts, imaging_frequency=GAMMA_BAR * 2.9).imaging_frequency


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([], "missing"),
        (["soon"], "must be numbers"),
        ([0.0, 0.01], "must be positive"),
        ([0.01, float("nan")], "must be positive"),
        ([0.01, 0.01], "must increase"),
        ([4, 8, 12], "milliseconds. Divide them by 1000"),
        ([4e-6, 8e-6], "shorter than any scanner"),
    ],
)
def test_echo_times_must_be_increasing_seconds(times, message):
    with pytest.raises(ValueError, match=message):
        checked_echo_times(times)


def test_identity_changes_with_every_fact(facts):
    identities = {Acquisition(**facts).identity, Acquisition(**facts | {"echo_times": (0.004, 0.012, 0.021)}).identity}
    identities.add(Acquisition(**facts | {"field_strength": 2.9}).identity)
    identities.add(Acquisition(**facts | {"grid": Grid((4, 5, 6), (2.0, 1.5, 1.1))}).identity)
    phase = facts["phase"].copy()
    phase[0, 0, 0, 0] += 0.1 if phase[0, 0, 0, 0] < 0 else -0.1
    identities.add(Acquisition(**facts | {"phase": phase}).identity)
    assert len(identities) == 5
    assert Acquisition(**facts).identity in identities


def test_a_mask_may_come_as_numbers():
    mask = checked_mask(np.array([[[0, 1, 2]]], np.uint8), (1, 1, 3))
    assert mask.dtype == bool
    assert mask.tolist() == [[[False, True, True]]]


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((2, 2, 2), bool), "mask is empty"),
        (np.ones((2, 2, 3), bool), "mask must have the shape"),
        (np.full((2, 2, 2), np.nan), r"mask has 8 voxel\(s\)"),
    ],
)
def test_what_is_no_mask_is_refused(mask, message):
    with pytest.raises(ValueError, match=message):
        checked_mask(mask, (2, 2, 2))


def test_a_volume_must_fit_and_be_finite():
    assert checked_volume("field", np.ones((2, 2, 2)), (2, 2, 2)).dtype == np.float32
    with pytest.raises(ValueError, match="field must have the shape"):
        checked_volume("field", np.ones((2, 2)), (2, 2, 2))
    with pytest.raises(ValueError, match="field has 1 voxel"):
        checked_volume("field", np.array([[[np.inf, 0]]]), (1, 1, 2))
