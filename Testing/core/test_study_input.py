"""Studies as they come: tables with faults, maps to be measured first, long tables of others."""

import json

import numpy as np
import pytest

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import write_nifti
from QSMRoiAnalysisCore.__main__ import main
from QSMRoiAnalysisCore.cohort_tables import find_tables, read_cohort
from QSMRoiAnalysisCore.long_table import COLUMNS, read_long, write_long
from QSMRoiAnalysisCore.protocols import load_protocol
from QSMRoiAnalysisCore.results import read_result
from QSMRoiAnalysisCore.subject_maps import find_files
from simulated_cohort import Truth, write_study


@pytest.fixture
def study(tmp_path):
    """Arguments that run MS-2, the folder of its tables, and its list of participants."""
    command = write_study(tmp_path / "study", load_protocol("MS-2"), per_group=6, truth=Truth({"Putamen": 20.0}))
    return command, tmp_path / "study" / "tables", tmp_path / "study" / "participants.tsv"


def refused(command, tmp_path, capsys):
    out = tmp_path / "refused"
    assert main([*command, "--out", str(out)]) == 1
    assert not out.exists()
    return capsys.readouterr().err


def edit(path, change):
    path.write_text(change(path.read_text()))


def test_a_subject_listed_twice_is_named(study, tmp_path, capsys):
    command, _, participants = study
    edit(participants, lambda text: text + text.splitlines()[1] + "\n")
    assert "participants listed twice: sub-0000" in refused(command, tmp_path, capsys)


def test_two_tables_of_a_subject_are_named(study, tmp_path, capsys):
    command, tables, _ = study
    (tables / "sub-0000_copy.tsv").write_text((tables / "sub-0000.tsv").read_text())
    assert "Two tables are of sub-0000: sub-0000.tsv and sub-0000_copy.tsv" in refused(command, tmp_path, capsys)


def test_text_in_a_column_of_numbers_is_named(study, tmp_path, capsys):
    command, _, participants = study
    lines = participants.read_text().splitlines()
    cells = lines[1].split("\t")
    cells[2] = "sixty"
    participants.write_text("\n".join([lines[0], "\t".join(cells), *lines[2:]]) + "\n")
    assert "age should hold numbers, but has text for sub-0000 ('sixty')" in refused(command, tmp_path, capsys)


def test_text_in_a_measure_is_named_by_its_line(study, tmp_path, capsys):
    command, tables, _ = study
    edit(tables / "sub-0003.tsv", lambda text: text.replace("\t200\t", "\tmany\t", 1))
    said = refused(command, tmp_path, capsys)
    assert "sub-0003.tsv, line 2: voxels should hold a whole number, but has 'many'" in said


def test_sides_that_one_subject_has_swapped_are_remarked_on(study, tmp_path, capsys):
    command, tables, _ = study
    for path in sorted(tables.glob("*.tsv")):
        lines = [line.split("\t") for line in path.read_text().splitlines()]
        for line in lines[1:]:
            left = (line[1] == "left") != (path.name == "sub-0002.tsv")
            line[lines[0].index("label")] = "11" if left else "50"
        path.write_text("\n".join("\t".join(line) for line in lines) + "\n")
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().err
    assert "each other's label values in" in said and "of sub-0002" in said and "of sub-0001" not in said


def test_ppm_called_ppb_is_noticed_by_subject(study, tmp_path, capsys):
    command, tables, _ = study
    path = tables / "sub-0002.tsv"
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    at = [lines[0].index(name) for name in ("mean", "median")]
    for line in lines[1:]:
        for i in at:
            line[i] = str(float(line[i]) / 1000)
    path.write_text("\n".join("\t".join(line) for line in lines) + "\n")
    assert "sub-0002 are said to be in ppb but look like ppm" in refused(command, tmp_path, capsys)


def test_one_subject_in_a_group_is_refused(study, tmp_path, capsys):
    command, _, participants = study
    lines = participants.read_text().splitlines()
    kept = [line for i, line in enumerate(lines) if "\tHC\t" not in line or "sub-0100" in line]
    participants.write_text("\n".join(kept) + "\n")
    for path in (tmp_path / "study" / "tables").glob("sub-01*.tsv"):
        if path.stem != "sub-0100":
            path.unlink()
    assert "The group HC has 1 subject, and comparing needs 2 or more" in refused(command, tmp_path, capsys)


