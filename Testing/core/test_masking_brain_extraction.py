"""The brain mask on heads whose brain is known."""

from __future__ import annotations

import logging
from functools import lru_cache

import numpy as np
import pytest

from QSMReconstructionCore.acquisition import Acquisition
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.masking.brain_extraction import brain_extraction
from QSMReconstructionCore.progress import Cancelled


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Dice coefficient."""
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


def inside(coordinates, centre, axes) -> np.ndarray:
    return sum(((x - c) / a) ** 2 for x, c, a in zip(coordinates, centre, axes)) < 1


@lru_cache
def egg(spacing=(4.0, 4.0, 4.0), fluid=1.1, bias=1.0, snr=60.0, extent=(176.0, 208.0, 176.0)):
    """A head of ellipsoids, built unlike the digital phantom: scan and brain (without the fluid around it).

    Brain with dark or bright ventricles, fluid, a skull with marrow, bright scalp, eyes, a neck with cord and spine.
    """
    shape = tuple(int(e / h) for e, h in zip(extent, spacing))
    z, y, x = np.meshgrid(*[(np.arange(n) - (n - 1) / 2) * h for n, h in zip(shape, spacing)], indexing="ij")
    z = z - 12
    places, middle = (z, y, x), (0, -4, 0)
    brain = inside(places, middle, (58, 78, 64)) & ~((z < -25) & (y > 30))
    brain |= inside(places, (-35, -45, 0), (26, 32, 48))
    across = np.hypot(x, y + 20)
    brain |= (across < 13) & (z < 0) & (z > -72)
    outer = [inside(places, middle, (58 + d, 78 + d, 64 + d)) | inside(places, (-35, -45, 0), (26 + d, 32 + d, 48 + d))
             for d in (2, 4, 6, 8, 14)]
    density = np.zeros(shape)
    density[(np.hypot(x, y + 10) < 60) & (z < -40)] = 0.9
    density[(inside(places, (-40, 40, 0), (45, 50, 60)))] = 0.8
    for shell, value in zip(outer[::-1], (1.2, 0.05, 0.5, 0.05, fluid)):
        density[shell] = value
    density[(across < 20) & (z < -15)] = 0.05
    density[(across < 15) & (z < -15)] = fluid
    density[(across < 7) & (z < -72)] = 0.8
    for side in (-30, 30):
        density[inside(places, (-35, 72, side), (12, 12, 12))] = 1.0
    density[inside(places, (-38, 30, 0), (9, 20, 14))] = 0  # sphenoid sinus
    density[brain] = 0.9
    for side in (-10, 10):
        density[inside(places, (8, 0, side), (8, 28, 6))] = fluid
    sensitivity = np.exp(np.log(bias) / 2 * (0.6 * y / 100 + 0.5 * z / 90 - 0.6 * x / 90))

    random = np.random.default_rng(7)
    echoes = []
    for time in (0.004, 0.010, 0.016):
        phase = 0.3 + time * (60 * (y / 80) ** 2 + 30 * x / 60)
        signal = density * sensitivity * np.exp(-18 * time + 1j * phase)
        noise = random.standard_normal(shape) + 1j * random.standard_normal(shape)
        echoes.append(signal + 0.9 / snr * noise)
    grid = Grid(shape, spacing)
    return Acquisition(np.abs(echoes), np.angle(echoes), (0.004, 0.010, 0.016), 3.0, grid), brain


@lru_cache
def mask_of_egg(spacing=(4.0, 4.0, 4.0)) -> np.ndarray:
    """The mask of the default head with default parameters."""
    return brain_extraction(egg(spacing)[0])


def changed(scan: Acquisition, magnitude=None, phase=None, grid=None) -> Acquisition:
    return Acquisition(
        scan.magnitude if magnitude is None else magnitude,
        scan.phase if phase is None else phase,
        scan.echo_times,
        scan.field_strength,
        grid or scan.grid,
    )


def test_brain_of_the_oblique_phantom_is_found(head):
    found = brain_extraction(head.acquisition)
    assert found.dtype == bool
    assert overlap(found, head.mask) > 0.955
    assert found[head.mask].mean() > 0.98


@pytest.mark.parametrize("fluid", [1.1, 0.5])
@pytest.mark.parametrize("bias", [1.0, 3.0])
def test_brain_is_found_with_bright_and_dark_fluid_and_uneven_coils(fluid, bias):
    scan, brain = egg(fluid=fluid, bias=bias)
    found = brain_extraction(scan)
    assert overlap(found, brain) > 0.93  # the fluid, 2 mm thick, is not counted as brain but looks like it
    assert found[brain].mean() > 0.97


@pytest.mark.parametrize("spacing", [(5.0, 2.0, 2.0), (2.0, 4.0, 3.0)])
def test_voxel_size_does_not_matter(spacing):
    scan, brain = egg(spacing, snr=30.0)
    assert overlap(brain_extraction(scan), brain) > 0.95


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 0, 2)])
def test_mask_follows_flips_and_exchanges_of_axes(axes):
    scan, _ = egg()

    def turned(array):
        first = array.ndim - 3
        return array.transpose(*range(first), *(a + first for a in axes))[..., ::-1, :, :]

    grid = Grid([scan.grid.shape[a] for a in axes], [scan.grid.spacing[a] for a in axes])
    found = brain_extraction(changed(scan, turned(scan.magnitude), turned(scan.phase), grid))
    assert overlap(found, turned(mask_of_egg())) > 0.99


@pytest.mark.parametrize("factor", [1000.0, 1e-7])
def test_intensity_unit_does_not_matter(factor):
    scan, _ = egg()
    assert np.array_equal(mask_of_egg(), brain_extraction(changed(scan, scan.magnitude * np.float32(factor))))


def test_eyes_scalp_neck_and_air_stay_outside():
    scan, brain = egg()
    found = mask_of_egg()
    z, y, x = np.meshgrid(
        *[(np.arange(n) - (n - 1) / 2) * h for n, h in zip(scan.grid.shape, scan.grid.spacing)], indexing="ij"
    )
    z = z - 12
    assert not found[inside((z, y, abs(x)), (-35, 72, 30), (10, 10, 10))].any()
    assert not found[~inside((z, y, x), (0, -4, 0), (66, 86, 72)) & (z > 0)].any()
    assert np.count_nonzero(found & (z < -85)) < 0.002 * np.count_nonzero(brain)


def test_bleeds_inside_the_brain_stay_in_the_mask():
    scan, _ = egg()
    magnitude = scan.magnitude.copy()
    magnitude[:, 26:29, 20:24, 26:30] = 0
    assert brain_extraction(changed(scan, magnitude))[26:29, 20:24, 26:30].all()


def test_a_dimmed_rim_is_kept_where_its_phase_is_coherent():
    scan, brain = egg((2.0, 2.0, 2.0))
    k, j, i = np.indices(scan.grid.shape)
    spot = (k - 60) ** 2 + (j - 52) ** 2 + (i - 74) ** 2 < 4**2  # below the right surface
    dimmed = np.where(spot, scan.magnitude * np.float32(0.35), scan.magnitude)
    random = np.random.default_rng(0).uniform(-np.pi, np.pi, scan.phase.shape)
    coherent = brain_extraction(changed(scan, dimmed))
    incoherent = brain_extraction(changed(scan, dimmed, np.where(spot, random, scan.phase)))
    rim = spot & brain
    assert coherent[rim].mean() > incoherent[rim].mean() + 0.1


def test_erosion_takes_off_the_given_thickness():
    spacing = (2.0, 2.0, 2.0)
    scan, _ = egg(spacing)
    masks = brain_extraction(scan, erosion=0.0), mask_of_egg(spacing), brain_extraction(scan, erosion=4.0)
    radius = [(3 * np.count_nonzero(mask) * 8 / 4 / np.pi) ** (1 / 3) for mask in masks]
    assert 0.5 < radius[0] - radius[1] < 1.5
    assert 3.0 < radius[0] - radius[2] < 5.5


def test_a_larger_edge_fraction_gives_a_smaller_mask():
    scan, _ = egg()
    sizes = [np.count_nonzero(brain_extraction(scan, fractional_intensity=f)) for f in (0.3, 0.7)]
    assert sizes[1] < np.count_nonzero(mask_of_egg()) < sizes[0]


def test_single_echo_suffices():
    scan, brain = egg()
    single = Acquisition(scan.magnitude[:1], scan.phase[:1], scan.echo_times[:1], 3.0, scan.grid)
    assert overlap(brain_extraction(single), brain) > 0.94


def test_brain_without_skull_is_found():
    scan, brain = egg()
    assert overlap(brain_extraction(changed(scan, scan.magnitude * brain)), brain) > 0.95


@pytest.mark.parametrize("planes", [slice(22, 23), slice(20, 26)])
def test_slabs_of_a_head_are_masked(planes):
    scan, brain = egg()
    grid = Grid(brain[planes].shape, scan.grid.spacing)
    slab = changed(scan, scan.magnitude[:, planes], scan.phase[:, planes], grid)
    assert overlap(brain_extraction(slab), brain[planes]) > 0.94


def test_crop_inside_the_brain_is_kept_whole_and_reported(caplog):
    scan, _ = egg()
    box = (slice(18, 30), slice(14, 34), slice(14, 30))
    grid = Grid((12, 20, 16), scan.grid.spacing)
    crop = changed(scan, scan.magnitude[(slice(None), *box)], scan.phase[(slice(None), *box)], grid)
    messages = []
    with caplog.at_level(logging.WARNING):
        found = brain_extraction(crop, progress=lambda fraction, message: messages.append(message))
    assert found.mean() > 0.98
    assert "part of a brain" in caplog.text
    assert any("part of a brain" in message for message in messages)


def test_whole_head_is_not_reported(caplog):
    with caplog.at_level(logging.WARNING):
        brain_extraction(egg()[0])
    assert not caplog.text


def noise_with(signal: np.ndarray) -> Acquisition:
    random = np.random.default_rng(0)
    shape = (2, *signal.shape)
    echoes = signal + random.standard_normal(shape) + 1j * random.standard_normal(shape)
    return Acquisition(np.abs(echoes), np.angle(echoes), (0.005, 0.010), 3.0, Grid(signal.shape, (4.0, 4.0, 4.0)))


def test_noise_is_refused():
    with pytest.raises(ValueError, match="draw a mask by hand"):
        brain_extraction(noise_with(np.zeros((30, 32, 28))))


@pytest.mark.parametrize("radius", [6.0, 15.0])
def test_an_object_smaller_than_a_brain_is_refused(radius):
    k, j, i = np.indices((40, 40, 40)) * 4.0 - 78
    with pytest.raises(ValueError, match="No brain was found"):
        brain_extraction(noise_with(50.0 * (k**2 + j**2 + i**2 < radius**2)))


def test_a_head_with_random_phase_is_refused():
    scan, _ = egg()
    phase = np.random.default_rng(1).uniform(-np.pi, np.pi, scan.phase.shape)
    with pytest.raises(ValueError, match="no coherent phase"):
        brain_extraction(changed(scan, phase=phase))


def test_progress_rises_to_one_and_can_cancel():
    fractions = []
    brain_extraction(egg()[0], progress=lambda fraction, message: fractions.append(fraction))
    assert fractions == sorted(fractions) and fractions[-1] == 1

    def cancel(fraction, message):
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        brain_extraction(egg()[0], progress=cancel)
