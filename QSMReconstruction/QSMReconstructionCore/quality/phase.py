"""Verdicts on the phase: its scale, what it shows, whether its slices alternate, and whether it was filtered."""

from __future__ import annotations

import numpy as np

from ..numerics.romeo_weights import wrapped
from .sample import Sample
from .verdict import Question

#: Where phase varies by less than this part of its range between neighbors, a jump next to it is a whole turn.
_FLAT = 1 / 32
#: Fewer turns than this among the places of an echo do not tell their size.
_FEWEST_TURNS = 30
#: Turns are all of one size: half of them to this part of it.
_CONSISTENT = 0.2
#: Phase that differs from -pi or pi by less than this part has reached it.
_REACHED = 0.95
#: Size of the blocks over which phase is averaged to see whether slow variation is left, in mm.
_BLOCK = 20.0
#: A block has a phase of its own if the mean of its unit vectors is longer than this; fewer such blocks tell nothing.
_COHERENT, _FEWEST_BLOCKS = 0.6, 20

PHASE_SCALE = Question(
    "phase_scale", "Phase scale",
    good="Where the phase wraps, it jumps by a turn of 2 pi, to {value}.",
    fault="Where the phase wraps, it does not jump by a turn of 2 pi: the jumps are off by {value}.",
    action="The phase was scaled wrongly, perhaps from its minimum and maximum. Export it again with its scale.",
    # Up to 5 % on phantoms of 3 and 4 mm, by noise and steep fields. The field is off by as much.
    caution=10, bad=15, unit="%", decimals=1,
)  # fmt: skip
PHASE_RANGE = Question(
    "phase_range", "Phase range",
    good="The phase fills the range from -pi to pi: {value} of the voxels are near its ends or next to a wrap.",
    fault="Only {value} of the voxels have a phase near -pi or pi or are next to a wrap, as phase from a scanner has.",
    action=(
        "It may have been unwrapped, filtered, or stretched from its minimum and maximum; then the field is wrong. "
        "Take the phase as the scanner saved it."
    ),
    # Noise alone has 5 % near the ends; scans without air around the head have less, but wraps in the head.
    caution=0.3, bad=-np.inf, unit="%", decimals=2,
)  # fmt: skip
PHASE_CONTENT = Question(
    "phase_content", "What the phase shows",
    good="The phase shows something other than the magnitude (correlation {value}).",
    fault="The phase looks like the magnitude (correlation {value}).",
    action="Check that the files of phase do not hold magnitude.",
    # At most 0.18 on phantoms at 1.5 to 7 T; an image and its copy have 1, whatever the scale of either.
    caution=0.7, bad=0.9,
)  # fmt: skip
SLICE_POLARITY = Question(
    "slice_polarity", "Slice polarity",
    good="Neighboring slices have the same sign: their phase differs by {value} on average.",
    fault="The phase of neighboring slices differs by {value} on average, as if every other slice had been negated.",
    action=(
        "Some scanners export such phase. The reader for DICOM corrects it for GE; for other files, negate every other "
        "slice of the complex images."
    ),
    # Noise has pi / 2; phantoms at 4 mm at most 0.84. Alternating slices have pi less that.
    caution=np.pi / 2 - 0.2, bad=np.pi / 2 + 0.2, unit="rad",
)  # fmt: skip
FILTERED_PHASE = Question(
    "filtered_phase", "Filtered phase",
    good="The phase has its slow variation, {value} times the variation within 20 mm.",
    fault="The phase has little slow variation, only {value} times the variation within 20 mm.",
    action=(
        "It seems to be high-pass filtered, as for susceptibility-weighted images, which takes part of the contrast "
        "away. Take the original phase, or do not read values off the map."
    ),
    # 2.4 to 4.7 on phantoms of several echoes and on scans, 1.5 to 2.5 for a single late echo at 7 T. After division by
    # the phase blurred with a standard deviation of 6 mm, as for susceptibility-weighted images, at most 1.12; with
    # 10 mm, at most 1.35 (a single late echo at 4 mm: 1.5).
    caution=1.4, bad=1.2,
)  # fmt: skip


