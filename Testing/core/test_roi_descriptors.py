"""Descriptors beyond mean and percentiles: worked-out and published numbers."""

import math
from dataclasses import fields

import numpy as np
import pytest
from scipy import stats

from QSMReconstructionCore.grid import Grid
from QSMRoiAnalysisCore.affected import read_more_affected
from QSMRoiAnalysisCore.descriptors import DESCRIPTORS, asymmetry_index, descriptor, robust_mean
from QSMRoiAnalysisCore.histogram import histogram
from QSMRoiAnalysisCore.maps import ParameterMap, SusceptibilityMap
from QSMRoiAnalysisCore.measures import Measurement, measure, measure_parameter, row_type
from QSMRoiAnalysisCore.norms import read_norms
from QSMRoiAnalysisCore.regions import Region
from QSMRoiAnalysisCore.request import Request
from QSMRoiAnalysisCore.statistics.normative import fit_normative_curve
from QSMRoiAnalysisCore.table import read_table, write_table

TEN_VALUES = (10, 12, 14, 15, 15, 16, 18, 22, 30, 48)
CONTROL_AGES, CONTROL_MEANS = range(20, 81, 10), (30, 36, 39, 46, 49, 56, 59)


def described(values, *names, unit="ppb", spacing=(1.0, 1.0, 1.0), **request):
    """The row of one region "SN left" that holds these values in ppb, with the descriptors of these names."""
    grid = Grid((1, 1, len(values)), spacing=spacing)
    region = Region.from_mask("SN left", 1, np.ones(grid.shape, bool))
    susceptibility = SusceptibilityMap(np.reshape(np.asarray(values, float), grid.shape), grid, "ppb")
    if "noise" in request:
        request["noise"] = np.reshape(np.asarray(request["noise"], float), grid.shape)
    (row,) = measure(susceptibility, [region], unit=unit, request=Request(names, **request))
    return row


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("skewness_g1", 1.677997), ("skewness", 1.989860), ("kurtosis", 1.784513), ("p90", 31.8), ("iqr", 6.75),
        ("mad", 3.0), ("trimmed_mean_10", 17.75), ("fraction_above_20ppb", 0.30), ("total", 200),
        ("positive_mean", 16.8889), ("minimum", 10), ("maximum", 48),
    ],
)
def test_the_descriptors_of_ten_values_are_those_worked_out_by_hand(name, expected):
    assert getattr(described(TEN_VALUES, name), name) == pytest.approx(expected, rel=4e-6)


def test_nigrosome_1_is_the_fraction_below_70_ppb_in_either_unit():
    values = [60] * 12 + [120] * 88
    for unit, factor in (("ppb", 1), ("ppm", 1e-3)):
        row = described(values, "fraction_below_70ppb", unit=unit)
        assert row.fraction_below_70ppb == 0.12 and row.mean == pytest.approx(112.8 * factor)


def test_a_value_on_the_threshold_is_neither_below_nor_above():
    row = described([69.9, 70, 70.1], "fraction_below_70ppb", "fraction_above_70ppb")
    assert row.fraction_below_70ppb == row.fraction_above_70ppb == pytest.approx(1 / 3)


def test_the_robust_mean_solves_its_equation_and_ignores_how_far_an_outlier_lies():
    values = np.array(TEN_VALUES, float)
    center = robust_mean(values)
    width = 1.345 * 3.0 / stats.norm.ppf(0.75)
    assert np.sum(np.clip(values - center, -width, width)) == pytest.approx(0, abs=1e-9)
    assert robust_mean(np.array([*values[:-1], 1e6])) == pytest.approx(center, abs=1e-9)
    assert robust_mean(np.array([1.0, 2, 3, 4, 5])) == pytest.approx(3)
    assert robust_mean(np.array([7.0, 7, 7, 7, 100])) == 7


def test_shape_is_undefined_for_values_that_are_all_the_same():
    row = described([5.0] * 8, "skewness", "kurtosis", "skewness_g1")
    assert all(math.isnan(getattr(row, name)) for name in ("skewness", "kurtosis", "skewness_g1"))


def test_moments_of_an_exponential_sample_approach_its_closed_form():
    quantiles = -np.log1p(-(np.arange(200_000) + 0.5) / 200_000)
    row = described(quantiles, "skewness", "kurtosis")
    assert row.skewness == pytest.approx(2, rel=1e-3) and row.kurtosis == pytest.approx(6, rel=1e-2)


