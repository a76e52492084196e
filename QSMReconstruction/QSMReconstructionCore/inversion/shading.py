"""Shading: smooth susceptibility that leaves no trace in the local field, found by the evenness of tissue."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from ..grid import Grid
from ..numerics.crop import bounding_box, uncropped
from ..numerics.depth import depth_inside
from ..progress import Progress, no_progress

#: At most about so many voxels are looked at, 4 mm apart in a brain, which is less than the texture of tissue extends;
#: in a part of a brain they are about so many mm apart.
_SAMPLES, _APART = 20_000, 3.5

#: Samples at which polynomials are evaluated at once: their monomials are many.
_SAMPLES_AT_ONCE = 2_000

#: Voxels nearer than this to the edge of what is known tell nothing, in mm: inversion is least certain there.
_RIM = 5.0

#: Half the size of the brain over the degree is at least this, in mm: in a part of a brain, polynomials of high degree
#: would vary as fast as anatomy does.
_FINEST_SHADING = 12.0

#: Kinds of tissue in the mixture (white and grey matter, fluid, nuclei, partial volumes), and the share of voxels that
#: are like none of them.
_KINDS, _UNLIKE = 5, 0.03

#: Degree of the sensitivity of the coils in the logarithm of the magnitude, and the least magnitude over the median.
_SENSITIVITY_DEGREE, _LEAST_MAGNITUDE = 3, 1e-3

#: Least standard deviation of a kind over that of all voxels, of all voxels (0.1 ppb, 0.1 %), and of the first kinds.
_SHARPEST_KIND, _FINEST, _FIRST_SPREAD = 0.05, np.array([1e-4, 1e-3]), 0.2

#: Size in mm of the parts of the brain of which each is foretold by the others: about a lobe. On fifteen heads of 2 mm
#: (3 T at SNR 100 and 30, 7 T; even tissue, and texture of the usual and three times the size, of 9 to 36 mm), taking
#: off what is foretold lowers the error from 43.2 to 40.4 % and that of nuclei from 5.0 to 4.6 ppb; all that is found,
#: to 41.6 % and 4.9 ppb (at worst, 7 T with three times the texture of 9 mm, from 48.7 to 50.2 and 55.0 %). In parts of
#: 25 mm texture foretells itself.
_PART = 55.0

#: Steps of k-means, and then of expectation maximization: ten fewer change the map of the head phantom by 0.02 ppb.
_FIRST_STEPS, _STEPS = 20, 25


class Shading:
    """Polynomials that a susceptibility map may hold without a trace in the local field, and their fit.

    Parameters
    ----------
    known : ndarray, bool, shape (k, j, i)
        Where susceptibility rests on a known field: the voxels to look at.
    grid : Grid
        Spacing and direction of B0 count.
    degree : int
        Highest degree of the polynomials; in a part of a brain it is lower, in a very small one there are none.
    magnitude : ndarray, float32, shape (k, j, i)
        Tells tissues apart.

    Notes
    -----
    The Laplacian of the field of a susceptibility x is that of x over 3 less its second derivative along B0. Where this
    vanishes inside the mask, the field of x is harmonic there, and nobody can tell it from background. Of each degree d
    there are 2 d + 1 such polynomials. Total variation has no say on them either, for a slope of some ppb in 10 mm is
    lost in the texture of tissue; so inversions end with some of them in the map. But tissue of one kind has much the
    same susceptibility all over the brain: without them, the joint histogram of susceptibility and magnitude is
    sharpest. A mixture of normal distributions is fitted to it by expectation maximization, together with the
    polynomials and with the sensitivity of the coils, as the intensities of magnitude images are made even.

    Tissue has texture, too, and polynomials fit that as well. But texture of one lobe says nothing about another, and
    shading goes through the whole brain. So the polynomials are fitted to all but an eighth of the brain, parts spread
    all over it, and foretell that eighth, eight times; of the shading the share is taken that fits best when foretold.

    References
    ----------
    Van Leemput et al., IEEE Trans Med Imaging 1999, 10.1109/42.811268 (mixture and polynomials)
    Stone, J R Stat Soc B 1974, 10.1111/j.2517-6161.1974.tb00994.x (cross-validation)
    """

    def __init__(self, known: np.ndarray, grid: Grid, degree: int, magnitude: np.ndarray) -> None:
        spacing = np.asarray(grid.spacing)
        samples = _sample(known, spacing)
        middle = (samples.min(axis=0) + samples.max(axis=0)) / 2
        # One unit for all axes, or the polynomials would not solve the equation.
        unit = max(float(np.max(np.ptp(samples, axis=0) * spacing)) / 2, float(spacing.max()))
        self.axes = [(np.arange(n) - m) * h / unit for n, m, h in zip(known.shape, middle, spacing)]
        self.samples = tuple(samples.T)
        self.eighth = ((samples - samples.min(axis=0)) * spacing // _PART).astype(np.int64) % 2 @ (1, 2, 4)
        degree = min(degree, int(unit / _FINEST_SHADING))
        self.polynomials = unseen_polynomials(degree, np.asarray(grid.b0_direction))
        self.basis = self._at_samples(self.polynomials)

        values = magnitude[self.samples].astype(np.float64)
        self.contrast = np.log(np.maximum(values, _LEAST_MAGNITUDE * max(float(np.median(values)), 1e-30)))
        orders = range(_SENSITIVITY_DEGREE + 1)
        powers = [p for p in itertools.product(orders, repeat=3) if 0 < sum(p) <= _SENSITIVITY_DEGREE]
        sensitivity = np.zeros((len(powers), *(len(orders),) * 3))
        sensitivity[(range(len(powers)), *zip(*powers))] = 1
        self.sensitivity = self._at_samples(sensitivity)

    def _at_samples(self, polynomials: np.ndarray) -> np.ndarray:
        """Values at the samples, less their mean; shape (samples, polynomials)."""
        powers = np.argwhere(polynomials.any(axis=0))
        coefficients = polynomials[(slice(None), *powers.T)].T
        tables = [
            np.vander(axis, polynomials.shape[1], increasing=True)[:, power]
            for axis, power in zip(self.axes, powers.T)
        ]
        values = np.empty((len(self.samples[0]), len(polynomials)))
        for start in range(0, len(values), _SAMPLES_AT_ONCE):
            chosen = slice(start, start + _SAMPLES_AT_ONCE)
            k, j, i = (table[places[chosen]] for table, places in zip(tables, self.samples))
            k *= j
            k *= i
            np.matmul(k, coefficients, out=values[chosen])
        values -= values.mean(axis=0)
        return values

    def of(self, susceptibility: np.ndarray, progress: Progress = no_progress) -> np.ndarray:
        """Shading of a map, in its units: float32 of its shape, of mean 0 over the samples."""
        if not len(self.polynomials):
            return np.zeros_like(susceptibility)
        values = susceptibility[self.samples].astype(np.float64)
        fit = _sharpest([values, self.contrast], [self.basis, self.sensitivity], progress)
        weights = fit.weights * _foretold_share(self.basis, fit, self.eighth)
        total = np.tensordot(weights, self.polynomials, axes=1).astype(np.float32)
        k, j, i = (np.vander(axis, len(total), increasing=True).astype(np.float32) for axis in self.axes)
        shading = np.empty(susceptibility.shape, np.float32)
        for plane, powers in zip(shading, k):
            np.matmul(j @ np.tensordot(powers, total, axes=1), i.T, out=plane)
        shading -= np.float32(shading[self.samples].mean(dtype=np.float64))
        return shading


def unseen_polynomials(degree: int, b0_direction: np.ndarray) -> np.ndarray:
    """Homogeneous polynomials of degree 1 to `degree` whose Laplacian is 3 times their second derivative along B0.

    Parameters
    ----------
    degree : int
    b0_direction : ndarray, shape (3,)
        Unit vector of B0 along the coordinates.

    Returns
    -------
    ndarray, shape ((degree + 1)^2 - 1, degree + 1, degree + 1, degree + 1)
        Coefficients of the powers of the three coordinates.
    """
    curvature = np.eye(3) / 3 - np.outer(b0_direction, b0_direction)
    found = np.zeros(((degree + 1) ** 2 - 1, *(degree + 1,) * 3))
    for d in range(1, degree + 1):
        powers, lower = ([e for e in itertools.product(range(d + 1), repeat=3) if sum(e) == n] for n in (d, d - 2))
        place = {power: row for row, power in enumerate(lower)}
        operator = np.zeros((len(lower), len(powers)))
        for column, power in enumerate(powers):
            for p, q in itertools.product(range(3), repeat=2):
                left, factor = list(power), curvature[p, q]
                for axis in (p, q):
                    factor *= left[axis]
                    left[axis] -= 1
                if min(left) >= 0:
                    operator[place[tuple(left)], column] += factor
        unseen = np.linalg.svd(operator)[2][len(lower) :]
        found[(slice(d**2 - 1, (d + 1) ** 2 - 1), *np.array(powers).T)] = unseen
    return found


def _sample(known: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Indices of voxels spread over the known ones, away from their edge where there is enough of them."""
    box = bounding_box(known)
    inside = uncropped(depth_inside(known[box], tuple(spacing), border_is_outside=True) > _RIM, box, known.shape)
    chosen = np.flatnonzero(inside if 4 * inside.sum() > known.sum() else known)
    wanted = min(_SAMPLES, max(int(len(chosen) * np.prod(spacing) / _APART**3), 1))
    chosen = chosen[:: max(1, len(chosen) // wanted)]
    return np.stack(np.unravel_index(chosen, known.shape), axis=1)


@dataclass(frozen=True, eq=False)
class _Fit:
    """Weights of a basis, and the values of the samples less the means of their kinds, with their precision."""

    weights: np.ndarray
    uneven: np.ndarray
    precision: np.ndarray


def _normal_equations(basis: np.ndarray, uneven: np.ndarray, precision: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and right-hand side of the weights that fit a basis to the uneven part of the samples."""
    weighted = basis * np.sqrt(precision)[:, None]
    return weighted.T @ weighted, basis.T @ (precision * uneven)


def _solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.linalg.lstsq(matrix, right, rcond=1e-10)[0]


def _foretold_share(basis: np.ndarray, fit: _Fit, part: np.ndarray) -> float:
    """Factor from 0 to 1 with which what all other parts foretell of each part fits it best."""
    parts = [part == number for number in np.unique(part)]
    equations = [_normal_equations(basis[here], fit.uneven[here], fit.precision[here]) for here in parts]
    whole = [sum(terms) for terms in zip(*equations)]
    foretold = np.zeros(len(basis))
    for here, own in zip(parts, equations):
        foretold[here] = basis[here] @ _solved(*(total - term for total, term in zip(whole, own)))
    size = float(np.sum(fit.precision * foretold**2))
    return float(np.clip(np.sum(fit.precision * foretold * fit.uneven) / size, 0, 1)) if size > 0 else 0.0


def _sharpest(columns: list[np.ndarray], bases: list[np.ndarray], progress: Progress) -> _Fit:
    """Fit of the first basis with which a mixture fits the columns best once both bases are taken off."""
    # The sensitivity of the coils is too large to start without it.
    weights = [np.zeros(bases[0].shape[1]), np.linalg.lstsq(bases[1], columns[1], rcond=None)[0]]
    values = _without(columns, bases, weights)
    floor = np.diag((_SHARPEST_KIND * _width(values)) ** 2)
    volume = float(np.prod(np.ptp(values, axis=0))) + 1e-30
    means, covariances, shares = _first_kinds(values)
    for step in range(_STEPS):
        progress(step / _STEPS, "evenness of tissue")
        likely = np.stack([s * _normal(values - m, c) for m, c, s in zip(means, covariances, shares)], axis=1)
        likely /= likely.sum(axis=1, keepdims=True) + _UNLIKE / volume
        counts = likely.sum(axis=0) + 1e-9
        shares = counts / counts.sum() * (1 - _UNLIKE)
        means = likely.T @ values / counts[:, None]
        covariances = []
        for kind, mean in enumerate(means):
            apart = values - mean
            covariances.append((likely[:, kind, None] * apart).T @ apart / counts[kind] + floor)
        for n, (column, basis) in enumerate(zip(columns, bases)):
            trust = likely / np.array([covariance[n, n] for covariance in covariances])
            total = np.maximum(trust.sum(axis=1), 1e-30)
            uneven = column - trust @ means[:, n] / total
            weights[n] = _solved(*_normal_equations(basis, uneven, total))
            if n == 0:
                found = uneven, total
        values = _without(columns, bases, weights)
    return _Fit(weights[0], *found)


def _without(columns: list[np.ndarray], bases: list[np.ndarray], weights: list[np.ndarray]) -> np.ndarray:
    return np.stack([column - basis @ weight for column, basis, weight in zip(columns, bases, weights)], axis=1)


def _width(values: np.ndarray) -> np.ndarray:
    """Robust standard deviation of each column, never below what no scan resolves."""
    return np.maximum(1.48 * np.median(np.abs(values - np.median(values, axis=0)), axis=0), _FINEST)


def _first_kinds(values: np.ndarray) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """Means, covariances and shares of the kinds of tissue by k-means, from quantiles of susceptibility on."""
    width = _width(values)
    means = np.tile(np.median(values, axis=0), (_KINDS, 1))
    means[:, 0] = np.quantile(values[:, 0], np.linspace(0.05, 0.95, _KINDS))
    for _ in range(_FIRST_STEPS):
        kind = (((values[:, None] - means) / width) ** 2).sum(axis=2).argmin(axis=1)
        means = np.stack([values[kind == n].mean(axis=0) if np.any(kind == n) else means[n] for n in range(_KINDS)])
    within = values - means[kind]
    spread = np.diag((_FIRST_SPREAD * width) ** 2)
    counts = np.bincount(kind, minlength=_KINDS)
    covariances = [within[kind == n].T @ within[kind == n] / max(counts[n], 1) + spread for n in range(_KINDS)]
    return means, covariances, counts / len(values)


def _normal(apart: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    distance = (apart @ np.linalg.inv(covariance) * apart) @ np.ones(len(covariance))
    return np.exp(-distance / 2) / np.sqrt(np.linalg.det(2 * np.pi * covariance))
