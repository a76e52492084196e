"""Phase becomes radians only where its values are evidence for a scale."""

from __future__ import annotations

import numpy as np
import pytest

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti_header import Header
from QSMReconstructionCore.io.phase_scale import phase_in_radians

SHAPE = (10, 10, 10)
WRAPPED = np.random.default_rng(0).uniform(-np.pi, np.pi, SHAPE).astype(np.float32)


def header(dtype, slope=1.0, intercept=0.0) -> Header:
    return Header(Grid(SHAPE), 1, np.dtype(dtype), slope, intercept, True)


def converted(stored, slope=1.0, intercept=0.0, manufacturer=None):
    return phase_in_radians([header(stored.dtype, slope, intercept)], [stored], manufacturer)


def test_radians_pass_unchanged():
    phase, source = converted(WRAPPED)
    np.testing.assert_array_equal(phase, WRAPPED[None])
    assert source == "radians"


def test_the_headers_scale_is_used_where_it_gives_radians():
    stored = np.rint((WRAPPED + np.pi) * 4095 / (2 * np.pi)).astype(np.int16)
    phase, source = converted(stored, 2 * np.pi / 4095, -np.pi)
    np.testing.assert_allclose(phase[0], WRAPPED, atol=1e-3)
    assert source == "radians"


def test_a_stale_slope_is_left_out_and_said():
    phase, source = converted(WRAPPED, 0.00117)
    np.testing.assert_array_equal(phase[0], WRAPPED)
    assert "slope in the header would shrink" in source


def test_a_short_range_of_radians_is_an_assumption():
    phase, source = converted(WRAPPED / 3)
    np.testing.assert_array_equal(phase[0], WRAPPED / 3)
    assert source.startswith("assumed: radians, from values between -1.05")


def test_zero_to_two_pi_is_wrapped():
    phase, source = converted(np.mod(WRAPPED, np.float32(2 * np.pi)))
    np.testing.assert_allclose(phase[0], WRAPPED, atol=1e-5)
    assert "wrapped" in source


@pytest.mark.parametrize("manufacturer", ["Siemens", "SIEMENS Healthineers", None])
def test_twelve_bits_around_zero_are_pi_at_4096(manufacturer):
    stored = np.rint((WRAPPED + np.pi) * 4095 / (2 * np.pi)).astype(np.int16)
    phase, source = converted(stored, 2.0, -4096.0, manufacturer)
    np.testing.assert_allclose(phase[0], (2.0 * stored - 4096) * np.pi / 4096, atol=1e-6)
    np.testing.assert_allclose(phase[0], WRAPPED, atol=3e-3)
    assert source == "12 bit integers, -4096 to 4095, as -pi to pi"


def test_twelve_bits_without_slope_are_pi_at_2048():
    stored = np.rint((WRAPPED + np.pi) * 4095 / (2 * np.pi)).astype(np.uint16)
    phase, source = converted(stored)
    np.testing.assert_allclose(phase[0], (stored - 2048.0) * np.pi / 2048, atol=1e-6)
    assert source == "12 bit integers, 0 to 4095, as -pi to pi"


def test_siemens_integers_need_not_fill_their_range():
    stored = np.rint(WRAPPED * 300).astype(np.int16)
    assert converted(stored, manufacturer="Siemens")[0].max() == pytest.approx(np.pi * stored.max() / 4096)
    with pytest.raises(ValueError, match="phase must be in radians"):
        converted(stored)


def test_milliradians_of_philips_are_scaled_by_a_thousandth():
    stored = np.rint((WRAPPED + np.pi) * 4095 / (2 * np.pi)).astype(np.int16)
    phase, source = converted(stored, 1.53455, -3142.0, "Philips")
    np.testing.assert_allclose(phase[0], WRAPPED, atol=3e-3)
    assert source == "milliradians, times 0.001"


@pytest.mark.parametrize("vendor", ["GE", "GE MEDICAL SYSTEMS", "UIH", "United Imaging", "Hitachi"])
def test_the_sign_of_some_vendors_is_turned_and_said(vendor):
    phase, source = converted(WRAPPED, manufacturer=vendor)
    np.testing.assert_array_equal(phase[0], -WRAPPED)
    assert f"negated, because {vendor}" in source


@pytest.mark.parametrize("vendor", ["Siemens", "Philips", "Canon", "", None])
def test_the_sign_of_others_is_kept(vendor):
    np.testing.assert_array_equal(converted(WRAPPED, manufacturer=vendor)[0][0], WRAPPED)


@pytest.mark.parametrize(
    "stored",
    [
        WRAPPED * 100,  # some other unit
        WRAPPED * 4096 / np.float32(np.pi),  # 12 bits, but resampled: no longer whole numbers
        np.where(np.arange(1000).reshape(SHAPE) == 5, 9.0, WRAPPED).astype(np.float32),  # one outlier
        np.where(np.arange(1000).reshape(SHAPE) < 2, [180.0, -180.0] * 5, WRAPPED).astype(np.float32),  # two
        np.rint(WRAPPED * 300).astype(np.int16),  # whole numbers that fill no storage
    ],
)
def test_values_of_unknown_scale_are_refused_rather_than_stretched(stored):
    with pytest.raises(ValueError, match="its values range from"):
        converted(stored)


@pytest.mark.parametrize(
    ("half", "kind", "says"),
    [
        (180, "f4", "degrees"), (2048, "i2", "12 bit integers"), (1800, "i2", "tenths of a degree"),
        (32767, "i2", "16 bit integers"), (10000 * np.pi, "i2", "ten-thousandths of a radian"),
        (500, "i2", "display values"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("from_zero", [False, True])
def test_values_that_fill_another_known_storage_are_scaled_by_it(half, kind, says, from_zero):
    stored = (WRAPPED * (half / np.pi)).astype(kind)
    if from_zero:
        stored = (stored.astype(np.int64) + round(half)).astype("u4") if kind == "i2" else stored + half
        if half == 2048:
            says = "12 bit integers, 0 to 4095"
    phase, source = converted(stored)
    np.testing.assert_allclose(np.angle(np.exp(1j * (phase[0] - WRAPPED))), 0, atol=3 * np.pi / half)
    assert source.startswith(says)


def test_all_echoes_share_one_scale():
    quiet = WRAPPED / 2
    headers = [header("f4"), header("f4")]
    phase, source = phase_in_radians(headers, [WRAPPED, quiet])
    np.testing.assert_array_equal(phase, [WRAPPED, quiet])
    assert source == "radians"


def test_echoes_of_different_scales_are_refused():
    with pytest.raises(ValueError, match="in every echo, but by the scale of the others, .* echo 2 spans only 0.006"):
        phase_in_radians([header("f4")], [np.stack([WRAPPED * 1000, WRAPPED])])
    phase_in_radians([header("f4")], [np.stack([np.zeros_like(WRAPPED), WRAPPED])])  # relative to the first echo


def test_not_finite_voxels_are_counted():
    stored = WRAPPED.copy()
    stored[0, 0, :4] = np.nan
    with pytest.raises(ValueError, match=r"phase has 4 voxel\(s\) that are not finite"):
        converted(stored)
