"""Where the default stands among all combinations of the matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

#: Name of a score -> how far it is from perfect.
_SHORTFALLS: dict[str, Callable[[dict], float]] = {
    "NRMSE %": lambda row: row["NRMSE %"],
    "XSIM": lambda row: 1 - row["XSIM"],
    "regional slope": lambda row: abs(1 - row["regional slope"]),
    "regional error ppb": lambda row: row["regional error ppb"],
}


def standing(rows: Sequence[dict], default: tuple[str, str]) -> Iterator[str]:
    """A line for each score: the rank of the default and the best of the others.

    Parameters
    ----------
    rows : sequence of dict
        Of the part `matrix`; combinations without scores do not count.
    default : (str, str)
        Background and inversion of the default recipe.
    """
    scored = [row for row in rows if "NRMSE %" in row]
    own = next((row for row in scored if (row["background"], row["inversion"]) == default), None)
    others = [row for row in scored if row is not own]
    if own is None or not others:
        return
    for score, shortfall in _SHORTFALLS.items():
        best = min(others, key=shortfall)
        rank = 1 + sum(shortfall(row) < shortfall(own) for row in others)
        yield (
            f"{score}: the default is number {rank} of {len(scored)} with {own[score]:.4g}; "
            f"the best other, {best['background']} and {best['inversion']}, has {best[score]:.4g}."
        )
