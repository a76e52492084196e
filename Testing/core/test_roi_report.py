"""The pages of a study and of a map tell all that was found, and run nothing that their texts contain."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import write_nifti
from QSMRoiAnalysisCore.__main__ import main
from QSMRoiAnalysisCore.protocols import load_protocol
from QSMRoiAnalysisCore.reference_values import read_reference_values
from QSMRoiAnalysisCore.report.subject import MOST_PICTURES, WARNING
from QSMRoiAnalysisCore.results import read_result
from simulated_cohort import Truth, write_study

HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(1)"> "\'>'


class Page(HTMLParser):
    """Tags of a page with their attributes, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self.open = [], [], []
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def is_safe(page):
    """Whether a page needs and runs nothing from outside."""
    allowed = ("src", "class", "alt", "lang", "charset", "name", "content")
    return not page.open and all(
        tag not in ("script", "iframe", "link", "object", "embed", "a", "form", "svg", "base")
        and set(attributes) <= set(allowed)
        and attributes.get("src", "data:image/png;base64,").startswith("data:image/png;")
        for tag, attributes in page.tags
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The results of a small study with a known difference, as a folder."""
    folder = tmp_path_factory.mktemp("study")
    truth = Truth({"Substantia nigra": 20.0})
    command = write_study(folder / "s", load_protocol("ALS-9"), per_group=8, truth=truth, seed=5)
    assert main([*command, "--out", str(folder / "out")]) == 0
    return folder / "out"


def changed(results, folder, change):
    """A copy of results.json with a change."""
    data = json.loads((results / "results.json").read_text())
    change(data)
    folder.mkdir(exist_ok=True)
    (folder / "results.json").write_text(json.dumps(data))
    return folder


def report(results, out, *more):
    assert main(["report", str(results), "--out", str(out), *map(str, more)]) == 0
    return Page(out.read_text(encoding="utf-8"))


def test_the_page_tells_all_that_was_found(results, tmp_path, capsys):
    page, result = report(results, tmp_path / "new" / "p.html"), read_result(results)
    assert is_safe(page)
    assert sum(tag == "img" for tag, _ in page.tags) == len(result.figures) > 5
    for wanted in (
        "ALS-9", result.citation, result.doi, "Table 1", "Welch t test", "F test of groups", "holm", "Hedges g",
        "Substantia nigra left", "Adjusted p", "ALS 8, HC 8", "Assumptions checked", "What the data lacked",
        "Beside the literature", "no diagnosis", "Provenance", "QSMRoiAnalysisCore", *result.limits,
    ):  # fmt: skip
        assert wanted in page.text, wanted
    for one in result.findings:
        assert f"[{one.estimate_low:.3g}, {one.estimate_high:.3g}] ppb" in page.text
    assert f"{len(result.findings)} findings" in capsys.readouterr().out


def test_omissions_missing_values_and_exclusions_are_on_the_page(results, tmp_path):
    def lack(data):
        data["omissions"] = [{"analysis": "correlation", "measure": "mean", "region": "Putamen", "side": "left",
                              "reason": "No column holds the score."}]  # fmt: skip
        data["table_one"][0]["missing"] = 3
        data["findings"][0]["excluded"] = "sub-0001"

    page = report(changed(results, tmp_path / "lacking", lack), tmp_path / "p.html")
    assert "No column holds the score." in page.text and "3 missing" in page.text and "sub-0001" in page.text


def test_texts_from_outside_run_nothing_and_name_no_file(results, tmp_path):
    def spoil(value):
        if isinstance(value, dict):
            return {HOSTILE if key in ("HC", "ALS") else key: spoil(inside) for key, inside in value.items()}
        if isinstance(value, list):
            return [spoil(one) for one in value]
        return HOSTILE if isinstance(value, str) else value

    def change(data):
        figures = data["figures"][:2]
        for figure in figures:
            figure.update(name="../../" + HOSTILE, title=HOSTILE, caption=HOSTILE, x_title=HOSTILE)
            figure["series"][0]["name"] = HOSTILE
        data["figures"] = []
        spoiled = spoil(data)
        data.clear()
        data.update(spoiled, figures=figures)

    page = report(changed(results, tmp_path / "in", change), tmp_path / "p.html", "--figures", tmp_path / "f" / "g")
    assert is_safe(page) and page.text.count("<script>alert(1)</script>") > 100
    written = sorted(path.name for path in tmp_path.rglob("*.[ps][nv]g"))
    assert len(written) == 4 and all(re.fullmatch(r"00[12]_[a-z0-9_]+\.(png|svg)", name) for name in written)
    assert {path.parent for path in tmp_path.rglob("*.svg")} == {tmp_path / "f" / "g"}


def test_a_study_of_which_nothing_could_be_computed_has_a_page(results, tmp_path):
    def empty(data):
        data.update(table_one=[], descriptives=[], findings=[], figures=[], literature=[], groups={})

    page = report(changed(results, tmp_path / "empty", empty), tmp_path / "p.html")
    assert is_safe(page) and "Nothing could be computed" in page.text and "no variables" in page.text


@pytest.mark.parametrize(("content", "out", "message"), [
    (None, "p.html", "results.json"),
    ("{}", "p.html", "is no file of results"),
    ("not json", "p.html", "is no file of results"),
    ("{}", "p.pdf", "ends in .html"),
])  # fmt: skip
def test_what_cannot_be_reported_is_named_and_nothing_is_written(tmp_path, capsys, content, out, message):
    (tmp_path / "in").mkdir()
    if content is not None:
        (tmp_path / "in" / "results.json").write_text(content)
    assert main(["report", str(tmp_path / "in"), "--out", str(tmp_path / out)]) == 1
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_curves_have_the_areas_of_their_legends_whatever_direction_their_rule_has(tmp_path):
    """PD-5 takes great means, but small fractions of low values, for signs of the disease."""
    command = write_study(tmp_path / "s", load_protocol("PD-5"), per_group=12, seed=3)
    assert main([*command, "--out", str(tmp_path / "out"), "--partial"]) == 0
    drawn = [one for figure in read_result(tmp_path / "out").figures if figure.kind == "roc" for one in figure.series]
    assert len(drawn) > 6
    for one in drawn:
        area = abs(np.sum(np.diff(one.x) * (one.y[1:] + one.y[:-1]) / 2))
        assert f"AUC {area:.2f} " in one.name and "(cases 12, controls 12)" in one.name


GRID = Grid((20, 24, 22), spacing=(2.0, 2.0, 2.0))


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """A map with substantia nigra at 120 ppb on both sides and a structure of a hostile name, and its table."""
    monkeypatch.chdir(tmp_path)
    labels = np.zeros(GRID.shape, np.uint8)
    labels[6:10, 10:15, 4:9], labels[6:10, 10:15, 13:18], labels[14:17, 6:18, 6:16] = 1, 2, 3
    values = np.select([labels == 1, labels == 2, labels == 3], [0.12, 0.12, -0.02], 0.01)
    write_nifti(tmp_path / "chi.nii.gz", values, GRID)
    write_nifti(tmp_path / "labels.nii.gz", labels, GRID)
    names = f"index\tname\n1\tSubstantia nigra left\n2\tSubstantia nigra right\n3\t{HOSTILE}\n"
    (tmp_path / "labels.tsv").write_text(names)
    command = ["measure", "--map", "chi.nii.gz", "--labels", "labels.nii.gz", "--unit", "ppb", "--out", "T.tsv"]
    assert main(command) == 0
    return tmp_path


def report_map(folder, *more):
    assert main(["report", "--table", "T.tsv", "--out", "p.html", *more]) == 0
    return Page((folder / "p.html").read_text(encoding="utf-8"))


def test_a_map_has_a_page_with_values_bars_and_outlines(measured, capsys):
    page = report_map(measured, "--map", "chi.nii.gz", "--labels", "labels.nii.gz")
    assert is_safe(page) and page.text.count(WARNING) == 2 and "Do not diagnose" in page.text
    described = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    assert len(described) == 3 and "published" not in described[1]
    assert "Substantia nigra (black -0.1, white 0.2 ppm)" in described[1:]
    assert "Substantia nigra left" in page.text and "120" in page.text and "<script>alert(1)" in page.text
    printed = [one for one in read_reference_values()
               if one.region == "Substantia nigra" and one.measure == "mean" and one.group == "HC"]  # fmt: skip
    assert printed and all(one.source in page.text and f"{one.value:.4g}" in page.text for one in printed)
    assert "what these are relative to is not known" in page.text or "what the published value is" in page.text


def test_the_page_of_a_map_in_ppm_has_published_values_in_ppm(measured):
    text = (measured / "T.tsv").read_text().replace("\tppb\t", "\tppm\t").replace("\t120\t", "\t0.12\t")
    (measured / "T.tsv").write_text(text)
    page = report_map(measured)
    assert "0.09841" in page.text and " 98.41 " not in page.text
    assert sum(tag == "img" for tag, _ in page.tags) == 1


def test_regions_that_no_study_printed_have_a_page_without_bars(measured):
    text = (measured / "T.tsv").read_text().replace("Substantia nigra", "Somewhere")
    (measured / "T.tsv").write_text(text)
    page = report_map(measured)
    assert is_safe(page) and "No study in the table" in page.text and not any(tag == "img" for tag, _ in page.tags)


def test_many_structures_have_no_more_pictures_than_a_reader_looks_at(measured):
    labels = np.arange(np.prod(GRID.shape)).reshape(GRID.shape) % (MOST_PICTURES + 5)
    write_nifti(measured / "labels.nii.gz", labels.astype(np.uint8), GRID)
    (measured / "labels.tsv").unlink()
    page = report_map(measured, "--map", "chi.nii.gz", "--labels", "labels.nii.gz")
    assert sum(tag == "img" for tag, _ in page.tags) == MOST_PICTURES + 1
    assert "4 more structures have no picture" in page.text


@pytest.mark.parametrize(("more", "message"), [
    (["--table", "T.tsv", "--map", "chi.nii.gz"], "both --map and --labels"),
    (["--table", "T.tsv", "--figures", "f"], "--figures belongs to the results"),
    (["results", "--table", "T.tsv"], "Give either the results"),
    ([], "Give either the results"),
    (["results", "--map", "chi.nii.gz"], "belong to --table"),
    (["--table", "labels.tsv"], "no table of this kind"),
    (["--table", "T.tsv", "--map", "chi.nii.gz", "--labels", "other.nii.gz"], "other.nii.gz"),
])  # fmt: skip
def test_a_page_of_a_map_that_cannot_be_made_is_refused(measured, capsys, more, message):
    write_nifti(measured / "other.nii.gz", np.ones((4, 4, 4), np.uint8), Grid((4, 4, 4)))
    assert main(["report", "--out", "p.html", *more]) == 1
    assert message in capsys.readouterr().err and not (measured / "p.html").exists()
