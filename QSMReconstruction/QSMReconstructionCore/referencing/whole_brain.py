"""Whole-brain reference."""

from __future__ import annotations

import numpy as np

from . import Reference, apply_reference


def whole_brain(susceptibility: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, Reference]:
    """Refer susceptibility to the mean of the whole brain mask.

    Parameters
    ----------
    susceptibility : ndarray, float32, shape (k, j, i)
        In ppm.
    mask : ndarray, bool, shape (k, j, i)
        The brain.

    Returns
    -------
    susceptibility : ndarray, float32
        In ppm, mean 0 inside the mask, 0 outside.
    reference : Reference

    Notes
    -----
    The common reference of the consensus recommendations. The mean depends on the mask: use one masking recipe for all
    subjects that are compared.

    References
    ----------
    QSM Consensus Organization Committee et al., Magn Reson Med 2024, 10.1002/mrm.30006
    """
    return apply_reference(susceptibility, mask, mask, "whole brain")
