"""Total-variation inversion that takes up the rest of the background as a weak harmonic field (WH-QSM)."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..grid import Grid
from ..numerics.fourier import forward, inverse
from ..numerics.split_curvature import SplitCurvature
from ..numerics.split_gradient import SplitDifferences, SplitGradient
from ..parameter import Parameter
from ..progress import Progress, no_progress
from .edges import difference_weights
from .nonlinear_tv import ComplexMisfit
from .padded_field import PaddedField
from .splitting import field_penalty, gradient_threshold, iterated, laplacian_spectrum, relative_change

#: Laplacian at which its split variable starts to differ from zero, in ppm/mm^2: speed only. 1 ppb per voxel squared.
_CURVATURE = 0.001


def weak_harmonic_tv(
    field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    phase_scale: Annotated[float, Parameter("Phase per field", unit="rad/ppm", range=(0.1, 1000))] = 16.0,
    regularization: Annotated[float, Parameter("Regularization", unit="mm/ppm", range=(1e-6, 1e5))] = 100.0,
    harmonicity: Annotated[float, Parameter("Weight of harmonicity", unit="mm^2/ppm", range=(1, 1e7))] = 10000.0,
    weighting: Annotated[
        str, Parameter("Unit of the data term", choices={"noise": "Noise", "median": "Median noise (FANSI)"})
    ] = "noise",
    edges: Annotated[
        str, Parameter("Where jumps cost less", choices={"nowhere": "Nowhere", "weights": "Where weights jump"})
    ] = "nowhere",
    model_error: Annotated[float, Parameter("Model error of the field", unit="ppm", range=(1e-5, 0.1))] = 0.001,
    margin: Annotated[float, Parameter("Margin around the mask", unit="mm", range=(2, 100))] = 16.0,
    tolerance: Annotated[float, Parameter("Relative change at which to stop", range=(0, 0.1))] = 0.002,
    max_iterations: Annotated[int, Parameter("Largest number of iterations", range=(1, 1000))] = 60,
    integrated_kernel: Annotated[bool, Parameter("Dipole kernel integrated over voxels")] = False,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Fit susceptibility with total variation together with a harmonic field, the rest of the background (WH-QSM).

    Parameters
    ----------
    field : ndarray, float32, shape (k, j, i)
        Local field in ppm, which may still hold some background.
    mask : ndarray, bool, shape (k, j, i)
        Where susceptibility is sought.
    grid : Grid
        Geometry.
    weights : ndarray, float32, shape (k, j, i), optional
        Reciprocal of the noise sd of `field`, in 1/ppm. Voxels of weight 0 take no part in the fit.
    phase_scale : float
        Phase that 1 ppm makes, in rad (see `nonlinear_tv`).
    regularization : float
        Weight of the total variation, in mm/ppm: the reciprocal of a typical gradient.
    harmonicity : float
        How strictly the background is harmonic inside the mask: the reciprocal of the Laplacian it may have, in
        mm^2/ppm.
    weighting : str
        "noise" weighs the data by the reciprocal of their noise, so that one regularization serves all noise levels.
        "median" also divides these weights by their median, as FANSI has them: `regularization` is then in rad mm, its
        alpha for a field in rad, and `harmonicity` in mm^2, the square root of its beta.
    edges : str
        "weights" makes each difference between neighbours cost the less, the more the weight of the data changes there
        (`edges.difference_weights`), along each axis by itself: the spatial weights that FANSI calls a vector field.
        "nowhere" makes all cost the same, which does not take steps in the noise for steps in susceptibility.
    model_error : float
        What the field deviates from the model besides noise, in ppm, added to the noise in quadrature.
    margin : float
        Padding around the mask, in mm.
    tolerance : float
        Stop when one iteration changes susceptibility by less than this share.
    max_iterations : int
        Stop at the latest after so many iterations.
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
    Minimises 1/2 ||W (exp(i s (D x + h)) - exp(i s f))||^2 / s^2 + lambda sum_mask |grad x| +
    beta^2 / 2 sum_mask (laplacian h)^2 over x and h by the alternating direction method of multipliers with
    z1 = grad x, z2 = D x + h and z3 = laplacian h. With weights g of the gradient its term is
    lambda sum_mask sum_a g_a |d_a x|. Every iteration solves for x and h together at each frequency and
    takes three pairs of Fourier transforms.

    References
    ----------
    Milovic et al., Magn Reson Med 2019, 10.1002/mrm.27483;
    Milovic et al., Magn Reson Med 2018, 10.1002/mrm.27073 (weights of the gradient)
    """
    progress(0.0, "weights")
    padded = PaddedField.around(
        field, mask, grid, weights, model_error=model_error, margin=margin, integrated=integrated_kernel
    )
    if weighting == "median":
        regularization *= padded.typical_precision / phase_scale
        harmonicity *= np.sqrt(padded.typical_precision)
    gradients = None
    if edges == "weights":
        gradients = SplitDifferences(
            padded.region, grid.spacing, gradient_threshold(padded), difference_weights(padded)
        )
    solver = WeakHarmonicSolver(padded, phase_scale, regularization, harmonicity, gradients)
    return padded.whole(iterated(solver, tolerance, max_iterations, progress))


