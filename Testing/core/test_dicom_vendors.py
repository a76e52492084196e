"""A scan exported in the manner of any vendor gives the map that its NIfTI files give."""

from __future__ import annotations

import numpy as np
import pytest

from QSMReconstructionCore.acquisition import Acquisition
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.dicom.scan import read_dicom
from QSMReconstructionCore.io.nifti import write_nifti
from QSMReconstructionCore.io.scan import read_scan
from QSMReconstructionCore.phantom import head_phantom
from QSMReconstructionCore.pipeline import reconstruct
from QSMReconstructionCore.recipe import Recipe
from scanners import MANNERS, export

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

#: Storage in 12 bits rounds phase and magnitude: maps differ by this part of what is in them, 0.025 as measured.
STORED = 0.03


@pytest.fixture(scope="module")
def head():
    """The digital head at 4 mm, oblique."""
    return head_phantom(
        shape=(42, 50, 42), spacing=(4.0, 4.0, 4.0), tilt=(20.0, 10.0), echo_times=(0.003, 0.009)
    )


def susceptibility(scan, mask):
    return reconstruct(scan, Recipe.preset("preview"), mask=mask).susceptibility


@pytest.fixture(scope="module")
def from_nifti(head, tmp_path_factory):
    """The map of the head from its NIfTI files."""
    folder, scan = tmp_path_factory.mktemp("nifti"), head.acquisition
    for part in ("phase", "magnitude"):
        write_nifti(folder / f"{part}.nii", getattr(scan, part), scan.grid)
    read = read_scan(
        [folder / "phase.nii"], [folder / "magnitude.nii"], echo_times=scan.echo_times, field_strength=3.0
    )
    return susceptibility(read, head.mask)


@pytest.mark.parametrize("manner", MANNERS)
def test_every_manner_gives_the_map_of_the_nifti_files(tmp_path, head, from_nifti, manner):
    read = read_dicom(export(tmp_path, head.acquisition, MANNERS[manner]))
    assert read.grid.same_geometry(head.acquisition.grid)
    found = susceptibility(read, head.mask)
    assert np.linalg.norm(found - from_nifti) < STORED * np.linalg.norm(from_nifti)
    assert found[head.mask & (head.susceptibility > 0.05)].mean() > 0.02  # paramagnetic is positive


def turned(scan: Acquisition, axes: tuple[int, int, int]) -> Acquisition:
    """The same scan with the array axes in another order, so that slices are sagittal or coronal; right-handed."""
    order = list(axes)
    values = [np.transpose(part, (0, *(1 + a for a in axes))) for part in (scan.magnitude, scan.phase)]
    direction = np.array(scan.grid.direction)[:, order]
    origin = np.array(scan.grid.origin)
    shape, spacing = ([getattr(scan.grid, name)[a] for a in axes] for name in ("shape", "spacing"))
    if np.linalg.det(direction[:, ::-1]) < 0:  # then the slices run the other way round
        values = [part[:, ::-1] for part in values]
        origin = origin + direction[:, 0] * spacing[0] * (shape[0] - 1)
        direction[:, 0] *= -1
    grid = Grid(tuple(shape), tuple(spacing), tuple(map(tuple, direction)), tuple(origin))
    return Acquisition(*map(np.ascontiguousarray, values), scan.echo_times, scan.field_strength, grid)


@pytest.mark.parametrize("axes", [(2, 0, 1), (1, 0, 2)], ids=["sagittal", "coronal"])
@pytest.mark.parametrize("manner", ["siemens", "philips enhanced", "ge"])
def test_slices_may_have_any_orientation(tmp_path, manner, axes):
    scan = head_phantom(
        shape=(20, 24, 22), spacing=(9.0, 8.0, 8.5), tilt=(10.0, 5.0), echo_times=(0.002,)
    ).acquisition
    written = turned(scan, axes)
    read = read_dicom(export(tmp_path, written, MANNERS[manner]))
    assert read.grid.same_geometry(written.grid)
    np.testing.assert_allclose(read.grid.b0_direction, written.grid.b0_direction, atol=1e-6)
    bright = written.magnitude > 0.05 * written.magnitude.max()
    error = np.angle(np.exp(1j * (read.phase.astype(float) - written.phase)))
    assert np.abs(error[bright]).max() < 0.02
