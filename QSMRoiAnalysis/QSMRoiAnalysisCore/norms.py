"""What healthy people of an age have: a straight line over age and the limits around it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from .maps import UNITS, check_unit

#: A prediction limit needs at least one degree of freedom behind the two of the line.
FEWEST_CONTROLS = 3


@dataclass(frozen=True)
class AgeNorm:
    """Ordinary least-squares line of a measure over the age of controls.

    Attributes
    ----------
    slope, intercept : float
        Of the line, in the unit of the measure per year, and in that unit.
    residual_sd : float
        Standard deviation around the line (n - 2).
    controls : int
        Number of controls.
    mean_age, age_sum_of_squares : float
        Mean age in years, and sum of squared deviations from it.
    youngest, oldest : float
        Range of ages; outside it the line is an extrapolation.

    Notes
    -----
    The line assumes that the measure grows evenly and varies alike at all ages. Iron in deep gray matter does neither
    over a whole life, so controls should be near in age.
    """

    slope: float
    intercept: float
    residual_sd: float
    controls: int
    mean_age: float
    age_sum_of_squares: float
    youngest: float
    oldest: float

    @classmethod
    def fit(cls, ages: Sequence[float], values: Sequence[float]) -> AgeNorm:
        """Fit the line to controls.

        Raises
        ------
        ValueError
            If there are fewer than 3 controls, they are all of one age, or a number is not finite.
        """
        ages, values = np.asarray(ages, float), np.asarray(values, float)
        if ages.ndim != 1 or ages.shape != values.shape:
            raise ValueError(f"ages and values must be equally many, but got {ages.shape} and {values.shape}.")
        if not (np.all(np.isfinite(ages)) and np.all(np.isfinite(values))):
            raise ValueError("ages and values must be finite. Leave out controls without them.")
        if ages.size < FEWEST_CONTROLS or np.ptp(ages) == 0:
            raise ValueError(
                f"A norm over age needs at least {FEWEST_CONTROLS} controls of different ages, but got {ages.size} of "
                f"{np.unique(ages).size} age(s)."
            )
        line = stats.linregress(ages, values)
        residuals = values - line.intercept - line.slope * ages
        return cls(
            float(line.slope), float(line.intercept), float(np.sqrt(np.sum(residuals**2) / (ages.size - 2))), ages.size,
            float(ages.mean()), float(np.sum((ages - ages.mean()) ** 2)), float(ages.min()), float(ages.max()),
        )

    def predict(self, age: float) -> float:
        """Value of the line at an age."""
        return self.intercept + self.slope * age

    def prediction_sd(self, age: float) -> float:
        """Standard deviation of a new control around the line, with the uncertainty of the line."""
        leverage = (age - self.mean_age) ** 2 / self.age_sum_of_squares
        return self.residual_sd * math.sqrt(1 + 1 / self.controls + leverage)

    def prediction_interval(self, age: float, level: float = 0.95) -> tuple[float, float]:
        """Limits between which a new control of this age lies with the probability `level`."""
        half = float(stats.t.ppf((1 + level) / 2, self.controls - 2)) * self.prediction_sd(age)
        return self.predict(age) - half, self.predict(age) + half

    def deviation(self, age: float, value: float) -> tuple[float, float]:
        """How far a person is from the norm.

        Returns
        -------
        z : float
            Distance from the line in standard deviations of a prediction.
        p : float
            Two-sided probability that a control deviates as much (Student's t with n - 2 degrees of freedom).

        References
        ----------
        Crawford, Garthwaite. Neuropsychology 2006. 10.1037/0894-4105.20.3.259
        """
        z = (value - self.predict(age)) / self.prediction_sd(age)
        return z, float(2 * stats.t.sf(abs(z), self.controls - 2))


def read_norms(path: str | Path) -> dict[str, AgeNorm]:
    """Read controls from a table and fit the norm of each region.

    Parameters
    ----------
    path : path
        Tab-separated, with the columns `region` (a structure), `age` in years, `mean`, and `unit` (ppm or ppb).

    Returns
    -------
    dict of str to AgeNorm
        Structure -> norm, in ppm.

    Raises
    ------
    ValueError
        If a column is missing, a cell is no number, or a region has too few controls; the message names it.
    """
    path = Path(path)
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    titles = lines[0].split("\t") if lines else []
    missing = [name for name in ("region", "age", "mean", "unit") if name not in titles]
    if missing:
        raise ValueError(f"{path.name} is no table of controls: it lacks the column(s) {', '.join(missing)}.")
    controls: dict[str, list[tuple[float, float]]] = {}
    for number, line in enumerate(lines[1:], 2):
        cells = dict(zip(titles, line.split("\t")))
        try:
            check_unit("the unit", cells.get("unit", ""))
            pair = float(cells["age"]), float(cells["mean"]) / UNITS[cells["unit"]]
        except (KeyError, ValueError) as error:
            raise ValueError(f"{path.name}, line {number}: {error}") from None
        controls.setdefault(cells["region"], []).append(pair)
    norms = {}
    for region, pairs in controls.items():
        try:
            norms[region] = AgeNorm.fit(*zip(*pairs))
        except ValueError as error:
            raise ValueError(f"{path.name}, region {region}: {error}") from None
    return norms
