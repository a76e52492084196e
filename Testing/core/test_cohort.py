"""A cohort from tables of regions and a list of participants, as the statistics take it."""

import dataclasses

import numpy as np
import pytest

from QSMRoiAnalysisCore.cohort import Visit
from QSMRoiAnalysisCore.cohort_tables import read_cohort
from QSMRoiAnalysisCore.long_table import write_long
from QSMRoiAnalysisCore.measures import Measurement
from QSMRoiAnalysisCore.statistics.ancova import ancova
from QSMRoiAnalysisCore.statistics.group_comparison import welch_t
from QSMRoiAnalysisCore.statistics.mixed_model import mixed_model
from QSMRoiAnalysisCore.statistics.multiplicity import adjust
from QSMRoiAnalysisCore.statistics.observations import split_by
from QSMRoiAnalysisCore.table import write_table

NAN = float("nan")


def row(region, side, mean, unit="ppm", **more):
    values = {
        "region": region, "side": side, "label": 1, "voxels": 100, "volume_mm3": 100.0, "mean": mean, "sd": 0.01,
        "median": mean, "p5": mean, "p25": mean, "p75": mean, "p95": mean, "coverage": 1.0, "reference": "whole brain",
        "reference_mean": 0.0, "reference_sd": 0.01, "unit": unit, "map": "chimap",
    }  # fmt: skip
    return Measurement(**(values | more))


@pytest.fixture
def study(tmp_path):
    """Writes a study and returns what `read_cohort` takes: tables of visits, and the participants."""

    def write(rows, people):
        tables = {}
        for visit, measured in rows.items():
            tables[visit] = tmp_path / f"{'_'.join(visit).strip('_')}.tsv"
            write_table(tables[visit], measured)
        participants = tmp_path / "participants.tsv"
        participants.write_text("\n".join("\t".join(line) for line in people) + "\n", encoding="utf-8")
        return tables, participants

    return write


PEOPLE = [
    ("participant_id", "age", "group"), ("sub-01", "60", "PD"), ("sub-02", "n/a", "HC"), ("sub-03", "71", "n/a")
]  # fmt: skip
ROWS = {
    Visit("02"): [row("SN", "left", 0.09), row("SN", "right", 0.11)],
    Visit("sub-01"): [
        row("SN", "left", 120.0, "ppb"),
        row("SN", "right", 140.0, "ppb"),
        row("Brainstem", "", 1.0, "ppb"),
    ],
}


def test_visits_follow_the_list_of_participants_and_units_are_converted(study):
    cohort = read_cohort(*study(ROWS, PEOPLE))
    assert [visit.subject for visit in cohort.visits] == ["sub-01", "sub-02"]
    assert cohort.values("mean", "SN", "left") == pytest.approx([120, 90])
    assert cohort.values("mean", "SN", "mean") == pytest.approx([130, 100])
    assert cohort.values("volume_mm3", "SN", "left") == pytest.approx([100, 100])
    assert read_cohort(*study(ROWS, PEOPLE), unit="ppm").values("mean", "SN", "left") == pytest.approx([0.12, 0.09])


def test_what_is_missing_is_named(study):
    cohort = read_cohort(*study(ROWS, PEOPLE))
    assert cohort.remarks == ("1 participant(s) have no table of regions: sub-03.",)
    assert cohort.values("mean", "Brainstem") == pytest.approx([1.0, NAN], nan_ok=True)
    assert cohort.numbers("age") == pytest.approx([60, NAN], nan_ok=True)
    assert list(cohort.labels("group")) == ["PD", "HC"]
    assert cohort.named((1,)) == ("sub-02",)


def test_the_wide_table_has_a_column_for_each_region(study):
    wide = read_cohort(*study(ROWS, PEOPLE)).wide("median")
    assert list(wide) == ["SN left", "SN right", "Brainstem"]
    assert wide["SN right"] == pytest.approx([140, 110])


def test_the_long_table_has_a_line_for_each_region_of_each_visit(study, tmp_path):
    people = [PEOPLE[0], ("sub-01", "60", "=cmd"), ("sub-02", "-1", "HC")]
    write_long(tmp_path / "long.tsv", read_cohort(*study(ROWS, people)))
    titles, *lines = [line.split("\t") for line in (tmp_path / "long.tsv").read_text().splitlines()]
    assert len(lines) == 5
    first = dict(zip(titles, lines[0]))
    assert (first["subject"], first["roi"], first["hemi"], first["mean"]) == ("sub-01", "SN", "left", "120")
    assert (first["group"], first["coverage_pct"], first["reference"]) == ("'=cmd", "100", "whole brain")
    assert dict(zip(titles, lines[-1]))["age"] == "-1"


