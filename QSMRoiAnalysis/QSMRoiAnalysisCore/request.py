"""What to measure beyond mean and percentiles, and what that needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .descriptors import descriptor
from .regions import Region
from .statistics.normative import NormativeCurve


@dataclass(frozen=True, eq=False)
class Request:
    """What to describe beyond the columns that every table has.

    Attributes
    ----------
    descriptors : tuple of str
        Columns to add, in this order: names of `descriptors.DESCRIPTORS`, or `p90`, `trimmed_mean_10`,
        `fraction_below_70ppb` with other numbers.
    noise : ndarray, shape (k, j, i), optional
        Standard deviation of the noise of the map, in the unit of the map.
    neighbor : str
        Region whose mean is taken from the mean of each region: of the same side where it has sides.
    norms : mapping of str to NormativeCurve, optional
        Structure, alone or with its side ("SN left") -> mean susceptibility of controls in ppm over age, relative to
        the same reference.
    age : float
        Age in years, for the norms.
    more_affected : {"left", "right", ""}
        The more affected side of the brain, which is opposite to the more affected side of the body.
    weights : ndarray, shape (k, j, i), optional
        Part of each voxel that is tissue of the regions, from 0 to 1, such as the probability of gray matter.
    """

    descriptors: tuple[str, ...] = ()
    noise: np.ndarray | None = None
    neighbor: str = ""
    norms: Mapping[str, NormativeCurve] | None = None
    age: float = float("nan")
    more_affected: str = ""
    weights: np.ndarray | None = None

    def __post_init__(self) -> None:
        given = {
            "noise": self.noise is not None,
            "neighbor": bool(self.neighbor),
            "norms": self.norms is not None and np.isfinite(self.age),
            "more_affected": bool(self.more_affected),
            "weights": self.weights is not None,
        }
        for chosen in map(descriptor, self.descriptors):
            if chosen.needs and not given[chosen.needs]:
                needed = "norms and the age" if chosen.needs == "norms" else chosen.needs
                raise ValueError(f"The descriptor {chosen.name!r} needs {needed}, but got none.")
        if self.more_affected not in ("left", "right", ""):
            raise ValueError(f"more_affected must be left or right, but got {self.more_affected!r}.")

    def norm_of(self, region: Region) -> NormativeCurve | None:
        """The norm of a region: that of its side if there is one, else that of its structure, else none."""
        norms = self.norms or {}
        return norms.get(f"{region.structure} {region.side}".strip()) or norms.get(region.structure)
