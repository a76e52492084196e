"""Each fault that scans come with, through the command line: a verdict or a message of its own, nothing half done."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

import quality_faults as faults
from QSMReconstructionCore.acquisition import Acquisition
from QSMReconstructionCore.commandline import main
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import read_nifti, write_nifti
from QSMReconstructionCore.phantom import head_phantom
from scanners import MANNERS, PATIENT, export

#: Files that a complete reconstruction of several echoes leaves.
MAPS = {"chimap", "mask", "totalfield", "localfield", "fieldnoise", "quality", "r2star"}


@pytest.fixture(scope="module")
def head():
    """A head at 5 mm, oblique, with echoes short enough for its voxels."""
    return head_phantom(
        shape=(36, 43, 36), spacing=(5.0, 5.0, 5.0), tilt=(20.0, 10.0), echo_times=(0.004, 0.009, 0.014)
    )


def written_as_nifti(folder: Path, scan: Acquisition) -> list[str]:
    """Write phase and magnitude with sidecars, one file per echo; returns the options that read them."""
    folder.mkdir()
    options = []
    for part in ("phase", "magnitude"):
        options.append(f"--{part}")
        for echo, time in enumerate(scan.echo_times):
            stem = folder / f"{part}{echo}"
            write_nifti(stem.with_suffix(".nii"), getattr(scan, part)[echo], scan.grid)
            facts = {"EchoTime": time, "MagneticFieldStrength": scan.field_strength}
            stem.with_suffix(".json").write_text(json.dumps(facts))
            options.append(str(stem.with_suffix(".nii")))
    return options


def written_as_dicom(folder: Path, scan: Acquisition) -> list[str]:
    return ["--dicom", str(export(folder, scan, MANNERS["siemens"]))]


@pytest.fixture
def reconstructed(tmp_path, capsys):
    """Reconstruct the files that the options name; returns the exit status and what came on standard error."""

    def run(options: list[str], *more: str) -> tuple[int, str]:
        before = {path.name for path in tmp_path.iterdir()}
        status = main(["reconstruct", str(tmp_path / "out"), *options, *more, "--progress", "none"])
        shown = capsys.readouterr()
        assert shown.out == ""
        assert "Traceback" not in shown.err
        assert not any(part in shown.err for part in PATIENT.split("^"))
        left = {path.name for path in tmp_path.iterdir()} - before
        assert left == ({"out"} if status == 0 else set())
        return status, shown.err

    return run


#: What was done to the scan -> how to do it, and the title of the verdict that must tell.
SCANS = {
    "wrong sign": (lambda s: replace(s, phase=-s.phase), "Sign of the phase"),
    "echoes swapped": (lambda s: faults.with_echoes(s, (0, 2, 1)), "Order of the echoes"),
    "echoes of the phase swapped": (lambda s: faults.with_echoes(s, (0, 2, 1), ["phase"]), "Phase over the echoes"),
    "magnitude twice": (faults.with_magnitude_as_phase, "What the phase shows"),
    "one echo twice": (lambda s: faults.with_echoes(s, (0, 1, 1)), "Distinct echoes"),
    "oblique header lost": (
        lambda s: replace(s, grid=Grid(s.grid.shape, s.grid.spacing, origin=s.grid.origin)), "Direction of B0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("written", [written_as_nifti, written_as_dicom])
@pytest.mark.parametrize("fault", SCANS)
def test_a_fault_of_the_scan_is_told_and_written_beside_the_maps(tmp_path, head, reconstructed, fault, written):
    spoil, title = SCANS[fault]
    scan = spoil(head.acquisition)
    mask = tmp_path / "mask.nii"
    write_nifti(mask, head.mask, scan.grid)
    status, told = reconstructed(written(tmp_path / "scan", scan), "--mask", str(mask), "--recipe", "preview")
    assert status == 0
    assert f"Bad: {title}: " in told
    verdicts = json.loads((tmp_path / "out/verdicts.json").read_text())["Verdicts"]
    assert next(v for v in verdicts if v["Title"] == title)["Level"] == "bad"
    assert {path.name.partition(".")[0] for path in (tmp_path / "out").glob("*.nii*")} == MAPS


def test_a_scan_without_a_fault_is_told_to_have_none(tmp_path, head, reconstructed):
    status, told = reconstructed(written_as_nifti(tmp_path / "scan", head.acquisition), "--recipe", "preview")
    assert (status, told) == (0, "")


def test_phase_scaled_from_its_minimum_and_maximum_is_told(tmp_path, head, reconstructed):
    scan = head.acquisition
    phase = (scan.phase - scan.phase.min()) / np.ptp(scan.phase)
    status, told = reconstructed(written_as_nifti(tmp_path / "scan", replace(scan, phase=phase)), "--recipe", "preview")
    assert "Bad: Phase scale: " in told
    assert status == 0


def edit_sidecars(folder, **entries):
    for path in folder.glob("*.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def times_in_milliseconds(folder, head):
    for path in folder.glob("*.json"):
        entries = json.loads(path.read_text())
        path.write_text(json.dumps({**entries, "EchoTime": 1000 * entries["EchoTime"]}))


def rewrite(name, change):
    """Change the values and the grid of a file."""

    def spoil(folder, head):
        values, grid = read_nifti(folder / name)
        write_nifti(folder / name, *change(values.copy(), grid))

    return spoil


def with_nan(values, grid):
    values[3, 4, 5] = np.nan
    return values, grid


def without_a_slice(values, grid):
    return values[:-1], replace(grid, shape=(grid.shape[0] - 1, *grid.shape[1:]))


def moved(values, grid):
    return values, replace(grid, origin=tuple(x + 7 for x in grid.origin))


def bytes_of(name, change):
    return lambda folder, head: (folder / name).write_bytes(change((folder / name).read_bytes()))


def promising(voxels: int):
    """A header with three equal dimensions whose product is at least that many voxels."""
    side = round(voxels ** (1 / 3)) + 1
    return lambda data: data[:40] + struct.pack("<8h", 3, side, side, side, 1, 1, 1, 1) + data[56:]


#: What was done to the NIfTI files -> how to do it, and what the message must say.
FILES = {
    "ms for s": (times_in_milliseconds, "look like milliseconds. Divide them by 1000"),
    "one slice missing": (rewrite("magnitude1.nii", without_a_slice), "has 36 x 43 x 35 voxels"),
    "one echo elsewhere": (rewrite("phase2.nii", moved), "lies elsewhere in the scanner"),
    "mask on another grid": (rewrite("mask.nii", moved), "lies elsewhere in the scanner"),
    "mask without a slice": (rewrite("mask.nii", without_a_slice), "has 36 x 43 x 35 voxels"),
    "NaN voxels": (rewrite("phase0.nii", with_nan), "phase has 1 voxel(s) that are not finite"),
    "NaN in the magnitude": (rewrite("magnitude0.nii", with_nan), "magnitude has 1 voxel(s) that are not finite"),
    "truncated file": (bytes_of("phase1.nii", lambda data: data[:5000]), "phase1.nii is truncated"),
    "truncated header": (bytes_of("phase1.nii", lambda data: data[:200]), "phase1.nii is truncated"),
    "zero-length file": (bytes_of("magnitude2.nii", lambda data: b""), "magnitude2.nii is empty"),
    "2^40 voxels": (bytes_of("phase0.nii", promising(2**40)), "promises"),
    "one echo missing": (lambda folder, head: (folder / "phase1.nii").unlink(), "phase1.nii does not exist"),
    "echo times of two scans": (
        lambda folder, head: (folder / "phase1.json").write_text('{"EchoTime": 0.02, "MagneticFieldStrength": 3}'),
        "phase has the echo times",
    ),
    "no echo times": (lambda folder, head: edit_sidecars(folder, EchoTime=None), "echo_times are missing"),
    "field strength in gauss": (
        lambda folder, head: edit_sidecars(folder, MagneticFieldStrength=30000), "field_strength must lie between",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FILES)
def test_a_fault_of_a_file_is_refused_in_a_sentence(tmp_path, head, reconstructed, fault):
    spoil, says = FILES[fault]
    folder = tmp_path / "scan"
    options = written_as_nifti(folder, head.acquisition)
    write_nifti(folder / "mask.nii", head.mask, head.acquisition.grid)
    spoil(folder, head)
    status, told = reconstructed(options, "--mask", str(folder / "mask.nii"))
    assert status == 1
    assert says in told
    assert told.count("\n") == 1


def dicom_image(folder: Path, kind: str) -> Path:
    """An image in the middle of a stack."""
    words = {"magnitude": "M", "phase": "P"}
    datasets = {path: pydicom.dcmread(path) for path in sorted(folder.iterdir())}
    chosen = [path for path, d in datasets.items() if d.ImageType[2] == words[kind] and d.EchoNumbers == 2]
    return sorted(chosen, key=lambda path: datasets[path].ImagePositionPatient[2])[len(chosen) // 2]


def edited(change):
    def spoil(folder):
        path = dicom_image(folder, "phase")
        dataset = pydicom.dcmread(path)
        change(dataset)
        dataset.save_as(path)

    return spoil


def data_of(change):
    def spoil(folder):
        path = dicom_image(folder, "phase")
        path.write_bytes(change(path.read_bytes()))

    return spoil


def promise_a_million_million_voxels(dataset):
    dataset.Rows = dataset.Columns = 65535
    dataset.NumberOfFrames = 256


#: What was done to one file of a DICOM export -> how to do it, and what the message must say.
DICOM_FILES = {
    "one slice missing": (lambda folder: dicom_image(folder, "phase").unlink(), "is missing"),
    "one slice of the magnitude missing": (lambda folder: dicom_image(folder, "magnitude").unlink(), "is missing"),
    "zero-length file": (data_of(lambda data: b""), "is missing"),
    "truncated file": (data_of(lambda data: data[: len(data) - 500]), "is cut short"),
    "truncated header": (data_of(lambda data: data[:400]), "is missing"),
    "2^40 voxels": (edited(promise_a_million_million_voxels), "frames"),
    "slice of another matrix": (edited(lambda dataset: setattr(dataset, "Rows", 40)), "has images of 40 x 36 and of"),
}


@pytest.mark.parametrize("fault", DICOM_FILES)
def test_a_fault_of_a_dicom_file_is_refused_in_a_sentence(tmp_path, head, reconstructed, fault):
    spoil, says = DICOM_FILES[fault]
    options = written_as_dicom(tmp_path / "scan", head.acquisition)
    spoil(tmp_path / "scan")
    status, told = reconstructed(options)
    assert status == 1
    assert says in told.splitlines()[-1]
