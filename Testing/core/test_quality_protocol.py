"""Verdicts on how a scan was made, from what its headers tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.quality import BAD, CAUTION, GOOD, NOT_ASSESSED, Verdict, protocol
from QSMReconstructionCore.quality.verdict import Question
from small_scan import oblique_grid, small_scan


@pytest.fixture
def level():
    """Judge one thing of a small scan, with facts changed, and return the level."""

    def judge(check, scan=None, **changes) -> str:
        verdict = check(replace(scan or small_scan(), **changes))
        assert verdict.explanation.endswith(".")
        assert bool(verdict.action) == (verdict.level in (CAUTION, BAD))
        return verdict.level

    return judge


def test_levels_follow_the_limits_in_either_direction():
    rising = Question("n", "N", "{value}", "{value}!", "Act.", caution=1.0, bad=2.0, unit="ppm")
    falling = replace(rising, caution=2.0, bad=1.0)
    assert [rising.judged(x).level for x in (0.9, 1.0, 1.9, 2.0)] == [GOOD, CAUTION, CAUTION, BAD]
    assert [falling.judged(x).level for x in (2.1, 2.0, 1.1, 1.0)] == [GOOD, CAUTION, CAUTION, BAD]
    assert rising.judged(1.5).sentence == "N: 1.50 ppm! Act."
    assert rising.judged(np.nan).level == NOT_ASSESSED


def test_a_verdict_as_plain_data_leaves_out_what_it_does_not_have():
    assert Verdict("n", "N", GOOD, "Fine.").as_dict() == {
        "Name": "n", "Title": "N", "Level": "good", "Explanation": "Fine.",
    }  # fmt: skip
    with pytest.raises(ValueError, match="level must be one of good, caution, bad, not assessed, but got 'fine'"):
        Verdict("n", "N", "fine", "Fine.")


def test_few_echoes(level):
    assert level(protocol.echo_count) == GOOD
    for times in ((0.004, 0.012), (0.02,)):
        assert level(protocol.echo_count, small_scan(times)) == CAUTION


def test_a_last_echo_before_tissue_shows(level):
    assert level(protocol.last_echo_time, small_scan((0.004, 0.012, 0.02))) == GOOD
    assert level(protocol.last_echo_time, small_scan((0.0023, 0.0046))) == CAUTION
    assert level(protocol.last_echo_time, small_scan((0.0023, 0.0046), field_strength=7.0)) == GOOD


def test_unequal_spacing(level):
    assert level(protocol.echo_spacing, small_scan((0.00492, 0.00984, 0.01476))) == GOOD
    assert level(protocol.echo_spacing, small_scan((0.004, 0.012, 0.022))) == CAUTION
    assert level(protocol.echo_spacing, small_scan((0.004, 0.012))) == NOT_ASSESSED


def test_an_imaging_frequency_of_another_field(level):
    assert level(protocol.imaging_frequency) == NOT_ASSESSED
    assert level(protocol.imaging_frequency, imaging_frequency=123.25) == GOOD  # a 3 T of 2.89 T
    assert level(protocol.imaging_frequency, imaging_frequency=133.5) == CAUTION


def test_an_orientation_that_is_only_assumed(level):
    assumed = {"orientation": "assumed: the slices are axial, because the header states no orientation"}
    assert level(protocol.orientation) == GOOD
    assert level(protocol.orientation, sources=assumed) == CAUTION
    assert level(protocol.orientation, sources={**assumed, "b0_direction": "params.json"}) == GOOD


def test_an_orientation_that_a_conversion_lost(level):
    oblique = oblique_grid()
    columns = (np.array(oblique.direction) * [[-1], [-1], [1]]).T
    stated = {"ImageOrientationPatientDICOM": " ".join(map(str, [*columns[2], *columns[1]]))}
    assert level(protocol.orientation, protocol=stated) == GOOD
    assert level(protocol.orientation, protocol=stated, grid=Grid(oblique.shape, oblique.spacing)) == BAD
    sagittal = Grid(oblique.shape, oblique.spacing, tuple(map(tuple, np.eye(3))))
    assert level(protocol.orientation, protocol={"ImageOrientationPatientDICOM": "0 1 0 0 0 -1"}, grid=sagittal) == GOOD


def test_obliquity_is_the_angle_of_b0_with_the_nearest_axis():
    scan = small_scan()
    expected = np.degrees(np.arccos(np.cos(np.radians(25)) ** 2))
    assert protocol.obliquity(scan).value == pytest.approx(expected)
    assert protocol.obliquity(replace(scan, grid=Grid(scan.grid.shape))).value == 0


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, NOT_ASSESSED), ({"PartialFourier": 1}, GOOD), ({"PartialFourier": 0.75}, CAUTION),
        ({"PartialFourier": "YES"}, CAUTION), ({"PartialFourier": "NO"}, GOOD), ({"ScanOptions": "FC"}, GOOD),
        ({"ScanOptions": "FC PFP"}, CAUTION), ({"ScanOptions": "FC\\PFF"}, CAUTION),
    ],
)  # fmt: skip
def test_partial_fourier(level, told, expected):
    assert level(protocol.partial_fourier, protocol=told) == expected


def test_two_dimensions(level):
    assert level(protocol.slice_selection) == NOT_ASSESSED
    assert level(protocol.slice_selection, protocol={"MRAcquisitionType": "3D"}) == GOOD
    assert level(protocol.slice_selection, protocol={"MRAcquisitionType": "2D"}) == CAUTION