def scale_error(sample: Sample) -> float | str:
    """Largest deviation of the jumps of an echo from a turn, in percent.

    Next to a flat place, a jump between neighbors is a whole turn, whatever the scale of the phase.
    """
    errors = []
    for echo in sample.scan.phase:
        spread = float(np.ptp(sample.at(echo)))
        turns = []
        for axis in sample.axes:
            before, here, after, beyond = (sample.at(echo, axis, by)[sample.signal] for by in (-1, 0, 1, 2))
            jump, slope = after - here, (here - before + beyond - after) / 2
            flat = np.maximum(np.abs(here - before), np.abs(beyond - after)) < _FLAT * spread
            found = flat & (np.abs(jump) > spread / 2)
            turns.append(np.abs(jump - slope)[found])
        sizes = np.concatenate([*turns, np.empty(0)])
        if sizes.size >= _FEWEST_TURNS:
            low, middle, high = np.quantile(sizes, (0.25, 0.5, 0.75))
            if high - low < _CONSISTENT * middle:  # noise makes jumps of any size
                errors.append(abs(float(middle) / (2 * np.pi) - 1))
    return 100 * max(errors) if errors else "The phase has no wraps that are clear enough to show its scale."


def share_at_ends(sample: Sample) -> float:
    """Share of the voxels near -pi or pi or next to a wrap, in percent; the smallest of all echoes."""
    shares = []
    for echo, here in zip(sample.scan.phase, sample.phase):
        found = np.abs(here) > _REACHED * np.pi
        for axis in sample.axes:
            found |= np.abs(sample.at(echo, axis, 1) - here) > np.pi
        shares.append(found.mean())
    return 100 * float(min(shares))


def likeness_to_magnitude(sample: Sample) -> float:
    """Largest correlation of the phase and the magnitude of an echo, of either sign."""
    found = []
    for phase, magnitude in zip(sample.phase, sample.magnitude):
        centered = [values - values.mean(dtype=np.float64) for values in (phase, magnitude)]
        norm = np.sqrt(np.prod([np.sum(values**2) for values in centered]))
        found.append(abs(np.sum(centered[0] * centered[1])) / norm if norm > 0 else 0.0)
    return float(max(found))


def step_between_slices(sample: Sample) -> float | str:
    """Mean phase difference between neighbors along the axis where it is largest, in rad, of the first echo."""
    if not sample.axes:
        return "The scan has too few slices."
    first = sample.scan.phase[0]
    return max(
        sample.mean_of(np.abs(wrapped(sample.at(first, axis, 1) - sample.phase[0]))) for axis in sample.axes
    )


def slow_over_quick_variation(sample: Sample) -> float | str:
    """Variation of the phase between blocks over that within blocks, at the first echo.

    Both are circular standard deviations. Blocks without a phase of their own, as next to sinuses, do not count. At
    late echoes, those that are left where the field is steep lie in one part of the head, and differ little although
    nothing was filtered.
    """
    blocks = np.where(sample.signal, np.exp(1j * sample.phase[0]), 0)
    counts, size = sample.signal.astype(float), 1
    for axis, spacing in enumerate(sample.scan.grid.spacing):
        length = max(1, round(_BLOCK / (spacing * sample.step)))
        starts = np.arange(0, blocks.shape[axis], length)
        blocks, counts = (np.add.reduceat(values, starts, axis=axis) for values in (blocks, counts))
        size *= length
    coherence = np.abs(blocks) / np.maximum(counts, 1)
    chosen = (counts > size / 2) & (coherence > _COHERENT)
    if np.count_nonzero(chosen) < _FEWEST_BLOCKS:
        return "Too few parts of the head have a phase that is steady enough at the first echo."
    between = abs(np.mean(blocks[chosen] / np.abs(blocks[chosen])))
    within = np.average(coherence[chosen], weights=counts[chosen])
    deviations = [np.sqrt(-2 * np.log(np.clip(length, 1e-6, 1 - 1e-6))) for length in (between, within)]
    return float(deviations[0] / deviations[1])


CHECKS = (
    (PHASE_SCALE, scale_error),
    (PHASE_RANGE, share_at_ends),
    (PHASE_CONTENT, likeness_to_magnitude),
    (SLICE_POLARITY, step_between_slices),
    (FILTERED_PHASE, slow_over_quick_variation),
)
