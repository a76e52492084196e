"""The tidy table: what it holds, what it must not do to a spreadsheet, and that nothing partial is left."""

import math
from dataclasses import fields, replace

import pytest

from QSMRoiAnalysisCore.measures import Measurement
from QSMRoiAnalysisCore.table import plain_text, read_table, write_table

ROW = Measurement(
    "Caudate nucleus", "left", 11, 3500, 3500.0, -0.01234567, 0.02, 0.045, -0.02, 0.03, 0.06, 0.09, 0.975,
    "whole brain", 0.0, 0.031, "ppm", "chimap",
)


def test_the_columns_are_the_documented_ones_in_their_order(tmp_path):
    write_table(tmp_path / "T.tsv", [ROW])
    heading, line = (tmp_path / "T.tsv").read_text(encoding="utf-8").splitlines()
    assert heading.split("\t") == (
        "region side label voxels volume_mm3 mean sd median p5 p25 p75 p95 coverage reference reference_mean "
        "reference_sd unit map"
    ).split()
    assert line.split("\t")[:6] == ["Caudate nucleus", "left", "11", "3500", "3500", "-0.01234567"]


def test_every_column_is_described():
    assert all(column.metadata["title"] and column.metadata["description"] for column in fields(Measurement))


def test_a_table_reads_back_as_it_was_written(tmp_path):
    nan = math.nan
    other = replace(ROW, region="Brain stem", side="", mean=nan, sd=nan, reference="", reference_mean=nan)
    write_table(tmp_path / "T.tsv", [ROW, other])
    first, second = read_table(tmp_path / "T.tsv")
    assert first == ROW
    assert second.side == second.reference == "" and math.isnan(second.mean) and math.isnan(second.reference_mean)
    assert "n/a" in (tmp_path / "T.tsv").read_text()


@pytest.mark.parametrize(
    "name",
    ["=cmd|' /C calc'!A0", "+1+2", "-2+3", "@SUM(A1)", "'=1", "\"=1\"", "＝1+1", "'", "Nucleus of 'Darkschewitsch'"],
)
def test_text_that_a_spreadsheet_would_run_is_neutralized_and_reads_back(tmp_path, name):
    write_table(tmp_path / "T.tsv", [replace(ROW, region=name, reference=name, map=name)])
    text = (tmp_path / "T.tsv").read_text(encoding="utf-8")
    for cell in text.splitlines()[1].split("\t"):
        assert cell[0] not in "=+@\"＝＋－＠" and (cell[0] != "-" or float(cell) < 0)
    (row,) = read_table(tmp_path / "T.tsv")
    assert (row.region, row.reference, row.map) == (name, name, name)


@pytest.mark.parametrize("name", ["\t=1", "\r\n=1", " =1", "\x00=1", "\u2028=1", "\x1b=1"])
def test_control_characters_neither_break_a_line_nor_hide_a_formula(tmp_path, name):
    assert plain_text(name) == "'=1"
    write_table(tmp_path / "T.tsv", [replace(ROW, region=f"SN{name}")])
    (row,) = read_table(tmp_path / "T.tsv")
    assert row.region == "SN =1"


def test_negative_numbers_stay_numbers(tmp_path):
    write_table(tmp_path / "T.tsv", [replace(ROW, p5=-1e-12)])
    assert "\t-1e-12\t" in (tmp_path / "T.tsv").read_text()


def test_a_failed_write_leaves_the_old_table_and_nothing_else(tmp_path):
    path = tmp_path / "T.tsv"
    write_table(path, [ROW])
    before = path.read_text()
    with pytest.raises(AttributeError):
        write_table(path, [ROW, object()])
    with pytest.raises(OSError, match="missing"):
        write_table(tmp_path / "missing" / "T.tsv", [ROW])
    assert path.read_text() == before and [p.name for p in tmp_path.iterdir()] == ["T.tsv"]


def test_no_partial_table_stays_when_the_disk_refuses(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_table(tmp_path / "T.tsv", [ROW])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text.replace("voxels", "size", 1), "lacks the column"),
        (lambda text: text.replace("\t3500\t", "\tmany\t", 1), "line 2: .*many"),
        (lambda text: text.rsplit("\t", 1)[0], "line 2: expected 18 columns, but got 17"),
        (lambda text: "", "lacks the column"),
    ],
)
def test_a_damaged_table_is_refused_with_its_line(tmp_path, edit, message):
    path = tmp_path / "T.tsv"
    write_table(path, [ROW])
    path.write_text(edit(path.read_text()))
    with pytest.raises(ValueError, match=message):
        read_table(path)
