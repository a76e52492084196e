"""Atlases in the forms in which others distribute them: each becomes the folder that labeling takes."""

import json
import zipfile

import numpy as np
import pytest

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import write_nifti
from QSMRoiAnalysisCore.__main__ import main
from QSMRoiAnalysisCore.atlas.atlas import read_atlas
from QSMRoiAnalysisCore.atlas.importing import import_atlas

#: As MuSus-100 has it, the first axis of the array runs to the left.
GRID = Grid((8, 9, 10), spacing=(2.0, 2.0, 2.0), direction=((0, 0, -1), (0, 1, 0), (1, 0, 0)), origin=(9.0, -8.0, -7.0))
TERMS = {"license": "CC BY 4.0", "citation": "Somebody 2020"}
LABELS = np.zeros(GRID.shape, np.int16)
LABELS[2:4, 3:6, 6:8], LABELS[2:4, 3:6, 2:4] = 75, 76
NAMES = {75: "Caudate left", 76: "Caudate right"}
T1W = np.zeros(GRID.shape, np.float32)
T1W[1:-1, 1:-1, 1:-1] = np.arange(6 * 7 * 8, dtype=np.float32).reshape(6, 7, 8) + 1


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    write_nifti(folder / "t1.nii.gz", T1W, GRID)
    return folder


def imported(source, out, **more):
    return import_atlas(source, out, templates=more.pop("templates", {"T1w": "t1.nii.gz"}), **{**TERMS, **more})


def write_templateflow(folder):
    """Labels of one resolution whose list holds for all, and a template beside them."""
    write_nifti(folder / "tpl-X_res-01_atlas-CIT168_dseg.nii.gz", LABELS, GRID)
    write_nifti(folder / "tpl-X_res-01_T1w.nii.gz", T1W, GRID)
    rows = ["index\tname\themisphere", "75\tCaudate\tL", "76\tCaudate\tR", "99\tNowhere\tL"]
    (folder / "tpl-X_atlas-CIT168_dseg.tsv").write_text("\n".join(rows) + "\n")
    (folder / "tpl-X_atlas-Other_dseg.tsv").write_text("index\tname\n75\tWrong\n76\tToo\n")


def write_freesurfer(folder):
    write_nifti(folder / "musus.nii.gz", LABELS, GRID)
    (folder / "musus_LUT.txt").write_text("#No. Label R G B A\n0 Unknown 0 0 0 0\n75 Caudate_left 9 9 9 0\n"
                                          "76 Caudate_right 8 8 8 0\n77 Putamen 7 7 7 0\n")  # fmt: skip


def write_package(folder):
    write_nifti(folder / "CIT168_subcortex.nii.gz", LABELS, GRID)
    (folder / "CIT168_subcortex_lookup.csv").write_text("Region_Index,Region_Name\n75,Caudate_LH\n76,Caudate_RH\n")


def write_fsl(folder, kind="Label", images=True):
    (folder / "HO").mkdir(exist_ok=True)
    first = 1 if kind != "Label" else 0
    if images:
        labels = np.select([LABELS == 75, LABELS == 76], [1 + first, 2 + first], 0).astype(np.int16)
        write_nifti(folder / "HO" / "maxprob-2mm.nii.gz", labels, GRID)
        write_nifti(folder / "HO" / "maxprob-1mm.nii.gz", labels, GRID)
    (folder / "HO.xml").write_text(
        f"<atlas version='1.0'><header><name>Harvard</name><type>{kind}</type>"
        "<images><imagefile>/HO/prob-2mm</imagefile><summaryimagefile>/HO/maxprob-2mm</summaryimagefile></images>"
        "<images><imagefile>/HO/prob-1mm</imagefile><summaryimagefile>/HO/maxprob-1mm</summaryimagefile></images>"
        "</header><data><label index='0' x='1' y='1' z='1'>Nothing</label><label index='1'>Left Caudate</label>"
        "<label index='2'>Right Caudate</label></data></atlas>"
    )


