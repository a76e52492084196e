"""The command that makes a page of results: of a study, or of one map."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from QSMReconstructionCore.io.staging import staged_file, staged_folder

from .report.cohort import cohort_page, file_name
from .results import StudyResult, read_result


def add_command(commands) -> None:
    """Add `report` to the commands of a parser."""
    command = commands.add_parser(
        "report", help="make a page of the results of a study",
        description="Make one HTML page of the results of a study, with all tables and figures in it.",
    )  # fmt: skip
    command.set_defaults(command=run)
    command.add_argument(
        "results", type=Path, metavar="RESULTS", help="folder that cohort or longitudinal wrote, or its results.json"
    )
    command.add_argument("--out", type=Path, required=True, metavar="P.html", help="the page")
    command.add_argument("--figures", type=Path, metavar="DIR", help="also write each figure as PNG and as SVG")


def run(options: argparse.Namespace) -> None:
    """Make the page as the options say."""
    if options.out.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--out must be a page that ends in .html, but got {options.out.name}.")
    result = read_result(options.results)
    # Drawing needs VTK, and VTK a graphics library: measuring must run where there is neither.
    from .charts.drawing import png_of
    from .charts.rendering import Renderer

    renderer = Renderer()
    page = cohort_page(result, lambda figure: png_of(figure, renderer), _show_progress)
    _write(options.out, page)
    if options.figures is not None:
        _write_figures(options.figures, result, renderer)
    print(f"{result.protocol}: {len(result.findings)} findings and {len(result.figures)} figures: {options.out}")


def _write(path: Path, page: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with staged_file(path) as file:
        file.write(page.encode())


def _write_figures(folder: Path, result: StudyResult, renderer) -> None:
    from .charts.drawing import png_of, svg_of

    with staged_folder(folder) as stage:
        for number, figure in enumerate(result.figures, 1):
            stem = stage / file_name(figure, number)
            stem.with_suffix(".png").write_bytes(png_of(figure, renderer))
            stem.with_suffix(".svg").write_bytes(svg_of(figure, renderer))


def _show_progress(fraction: float, message: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{fraction:4.0%} {message[:60]:<60}", end="", file=sys.stderr, flush=True)
