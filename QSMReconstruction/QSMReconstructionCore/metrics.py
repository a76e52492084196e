"""How close a map is to the truth, by the definitions of the QSM-CI benchmark so that numbers compare.

Susceptibility has no absolute zero: the error measures take the mean inside the mask off both maps. Where the truth
is filtered it is masked first, because what lies outside the brain is not in any reconstruction and would drown the
difference that is to be measured.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from .acquisition import checked_mask, checked_volume
from .numerics.crop import bounding_box

#: Regions on which iron is measured, as their names are recognized in a lookup table.
DEEP_GREY = re.compile(r"caudate|putamen|pallid|red nucleus|nigra|dentate", re.IGNORECASE)

#: Compartments whose errors the benchmark tells apart, as their names are recognized.
COMPARTMENTS = {
    "tissue": re.compile(r"thalamus|white matter|gr[ae]y matter|cortex", re.IGNORECASE),
    "blood": re.compile(r"vein|venous|blood", re.IGNORECASE),
    "deep_grey": DEEP_GREY,
}

_CALCIFICATION = re.compile(r"calcif", re.IGNORECASE)
_HEMORRHAGE = re.compile(r"ha?emorrhage|microbleed|clot", re.IGNORECASE)
_WINDOW = 5
_XSIM_LUMINANCE = (0.01 * 1.0) ** 2
_XSIM_STRUCTURE = (0.001 * 1.0) ** 2
_LOG_SIGMA, _LOG_TRUNCATE = 1.5, 5.0
_THRESHOLD_STEP, _LOWEST_THRESHOLD = 0.01, -3.5


def score(
    result: np.ndarray,
    truth: np.ndarray,
    mask: np.ndarray,
    labels: np.ndarray | None = None,
    names: Mapping[int, str] | None = None,
) -> dict:
    """Score a susceptibility map or a field against the truth.

    Parameters
    ----------
    result, truth : ndarray, shape (k, j, i)
        In ppm.
    mask : ndarray, bool
        The voxels that count, whether or not the result covers them.
    labels : ndarray of int, optional
        Regions, 0 where there is none.
    names : mapping of int to str, optional
        What the labels are called. Regional agreement is measured on the deep grey nuclei if the names tell them, on
        all regions without names; compartments, a calcification and a hemorrhage are only known by their names.

    Returns
    -------
    dict
        `voxels`, `coverage` (part of the mask where the result is not 0), `nrmse`, `detrended_nrmse`, `hfen` in
        percent, `correlation`, `xsim`; the same five inside the covered part as `covered`, which is what the
        benchmark ranks by; with labels `regional` (see `regional_agreement`), and with names, where there is such a
        label, `compartments` (see `compartment_errors`), `calcification` and `hemorrhage` (see `calcification`).

    Raises
    ------
    ValueError
        If shapes differ, the mask is empty, values are not finite, or the truth is constant.
    """
    shape = np.shape(truth)
    truth = checked_volume("truth", truth, shape)
    result = checked_volume("result", result, shape)
    mask = checked_mask(mask, shape)
    if not np.ptp(truth[mask]) > 0:
        raise ValueError("truth is the same in all voxels of the mask, so there is nothing to compare with.")
    covered = mask & (result != 0)
    if not covered.any():
        raise ValueError("result is zero everywhere inside the mask, so there is nothing to score.")
    scores = {"voxels": int(mask.sum()), "coverage": float(covered.sum() / mask.sum())}
    scores |= _similarity(result, truth, mask)
    scores["covered"] = _similarity(result, truth, covered)
    if labels is not None:
        labels = np.asarray(labels)
        if labels.shape != shape or labels.dtype.kind not in "iu":
            raise ValueError(
                f"labels must hold whole numbers in the shape {shape} of truth, but got {labels.dtype} {labels.shape}."
            )
        scores["regional"] = regional_agreement(result, truth, mask, labels, names)
        scores["compartments"] = compartment_errors(result, truth, mask, labels, names or {})
        for lesion, pattern, sign in (("calcification", _CALCIFICATION, 1), ("hemorrhage", _HEMORRHAGE, -1)):
            labelled = _labelled(labels, names or {}, pattern)
            if labelled.any():
                scores[lesion] = calcification(sign * result, sign * truth, labelled)
    return scores


def nrmse(result: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Norm of the difference over the norm of the truth, both with zero mean inside the mask, in percent."""
    r, t = _centered(result, truth, mask)
    return float(100 * np.linalg.norm(r - t) / np.linalg.norm(t))


