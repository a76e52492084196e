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

#: A slope can be near 1 by chance, where the errors of the regions even out; hardly so in a map that is better, too.
_TOGETHER = ("NRMSE %", "XSIM", "regional slope")


def standing(rows: Sequence[dict], default: tuple[str, str]) -> Iterator[str]:
    """A line for each score, the rank of the default and the best of the others; then who beats it in all at once.

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
            f"the best other, {_named(best)}, has {best[score]:.4g}."
        )
    better = [row for row in others if all(_SHORTFALLS[score](row) < _SHORTFALLS[score](own) for score in _TOGETHER)]
    yield f"Better than the default in {', '.join(_TOGETHER)} together: {'; '.join(map(_named, better)) or 'none'}."


def _named(row: dict) -> str:
    return f"{row['background']} and {row['inversion']}"
