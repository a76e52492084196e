"""Values that studies printed: their sources, and what one's own are set beside."""

import math

import pytest

from QSMRoiAnalysisCore.reference_values import TABLE, compare_with_literature, read_reference_values
from QSMRoiAnalysisCore.results import Descriptive
from QSMRoiAnalysisCore.statistics.regression import linear_regression

VALUES = read_reference_values()

#: Iron of healthy adults in mg per 100 g wet weight, by the regression of Hallgren and Sourander.
IRON = {
    "Globus pallidus": 21.30, "Red nucleus": 19.48, "Substantia nigra": 18.46, "Putamen": 13.32,
    "Caudate nucleus": 9.28, "Thalamus": 4.76,
}  # fmt: skip


def printed(region, group, measure="mean", side=""):
    return [v for v in VALUES if (v.region, v.group, v.measure, v.side) == (region, group, measure, side)]


def test_every_value_has_a_source_and_may_not_diagnose():
    assert len(VALUES) == 90
    assert all(value.source and value.do_not_diagnose and value.unit for value in VALUES)


def test_the_printed_numbers_are_those_of_the_papers():
    assert [(v.value, v.sd, v.n) for v in printed("Substantia nigra", "IPD")] == [(125.81, 16.27, 38)]
    (lesion,) = printed("Lesion", "DMF minus GA", "annual difference")
    assert (lesion.value, lesion.low, lesion.high) == (-2.77, -5.87, -0.01)
    (motor,) = printed("Primary motor cortex anterior", "ALS", side="right")
    assert motor.spread_kind == "SEM" and motor.sd == pytest.approx(0.9 * math.sqrt(13))


def test_separated_sources_add_up_to_the_printed_totals():
    for value in [v for v in VALUES if v.measure == "paramagnetic mean"]:
        (negative,) = printed(value.region, "healthy", "diamagnetic mean")
        (total,) = printed(value.region, "healthy")
        assert value.value + negative.value == pytest.approx(total.value, abs=0.11)  # rounded after adding


def test_susceptibility_of_healthy_nuclei_follows_their_iron():
    chi = [printed(region, "healthy")[0].value for region in IRON]
    fit = linear_regression(chi, {"iron": list(IRON.values())})
    assert fit.r_squared**0.5 == pytest.approx(0.9965, abs=1e-4)
    assert fit.coefficients["iron"].estimate.value == pytest.approx(6.927, abs=1e-3)
    assert fit.coefficients["intercept"].estimate.value == pytest.approx(-27.7, abs=0.05)


def described(region="Thalamus", group="HC", unit="ppb", reference="whole brain", mean=4.0):
    return Descriptive("mean", region, "left", group, 20, 0, mean, 1.0, mean, mean, mean, mean, mean, unit, reference)


def test_the_same_reference_and_unit_give_a_difference():
    row, unknown = compare_with_literature([described()])
    assert (row.published, row.published_n, row.do_not_diagnose) == (-1.1, 250, "yes")
    assert row.difference == pytest.approx(5.1) and math.isnan(unknown.difference)
    assert compare_with_literature([described(unit="ppm", mean=0.004)])[0].difference == pytest.approx(0.0051)


@pytest.mark.parametrize(
    "change, remark",
    [
        ({"reference": "CSF"}, "relative to CSF, the published value to whole brain"),
        ({"reference": ""}, "these are relative to is not known"),
        ({"unit": "%"}, "the units are % and ppb"),
        ({"region": "Putamen", "group": "healthy"}, "what the published value is relative to is not known"),
    ],
)
def test_what_does_not_compare_is_said_and_not_computed(change, remark):
    rows = compare_with_literature([described(**change)])
    assert rows and all(math.isnan(row.difference) for row in rows)
    assert any(remark in row.remark for row in rows)


def test_other_groups_and_regions_are_no_reference():
    assert compare_with_literature([described(group="PD"), described(region="Pons")]) == ()


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("region,", "area,", "it lacks region"),
        (",16.27,", ",wide,", "line 2: could not convert"),
        (",SD,", ",spread,", "line 2: the kind of spread is 'spread'"),
        (",yes", ",no", "line 2: do_not_diagnose must be yes"),
    ],
)
def test_a_table_that_cannot_be_trusted_is_refused(tmp_path, old, new, message):
    (tmp_path / "values.csv").write_text(TABLE.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_reference_values(tmp_path / "values.csv")
