"""Least-squares fit of a smooth function to weighted values on a voxel grid.

The function is a tensor product of cubic B-splines on evenly spaced knots. It follows any polynomial of second degree
exactly, up to the border of the data, so that smoothing with it does not bend what is already smooth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu

#: Weight of the penalty on third differences of neighbouring coefficients, relative to the mean weight of the data on a
#: coefficient. It steadies the border of the data, where few of them decide. With it, knots of 30 mm follow waves of
#: 100 mm within 2 % of their height; polynomials of second degree do not feel it at all.
_PENALTY = 1e-3

#: Planes that are brought to double precision at once.
_PLANES = 32

#: Most knot intervals along an axis: bounds the dense normal matrix.
_MOST_INTERVALS = 12


@dataclass(frozen=True, eq=False)
class TensorSpline:
    """A smooth function on a voxel grid.

    Attributes
    ----------
    coefficients : ndarray, float64, shape (a, b, c)
        Of the products of B-splines.
    bases : tuple of ndarray, float64, shapes (k, a), (j, b), (i, c)
        Values of the B-splines of each axis at the voxel centres.
    """

    coefficients: np.ndarray
    bases: tuple[np.ndarray, np.ndarray, np.ndarray]

    def values(self) -> np.ndarray:
        """The function at all voxels: ndarray, float32, shape (k, j, i)."""
        along_k, along_j, along_i = (basis.astype(np.float32) for basis in self.bases)
        partial = np.tensordot(along_k, self.coefficients.astype(np.float32), (1, 0))
        partial = np.tensordot(partial, along_j, (1, 1))
        return np.tensordot(partial, along_i, (1, 1))


def spline_bases(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], knot_distance: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cubic B-splines of each axis at the voxel centres.

    Parameters
    ----------
    shape : (int, int, int)
        Voxels along (k, j, i).
    spacing : (float, float, float)
        Voxel size along (k, j, i), in mm.
    knot_distance : float
        Distance between knots in mm. Rounded to fit the axis, and enlarged where the grid would need too many.

    Returns
    -------
    tuple of ndarray, float64, shapes (k, a), (j, b), (i, c)
    """
    bases = []
    for voxels, step in zip(shape, spacing):
        length = max(voxels - 1, 1) * step
        intervals = int(np.clip(round(length / knot_distance), 1, _MOST_INTERVALS))
        knots = np.arange(-3, intervals + 4) * (length / intervals)
        places = np.minimum(np.arange(voxels) * step, length)
        bases.append(BSpline.design_matrix(places, knots, 3).toarray())
    return tuple(bases)


def fit_tensor_spline(values: np.ndarray, weights: np.ndarray, bases: tuple[np.ndarray, ...]) -> TensorSpline:
    """The spline closest to the values in the weighted least-squares sense.

    Parameters
    ----------
    values : ndarray, float32, shape (k, j, i)
        Finite everywhere, also where the weight is 0.
    weights : ndarray, float32, shape (k, j, i)
        Reciprocal variance of each value, 0 where there is none.
    bases : tuple of ndarray
        From `spline_bases`.

    Returns
    -------
    TensorSpline

    Raises
    ------
    ValueError
        If no weight is positive.

    Notes
    -----
    Normal equations without the design matrix: the sums over voxels factor into one contraction per axis (generalized
    linear array model).

    References
    ----------
    Currie ID, Durban M, Eilers PHC. Generalized linear array models with applications to multidimensional smoothing.
    J R Stat Soc B 2006;68:259-280. doi: 10.1111/j.1467-9868.2006.00543.x
    """
    total = float(weights.sum(dtype=np.float64))
    if not total > 0:
        raise ValueError("weights must be positive somewhere, but none is.")
    sizes = [basis.shape[1] for basis in bases]
    squares = [np.einsum("xa,xb->xab", basis, basis).reshape(len(basis), -1) for basis in bases]
    gram = _contracted(weights, squares).reshape([n for size in sizes for n in (size, size)])
    unknowns = int(np.prod(sizes))
    normal = gram.transpose(0, 2, 4, 1, 3, 5).reshape(unknowns, unknowns)
    normal += _PENALTY * np.trace(normal) / unknowns * _roughness(sizes)
    right = _contracted(weights * values, bases).ravel()
    # A ridge at rounding level settles cubic terms across a single layer of voxels.
    normal[np.diag_indices(unknowns)] += 1e-12 * np.trace(normal) / unknowns
    # Splines far apart do not overlap: a sparse factorization costs no more than a dense one on all cores.
    symmetric = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
    factors = splu(csc_array(normal), **symmetric)
    solution = factors.solve(right)
    return TensorSpline(solution.reshape(sizes), tuple(bases))


def _contracted(volume: np.ndarray, matrices) -> np.ndarray:
    """Sum of the volume over all voxels times one column of each axis' matrix, for all columns; float64."""
    # A few large matrix products: many small ones would make threads wait for each other.
    along_k, along_j, along_i = matrices
    parts = []
    for start in range(0, len(volume), _PLANES):
        rows = np.tensordot(volume[start : start + _PLANES].astype(np.float64), along_i, (2, 0))
        parts.append(np.tensordot(rows, along_j, (1, 0)))
    return np.tensordot(along_k, np.concatenate(parts), (0, 0)).swapaxes(1, 2)


def _roughness(sizes: list[int]) -> np.ndarray:
    """Sum of squares of third differences along each axis, as a matrix on the coefficients."""
    total = 0.0
    for axis in range(3):
        factors = [np.eye(size) for size in sizes]
        third = np.diff(np.eye(sizes[axis]), 3, axis=0)
        factors[axis] = third.T @ third
        total = total + np.kron(np.kron(*factors[:2]), factors[2])
    return total
