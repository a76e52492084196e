"""Phase mask from the second derivative of the sign of the wrapped phase."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..acquisition import Acquisition
from ..grid import Grid
from ..numerics.fourier import fast_shape, forward, inverse
from ..numerics.sphere import sphere_spectrum, sphere_weights
from ..parameter import Parameter
from ..progress import Progress, no_progress


def second_derivative(
    acquisition: Acquisition,
    *,
    threshold: Annotated[float, Parameter("Largest share of neighbors of other sign", range=(0.05, 0.5))] = 0.27,
    radius: Annotated[float, Parameter("Radius of the neighborhood", unit="mm", range=(1, 20))] = 4.0,
    echo: Annotated[int, Parameter("Echo, counted from 1", range=(1, 64))] = 1,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Mask where the sign of the wrapped phase seldom changes: tissue whose phase can be unwrapped, brain or not.

    Parameters
    ----------
    acquisition : Acquisition
        The scan; the phase of one echo is used.
    threshold : float
        Voxels are kept if at most this share of the neighbors in the neighborhood has a phase of the other sign. In
        noise it is a half; in tissue it grows with the density of wraps. The default is the published one.
    radius : float
        Of the ball over which signs are compared and the mask is closed and opened, in mm. The default holds enough
        voxels to count in at clinical voxel sizes (the published ball has 6 voxels of less than half a millimeter).
    echo : int
        Later echoes have denser wraps next to air and give a stricter mask.
    progress : callable
        May raise `Cancelled`.

    Returns
    -------
    ndarray, bool, shape (k, j, i)

    Raises
    ------
    ValueError
        If there is no such echo or no part is left.

    Notes
    -----
    The six-neighbor Laplacian of sign(phi) is, in absolute value, twice the number of neighbors of the other sign. Its
    mean over a ball is compared with 12 times `threshold`; the mask is then closed and opened with the same ball. (The
    published test, a sum below 500 over 925 voxels of a Laplacian divided by 6, is a mean share below 0.27.) The
    magnitude is not looked at. It is a mask of tissue, not of brain: combine it with a brain mask.

    References
    ----------
    Hagberg et al., Magn Reson Med 2022, 10.1002/mrm.29368
    """
    if echo > len(acquisition.echo_times):
        raise ValueError(f"echo must be one of the {len(acquisition.echo_times)} echo(es) of the scan, but got {echo}.")
    progress(0.0, "signs of the phase")
    share = _share_of_other_sign(acquisition.phase[echo - 1])
    progress(0.05, "signs of the phase")
    ball = _Ball(acquisition.grid, radius, progress)
    progress(0.15, "signs of the phase")
    mask = ball.mean(share) <= threshold
    # Closing, then opening: dilation, two erosions, dilation.
    for step, grow in enumerate((True, False, False, True)):
        progress(0.2 + 0.2 * step, "closing and opening")
        mask = ball.dilated(mask) if grow else ~ball.dilated(~mask)
    if not mask.any():
        raise ValueError(
            f"No part of the scan has a phase of steady sign within {radius:g} mm. Check that the phase is in rad, "
            "raise threshold, lower radius, or draw a mask by hand."
        )
    progress(1.0, "mask done")
    return mask


def _share_of_other_sign(phase: np.ndarray) -> np.ndarray:
    """Share of the (up to six) neighbors of each voxel whose phase has the other sign, float32."""
    positive = phase > 0
    other, neighbors = np.zeros(phase.shape, np.float32), np.zeros(phase.shape, np.float32)
    for axis in range(3):
        ends = [np.moveaxis(a, axis, 0) for a in (positive, other, neighbors)]
        change = ends[0][1:] != ends[0][:-1]
        for side in (slice(1, None), slice(None, -1)):
            ends[1][side] += change
            ends[2][side] += 1
    return np.divide(other, neighbors, out=other, where=neighbors > 0)


class _Ball:
    """Means over, and dilation by, a ball around each voxel; what lies beyond the border of the volume is left out."""

    def __init__(self, grid: Grid, radius: float, progress: Progress) -> None:
        weights, _ = sphere_weights(radius, grid.spacing)
        self.shape = grid.shape
        self.padded = fast_shape(grid.shape, tuple(n // 2 + 1 for n in weights.shape))
        self.padded = tuple(max(p, w) for p, w in zip(self.padded, weights.shape))
        self.spectrum = sphere_spectrum(radius, self.padded, grid.spacing)
        progress(0.1, "signs of the phase")
        #: Mean of a volume with one marked voxel, at a voxel that has it wholly in its ball.
        self.voxel = float(weights.max())
        self.inside = self._convolved(np.ones(grid.shape, np.float32))

    def mean(self, volume: np.ndarray) -> np.ndarray:
        found = self._convolved(volume)
        found /= self.inside
        return found

    def dilated(self, mask: np.ndarray) -> np.ndarray:
        """Voxels with a marked voxel at least half inside the ball around them."""
        return self._convolved(mask.astype(np.float32)) > 0.5 * self.voxel

    def _convolved(self, volume: np.ndarray) -> np.ndarray:
        padded = np.zeros(self.padded, np.float32)
        box = tuple(slice(0, n) for n in self.shape)
        padded[box] = volume
        spectrum = forward(padded)
        spectrum *= self.spectrum
        return np.ascontiguousarray(inverse(spectrum, self.padded)[box])