@pytest.mark.parametrize("write", [write_templateflow, write_freesurfer, write_package, write_fsl])
def test_each_layout_becomes_an_atlas_with_its_sides_where_they_are(home, tmp_path, write):
    write(home)
    more = {"templates": {"T1w": "tpl-X_res-01_T1w.nii.gz"}} if write is write_templateflow else {}
    found = imported(home, tmp_path / "atlas", **more)
    atlas = read_atlas(tmp_path / "atlas")
    assert (atlas.license, atlas.citation) == ("CC BY 4.0", "Somebody 2020") and len(found.regions) == 2
    left = next(value for value, name in found.regions.items() if "l" in name.lower().split("caudate")[1][:2]
                or name.startswith("Left"))  # fmt: skip
    index = np.argwhere(atlas.labels == left).mean(axis=0)
    position = np.asarray(GRID.direction) @ (index * GRID.spacing) + GRID.origin
    assert position[0] < 0 and np.array_equal(atlas.labels != 0, LABELS != 0)
    assert np.array_equal(atlas.brain, T1W != 0)  # the template shows the brain alone


@pytest.mark.parametrize("ending", [".zip", ".whl"])
def test_archives_are_read_as_folders_are(home, tmp_path, ending):
    write_package(home)
    (home / "LICENSE.txt").write_text("GPL")
    (home / "module.py").write_text("raise SystemExit")
    archive = tmp_path / f"package{ending}"
    with zipfile.ZipFile(archive, "w") as file:
        for path in home.iterdir():
            file.write(path, f"package/{path.name}")
    found = imported(archive, tmp_path / "atlas", name="CIT168")
    assert found.name == "CIT168" and list(found.regions.values()) == ["Caudate_LH", "Caudate_RH"]
    assert any("license file LICENSE.txt" in note for note in found.notes)


def test_an_installed_package_is_found_by_its_name(home, tmp_path, monkeypatch):
    write_package(home)
    (home / "__init__.py").write_text("raise SystemExit('packages are looked into, not run')")
    monkeypatch.syspath_prepend(str(home.parent))
    assert imported("source", tmp_path / "atlas").regions[75] == "Caudate_LH"


def test_an_image_stands_for_its_folder(home, tmp_path):
    two_atlases(home)
    assert imported(home / "musus.nii.gz", tmp_path / "atlas").regions[75] == "Caudate_left"


def test_probabilities_of_fsl_in_percent_become_parts_of_one(home, tmp_path):
    write_fsl(home, kind="Probabalistic", images=False)
    percent = np.stack([0 * T1W, 80 * (LABELS == 75), 60 * (LABELS == 76)]).astype(np.float32)
    (home / "HO").mkdir(exist_ok=True)
    write_nifti(home / "HO" / "prob-2mm.nii.gz", percent, GRID)
    found = imported(home / "HO.xml", tmp_path / "atlas")
    atlas = read_atlas(tmp_path / "atlas")
    assert found.regions == {1: "Nothing", 2: "Left Caudate", 3: "Right Caudate"}
    assert atlas.probabilities[2].max() == pytest.approx(0.8) and "given in percent" in " ".join(found.notes)


def test_labels_of_a_probabilistic_atlas_of_fsl_count_from_one(home, tmp_path):
    write_fsl(home, kind="Probabilistic")
    assert imported(home, tmp_path / "atlas").regions == {2: "Left Caudate", 3: "Right Caudate"}


def test_a_template_on_another_grid_is_brought_to_the_labels(home, tmp_path):
    write_package(home)
    finer = Grid((16, 18, 20), spacing=(1.0, 1.0, 1.0), direction=GRID.direction, origin=(9.5, -8.5, -7.5))
    write_nifti(tmp_path / "fine.nii.gz", np.kron(T1W, np.ones((2, 2, 2), np.float32)), finer)
    found = imported(home, tmp_path / "atlas", templates={"T1w": tmp_path / "fine.nii.gz"})
    assert np.allclose(read_atlas(tmp_path / "atlas").templates["T1w"], T1W) and "resampled" in found.notes[0]
    far = Grid(GRID.shape, spacing=GRID.spacing, direction=GRID.direction, origin=(500.0, 0.0, 0.0))
    write_nifti(tmp_path / "far.nii.gz", T1W, far)
    with pytest.raises(ValueError, match="does not overlap the regions"):
        imported(home, tmp_path / "other", templates={"T1w": tmp_path / "far.nii.gz"})


