"""Verdicts on the field: how well it fits the phase, wraps left, background left, and where B0 points."""

from __future__ import annotations

import numpy as np

from ..numerics.fourier import forward, frequencies
from .result import Result
from .verdict import Question

#: A phase left over by more than this, in rad, is no fit: the consensus paper leaves out voxels above a relative
#: residual of 0.3 (10.1002/mrm.30006).
_NO_FIT = 0.3
#: Phase whose coherence with its neighbors is above this can be unwrapped.
_COHERENT = 0.5
#: The rim of the mask is this many voxels wide; its middle begins this far inside, in mm.
_RIM_VOXELS, _MIDDLE = 1.5, 10.0
#: Waves of the local field that tell the direction of B0: longer ones are background, in cycles/mm.
_LONGEST, _SHORTEST = 1 / 80, 1 / 10
#: A wave lies on the cone where the dipole kernel is below this.
_ON_CONE = 0.06
#: Fewer waves than this do not tell a direction.
_FEWEST_WAVES = 1000
#: Waves are compared whose lengths differ by less than this, as a logarithm.
_SHELL = 0.2
#: The cone must be this much darker than waves elsewhere.
_DARK = 0.6
#: Directions tried over the half sphere, and then within this angle of the best, in rad.
_DIRECTIONS, _NEAR = 800, 0.12

RESIDUAL = Question(
    "fit_residual", "Residual of the fit",
    good="The phase of all echoes fits a field: {value} of the brain is off by more than 0.3 rad.",
    fault="The phase of the echoes does not fit a field in {value} of the brain, where it is off by more than 0.3 rad.",
    action="Check the order of the echoes, bipolar readout and motion; these voxels count little in the map.",
    # 0.2 to 8 % on phantoms, most at 7 T next to sinuses.
    caution=15, bad=40, unit="%", decimals=1,
)  # fmt: skip
WRAPS = Question(
    "wraps_left", "Wraps left",
    good="Unwrapping left no jumps where the phase is coherent ({value} of the pairs of neighbors).",
    fault="Unwrapping left jumps of half a turn or more where the phase is coherent: {value} of pairs of neighbors.",
    action="Look at the total field; another mask or another field mapping may help.",
    # 0 on phantoms. A cube of 20 voxels that is off by a turn makes 0.005 % of a brain at 1 mm.
    caution=0.005, bad=0.1, unit="%", decimals=3,
)  # fmt: skip
RIM = Question(
    "field_at_rim", "Field at the rim",
    good="The local field at the rim of the mask is {value} times that in the middle.",
    fault="The local field at the rim of the mask is {value} times that in the middle: background is left in it.",
    action="Erode the mask, or choose another method for the background field.",
    # 0.45 to 0.7 on phantoms, 1.1 on a scan; above 2 before the background is removed.
    caution=1.5, bad=2.2,
)  # fmt: skip
B0_DIRECTION = Question(
    "b0_direction", "Direction of B0",
    good="The local field shows B0 where the header says, to {value}.",
    fault="The local field shows B0 {value} away from where the header says.",
    action="The orientation of the volume seems to be lost. Convert the scan again, or give the direction of B0.",
    # At most 3 degrees on phantoms of 3 and 4 mm and on a scan.
    caution=7, bad=14, unit="degrees", decimals=0,
)  # fmt: skip


def share_without_fit(result: Result) -> float | str:
    """Share of the brain whose phase is off the line by more than 0.3 rad, in percent."""
    if len(result.scan.echo_times) < 3:
        return "A line through fewer than three echoes leaves no residual."
    return 100 * float(np.mean(result.residual[result.mask] > _NO_FIT))


