"""What is known of a simulated cohort is found by the whole pipeline, and nothing where nothing is."""

import math

import numpy as np
import pytest
from scipy import stats

from QSMRoiAnalysisCore.__main__ import main
from QSMRoiAnalysisCore.analysis_run import run_protocol
from QSMRoiAnalysisCore.cohort import SUBJECT, Cohort, Visit
from QSMRoiAnalysisCore.protocols import load_protocol, parse_protocol
from QSMRoiAnalysisCore.results import read_result
from QSMRoiAnalysisCore.study import Study
from simulated_cohort import Truth, write_study

NIGRA = "Substantia nigra"


def found(result, analysis, region=NIGRA, term="", comparison=None):
    rows = [
        one for one in result.findings
        if one.analysis == analysis and one.region == region and one.term == term
        and (comparison is None or one.comparison == comparison)
    ]  # fmt: skip
    assert rows
    return rows


def test_a_difference_of_20_ppb_in_the_nigra_is_found_there_alone(tmp_path, capsys):
    command = write_study(tmp_path / "s", load_protocol("ALS-9"), per_group=30, truth=Truth({NIGRA: 20.0}), seed=5)
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    result = read_result(tmp_path / "out")
    for one in found(result, "adjusted_comparison"):
        assert one.estimate_low < 20 < one.estimate_high and one.adjusted_p < 0.001
        assert one.comparison == "ALS - HC" and one.unit == "ppb" and one.n == "ALS 30, HC 30"
        assert "age" in one.remarks and one.family_size == 14
    others = [one for one in result.findings if one.analysis == "adjusted_comparison" and one.region != NIGRA]
    assert len(others) == 12 and all(one.adjusted_p > 0.05 for one in others)


def test_a_known_change_and_its_difference_between_groups_are_found(tmp_path, capsys):
    protocol = load_protocol("MS-3")
    rates = Truth(annual_change=2.0, annual_difference=6.0)
    command = write_study(tmp_path / "s", protocol, per_group=25, truth=rates, seed=6)
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    result = read_result(tmp_path / "out")
    inside = []
    for region in ("Caudate nucleus", "Putamen", "Globus pallidus", "Thalamus"):
        (product,) = found(result, "mixed_model", region, "time x group MS")
        assert product.adjusted_p < 0.01 and product.unit == "ppb per year"
        assert "Bootstrap of subjects" in product.remarks
        (controls,) = found(result, "mixed_model", region, "time")
        assert controls.role == "estimate"
        (rate,) = found(result, "annual_change", region, comparison="MS")
        (difference,) = found(result, "annual_change", region, "rate")
        for one, truth in ((product, 6), (controls, 2), (rate, 8), (difference, 6)):
            inside.append(one.estimate_low < truth < one.estimate_high)
    assert sum(inside) >= stats.binom.ppf(0.01, len(inside), 0.95)
    assert {one.kind for one in result.figures} == {"trajectory", "forest"}


@pytest.mark.parametrize("way", ["combat", "term"])
def test_a_known_effect_of_a_site_is_found_and_taken_account_of(tmp_path, capsys, way):
    protocol = load_protocol("ALS-9")
    truth = Truth({NIGRA: 20.0}, sites={"Graz": 0.0, "Oslo": 15.0})
    command = write_study(tmp_path / "s", protocol, per_group=30, truth=truth, seed=7)
    assert main([*command, "--sites", way, "--out", str(tmp_path / "out")]) == 0
    result = read_result(tmp_path / "out")
    effects = [one for one in result.findings if one.analysis == "site_effect"]
    assert len(effects) == 14
    inside = [one.estimate_low < 15 < one.estimate_high for one in effects]
    assert sum(inside) >= stats.binom.ppf(0.001, 14, 0.95)
    for one in found(result, "adjusted_comparison"):
        assert one.estimate_low < 20 < one.estimate_high and one.adjusted_p < 0.001
    assert any(("ComBat" if way == "combat" else "2 sites") in remark for remark in result.remarks)


def test_effects_of_scanners_are_removed_from_visits(tmp_path, capsys):
    truth = Truth(annual_difference=6.0, sites={"A": 0.0, "B": 15.0})
    command = write_study(tmp_path / "s", load_protocol("MS-3"), per_group=20, truth=truth, visits=3, seed=8)
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    result = read_result(tmp_path / "out")
    inside = [
        one.estimate_low < 6 < one.estimate_high
        for one in result.findings if one.analysis == "mixed_model" and one.term == "time x group MS"
    ]  # fmt: skip
    assert len(inside) == 4 and sum(inside) >= 3


