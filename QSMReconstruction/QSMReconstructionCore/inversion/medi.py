"""Morphology-enabled dipole inversion."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..grid import Grid
from ..numerics.conjugate_gradients import conjugate_gradients
from ..numerics.gradient import adjoint_gradient, differences_within, gradient
from ..parameter import Parameter
from ..progress import Progress, no_progress
from .padded_field import PaddedField

#: Gradient in ppm/mm below which the penalty is quadratic: a tenth of the weakest contrast of neighbouring tissues.
_SMOOTHING = 0.001

#: Outer steps end when one changes susceptibility by less than this share.
_LEAST_CHANGE = 0.03


def medi(
    field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    magnitude: np.ndarray | None = None,
    phase_scale: Annotated[float, Parameter("Phase per field", unit="rad/ppm", range=(0.1, 1000))] = 16.0,
    regularization: Annotated[float, Parameter("Regularization", unit="mm/ppm", range=(0.01, 1e5))] = 100.0,
    edge_share: Annotated[float, Parameter("Share of differences that are edges", range=(0, 0.9))] = 0.3,
    model_error: Annotated[float, Parameter("Model error of the field", unit="ppm", range=(1e-5, 0.1))] = 0.001,
    outlier: Annotated[float, Parameter("Misfit of outliers in standard deviations", range=(1, 100))] = 6.0,
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
        Voxels whose misfit exceeds this many standard deviations lose weight after each outer step (MERIT).
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
        If arrays do not fit together, or no voxel has a weight.

    Notes
    -----
    Minimises 1/2 ||W (exp(i s D x) - exp(i s f))||^2 / s^2 + lambda sum |M grad x| with s the phase scale, W the
    reciprocal of the noise and M = 0 at edges. Outer steps are Gauss-Newton steps with |g| replaced by
    sqrt(g^2 + 1e-6 ppm^2/mm^2); each is solved by conjugate gradients, which take two pairs of Fourier transforms per
    inner step.

    References
    ----------
    Liu et al., Magn Reson Med 2011, 10.1002/mrm.22816;
    Liu et al., NeuroImage 2012, 10.1016/j.neuroimage.2011.08.082 (edges);
    Liu et al., Magn Reson Med 2013, 10.1002/mrm.24272 (complex signal, outliers)
    """
    padded = PaddedField.around(
        field, mask, grid, weights, model_error=model_error, margin=margin, integrated=integrated_kernel
    )
    penalized = _penalized(padded, magnitude, edge_share)
    # All terms relative to the typical precision, so that single precision suffices.
    scale = np.float32(phase_scale)
    weight = padded.precision / np.float32(padded.typical_precision)
    strength = np.float32(regularization / padded.typical_precision)
    spacing = padded.grid.spacing

    x = np.zeros(padded.shape, dtype=np.float32)
    model = np.zeros(padded.shape, dtype=np.float32)
    for outer in range(max_iterations):
        slope = gradient(x, spacing)
        slope *= penalized
        stiffness = penalized * (strength / np.sqrt(np.sum(slope**2, axis=0) + np.float32(_SMOOTHING**2)))
        slope *= stiffness
        downhill = -adjoint_gradient(slope, spacing)
        downhill -= padded.convolved(weight / scale * np.sin(scale * (model - padded.data)))

        def curvature(d: np.ndarray, weight=weight, stiffness=stiffness) -> np.ndarray:
            bent = gradient(d, spacing)
            bent *= stiffness
            return adjoint_gradient(bent, spacing) + padded.convolved(weight * padded.convolved(d))

        change = np.zeros_like(x)
        for inner, step in enumerate(conjugate_gradients(curvature, downhill)):
            change = step.solution
            done = (outer + (inner + 1) / inner_iterations) / max_iterations
            progress(min(done, 1.0), f"outer step {outer + 1}, inner step {inner + 1}")
            if step.residual < tolerance or inner + 1 == inner_iterations:
                break
        x += change
        model = padded.convolved(x)
        weight = _without_outliers(weight, 2 / scale * np.abs(np.sin(scale / 2 * (model - padded.data))), outlier)
        if np.linalg.norm(change[padded.region]) < _LEAST_CHANGE * np.linalg.norm(x[padded.region]):
            break
    progress(1.0, f"outer step {outer + 1}")
    return padded.whole(x)


def _penalized(padded: PaddedField, magnitude: np.ndarray | None, edge_share: float) -> np.ndarray:
    """1 for each difference to penalise, 0 at edges of the magnitude and where the region ends."""
    within = differences_within(padded.region)
    if magnitude is None:
        return within.astype(np.float32)
    magnitude = np.asarray(magnitude, dtype=np.float32)
    if magnitude.shape[-3:] != padded.grid.shape or magnitude.ndim not in (3, 4):
        raise ValueError(
            f"magnitude must have the shape {padded.grid.shape}, echoes first if there are several, "
            f"but got {magnitude.shape}."
        )
    part = magnitude[(..., *padded.box)]
    combined = np.zeros(padded.shape, dtype=np.float32)
    combined[padded.inside] = part if part.ndim == 3 else np.sqrt(np.einsum("ekji,ekji->kji", part, part))
    steepness = np.abs(gradient(combined, padded.grid.spacing))
    edges = steepness > np.quantile(steepness[within], 1 - edge_share)
    # What the field does not tell must come from the neighbours, edge or not.
    edges &= differences_within(padded.precision > 0)
    return (within & ~edges).astype(np.float32)


def _without_outliers(weight: np.ndarray, misfit: np.ndarray, outlier: float) -> np.ndarray:
    """Weights divided by the fourth power of the misfit in units of what is still believed, where that exceeds 1."""
    size = np.sqrt(weight) * misfit
    known = weight > 0
    believed = outlier * float(np.std(size[known])) + float(np.mean(size[known]))
    return weight / np.maximum(size / max(believed, 1e-12), 1) ** 4
