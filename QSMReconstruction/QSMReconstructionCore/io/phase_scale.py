"""From the phase a scanner or a converter stores to radians with paramagnetic positive.

Phase is never stretched from its minimum and maximum to [-pi, pi]: data that do not reach the ends, or that hold one
outlier, would get a wrong field without a sign of it. A scale is only taken where the values themselves are evidence
for it: they fill the range of a known storage, or the vendor that uses this storage is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..acquisition import checked_volume
from .nifti_header import Header
from .vendors import OPPOSITE_SIGN, vendor_named

#: Wrapped phase fills its range; the noise around the head does so in any scan.
_FILLED = 0.95
#: Room for rounding of stored phase beyond the ends of its range.
_ROUNDING = 1.001
_TWELVE_BITS = 4096
#: Half the range of phase stored around zero, or from zero on -> what it is, and whether in whole numbers.
_STORAGES = {
    180.0: ("degrees", False), 500.0: ("display values of -500 to 500", True), 512.0: ("10 bit integers", True),
    1800.0: ("tenths of a degree", True), 2048.0: ("12 bit integers", True), 1000 * np.pi: ("milliradians", False),
    4096.0: ("13 bit integers", True), 18000.0: ("hundredths of a degree", True),
    10000 * np.pi: ("ten-thousandths of a radian", True), 32768.0: ("16 bit integers", True),
}  # fmt: skip
#: At least this part of the values lies in the outer tenth of a storage at either end: it is in use, not just touched.
_IN_USE = 0.002
#: An echo that spans less than this part of what another spans has another scale; noise alone spans more.
_SAME_SCALE = 0.01


@dataclass(frozen=True)
class Scale:
    """From stored values to those of the header: slope * value + intercept."""

    slope: float = 1.0
    intercept: float = 0.0

    @property
    def scaled(self) -> bool:
        """Whether the values differ from the stored ones."""
        return (self.slope, self.intercept) != (1.0, 0.0)


def phase_in_radians(
    headers: Sequence[Header | Scale], stored: Sequence[np.ndarray], manufacturer: str | None = None
) -> tuple[np.ndarray, str]:
    """Phase in rad within [-pi, pi] from the stored values of its files.

    Parameters
    ----------
    headers : sequence of Header or Scale
        One per file.
    stored : sequence of ndarray, shape (k, j, i) or (echo, k, j, i)
        The values of each file as stored, without slope and intercept.
    manufacturer : str, optional
        Of the scanner, as its header gives it. Decides the sign.

    Returns
    -------
    phase : ndarray, float32, shape (echo, k, j, i)
        A paramagnetic source makes it grow with echo time where its field is positive.
    source : str
        How it was found.

    Raises
    ------
    ValueError
        If values are not finite, or their range is that of no known storage of phase.
    """
    stored = [checked_volume("phase", array, array.shape) for array in stored]
    raw_low, raw_high = _range([(h, a) for h, a in zip(headers, stored)], scaled=False)
    low, high = _range([(h, a) for h, a in zip(headers, stored)], scaled=True)
    vendor = (manufacturer or "").strip()

    scales = [(h.slope, h.intercept) for h in headers]
    if any(h.scaled for h in headers) and _fills(raw_low, raw_high, np.pi) and not _fills(low, high, np.pi):
        scales = [(1.0, 0.0)] * len(headers)
        low, high = raw_low, raw_high
        source = "stored values, which fill [-pi, pi]; the slope in the header would shrink them and was left out"
    elif _within(low, high, np.pi):
        certain = _fills(low, high, np.pi)
        source = "radians" if certain else f"assumed: radians, from values between {low:.3g} and {high:.3g}"
    elif low >= 0 and _fills(low - np.pi, high - np.pi, np.pi):
        source = "radians from 0 to 2 pi, wrapped to [-pi, pi]"
    elif _fills(low, high, 1000 * np.pi) and vendor_named(vendor) != "Siemens":
        scales = [(slope / 1000, intercept / 1000) for slope, intercept in scales]
        source = "milliradians, times 0.001"
    elif (twelve_bits := _twelve_bits(low, high, scales, stored, vendor)) is not None:
        center, half = twelve_bits
        scales = [(slope * np.pi / half, (intercept - center) * np.pi / half) for slope, intercept in scales]
        source = f"12 bit integers, {center - half:g} to {center + half - 1:g}, as -pi to pi"
    elif (storage := _known_storage(low, high, scales, stored)) is not None:
        center, half = storage
        scales = [(slope * np.pi / half, (intercept - center) * np.pi / half) for slope, intercept in scales]
        source = f"{_STORAGES[half][0]}, {center - half:.5g} to {center + half:.5g} as -pi to pi, which the values fill"
    else:
        raise ValueError(
            f"phase must be in radians within [-pi, pi] or fill a known storage of a scanner (12 bit integers, "
            f"milliradians, degrees), but its values range from {low:g} to {high:g}. Scale it to radians first."
        )

    sign = -1.0 if vendor_named(vendor) in OPPOSITE_SIGN else 1.0
    if sign < 0:
        source += f"; negated, because {vendor} exports the opposite sign"
    volumes = []
    for (slope, intercept), array in zip(scales, stored):
        values = array if (slope, intercept) == (1.0, 0.0) else array * np.float32(slope) + np.float32(intercept)
        volumes.append(values.reshape(-1, *values.shape[-3:]))
    phase = np.concatenate(volumes) if len(volumes) > 1 else volumes[0]
    if source.startswith("radians from 0"):
        phase = np.where(phase > np.pi, phase - np.float32(2 * np.pi), phase)
    _check_one_scale(phase)
    return (-phase if sign < 0 else phase), source


def _check_one_scale(phase: np.ndarray) -> None:
    spans = [float(np.ptp(volume)) for volume in phase]
    for number, span in enumerate(spans, 1):
        if 0 < span < _SAME_SCALE * max(spans):
            raise ValueError(
                f"phase must be in radians within [-pi, pi] in every echo, but by the scale of the others, which span "
                f"{max(spans):.3g} rad, echo {number} spans only {span:.3g} rad. Scale all echoes alike."
            )


def _range(files: Sequence[tuple[Header, np.ndarray]], scaled: bool) -> tuple[float, float]:
    ends = []
    for header, array in files:
        slope, intercept = (header.slope, header.intercept) if scaled else (1.0, 0.0)
        ends += [slope * float(array.min()) + intercept, slope * float(array.max()) + intercept]
    return min(ends), max(ends)


def _within(low: float, high: float, half: float) -> bool:
    return max(-low, high) <= half * _ROUNDING


def _fills(low: float, high: float, half: float) -> bool:
    return _within(low, high, half) and high - low >= 2 * half * _FILLED


def _known_storage(low, high, scales, stored) -> tuple[float, float] | None:
    """Center and half width of the smallest known storage that holds the values, if they make use of all of it."""
    for half, (_, whole) in _STORAGES.items():
        center = 0.0 if low < 0 else half
        if not _within(low - center, high - center, half):
            continue
        if not _fills(low - center, high - center, half) or (whole and not _whole(scales, stored)):
            return None
        values = [array * np.float32(slope) + np.float32(intercept - center)
                  for (slope, intercept), array in zip(scales, stored)]  # fmt: skip
        ends = [np.mean([np.mean(sign * array > 0.8 * half) for array in values]) for sign in (-1, 1)]
        return (center, half) if min(ends) >= _IN_USE else None
    return None


def _whole(scales, stored) -> bool:
    whole = all(float(s).is_integer() and float(i).is_integer() for s, i in scales)
    return whole and all(np.array_equal(array, np.rint(array)) for array in stored)


def _twelve_bits(low, high, scales, stored, vendor) -> tuple[float, float] | None:
    """Center and half width of the storage in 12 bits, as is (0..4095) or doubled around zero (-4096..4094)."""
    center, half = (0.0, _TWELVE_BITS) if low < 0 else (_TWELVE_BITS / 2, _TWELVE_BITS / 2)
    evident = vendor_named(vendor) == "Siemens" or _fills(low - center, high - center, half)
    if not evident or not _within(low - center, high - center, half):
        return None
    return (center, half) if _whole(scales, stored) else None