@pytest.mark.parametrize(
    "change, message",
    [
        ({"people": [*PEOPLE, ("01", "61", "PD")]}, "participants listed twice: sub-01"),
        ({"people": PEOPLE[:2]}, "does not list sub-02"),
        ({"people": [("id", "age"), ("sub-01", "60")]}, "no column 'participant_id'"),
        ({"people": [PEOPLE[0], ("sub-01", "60")]}, "line 2: expected 3 columns, but got 2"),
        ({"people": PEOPLE[:1]}, "lists no participant"),
        ({"rows": {Visit("01"): [row("SN", "left", 0.1)] * 2}}, "regions listed twice: SN left"),
        ({"rows": {Visit("01"): [row("SN", "left", 120.0)]}}, "sub-01 are said to be in ppm but look like ppb"),
        ({"rows": {Visit("01"): [row("SN", "left", 1e-4, "ppb")]}}, "sub-01 are said to be in ppb but look like ppm"),
        ({"rows": {}}, "at least one table"),
    ],
)
def test_tables_that_do_not_belong_together_are_refused(study, change, message):
    with pytest.raises(ValueError, match=message):
        read_cohort(*study(change.get("rows", ROWS), change.get("people", PEOPLE)))


def test_two_tables_of_one_visit_are_refused(study):
    tables, participants = study(ROWS, PEOPLE)
    tables[Visit("01")] = tables[Visit("sub-01")]
    with pytest.raises(ValueError, match="more than one table: sub-01"):
        read_cohort(tables, participants)


def test_text_in_a_column_of_numbers_is_named(study):
    people = [PEOPLE[0], ("sub-01", "sixty", "PD"), ("sub-02", "70", "HC")]
    cohort = read_cohort(*study(ROWS, people))
    with pytest.raises(ValueError, match="age should hold numbers, but has text for sub-01 .'sixty'."):
        cohort.numbers("age")
    with pytest.raises(ValueError, match="no column 'sex'; there are participant_id, age, group"):
        cohort.labels("sex")
    with pytest.raises(ValueError, match="No table has the region 'GP left'"):
        cohort.values("mean", "GP", "left")
    with pytest.raises(ValueError, match="No table has the measure 'average'"):
        cohort.values("average", "SN", "left")


def test_means_of_other_maps_are_measures_of_their_own(study):
    rows = {Visit("01"): [row("SN", "left", 0.1), row("SN", "left", 30.0, "1/s", map="r2star")]}
    cohort = read_cohort(*study(rows, PEOPLE[:2]))
    assert cohort.values("mean", "SN", "left") == pytest.approx([100])
    assert cohort.values("mean_of_r2star", "SN", "left") == pytest.approx([30])
    assert cohort.remarks == ("Maps other than susceptibility have measures of their own: mean_of_r2star.",)


def test_a_simulated_cohort_recovers_its_difference_and_its_change(study):
    random = np.random.default_rng(12)
    people, rows = [("participant_id", "age", "group")], {}
    for i in range(40):
        patient, age, level = i % 2, random.uniform(50, 75), random.normal(0, 0.010)
        people.append((f"sub-{i:02}", f"{age:.1f}", "PD" if patient else "HC"))
        for session, years in (("ses-1", 0.0), ("ses-2", 2.0)):
            sn = 0.100 + 0.0005 * age + level + patient * (0.020 + 0.003 * years) + random.normal(0, 0.002)
            rows[Visit(f"{i:02}", session)] = [
                row("SN", "left", sn), row("SN", "right", sn), row("Putamen", "left", random.normal(0.05, 0.01)),
            ]  # fmt: skip
    cohort = read_cohort(*study(rows, people))
    first = cohort.session("ses-1")
    values = first.values("mean", "SN", "mean")
    adjusted = ancova(values, first.labels("group"), {"age": first.numbers("age")}, reference="HC")
    group = adjusted.fit.coefficients["group PD"].estimate
    assert group.low < 20 < group.high and group.low > 0
    tests = {}
    for name, column in first.wide("mean").items():
        groups, _ = split_by(column, first.labels("group"))
        tests[name] = welch_t(groups).p
    assert adjust(tests, family="mean susceptibility, PD against HC").rejected == ("SN left", "SN right")
    years = np.array([0.0 if visit.session == "ses-1" else 2.0 for visit in cohort.visits])
    patient = (cohort.labels("group") == "PD").astype(float)
    fixed = {"years": years, "patient": patient, "years x patient": years * patient}
    change = mixed_model(cohort.values("mean", "SN", "mean"), fixed, cohort.subjects()).coefficients
    assert change["years x patient"].estimate.low < 3 < change["years x patient"].estimate.high
    assert change["years"].estimate.low < 0 < change["years"].estimate.high


def test_tables_with_descriptors_keep_them(study):
    wide = dataclasses.make_dataclass(
        "Measurement",
        [("total", float, dataclasses.field(metadata={"title": "", "description": "", "unit": "map mm3"}))],
        bases=(Measurement,), frozen=True,
    )  # fmt: skip
    plain = row("SN", "left", 0.1)
    own = wide(**{field.name: getattr(plain, field.name) for field in dataclasses.fields(plain)}, total=2.5)
    cohort = read_cohort(*study({Visit("01"): [own]}, PEOPLE[:2]))
    assert cohort.values("total", "SN", "left") == pytest.approx([2500])
