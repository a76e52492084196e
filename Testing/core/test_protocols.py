"""Protocols: what their files may say, what they need, and that each of them runs on a cohort made for it."""

import json
from dataclasses import replace

import pytest

from QSMRoiAnalysisCore.__main__ import main
from QSMRoiAnalysisCore.analyses import ANALYSES
from QSMRoiAnalysisCore.cohort_tables import find_tables, read_cohort
from QSMRoiAnalysisCore.figure_data import FIGURES
from QSMRoiAnalysisCore.findings import Finding
from QSMRoiAnalysisCore.protocols import load_protocol, missing, parse_protocol, protocol_names
from QSMRoiAnalysisCore.protocols.schema import FOLDER
from QSMRoiAnalysisCore.results import read_result
from QSMRoiAnalysisCore.table import read_table
from simulated_cohort import write_study

NAMES = protocol_names()


def test_every_design_of_the_five_diseases_is_there():
    numbers = {"PD": 15, "AD": 9, "HD": 4, "ALS": 9, "MS": 17}
    wanted = {f"{disease}-{i}" for disease, count in numbers.items() for i in range(1, count + 1)} | {"MS-1b"}
    assert set(NAMES) == wanted


@pytest.mark.parametrize("name", NAMES)
def test_a_protocol_says_who_published_it_and_what_it_does_not_know(name):
    protocol = load_protocol(name)
    assert protocol.name == name and protocol.title and protocol.disease and protocol.citation.text
    assert protocol.family.as_published or any("choice" in limit for limit in protocol.limits)
    assert not protocol.citation.doi or protocol.citation.doi.startswith("10.")


@pytest.mark.parametrize("name", NAMES)
def test_a_protocol_runs_from_one_command_on_a_cohort_made_for_it(name, tmp_path, capsys):
    protocol = load_protocol(name)
    command = write_study(tmp_path / "study", protocol, per_group=16)
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    result = read_result(tmp_path / "out")
    assert result.protocol == name and result.findings and result.limits == protocol.limits
    made = {one.analysis for one in result.findings}
    omitted = {one.analysis for one in result.omissions}
    assert {test.kind for test in protocol.tests} <= made | omitted and len(omitted) < len(made) + 1
    for one in result.findings:
        assert one.n and one.method and (one.role != "test" or one.family_size and 0 <= one.adjusted_p <= 1)
        assert one.adjusted_p >= one.p or not one.adjusted_p == one.adjusted_p
    assert {figure.kind for figure in result.figures} <= set(FIGURES)
    assert read_table(tmp_path / "out" / "results.tsv", Finding)
    if protocol.rows == "regions":
        assert (tmp_path / "out" / "long.tsv").is_file()


def test_the_list_and_a_single_protocol_are_printed(capsys):
    assert main(["protocols"]) == 0
    listed = capsys.readouterr().out
    assert all(f"{name} " in listed for name in NAMES)
    assert main(["protocols", "PD-2"]) == 0
    shown = capsys.readouterr().out
    assert "Murakami" in shown and "roc_comparison" in shown and "does not transfer" in shown


def test_every_analysis_is_used_and_documented():
    used = {test.kind for name in NAMES for test in load_protocol(name).tests}
    assert used == set(ANALYSES)
    assert all(analysis.summary.endswith(".") for analysis in ANALYSES.values())


def content(**changes):
    data = json.loads((FOLDER / "MS-2.json").read_text(encoding="utf-8"))
    return {**data, **changes}


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"colour": "red"}, "unknown field.* colour"),
        ({"design": "crossover"}, "design is 'crossover'; choose one of cross-sectional"),
        ({"measures": ["luck"]}, "no table of regions has the measure 'luck'"),
        ({"measures": "mean"}, "measures: expected a list, but got 'mean'"),
        ({"covariates": ["weight"]}, "the covariate is 'weight', but the protocol has age"),
        ({"tests": []}, "it has no test"),
        ({"tests": [{"kind": "tarot"}]}, "kind of a test is 'tarot'; choose one of group_comparison"),
        ({"tests": [{"kind": "correlation"}]}, r"correlation needs the parameter\(s\) variables"),
        ({"tests": [{"kind": "roc", "parameters": {"area": 1}}]}, "roc has no parameter 'area'; it has cases"),
        ({"tests": [{"kind": "roc", "parameters": {"cases": ["XY"]}}]}, "the group of roc is 'XY'"),
        ({"tests": [{"kind": "roc", "parameters": {"cases": "MS"}}]}, "cases: expected a list, but got 'MS'"),
        ({"tests": [{"kind": "roc", "parameters": {"higher_is_positive": 1}}]}, "expected bool, but got 1"),
        ({"family": {"name": "x", "method": "hope"}}, "family, method is 'hope'; choose one of bonferroni"),
        ({"family": {"method": "holm"}}, r"family: missing field\(s\) name"),
        ({"regions": [{"name": "Putamen", "sides": "both"}]}, "sides of Putamen is 'both'; choose one of each"),
        ({"figures": ["pie"]}, "figures is 'pie'"),
    ],
)
def test_a_file_that_no_protocol_can_have_is_refused_by_its_field(changes, message):
    with pytest.raises(ValueError, match=message):
        parse_protocol("mine", content(**changes))


