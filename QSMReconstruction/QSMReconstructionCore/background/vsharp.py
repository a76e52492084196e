"""V-SHARP: background field removal by spherical mean values of varying radius."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..acquisition import checked_mask, checked_volume
from ..grid import Grid
from ..numerics.corner_transform import CornerTransform
from ..numerics.crop import bounding_box, uncropped
from ..numerics.even_filter import EvenFilter
from ..numerics.fourier import fast_shape
from ..numerics.sphere import sphere_filter, sphere_weights
from ..parameter import Parameter
from ..progress import Progress, no_progress, part_of
from . import LocalField
from .residual import ResidualDegree, ResidualFunctions, remove_residual
from .spherical_mean import depth_for_spheres, sphere_reach
from .trusted_voxels import trusted_voxels


def vsharp(
    field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    largest_radius: Annotated[float, Parameter("Largest sphere radius", unit="mm", range=(2, 40))] = 12.0,
    smallest_radius: Annotated[float, Parameter("Smallest sphere radius", unit="mm", range=(0.3, 20))] = 1.0,
    radius_step: Annotated[float, Parameter("Step between radii", unit="mm", range=(0.2, 10))] = 1.0,
    threshold: Annotated[float, Parameter("Deconvolution threshold", range=(0.0, 0.5))] = 0.05,
    residual_degree: ResidualDegree = -1,
    residual_functions: ResidualFunctions = "harmonics",
    progress: Progress = no_progress,
) -> LocalField:
    """Remove the background field by spherical mean values of varying radius (V-SHARP).

    Parameters
    ----------
    field : ndarray, float32, shape (k, j, i)
        Total field in ppm.
    mask : ndarray, bool, shape (k, j, i)
        The brain.
    grid : Grid
        Geometry.
    weights : ndarray, float32, shape (k, j, i), optional
        Reciprocal of the noise sd of `field`, in 1/ppm; it determines the noise of the result.
    largest_radius, smallest_radius, radius_step : float
        In mm. Each voxel uses the largest sphere around it that lies in the mask.
    threshold : float
        Frequencies at which the filter of the largest sphere passes less than this share are set to zero.
    residual_degree : int
        Functions up to this degree are then taken off the local field, too (`remove_residual`); -1 for none, which
        is best on the head phantom.
    residual_functions : str
        Which these are: "harmonics", as backgrounds are, or all "polynomials".
    progress : callable
        See `progress`.

    Returns
    -------
    LocalField
        Its mask leaves out voxels around which not even the smallest sphere fits.

    Raises
    ------
    ValueError
        If arrays do not fit together, or no sphere fits into the mask.

    Notes
    -----
    A field without sources in a sphere equals its mean over the sphere, so (delta - rho_r) * f keeps the local field
    alone: f_L is found from (delta - rho) * f_L = f - rho_r * f by division by 1 - FT(rho) of the largest sphere.
    One pair of Fourier transforms for each radius and two more. The rim, where radii are small, keeps the least of the
    low spatial frequencies; the default radii 12 to 1 mm are those of the consensus recommendations at 1 mm voxels.

    References
    ----------
    Li et al., NeuroImage 2011, 10.1016/j.neuroimage.2010.11.088;
    Wu et al., Magn Reson Med 2012, 10.1002/mrm.23000
    """
    mask = checked_mask(mask, grid.shape)
    field = checked_volume("field", field, grid.shape)
    if weights is not None:
        weights = checked_volume("weights", weights, grid.shape)
    if smallest_radius > largest_radius:
        raise ValueError(
            f"smallest_radius must not exceed largest_radius, but got {smallest_radius:g} and {largest_radius:g} mm."
        )
    box = bounding_box(mask)
    radii = _radii(largest_radius, smallest_radius, radius_step, grid.spacing)
    trusted = trusted_voxels(mask[box], None if weights is None else weights[box])
    spheres = _VaryingSpheres(trusted, grid.spacing, radii, threshold, part_of(progress, 0.0, 0.3))
    local = uncropped(spheres.local_field(field[box], part_of(progress, 0.3, 1.0)), box, grid.shape)
    valid = uncropped(spheres.valid, box, grid.shape)
    noise = uncropped(spheres.noise_gain, box, grid.shape)
    if weights is not None:
        noise = np.divide(noise, weights, out=np.zeros_like(noise), where=weights > 0)

    local_field = LocalField(local, valid, noise, _Lost(spheres, box, grid.shape))
    return remove_residual(local_field, grid, degree=residual_degree, functions=residual_functions)


def _radii(largest: float, smallest: float, step: float, spacing: tuple[float, float, float]) -> list[float]:
    """Radii from large to small; none so small that the sphere is a single voxel and its mean the value itself."""
    count = int(np.floor((largest - smallest) / step + 1e-6)) + 1
    radii = [largest - n * step for n in range(count)]
    return [radius for radius in radii if radius >= 0.8 * min(spacing)] or [max(largest, min(spacing))]


class _Lost:
    """What V-SHARP takes away of a local field."""

    def __init__(self, spheres: _VaryingSpheres, box: tuple[slice, slice, slice], shape: tuple[int, int, int]) -> None:
        self.spheres, self.box, self.shape = spheres, box, shape

    def __call__(self, true_local_field: np.ndarray) -> np.ndarray:
        inside = true_local_field[self.box]
        kept = self.spheres.local_field(inside)
        gone = np.zeros(self.shape, dtype=np.float32)
        np.subtract(inside, kept, out=gone[self.box], where=self.spheres.valid)
        return gone


class _VaryingSpheres:
    """The linear operator of V-SHARP on one mask: the voxels of each radius, found once. Kernels are not kept.

    Attributes
    ----------
    valid : ndarray, bool
        Voxels around which at least the smallest sphere lies in the mask.
    """

    def __init__(self, mask, spacing, radii, threshold, progress: Progress) -> None:
        progress(0.0, "depth in the mask")
        depth, fitting = depth_for_spheres(mask, spacing, radii)
        progress(0.7, "radii")
        self.mask, self.spacing, self.threshold = mask, spacing, threshold
        self.shape = fast_shape(mask.shape, tuple(int(np.ceil(fitting[0] / h)) + 1 for h in spacing))
        self.radii = []
        self.sphere = np.zeros(mask.shape, dtype=np.uint8)  # number of the radius of each voxel from 1, 0 without any
        gains = [0.0]
        for radius in fitting:
            use = mask & (self.sphere == 0) & (depth > sphere_reach(radius, spacing))
            if use.any():
                self.radii.append(radius)
                self.sphere[use] = len(self.radii)
                # Variance of f - mean: the middle voxel keeps 1 - w of itself, the others average out.
                shares, _ = sphere_weights(radius, spacing)
                middle = shares[tuple(n // 2 for n in shares.shape)]
                gains.append(np.sqrt(1 - 2 * middle + np.sum(shares.astype(np.float64) ** 2)))
        self._gains = np.array(gains, dtype=np.float32)
        self.valid = self.sphere > 0

    @property
    def noise_gain(self) -> np.ndarray:
        """Noise sd of the filtered field over that of the field: a sphere of few voxels has a noisy mean."""
        return self._gains[self.sphere]

    def local_field(self, field: np.ndarray, progress: Progress = no_progress) -> np.ndarray:
        """Local field of a field, of which only the values in the mask count."""
        transform = CornerTransform(self.mask.shape, self.shape)
        spectrum = transform.completed(transform.forward(np.where(self.mask, field, np.float32(0))))
        filtered = np.zeros(self.mask.shape, dtype=np.float32)  # each voxel with its own sphere
        for number, radius in enumerate(self.radii, 1):
            progress((number - 1) / (len(self.radii) + 1), f"sphere of {radius:g} mm")
            mean = sphere_filter(radius, self.shape, self.spacing)

            def subtract(planes: slice, means: np.ndarray, number: int = number) -> None:
                np.subtract(field[planes], means, out=filtered[planes], where=self.sphere[planes] == number)

            transform.inverse_by_slabs(transform.filtered(spectrum, mean.at), subtract)
        del spectrum
        progress(len(self.radii) / (len(self.radii) + 1), "deconvolution")
        lines = transform.forward(filtered)
        deconvolution = self._deconvolution()
        transform.multiply([lines], lambda spectra, some: [spectra[0] * deconvolution.at(some)])
        return np.where(self.valid, transform.inverse(lines), np.float32(0))

    def _deconvolution(self) -> EvenFilter:
        passed = 1 - sphere_filter(self.radii[0], self.shape, self.spacing).values
        division = np.divide(1, passed, out=np.zeros_like(passed), where=np.abs(passed) > self.threshold)
        return EvenFilter(division, self.shape)
