"""Readings: sheets for readers, what is wrong with filled ones, agreement, and columns for the study."""

import csv
import json

import numpy as np
import pytest

from QSMRoiAnalysisCore.__main__ import main
from QSMRoiAnalysisCore.cohort_tables import read_participants
from QSMRoiAnalysisCore.lesion_table import LesionRow
from QSMRoiAnalysisCore.readings.agreement import agreement_rows
from QSMRoiAnalysisCore.readings.consensus import columns_of_subjects, consensus
from QSMRoiAnalysisCore.readings.scale import load_scale, scale_names
from QSMRoiAnalysisCore.readings.sheet import Item, Ratings, items_of_sides
from QSMRoiAnalysisCore.statistics.fleiss_kappa import fleiss_kappa
from QSMRoiAnalysisCore.table import read_table, write_table

#: Ten items that fourteen readers put into five categories, by counts; a worked example of textbooks.
FOURTEEN = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip

#: The swallow tail of 13 healthy people (right, left; y is present) by three readers and their consensus, as printed by
#: Schmidt et al. (2017), https://doi.org/10.1186/s12883-017-0975-2
PRINTED = """yy yy yy yy|yy yy yy yy|nn yy yy yy|yy yy yy yy|yy yy yy yy|ny ny ny ny|yy yy yy yy|nn yy yy yy|nn nn nn nn
nn nn nn nn|yy yy yy yy|yy yy yy yy|nn yy ny yy"""


def printed_ratings():
    rows = [row.split() for row in PRINTED.replace("\n", "|").split("|")]
    items = items_of_sides([f"sub-{number:02d}" for number in range(1, 14)])
    scores = {
        f"reader {reader + 1}": tuple("2" if side == "y" else "0" for row in rows for side in row[reader])
        for reader in range(3)
    }
    agreed = ["2" if side == "y" else "0" for row in rows for side in row[3]]
    return Ratings(load_scale("swallow-tail"), items, scores), agreed


def participants(folder, count=4):
    path = folder / "participants.tsv"
    path.write_text("participant_id\tgroup\n" + "".join(f"sub-{i:02d}\t{'PD' if i % 2 else 'HC'}\n"
                                                       for i in range(1, count + 1)))  # fmt: skip
    return path


def fill(sheet, score):
    """Fill a sheet in as a spreadsheet would: `score` of (participant, place)."""
    with sheet.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for row in rows:
        row["score"] = score(row["participant_id"], row["place"])
    with sheet.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return rows


def blank_sheets(folder, *more, readers=("AB", "CD"), scale="swallow-tail"):
    table = participants(folder)
    arguments = ["readings", "sheets", "--scale", scale, "--participants", str(table), "--readers", *readers]
    assert main([*arguments, "--out", str(folder / "sheets"), *more]) == 0
    return [folder / "sheets" / f"{scale}_reader-{reader}.tsv" for reader in readers]


def combine(folder, sheets, *more, scale="swallow-tail"):
    return main(["readings", "combine", *map(str, sheets), "--scale", scale, "--participants",
                 str(folder / "participants.tsv"), "--out", str(folder / "out"), *more])  # fmt: skip


def test_fleiss_kappa_of_fourteen_readers():
    columns = np.array([np.repeat(list("abcde"), counts) for counts in FOURTEEN]).T
    found = fleiss_kappa({str(number): column for number, column in enumerate(columns)})
    assert (found.observed, found.expected) == pytest.approx((0.378, 0.213), abs=5e-4)
    assert found.kappa.value == pytest.approx(0.210, abs=5e-4)
    assert found.kappa.low < found.kappa.value < found.kappa.high and (found.n, found.subjects) == (10, 10)


def test_fleiss_kappa_of_readers_who_guess_is_zero_and_of_those_who_agree_is_one():
    random = np.random.default_rng(0)
    guesses = {name: random.choice(["a", "b"], 300) for name in "xyz"}
    found = fleiss_kappa(guesses)
    assert found.kappa.low < 0 < found.kappa.high
    assert fleiss_kappa(dict.fromkeys("xyz", guesses["x"])).kappa.value == 1
    with pytest.raises(ValueError, match="one category"):
        fleiss_kappa({"x": ["a"] * 5, "y": ["a"] * 5})


