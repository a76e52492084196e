"""A report as one HTML page that needs no other file, no script and no network."""

from __future__ import annotations

import base64
import json
from html import escape
from typing import TYPE_CHECKING

from ..quality.verdict import BAD, CAUTION, GOOD, NOT_ASSESSED, Verdict
from .tables import UNKNOWN, Row

if TYPE_CHECKING:
    from .pictures import Picture
    from .report import Report

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8882; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
p.lead { margin-top: .2rem; opacity: .8; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(28rem, 1fr)); gap: 1rem; }
figure { margin: 0; } figure img { width: 100%; background: #000; border-radius: 4px; }
figcaption, caption { font-size: .85rem; opacity: .8; text-align: left; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { background: var(--soft); }
td.number, th.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td.what { min-width: 10rem; } td.limits { white-space: nowrap; }
td.level { font-weight: 600; white-space: nowrap; } td.unknown { opacity: .6; }
.good { color: #2a8a3e; } .caution { color: #b36b00; } .bad { color: #cc2936; } .not-assessed { opacity: .6; }
pre { background: var(--soft); padding: .8rem; overflow-x: auto; white-space: pre-wrap; font-size: .85rem; }
"""
_ORDER = (BAD, CAUTION, GOOD, NOT_ASSESSED)
RESEARCH = "For research. This is not a medical device."
_PLANES = (
    "Axial, coronal and sagittal slice through the middle of the brain, along the slices and rows of the scan. The "
    "patient's right is on the left; in the sagittal slice, the front is on the left."
)


def page(report: Report) -> str:
    """The page of a report; every text in it that comes from outside is escaped."""
    identity = "; ".join(f"{name}: {value}" for name, value in report.identity.items())
    return document(report.title, f"{identity}. {RESEARCH}" if identity else RESEARCH, sections(report))


def document(title: str, lead: str, parts: list[str], style: str = "") -> str:
    """A whole page.

    Parameters
    ----------
    title, lead : str
        Texts; they are escaped.
    parts : list of str
        HTML, such as `sections`.
    style : str
        CSS for what `parts` hold beside those.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width"><title>{text(title)}</title>\n<style>{_STYLE}{style}</style></head>\n<body>\n'
        f'<h1>{text(title)}</h1>\n<p class="lead">{text(lead)}</p>\n{"".join(parts)}</body>\n</html>\n'
    )


def sections(report: Report) -> list[str]:
    """The parts of a report as HTML, in their order."""
    return [
        _verdicts(report.verdicts),
        _notes(report.notes),
        _pictures(report.pictures),
        *(_table(caption, rows) for caption, rows in report.tables.items()),
        f"<h2>Methods</h2>\n<p>{text(report.methods)}</p>\n",
        f"<h2>References (BibTeX)</h2>\n<pre>{text(report.bibtex)}</pre>\n",
        f"<h2>Provenance</h2>\n<pre>{text(json.dumps(report.provenance, indent=2))}</pre>\n",
    ]


def text(value: object) -> str:
    """A text as HTML: escaped, and without characters that no page may hold."""
    return escape("".join(c for c in str(value) if c.isprintable() or c == "\n"), quote=True)


def image(png: bytes, described: str, style: str = "") -> str:
    """A picture as a part of the page, with what it shows in words."""
    data = base64.b64encode(png).decode("ascii")
    kind = f'class="{text(style)}" ' if style else ""
    return f'<img {kind}src="data:image/png;base64,{data}" alt="{text(described)}">'


def framed(heading: str, caption: str, columns: tuple[str, ...], body: str) -> str:
    """A heading with a table below it.

    Parameters
    ----------
    heading, caption : str
        Texts; they are escaped.
    columns : tuple of str
        Titles of the columns; they are escaped.
    body : str
        Rows as HTML.
    """
    head = "".join(f"<th>{text(column)}</th>" for column in columns)
    return (
        f'<h2>{text(heading)}</h2>\n<div class="scroll"><table><caption>{text(caption)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>\n"
    )


def _verdicts(verdicts: tuple[Verdict, ...]) -> str:
    if not verdicts:
        return "<h2>Verdicts</h2>\n<p>Nothing was assessed.</p>\n"
    worst_first = sorted(verdicts, key=lambda verdict: _ORDER.index(verdict.level))
    rows = "\n".join(map(_verdict, worst_first))
    return framed(
        "Verdicts", "What was looked at, and from which values on it gives reason for caution or is bad.",
        ("Verdict", "What", "Value", "Limits", "What it means"), rows,
    )  # fmt: skip


def _verdict(verdict: Verdict) -> str:
    limits = [f"{name} {_number(limit)}" for name, limit in (("caution", verdict.caution), ("bad", verdict.bad))
              if limit is not None]  # fmt: skip
    value = "" if verdict.value is None else f"{_number(verdict.value)} {verdict.unit}".rstrip()
    meaning = f"{verdict.explanation} {verdict.action}".rstrip()
    style = verdict.level.replace(" ", "-")
    return (
        f'<tr><td class="level {text(style)}">{text(verdict.level)}</td><td class="what">{text(verdict.title)}</td>'
        f'<td class="number">{text(value)}</td><td class="limits">{text(", ".join(limits))}</td>'
        f"<td>{text(meaning)}</td></tr>"
    )


def _notes(notes: tuple[str, ...]) -> str:
    if not notes:
        return ""
    items = "\n".join(f"<li>{text(note)}</li>" for note in notes)
    return f"<h2>Notes</h2>\n<ul>\n{items}\n</ul>\n"


def _pictures(pictures: list[Picture]) -> str:
    figures = "\n".join(figure(picture) for picture in pictures)
    heading = f"<h2>From phase to susceptibility</h2>\n<p>{text(_PLANES)}</p>"
    return f'{heading}\n<div class="pictures">\n{figures}\n</div>\n'


def figure(picture: Picture) -> str:
    """A picture with its caption."""
    caption = picture.caption
    return f"<figure>{image(picture.png, caption)}<figcaption>{text(caption)}</figcaption></figure>"


def _table(caption: str, rows: list[Row]) -> str:
    body = "\n".join(
        f'<tr><td>{text(row.item)}</td><td{_dimmed(row)}>{text(row.value)}</td>'
        f"<td>{text(row.importance)}</td><td>{text(row.source)}</td></tr>"
        for row in rows
    )
    about = "As the consensus paper (10.1002/mrm.30006) asks to report."
    return framed(caption, about, ("Item", "Value", "Importance", "Source"), body)


def _dimmed(row: Row) -> str:
    return ' class="unknown"' if row.value.startswith(UNKNOWN) else ""


def _number(value: float) -> str:
    return f"{round(value, 6):.4g}"  # what is smaller is rounding
