"""The report: the result of the demo on one page that needs no other file."""

from __future__ import annotations

import math
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from QSMReconstructionCore.report.page import RESEARCH, document, image, sections
from QSMReconstructionCore.report.pictures import Picture, middle_of, picture_of
from QSMReconstructionCore.report.report import report_of

from .scatter import scatter_plot

if TYPE_CHECKING:
    from QSMRoiAnalysisCore.measures import Measurement

    from .outcome import Outcome

_STYLE = """
img.views { width: 100%; max-width: 54rem; border-radius: 6px; }
.side { display: flex; flex-wrap: wrap; gap: 2rem; align-items: flex-start; } .side table { width: auto; }
svg { max-width: 100%; }
"""

#: Field of a measurement -> heading and decimals.
_MEASURES = {
    "voxels": ("Voxels", 0),
    "volume_mm3": ("Volume (mm³)", 0),
    "mean": ("Mean", 4),
    "sd": ("SD", 4),
    "median": ("Median", 4),
    "p5": ("5 %", 4),
    "p95": ("95 %", 4),
    "coverage": ("Coverage", 2),
}

#: Score -> what it is called and its unit.
_SCORES = {
    "correlation": ("Correlation", ""),
    "nrmse": ("Normalized RMS error", " %"),
    "detrended_nrmse": ("Detrended RMS error", " %"),
    "hfen": ("High-frequency error norm", " %"),
    "xsim": ("Structural similarity (XSIM)", ""),
    "coverage": ("Part of the brain covered", ""),
}


def write_report(path: Path, outcome: Outcome) -> None:
    """Write the report as an HTML file: that of the reconstruction, with the regions and the agreement with the truth.

    Parameters
    ----------
    path : path
    outcome : Outcome
        All texts in it are escaped: names come from files of other people.
    """
    reconstruction, acquisition = outcome.nodes.reconstruction, outcome.scan.acquisition
    title = f"Susceptibility map of {outcome.scan.name}"
    report = replace(report_of(reconstruction, acquisition, title=title), notes=outcome.notes)
    parts = [_views(outcome), _regions(outcome)]
    if outcome.scores:
        parts.append(_truth(outcome.scores))
        report = replace(report, pictures=[*report.pictures, _true_susceptibility(outcome)])
    page = document(title, _lead(outcome), [*parts, *sections(report)], _STYLE)
    path.write_text(page, encoding="utf-8")


def _lead(outcome: Outcome) -> str:
    seconds = sum(outcome.nodes.reconstruction.seconds.values())
    return f"{outcome.scan.description}, reconstructed in {seconds:.0f} s. {RESEARCH}"


def _true_susceptibility(outcome: Outcome) -> Picture:
    truth, found = outcome.scan.truth, outcome.nodes.reconstruction
    relative = np.where(truth.mask, truth.susceptibility - truth.susceptibility[truth.mask].mean(), 0)
    return picture_of(relative, found.grid, middle_of(found.mask), title="True susceptibility")


def _views(outcome: Outcome) -> str:
    return (
        f"<figure>{image(outcome.pictures.views, 'Slices of the susceptibility map and its regions', 'views')}"
        "<figcaption>Susceptibility in ppm with the measured regions, in Slicer's slice views (radiological: the "
        "patient's right is on the left), and the regions in 3D.</figcaption></figure>\n"
    )


def _regions(outcome: Outcome) -> str:
    rows = outcome.rows
    reference = outcome.nodes.reconstruction.reference
    unit = rows[0].unit
    head = "".join(f"<th class='number'>{escape(title)}</th>" for title, _ in _MEASURES.values())
    body = "\n".join(_region_row(row) for row in rows)
    about = (
        f"Susceptibility in {unit}, relative to {reference.region} ({reference.voxels} voxels, mean "
        f"{reference.mean:.4f} ppm, standard deviation {reference.sd:.4f} ppm). Susceptibility from MRI is always "
        "relative, so negative values are normal. Coverage: part of the region that lies inside the map."
    )
    return (
        "<h2>Regions</h2>\n<div class='scroll'><table>"
        f"<caption>{escape(about)}</caption>\n<thead><tr><th>Region</th><th>Side</th>{head}</tr></thead>\n"
        f"<tbody>\n{body}\n</tbody></table></div>\n"
    )


def _region_row(row: Measurement) -> str:
    numbers = (_number(getattr(row, name), decimals) for name, (_, decimals) in _MEASURES.items())
    cells = "".join(f"<td class='number'>{number}</td>" for number in numbers)
    return f"<tr><td>{escape(row.region)}</td><td>{escape(row.side)}</td>{cells}</tr>"


def _truth(scores: dict) -> str:
    regional = scores["regional"]
    rows = [(title, f"{scores[name]:.3g}{unit}") for name, (title, unit) in _SCORES.items()]
    rows += [
        ("Slope of regional means", f"{regional['slope']:.3f}"),
        ("Mean error of regional means", f"{regional['mean_absolute_error']:.4f} ppm"),
        ("Regions with the wrong sign", ", ".join(regional["wrong_signs"]) or "none"),
    ]
    cells = (f"<td>{escape(title)}</td><td class='number'>{escape(text)}</td>" for title, text in rows)
    table = "\n".join(f"<tr>{row}</tr>" for row in cells)
    points = {name: (means["truth"], means["result"]) for name, means in regional["regions"].items()}
    return (
        "<h2>Agreement with the truth</h2>\n<div class='side'>"
        f"<table><caption>Inside the whole brain mask, rim included</caption>\n<tbody>\n{table}\n</tbody></table>\n"
        f"{scatter_plot(points, 'True mean (ppm)', 'Measured mean (ppm)')}</div>\n"
    )


def _number(value: float, decimals: int) -> str:
    if isinstance(value, float) and math.isnan(value):
        return ""
    return f"{round(value, decimals) + 0.0:.{decimals}f}"  # adding 0.0 turns -0.0 into 0.0
