"""Each method of background field removal solves the equation that its description names."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
from background_scene import scene

from QSMReconstructionCore.background.extended_laplacian import ExtendedLaplacian
from QSMReconstructionCore.background.harperella import _EvenMeans, harperella
from QSMReconstructionCore.background.iharperella import _Completion, iharperella
from QSMReconstructionCore.background.ismv import ismv
from QSMReconstructionCore.background.lbv import lbv
from QSMReconstructionCore.background.pdf import _OuterDipoles, pdf
from QSMReconstructionCore.background.resharp import resharp
from QSMReconstructionCore.background.spherical_mean import SphericalMean
from QSMReconstructionCore.background.trusted_voxels import trusted_voxels
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.numerics.crop import bounding_box
from QSMReconstructionCore.numerics.fourier import inverse
from QSMReconstructionCore.numerics.sphere import sphere_spectrum

SPACINGS = [(1.0, 1.0, 1.0), (2.5, 1.0, 1.2)]


def ellipsoid(shape):
    axes = np.meshgrid(*((np.arange(n) - (n - 1) / 2) / (n / 2) for n in shape), indexing="ij")
    return sum(a**2 for a in axes) < 0.9


def random_volume(shape, seed):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def inner(a, b):
    return float(np.sum(a.astype(float) * b))


def size(*volumes):
    return float(np.prod([np.linalg.norm(volume) for volume in volumes]))


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("shape", [(20, 24, 22), (21, 25, 19)])
def test_the_adjoint_of_departing_from_the_spherical_mean_is_its_adjoint(shape, spacing):
    mean = SphericalMean(ellipsoid(shape), spacing, 4.0)
    x, y = random_volume(shape, 0), random_volume(shape, 1)
    forth, back = inner(mean.departure(x), y), inner(x, mean.adjoint_departure(y))
    assert forth == pytest.approx(back, abs=1e-5 * size(x, y))


@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_linear_field_does_not_depart_from_its_spherical_mean(spacing):
    shape = (20, 24, 22)
    k, j, i = np.indices(shape, dtype=np.float32)
    mean = SphericalMean(ellipsoid(shape), spacing, 4.0)
    assert np.abs(mean.departure(0.3 * k - 0.2 * j + 0.1 * i + 1)).max() < 1e-5


def test_a_sphere_smaller_than_a_voxel_is_refused():
    with pytest.raises(ValueError, match=r"radius must be at least 1\.6 mm"):
        SphericalMean(np.ones((9, 9, 9), dtype=bool), (2.0, 2.0, 2.0), 1.5)


def test_resharp_minimises_its_functional():
    shape, regularization = (12, 13, 12), 1e-3
    grid, mask = Grid(shape), ellipsoid(shape)
    field = np.where(mask, random_volume(shape, 0), 0).astype(np.float32)
    mean = SphericalMean(mask, grid.spacing, 2.0)
    unit = np.zeros(shape, dtype=np.float32)
    columns = []
    for voxel in zip(*np.nonzero(mask)):
        unit[voxel] = 1
        columns.append(mean.departure(unit)[mean.interior].astype(float))
        unit[voxel] = 0
    filtered = np.array(columns).T
    normal = filtered.T @ filtered + regularization * np.eye(len(columns))
    exact = np.zeros(shape)
    exact[mask] = np.linalg.solve(normal, filtered.T @ (filtered @ field[mask]))
    found = resharp(
        field, mask, grid, radius=2.0, regularization=regularization, tolerance=1e-6, max_iterations=500
    )
    np.testing.assert_allclose(found.field[mean.interior], exact[mean.interior], atol=2e-4)


def test_ismv_finds_the_fixed_point_of_the_published_iteration():
    grid, mask, background, local = scene()
    field = background + local
    mean = SphericalMean(mask, grid.spacing, 5.0)
    fixed = np.where(mask, field, 0)
    for _ in range(600):
        fixed -= mean.departure(fixed)
    found = ismv(field, mask, grid, radius=5.0, tolerance=1e-5)
    expected = np.where(mean.interior, field - fixed, 0)
    assert np.abs(found.field - expected).max() < 0.01 * np.abs(expected).max()


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("peel", [0, 2])
def test_lbv_removes_harmonic_polynomials_entirely(spacing, peel):
    shape = (20, 33, 40)
    mask = ellipsoid(shape)
    z, y, x = ((np.arange(n) - n / 2) * h / 20 for n, h in zip(shape, spacing))
    z, y, x = z[:, None, None], y[:, None], x
    harmonic = (2 * z**2 - x**2 - y**2 + 3 * x * y * z + y * z - x + 2).astype(np.float32)
    found = lbv(harmonic, mask, Grid(shape, spacing), peel=peel, tolerance=1e-6)
    assert np.abs(found.field).max() < 1e-5 * np.ptp(harmonic)


def test_lbv_keeps_a_field_that_is_zero_at_the_edge_of_the_mask():
    shape = (20, 33, 40)
    mask = ellipsoid(shape)
    local = np.zeros(shape, dtype=np.float32)
    local[5:14, 8:20, 10:25] = random_volume((9, 12, 15), 0)
    found = lbv(local, mask, Grid(shape), tolerance=1e-6)
    np.testing.assert_allclose(found.field, local, atol=1e-4)


def test_lbv_names_peel_where_it_leaves_nothing():
    with pytest.raises(ValueError, match="peel must leave some of the mask"):
        lbv(np.zeros((9, 9, 9), dtype=np.float32), np.ones((9, 9, 9), dtype=bool), Grid((9, 9, 9)), peel=4)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_the_normal_operator_of_pdf_is_symmetric_and_positive_and_its_sources_lie_outside(spacing):
    shape = (14, 17, 16)
    mask = ellipsoid(shape)
    weights = np.where(mask, np.abs(random_volume(shape, 0)) + 0.1, 0).astype(np.float32)
    dipoles = _OuterDipoles(mask, weights, Grid(shape, spacing, b0_direction=(0.8, 0.5, -0.33)), 6.0)
    x, y = (random_volume(dipoles.shape, seed) for seed in (1, 2))
    x[dipoles.inside][mask] = 0
    y[dipoles.inside][mask] = 0
    forth, back = inner(dipoles.normal(x), y), inner(x, dipoles.normal(y))
    assert forth == pytest.approx(back, abs=1e-5 * size(x, y))
    assert inner(dipoles.normal(x), x) > 0
    assert not dipoles.normal(x)[dipoles.inside][mask].any()
    field = random_volume(shape, 3)
    weighted = dipoles.precision[dipoles.inside] * field
    assert inner(dipoles.adjoint(field), x) == pytest.approx(
        inner(weighted, dipoles.field(x)[dipoles.inside]), abs=1e-5 * size(weighted, x)
    )


@pytest.mark.parametrize("spacing", SPACINGS)
def test_the_normal_operator_of_iharperella_is_symmetric_and_positive_and_changes_nothing_that_is_known(spacing):
    shape = (14, 17, 16)
    mask = ellipsoid(shape)
    weights = np.where(mask, np.abs(random_volume(shape, 0)) + 0.1, 0).astype(np.float32)
    completion = _Completion(mask, weights, Grid(shape, spacing), 6.0)
    x, y = (np.where(completion.interior, 0, random_volume(completion.shape, seed)) for seed in (1, 2))
    x, y = x.astype(np.float32), y.astype(np.float32)
    forth, back = inner(completion.normal(x), y), inner(x, completion.normal(y))
    assert forth == pytest.approx(back, abs=1e-5 * size(x, completion.normal(y)))
    assert inner(completion.normal(x), x) > 0
    assert not completion.normal(x)[completion.interior].any()


@pytest.mark.parametrize("remove", [harperella, iharperella])
def test_the_harperella_family_keeps_the_laplacian_of_the_field(remove):
    grid, mask, background, local = scene()
    found = remove(background + local, mask, grid, peel=0)
    box = bounding_box(mask)
    crop = ExtendedLaplacian(mask[box], grid.spacing, 20.0)
    kept, true = (crop.laplacian(np.where(mask, f, 0)[box].astype(np.float32)) for f in (found.field, local))
    assert np.linalg.norm(kept - true) < 0.05 * np.linalg.norm(true)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("shape", [(14, 16, 18), (15, 17, 13)])
def test_the_inverse_of_the_extended_laplacian_undoes_it_and_is_its_own_adjoint(shape, spacing):
    extended = ExtendedLaplacian(np.ones(shape, dtype=bool), spacing, 4.0)
    x, y = (random_volume(extended.shape, seed) for seed in (0, 1))
    forth, back = inner(extended.field(x), y), inner(x, extended.field(y))
    assert forth == pytest.approx(back, abs=1e-5 * size(extended.field(x), y))
    bump = np.zeros(shape, dtype=np.float32)
    bump[5:9, 6:10, 4:7] = random_volume((4, 4, 3), 2)
    found = extended.field(extended.laplacian(bump))[extended.inside]
    np.testing.assert_allclose(found - found[0, 0, 0], bump, atol=1e-4)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_harperella_minimises_the_unevenness_of_spherical_means(spacing):
    shape, radius = (14, 17, 16), 3.0
    mask = ellipsoid(shape)
    means = _EvenMeans(mask, Grid(shape, spacing), 6.0, radius)
    x, y = (np.where(means.interior, 0, random_volume(means.shape, seed)).astype(np.float32) for seed in (1, 2))
    forth, back = inner(means.normal(x), y), inner(x, means.normal(y))
    assert forth == pytest.approx(back, abs=1e-5 * size(x, y))
    assert inner(means.normal(x), x) > 0
    known = np.where(means.interior, random_volume(means.shape, 3), 0).astype(np.float32)
    sphere = inverse(sphere_spectrum(radius, means.shape, spacing).astype(np.complex64), means.shape)

    def spherical_mean(volume):
        product = np.fft.rfftn(sphere.astype(float)) * np.fft.rfftn(volume.astype(float))
        return np.fft.irfftn(product, means.shape, axes=(0, 1, 2))

    even = spherical_mean(known)[means.complete].mean()

    def unevenness(outside):
        return np.sum((spherical_mean(known + outside) - even) ** 2)

    # The slope of the sum of squares towards y is twice that of the normal equations.
    step = 1e-3
    slope = (unevenness(x + step * y) - unevenness(x - step * y)) / (2 * step)
    expected = 2 * inner(means.normal(x) - means.right_side(known), y)
    assert slope == pytest.approx(expected, rel=1e-3)


def test_the_scale_of_a_source_of_pdf_is_that_of_its_weighted_field():
    shape = (14, 17, 16)
    mask = ellipsoid(shape)
    weights = np.where(mask, np.float32(2), np.float32(0))
    dipoles = _OuterDipoles(mask, weights, Grid(shape, b0_direction=(0.8, 0.5, -0.33)), 6.0)
    source = np.zeros(dipoles.shape, dtype=np.float32)
    source[0, 0, 3] = 1
    norm = np.linalg.norm(2 * dipoles.field(source)[dipoles.inside][mask])
    assert dipoles.scale[0, 0, 3] == pytest.approx(1 / norm, rel=1e-3)


def test_pdf_ignores_voxels_without_weight_inside_the_mask():
    grid, mask, background, local = scene()
    weights = np.where(mask, np.float32(1000), np.float32(0))
    weights[20:24, 22:26, 24:28] = 0
    field = background + local
    wild = np.where(mask & (weights == 0), 100, field).astype(np.float32)
    clean, found = (pdf(each, mask, grid, weights=weights, peel=0) for each in (field, wild))
    known = weights > 0
    np.testing.assert_allclose(found.field[known], clean.field[known], atol=1e-5)
    np.testing.assert_array_equal(found.mask, mask)


def test_pdf_fits_the_layers_that_it_leaves_out_of_its_result():
    grid, mask, background, local = scene()
    whole, peeled = (pdf(background + local, mask, grid, peel=peel) for peel in (0, 2))
    np.testing.assert_array_equal(peeled.mask, scipy.ndimage.binary_erosion(mask, iterations=2))
    np.testing.assert_array_equal(peeled.field, np.where(peeled.mask, whole.field, 0))


def test_pdf_stops_the_earlier_the_noisier_the_field():
    grid, mask, background, local = scene()

    def steps(noise):
        messages = []
        pdf(
            background + local, mask, grid, weights=mask / np.float32(noise),
            progress=lambda fraction, message: messages.append(message),
        )
        return len(messages)

    assert steps(0.01) < steps(0.001) < 100


def test_pdf_takes_a_little_of_the_noise_that_lies_on_a_background():
    grid, mask, background, local = scene()
    noise = np.where(mask, np.random.default_rng(0).normal(0, 0.001, mask.shape), 0).astype(np.float32)
    weights = np.where(mask, np.float32(1000), np.float32(0))
    clean, noisy = (pdf(background + local + each, mask, grid, weights=weights) for each in (0, noise))
    deep = scipy.ndimage.distance_transform_edt(mask) > 5
    # The fit has as many sources as ever, but in a ball of 18 mm few voxels for them to fit.
    assert 0.9 < np.std((noisy.field - clean.field)[deep] / noisy.noise[deep]) < 1


def test_pdf_is_linear_in_the_field():
    grid, mask, background, local = scene()
    both, *each = (
        pdf(field, mask, grid, tolerance=1e-4, max_iterations=60).field
        for field in (background + local, background, local)
    )
    np.testing.assert_allclose(both, sum(each), atol=1e-6)


def test_only_noisy_voxels_that_reach_the_edge_of_the_mask_are_left_out():
    mask = np.pad(np.ones((8, 8, 8), dtype=bool), 1)
    weights = np.where(mask, np.float32(100), np.float32(0))
    weights[1:3, 5, 5] = 10  # reaches the edge
    weights[5, 4, 4] = 10  # does not
    weights[6, 6, 6] = 0.1  # does not, and is hopeless
    weights[3, 7, 6] = 0  # not known
    left_out = mask & ~trusted_voxels(mask, weights)
    assert sorted(zip(*np.nonzero(left_out))) == [(1, 5, 5), (2, 5, 5), (3, 7, 6)]
    assert np.count_nonzero(mask & ~trusted_voxels(mask, weights, holes=False)) == 2
    assert trusted_voxels(mask, None) is mask