def detrended_nrmse(result: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """`nrmse` after the regression line of the result on the truth is undone, so that a wrong scale costs nothing."""
    r, t = _centered(result, truth, mask)
    slope = float(r @ t / (t @ t))
    if abs(slope) < 1e-6:  # the line cannot be undone
        slope = 1.0
    return float(100 * np.linalg.norm(r / slope - t) / np.linalg.norm(t))


def correlation(result: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Pearson's correlation inside the mask; 0 for a constant result."""
    r, t = _centered(result, truth, mask)
    norm = np.linalg.norm(r) * np.linalg.norm(t)
    return float(r @ t / norm) if norm > 0 else 0.0


def xsim(result: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Structural similarity with the constants for susceptibility (XSIM), mean over the mask.

    Parameters
    ----------
    result, truth : ndarray, shape (k, j, i)
        In ppm: the constants are made for this unit.
    mask : ndarray, bool

    Returns
    -------
    float
        1 for equal maps.

    Notes
    -----
    Means, variances and covariance over windows of 5 x 5 x 5 voxels, both maps 0 outside the mask::

        xsim = (2 m_r m_t + c1)(2 s_rt + c2) / ((m_r^2 + m_t^2 + c1)(s_r^2 + s_t^2 + c2)),   c1 = 1e-4, c2 = 1e-6

    References
    ----------
    Milovic et al. 2025, 10.1002/mrm.30271
    """
    box = bounding_box(mask, (_WINDOW // 2,) * 3)
    inside = mask[box]
    r, t = (np.where(inside, a[box], 0).astype(np.float64) for a in (result, truth))
    weight = _window_mean(np.ones_like(r))

    def mean(values: np.ndarray) -> np.ndarray:
        return (_window_mean(values) / weight)[inside]

    mean_r, mean_t = mean(r), mean(t)
    variance_r, variance_t = mean(r * r) - mean_r**2, mean(t * t) - mean_t**2
    covariance = mean(r * t) - mean_r * mean_t
    luminance = (2 * mean_r * mean_t + _XSIM_LUMINANCE) / (mean_r**2 + mean_t**2 + _XSIM_LUMINANCE)
    structure = (2 * covariance + _XSIM_STRUCTURE) / (variance_r + variance_t + _XSIM_STRUCTURE)
    return float(np.mean(luminance * structure))


def hfen(result: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """High-frequency error: `nrmse` of the Laplacian of Gaussian (sd 1.5 voxels) of both masked maps, in percent.

    References
    ----------
    Ravishankar and Bresler 2011, 10.1109/TMI.2010.2090538
    """
    margin = int(np.ceil(_LOG_SIGMA * _LOG_TRUNCATE))
    box = bounding_box(mask, (margin,) * 3)
    inside = mask[box]
    filtered = []
    for values in _centered(result, truth, mask):
        volume = np.zeros(inside.shape, np.float32)
        volume[inside] = values
        filtered.append(
            ndimage.gaussian_laplace(volume, _LOG_SIGMA, mode="constant", truncate=_LOG_TRUNCATE)[inside]
        )
    r, t = filtered
    return float(100 * np.linalg.norm(r - t) / np.linalg.norm(t))


def regional_agreement(
    result: np.ndarray,
    truth: np.ndarray,
    mask: np.ndarray,
    labels: np.ndarray,
    names: Mapping[int, str] | None = None,
) -> dict:
    """Regression of the regional means of the result on those of the truth.

    Parameters
    ----------
    result, truth : ndarray, shape (k, j, i)
        In ppm.
    mask : ndarray, bool
    labels : ndarray of int
    names : mapping of int to str, optional
        With names only the deep grey nuclei count (`DEEP_GREY`), without them every region.

    Returns
    -------
    dict
        `slope`, `intercept` (ppm), `mean_absolute_error` (ppm), `wrong_signs` (names of the regions whose sign
        relative to the whole mask differs from the truth's), and `regions`: name -> `voxels`, `result`, `truth`
        (means in ppm relative to the mean of the mask).

    Raises
    ------
    ValueError
        If fewer than two regions lie inside the mask.
    """
    found = np.unique(labels[mask])
    chosen = [n for n in found.tolist() if n and (names is None or DEEP_GREY.search(names.get(n, "")))]
    if len(chosen) < 2:
        what = "regions" if names is None else "deep grey nuclei"
        raise ValueError(f"labels must mark at least two {what} inside the mask, but got {len(chosen)}.")
    inside = labels[mask]
    r, t = _centered(result, truth, mask)
    means_r, means_t = (np.asarray(ndimage.mean(values, inside, chosen)) for values in (r, t))
    counts = np.asarray(ndimage.sum(np.ones_like(inside), inside, chosen))
    called = [(names or {}).get(n, str(n)) for n in chosen]
    if not np.ptp(means_t) > 0:
        raise ValueError("truth has the same mean in every region, so a slope cannot be fitted.")
    slope, intercept = np.polyfit(means_t, means_r, 1)
    return {
        "slope": float(slope),
        "intercept": float(intercept),
        "mean_absolute_error": float(np.mean(np.abs(means_r - means_t))),
        "wrong_signs": [name for name, a, b in zip(called, means_r, means_t) if a * b < 0],
        "regions": {
            name: {"voxels": int(n), "result": float(a), "truth": float(b)}
            for name, n, a, b in zip(called, counts, means_r, means_t)
        },
    }


def compartment_errors(
    result: np.ndarray, truth: np.ndarray, mask: np.ndarray, labels: np.ndarray, names: Mapping[int, str]
) -> dict[str, float]:
    """`detrended_nrmse` in percent within tissue, blood and deep grey nuclei, each on its own.

    Blood takes in the voxels next to it, because most veins are as thin as a voxel. Compartments that no label is named
    after, or whose truth is constant, are left out.
    """
    errors = {}
    for name, pattern in COMPARTMENTS.items():
        part = _labelled(labels, names, pattern) & mask
        if name == "blood":
            part = ndimage.binary_dilation(part, np.ones((3, 3, 3))) & mask
        if part.any() and np.ptp(truth[part]) > 0:
            errors[name] = detrended_nrmse(result, truth, part)
    return errors


def calcification(result: np.ndarray, truth: np.ndarray, labelled: np.ndarray) -> dict:
    """How well a calcification is recovered, and how far it streaks; a hemorrhage, with both maps negated.

    Parameters
    ----------
    result, truth : ndarray, shape (k, j, i)
        In ppm.
    labelled : ndarray, bool
        The true calcification.

    Returns
    -------
    dict
        `moment_deviation` : difference of the sums of susceptibility over the calcification, in ppm voxels;
        `streak` : spread of the error around it over its mean susceptibility, None if the result shows none.

    Notes
    -----
    A cube 3 voxels around the label, a rim 4 voxels around the cube and a margin 4 voxels around the rim. The
    calcification of the result is what lies in the cube below a threshold: the highest multiple of -0.01 ppm below
    which there is nothing in rim and margin.
    """
    cube = bounding_box(labelled, (3,) * 3)
    rim, surrounding = (_without(bounding_box(labelled, (margin,) * 3), cube, labelled.shape) for margin in (7, 11))
    lowest = np.floor(result[surrounding].min() / _THRESHOLD_STEP) * _THRESHOLD_STEP
    threshold = max(min(lowest, 0.0), _LOWEST_THRESHOLD)
    values = result[cube][result[cube] < threshold].astype(np.float64)
    moment = float(truth[labelled].sum(dtype=np.float64))
    if values.size == 0:
        return {"moment_deviation": abs(moment), "streak": None}
    r, t = _centered(result, truth, rim)
    slope = float(r @ t / (t @ t)) if t.any() else 0.0
    return {
        "moment_deviation": abs(moment - float(values.sum())),
        "streak": float(np.std(r - slope * t) / abs(values.mean())),
    }


def _labelled(labels: np.ndarray, names: Mapping[int, str], pattern: re.Pattern) -> np.ndarray:
    """Where the label's name is recognized."""
    return np.isin(labels, [label for label, name in names.items() if pattern.search(name)])


def _similarity(result: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    return {f.__name__: f(result, truth, mask) for f in (nrmse, detrended_nrmse, correlation, xsim, hfen)}


def _centered(result: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values inside the mask, without their means."""
    r, t = result[mask].astype(np.float64), truth[mask].astype(np.float64)
    return r - r.mean(), t - t.mean()


def _window_mean(values: np.ndarray) -> np.ndarray:
    return ndimage.uniform_filter(values, _WINDOW, mode="constant")


def _without(box: tuple[slice, ...], hole: tuple[slice, ...], shape: tuple[int, ...]) -> np.ndarray:
    region = np.zeros(shape, bool)
    region[box] = True
    region[hole] = False
    return region
