"""Tikhonov regularization in closed form."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..grid import Grid
from ..numerics.fourier import forward, inverse
from ..parameter import Parameter
from ..progress import Progress, no_progress
from .padded_field import PaddedField
from .splitting import laplacian_spectrum

#: The parameter of both methods with a quadratic penalty.
Regularizer = Annotated[
    str,
    Parameter("Quantity kept small", choices={"gradient": "Gradient", "identity": "Susceptibility itself"}),
]


def tikhonov(
    field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    regularizer: Regularizer = "gradient",
    regularization: Annotated[float, Parameter("Regularization", unit="1/ppm or mm/ppm", range=(0.01, 1e5))] = 60.0,
    model_error: Annotated[float, Parameter("Model error of the field", unit="ppm", range=(0, 0.1))] = 0.001,
    integrated_kernel: Annotated[bool, Parameter("Dipole kernel integrated over voxels")] = False,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Invert the dipole field with a quadratic penalty, in closed form: two Fourier transforms.

    Parameters
    ----------
    field : ndarray, float32, shape (k, j, i)
        Local field in ppm.
    mask : ndarray, bool, shape (k, j, i)
        Where susceptibility is sought.
    grid : Grid
        Geometry.
    weights : ndarray, float32, shape (k, j, i), optional
        Reciprocal of the noise sd of `field`, in 1/ppm. A closed form has one noise for all voxels, the median; voxels
        of weight 0 are taken for 0 ppm.
    regularizer : str
        "gradient" keeps differences of neighbouring voxels small, "identity" susceptibility itself.
    regularization : float
        Reciprocal of a typical gradient in mm/ppm, or of a typical susceptibility in 1/ppm. From the true local field
        of the head phantom at 2 mm (3 T), the error is least between 45 and 60 mm/ppm at SNR 30 and at 60 mm/ppm at
        SNR 150; at 3 mm, where gradients are smaller, 90 mm/ppm take 4 % of error off at both. For "identity", no
        smaller weight is better after V-SHARP (3 mm at 3 and 7 T, 2 mm at 3 T, SNR 30 and 150).
    model_error : float
        What the field deviates from the dipole model besides noise, in ppm, added to the noise in quadrature.
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
        If arrays do not fit together or no voxel has a weight.

    Notes
    -----
    Minimises 1/2 ||D x - f||^2 / sigma^2 + lambda^2 / 2 ||G x||^2 with G the forward difference or 1, by
    X(k) = D(k) F(k) / (D(k)^2 + (lambda sigma)^2 |G(k)|^2). Because lambda comes multiplied by the noise sigma, one
    setting serves all noise levels.

    References
    ----------
    Bilgic et al., J Magn Reson Imaging 2014, 10.1002/jmri.24365
    """
    padded = PaddedField.around(field, mask, grid, weights, model_error=model_error, integrated=integrated_kernel)
    progress(0.1, "closed form")
    spectrum = forward(padded.data)
    penalty = np.float32(regularization**2 / padded.typical_precision)
    dipole = padded.dipole
    normal = dipole**2 + penalty * (laplacian_spectrum(padded) if regularizer == "gradient" else np.float32(1))
    normal[0, 0, 0] = np.inf
    spectrum *= np.divide(dipole, normal, out=normal)
    susceptibility = padded.whole(inverse(spectrum, padded.shape))
    progress(1.0, "closed form")
    return susceptibility
