"""What every method of every stage does: precision, progress, cancellation, and results that turn with the scan."""

from __future__ import annotations

import os
import tempfile
import threading
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from every_method import double_precision, doubled, every, inputs, volume_of

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.numerics.fourier import counted_ffts
from QSMReconstructionCore.progress import Cancelled

#: A background as large as for all of these, but rounding does not grow: compared where the methods end by themselves.
TO_THE_END = ("pdf", "iharperella", "harperella")

#: From the third outer step on, what conjugate gradients have not solved yet magnifies any difference: rounding of the
#: data alone moves the map by up to two thousandths. Compared over two steps, and to the end within five thousandths.
SENSITIVE = {"tfi": {"max_iterations": 2}}


def few_steps(found):
    """Fewer iterations than by default, where that is a parameter: what a step does wrong, ten steps show."""
    return SENSITIVE.get(found.name, {"max_iterations": 10} if "max_iterations" in found.parameters else {})


def norm(volume):
    return float(np.linalg.norm(volume.astype(float)))


@pytest.mark.parametrize("found", every())
def test_single_precision_stays_near_double_precision(found):
    steps = {} if found.name in TO_THE_END else few_steps(found)
    single = volume_of(inputs().run(found, **steps))
    with double_precision():
        double = volume_of(doubled(inputs()).run(found, **steps))
    if single is None:
        assert double is None and found.name in ("one_pass", "no_reference")
    elif single.dtype == bool:
        assert np.count_nonzero(single != double) <= 1e-3 * np.count_nonzero(double)
    else:
        assert (single.dtype, double.dtype) == (np.float32, np.float64)
        assert norm(single - double) < 1e-3 * norm(double)


@pytest.mark.parametrize("found", [p for p in every() if p.values[0].name in SENSITIVE])
def test_rounding_that_grows_ends_within_five_thousandths(found):
    single = inputs().run(found)
    with double_precision():
        double = doubled(inputs()).run(found)
    assert norm(single - double) < 5e-3 * norm(double)


#: Pairs of Fourier transforms that may pass without a report: a pair of 256 x 256 x 160 takes a quarter of a second.
MOST_SILENT_PAIRS = 5


@pytest.mark.parametrize("found", every(keyword="progress"))
def test_no_more_than_a_few_transforms_pass_between_reports(found):
    reports, counts = [], [0.0]
    shape = inputs().mask.shape
    with counted_ffts() as count:

        def report(fraction, message):
            reports.append(fraction)
            counts.append(count.pairs_of(shape))

        inputs().run(found, progress=report, **few_steps(found))
    counts.append(count.pairs_of(shape))
    assert reports == sorted(reports) and 0 <= reports[0] and reports[-1] <= 1
    assert max(np.diff(counts)) <= MOST_SILENT_PAIRS


@pytest.mark.parametrize("found", every(keyword="progress"))
def test_cancelling_at_the_first_middle_or_last_report_stops_at_once_and_leaves_nothing(found, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    data = inputs()
    few = {"max_iterations": 2} if "max_iterations" in found.parameters else {}
    reports = []
    data.run(found, progress=lambda fraction, message: reports.append(fraction), **few)
    assert reports
    for at in sorted({1, (len(reports) + 1) // 2, len(reports)}):
        calls = []

        def cancel(fraction, message, at=at, calls=calls):
            calls.append(fraction)
            if len(calls) >= at:
                raise Cancelled

        threads = threading.active_count()
        with pytest.raises(Cancelled):
            data.run(found, progress=cancel, **few)
        assert len(calls) == at
        assert threading.active_count() <= threads
        assert os.listdir(tmp_path) == []


#: Quarter turns about each axis of the volume.
TURNS = {"k": (1, 2), "j": (0, 2), "i": (0, 1)}

#: Forward differences look one way, so that a total variation made of them, and edges found by them, are a little
#: different after a turn. (With axes exchanged but none turned around, the result is the same: see the tests of each
#: stage.) All others turn to within rounding.
ONE_SIDED = 0.2
TURNED = {
    name: ONE_SIDED
    for name in ("weighted_tv", "rts", "hd_qsm", "l1_qsm", "nonlinear_tv", "weak_harmonic_tv", "medi", "ilsqr", "tgv",
                 "tfi", "single_step_tgv")
}  # fmt: skip


@cache
def unturned(found):
    return volume_of(inputs().run(found, **turn_steps(found)))


def turn_steps(found):
    return {"max_iterations": 5} if "max_iterations" in found.parameters else {}


@pytest.mark.parametrize("axis", TURNS)
@pytest.mark.parametrize("found", every("background", "inversion"))
def test_turning_image_and_b0_by_a_quarter_turns_the_result(found, axis):
    data = inputs()
    axes = TURNS[axis]

    def turned(volume):
        return np.ascontiguousarray(np.rot90(volume, axes=(axes[0] - 3, axes[1] - 3)))

    grid = data.acquisition.grid
    b0 = list(grid.b0_direction)
    # A quarter turn takes the first of the axes to the second, and the second to the opposite of the first.
    b0[axes[0]], b0[axes[1]] = -b0[axes[1]], b0[axes[0]]
    shape = turned(data.mask).shape
    scan = replace(
        data.acquisition, magnitude=turned(data.acquisition.magnitude), phase=turned(data.acquisition.phase),
        grid=Grid(shape, grid.spacing, b0_direction=tuple(b0)),
    )
    names = ("mask", "total_field", "local_field", "weights", "r2star")
    there = replace(data, acquisition=scan, **{name: turned(getattr(data, name)) for name in names})
    expected, result = turned(unturned(found)), volume_of(there.run(found, **turn_steps(found)))
    share = norm(result - expected) / norm(expected)
    assert share < TURNED.get(found.name, 1e-3)