def test_two_sides_of_a_person_are_not_taken_for_two_people():
    sides = ["a", "b", "a", "b", "b", "a", "b", "a", "a", "b"]
    other = ["a", "b", "b", "b", "b", "a", "b", "a", "a", "a"]
    people = [str(number) for number in range(10)]
    single = fleiss_kappa({"x": sides, "y": other}, people)
    doubled = fleiss_kappa({"x": sides * 2, "y": other * 2}, people * 2)
    assert (doubled.kappa.low, doubled.kappa.high) == pytest.approx((single.kappa.low, single.kappa.high))
    assert (doubled.n, doubled.subjects) == (20, 10)


def test_three_printed_readers_give_the_printed_consensus_by_majority():
    ratings, agreed = printed_ratings()
    found = consensus(ratings)
    differing = [str(item) for item, mine, theirs in zip(ratings.items, found.scores, agreed) if mine != theirs]
    assert differing == ["sub-13 left"]  # where the readers talked one of them into it
    assert not found.unresolved
    correct = [np.mean([a == b for a, b in zip(scores, agreed)]) for scores in ratings.scores.values()]
    assert correct == pytest.approx([20 / 26, 1, 25 / 26])  # printed: 77, 100 and 96 %, readers 2, 1 and 3


def test_agreement_is_given_for_each_pair_each_side_and_all():
    rows = agreement_rows(printed_ratings()[0])
    assert {row.place for row in rows} == {"all", "left", "right"}
    of = {(row.readers, row.place, row.statistic): row for row in rows}
    pair = of["reader 2, reader 3", "all", "agreement"]
    assert (pair.value, pair.n, pair.subjects) == (pytest.approx(25 / 26), 26, 13)
    assert "bootstrap of subjects" in pair.interval
    assert "Clopper-Pearson" in of["reader 2, reader 3", "left", "agreement"].interval
    assert of["reader 1, reader 2, reader 3", "all", "Fleiss' kappa"].value < 0.75
    assert of["reader 1, reader 2", "all", "kappa with linear weights"].value == pytest.approx(
        of["reader 1, reader 2", "all", "kappa"].value  # the two scores that occur are as far apart as can be
    )


def test_the_summary_of_a_subject_follows_from_both_sides():
    scale, items = load_scale("swallow-tail"), items_of_sides(["sub-01", "sub-02"])
    columns = columns_of_subjects(consensus(Ratings(scale, items, {"A": ("2", "1", "2", "")})))
    assert columns["swallow_tail_score"] == {"sub-01": "3", "sub-02": ""}
    assert columns["swallow_tail"] == {"sub-01": "equivocal", "sub-02": ""}
    assert columns["swallow_tail_score_right"] == {"sub-01": "1", "sub-02": ""}


@pytest.mark.parametrize(
    ("rule", "decides", "score"), [("majority", "", ""), ("median", "", "0"), ("unanimous", "B", "2"),
                                   ("majority", "A", "0")],
)  # fmt: skip
def test_readers_who_differ_are_settled_by_the_stated_rule(rule, decides, score):
    ratings = Ratings(load_scale("swallow-tail"), (Item("sub-01", "", "left"),), {"A": ("0",), "B": ("2",)})
    found = consensus(ratings, rule=rule, decides=decides)
    assert found.scores == (score,) and bool(found.unresolved) == (not score) and (decides in found.rule)


