"""Phase that odd and even echoes do not share because their readout gradients have opposite signs.

    phi_e = phi_0 + omega TE_e + (-1)^e beta,   e = 0, 1, 2, ...

beta is nearly a linear function of space: echoes read in opposite directions are shifted against each other in k-space.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np

from ..acquisition import Acquisition
from ..numerics.blocks import block_sums
from ..numerics.crop import bounding_box
from ..parameter import Parameter
from ..progress import Progress

#: The parameter of every method that asks how the echoes were read.
Readout = Annotated[
    str,
    Parameter(
        "Readout gradients",
        choices={"detect": "As the phase tells", "monopolar": "Monopolar", "bipolar": "Bipolar"},
    ),
]

#: Three echoes count as evenly spaced if the middle one is off by at most this fraction of their spacing.
_EVEN = 0.02

#: Blocks over which second differences are summed, in mm: beta turns by little on that way.
_BLOCK = 8.0

#: What makes a scan bipolar without being told: root mean square of 4 beta over the mask in rad (less than 0.05 rad of
#: beta does no harm), and the share of the incoherence of second differences that beta explains.
_LEAST_SIZE, _LEAST_SHARE = 0.2, 0.5

#: Gauss-Newton steps over all voxels, after the fit to blocks. They converge quadratically.
_REFINEMENTS = 2


@dataclass(frozen=True, eq=False)
class OddEvenPhase:
    """The phase beta of the even echoes (the first, third, ...), a linear function of space.

    Attributes
    ----------
    constant : float
        In the middle of the mask's bounding box, in rad.
    gradient : ndarray, shape (3,)
        Along (k, j, i), in rad per voxel.
    middle : ndarray, shape (3,)
        Middle of the bounding box, in voxels.
    share : float
        Share of the incoherence of the second differences that beta explains: 1 if all, 0 if none.
    """

    constant: float
    gradient: np.ndarray
    middle: np.ndarray
    share: float

    def values(self, shape: tuple[int, int, int]) -> np.ndarray:
        """beta at all voxels, float32, shape (k, j, i)."""
        k, j, i = ((np.arange(n) - m) * g for n, m, g in zip(shape, self.middle, self.gradient))
        return (self.constant + k[:, None, None] + j[:, None] + i).astype(np.float32)


def without_odd_even_phase(
    acquisition: Acquisition, mask: np.ndarray, readout: str, progress: Progress
) -> tuple[Acquisition, tuple[str, ...]]:
    """The scan as if all its echoes had been read in the same direction.

    Parameters
    ----------
    acquisition : Acquisition
    mask : ndarray, bool, shape (k, j, i)
        Where to look. Not empty.
    readout : str
        "bipolar" corrects; "monopolar" does not; "detect" does if a linear beta explains at least half of what is wrong
        with the second differences between echoes.
    progress : callable
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    acquisition : Acquisition
        The same object if nothing was corrected.
    notes : tuple of str
        What was taken off.

    Raises
    ------
    ValueError
        If `readout` is "bipolar" and no three successive echoes are evenly spaced: then nothing tells beta from the
        field.

    Notes
    -----
    Second differences of three evenly spaced echoes hold neither phi_0 nor omega: they are 4 beta with alternating
    sign. A plane is fitted to their phasors with inverse-variance weights, starting from the mean steps between blocks
    of voxels; no phase has to be unwrapped. Whole turns of 4 beta leave beta unknown by multiples of pi / 2, which is
    half a turn from echo to echo: the field is unknown by a constant. The beta nearest zero is taken.

    References
    ----------
    Li J et al. Phase-corrected bipolar gradients in multi-echo gradient-echo sequences for quantitative susceptibility
    mapping. MAGMA 2015;28:347-355. doi: 10.1007/s10334-014-0470-3
    """
    if readout == "monopolar":
        return acquisition, ()
    triples = evenly_spaced_triples(acquisition.echo_times)
    if not triples:
        if readout == "bipolar":
            times = ", ".join(f"{1000 * t:g}" for t in acquisition.echo_times)
            raise ValueError(
                "readout 'bipolar' needs three successive, evenly spaced echoes to tell the readout from the field, "
                f"but the echo times are {times} ms. Leave out every other echo and set readout to 'monopolar'."
            )
        return acquisition, ()
    found = odd_even_phase(acquisition, mask, triples, progress)
    inside = found.values(mask.shape)[mask]
    size = float(np.sqrt(np.mean(np.square(4 * inside, dtype=np.float64))))
    if readout == "detect" and (size < _LEAST_SIZE or found.share < _LEAST_SHARE):
        return acquisition, ()
    progress(0.9, "correcting the readout")
    note = (
        f"Odd and even echoes differ in phase by up to {2 * np.abs(inside).max():.2g} rad, as after readout gradients "
        "of alternating sign. That part, linear in space, was taken off before the field was mapped."
    )
    return _corrected(acquisition, found), (note,)


def evenly_spaced_triples(echo_times: tuple[float, ...]) -> list[int]:
    """First echo of each three successive echoes that are evenly spaced."""
    steps = np.diff(echo_times)
    return [int(e) for e in np.flatnonzero(np.abs(np.diff(steps)) <= _EVEN * np.minimum(steps[1:], steps[:-1]))]


def odd_even_phase(
    acquisition: Acquisition, mask: np.ndarray, triples: list[int], progress: Progress
) -> OddEvenPhase:
    """Fit beta to the second differences of the phase; see `without_odd_even_phase`.

    Parameters
    ----------
    acquisition : Acquisition
    mask : ndarray, bool, shape (k, j, i)
    triples : list of int
        From `evenly_spaced_triples`; not empty.
    progress : callable
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    OddEvenPhase
    """
    box = bounding_box(mask)
    inside = mask[box]
    bends, weights = [], []
    scale = acquisition.magnitude_scale
    for count, e in enumerate(triples):
        progress(0.4 * count / len(triples), "comparing odd and even echoes")
        first, middle, last = (acquisition.phase[n][box][inside] for n in (e, e + 1, e + 2))
        bends.append((first - 2 * middle + last) * np.float32(1 if e % 2 == 0 else -1))
        weights.append(_weight_of_bend(*(acquisition.magnitude[n][box][inside] / scale for n in (e, e + 1, e + 2))))
    progress(0.4, "comparing odd and even echoes")
    plane = _plane_through_blocks(bends, weights, inside, acquisition.grid.spacing)
    places = _places(inside)
    for step in range(_REFINEMENTS):
        progress(0.6 + 0.1 * step, "comparing odd and even echoes")
        plane = _refined(plane, bends, weights, places)
    progress(0.8, "comparing odd and even echoes")
    total = float(np.sum(weights, dtype=np.float64))
    before = _coherence(bends, weights, np.float32(0))
    after = _coherence(bends, weights, plane.astype(np.float32) @ places)
    share = (after - before) / max(total - before, 1e-9 * total) if total else 0.0
    plane[0] = np.angle(np.exp(1j * plane[0]))
    middle = np.array([(side.start + side.stop - 1) / 2 for side in box])
    return OddEvenPhase(float(plane[0]) / 4, plane[1:] / 4, middle, share)


def _weight_of_bend(first: np.ndarray, middle: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Reciprocal of the variance of phi_1 - 2 phi_2 + phi_3, over sigma^2; next to 0 without signal.

    Magnitudes are relative to the largest.
    """
    squares = [np.maximum(m, np.float32(1e-9)) ** -2.0 for m in (first, middle, last)]
    return 1 / (squares[0] + 4 * squares[1] + squares[2])


