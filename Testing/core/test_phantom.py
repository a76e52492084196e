"""The head phantom: its scan, its truth, and that they belong together."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage

from QSMReconstructionCore.anatomy import CALCIFICATION, CSF, GREY, HEMORRHAGE, RIGHT, VEIN, WHITE
from QSMReconstructionCore.numerics.dipole import dipole_kernel
from QSMReconstructionCore.numerics.fourier import forward, inverse
from QSMReconstructionCore.phantom import LABELS, head_phantom
from QSMReconstructionCore.progress import Cancelled

SMALL = {"shape": (45, 54, 45), "spacing": (4.0, 4.0, 4.0)}


@pytest.fixture(scope="module")
def noiseless():
    return head_phantom(**SMALL, snr=np.inf, echo_times=(0.001, 0.002, 0.003))


def test_every_structure_is_there_on_both_sides(head):
    for label, name in LABELS.items():
        if label in (VEIN, CALCIFICATION, HEMORRHAGE):  # smaller than these voxels, or only there on demand
            continue
        assert np.any(head.labels == label), name
    r, _, _ = head.acquisition.grid.world_coordinates()
    for label in range(1, 8):
        assert LABELS[label].endswith("left") and LABELS[label + RIGHT].endswith("right")
        assert r[head.labels == label].max() < 2 < r[head.labels == label].min() + 100
        assert r[head.labels == label].mean() < 0 < r[head.labels == label + RIGHT].mean()


def test_a_hemorrhage_is_there_on_demand_with_its_field_and_hardly_a_signal(head):
    ill = head_phantom(**SMALL, tilt=(20.0, 10.0), hemorrhage=True)
    clot = ill.labels == HEMORRHAGE
    assert not (head.labels == HEMORRHAGE).any()
    assert 2.0 < clot.sum() * ill.acquisition.grid.voxel_volume / 1000 < 3.2
    core = scipy.ndimage.binary_erosion(clot)
    np.testing.assert_allclose(ill.susceptibility[core], 1.5, atol=0.05)
    assert np.abs(ill.local_field - head.local_field)[clot].max() > 0.1
    late = ill.acquisition.magnitude[-1]
    assert late[core].mean() < 0.1 * late[ill.labels == WHITE].mean()


def test_the_brain_has_the_size_of_an_adult_brain(head):
    litres = head.mask.sum() * head.acquisition.grid.voxel_volume / 1e6
    assert 1.2 < litres < 1.7
    share = {label: np.mean(head.labels[head.mask] == label) for label in (CSF, GREY, WHITE)}
    assert 0.02 < share[CSF] < 0.2 and 0.35 < share[GREY] < 0.6 and 0.3 < share[WHITE] < 0.55


def test_iron_rich_nuclei_are_paramagnetic_and_white_matter_is_not(head):
    chi = head.susceptibility
    assert chi[head.labels == 2].mean() > chi[head.labels == 3].mean() > chi[head.labels == WHITE].mean()
    assert chi[head.labels == WHITE].mean() < 0


def test_the_phase_of_the_signal_grows_as_the_total_field_says(noiseless):
    acquisition = noiseless.acquisition
    turned = np.exp(1j * (acquisition.phase[1] - acquisition.phase[0]))
    expected = acquisition.radians_per_ppm_second * 0.001 * noiseless.total_field
    error = np.angle(turned * np.exp(-1j * expected))
    deep = scipy.ndimage.binary_erosion(noiseless.mask, iterations=2)
    assert np.median(np.abs(error[deep])) < 2e-3
    assert np.std(expected[deep]) > 0.1


def test_the_local_field_is_that_of_the_brain_alone(noiseless):
    """The brain's susceptibility through the kernel of the coarse grid gives the local field of the fine one."""
    shape = tuple(2 * n for n in noiseless.mask.shape)
    padded = np.zeros(shape, dtype=np.float32)
    inside = tuple(slice(n) for n in noiseless.mask.shape)
    padded[inside] = np.where(noiseless.mask, noiseless.susceptibility, 0)
    grid = noiseless.acquisition.grid
    field = inverse(forward(padded) * dipole_kernel(shape, grid.spacing, grid.b0_direction), shape)[inside]
    deep = scipy.ndimage.binary_erosion(noiseless.mask, iterations=3)
    assert np.corrcoef(field[deep], noiseless.local_field[deep])[0, 1] > 0.95
    # Of voxels at the edge, what lies outside the brain counts, too: it is in their susceptibility.
    error = (field - noiseless.local_field)[noiseless.mask]
    assert np.linalg.norm(error) < 0.17 * np.linalg.norm(noiseless.local_field[noiseless.mask])