@pytest.mark.parametrize("name", scale_names())
def test_every_scale_says_what_is_asked_what_is_allowed_and_where_it_comes_from(name):
    scale = load_scale(name)
    assert scale.question.endswith("?") and scale.citation.text and len(scale.scores) >= 2 and scale.limits
    assert main(["readings", "scales", name]) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"per": "voxel"}, "per is 'voxel'"),
        ({"scores": []}, "two or more different values"),
        ({"columns": {"x": "mean"}}, "'mean' is no rule; choose one of sum, name of lowest"),
        ({"columns": {"x": "count of 9"}}, "is no rule"),
        ({"field": "rim"}, "field is 'rim'"),
        ({"colour": "red"}, "unknown field.s. colour"),
        ({"ordered": "yes"}, "expected true or false"),
    ],
)
def test_a_scale_that_cannot_be_is_refused(tmp_path, change, message):
    from QSMRoiAnalysisCore.readings.scale import FOLDER

    facts = json.loads((FOLDER / "swallow-tail.json").read_text()) | change
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(facts))
    with pytest.raises(ValueError, match=message):
        load_scale(path)


def test_blank_sheets_come_in_an_order_of_their_own_that_the_seed_makes_again(tmp_path):
    plain, seeded, again = (tmp_path / name for name in ("plain", "seeded", "again"))
    orders = {}
    for folder, more in ((plain, ()), (seeded, ("--seed", "5")), (again, ("--seed", "5"))):
        folder.mkdir()
        sheets = blank_sheets(folder, *more)
        orders[folder] = [[line.split("\t")[0] for line in sheet.read_text().splitlines()[1:]] for sheet in sheets]
    assert orders[plain][0] == [f"sub-{i:02d}" for i in (1, 1, 2, 2, 3, 3, 4, 4)] == orders[plain][1]
    assert orders[seeded] == orders[again] and orders[seeded][0] != orders[seeded][1]
    text = sheets[0].read_text()
    assert "PD" not in text and "HC" not in text
    described = json.loads(sheets[0].with_suffix(".json").read_text())
    assert list(described["score"]["Levels"]) == ["0", "1", "2", "n/a"] and "seed 5" in described["Order"]


def test_filled_sheets_join_the_participants_and_run_with_a_protocol(tmp_path, capsys):
    sheets = blank_sheets(tmp_path)
    fill(sheets[0], lambda subject, place: "0" if subject in ("sub-01", "sub-03") else "2")
    fill(sheets[1], lambda subject, place: {"sub-01": "0", "sub-02": "2", "sub-03": "1"}.get(subject, "n/a"))
    assert combine(tmp_path, sheets, "--decides", "AB") == 0
    printed = capsys.readouterr()
    assert "kappa with linear weights" in printed.out and "AB, CD, left: agreement" in printed.out
    columns = read_participants(tmp_path / "out" / "participants.tsv")
    assert columns["group"]["sub-01"] == "PD"
    assert columns["swallow_tail_score"] == {"sub-01": "0", "sub-02": "4", "sub-03": "0", "sub-04": "4"}
    assert columns["swallow_tail"]["sub-02"] == "present"
    facts = json.loads((tmp_path / "out" / "readings.json").read_text())
    assert facts["Readers"] == ["AB", "CD"] and "that of AB" in facts["Rule"]


@pytest.mark.parametrize(
    ("spoil", "messages"),
    [
        (lambda text: text, ["no score of sub-01 left (line 2)", "n/a is what cannot be read"]),
        (lambda text: text.replace("\t\t\n", "\t3\t\n"), ["swallow-tail has no score 3 (line 2)", "0, 1, 2, n/a"]),
        (lambda text: text.replace("sub-02", "sub-99"), ["does not have sub-99 left (line 4)"]),
        (lambda text: text.replace("\t\t\n", "\t1\t\n").replace("sub-03\tn/a\tleft\tAB\t1\t\n", ""),
         ["The sheet of AB lacks 1 line(s): sub-03 left"]),
        (lambda text: text.replace("\t\t\n", "\t1\t\n") + "sub-01\tn/a\tleft\tAB\t2\t\n",
         ["lines that are there twice: sub-01 left by AB"]),
        (lambda text: text.replace("\tAB\t\t", "\t\t1\t"), ["nobody is named as the reader of line 2"]),
        (lambda text: text.replace("score", "scores"), ["lacks the column(s) score"]),
        (lambda text: text.splitlines()[0] + "\n", ["no line below its heading"]),
    ],
)  # fmt: skip
def test_a_sheet_that_is_not_filled_in_right_is_refused_in_a_sentence(tmp_path, capsys, spoil, messages):
    sheet, _ = blank_sheets(tmp_path)
    sheet.write_text(spoil(sheet.read_text()))
    assert combine(tmp_path, [sheet]) == 1
    said = capsys.readouterr().err
    assert all(message in said for message in messages) and not (tmp_path / "out").exists()


