"""Verdicts as rich text for the panel: the worst first, each with a mark in its color, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from slicer.i18n import tr as _

from QSMReconstructionCore.quality import BAD, CAUTION, GOOD, NOT_ASSESSED, Verdict

#: Colors that can be read on a light and on a dark background (contrast of at least 3 with white and with #353535).
_COLORS = {BAD: "#e04848", CAUTION: "#c08000", GOOD: "#2f9e56", NOT_ASSESSED: "#8c8c8c"}


def verdict_lines(verdicts: Sequence[Verdict]) -> str:
    """Verdicts as HTML: faults in full, then what is good and what was not assessed in one line each."""
    lines = []
    for level in (BAD, CAUTION):
        for verdict in (one for one in verdicts if one.level == level):
            action = f"<br><i>{escape(verdict.action)}</i>" if verdict.action else ""
            lines.append(_marked(level, f"<b>{escape(verdict.title)}.</b> {escape(verdict.explanation)}{action}"))
    for level, words in ((GOOD, _("Good")), (NOT_ASSESSED, _("Not assessed"))):
        titles = [verdict.title for verdict in verdicts if verdict.level == level]
        if titles:
            lines.append(_marked(level, f"<b>{words}:</b> {escape(', '.join(titles))}."))
    return "".join(lines)


def problem_line(sentence: str) -> str:
    """A sentence about what cannot be used, as HTML."""
    return _marked(BAD, escape(sentence))


def request_line(sentence: str) -> str:
    """A sentence about what is still to be done, as HTML."""
    return _marked(NOT_ASSESSED, escape(sentence))


def in_full(verdicts: Sequence[Verdict]) -> str:
    """All verdicts in plain text, for a tool tip."""
    return "\n".join(verdict.sentence for verdict in verdicts)


def _marked(level: str, html: str) -> str:
    return (
        f'<table cellspacing="0" cellpadding="2"><tr><td style="color:{_COLORS[level]}">&#9679;</td>'
        f"<td>{html}</td></tr></table>"
    )