def test_regions_that_are_empty_small_or_cut_off_are_remarked_on(study, tmp_path, capsys):
    command, tables, _ = study
    for name, cells in (("sub-0000", ("0", "1")), ("sub-0001", ("12", "1")), ("sub-0002", ("200", "0.5"))):
        path = tables / f"{name}.tsv"
        lines = [line.split("\t") for line in path.read_text().splitlines()]
        (row,) = [line for line in lines if line[:2] == ["Putamen", "left"]]
        for title, cell in zip(("voxels", "coverage"), cells):
            row[lines[0].index(title)] = cell
        path.write_text("\n".join("\t".join(line) for line in lines) + "\n")
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().err
    assert "No voxel was measured in Putamen left of sub-0000." in said
    assert "Fewer than 30 voxels were measured in Putamen left of sub-0001." in said
    assert "Less than 95% lies inside the mask and the field of view of Putamen left of sub-0002." in said


def test_controls_whose_allele_is_not_expanded_have_no_score_of_burden(tmp_path, capsys):
    command = write_study(tmp_path / "study", load_protocol("HD-1"), per_group=8)
    participants = tmp_path / "study" / "participants.tsv"
    lines = [line.split("\t") for line in participants.read_text().splitlines()]
    for line in lines[1:]:
        if line[1] == "HC":
            line[lines[0].index("cag")] = "18"
    participants.write_text("\n".join("\t".join(line) for line in lines) + "\n")
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    found = [one for one in read_result(tmp_path / "out").findings if one.comparison == "with cap"]
    assert len(found) == 5 and all(one.n == "subjects 8" for one in found)
    assert all("cap is scaled CAP: age (CAG - 33.66) / 432.333." in one.remarks for one in found)


def test_change_is_analyzed_without_a_protocol(tmp_path, capsys):
    command = write_study(tmp_path / "study", load_protocol("MS-3"), per_group=8, visits=3)
    at = command.index("--protocol")
    assert main([*command[:at], *command[at + 2:], "--out", str(tmp_path / "out")]) == 0
    result = read_result(tmp_path / "out")
    assert result.protocol == "general" and result.design == "longitudinal"
    assert {one.analysis for one in result.findings} == {"mixed_model", "annual_change"}
    assert {one.family_size for one in result.findings if one.term == "time x group MS"} == {8}


def test_a_stranger_among_the_tables_is_named(study, tmp_path, capsys):
    command, tables, _ = study
    (tables / "sub-9999.tsv").write_text((tables / "sub-0000.tsv").read_text())
    assert "does not list sub-9999" in refused(command, tmp_path, capsys)


def test_formulas_in_cells_are_neutralized_in_every_table(study, tmp_path, capsys):
    command, _, participants = study
    edit(participants, lambda text: text.replace("\tsex\t", "\tsex\t=cmd|' /C calc'!A0\t", 1))
    lines = participants.read_text().splitlines()
    rows = []
    for line in lines[1:]:
        cells = line.split("\t")
        rows.append("\t".join([*cells[:4], "@SUM(1)" if len(rows) % 2 else "+1+cmd", *cells[4:]]))
    participants.write_text("\n".join([lines[0], *rows]) + "\n")
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    written = [path.read_text() for path in (tmp_path / "out").glob("*.tsv")]
    cells = [cell for text in written for line in text.splitlines() for cell in line.split("\t")]
    assert "'@SUM(1)" in cells and any(cell.startswith("'=cmd") for cell in cells)
    for cell in cells:
        if cell.startswith(("=", "+", "@", "-")):
            float(cell)  # numbers alone may begin like this


@pytest.mark.parametrize(
    "more, message",
    [
        (["--protocol", "PD-13"], "takes a table of published effects. Give it with --studies"),
        (["--column", "age"], "--column must be a name, =, and what it is called"),
        (["--column", "weight=w"], "has no variable weight; it has age"),
        (["--label", "XY=z"], "has no group XY; it has MS, HC"),
        (["--site-column", "place"], "no column 'place' of sites"),
        (["--maps", "x"], "either --tables, or --maps"),
        (["--session", "2"], "No visit has the session '2'; there are (none)"),
    ],
)
def test_options_without_a_meaning_are_refused(study, tmp_path, capsys, more, message):
    command, _, _ = study
    assert message in refused([*command, *more], tmp_path, capsys)


