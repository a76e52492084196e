"""Norms: what the regions of healthy controls have at each age, from a table of them."""

from __future__ import annotations

from pathlib import Path

from .maps import UNITS, check_unit
from .statistics.normative import NormativeCurve, fit_normative_curve


def read_norms(path: str | Path) -> dict[str, NormativeCurve]:
    """Read controls from a table and fit a straight line over age for each region.

    Parameters
    ----------
    path : path
        Tab-separated, with the columns `region` (a structure), `age` in years, `mean`, and `unit` (ppm or ppb), and
        possibly `side`: the sides then have norms of their own, because two of one person are no two controls.

    Returns
    -------
    dict of str to NormativeCurve
        Structure, with its side where the table has it ("SN left") -> mean in ppm over age.

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
        side = cells.get("side", "").strip().replace("n/a", "")
        controls.setdefault(f"{cells['region']} {side}".strip(), []).append(pair)
    norms = {}
    for region, pairs in controls.items():
        try:
            norms[region] = fit_normative_curve(*zip(*pairs))
        except ValueError as error:
            raise ValueError(f"{path.name}, region {region}: {error}") from None
    return norms
