"""Real DICOM of several scanners, where present, against the conversion that lies beside it."""

from __future__ import annotations

import numpy as np
import pytest

from QSMReconstructionCore.io.dicom.scan import read_dicom
from QSMReconstructionCore.io.dicom.stacks import find_stacks
from QSMReconstructionCore.io.nifti import read_nifti
from QSMReconstructionCore.io.scan import read_scan

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


@pytest.fixture(scope="module")
def philips(scans):
    """The same scan from classic files, from an enhanced file, and from the conversion to NIfTI."""
    folder = scans / "philips_elition_fieldmap_2echo"
    stem = folder / "nifti_dcm2niix/2001_WIP_fcMRI_Field_Mapping_cl"
    phase, magnitude = ([f"{stem}_e{echo}{part}.nii.gz" for echo in (1, 2)] for part in ("_ph", ""))
    return *(read_dicom(folder / f"dicom_{kind}") for kind in ("classic", "enhanced")), read_scan(phase, magnitude)


def test_classic_and_enhanced_files_hold_the_same_scan(philips):
    classic, enhanced, _ = philips
    np.testing.assert_array_equal(classic.phase, enhanced.phase)
    np.testing.assert_array_equal(classic.magnitude, enhanced.magnitude)
    assert classic.grid.same_geometry(enhanced.grid)
    assert classic.echo_times == enhanced.echo_times == (0.0023, 0.0046)
    assert classic.hz_per_ppm == enhanced.hz_per_ppm == pytest.approx(127.748512)
    assert classic.field_strength == 3.0


def test_values_and_places_are_those_of_the_conversion(philips):
    ours, _, theirs = philips
    assert ours.phase.shape == theirs.phase.shape == (2, 53, 80, 80)
    assert np.pi * 0.999 < np.abs(ours.phase).max() <= np.float32(np.pi)
    # The conversion turns rows and columns round, so that they run to the right and to the front.
    assert np.abs(ours.phase - theirs.phase[..., ::-1, ::-1]).max() < 1e-3  # a stored step is 1.5e-3 rad
    magnitude = theirs.magnitude[..., ::-1, ::-1]
    bright = ours.magnitude > 0
    ratio = magnitude[bright] / ours.magnitude[bright]
    assert np.ptp(ratio) < 1e-4 * ratio.mean()
    k, j, i = (np.array(n) - 1 for n in ours.grid.shape)
    for slice_number in (0, k):
        here = ours.grid.ijk_to_ras @ [0, 0, slice_number, 1]
        there = theirs.grid.ijk_to_ras @ [i, j, slice_number, 1]
        np.testing.assert_allclose(here, there, atol=0.01)


@pytest.mark.parametrize(
    ("scanner", "echo_times", "images"),
    [("siemens_prisma_ve11_me_fieldmap", [5.19, 7.65], 36), ("siemens_prisma_xa30_enhanced_fieldmap", [10, 12.46], 33)],
)
def test_a_phase_difference_is_recognized(scans, scanner, echo_times, images):
    found = find_stacks(scans / scanner / "dicom")
    rows = [(row["kind"], row["echo_time"], row["images"]) for row in found.table()]
    assert rows == [*(("magnitude", time, images) for time in echo_times), ("phase difference", echo_times[1], images)]
    assert not any(row["fault"] for row in found.table())
    between = " and ".join(f"{time:g}" for time in echo_times)
    with pytest.raises(ValueError, match=rf"is the difference of the phases of two echoes \(of {between} ms\)"):
        read_dicom(scans / scanner)
    magnitude = next(stack for stack in found.stacks if stack.kind == "magnitude")
    converted = read_nifti(sorted((scans / scanner / "nifti_dcm2niix").glob("*_e1.nii"))[0])[1]
    np.testing.assert_allclose(magnitude.grid.spacing, converted.spacing, rtol=1e-4)
    for grid in (magnitude.grid, converted):
        assert grid.shape == (images, 64, 64)
    ours, theirs = (grid.ijk_to_ras @ [31.5, 31.5, (images - 1) / 2, 1] for grid in (magnitude.grid, converted))
    np.testing.assert_allclose(ours, theirs, atol=0.01)


def test_a_field_map_in_hertz_is_recognized(scans):
    found = find_stacks(scans / "ge_b0map_invivo/dicom")
    assert [(row["kind"], row["images"]) for row in found.table()] == [("field map", 16), ("magnitude", 16)]
    assert found.stacks[0].grid.spacing == pytest.approx((9, 1.875, 1.875))
    with pytest.raises(ValueError, match="is a field map that the scanner computed, in Hz"):
        read_dicom(scans / "ge_b0map_invivo")
