"""A multi-echo gradient-echo scan, checked once where it enters."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np

from .grid import Grid

#: Gyromagnetic ratio of 1H over 2 pi, in MHz/T (CODATA 2018, shielded proton in water).
GAMMA_BAR = 42.57638

#: Echo times beyond this many seconds are taken for milliseconds: no gradient-echo phase survives a quarter second.
LONGEST_ECHO_TIME = 0.25

#: Echo times below this many seconds cannot be played out on a clinical scanner.
SHORTEST_ECHO_TIME = 1e-4


@dataclass(frozen=True, eq=False)
class Acquisition:
    """Magnitude and phase of every echo, with what is needed to turn phase into field.

    Attributes
    ----------
    magnitude : ndarray, float32, shape (echo, k, j, i)
        Magnitude in arbitrary units, not negative.
    phase : ndarray, float32, shape (echo, k, j, i)
        Phase in rad within [-pi, pi]; a paramagnetic source makes it grow with echo time where its field is positive.
    echo_times : tuple of float
        Echo times in s, increasing.
    field_strength : float
        B0 in T.
    grid : Grid
        Geometry of one echo.
    imaging_frequency : float, optional
        Centre frequency in MHz, preferred over `GAMMA_BAR * field_strength` because nominal 3 T is often less.
    sources : dict
        Where each fact came from: name of the fact -> "header", "sidecar", "user", "assumed: ...".
    protocol : dict
        What else the headers tell about scanner and sequence, by BIDS name (see `io.protocol`). Nothing is computed
        from it; reports and checks read it. What headers do not tell is absent.

    Raises
    ------
    ValueError
        If the arrays, echo times and grid do not fit together, hold non-finite values, or are not in these units.
    """

    magnitude: np.ndarray
    phase: np.ndarray
    echo_times: tuple[float, ...]
    field_strength: float
    grid: Grid
    imaging_frequency: float | None = None
    sources: dict[str, str] = field(default_factory=dict)
    protocol: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        echo_times = checked_echo_times(self.echo_times)
        phase = _as_echoes("phase", self.phase, len(echo_times))
        magnitude = _as_echoes("magnitude", self.magnitude, len(echo_times))
        if magnitude.shape != phase.shape:
            raise ValueError(
                f"magnitude and phase must have the same shape, but magnitude is {magnitude.shape} and phase is "
                f"{phase.shape} (echo, k, j, i). Check that both come from the same scan."
            )
        if phase.shape[1:] != self.grid.shape:
            raise ValueError(
                f"grid.shape must be the shape of one echo {phase.shape[1:]} (k, j, i), but got {self.grid.shape}."
            )
        _check_finite("magnitude", magnitude)
        _check_finite("phase", phase)
        _check_radians(phase)
        if magnitude.min() < 0:
            raise ValueError(
                f"magnitude must not be negative, but its smallest value is {magnitude.min():g}. "
                "Check that magnitude and phase (or real part) are not swapped."
            )
        if not magnitude.any():
            raise ValueError("magnitude is zero everywhere: there is no signal to reconstruct.")
        field_strength = _positive("field_strength", self.field_strength, "T", 0.05, 25.0)
        frequency = self.imaging_frequency
        if frequency is not None:
            frequency = float(frequency)
            if not abs(frequency / (GAMMA_BAR * field_strength) - 1) < 0.05:
                raise ValueError(
                    f"imaging_frequency must lie within 5 % of {GAMMA_BAR * field_strength:.2f} MHz at "
                    f"{field_strength:g} T, but got {frequency:g} MHz. Correct the field strength or leave it out."
                )
        for name, value in dict(
            magnitude=magnitude, phase=phase, echo_times=echo_times, field_strength=field_strength,
            imaging_frequency=frequency,
        ).items():
            object.__setattr__(self, name, value)

    @property
    def hz_per_ppm(self) -> float:
        """Frequency offset in Hz of a relative field of 1 ppm."""
        return self.imaging_frequency or GAMMA_BAR * self.field_strength

    @property
    def radians_per_ppm_second(self) -> float:
        """Phase in rad gained per second of echo time in a relative field of 1 ppm."""
        return 2 * np.pi * self.hz_per_ppm

    @property
    def magnitude_scale(self) -> np.float32:
        """The largest magnitude, never 0: squares of magnitudes relative to it stay within float32."""
        return np.float32(max(float(self.magnitude.max()), np.finfo(np.float32).tiny))

    def part(self, box: tuple[slice, slice, slice]) -> Acquisition:
        """The scan in a box of slices along (k, j, i), as views of its arrays.

        What holds for the whole scan is not checked again: in a box, there may be no signal, or hardly any phase.
        """
        part = object.__new__(type(self))
        inside = (slice(None), *box)
        changed = {"magnitude": self.magnitude[inside], "phase": self.phase[inside], "grid": self.grid.part(box)}
        for each in fields(self):
            object.__setattr__(part, each.name, changed.get(each.name, getattr(self, each.name)))
        return part

    @cached_property
    def identity(self) -> str:
        """SHA-256 of the voxel values, echo times, field strength and geometry: names the input in provenance."""
        digest = hashlib.sha256()
        for array in (self.magnitude, self.phase):
            digest.update(np.ascontiguousarray(array).data)
        facts = (self.echo_times, self.field_strength, self.imaging_frequency, self.grid)
        digest.update(repr(facts).encode())
        return digest.hexdigest()


def checked_echo_times(echo_times) -> tuple[float, ...]:
    """Echo times in s as a tuple, or a `ValueError` that says what is wrong with them."""
    if echo_times is None or len(np.atleast_1d(echo_times)) == 0:
        raise ValueError(
            "echo_times are missing. Give one echo time in seconds per echo, for instance 0.004 0.012 0.020."
        )
    try:
        times = tuple(float(t) for t in np.atleast_1d(echo_times))
    except (TypeError, ValueError):
        raise ValueError(f"echo_times must be numbers in seconds, but got {echo_times!r}.") from None
    shown = ", ".join(f"{t:g}" for t in times)
    if not np.all(np.isfinite(times)) or min(times) <= 0:
        raise ValueError(f"echo_times must be positive numbers in seconds, but got {shown}.")
    if max(times) > LONGEST_ECHO_TIME:
        raise ValueError(
            f"echo_times must be in seconds, but got {shown}, which look like milliseconds. Divide them by 1000."
        )
    if min(times) < SHORTEST_ECHO_TIME:
        raise ValueError(f"echo_times must be in seconds, but got {shown}, shorter than any scanner can play out.")
    if any(b <= a for a, b in zip(times, times[1:])):
        raise ValueError(
            f"echo_times must increase from echo to echo, but got {shown}. Sort the echoes by echo time."
        )
    return times


def checked_mask(mask: np.ndarray, shape: tuple[int, int, int], name: str = "mask") -> np.ndarray:
    """The mask as a bool array of the given shape, or a `ValueError` that says what is wrong with it."""
    mask = np.asarray(mask)
    if mask.shape != tuple(shape):
        raise ValueError(f"{name} must have the shape {tuple(shape)} of the volume (k, j, i), but got {mask.shape}.")
    if mask.dtype != bool:
        _check_finite(name, mask)
        mask = mask > 0.5
    if not mask.any():
        raise ValueError(f"{name} is empty: no voxel is marked. Draw or choose a mask that covers the brain.")
    return mask


def checked_volume(name: str, array: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """The array as float32 of the given shape, or a `ValueError` that says what is wrong with it."""
    array = np.asarray(array)
    if array.shape != tuple(shape):
        raise ValueError(f"{name} must have the shape {tuple(shape)} of the volume (k, j, i), but got {array.shape}.")
    _check_finite(name, array)
    return array.astype(np.float32, copy=False)


def _as_echoes(name: str, array: np.ndarray, echoes: int) -> np.ndarray:
    array = np.asarray(array)
    if np.iscomplexobj(array):
        raise ValueError(f"{name} must be real, but got complex values. Split them into magnitude and phase.")
    if array.ndim == 3:
        array = array[None]
    if array.ndim != 4:
        raise ValueError(f"{name} must have the shape (echo, k, j, i) or (k, j, i), but got {array.shape}.")
    if array.shape[0] != echoes:
        raise ValueError(
            f"{name} has {array.shape[0]} echo(es), but {echoes} echo time(s) were given. Give one echo time per echo."
        )
    if 0 in array.shape:
        raise ValueError(f"{name} holds no voxel: its shape is {array.shape}.")
    return array.astype(np.float32, copy=False)


def _check_finite(name: str, array: np.ndarray) -> None:
    if array.dtype.kind in "bui":
        return
    bad = array.size - int(np.count_nonzero(np.isfinite(array)))
    if bad:
        raise ValueError(
            f"{name} has {bad} voxel(s) that are not finite (NaN or infinite). Replace them or export the scan again."
        )


def _check_radians(phase: np.ndarray) -> None:
    low, high = float(phase.min()), float(phase.max())
    if max(-low, high) > np.pi * 1.001:
        raise ValueError(
            f"phase must be in radians within [-pi, pi], but its values range from {low:g} to {high:g}. "
            "Scale it by the rescale slope and intercept of its header first."
        )
    if high - low < 0.01:
        raise ValueError(
            f"phase must be in radians, but its values only range from {low:g} to {high:g}. "
            "Scale it by the rescale slope and intercept of its header first, and check that it is the phase."
        )


def _positive(name: str, value, unit: str, low: float, high: float) -> float:
    if value is None:
        raise ValueError(f"{name} is missing. Give it in {unit}, for instance 3.")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number in {unit}, but got {value!r}.") from None
    if not low <= number <= high:
        raise ValueError(f"{name} must lie between {low:g} and {high:g} {unit}, but got {number:g}.")
    return number