def test_the_high_iron_part_lies_above_the_limit_of_the_norm_at_the_age():
    norms = {"SN": fit_normative_curve(CONTROL_AGES, np.divide(CONTROL_MEANS, 1000))}
    names = ("rii_threshold", "rii_voxels", "rii_mean", "rii_volume_mm3", "rii_total")
    values = (40, 48, 52, 55, 56, 60, 64, 70, 44, 50)
    row = described(values, *names, spacing=(1.5, 1, 1), norms=norms, age=65)
    assert [getattr(row, name) for name in names] == pytest.approx([55.36911, 4, 62.5, 6.0, 375.0], abs=1e-5)
    other = described(values, *names, norms={"Putamen": norms["SN"]}, age=65)
    assert all(math.isnan(getattr(other, name)) for name in names)


def test_sides_have_norms_of_their_own_where_the_table_of_controls_tells_them(tmp_path):
    lines = [
        f"SN\t{side}\t{age}\t{value + 5 * (side == 'right')}\tppb"
        for age, value in zip(CONTROL_AGES, CONTROL_MEANS) for side in ("left", "right")
    ]
    (tmp_path / "norms.tsv").write_text("region\tside\tage\tmean\tunit\n" + "\n".join(lines) + "\n")
    norms = read_norms(tmp_path / "norms.tsv")
    assert {name: norm.n for name, norm in norms.items()} == {"SN left": 7, "SN right": 7}
    row = described((40, 60), "rii_threshold", norms=norms, age=65)
    assert row.rii_threshold == pytest.approx(55.36911, abs=1e-5)


