"""Norms: what the regions of healthy controls have at each age, from a table of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .maps import UNITS, check_unit
from .statistics.normative import NormativeCurve, fit_normative_curve


@dataclass(frozen=True)
class Controls:
    """Healthy controls of one region.

    Attributes
    ----------
    ages : tuple of float
        In years.
    means : tuple of float
        In ppm.
    reference : str
        What they are relative to; empty if unknown.
    """

    ages: tuple[float, ...]
    means: tuple[float, ...]
    reference: str = ""


def read_controls(path: str | Path) -> dict[str, Controls]:
    """Read controls from a table.

    Parameters
    ----------
    path : path
        Tab-separated, with the columns `region` (a structure), `age` in years, `mean`, and `unit` (ppm or ppb), and
        possibly `side`: the sides then have norms of their own, because two of one person are no two controls. A column
        `reference` says what the means are relative to.

    Returns
    -------
    dict of str to Controls
        Structure, with its side where the table has it ("SN left") -> controls.

    Raises
    ------
    ValueError
        If a column is missing, a cell is no number, or a region has controls of several references; the message names
        the line or the region.
    """
    path = Path(path)
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    titles = lines[0].split("\t") if lines else []
    missing = [name for name in ("region", "age", "mean", "unit") if name not in titles]
    if missing:
        raise ValueError(f"{path.name} is no table of controls: it lacks the column(s) {', '.join(missing)}.")
    found: dict[str, list[tuple[float, float]]] = {}
    references: dict[str, set[str]] = {}
    for number, line in enumerate(lines[1:], 2):
        cells = dict(zip(titles, line.split("\t")))
        try:
            check_unit("the unit", cells.get("unit", ""))
            pair = float(cells["age"]), float(cells["mean"]) / UNITS[cells["unit"]]
        except (KeyError, ValueError) as error:
            raise ValueError(f"{path.name}, line {number}: {error}") from None
        side, reference = (cells.get(name, "").strip().replace("n/a", "") for name in ("side", "reference"))
        region = f"{cells['region']} {side}".strip()
        found.setdefault(region, []).append(pair)
        references.setdefault(region, set()).add(reference)
    for region, names in references.items():
        if len(names) > 1:
            several = ", ".join(sorted(name or "unknown" for name in names))
            raise ValueError(f"{path.name}, region {region}: controls are relative to {several}. Keep those of one.")
    return {region: Controls(*zip(*pairs), references[region].pop()) for region, pairs in found.items()}


def read_norms(path: str | Path) -> dict[str, NormativeCurve]:
    """Fit a straight line over age for each region of a table of controls; see `read_controls`.

    Returns
    -------
    dict of str to NormativeCurve
        Structure, with its side where the table has it ("SN left") -> mean in ppm over age.

    Raises
    ------
    ValueError
        If the table cannot be read, or a region has too few controls; the message names it.
    """
    return {region: norm_of(region, controls, Path(path).name) for region, controls in read_controls(path).items()}


def norm_of(region: str, controls: Controls, source: str) -> NormativeCurve:
    """The straight line over age of the controls of a region; messages name `source`."""
    try:
        return fit_normative_curve(controls.ages, controls.means)
    except ValueError as error:
        raise ValueError(f"{source}, region {region}: {error}") from None