def test_values_without_a_name_are_left_out_and_said(home, tmp_path):
    write_package(home)
    (home / "CIT168_subcortex_lookup.csv").write_text("Region_Index,Region_Name\n75,Caudate_LH\n")
    found = imported(home, tmp_path / "atlas")
    assert found.regions == {75: "Caudate_LH"} and "1 value(s) have no name" in " ".join(found.notes)
    assert set(np.unique(read_atlas(tmp_path / "atlas").labels)) == {0, 75}


def two_atlases(home):
    write_package(home)
    write_freesurfer(home)


def unnamed(home):
    write_nifti(home / "labels.nii.gz", LABELS, GRID)


def entities(home):
    (home / "a.xml").write_text("<!DOCTYPE x [<!ENTITY a 'b'>]><atlas/>")


def outside(home):
    write_fsl(home)
    (home / "HO.xml").write_text((home / "HO.xml").read_text().replace("/HO/max", "/../max"))


def wrong_list(home):
    write_package(home)
    (home / "CIT168_subcortex_lookup.csv").write_text("Region_Index,Region_Name\n1,A\n2,B\n")


@pytest.mark.parametrize(
    ("write", "more", "message"),
    [
        (two_atlases, {}, r"several images with names of regions: .*Choose one with --labels"),
        (unnamed, {}, "Name them with --labels and --lookup"),
        (write_package, {"labels": "AAL3"}, "No image is called 'AAL3'"),
        (write_package, {"license": " "}, "State the license of the atlas"),
        (write_package, {"citation": ""}, "State the citation"),
        (write_package, {"templates": {}}, "Registration needs a template"),
        (write_package, {"templates": {"PD": "t1.nii.gz"}}, "no contrast PD; choose one of T1w"),
        (write_package, {"templates": {"T1w": "t2.nii.gz"}}, "There is no file 't2.nii.gz'"),
        (wrong_list, {}, "names no value of CIT168_subcortex.nii.gz"),
        (entities, {}, "defines entities"),
        (outside, {}, "leads out of its folder"),
        (lambda home: write_fsl(home, images=False), {}, "names images that are not there"),
        (lambda home: (home / "a.xml").write_text("<atlas/>"), {}, "describes no atlas of FSL"),
    ],
)
def test_what_cannot_be_imported_is_said_and_leaves_nothing(home, tmp_path, write, more, message):
    write(home)
    with pytest.raises(ValueError, match=message):
        imported(home, tmp_path / "atlas", **more)
    assert not (tmp_path / "atlas").exists()


def test_no_source_a_damaged_one_and_a_folder_in_use_are_refused(home, tmp_path):
    with pytest.raises(ValueError, match="no folder, archive or installed Python package 'nothing_here'"):
        imported("nothing_here", tmp_path / "atlas")
    (tmp_path / "a.zip").write_bytes(b"PK no")
    with pytest.raises(ValueError, match="no archive that can be read"):
        imported(tmp_path / "a.zip", tmp_path / "atlas")
    with pytest.raises(ValueError, match="holds files already"):
        imported(home, home)


def test_the_command_shows_the_terms_and_writes_where_the_files_come_from(home, tmp_path, capsys):
    write_package(home)
    out = tmp_path / "atlas"
    command = ["atlas", "import", str(home), "--template", "T1w=t1.nii.gz", "--license", "CC BY 4.0", "--citation",
               "Pauli 2018", "--out", str(out)]  # fmt: skip
    assert main(command) == 0
    shown = capsys.readouterr()
    assert "License: CC BY 4.0\nCite: Pauli 2018" in shown.out and "2 regions" in shown.out
    facts = json.loads((out / "atlas.json").read_text())
    assert sorted(facts["Sources"]) == ["CIT168_subcortex.nii.gz", "CIT168_subcortex_lookup.csv", "t1.nii.gz"]
    assert main([*command[:4], "t1.nii.gz", *command[5:-1], str(tmp_path / "b")]) == 1
    assert "must be a contrast, =, and a file" in capsys.readouterr().err
