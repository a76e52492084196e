"""The report tells what was done, shows every stage, cites what was used, and keeps out what was not asked for."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import SimpleITK

from QSMReconstructionCore.commandline import main
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import write_nifti
from QSMReconstructionCore.io.provenance import OUTPUTS
from QSMReconstructionCore.methods import METHODS
from QSMReconstructionCore.phantom import head_phantom
from QSMReconstructionCore.quality.verdict import BAD, GOOD, Verdict
from QSMReconstructionCore.recipe import PRESETS, Recipe
from QSMReconstructionCore.referencing import ReferenceRegion, rereference
from QSMReconstructionCore.report.files import write_report
from QSMReconstructionCore.report.page import page
from QSMReconstructionCore.report.pictures import stage_pictures, three_planes
from QSMReconstructionCore.report.png import as_png
from QSMReconstructionCore.report.references import ALWAYS, REFERENCES, Reference, cited, reference
from QSMReconstructionCore.report.referred_again import referred_again
from QSMReconstructionCore.report.report import report_of
from QSMReconstructionCore.report.tables import UNKNOWN, echo_times_in_words, orientation_in_words
from small_scan import oblique_grid, quick_reconstruct, small_scan

HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=\"y\">&\x00\x1b[31m"
PROTOCOL = {
    "Manufacturer": "Siemens", "ManufacturersModelName": "Prisma", "RepetitionTime": 0.033, "FlipAngle": 15,
    "MRAcquisitionType": "3D", "ScanningSequence": "GR", "ParallelReductionFactorInPlane": 2,
    "ParallelAcquisitionTechnique": "GRAPPA", "PixelBandwidth": 240.0,
}  # fmt: skip


@pytest.fixture
def scan():
    return replace(small_scan(), protocol=PROTOCOL)


@pytest.fixture
def report(scan):
    return report_of(quick_reconstruct(scan), scan)


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data


def page_of(tmp_path, report) -> Page:
    return Page(write_report(tmp_path / "report.html", report)[0].read_text(encoding="utf-8"))


def rows_of(report, table) -> dict[str, str]:
    return {row.item: row.value for caption, rows in report.tables.items() if table in caption for row in rows}


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_a_png_holds_the_pixels(tmp_path, shape):
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    (tmp_path / "a.png").write_bytes(as_png(picture))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / "a.png"))), picture)


@pytest.mark.parametrize("picture", [np.zeros((2, 3)), np.zeros((0, 3), np.uint8), np.zeros((2, 3, 4), np.uint8)])
def test_what_is_no_picture_is_refused(picture):
    with pytest.raises(ValueError, match="picture must hold uint8 pixels"):
        as_png(picture)


@pytest.mark.parametrize("order", [(2, 1, 0), (0, 2, 1), (1, 0, 2)])
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, -1)])
def test_the_patients_right_is_on_the_left_and_the_head_on_top(order, signs):
    """One voxel at the right, front and top of a head, whatever axes the array has."""
    direction = np.zeros((3, 3))
    values = np.zeros((20, 20, 20), np.float32)
    place = []
    for axis, (world, sign) in enumerate(zip(order, signs)):
        direction[world, axis] = sign
        place.append(slice(15, 19) if sign > 0 else slice(1, 5))
    values[tuple(place)] = 1
    center = [17 if sign > 0 else 3 for sign in signs]
    picture = three_planes(values, Grid((20, 20, 20), (2.0, 2.0, 2.0), tuple(map(tuple, direction))), center, (0, 1))
    assert picture.shape[0] == 224
    for number in range(3):  # axial, coronal, and sagittal with the front on the left
        tile = picture[:, number * 230 : number * 230 + 224]
        down, across = (np.mean(found) for found in np.nonzero(tile > 128))
        assert down < 60 and across < 60


def test_every_stage_is_shown_with_its_unit_and_window(scan):
    pictures = stage_pictures(quick_reconstruct(scan), scan)
    assert [picture.title.split(" at ")[0].split(",")[0] for picture in pictures] == [
        "Magnitude", "Phase", "Total field", "Noise of the total field (sd)", "Local field", "Susceptibility", "R2*",
    ]  # fmt: skip
    assert [picture.unit for picture in pictures] == ["", "rad", "ppm", "ppm", "ppm", "ppm", "1/s"]
    for picture in pictures:
        assert picture.window[0] < picture.window[1]
        assert "black" in picture.caption and "white" in picture.caption
    single = small_scan((0.02,))
    assert "R2*" not in [picture.title for picture in stage_pictures(quick_reconstruct(single), single)]


def test_noise_that_is_not_finite_is_shown_too(scan):
    found = quick_reconstruct(scan)
    noise = np.full_like(found.field_map.noise, np.inf)
    nowhere = replace(found.local_field, mask=np.zeros_like(found.mask))
    found = replace(found, field_map=replace(found.field_map, noise=noise), local_field=nowhere)
    assert [picture.window for picture in stage_pictures(found, scan)][3] == (0.0, 1.0)


def test_the_outline_of_the_mask_is_drawn_on_the_magnitude(scan):
    mask = np.zeros((20, 20, 20), bool)
    mask[5:15, 5:15, 5:15] = True
    picture = three_planes(np.zeros(mask.shape), Grid(mask.shape), [10, 10, 10], (0, 1), mask)
    colored = picture[..., 0] > picture[..., 2]
    assert 3 * 300 < colored.sum() < 3 * 600
    assert not colored[100:124, 100:124].any()


def test_the_tables_are_filled_from_headers_and_nothing_is_invented(report):
    hardware, sequence = rows_of(report, "Table 3"), rows_of(report, "Table 4")
    assert (hardware["Field strength"], hardware["Vendor"], hardware["Scanner model"]) == ("3 T", "Siemens", "Prisma")
    assert hardware["Software release"] == hardware["Gradient system"] == UNKNOWN
    assert sequence["Type of sequence"] == "3D gradient echo"
    assert sequence["Echoes, echo times"] == "3 echoes, 4:8:20 ms"
    assert sequence["Repetition time"] == "33 ms"
    assert sequence["Acceleration"] == "2 (GRAPPA)"
    assert sequence["Voxel size"] == "0.8 × 1 × 1.5 mm"
    assert sequence["Partial echo"] == sequence["Flow compensation"] == UNKNOWN
    assert sequence["Center frequency"].startswith(UNKNOWN)
    empty = report_of(quick_reconstruct(small_scan()), small_scan())
    known = {"Field strength", "Echoes, echo times", "Field of view", "Matrix of the images", "Voxel size",
             "Slice orientation"}  # fmt: skip
    for table in ("Table 3", "Table 4"):
        assert {item for item, value in rows_of(empty, table).items() if not value.startswith(UNKNOWN)} <= known


def test_texts_where_numbers_belong_are_not_in_the_header(scan):
    odd = replace(scan, protocol={"RepetitionTime": "soon", "FlipAngle": True, "PixelBandwidth": "wide"})
    sequence = rows_of(report_of(quick_reconstruct(odd), odd), "Table 4")
    assert sequence["Repetition time"] == sequence["Readout bandwidth"] == UNKNOWN


def test_the_processing_is_told_with_every_parameter(report):
    told = rows_of(report, "Table 5")
    assert "largest sphere radius 12 mm" in told["Background field"]
    assert "whole brain" in told["Reference region"] and "standard deviation" in told["Reference region"]
    assert "to be stated" in told["Inclusion and exclusion criteria"]


def test_a_given_mask_is_not_said_to_come_from_the_recipe(scan):
    found = quick_reconstruct(scan)
    told = report_of(found, scan, given_mask=True)
    assert rows_of(told, "Table 5")["Brain mask"] == "given by the user"
    assert "made elsewhere" in told.methods
    mask_only = {doi for doi in METHODS["mask"]["brain_extraction"].references}
    assert not mask_only & {reference.doi for reference in told.references}


def test_echo_times_and_orientation_in_words(scan):
    assert echo_times_in_words(small_scan((0.004,))) == "1 echo at 4 ms"
    assert echo_times_in_words(small_scan((0.004, 0.01, 0.02))) == "3 echoes, 4, 10, 20 ms"
    assert orientation_in_words(scan).startswith("axial, oblique by 34")
    upright = replace(scan, grid=Grid(scan.grid.shape, scan.grid.spacing))
    assert orientation_in_words(upright) == "axial; slice axis 0.0 degrees from B0"
    assert oblique_grid().b0_direction[0] != 1


def test_the_paragraph_names_scanner_steps_and_publications(report):
    for words in ("3D gradient echo sequence at 3 T (Siemens Prisma)", "repetition time 33 ms", "Smith, 2002",
                  "relative to whole brain", "Fedorov et al., 2012"):  # fmt: skip
        assert words in report.methods


@pytest.mark.parametrize("preset", PRESETS)
def test_exactly_the_publications_of_the_methods_are_cited(preset):
    recipe = Recipe.preset(preset)
    used = {doi for stage, chosen in recipe.stages.items() for doi in METHODS[stage][chosen["method"]].references}
    found = cited(recipe)
    assert {reference.doi for reference in found} == used | set(ALWAYS)
    assert len(found) == len({reference.key for reference in found})


def test_the_publications_of_the_default_recipe_are_complete():
    for found in cited(Recipe.preset("default")):
        assert found.authors and found.title and found.journal and found.year, found.doi


@pytest.mark.parametrize("doi", sorted({doi for methods in METHODS.values() for m in methods.values()
                                        for doi in m.references} | set(REFERENCES)))  # fmt: skip
def test_every_publication_makes_a_bibtex_entry(doi):
    entry = reference(doi).bibtex
    assert re.match(r"@(article|misc)\{[0-9A-Za-z_]+,\n", entry)
    assert f"doi = {{{doi}}}" in entry
    assert entry.count("{") == entry.count("}")


def test_a_publication_known_by_its_doi_alone_is_cited_by_it():
    assert Reference("10.1/x").short == "doi:10.1/x"
    assert Reference("10.1/x").bibtex == "@misc{x,\n  doi = {10.1/x}\n}"


def test_the_page_needs_nothing_else_and_runs_nothing(tmp_path, report):
    page = page_of(tmp_path, report)
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "iframe", "object", "embed", "base", "a"})
    for _, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name not in ("src", "href") or value.startswith("data:image/png;base64,")
    assert [tag for tag, _ in page.tags].count("img") == 7
    assert "For research. This is not a medical device." in page.text
    assert "@import" not in page.text and "url(" not in page.text


def test_no_text_from_outside_becomes_a_part_of_the_page(tmp_path, scan):
    hostile = replace(
        scan, protocol=dict.fromkeys(("Manufacturer", "ManufacturersModelName", "ReceiveCoilName"), HOSTILE),
        sources={"echo_times": HOSTILE, "field_strength": HOSTILE},
    )  # fmt: skip
    verdict = Verdict(HOSTILE, HOSTILE, BAD, HOSTILE, HOSTILE, 1.0, HOSTILE)
    found = replace(quick_reconstruct(hostile), notes=(HOSTILE,), verdicts=(verdict,))
    found = replace(found, reference=replace(found.reference, region=HOSTILE))
    plain = page_of(tmp_path, report_of(quick_reconstruct(scan), scan))
    page = page_of(tmp_path, report_of(found, hostile, title=HOSTILE, identity={HOSTILE: HOSTILE}))
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in plain.tags} | {"ul", "li", "table", "td", "tr"}
    assert [tag for tag, _ in page.tags].count("img") == 7
    assert page.text.count("<script>alert") >= 10
    assert "\x00" not in page.text and "\x1b" not in page.text


def test_verdicts_come_worst_first_with_value_and_limits(tmp_path, scan):
    verdicts = (
        Verdict("snr", "Signal to noise", GOOD, "Fine.", "", 75.4, "", 15, 5),
        Verdict("phase_sign", "Phase sign", BAD, "It looks inverted.", "Turn it round.", -0.3, "", 0.0, -0.1),
    )
    found = replace(quick_reconstruct(scan), verdicts=verdicts)
    text = page_of(tmp_path, report_of(found, scan)).text
    assert text.index("Phase sign") < text.index("Signal to noise")
    assert "caution 15, bad 5" in text and "It looks inverted. Turn it round." in text


def test_json_tells_the_same_as_the_page(tmp_path, report):
    page, told = write_report(tmp_path / "report.html", report)
    text = Page(page.read_text(encoding="utf-8")).text
    entries = json.loads(told.read_text(encoding="utf-8"))
    assert entries["Methods"] in text
    for rows in entries["Tables"].values():
        for row in rows:
            assert row["value"] in text
    assert entries["BibTeX"] in text
    assert len(entries["References"]) == entries["BibTeX"].count("@")
    assert base64.b64decode(entries["Pictures"][0]["PNG"]).startswith(b"\x89PNG")
    assert "InputFiles" not in entries["Provenance"]


def test_one_run_of_a_data_set_gets_derivatives_with_sidecars_and_report(tmp_path, capsys):
    head = head_phantom(shape=(16, 19, 16), spacing=(11.0, 11.0, 11.0), echo_times=(0.002, 0.005)).acquisition
    image = head.magnitude * np.exp(1j * head.phase)
    for run in (1, 2):
        for part, values in (("real", image.real), ("imag", image.imag)):
            path = tmp_path / f"raw/sub-7/anat/sub-7_acq-qsm_run-{run}_part-{part}_MEGRE.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_nifti(path, values, head.grid)
    facts = {"EchoTime": head.echo_times, "MagneticFieldStrength": 3, "Manufacturer": "Siemens", "FlipAngle": 15}
    (tmp_path / "raw/MEGRE.json").write_text(json.dumps(facts))
    given = ["--bids", str(tmp_path / "raw"), "--subject", "7", "--run", "2", "--recipe", "preview"]
    assert main(["reconstruct", str(tmp_path / "out"), *given, "--progress", "none"]) == 0
    names = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    stem = "sub-7/anat/sub-7_acq-qsm_run-2"
    maps = [output.bids_suffix for output in OUTPUTS]
    assert names == {"dataset_description.json", *(f"{stem}_{m}{end}" for m in maps for end in (".nii.gz", ".json")),
                     *(f"{stem}_desc-{what}_Chimap.json" for what in ("recipe", "verdicts", "report")),
                     f"{stem}_desc-report_Chimap.html"}  # fmt: skip
    text = (tmp_path / f"out/{stem}_desc-report_Chimap.html").read_text(encoding="utf-8")
    assert "sub-7_acq-qsm_run-2" in text and "15 degrees" in text
    assert str(tmp_path) not in text
    told = json.loads((tmp_path / f"out/{stem}_R2starmap.json").read_text())
    assert told["FactSources"]["phase"] == "real and imaginary part"
    assert len(told["InputFiles"]) == 2


def test_a_report_follows_its_map_to_another_reference_and_back(scan):
    found = quick_reconstruct(scan)
    first = page(report_of(found, scan))
    left = found.mask & (np.arange(found.mask.shape[2]) < np.median(np.nonzero(found.mask)[2]))
    values, reference = rereference(found.susceptibility, found.mask, ReferenceRegion("<left>", left), found.reference)
    second = referred_again(first, values, found.grid, found.reference, reference)
    assert second.count("&lt;left&gt;, ") == second.count("relative to &lt;left&gt;;") == 1
    assert "<left>" not in second
    pictures = [[tag for name, tag in Page(text).tags if name == "img"] for text in (first, second)]
    changed = [(old["alt"], new["alt"]) for old, new in zip(*pictures) if old["src"] != new["src"]]
    assert [old.split()[0] for old, _new in changed] == ["Susceptibility"]
    assert changed[0][1].startswith("Susceptibility relative to: <left> (black")
    assert len(pictures[0]) == len(pictures[1])
    whole = ReferenceRegion(found.reference.region, found.mask)
    back = referred_again(second, *_referred(values, found, whole, reference))
    assert "&lt;left&gt;" not in back
    assert back.count('<p id="reference">') == 1


def _referred(values, found, region, before):
    values, after = rereference(values, found.mask, region, before)
    return values, found.grid, before, after
