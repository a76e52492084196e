"""A subject beside the norm of the age: the values of the worked example, figures, and what has no z score."""

import math

import pytest

from QSMRoiAnalysisCore.__main__ import main
from QSMRoiAnalysisCore.measures import Measurement
from QSMRoiAnalysisCore.norm_comparison import DO_NOT_DIAGNOSE, beside_norms
from QSMRoiAnalysisCore.norms import Controls, read_controls
from QSMRoiAnalysisCore.protocols import load_protocol
from QSMRoiAnalysisCore.results import read_result
from QSMRoiAnalysisCore.table import write_table
from simulated_cohort import Truth, write_study

AGES = tuple(range(20, 81, 10))
PPB = (30, 36, 39, 46, 49, 56, 59)
CONTROLS = {"Putamen": Controls(AGES, tuple(value / 1000 for value in PPB), "CSF")}


def row(mean=70.0, unit="ppb", reference="CSF", region="Putamen"):
    numbers = dict.fromkeys(("volume_mm3", "sd", "median", "minimum", "maximum", "p5", "p25", "p75", "p95"), 1.0)
    known = {name: value for name, value in numbers.items() if name in Measurement.__dataclass_fields__}
    rest = {
        name: {"str": "", "int": 1}.get(str(one.type), 1.0)
        for name, one in Measurement.__dataclass_fields__.items() if name not in known
    }
    return Measurement(**{**rest, **known, "region": region, "side": "left", "mean": mean, "unit": unit,
                          "reference": reference, "map": "chi"})  # fmt: skip


def test_the_case_of_seventy_ppb_at_sixty_five_lies_where_the_worked_example_says():
    (one,), (figure,) = beside_norms([row()], CONTROLS, 65)
    assert (one.expected, one.low, one.high) == pytest.approx((52.33929, 49.30946, 55.36911), abs=1e-5)
    assert one.z == pytest.approx(14.98382, abs=1e-5) and one.p == pytest.approx(2.397e-5, rel=1e-3)
    assert (one.n, one.youngest, one.oldest, one.do_not_diagnose, one.remark) == (7, 20, 80, "yes", "")
    assert "z = 14.98" in figure.caption and "relative to CSF" in figure.caption and DO_NOT_DIAGNOSE in figure.caption
    controls, subject, norm = figure.series
    assert controls.y.tolist() == pytest.approx(PPB) and subject.y.tolist() == [70]
    assert norm.low[-1] < norm.y[-1] < norm.high[-1] and norm.y[0] == pytest.approx(20.535714 + 20 * 0.4892857)


def test_a_map_in_ppm_has_the_same_z_score():
    (one,), _ = beside_norms([row(0.07, "ppm")], CONTROLS, 65)
    assert one.z == pytest.approx(14.98382, abs=1e-5) and one.expected == pytest.approx(0.05233929)


@pytest.mark.parametrize(
    ("change", "age", "remark", "has_z"),
    [
        ({"reference": "whole brain"}, 65, "controls are relative to CSF: no z score", False),
        ({"reference": ""}, 65, "is not known; the z score holds if it is the same", True),
        ({}, 85, "outside that of the controls (20 to 80 years)", False),
    ],
)
def test_what_cannot_be_compared_has_no_z_score_and_says_why(change, age, remark, has_z):
    (one,), (figure,) = beside_norms([row(**change)], CONTROLS, age)
    assert math.isfinite(one.z) == has_z and remark in one.remark and remark in figure.caption


def test_norms_of_other_regions_or_no_age_are_refused():
    with pytest.raises(ValueError, match="No region of the table has a norm: controls are of Putamen"):
        beside_norms([row(region="Caudate")], CONTROLS, 65)
    with pytest.raises(ValueError, match="number of years, but got nan"):
        beside_norms([row()], CONTROLS, float("nan"))


def test_controls_of_several_references_make_no_norm(tmp_path):
    path = tmp_path / "controls.tsv"
    path.write_text("region\tage\tmean\tunit\treference\nPutamen\t40\t50\tppb\tCSF\nPutamen\t50\t55\tppb\tn/a\n")
    with pytest.raises(ValueError, match="relative to CSF, unknown. Keep those of one"):
        read_controls(path)


def test_the_page_of_a_map_shows_its_values_on_the_age_curve(tmp_path, capsys):
    write_table(tmp_path / "T.tsv", [row()])
    lines = [f"Putamen\t{age}\t{value}\tppb\tCSF" for age, value in zip(AGES, PPB)]
    (tmp_path / "controls.tsv").write_text("\n".join(["region\tage\tmean\tunit\treference", *lines]) + "\n")
    command = ["report", "--table", str(tmp_path / "T.tsv"), "--out", str(tmp_path / "p.html")]
    norms = ["--norms", str(tmp_path / "controls.tsv"), "--age", "65"]
    assert main([*command, *norms, "--figures", str(tmp_path / "f")]) == 0
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert all(part in page for part in ("14.98", "49.31 to 55.37", "Do not diagnose", "20 to 80", "&lt;0.0001"))
    assert sorted(path.name for path in (tmp_path / "f").iterdir()) == [
        "001_norm_putamen_left.png", "001_norm_putamen_left.svg"
    ]  # fmt: skip
    assert main([*command, "--age", "65"]) == 1
    assert "give both --norms and --age" in capsys.readouterr().err


def test_the_report_of_a_study_shows_subjects_on_the_curve_of_its_controls(tmp_path):
    command = write_study(
        tmp_path / "s", load_protocol("MS-17"), per_group=16, truth=Truth({"Globus pallidus": 60.0}), seed=2
    )
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    result = read_result(tmp_path / "out")
    figures = [one for one in result.figures if one.kind == "norm"]
    tested = {(one.measure, one.region, one.side) for one in result.findings if one.analysis == "abnormality"}
    assert len(figures) == len(tested) > 0
    norm = figures[0].series[-1]
    assert norm.line and (norm.low < norm.y).all() and "16 controls" in figures[0].caption