def lesion(subject, number, visit, candidate="yes"):
    numbers = dict.fromkeys(
        ("time_years", "overlap", "r_mm", "a_mm", "s_mm", "volume_mm3", "coverage", "mean", "sd", "rim_mean",
         "rim_volume_mm3", "core_mean", "core_volume_mm3", "peri_mean", "nawm_mean"), 1.0,
    )  # fmt: skip
    return LesionRow(subject=subject, visit=visit, lesion=number, label=number, status="baseline", also_overlaps="",
                     voxels=9, rim_slices=3, rim_candidate=candidate, reference="", unit="ppb", map="m",
                     **numbers)  # fmt: skip


def test_rims_are_confirmed_lesion_by_lesion_and_counted_for_each_subject(tmp_path, capsys):
    table = tmp_path / "lesions.tsv"
    rows = [lesion("sub-01", 1, "1"), lesion("sub-01", 1, "2"), lesion("sub-01", 2, "1"), lesion("sub-02", 1, "1"),
            lesion("sub-03", 1, "1", "no")]  # fmt: skip
    write_table(table, rows)
    people = participants(tmp_path)
    data = ["--scale", "rim", "--lesions", str(table), "--candidates"]
    out = tmp_path / "sheets"
    assert main(["readings", "sheets", *data, "--readers", "AB", "CD", "--out", str(out)]) == 0
    sheets = sorted(out.glob("*.tsv"))
    given = iter(["no", "yes", "yes", "no"])
    assert len(fill(sheets[0], lambda subject, place: next(given))) == 4
    fill(sheets[1], lambda subject, place: "yes" if subject == "sub-01" else "uncertain")
    assert main(["readings", "combine", *map(str, sheets), *data, "--participants", str(people), "--decides", "AB",
                 "--out", str(tmp_path / "out")]) == 0  # fmt: skip
    counts = read_participants(tmp_path / "out" / "participants.tsv")["prl_count"]
    # Both rims of the first are yes at some visit; the third has a lesion that was not worth a look.
    assert counts == {"sub-01": "2", "sub-02": "0", "sub-03": "0", "sub-04": "n/a"}
    filled = read_table(tmp_path / "out" / "lesions.tsv", LesionRow)
    assert [row.rim for row in filled] == ["no", "yes", "yes", "no", ""]
    assert filled[0].rater == "AB+CD" and filled[4].rater == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scale", "rim"], "Give their tables with --lesions"),
        (["--scale", "swallow-tail"], "Give the list with --participants"),
        (["--scale", "tail", "--participants", "P"], "There is no scale 'tail'"),
        (["--scale", "swallow-tail", "--participants", "P", "--candidates"], "Leave --lesions and --candidates out"),
        (["--scale", "swallow-tail", "--participants", "P", "--readers", "A", "A"], "names that differ"),
        (["--scale", "rim", "--lesions", "P"], "No table of the command lesions"),
    ],
)
def test_sheets_that_cannot_be_made_are_refused(tmp_path, capsys, arguments, message):
    path = str(participants(tmp_path))
    arguments = [path if one == "P" else one for one in arguments]
    readers = [] if "--readers" in arguments else ["--readers", "AB"]
    assert main(["readings", "sheets", *arguments, *readers, "--out", str(tmp_path / "out")]) == 1
    assert message in capsys.readouterr().err
