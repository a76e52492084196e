"""Scores derived from clinical variables, to be covariates of regional measures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

#: Age-CAG products in use, age (CAG - offset) / scale. Papers call several of them "the" CAP score.
AGE_CAG_PRODUCTS = {
    "disease burden": (35.5, 1.0),
    "CAP": (33.66, 1.0),
    "scaled CAP": (33.66, 432.3326),
    "CAP100": (30.0, 6.49),
    "CAP100 of 627": (30.0, 6.27),
}

#: Fewest CAG repeats of an expanded allele of the huntingtin gene.
FEWEST_REPEATS = 36

#: Score of the ALSFRS-R without any loss of function.
_FULL_ALSFRS_R = 48.0


@dataclass(frozen=True)
class ClinicalScore:
    """A derived score, with the name and the constants of its variant, which belong into every table."""

    variant: str
    values: np.ndarray


def age_cag_product(age: ArrayLike, cag: ArrayLike, *, variant: str = "CAP100") -> ClinicalScore:
    """Lifetime exposure to the mutation of Huntington's disease from age and CAG repeats.

    Parameters
    ----------
    age : array_like, shape (n,)
        In years.
    cag : array_like, shape (n,)
        Repeats of the longer allele.
    variant : str
        One of `AGE_CAG_PRODUCTS`.

    Returns
    -------
    ClinicalScore
        NaN where age or repeats are missing.

    Raises
    ------
    ValueError
        If the variant is unknown, an age is negative, or an allele is not expanded, for which no product is defined.

    References
    ----------
    Penney JB et al. Ann Neurol 1997;41:689-692. https://doi.org/10.1002/ana.410410521

    Zhang Y et al. Am J Med Genet B 2011;156B:751-763. https://doi.org/10.1002/ajmg.b.31232

    Warner JH et al. J Huntingtons Dis 2022;11:153-171. https://doi.org/10.3233/JHD-210475
    """
    if variant not in AGE_CAG_PRODUCTS:
        raise ValueError(f"The variant is {variant!r}; choose one of {', '.join(AGE_CAG_PRODUCTS)}.")
    years, repeats = np.asarray(age, float), np.asarray(cag, float)
    if np.any(years < 0):
        raise ValueError(f"An age cannot be negative, but {np.count_nonzero(years < 0)} are.")
    if few := int(np.count_nonzero(repeats < FEWEST_REPEATS)):
        raise ValueError(
            f"{few} subject(s) have fewer than {FEWEST_REPEATS} CAG repeats, for whom no product with age is defined. "
            "Mark their repeats as missing."
        )
    offset, scale = AGE_CAG_PRODUCTS[variant]
    divided = f" / {scale:g}" if scale != 1 else ""
    return ClinicalScore(f"{variant}: age (CAG - {offset:g}){divided}", years * (repeats - offset) / scale)


def alsfrs_rate(score: ArrayLike, months: ArrayLike) -> ClinicalScore:
    """Points of the ALSFRS-R lost per month since the onset of symptoms.

    Parameters
    ----------
    score : array_like, shape (n,)
        ALSFRS-R, 0 to 48.
    months : array_like, shape (n,)
        Since onset.

    Raises
    ------
    ValueError
        If a score is out of its range, or an onset not in the past.

    References
    ----------
    Kimura F et al. Neurology 2006;66:265-267. https://doi.org/10.1212/01.wnl.0000194316.91908.8a
    """
    points, since = np.asarray(score, float), np.asarray(months, float)
    if np.any((points < 0) | (points > _FULL_ALSFRS_R)):
        raise ValueError(
            f"The ALSFRS-R goes from 0 to {_FULL_ALSFRS_R:g}, but got {np.nanmin(points)} to {np.nanmax(points)}."
        )
    if np.any(since <= 0):
        raise ValueError(f"Months since onset must be positive, but {np.count_nonzero(since <= 0)} are not.")
    return ClinicalScore(f"ALSFRS-R rate: ({_FULL_ALSFRS_R:g} - score) / months", (_FULL_ALSFRS_R - points) / since)