def test_a_site_for_each_group_is_refused(tmp_path, capsys):
    truth = Truth(sites={"Graz": 0.0, "Oslo": 15.0})
    command = write_study(tmp_path / "s", load_protocol("ALS-9"), per_group=6, truth=truth)
    participants = tmp_path / "s" / "participants.tsv"
    lines = [line.split("\t") for line in participants.read_text().splitlines()]
    at = lines[0].index("site")
    for line in lines[1:]:
        line[at] = "Graz" if line[1] == "ALS" else "Oslo"
    participants.write_text("\n".join("\t".join(line) for line in lines) + "\n")
    assert main([*command, "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "cannot be told apart (Graz has ALS; Oslo has HC)" in said and not (tmp_path / "out").exists()


def memory_cohort(random, per_group=20, regions=5, visits=1):
    """A cohort without any effect, in memory: subjects differ, and nothing else does."""
    names = [f"sub-{i:03}" for i in range(2 * per_group)]
    found = tuple(Visit(name, str(v) if visits > 1 else "") for name in names for v in range(visits))
    people = {
        SUBJECT: {name: name for name in names},
        "group": {name: ("PD", "HC")[i % 2] for i, name in enumerate(names)},
        "age": {name: f"{random.uniform(50, 80):.1f}" for name in names},
    }  # fmt: skip
    values = {
        ("mean", f"Region {r}", ""): np.repeat(random.normal(100, 10, len(names)), visits)
        + random.normal(0, 3, len(names) * visits)
        for r in range(regions)
    }
    years = {"time_years": {visit: visit.session or "0" for visit in found}}
    return Cohort(found, "ppb", {}, people, (), years, values)


def null_protocol(tests, design="cross-sectional", regions=5):
    return parse_protocol("null", {
        "title": "Nothing", "disease": "", "citation": {"text": "none"}, "design": design,
        "groups": [{"label": "PD", "role": "case"}, {"label": "HC", "role": "control"}],
        "regions": [{"name": f"Region {r}", "sides": "none"} for r in range(regions)], "measures": ["mean"],
        "variables": {"age": {"kind": "number", "means": "years"}}, "covariates": ["age"], "tests": tests,
        "family": {"name": "all regions", "method": "holm"},
    })  # fmt: skip


def check_rates(results):
    """Single tests reject one in twenty, and families at most one in twenty, within binomial limits."""
    p = [[one.p for one in result.findings if one.role == "test"] for result in results]
    single = np.concatenate(p)
    assert stats.binomtest(int(np.sum(single <= 0.05)), single.size, 0.05).pvalue > 0.005
    families = sum(any(one.adjusted_p <= 0.05 for one in result.findings) for result in results)
    assert stats.binomtest(families, len(results), 0.05, alternative="greater").pvalue > 0.005


@pytest.mark.parametrize(
    "test",
    [
        {"kind": "adjusted_comparison"},
        {"kind": "group_comparison", "parameters": {"test": "mann_whitney"}},
        {"kind": "norm_deviation"},
    ],
    ids=lambda test: test["kind"],
)
def test_nothing_is_found_in_200_cohorts_where_nothing_is(test):
    random, protocol = np.random.default_rng(9), null_protocol([test], regions=2)
    check_rates([run_protocol(Study(protocol, memory_cohort(random, regions=2))) for _ in range(200)])


def test_no_change_is_found_in_200_cohorts_where_nothing_changes():
    random = np.random.default_rng(10)
    tests = [{"kind": "mixed_model", "parameters": {"repetitions": 100}}]
    protocol = null_protocol(tests, "longitudinal", regions=1)
    cohorts = (memory_cohort(random, per_group=10, regions=1, visits=3) for _ in range(200))
    check_rates([run_protocol(Study(protocol, cohort)) for cohort in cohorts])


def test_a_family_counts_every_test_that_bears_its_name():
    tests = [{"kind": "adjusted_comparison"}, {"kind": "group_comparison", "parameters": {"test": "welch_t"}}]
    result = run_protocol(Study(null_protocol(tests), memory_cohort(np.random.default_rng(11))))
    assert {one.family_size for one in result.findings} == {10}
    smallest = min(result.findings, key=lambda one: one.p)
    assert smallest.adjusted_p == pytest.approx(min(1, 10 * smallest.p))
    assert all(math.isfinite(one.effect) and one.assumptions for one in result.findings)
