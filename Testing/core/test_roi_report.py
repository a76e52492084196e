"""The page of a study tells all that was found, and runs nothing that its texts contain."""

import json
import re
from html.parser import HTMLParser

import pytest

from QSMRoiAnalysisCore.__main__ import main
from QSMRoiAnalysisCore.protocols import load_protocol
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