def test_a_protocol_that_does_not_exist_and_a_file_that_is_no_json_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no protocol 'PD-99'. Choose one of AD-1"):
        load_protocol("PD-99")
    (tmp_path / "mine.json").write_text("{")
    with pytest.raises(ValueError, match="mine.json is no JSON file"):
        load_protocol(tmp_path / "mine.json")


def test_a_file_of_ones_own_runs_like_the_others(tmp_path, capsys):
    (tmp_path / "mine.json").write_text(json.dumps(content(title="My study")))
    command = write_study(tmp_path / "study", load_protocol("MS-2"), per_group=10)
    command[command.index("MS-2")] = str(tmp_path / "mine.json")
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    assert read_result(tmp_path / "out").title == "My study"


@pytest.fixture
def study(tmp_path):
    """Arguments that run MS-2 on its cohort, the cohort, and what may be spoiled: its list of participants."""
    protocol = load_protocol("MS-2")
    command = write_study(tmp_path / "study", protocol, per_group=6)
    participants = tmp_path / "study" / "participants.tsv"

    def cohort():
        return read_cohort(find_tables(tmp_path / "study" / "tables"), participants)

    return protocol, command, participants, cohort


def test_nothing_is_missing_where_nothing_is(study):
    protocol, _, _, cohort = study
    assert missing(protocol, cohort()) == ()


def rename(path, old, new):
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    "old, new, sentence",
    [
        ("\tage\t", "\tyears_lived\t", "no column for the covariate age (age in years): add a column age"),
        ("\tedss", "\tscore", "no column for the variable edss (Expanded Disability Status Scale)"),
        ("\tgroup\t", "\tarm\t", "no column group, which must tell MS, HC"),
        ("\tMS\t", "\tcase\t", "No subject has the group MS: the column group holds case (6), HC (6)"),
    ],
)
def test_what_the_participants_lack_is_said(study, old, new, sentence):
    protocol, _, participants, cohort = study
    rename(participants, old, new)
    assert any(sentence in one for one in missing(protocol, cohort()))


def test_a_missing_side_and_region_are_said_with_what_to_do(study, tmp_path):
    protocol, _, _, cohort = study
    for path in (tmp_path / "study" / "tables").glob("*.tsv"):
        lines = [line for line in path.read_text().splitlines() if not line.startswith("Putamen\tleft")]
        text = "\n".join(lines).replace("Globus pallidus\t", "GPe\t")
        extra = [line.replace("GPe\t", "GPi\t", 1) for line in text.splitlines() if line.startswith("GPe")]
        path.write_text("\n".join([text, *extra]) + "\n")
    found = missing(protocol, cohort())
    assert any("Putamen: the left side is missing, but the protocol takes the mean of both" in one for one in found)
    assert any('measure again with --group "Globus pallidus=GPe+GPi"' in one for one in found)


def test_names_of_the_users_own_are_given_to_the_command(study, tmp_path, capsys):
    _, command, participants, _ = study
    rename(participants, "\tage\t", "\tyears_lived\t")
    rename(participants, "\tMS\t", "\tcase\t")
    assert main([*command, "--out", str(tmp_path / "a")]) == 1
    said = capsys.readouterr().err
    assert "covariate age" in said and "--label MS=LABEL" in said and not (tmp_path / "a").exists()
    more = ["--column", "age=years_lived", "--label", "MS=case"]
    assert main([*command, *more, "--out", str(tmp_path / "b")]) == 0


def test_a_partial_run_makes_what_it_can_and_lists_the_rest(study, tmp_path, capsys):
    _, command, participants, _ = study
    rename(participants, "\tedss", "\tscore")
    assert main([*command, "--partial", "--out", str(tmp_path / "out")]) == 0
    result = read_result(tmp_path / "out")
    assert {one.analysis for one in result.findings} == {"adjusted_comparison"}
    assert any("variable edss" in one.reason for one in result.omissions)


def test_a_design_over_visits_says_when_visits_are_too_few(tmp_path):
    protocol = load_protocol("MS-3")
    write_study(tmp_path, protocol, per_group=4, visits=1)
    cohort = read_cohort(find_tables(tmp_path / "tables"), tmp_path / "participants.tsv")
    assert any("0 subject(s) have two visits or more" in one for one in missing(protocol, cohort))


def test_several_visits_of_a_cross_sectional_design_must_be_chosen_from(tmp_path):
    protocol = load_protocol("MS-2")
    write_study(tmp_path, replace(protocol, design="longitudinal"), per_group=4, visits=2)
    cohort = read_cohort(find_tables(tmp_path / "tables"), tmp_path / "participants.tsv")
    assert any("choose one of the sessions 1, 2 with --session" in one for one in missing(protocol, cohort))
    assert missing(protocol, cohort.session("2")) == ()


def test_different_references_are_refused(study, tmp_path):
    protocol, _, _, cohort = study
    path = next((tmp_path / "study" / "tables").glob("*.tsv"))
    path.write_text(path.read_text().replace("whole brain", "CSF"))
    assert any("relative to different references: " in one and "CSF" in one for one in missing(protocol, cohort()))


def test_a_table_of_the_wrong_kind_is_named():
    protocol = load_protocol("MS-1")
    assert missing(protocol, ()) == tuple(f"No study reports the region {name}." for name in (
        "Caudate nucleus", "Putamen", "Globus pallidus", "Thalamus"
    ))