def _places(inside: np.ndarray) -> np.ndarray:
    """One, and the distance of each voxel from the middle of the volume along k, j, i; float32, shape (4, n)."""
    found = np.empty((4, np.count_nonzero(inside)), np.float32)
    found[0] = 1
    for row, (index, size) in enumerate(zip(np.nonzero(inside), inside.shape), 1):
        found[row] = index - np.float32((size - 1) / 2)
    return found


def _plane_through_blocks(bends, weights, inside: np.ndarray, spacing) -> np.ndarray:
    """Constant and gradient of the phase of the summed phasors, from block to block."""
    factors = [max(1, round(_BLOCK / h)) for h in spacing]
    phasors = 0.0
    for bend, weight in zip(bends, weights):
        for part, unit in ((weight * np.cos(bend), 1.0), (weight * np.sin(bend), 1j)):
            volume = np.zeros(inside.shape, np.float32)
            volume[inside] = part
            phasors = phasors + unit * block_sums(volume, factors).astype(np.float64)
    plane = np.zeros(4)
    angles = 0.0
    for axis, factor in enumerate(factors):
        along = np.moveaxis(phasors, axis, 0)
        plane[1 + axis] = np.angle(np.sum(along[1:] * along[:-1].conj())) / factor
        place = factor * (np.arange(phasors.shape[axis]) + 0.5) - inside.shape[axis] / 2
        angles = angles + (plane[1 + axis] * place).reshape([-1 if a == axis else 1 for a in range(3)])
    plane[0] = np.angle(np.sum(phasors * np.exp(-1j * angles)))
    return plane


def _refined(plane: np.ndarray, bends, weights, places: np.ndarray) -> np.ndarray:
    """The plane after a Gauss-Newton step towards the largest sum of w cos(bend - plane)."""
    expected = plane.astype(np.float32) @ places
    right, normal = np.zeros(4), np.zeros((4, 4))
    for bend, weight in zip(bends, weights):
        weighted = weight * places
        right += (weighted @ np.sin(bend - expected)).astype(np.float64)
        normal += (weighted @ places.T).astype(np.float64)
    return plane + np.linalg.lstsq(normal, right, rcond=1e-6)[0]


def _coherence(bends, weights, expected) -> float:
    return sum(float(np.sum(w * np.cos(b - expected), dtype=np.float64)) for b, w in zip(bends, weights))


def _corrected(acquisition: Acquisition, found: OddEvenPhase) -> Acquisition:
    beta = found.values(acquisition.grid.shape)
    phase = acquisition.phase.copy()
    turn = np.float32(2 * np.pi)
    for e, echo in enumerate(phase):
        echo += beta if e % 2 else -beta
        echo -= turn * np.rint(echo / turn)
    return replace(acquisition, phase=np.clip(phase, -np.float32(np.pi), np.float32(np.pi), out=phase))
