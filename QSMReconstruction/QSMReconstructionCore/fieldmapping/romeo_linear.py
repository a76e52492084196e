"""Field map from the phase differences between echoes, unwrapped once, and a weighted line through all echoes."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..acquisition import Acquisition, checked_mask
from ..parameter import Parameter
from ..progress import Progress, no_progress, part_of
from . import FieldMap
from .bipolar import Readout, without_odd_even_phase
from .echo_differences import unwrapped_differences
from .echo_fit import Echoes
from .echo_line import best_slopes, slope_of_single_echo
from .echo_variance import distrusting, notes_on, spoiled_echoes
from .lost_turns import field_map_of
from .phase_offset import PhaseOffset


def romeo_linear(
    acquisition: Acquisition,
    mask: np.ndarray,
    *,
    phase_offset: PhaseOffset = "smooth",
    offset_scale: Annotated[float, Parameter("Distance over which the phase offset varies", "mm", (10, 200))] = 30.0,
    readout: Readout = "detect",
    progress: Progress = no_progress,
) -> FieldMap:
    """Map the field by exact unwrapping (ROMEO) and a magnitude-weighted linear fit over the echoes.

    Parameters
    ----------
    acquisition : Acquisition
        One or more echoes, equally spaced or not.
    mask : ndarray, bool, shape (k, j, i)
        The voxels to map.
    phase_offset : str
        "smooth" holds the phase at echo time zero to a smooth function of space, as far as the data agree, which halves
        the noise of the field. "free" fits it voxel by voxel.
    offset_scale : float
        Distance of the knots of that smooth function, in mm. The default is wide enough that broken voxels near air
        cannot bend it, and narrow enough for the phase of a head coil.
    readout : str
        Whether odd and even echoes were read in opposite directions ("bipolar"), which takes a linear function of space
        off their phase (`bipolar`). By default the phase tells.
    progress : callable
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    FieldMap
        `field` has its median over the largest connected part of the mask within half a turn of zero (see Notes).
        `noise` holds the thermal noise and, where the phase is not a straight line or jumps against the neighbours,
        as much more as that takes: weigh by it instead of cutting the mask. `quality` is the mean ROMEO weight of the
        voxel's edges inside the mask.

    Raises
    ------
    ValueError
        If the mask does not fit or is empty, or a bipolar readout cannot be told from the field.
    Cancelled
        If `progress` raised it.

    Notes
    -----
    The offset cancels in ``sum_e S_{e+1} conj(S_e)`` over the pairs of echoes with the shortest spacing. Its phase is
    unwrapped in space, once. From there on phases are only compared with the line through the echoes (`echo_fit`):
    there is no unwrapping echo by echo that could go wrong in noise, and a line needs no whole turns.

    An echo that does not go with the others anywhere in the brain, as after motion, loses weight (`echo_variance`; with
    four or more echoes), and the notes of the result say so.

    What one scan cannot tell: a field that is wrong by the same multiple of 1 / (shortest spacing) everywhere has the
    same phase. The field nearest zero is taken, as after any shim. Neighbouring voxels whose field differs by more than
    half of that cannot be unwrapped by anybody.

    Two echoes leave no residual, so the noise is estimated from the scatter of their intercepts about the smooth
    offset. A single echo has its phase offset left in the field, and its noise is estimated from its finest ripples.

    References
    ----------
    Dymerska B et al. Phase unwrapping with a rapid opensource minimum spanning tree algorithm (ROMEO). Magn Reson Med
    2021;85:2294-2308. doi: 10.1002/mrm.28563
    Eckstein K et al. Computationally efficient combination of multi-channel phase data from multi-echo acquisitions
    (ASPIRE). Magn Reson Med 2018;79:2996-3006. doi: 10.1002/mrm.26963
    """
    mask = checked_mask(mask, acquisition.grid.shape)
    acquisition, notes = without_odd_even_phase(acquisition, mask, readout, part_of(progress, 0.0, 0.1))
    differences = unwrapped_differences(acquisition, mask, part_of(progress, 0.1, 0.5))
    echoes = Echoes.of(acquisition, mask)
    if len(echoes.times) == 1:
        found = slope_of_single_echo(differences, echoes)
    else:
        progress(0.5, "judging the echoes")
        slope = differences.slope
        spoiled = spoiled_echoes(echoes, slope)
        notes += notes_on(spoiled, acquisition.echo_times)
        found = best_slopes(
            distrusting(echoes, spoiled), slope, differences.inside, acquisition.grid.spacing,
            phase_offset == "smooth", offset_scale, part_of(progress, 0.5, 0.9),
        )  # fmt: skip
    progress(0.9, "noise map")
    field_map = field_map_of(found, differences, acquisition, mask, notes)
    progress(1.0, "field map")
    return field_map
