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
thead th { background: var(--soft); } td.number { text-align: right; white-space: nowrap; }
td.level { font-weight: 600; white-space: nowrap; } td.unknown { opacity: .6; }
.good { color: #2a8a3e; } .caution { color: #b36b00; } .bad { color: #cc2936; } .not-assessed { opacity: .6; }
pre { background: var(--soft); padding: .8rem; overflow-x: auto; white-space: pre-wrap; font-size: .85rem; }
"""
_ORDER = (BAD, CAUTION, GOOD, NOT_ASSESSED)
_RESEARCH = "For research. This is not a medical device."
_PLANES = (
    "Axial, coronal and sagittal slice through the middle of the brain, along the slices and rows of the scan. The "
    "patient's right is on the left; in the sagittal slice, the front is on the left."
)


def page(report: Report) -> str:
    """The page; every text in it that comes from outside is escaped."""
    sections = [
        _verdicts(report.verdicts),
        _notes(report.notes),
        _pictures(report.pictures),
        *(_table(caption, rows) for caption, rows in report.tables.items()),
        f"<h2>Methods</h2>\n<p>{_text(report.methods)}</p>\n",
        f"<h2>References (BibTeX)</h2>\n<pre>{_text(report.bibtex)}</pre>\n",
        f"<h2>Provenance</h2>\n<pre>{_text(json.dumps(report.provenance, indent=2))}</pre>\n",
    ]
    identity = "; ".join(f"{name}: {value}" for name, value in report.identity.items())
    lead = f"{identity}. {_RESEARCH}" if identity else _RESEARCH
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width"><title>{_text(report.title)}</title>\n<style>{_STYLE}</style></head>\n<body>\n'
        f'<h1>{_text(report.title)}</h1>\n<p class="lead">{_text(lead)}</p>\n{"".join(sections)}</body>\n</html>\n'
    )


def _text(text: object) -> str:
    """A text as HTML: escaped, and without characters that no page may hold."""
    return escape("".join(c for c in str(text) if c.isprintable() or c == "\n"), quote=True)


def _verdicts(verdicts: tuple[Verdict, ...]) -> str:
    if not verdicts:
        return "<h2>Verdicts</h2>\n<p>Nothing was assessed.</p>\n"
    worst_first = sorted(verdicts, key=lambda verdict: _ORDER.index(verdict.level))
    rows = "\n".join(map(_verdict, worst_first))
    return _framed(
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
        f'<tr><td class="level {_text(style)}">{_text(verdict.level)}</td><td>{_text(verdict.title)}</td>'
        f'<td class="number">{_text(value)}</td><td>{_text(", ".join(limits))}</td><td>{_text(meaning)}</td></tr>'
    )


def _notes(notes: tuple[str, ...]) -> str:
    if not notes:
        return ""
    items = "\n".join(f"<li>{_text(note)}</li>" for note in notes)
    return f"<h2>Notes</h2>\n<ul>\n{items}\n</ul>\n"


def _pictures(pictures: list[Picture]) -> str:
    figures = "\n".join(_figure(picture) for picture in pictures)
    heading = f"<h2>From phase to susceptibility</h2>\n<p>{_text(_PLANES)}</p>"
    return f'{heading}\n<div class="pictures">\n{figures}\n</div>\n'


def _figure(picture: Picture) -> str:
    data, caption = base64.b64encode(picture.png).decode("ascii"), _text(picture.caption)
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{caption}"><figcaption>{caption}</figcaption></figure>'
    )


def _table(caption: str, rows: list[Row]) -> str:
    body = "\n".join(
        f'<tr><td>{_text(row.item)}</td><td{_dimmed(row)}>{_text(row.value)}</td>'
        f"<td>{_text(row.importance)}</td><td>{_text(row.source)}</td></tr>"
        for row in rows
    )
    about = "As the consensus paper (10.1002/mrm.30006) asks to report."
    return _framed(caption, about, ("Item", "Value", "Importance", "Source"), body)


def _dimmed(row: Row) -> str:
    return ' class="unknown"' if row.value.startswith(UNKNOWN) else ""


def _framed(heading: str, caption: str, columns: tuple[str, ...], body: str) -> str:
    head = "".join(f"<th>{_text(column)}</th>" for column in columns)
    return (
        f'<h2>{_text(heading)}</h2>\n<div class="scroll"><table><caption>{_text(caption)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>\n"
    )


def _number(value: float) -> str:
    return f"{value:.4g}"