def test_norms_are_read_from_controls_in_any_unit(tmp_path):
    lines = [f"SN\t{age}\t{value}\tppb" for age, value in zip(CONTROL_AGES, CONTROL_MEANS)]
    (tmp_path / "norms.tsv").write_text("region\tage\tmean\tunit\n" + "\n".join(lines) + "\n")
    norm = read_norms(tmp_path / "norms.tsv")["SN"]
    assert read_norms(tmp_path / "norms.tsv").keys() == {"SN"}
    assert float(norm.mean(65)) == pytest.approx(0.05233929, abs=1e-8) and norm.ages == (20, 80)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("region\tage\tmean\n", "lacks the column.* unit"),
        ("region\tage\tmean\tunit\nSN\told\t3\tppb\n", "line 2"),
        ("region\tage\tmean\tunit\nSN\t30\t3\tHz\n", "line 2: the unit must be ppm or ppb"),
        ("region\tage\tmean\tunit\nSN\t30\t3\tppb\nSN\t40\t3\tppb\n", "region SN: .*at least 4 subjects"),
        ("region\tage\tmean\tunit\nSN\t30\t3\tppb\nSN\t30\t3\tppb\nSN\t30\t2\tppb\n", "but got 3 of 1"),
    ],
)
def test_controls_without_a_line_are_refused(tmp_path, text, message):
    (tmp_path / "norms.tsv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_norms(tmp_path / "norms.tsv")


def test_the_error_of_the_mean_follows_from_the_noise_of_the_voxels():
    row = described([10, 20, 30, 40], "noise", "mean_error", "weighted_mean", noise=[3, 4, 3, 4])
    assert row.noise == pytest.approx(math.sqrt(12.5)) and row.mean_error == pytest.approx(math.sqrt(50) / 4)
    assert row.weighted_mean == pytest.approx((40 / 9 + 60 / 16) / (2 / 9 + 2 / 16))


def test_the_error_of_the_mean_is_the_spread_of_repeated_measurements():
    rng, noise = np.random.default_rng(0), np.linspace(5, 15, 50)
    means = [described(100 + noise * rng.standard_normal(50), "mad").mean for _ in range(400)]
    assert np.std(means, ddof=1) == pytest.approx(described(noise, "mean_error", noise=noise).mean_error, rel=0.1)


def test_the_signal_to_noise_ratio_is_that_of_a_voxel():
    assert described([10, 20, 30, 40], "snr", noise=[5, 5, 5, 5]).snr == 5
    assert math.isnan(described([1, 2], "snr", noise=[0, 0]).snr)


def test_the_distance_from_the_edge_ends_at_the_faces_of_voxels():
    grid = Grid((9, 9, 9), spacing=(2.0, 1.0, 1.0))
    mask = np.zeros(grid.shape, bool)
    mask[1:8, 1:8, 1:8] = True
    mark = np.zeros((2, *grid.shape), bool)
    mark[0, 4, 4, 4] = mark[1, 4, 3:5, 4] = mark[1, 4, 4, 8] = True
    regions = [Region.from_mask(name, number, one) for number, (name, one) in enumerate(zip("AB", mark))]
    request = Request(("edge_distance_mm",))
    rows = measure(SusceptibilityMap(mask * 0.1, grid, mask=mask), regions, request=request)
    assert [row.edge_distance_mm for row in rows] == pytest.approx([3.5, 2.5])
    assert math.isnan(measure(SusceptibilityMap(mask * 0.1, grid), regions, request=request)[0].edge_distance_mm)


def two_sided(**values):
    """Rows of regions of two voxels each, at the given ppb, with descriptors of their relations."""
    grid = Grid((len(values), 1, 2))
    volume = np.repeat(np.array(list(values.values()), float), 2).reshape(grid.shape)
    regions = [
        Region.from_mask(name.replace("_", " "), number, np.arange(len(values))[:, None, None] + 0 * volume == number)
        for number, name in enumerate(values)
    ]
    names = ("side_difference", "asymmetry_index", "neighbor", "neighbor_difference", "affected")
    request = Request(names, neighbor="Putamen", more_affected="right")
    return measure(SusceptibilityMap(volume, grid, "ppb"), regions, unit="ppb", request=request)


def test_sides_and_neighbors_are_compared_by_structure():
    rows = two_sided(SN_left=120, SN_right=100, Putamen_left=70, Putamen_right=60, Pons=-5)
    assert [row.side_difference for row in rows[:4]] == pytest.approx([20, 20, 10, 10])
    assert [row.asymmetry_index for row in rows[:2]] == pytest.approx([18.18, 18.18], abs=5e-3)
    assert [row.neighbor_difference for row in rows] == pytest.approx([50, 40, 0, 0, -70])
    assert [row.neighbor for row in rows[:2]] == ["Putamen left", "Putamen right"]
    assert rows[4].neighbor == "Putamen left, Putamen right" and math.isnan(rows[4].side_difference)
    assert [row.affected for row in rows] == ["less", "more", "less", "more", ""]


def test_an_asymmetry_in_percent_needs_two_positive_means():
    assert asymmetry_index(120, 100) == pytest.approx(18.18, abs=5e-3)
    assert math.isnan(asymmetry_index(5, -4)) and math.isnan(asymmetry_index(0, 0))


@pytest.mark.parametrize(
    ("word", "body", "expected"),
    [("left", True, "right"), ("R", True, "left"), ("Left", False, "left"), ("n/a", True, ""), ("both", True, "")],
)
def test_the_affected_side_of_the_body_is_crossed_to_the_brain(tmp_path, word, body, expected):
    (tmp_path / "participants.tsv").write_text(f"participant_id\tside\nsub-01\t{word}\nsub-02\tleft\n")
    assert read_more_affected(tmp_path / "participants.tsv", "01", "side", body=body) == expected


@pytest.mark.parametrize(
    ("subject", "column", "message"),
    [("03", "side", "does not list the subject 03"), ("02", "side", "2 times"), ("01", "hand", "no column 'hand'"),
     ("04", "side", "'worse' in side; left, right or n/a")],
)
def test_a_table_that_does_not_tell_the_affected_side_is_refused(tmp_path, subject, column, message):
    text = "participant_id\tside\nsub-01\tleft\nsub-02\tleft\nsub-02\tright\nsub-04\tworse\n"
    (tmp_path / "participants.tsv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_more_affected(tmp_path / "participants.tsv", subject, column)


def test_another_quantity_is_measured_in_its_own_unit_and_thresholds_in_ppb_do_not_apply():
    grid = Grid((1, 1, 4))
    region = Region.from_mask("SN left", 1, np.ones(grid.shape, bool))
    r2star = ParameterMap(np.reshape([20.0, 30, 40, 50], grid.shape), grid, "1/s", "r2star")
    request = Request(("fraction_below_70ppb", "p90", "mean_error"), noise=np.ones(grid.shape))
    (row,) = measure_parameter(r2star, [region], request=request)
    assert (row.mean, row.unit, row.map, row.reference, row.p90) == (35, "1/s", "r2star", "", pytest.approx(47))
    assert math.isnan(row.fraction_below_70ppb) and math.isnan(row.mean_error)
    with pytest.raises(ValueError, match="another quantity than susceptibility"):
        ParameterMap(np.zeros(grid.shape), grid, "ppm", "chi")


def test_voxels_that_are_left_out_lower_the_coverage():
    grid = Grid((1, 1, 4))
    region = Region.from_mask("SN left", 1, np.ones(grid.shape, bool))
    susceptibility = SusceptibilityMap(np.reshape([1.0, 2, 3, 400], grid.shape), grid, "ppb")
    vein = np.reshape([False, False, False, True], grid.shape)
    (row,) = measure(susceptibility.without(vein), [region], unit="ppb")
    assert (row.mean, row.coverage, row.voxels) == (2, 0.75, 3)
    (row,) = measure(susceptibility.without(vein).without(vein[..., ::-1]), [region], unit="ppb")
    assert (row.mean, row.voxels) == (2.5, 2)


@pytest.mark.parametrize("names", [(), ("skewness",), ("p90", "fraction_below_70ppb", "neighbor", "affected")])
def test_every_chosen_column_is_described_and_reads_back(tmp_path, names):
    assert [column.name for column in fields(row_type(names))] == [c.name for c in fields(Measurement)] + list(names)
    assert all(column.metadata["title"] and column.metadata["description"] for column in fields(row_type(names)))
    grid = Grid((1, 1, 3))
    region = Region.from_mask("Pons", 1, np.ones(grid.shape, bool))
    request = Request(names, neighbor="Pons", more_affected="left")
    rows = measure(SusceptibilityMap(np.reshape([0.1, 0.2, 0.4], grid.shape), grid), [region], request=request)
    write_table(tmp_path / "T.tsv", rows)
    (read,) = read_table(tmp_path / "T.tsv")
    assert type(read) is row_type(names)
    for name in names:
        value = getattr(rows[0], name)
        assert getattr(read, name) == (value if isinstance(value, str) else pytest.approx(value, rel=1e-6))


def test_every_descriptor_gives_a_number_or_text_for_one_voxel_and_for_none():
    grid = Grid((1, 1, 2))
    one = Region.from_mask("SN left", 1, np.reshape([True, False], grid.shape))
    none = Region.from_mask("RN right", 2, np.zeros(grid.shape, bool))
    norms = {"SN": fit_normative_curve((20, 40, 50, 70), (0.1, 0.12, 0.12, 0.13))}
    request = Request(tuple(DESCRIPTORS), np.ones(grid.shape), "SN", norms, 50.0, "left", np.ones(grid.shape))
    for row in measure(SusceptibilityMap(np.full(grid.shape, 0.2), grid), [one, none], request=request):
        for name, chosen in DESCRIPTORS.items():
            assert isinstance(getattr(row, name), chosen.kind)


@pytest.mark.parametrize(
    ("names", "more", "message"),
    [
        (("entropie",), {}, "no descriptor 'entropie'. Choose from minimum"),
        (("p101",), {}, "no descriptor 'p101'"), (("trimmed_mean_50",), {}, "no descriptor"),
        (("p90", "p90"), {}, "once"), (("p95",), {}, "column of every table"),
        (("mean_error",), {}, "needs noise"), (("rii_mean",), {"norms": {}}, "needs norms and the age"),
        (("neighbor_difference",), {}, "needs neighbor"), (("affected",), {}, "needs more_affected"),
        (("neighbor",), {"neighbor": "Pons"}, "no region 'Pons'"),
        ((), {"more_affected": "both"}, "left or right, but got 'both'"),
        (("noise",), {"noise": [1, -1, 1]}, "finite and not negative"),
    ],
)
def test_requests_without_a_meaning_are_refused(names, more, message):
    with pytest.raises(ValueError, match=message):
        described([1, 2, 3], *names, **more)


def test_a_descriptor_is_found_by_the_name_that_it_gives_its_column():
    for name in ("p2.5", "trimmed_mean_12.5", "fraction_below_-20ppb", *DESCRIPTORS):
        assert descriptor(name).name == name


def test_a_histogram_counts_every_voxel_once_in_bins_that_all_regions_share():
    grid = Grid((1, 1, 6))
    region = Region.from_mask("SN left", 1, np.ones(grid.shape, bool))
    values = np.reshape([-5.0, 0, 9.9, 10, 31, 39], grid.shape)
    bins = histogram(SusceptibilityMap(values, grid, "ppb"), [region], unit="ppb", bin_width=10)
    assert [(one.low, one.high, one.voxels) for one in bins] == [
        (-10, 0, 1), (0, 10, 2), (10, 20, 1), (20, 30, 0), (30, 40, 2)
    ]
    assert sum(one.fraction for one in bins) == pytest.approx(1)
    in_ppm = histogram(SusceptibilityMap(values, grid, "ppb"), [region], unit="ppm", bin_width=10)
    assert [one.voxels for one in in_ppm] == [one.voxels for one in bins]
    assert in_ppm[0].low == pytest.approx(-0.01)


@pytest.mark.parametrize(("width", "message"), [(0, "positive"), (math.nan, "positive"), (1e-6, "Choose a wider one")])
def test_bins_of_no_use_are_refused(width, message):
    grid = Grid((1, 1, 2))
    region = Region.from_mask("SN left", 1, np.ones(grid.shape, bool))
    with pytest.raises(ValueError, match=message):
        histogram(SusceptibilityMap(np.reshape([0, 0.1], grid.shape), grid), [region], bin_width=width)
