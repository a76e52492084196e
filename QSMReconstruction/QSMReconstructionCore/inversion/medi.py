"""Morphology-enabled dipole inversion."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np

from ..grid import Grid
from ..numerics.fourier import forward, inverse
from ..numerics.sphere import sphere_spectrum
from ..parameter import Parameter
from ..progress import Progress, no_progress
from .edge_sparing import EdgeSparingFit
from .edges import penalized_differences
from .padded_field import PaddedField


def medi(
    field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    magnitude: np.ndarray | None = None,
    reference_region: np.ndarray | None = None,
    phase_scale: Annotated[float, Parameter("Phase per field", unit="rad/ppm", range=(0.1, 1000))] = 16.0,
    regularization: Annotated[float, Parameter("Regularization", unit="mm/ppm", range=(0.01, 1e5))] = 100.0,
    edge_share: Annotated[float, Parameter("Share of differences that are edges", range=(0, 0.9))] = 0.3,
    model_error: Annotated[float, Parameter("Model error of the field", unit="ppm", range=(1e-5, 0.1))] = 0.001,
    outlier: Annotated[
        float, Parameter("Misfit of outliers in standard deviations", range=(0, 100), lowest="off")
    ] = 6.0,
    spherical_mean_radius: Annotated[
        float, Parameter("Radius of spherical means", unit="mm", range=(0, 20), lowest="off")
    ] = 0.0,
    evenness: Annotated[float, Parameter("Evenness of the reference region", range=(0, 100), lowest="off")] = 0.0,
    margin: Annotated[float, Parameter("Margin around the mask", unit="mm", range=(2, 100))] = 16.0,
    tolerance: Annotated[float, Parameter("Residual of the inner steps", range=(1e-4, 0.9))] = 0.1,
    max_iterations: Annotated[int, Parameter("Largest number of outer steps", range=(1, 100))] = 10,
    inner_iterations: Annotated[int, Parameter("Largest number of inner steps", range=(1, 1000))] = 30,
    integrated_kernel: Annotated[bool, Parameter("Dipole kernel integrated over voxels")] = False,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Fit the complex signal with total variation that spares the edges of the magnitude (MEDI).

    Parameters
    ----------
    field : ndarray, float32, shape (k, j, i)
        Local field in ppm.
    mask : ndarray, bool, shape (k, j, i)
        Where susceptibility is sought.
    grid : Grid
        Geometry.
    weights : ndarray, float32, shape (k, j, i), optional
        Reciprocal of the noise sd of `field`, in 1/ppm. Voxels of weight 0 take no part in the fit.
    magnitude : ndarray, float32, shape (k, j, i) or (echo, k, j, i), optional
        Magnitude; of several echoes the root of the sum of squares counts. Without it there are no edges to spare.
    reference_region : ndarray, bool, shape (k, j, i), optional
        Where susceptibility is known to be even; only `evenness` needs it.
    phase_scale : float
        Phase that 1 ppm makes, in rad (see `nonlinear_tv`).
    regularization : float
        Weight of the total variation, in mm/ppm: the reciprocal of a typical gradient.
    edge_share : float
        This share of all differences between neighbours, where the magnitude changes most, is not penalised if the
        field is known on both sides.
    model_error : float
        What the field deviates from the dipole model besides noise, in ppm, added to the noise in quadrature.
    outlier : float
        Voxels whose misfit exceeds this many standard deviations lose weight after each outer step (MERIT);
        0 leaves all weights as they are.
    spherical_mean_radius : float
        Take spherical means off the field, and off its model, to be rid of what is left of the background (SMV), in mm;
        0 does not. Near the edge of the mask, where no sphere fits, the field then no longer counts, and susceptibility
        comes from the field that it makes further in.
    evenness : float
        How strictly the reference region is even, relative to the weight of the data: 0.1 is that of MEDI+0, whose
        region is the fluid of the ventricles (`reference.method=csf`); 0 asks nothing of it.
    margin : float
        Volume around the mask in which sources may absorb what is left of the background field, in mm.
    tolerance : float
        Stop the inner steps when their residual has fallen to this share.
    max_iterations : int
        Stop at the latest after so many outer steps.
    inner_iterations : int
        Stop the inner steps at the latest after so many.
    integrated_kernel : bool
        Take voxels for uniformly magnetized boxes. Not the default on any voxels: see `PaddedField.dipole`.
    progress : callable
        See `progress`.

    Returns
    -------
    ndarray, float32, shape (k, j, i)
        Susceptibility in ppm, 0 outside the mask.

    Raises
    ------
    ValueError
        If arrays do not fit together, no voxel has a weight, no sphere fits into the mask, or there is no reference
        region that could be even.

    Notes
    -----
    Minimises 1/2 ||W (exp(i s D x) - exp(i s f))||^2 / s^2 + lambda sum |M grad x| + mu/2 ||Z (x - mean_Z x)||^2 with s
    the phase scale, W the reciprocal of the noise, M = 0 at edges and Z the reference region. Outer steps are
    Gauss-Newton steps with |g| replaced by sqrt(g^2 + 1e-6 ppm^2/mm^2); each is solved by conjugate gradients, which
    take two pairs of Fourier transforms per inner step. With spherical means, D becomes (1 - rho) D and f becomes
    f - rho * f, rho being the Fourier transform of the sphere and the sphere, and the variance N^2 becomes
    N^2 + rho * N^2.

    References
    ----------
    Liu et al., Magn Reson Med 2011, 10.1002/mrm.22816;
    Liu et al., NeuroImage 2012, 10.1016/j.neuroimage.2011.08.082 (edges);
    Liu et al., Magn Reson Med 2013, 10.1002/mrm.24272 (complex signal, outliers);
    Liu et al., Magn Reson Med 2018, 10.1002/mrm.26946 (even reference region)
    """
    padded = PaddedField.around(
        field, mask, grid, weights, model_error=model_error, margin=margin, integrated=integrated_kernel
    )
    transfer = None
    if spherical_mean_radius:
        padded, transfer = _less_its_spherical_mean(padded, spherical_mean_radius)
    even = _even_region(padded, reference_region) if evenness else None
    fit = EdgeSparingFit(
        padded, penalized_differences(padded, magnitude, edge_share), phase_scale=phase_scale,
        regularization=regularization, transfer=transfer, outlier=outlier, even=even, evenness=evenness,
    )
    return padded.whole(fit.solve(tolerance, max_iterations, inner_iterations, progress))


