"""The command that makes a page of results: of a study, or of one map."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from QSMReconstructionCore.io.staging import staged_file, staged_folder

from .figure_data import Figure
from .maps import UNITS, read_map
from .norm_comparison import beside_norms
from .norms import read_controls
from .region_files import read_regions
from .report.cohort import cohort_page
from .report.figures import file_name
from .report.subject import beside_healthy, in_unit_of_map, region_pictures, subject_page
from .results import LiteratureComparison, read_result
from .table import read_table


def add_command(commands) -> None:
    """Add `report` to the commands of a parser."""
    command = commands.add_parser(
        "report", help="make a page of the results of a study, or of one map",
        description="Make one HTML page with all tables and figures in it: of the results of a study, or of the table "
        "that measure wrote of one map, whose regions are shown on it.",
    )  # fmt: skip
    command.set_defaults(command=run)
    command.add_argument(
        "results", type=Path, nargs="?", metavar="RESULTS",
        help="of a study: the folder that cohort or longitudinal wrote, or its results.json",
    )
    command.add_argument("--out", type=Path, required=True, metavar="P.html", help="the page")
    command.add_argument(
        "--figures", type=Path, metavar="DIR", help="also write the figures of a study, or of norms, as PNG and as SVG"
    )
    group = command.add_argument_group("one map")
    group.add_argument("--table", type=Path, metavar="T.tsv", help="of one map: the table that measure wrote")
    group.add_argument("--map", type=Path, metavar="F", help="the map, to show the regions on it")
    group.add_argument("--labels", type=Path, metavar="F", help="its label image or segmentation")
    group.add_argument(
        "--lookup", type=Path, metavar="F", help="names of the labels (default: the .tsv beside the labels)"
    )
    group.add_argument("--map-unit", choices=tuple(UNITS), help="unit of the map (default: as its JSON file says)")
    group.add_argument(
        "--norms", type=Path, metavar="T.tsv",
        help="controls to show the map beside: columns region, age, mean, unit, and possibly side and reference",
    )
    group.add_argument("--age", type=float, default=float("nan"), metavar="YEARS", help="age of the subject")


def run(options: argparse.Namespace) -> None:
    """Make the page as the options say."""
    if options.out.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--out must be a page that ends in .html, but got {options.out.name}.")
    if (options.results is None) == (options.table is None):
        raise ValueError("Give either the results of a study, or --table with the measurements of one map.")
    if options.table is not None:
        _report_map(options)
    else:
        _report_study(options)


def _report_study(options: argparse.Namespace) -> None:
    if options.map is not None or options.labels is not None or options.norms is not None:
        raise ValueError("--map, --labels and --norms belong to --table: a study has many maps. Leave them out.")
    result = read_result(options.results)
    # Drawing needs VTK, and VTK a graphics library: measuring must run where there is neither.
    from .charts.drawing import png_of
    from .charts.rendering import Renderer

    renderer = Renderer()
    page = cohort_page(result, lambda figure: png_of(figure, renderer), _show_progress)
    _write(options.out, page)
    if options.figures is not None:
        _write_figures(options.figures, result.figures, renderer)
    print(f"{result.protocol}: {len(result.findings)} findings and {len(result.figures)} figures: {options.out}")


def _report_map(options: argparse.Namespace) -> None:
    if (options.map is None) != (options.labels is None):
        raise ValueError("Regions are shown on a map with both --map and --labels. Give both or neither.")
    if options.figures is not None and options.norms is None:
        raise ValueError("--figures belongs to the results of a study, or to --norms. Leave it out.")
    if (options.norms is None) != math.isnan(options.age):
        raise ValueError("A norm depends on age: give both --norms and --age, or neither.")
    rows = read_table(options.table)
    if not rows:
        raise ValueError(f"{options.table.name} has no row. Measure at least one region.")
    pictures, omitted = [], 0
    if options.map is not None:
        susceptibility = read_map(options.map, options.map_unit)
        regions, _ = read_regions(options.labels, susceptibility.grid, options.lookup)
        pictures = region_pictures(susceptibility, regions)
        omitted = len({region.structure for region in regions if region.inside.any()}) - len(pictures)
    comparisons = beside_healthy(rows)
    drawn = [one for one in comparisons if one.published_unit in UNITS]
    norms, charts = (), []
    if options.norms is not None:
        norms, figures = beside_norms(rows, read_controls(options.norms), options.age)
        charts = _charts(figures, options.figures)
    _write(options.out, subject_page(rows, drawn, _bars(drawn), pictures, omitted, norms, charts))
    beside = f" and {len(norms)} norms" if norms else ""
    print(f"{len(rows)} rows beside {len(drawn)} published values{beside}, {len(pictures)} pictures: {options.out}")


def _charts(figures: Sequence[Figure], folder: Path | None) -> list[tuple[Figure, bytes]]:
    """Figures with PNG files of them, which are also written into the folder if there is one."""
    from .charts.drawing import png_of
    from .charts.rendering import Renderer

    renderer = Renderer()
    if folder is not None:
        _write_figures(folder, figures, renderer)
    return [(figure, png_of(figure, renderer)) for figure in figures]


def _bars(comparisons: Sequence[LiteratureComparison]) -> bytes | None:
    """The values of the map against the published ones as a PNG file."""
    if not comparisons:
        return None
    from .charts.drawing import height_of_rows
    from .charts.reference_bars import ReferenceBar, reference_bars
    from .charts.rendering import Renderer

    bars = [
        ReferenceBar(
            f"{one.region} {one.side}".strip(), one.mean, in_unit_of_map(one, one.published),
            in_unit_of_map(one, one.published_sd), comparable=math.isfinite(one.difference),
        )
        for one in comparisons
    ]  # fmt: skip
    return Renderer().png(reference_bars(bars, comparisons[0].unit), height_of_rows(len(bars)))


def _write(path: Path, page: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with staged_file(path) as file:
        file.write(page.encode())


def _write_figures(folder: Path, figures: Sequence[Figure], renderer) -> None:
    from .charts.drawing import png_of, svg_of

    with staged_folder(folder) as stage:
        for number, figure in enumerate(figures, 1):
            stem = stage / file_name(figure, number)
            stem.with_suffix(".png").write_bytes(png_of(figure, renderer))
            stem.with_suffix(".svg").write_bytes(svg_of(figure, renderer))


def _show_progress(fraction: float, message: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{fraction:4.0%} {message[:60]:<60}", end="", file=sys.stderr, flush=True)
