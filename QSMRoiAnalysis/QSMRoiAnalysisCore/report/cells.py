"""Numbers and tables of reports as HTML."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from QSMReconstructionCore.report.page import framed, text

#: A cell that is a number, or words.
Cell = str | int | float
#: Style of pages beside that of the report of a reconstruction; charts are drawn on white.
STYLE = """
.pictures { grid-template-columns: repeat(auto-fill, minmax(min(100%, 30rem), 1fr)); }
figure img.chart { background: #fff; } table { font-size: .85rem; }
caption { padding-bottom: .4rem; } td.long { min-width: 16rem; }
"""
#: Texts longer than this need a wide column.
_LONG = 40


def table(
    heading: str, caption: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, say_once: bool = False
) -> str:
    """A table under its heading; columns without anything in them are left out.

    Parameters
    ----------
    heading, caption : str
    columns : sequence of str
    rows : iterable of sequences of str, int or float
        Numbers are set to the right; those that are NaN, and empty texts, are empty cells.
    say_once : bool
        Whether columns that say the same in all of several rows go into the caption.
    """
    rows = [list(row) for row in rows]
    kept = [i for i in range(len(columns)) if any(_shown(row[i]) for row in rows)]
    if say_once and len(rows) > 1:
        same = [i for i in kept if all(row[i] == rows[0][i] for row in rows)]
        kept = [i for i in kept if i not in same]
        facts = "; ".join(f"{columns[i]}: {_shown(rows[0][i]).rstrip('.')}" for i in same)
        caption = f"{caption} In all rows: {facts}." if facts else caption
    body = "\n".join("<tr>" + "".join(_cell(row[i]) for i in kept) + "</tr>" for row in rows)
    return framed(heading, caption, tuple(columns[i] for i in kept), body)


def number(value: float) -> str:
    """Four digits, and nothing for NaN."""
    return "" if math.isnan(value) else f"{value:.4g}"


def probability(value: float) -> str:
    """A p value as papers print it, and nothing for NaN."""
    if math.isnan(value):
        return ""
    return "<0.0001" if value < 0.0001 else f"{value:.2g}" if value < 0.1 else f"{value:.2f}"


def interval(value: float, low: float, high: float, name: str = "", unit: str = "") -> str:
    """An estimate with its limits, and nothing for NaN."""
    if math.isnan(value):
        return ""
    limits = f" [{low:.3g}, {high:.3g}]" if not (math.isnan(low) or math.isnan(high)) else ""
    return " ".join(filter(None, (name, f"{value:.3g}{limits}", unit)))


def bullets(heading: str, sentences: Sequence[str]) -> str:
    """A list under its heading; nothing without sentences."""
    if not sentences:
        return ""
    items = "\n".join(f"<li>{text(sentence)}</li>" for sentence in sentences)
    return f"<h2>{text(heading)}</h2>\n<ul>\n{items}\n</ul>\n"


def _shown(value: Cell) -> str:
    return value if isinstance(value, str) else number(value) if isinstance(value, float) else str(value)


def _cell(value: Cell) -> str:
    shown = _shown(value)
    if not isinstance(value, str):
        return f'<td class="number">{text(shown)}</td>'
    return f'<td{" class=long" if len(shown) > _LONG else ""}>{text(shown)}</td>'