def test_what_the_local_field_leaves_of_the_total_field_has_no_source_in_the_brain(noiseless):
    background = noiseless.total_field - noiseless.local_field
    deep = scipy.ndimage.binary_erosion(noiseless.mask, iterations=4)
    curvature = scipy.ndimage.laplace(background)[deep]
    sources = scipy.ndimage.laplace(noiseless.local_field)[deep]
    assert np.std(curvature) < 0.1 * np.std(sources)


def test_the_signal_to_noise_ratio_is_the_one_asked_for(head):
    clean = head_phantom(**SMALL, tilt=(20.0, 10.0), snr=np.inf)
    noise = head.acquisition.magnitude[0] - clean.acquisition.magnitude[0]
    mean = clean.acquisition.magnitude[0][head.mask].mean()
    assert mean / np.std(noise[head.mask]) == pytest.approx(100, rel=0.03)


def test_magnitude_decays_with_the_true_rate_where_the_field_is_even(noiseless):
    magnitude = noiseless.acquisition.magnitude
    deep = scipy.ndimage.binary_erosion(noiseless.labels == WHITE, iterations=2)
    rate = np.log(magnitude[0][deep] / magnitude[2][deep]) / 0.002
    assert np.median(rate) == pytest.approx(np.median(noiseless.r2star[deep]), rel=0.05)


def test_the_seed_decides_all_that_is_random():
    small = {"shape": (20, 24, 20), "spacing": (4.0, 4.0, 4.0), "echo_times": (0.002,)}
    once, again, other = (head_phantom(**small, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(once.acquisition.phase, again.acquisition.phase)
    assert np.any(once.acquisition.phase != other.acquisition.phase)


def test_a_tilted_scan_sees_the_same_upright_head(head, noiseless):
    assert head.acquisition.grid.b0_direction != noiseless.acquisition.grid.b0_direction
    for label in (2, 7):
        centres = []
        for phantom in (head, noiseless):
            place = scipy.ndimage.center_of_mass(phantom.labels == label)[::-1]
            centres.append((phantom.acquisition.grid.ijk_to_ras @ [*place, 1])[:3])
        np.testing.assert_allclose(*centres, atol=2.0)


def test_seven_tesla_decays_faster_than_three():
    small = {"shape": (20, 24, 20), "spacing": (4.0, 4.0, 4.0), "echo_times": (0.002,)}
    three, seven = (head_phantom(**small, field_strength=b0) for b0 in (3.0, 7.0))
    assert np.median(seven.r2star[seven.labels == GREY] / three.r2star[three.labels == GREY]) == pytest.approx(
        7 / 3, rel=0.02
    )


def test_tissue_is_as_uneven_as_asked():
    small = {"shape": (60, 72, 60), "spacing": (3.0, 3.0, 3.0), "echo_times": (0.002,)}
    even, usual, uneven = (head_phantom(**small, texture=(times, 36.0)) for times in (0.0, 1.0, 4.0))
    white = (even.labels == WHITE) & (np.abs(even.susceptibility + 0.030) < 1e-6)
    assert white.sum() > 5000
    once, four_times = (phantom.susceptibility[white] + 0.030 for phantom in (usual, uneven))
    np.testing.assert_allclose(four_times, 4 * once, atol=1e-6)
    assert 0.004 < np.std(once) < 0.008  # interpolation takes some of 0.007 ppm


def test_texture_repeats_over_the_distance_asked():
    small = {"shape": (60, 72, 60), "spacing": (3.0, 3.0, 3.0), "echo_times": (0.002,)}
    even, near, far = (head_phantom(**small, texture=texture) for texture in ((0.0, 9.0), (1.0, 18.0), (1.0, 36.0)))
    white = (even.labels == WHITE) & (np.abs(even.susceptibility + 0.030) < 1e-6)
    pairs = white[:, :, 1:] & white[:, :, :-1]
    maps = [phantom.susceptibility for phantom in (near, far)]
    roughness = [np.std(np.diff(susceptibility)[pairs]) / np.std(susceptibility[white]) for susceptibility in maps]
    # Neighbors of a wave of twice the length differ by half as much.
    assert roughness[0] == pytest.approx(2 * roughness[1], rel=0.2)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"snr": 0}, "snr must be positive"),
        ({"tilt": (80, 0)}, "tilt must be two angles"),
        ({"texture": (1, 0)}, "texture must be a multiple"),
        ({"shape": (1, 1, 1)}, "holds no brain"),
        ({"echo_times": (5, 11)}, "milliseconds"),
    ],
)
def test_parameters_that_describe_no_scan_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        head_phantom(**{"shape": (20, 24, 20), "spacing": (9.0, 9.0, 9.0), **wrong})


def test_it_can_be_cancelled():
    def cancel(fraction, message):
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        head_phantom(**SMALL, progress=cancel)
