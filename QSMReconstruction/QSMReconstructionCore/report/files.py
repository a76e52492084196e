"""The two files of a report: a page, and the same as JSON."""

from __future__ import annotations

import glob
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ..io.provenance import Output, output_path
from .page import page
from .report import Report

if TYPE_CHECKING:
    from ..io.bids import BidsScan

#: The page and the same as JSON.
REPORT = Output("report", "desc-report_Chimap", "", "What was done, how, and how well")


def report_patterns(bids: BidsScan | None) -> list[str]:
    """Patterns of the files of a report, as `io.provenance.output_patterns`."""
    return [glob.escape(output_path(REPORT, extension, bids).as_posix()) for extension in (".html", ".json")]


def write_report(html: Path, report: Report) -> list[Path]:
    """Write a report as a page and, beside it, as JSON.

    Parameters
    ----------
    html : Path
        Ends in .html; its folder exists. Write into a staged folder, so that both appear complete or not at all.
    report : Report

    Returns
    -------
    list of Path
    """
    told = html.with_suffix(".json")
    html.write_text(page(report), encoding="utf-8")
    told.write_text(json.dumps(report.as_dict(), indent=2) + "\n", encoding="utf-8")
    return [html, told]