def test_a_subject_whose_visits_are_at_one_time_is_named(tmp_path, capsys):
    command = write_study(tmp_path / "study", load_protocol("MS-3"), per_group=8, visits=3)
    sessions = tmp_path / "study" / "sessions.tsv"
    lines = [line.split("\t") for line in sessions.read_text().splitlines()]
    for line in lines[1:]:
        if line[0] == "sub-0001":
            line[lines[0].index("time_years")] = "0"
    sessions.write_text("\n".join("\t".join(line) for line in lines) + "\n")
    assert "All visits of sub-0001 are at the same time" in refused(command, tmp_path, capsys)


def test_a_longitudinal_command_takes_a_longitudinal_protocol(study, tmp_path, capsys):
    command, _, _ = study
    assert "MS-2 is no design over visits" in refused(["longitudinal", *command[1:]], tmp_path, capsys)


def test_without_a_protocol_all_that_the_data_allow_is_made(study, tmp_path, capsys):
    command, _, _ = study
    at = command.index("--protocol")
    assert main([*command[:at], *command[at + 2:], "--out", str(tmp_path / "out")]) == 0
    result = read_result(tmp_path / "out")
    assert result.protocol == "general" and result.groups == {"MS": 6, "HC": 6}
    made = {one.analysis for one in result.findings}
    assert made == {"group_comparison", "adjusted_comparison", "roc"}
    putamen = [one for one in result.findings if one.region == "Putamen" and one.analysis == "adjusted_comparison"]
    assert all(one.estimate_low < 20 < one.estimate_high for one in putamen)


def test_the_long_table_has_the_documented_columns_and_reads_back(study, tmp_path):
    _, tables, participants = study
    cohort = read_cohort(find_tables(tables), participants)
    write_long(tmp_path / "long.tsv", cohort)
    titles = (tmp_path / "long.tsv").read_text().splitlines()[0].split("\t")
    documented = (
        "subject session date age sex group site scanner roi hemi roi_source roi_version reference ref_n_voxels "
        "ref_value_ppb erosion_mm n_voxels volume_mm3 coverage_pct mean median sd skew_G1 p5 p25 p75 p95 frac_lt70 "
        "rii_thr rii_n rii_mean sum_ppb_mm3 snr qc_flag software_version map_hash"
    )
    assert titles[: len(COLUMNS)] == documented.split() == [column.name for column in COLUMNS]
    back = read_long(tmp_path / "long.tsv")
    assert back.visits == cohort.visits and back.regions == cohort.regions
    for side in ("left", "right"):
        assert back.values("mean", "Putamen", side) == pytest.approx(cohort.values("mean", "Putamen", side), rel=1e-6)
        assert back.values("coverage", "Putamen", side) == pytest.approx(np.ones(12))
    assert back.numbers("age") == pytest.approx(cohort.numbers("age"))
    assert list(back.labels("group")) == list(cohort.labels("group"))


def test_a_study_runs_from_a_long_table_of_others(tmp_path, capsys):
    random = np.random.default_rng(3)
    lines = ["subject,age,sex,group,site,roi,hemi,reference,mean"]
    for i in range(24):
        for roi in ("Putamen", "SN"):
            for hemi in "LR":
                value = random.normal(100, 5) + 20 * (roi == "SN") * (i % 2)
                who = f"{i:02},{50 + i},{'MF'[i % 2 ^ i // 12]},{('HC', 'PD')[i % 2]},one"
                lines.append(f"{who},{roi},{hemi},whole brain,{value:.3f}")
    (tmp_path / "long.csv").write_text("\n".join(lines) + "\n")
    assert main(["cohort", "--tables", str(tmp_path / "long.csv"), "--out", str(tmp_path / "out")]) == 0
    result = read_result(tmp_path / "out")
    nigra = [one for one in result.findings if one.region == "SN" and one.analysis == "adjusted_comparison"]
    assert len(nigra) == 2 and all(one.adjusted_p < 0.001 and one.comparison == "PD - HC" for one in nigra)


@pytest.mark.parametrize(
    "text, message",
    [
        ("subject\troi\n", "lacks the column(s) mean"),
        ("subject\troi\tmean\n01\tSN\tbig\n", "line 2: mean should be a number, but is 'big'"),
        ("subject\troi\tmean\n01\tSN\t9\n01\tSN\t8\n", "line 3: sub-01 SN is listed twice"),
        ("subject\troi\tmean\tmedian\n01\tSN\t0.1\t0.1\n", "said to be in ppb but look like ppm"),
        ("subject\troi\tmean\n", "has no row"),
    ],
)
def test_a_long_table_with_faults_is_refused(tmp_path, text, message):
    (tmp_path / "long.tsv").write_text(text)
    with pytest.raises(ValueError) as error:
        read_long(tmp_path / "long.tsv")
    assert message in str(error.value)


