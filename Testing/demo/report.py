"""The report: the result of the demo on one page that needs no other file."""

from __future__ import annotations

import base64
import math
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from QSMReconstructionCore.methods import STAGES, method

from .scatter import scatter_plot

if TYPE_CHECKING:
    from QSMRoiAnalysisCore.measures import Measurement

    from .workflow import Outcome

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8882; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
p.lead { margin-top: .2rem; opacity: .8; }
img.views { width: 100%; max-width: 54rem; border-radius: 6px; }
.steps { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: .8rem; }
figure { margin: 0; } .steps img { width: 100%; border-radius: 4px; }
figcaption, caption { font-size: .85rem; opacity: .8; text-align: left; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { background: var(--soft); } td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.side { display: flex; flex-wrap: wrap; gap: 2rem; align-items: flex-start; }
svg { max-width: 100%; } code { font-size: .9em; overflow-wrap: anywhere; } code.name { white-space: nowrap; }
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
    """Write the report as an HTML file.

    Parameters
    ----------
    path : path
    outcome : Outcome
        All texts in it are escaped: names come from files of other people.
    """
    sections = [_heading(outcome), _views(outcome), _steps(outcome), _regions(outcome)]
    if outcome.scores:
        sections.append(_truth(outcome.scores))
    sections += [_recipe(outcome), _notes(outcome), _origin(outcome)]
    title = escape(f"Susceptibility map of {outcome.scan.name}")
    page = f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>{_STYLE}</style></head>
<body>
{"".join(sections)}</body>
</html>
"""
    path.write_text(page, encoding="utf-8")


def _heading(outcome: Outcome) -> str:
    acquisition = outcome.scan.acquisition
    size = " × ".join(str(n) for n in acquisition.grid.shape[::-1])
    spacing = " × ".join(f"{mm:.3g}" for mm in acquisition.grid.spacing[::-1])
    times = ", ".join(f"{1000 * time:.3g}" for time in acquisition.echo_times)
    seconds = sum(outcome.nodes.reconstruction.seconds.values())
    echoes = len(acquisition.echo_times)
    facts = (
        f"{outcome.scan.description}. {acquisition.field_strength:g} T, {echoes} echo{'es' if echoes > 1 else ''} at "
        f"{times} ms, {size} voxels of {spacing} mm; reconstructed in {seconds:.0f} s."
    )
    return f"<h1>{escape(f'Susceptibility map of {outcome.scan.name}')}</h1>\n<p class='lead'>{escape(facts)}</p>\n"


def _views(outcome: Outcome) -> str:
    return (
        f"<figure>{_image(outcome.pictures.views, 'Slices of the susceptibility map and its regions', 'views')}"
        "<figcaption>Susceptibility in ppm with the measured regions, in Slicer's slice views (radiological: the "
        "patient's right is on the left), and the regions in 3D.</figcaption></figure>\n"
    )


def _steps(outcome: Outcome) -> str:
    figures = "\n".join(
        f"<figure>{_image(png, caption)}<figcaption>{escape(caption)}</figcaption></figure>"
        for caption, png in outcome.pictures.steps
    )
    return f"<h2>From phase to susceptibility</h2>\n<div class='steps'>{figures}</div>\n"


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


def _recipe(outcome: Outcome) -> str:
    reconstruction = outcome.nodes.reconstruction
    rows = []
    for stage, purpose in STAGES.items():
        chosen = dict(reconstruction.recipe.stages[stage])
        name = chosen.pop("method")
        values = ", ".join(f"{key} = {value}" for key, value in chosen.items())
        links = ", ".join(
            f"<a href='https://doi.org/{escape(doi, quote=True)}'>{escape(doi)}</a>"
            for doi in method(stage, name).references
        )
        seconds = _number(reconstruction.seconds.get(stage, math.nan), 1)
        rows.append(
            f"<tr><td>{escape(purpose)}</td><td><code class='name'>{escape(name)}</code></td>"
            f"<td><code>{escape(values)}</code></td><td class='number'>{seconds}</td><td>{links}</td></tr>"
        )
    head = "<th>Stage</th><th>Method</th><th>Parameters</th><th class='number'>Seconds</th><th>References</th>"
    body = "\n".join(rows)
    return (
        f"<h2>Recipe</h2>\n<div class='scroll'><table><thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{body}\n</tbody></table></div>\n"
    )


def _notes(outcome: Outcome) -> str:
    if not outcome.notes:
        return ""
    items = "\n".join(f"<li>{escape(note)}</li>" for note in outcome.notes)
    return f"<h2>Notes</h2>\n<ul>\n{items}\n</ul>\n"


def _origin(outcome: Outcome) -> str:
    sources = [f"{fact}: {source}" for fact, source in outcome.scan.acquisition.sources.items()]
    identity = outcome.nodes.reconstruction.input_identity
    items = [
        f"Input (SHA-256 of values, echo times, field strength, geometry): {identity}",
        *[f"File: {file}" for file in outcome.scan.files],
        *([f"Where facts came from: {'; '.join(sources)}"] if sources else []),
        "Software: " + ", ".join(f"{name} {version}" for name, version in outcome.versions.items()),
        "Not a medical device; for research.",
    ]
    return "<h2>Origin</h2>\n<ul>\n" + "\n".join(f"<li>{escape(item)}</li>" for item in items) + "\n</ul>\n"


def _image(png: bytes, description: str, style: str = "") -> str:
    data = base64.b64encode(png).decode("ascii")
    described = escape(description, quote=True)
    return f'<img class="{style}" src="data:image/png;base64,{data}" alt="{described}">'


def _number(value: float, decimals: int) -> str:
    if isinstance(value, float) and math.isnan(value):
        return ""
    return f"{round(value, decimals) + 0.0:.{decimals}f}"  # adding 0.0 turns -0.0 into 0.0
