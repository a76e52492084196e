"""A reconstruction is written with all that is needed to know how it came about."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from QSMReconstructionCore import __version__
from QSMReconstructionCore.background import LocalField
from QSMReconstructionCore.fieldmapping import FieldMap
from QSMReconstructionCore.io.bids import BidsScan
from QSMReconstructionCore.io.nifti import read_nifti
from QSMReconstructionCore.io.provenance import OUTPUTS, write_reconstruction
from QSMReconstructionCore.recipe import Recipe
from QSMReconstructionCore.reconstruction import Reconstruction
from QSMReconstructionCore.referencing import Reference


@pytest.fixture
def reconstruction(acquisition):
    """A reconstruction of random numbers."""
    random = np.random.default_rng(0)
    shape = acquisition.grid.shape
    maps = [random.normal(size=shape).astype(np.float32) for _ in range(8)]
    brain = np.ones(shape, bool)
    defined = brain.copy()
    defined[0] = False
    return Reconstruction(
        maps[0], brain, FieldMap(*maps[1:5]), LocalField(maps[5], defined, maps[6]), maps[7],
        Reference("whole brain", 90, 0.0123, 0.0, 0.05), Recipe.preset("preview"), acquisition.grid,
        acquisition.identity, {"inversion": 1.234}, ("A note.",),
    )


def test_every_map_is_written_on_the_grid_of_the_scan(tmp_path, reconstruction, acquisition):
    written = write_reconstruction(tmp_path / "out", reconstruction, acquisition)
    names = {p.name for p in (tmp_path / "out").iterdir()}
    sidecars = {f"{o.name}.json" for o in OUTPUTS}
    assert names == {f"{o.name}.nii.gz" for o in OUTPUTS} | sidecars | {"recipe.json", "verdicts.json"}
    assert {p.name for p in written} == names - sidecars
    for output, values in (
        ("chimap", reconstruction.susceptibility),
        ("mask", reconstruction.mask),
        ("totalfield", reconstruction.field_map.field), ("localfield", reconstruction.local_field.field),
        ("fieldnoise", reconstruction.field_map.noise), ("quality", reconstruction.field_map.quality),
        ("r2star", reconstruction.r2star),
    ):
        array, grid = read_nifti(tmp_path / "out" / f"{output}.nii.gz")
        np.testing.assert_array_equal(array, values)
        assert grid.same_geometry(acquisition.grid)


def test_maps_can_be_written_uncompressed_in_place_of_compressed_ones(tmp_path, reconstruction, acquisition):
    write_reconstruction(tmp_path, reconstruction, acquisition)
    written = write_reconstruction(tmp_path, reconstruction, acquisition, compressed=False)
    names = {f"{o.name}.nii" for o in OUTPUTS} | {"recipe.json", "verdicts.json"}
    assert {p.name for p in written} == names
    assert {p.name for p in tmp_path.iterdir()} == names | {f"{o.name}.json" for o in OUTPUTS}
    np.testing.assert_array_equal(read_nifti(tmp_path / "chimap.nii")[0], reconstruction.susceptibility)


def test_the_recipe_written_repeats_the_reconstruction(tmp_path, reconstruction, acquisition):
    write_reconstruction(tmp_path, reconstruction, acquisition)
    assert Recipe.from_json((tmp_path / "recipe.json").read_text()) == reconstruction.recipe


def test_the_sidecar_tells_where_the_map_comes_from(tmp_path, reconstruction, acquisition):
    (tmp_path / "phase.nii").write_bytes(b"phase")
    write_reconstruction(tmp_path, reconstruction, acquisition, files=[tmp_path / "phase.nii"])
    told = json.loads((tmp_path / "chimap.json").read_text())
    assert told["Units"] == "ppm"
    assert told["Reference"] == {
        "region": "whole brain", "voxels": 90, "subtracted": 0.0123, "mean": 0.0, "sd": 0.05,
    }
    assert told["Recipe"]["inversion"]["method"] == "tkd"
    assert told["EchoTime"] == [0.004, 0.012, 0.02]
    assert told["MagneticFieldStrength"] == 3
    assert told["B0Direction"] == [0, 0, 1]
    assert told["InputIdentity"] == acquisition.identity
    assert told["InputFiles"] == [
        {"Path": str(tmp_path / "phase.nii"), "SHA256": hashlib.sha256(b"phase").hexdigest()}
    ]
    assert told["Versions"]["QSMReconstructionCore"] == __version__
    assert set(told["Versions"]) == {"QSMReconstructionCore", "Python", "numpy", "scipy", "SimpleITK"}
    assert told["Notes"] == ["A note."]
    assert told["Seconds"] == {"inversion": 1.23}


def test_every_map_tells_its_unit_recipe_versions_and_input(tmp_path, reconstruction, acquisition):
    write_reconstruction(tmp_path, reconstruction, acquisition)
    for output in OUTPUTS:
        told = json.loads((tmp_path / f"{output.name}.json").read_text())
        assert told.get("Units", "") == output.unit
        assert told["Recipe"]["inversion"]["method"] == "tkd"
        assert told["Reference"]["sd"] == 0.05
        assert {"Versions", "InputIdentity", "InputFiles"} <= told.keys()


def test_files_of_a_data_set_are_named_from_its_root_on(tmp_path, reconstruction, acquisition):
    path = tmp_path / "sub-01/anat/sub-01_part-phase_MEGRE.nii"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"phase")
    scan = BidsScan(tmp_path, {"sub": "01"}, {"phase": (path,)})
    write_reconstruction(tmp_path / "out", reconstruction, acquisition, files=[path], bids=scan)
    told = json.loads((tmp_path / "out/sub-01/anat/sub-01_Chimap.json").read_text())
    assert told["InputFiles"][0]["Path"] == "sub-01/anat/sub-01_part-phase_MEGRE.nii"
    mask = json.loads((tmp_path / "out/sub-01/anat/sub-01_desc-brain_mask.json").read_text())
    assert mask["Type"] == "Brain"


def test_maps_of_an_earlier_scan_do_not_stay_behind(tmp_path, reconstruction, acquisition):
    write_reconstruction(tmp_path, reconstruction, acquisition)
    object.__setattr__(reconstruction, "r2star", None)
    written = write_reconstruction(tmp_path, reconstruction, acquisition)
    assert not (tmp_path / "r2star.nii.gz").exists()
    assert not (tmp_path / "r2star.json").exists()
    assert tmp_path / "r2star.nii.gz" not in written


def test_a_failure_midway_leaves_nothing(tmp_path, reconstruction, acquisition):
    object.__setattr__(reconstruction, "r2star", reconstruction.r2star[1:])
    with pytest.raises(ValueError, match="must have the shape"):
        write_reconstruction(tmp_path / "out", reconstruction, acquisition)
    assert not list(tmp_path.iterdir())


def test_bids_derivatives_have_bids_names_and_a_description(tmp_path, reconstruction, acquisition):
    scan = BidsScan(tmp_path, {"sub": "01", "ses": "a", "run": "2"}, {})
    write_reconstruction(tmp_path / "out", reconstruction, acquisition, bids=scan)
    folder, stem = tmp_path / "out/sub-01/ses-a/anat", "sub-01_ses-a_run-2"
    for name in ("Chimap", "R2starmap", "desc-brain_mask", "desc-total_fieldmap"):
        assert (folder / f"{stem}_{name}.nii.gz").exists()
        assert (folder / f"{stem}_{name}.json").exists()
    assert json.loads((folder / f"{stem}_R2starmap.json").read_text())["Units"] == "1/s"
    assert json.loads((folder / f"{stem}_Chimap.json").read_text())["Reference"]["region"] == "whole brain"
    description = json.loads((tmp_path / "out/dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"
    assert description["GeneratedBy"][0]["Version"] == __version__