@pytest.fixture
def maps(tmp_path):
    """A study of maps: two groups of three subjects whose nigra differs by 20 ppb, and the arguments to analyze it."""
    grid = Grid((6, 6, 8), (2.0, 2.0, 2.0))
    labels = np.zeros(grid.shape, np.int16)
    labels[1:4, 1:4, 1:3], labels[1:4, 1:4, 5:7], labels[4:6, 1:5, 1:3], labels[4:6, 1:5, 5:7] = 1, 2, 3, 4
    names = "1 Left-SN\n2 Right-SN\n3 Left-Putamen\n4 Right-Putamen\n"
    lines, random = ["participant_id\tgroup\tage"], np.random.default_rng(4)
    for i in range(6):
        folder = tmp_path / "maps" / f"sub-{i}"
        folder.mkdir(parents=True)
        chi = random.normal(0.06, 0.004, grid.shape) + random.normal(0, 0.002)
        chi[(labels == 1) | (labels == 2)] += 0.05 + 0.02 * (i % 2)
        write_nifti(folder / f"sub-{i}_Chimap.nii.gz", chi.astype(np.float32), grid)
        write_nifti(folder / f"sub-{i}_dseg.nii.gz", labels, grid)
        lines.append(f"sub-{i}\t{('HC', 'PD')[i % 2]}\t{60 + i}")
    (tmp_path / "participants.tsv").write_text("\n".join(lines) + "\n")
    (tmp_path / "names.txt").write_text(names)
    root = str(tmp_path / "maps" / "{subject}" / "{subject}")
    return [
        "cohort", "--maps", f"{root}_Chimap.nii.gz", "--labels", f"{root}_dseg.nii.gz",
        "--lookup", str(tmp_path / "names.txt"), "--participants", str(tmp_path / "participants.tsv"),
        "--out", str(tmp_path / "out"),
    ]  # fmt: skip


def test_maps_are_measured_first_and_an_interrupted_run_is_taken_up(maps, tmp_path, capsys):
    assert main(maps) == 0
    result = read_result(tmp_path / "out")
    nigra = [one for one in result.findings if one.region == "SN" and one.analysis == "group_comparison"]
    assert len(nigra) == 2 and all(one.estimate_low < 20 < one.estimate_high for one in nigra)
    long = (tmp_path / "out" / "long.tsv").read_text().splitlines()
    row = dict(zip(long[0].split("\t"), long[1].split("\t")))
    assert len(row["map_hash"]) == 64 and row["frac_lt70"] != "n/a" and row["qc_flag"] == "small"
    first = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "tables").glob("*.tsv")}
    assert len(first) == 6
    (tmp_path / "out" / "tables" / "sub-3.tsv").unlink()
    broken = tmp_path / "maps" / "sub-4" / "sub-4_Chimap.nii.gz"
    broken.write_bytes(b"no image")
    capsys.readouterr()
    assert main([*maps, "--partial"]) == 0
    said = capsys.readouterr().err
    assert "4 table(s) of an earlier run were kept" in said and "Not measured: sub-4" in said
    again = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "tables").glob("*.tsv")}
    unchanged = [path.stem for path in again if first.get(path) == again[path]]
    assert {"sub-0", "sub-1", "sub-2", "sub-5"} <= set(unchanged) and "sub-3" not in unchanged
    mark = json.loads((tmp_path / "out" / "tables" / "sub-0.json").read_text())
    assert mark["hashes"]["susceptibility"] and mark["reference"] is None


def test_patterns_find_subjects_and_sessions(tmp_path):
    for name in ("sub-1/ses-a/x_sub-1.nii", "sub-2/ses-b/x_sub-2.nii", "sub-2/ses-b/x_sub-1.nii", "other/ses-a/x.nii"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = find_files(str(tmp_path / "{subject}" / "{session}" / "x_{subject}.nii"))
    assert [visit[:2] for visit in found] == [("sub-1", "a"), ("sub-2", "b")]
    with pytest.raises(ValueError, match="has no {subject}"):
        find_files(str(tmp_path / "x.nii"))
    with pytest.raises(ValueError, match="No file answers"):
        find_files(str(tmp_path / "{subject}" / "y.nii"))
