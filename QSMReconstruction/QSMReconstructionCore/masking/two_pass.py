"""Voxels with reliable phase reconstructed first, by themselves."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..acquisition import checked_mask
from ..fieldmapping import FieldMap
from ..parameter import Parameter


def two_pass(
    field_map: FieldMap,
    mask: np.ndarray,
    *,
    smallest_quality: Annotated[float, Parameter("Smallest quality of reliable voxels", range=(0.05, 0.95))] = 0.5,
) -> np.ndarray:
    """Reconstruct voxels with reliable phase by themselves first, then all voxels for the rest.

    Parameters
    ----------
    field_map : FieldMap
        The total field with its quality.
    mask : ndarray, bool, shape (k, j, i)
        The brain with its surroundings.
    smallest_quality : float
        Voxels of at least this quality are reliable. Quality is below 0.1 in noise, above 0.5 in good tissue.

    Returns
    -------
    ndarray, bool, shape (k, j, i)
        The reliable voxels, holes and all.

    Raises
    ------
    ValueError
        If the mask does not fit or is empty, or no voxel is reliable.

    Notes
    -----
    Background removal and inversion run twice: in the reliable voxels, whose holes keep strong sources with broken
    phase (bleeds, calcifications) from casting streaks over the rest; and in the whole mask. The map is

        chi = chi_1 + mean(chi_2 - chi_1)  in reliable voxels,  chi_2  elsewhere,

    the mean over the reliable voxels, since each pass has a constant of its own. It takes twice the time. Where methods
    weight voxels by their noise, as by default, broken voxels hardly count in one pass either, and holes cost contrast:
    on the head phantom (2 mm, 3 T) the error falls from 52.5 to 50.8 %, but structural similarity from 0.67 to 0.63.

    References
    ----------
    Stewart et al., Magn Reson Med 2022, 10.1002/mrm.29048
    """
    mask = checked_mask(mask, field_map.field.shape)
    reliable = mask & (field_map.quality >= smallest_quality)
    if not reliable.any():
        raise ValueError(
            f"No voxel of the mask has a phase quality of {smallest_quality:g}. Lower passes.smallest_quality, or use "
            "one_pass."
        )
    return reliable