def share_of_jumps(result: Result) -> float | str:
    """Share of pairs of neighbors of coherent phase whose field differs by more than half a turn, in percent."""
    turns = result.total_field * np.float32(result.scan.hz_per_ppm * result.interval)
    coherent = result.mask & (result.coherence > _COHERENT)
    jumps = pairs = 0
    for axis in range(3):
        values, inside = np.moveaxis(turns, axis, 0), np.moveaxis(coherent, axis, 0)
        pair = inside[1:] & inside[:-1]
        pairs += np.count_nonzero(pair)
        jumps += np.count_nonzero(pair & (np.abs(values[1:] - values[:-1]) > 0.5))
    return 100 * jumps / pairs if pairs else "Nowhere is the phase coherent."


def field_of_rim(result: Result) -> float | str:
    """Root mean square of the local field at the rim over that in the middle."""
    field, depth = result.local_field, result.local_depth
    rim = field[(depth > 0) & (depth <= _RIM_VOXELS * max(result.spacing))]
    middle = field[depth > _MIDDLE]
    if not rim.size or middle.size < rim.size / 10 or not middle.any():
        return f"The brain is nowhere deeper than {_MIDDLE:g} mm."
    return float(np.sqrt(np.mean(rim**2, dtype=np.float64) / np.mean(middle**2, dtype=np.float64)))


def turn_of_b0(result: Result) -> float | str:
    """Angle between B0 as the grid has it and as the local field shows it, in degrees.

    No source makes waves of the field on the cone where the dipole kernel is zero, at 54.7 degrees to B0. So the power
    of the field on a cone is least where the axis of the cone is B0.
    """
    field = result.local_field
    waves = frequencies(field.shape, result.spacing)
    length = np.sqrt(sum(k * k for k in waves))
    chosen = (length > _LONGEST) & (length < min(_SHORTEST, 0.4 / max(result.spacing)))
    if np.count_nonzero(chosen) < _FEWEST_WAVES:
        return "The brain in the scan is too small to show it."
    power = np.abs(forward(field)[chosen]).astype(float) ** 2
    unit = np.stack([np.broadcast_to(k, chosen.shape)[chosen] for k in waves]) / length[chosen]
    # What matters is power against that of other waves of the same length.
    shell = np.floor(np.log(length[chosen] / _LONGEST) / _SHELL).astype(int)
    mean = np.bincount(shell, power) / np.maximum(np.bincount(shell), 1)
    if not mean[shell].all():
        return "There is no local field."
    power /= mean[shell]

    given = np.asarray(result.grid.b0_direction)
    everywhere = np.column_stack([_half_sphere(_DIRECTIONS), given])
    best = everywhere[:, np.argmin(dark := _power_on_cone(power, unit, everywhere))]
    if dark.min() > _DARK:
        return "The local field is too noisy to show it."
    near = best[:, None] + _NEAR * np.random.default_rng(0).uniform(-1, 1, (3, _DIRECTIONS))
    near = np.column_stack([near / np.linalg.norm(near, axis=0), best])
    best = near[:, np.argmin(_power_on_cone(power, unit, near))]
    return float(np.degrees(np.arccos(min(1.0, abs(best @ given)))))


def _half_sphere(count: int) -> np.ndarray:
    """Directions spread evenly over half a sphere (a Fibonacci lattice), shape (3, count)."""
    n = np.arange(count) + 0.5
    height, turn = n / count, np.pi * (1 + np.sqrt(5)) * n
    radius = np.sqrt(1 - height**2)
    return np.stack([height, radius * np.cos(turn), radius * np.sin(turn)])


def _power_on_cone(power: np.ndarray, unit: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Mean power of the waves on the cone around each direction; 1 is the mean of all."""
    on_cone = (np.abs((unit.T @ d) ** 2 - 1 / 3) < _ON_CONE for d in directions.T)
    return np.array([power[on].mean() if on.any() else np.inf for on in on_cone])


CHECKS = (
    (RESIDUAL, share_without_fit),
    (WRAPS, share_of_jumps),
    (RIM, field_of_rim),
    (B0_DIRECTION, turn_of_b0),
)