def _less_its_spherical_mean(padded: PaddedField, radius: float) -> tuple[PaddedField, np.ndarray]:
    """The field minus its spherical mean where the sphere holds known voxels alone, and 1 - rho."""
    sphere = sphere_spectrum(radius, padded.shape, padded.grid.spacing)

    def mean(volume: np.ndarray) -> np.ndarray:
        return inverse(forward(volume) * sphere, padded.shape)

    known = padded.precision > 0
    variance = np.divide(1, padded.precision, out=np.zeros_like(padded.precision), where=known)
    interior = known & (mean(known.astype(np.float32)) > _WHOLE_SPHERE)
    if not interior.any():
        raise ValueError(
            f"spherical_mean_radius must leave voxels whose sphere lies in the mask, but {radius:g} mm leave none. "
            "Choose a smaller radius, or 0 for none."
        )
    precision = np.divide(1, variance + mean(variance), out=np.zeros_like(variance), where=interior)
    data = np.where(interior, padded.data - mean(padded.data), np.float32(0))
    return replace(padded, data=data, precision=precision), 1 - sphere


#: Share of the sphere from which on it counts as whole: single precision leaves 1 minus a few millionths.
_WHOLE_SPHERE = 0.999


def _even_region(padded: PaddedField, region: np.ndarray | None) -> np.ndarray:
    """The reference region in the padded volume."""
    inside = padded.region[padded.inside]
    share = 0.0 if region is None else float(np.mean(np.asarray(region)[padded.box][inside]))
    if not 0 < share < _LARGEST_SHARE:
        raise ValueError(
            "inversion.evenness needs a reference region whose susceptibility is even, such as the fluid of the "
            f"ventricles, but got {'none' if region is None else f'{100 * share:.0f} % of the mask'}. Choose "
            "reference.method=csf or region, or evenness 0."
        )
    even = np.zeros(padded.shape, dtype=bool)
    even[padded.inside] = np.asarray(region)[padded.box] & inside
    return even


#: No tissue or fluid of one susceptibility fills more than this share of the brain.
_LARGEST_SHARE = 0.3