class WeakHarmonicSolver:
    """Susceptibility x and harmonic field h, with all penalties relative to that of the split field.

    With a and b the spectra that gradient and Laplacian ask for, A and B their penalties times the squared operators,
    and t the target of D x + h, the joint optimum has the field residual r = (a D B + b A - A B t) / (A B + D^2 B + A)
    and A x = a - D r, B h = b - r.

    Parameters
    ----------
    field : PaddedField
        The data.
    phase_scale, regularization, harmonicity : float
        As for `weak_harmonic_tv`.
    gradients : SplitGradient or SplitCurvature, optional
        The split gradient, that of total variation unless given.
    harmonic : ndarray, bool, optional
        Where h is harmonic, the field's region unless given.
    """

    def __init__(
        self,
        field: PaddedField,
        phase_scale: float,
        regularization: float,
        harmonicity: float,
        gradients: SplitGradient | SplitCurvature | None = None,
        harmonic: np.ndarray | None = None,
    ) -> None:
        self.field = field
        penalty = field_penalty(field)
        threshold = gradient_threshold(field)
        self.misfit = ComplexMisfit(field.data, field.precision, phase_scale, penalty)
        self.gradient_penalty = np.float32(regularization / threshold / penalty)
        self.laplacian = laplacian_spectrum(field)
        self.laplacian_penalty = np.float32(harmonicity / _CURVATURE / penalty)
        # Share of the split Laplacian that stays in the multiplier: beta^2 / (beta^2 + penalty) where it is penalised.
        strictness = harmonicity**2 / (harmonicity**2 + harmonicity / _CURVATURE)
        harmonic = field.region if harmonic is None else harmonic
        self.strictness = np.where(harmonic, np.float32(strictness), np.float32(0))
        self.gradients = gradients or SplitGradient(field.region, field.grid.spacing, threshold)
        self.pull, self.curvature, self.of_laplacian, self.susceptibility, self.harmonic = (
            np.zeros(field.shape, dtype=np.float32) for _ in range(5)
        )
        self.spectrum = np.zeros(self.laplacian.shape, dtype=np.complex64)
        self.multiplier = self.misfit(np.zeros(field.shape, dtype=np.float32))
        self.target = -2 * self.multiplier

    def iterate(self, progress: Progress) -> float:
        """One iteration, whose steps are reported. Returns the relative change of susceptibility inside the mask."""
        shape, dipole = self.field.shape, self.field.dipole
        gradient = self.gradient_penalty * (self.laplacian * self.spectrum + forward(self.pull))
        harmonic = self.laplacian_penalty * self.laplacian * forward(self.curvature)
        squared_gradient = self.gradient_penalty * self.laplacian
        squared_laplacian = self.laplacian_penalty * self.laplacian**2
        target = forward(self.target)
        mean = target[0, 0, 0]
        normal = squared_gradient * squared_laplacian + dipole**2 * squared_laplacian + squared_gradient
        normal[0, 0, 0] = 1
        residual = gradient * dipole * squared_laplacian + harmonic * squared_gradient
        residual -= squared_gradient * squared_laplacian * target
        residual /= normal
        squared_gradient[0, 0, 0] = squared_laplacian[0, 0, 0] = 1
        x = (gradient - dipole * residual) / squared_gradient
        h = (harmonic - residual) / squared_laplacian
        x[0, 0, 0], h[0, 0, 0] = 0, mean
        self.spectrum = x.copy()

        progress(0.4, "susceptibility")
        previous = self.susceptibility
        model = inverse(dipole * x + h, shape)
        self.susceptibility = inverse(x, shape)
        progress(0.6, "gradient")
        self.gradients.update(self.susceptibility, self.pull)
        progress(0.8, "harmonic field")

        v = inverse(self.laplacian * h, shape)
        v += self.of_laplacian
        np.multiply(v, self.strictness, out=self.of_laplacian)
        np.subtract(v, 2 * self.of_laplacian, out=self.curvature)

        self.multiplier += model
        np.copyto(self.target, self.multiplier)
        self.multiplier = self.misfit(self.multiplier)
        self.target -= 2 * self.multiplier
        return relative_change(previous, self.susceptibility, self.field.region)
