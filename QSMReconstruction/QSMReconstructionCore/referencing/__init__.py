"""Referencing: susceptibility is relative, so one region's mean is called zero, and said so.

A method of this stage finds a region (`ReferenceRegion`) from what is known before the inversion. Subtracting its mean
is the same for all of them (`apply_reference`), and can be undone and done again (`rereference`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..acquisition import checked_mask, checked_volume


@dataclass(frozen=True, eq=False)
class ReferenceRegion:
    """Where the mean susceptibility is called zero.

    Attributes
    ----------
    name : str
        The region in words.
    voxels : ndarray, bool, shape (k, j, i), or None
        Its voxels; None leaves susceptibility as the inversion gave it.
    """

    name: str
    voxels: np.ndarray | None


@dataclass(frozen=True)
class Reference:
    """The reference of a susceptibility map.

    Attributes
    ----------
    region : str
        Which region, in words.
    voxels : int
        Its number of voxels.
    subtracted : float
        What was subtracted from the unreferenced map, in ppm. Adding it back undoes the referencing.
    mean, sd : float
        Mean and standard deviation of the region in the map referenced to the whole brain, in ppm: what the consensus
        paper asks to report (10.1002/mrm.30006). The mean is 0 where the region is the whole brain.
    """

    region: str
    voxels: int
    subtracted: float
    mean: float
    sd: float


def apply_reference(
    susceptibility: np.ndarray, mask: np.ndarray, region: np.ndarray | None, name: str
) -> tuple[np.ndarray, Reference]:
    """Subtract the mean of a region from a susceptibility map.

    Parameters
    ----------
    susceptibility : ndarray, float32, shape (k, j, i)
        In ppm, any reference.
    mask : ndarray, bool
        The brain, where the map is defined.
    region : ndarray, bool, or None
        The reference region; None leaves the values as they are.
    name : str
        The region in words.

    Returns
    -------
    susceptibility : ndarray, float32
        Referenced map, 0 outside the mask.
    reference : Reference

    Raises
    ------
    ValueError
        If the region has no voxel inside the mask.
    """
    inside = mask if region is None else region & mask
    if not inside.any():
        raise ValueError(f"The reference region ({name}) has no voxel inside the brain mask. Choose another region.")
    values = susceptibility[inside].astype(np.float64)
    brain = float(susceptibility[mask].mean(dtype=np.float64))
    subtracted = 0.0 if region is None else float(values.mean())
    referenced = np.where(mask, susceptibility - np.float32(subtracted), np.float32(0))
    mean = float(values.mean()) - brain
    return referenced, Reference(name, int(values.size), subtracted, mean, float(values.std()))


def rereference(
    susceptibility: np.ndarray, mask: np.ndarray, region: ReferenceRegion, previous: Reference | None = None
) -> tuple[np.ndarray, Reference]:
    """Refer a finished map to another region, without repeating any of its computation.

    Parameters
    ----------
    susceptibility : ndarray, shape (k, j, i)
        In ppm, with any reference.
    mask : ndarray, bool, shape (k, j, i)
        The brain, where the map is defined.
    region : ReferenceRegion
        From a method of the stage "reference", or made of any voxels.
    previous : Reference, optional
        The reference that the map has, if it is known: `subtracted` of the result then counts from the map as the
        inversion gave it, and a region of None brings that map back. Otherwise it counts from the map given.

    Returns
    -------
    susceptibility : ndarray, float32, shape (k, j, i)
        In ppm, 0 outside the mask.
    reference : Reference

    Raises
    ------
    ValueError
        If arrays do not fit together, or the region has no voxel inside the mask.
    """
    susceptibility = checked_volume("susceptibility", susceptibility, np.shape(susceptibility))
    mask = checked_mask(mask, susceptibility.shape)
    voxels = region.voxels
    if voxels is not None:
        voxels = checked_mask(voxels, susceptibility.shape, f"the reference region ({region.name})")
    if previous is not None:
        susceptibility = susceptibility + np.float32(previous.subtracted)
    return apply_reference(susceptibility, mask, voxels, region.name)
