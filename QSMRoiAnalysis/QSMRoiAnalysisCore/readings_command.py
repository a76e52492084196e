"""The commands that prepare and evaluate what readers score on images."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from QSMReconstructionCore import __version__
from QSMReconstructionCore.io.staging import staged_folder

from .cohort import listed
from .cohort_tables import read_participants, table_kind
from .lesion_table import LesionRow
from .readings.agreement import AgreementRow, agreement_rows
from .readings.consensus import RULES, columns_of_subjects, consensus, lesions_with_scores
from .readings.scale import Scale, load_scale, scale_names
from .readings.sheet import Item, items_of_lesions, items_of_sides, read_sheets, write_sheets
from .table import MISSING, plain_text, read_table, write_cells, write_table


def add_command(commands) -> None:
    """Add `readings` to the commands of a parser."""
    command = commands.add_parser(
        "readings", help="score sheets for readers, their agreement, and what they say together",
        description="Prepare sheets on which readers score signs such as the swallow tail, the motor cortex or rims of "
        "lesions, and make of the filled sheets a measure of agreement and columns for the list of participants.",
    )  # fmt: skip
    actions = command.add_subparsers(title="actions", required=True, metavar="ACTION")
    scales = actions.add_parser("scales", help="list the scales, or show one")
    scales.set_defaults(command=run_scales)
    scales.add_argument("name", nargs="?", help="a scale to show (default: list all)")
    sheets = actions.add_parser("sheets", help="write a blank sheet for each reader")
    sheets.set_defaults(command=run_sheets)
    _add_data_options(sheets)
    sheets.add_argument("--readers", nargs="+", required=True, metavar="NAME", help="who reads")
    sheets.add_argument(
        "--seed", type=int, metavar="N", help="subjects in a random order for each reader (default: as in the table)"
    )
    sheets.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the sheets")
    combine = actions.add_parser("combine", help="check filled sheets, and join them to the study")
    combine.set_defaults(command=run_combine)
    combine.add_argument("sheets", type=Path, nargs="+", metavar="T.tsv", help="the filled sheets of all readers")
    _add_data_options(combine)
    combine.add_argument(
        "--rule", choices=tuple(RULES), default="majority",
        help="what makes one score: " + "; ".join(f"{name}: {words}" for name, (_, words) in RULES.items()),
    )
    combine.add_argument("--decides", default="", metavar="NAME", help="reader who decides where the rule does not")
    combine.add_argument(
        "--weights", choices=("linear", "quadratic"), default="linear",
        help="of kappa, on scales that have an order (default: linear)",
    )
    combine.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")


def _add_data_options(command) -> None:
    command.add_argument(
        "--scale", required=True, metavar="NAME", help=f"{', '.join(scale_names())}, or a .json file of your own"
    )
    command.add_argument("--participants", type=Path, metavar="T.tsv", help="the list of participants")
    command.add_argument("--lesions", type=Path, nargs="+", default=[], metavar="T.tsv", help="tables of lesions")
    command.add_argument(
        "--candidates", action="store_true", help="of lesions, only those whose rim is worth a reader's look"
    )


def run_scales(options: argparse.Namespace) -> None:
    """Print the list, or one scale."""
    for name in scale_names() if options.name is None else (options.name,):
        scale = load_scale(name)
        citation = scale.citation
        source = f"{citation.text}{f' https://doi.org/{citation.doi}' if citation.doi else ''}"
        print(f"{scale.name}: {scale.title} ({scale.disease}), for each {scale.per}. {source}")
        if options.name is not None:
            print(f"  {scale.question}")
            for score in scale.scores:
                print(f"  {score.value}: {score.name}, {score.means}")
            for column, rule in scale.columns.items():
                print(f"  column {column}: {rule}")
            for limit in scale.limits:
                print(f"  limit: {limit}")


def run_sheets(options: argparse.Namespace) -> None:
    """Write blank sheets as the options say."""
    scale = load_scale(options.scale)
    items = _items(scale, options, _lesions(scale, options))
    with staged_folder(options.out) as stage:
        paths = write_sheets(stage, scale, items, options.readers, options.seed)
    print(f"{scale.title}: {len(items)} lines for each of {len(paths)} reader(s): {options.out}")
    print(f"Scores: {', '.join(scale.values)}; {MISSING} for what cannot be read.")


def run_combine(options: argparse.Namespace) -> None:
    """Check the sheets, and write agreement and consensus."""
    scale = load_scale(options.scale)
    lesions = _lesions(scale, options)
    known = _items(scale, argparse.Namespace(**{**vars(options), "candidates": False}), lesions)
    expected = _items(scale, options, lesions) if scale.per == "side" or options.candidates else ()
    ratings = read_sheets(options.sheets, scale, expected, known)
    found = consensus(ratings, rule=options.rule, decides=options.decides)
    agreement = agreement_rows(ratings, weights=options.weights) if len(ratings.readers) > 1 else ()
    columns = columns_of_subjects(found, [row.subject for row in lesions])
    with staged_folder(options.out) as stage:
        if options.participants is not None:
            _write_participants(stage / "participants.tsv", options.participants, columns)
        if lesions:
            write_table(stage / "lesions.tsv", lesions_with_scores(lesions, found), LesionRow)
        if agreement:
            write_table(stage / "agreement.tsv", agreement, AgreementRow)
        (stage / "readings.json").write_text(
            json.dumps(_provenance(scale, found, options, columns), indent=2, ensure_ascii=False) + "\n",
            encoding="utf-8",
        )
    print(f"{scale.title}: {len(ratings.items)} items by {', '.join(ratings.readers)}: {options.out}")
    print(f"Each item has {found.rule}.")
    for row in agreement:
        limits = f" [{row.low:.3f}, {row.high:.3f}]" if row.low == row.low else ""
        value = f"{row.value:.3f}{limits}" if row.value == row.value else f"unknown: {row.remark}"
        print(f"{row.readers}, {row.place}: {row.statistic} {value}, n = {row.n}")
    if found.unresolved:
        print(
            f"Note: {len(found.unresolved)} item(s) have no score by this rule: "
            f"{listed([str(item) for item in found.unresolved])}. Read them together, or name who --decides.",
            file=sys.stderr,
        )


def _lesions(scale: Scale, options: argparse.Namespace) -> list[LesionRow]:
    if scale.per == "side":
        if options.lesions or options.candidates:
            raise ValueError(f"{scale.name} is read on sides. Leave --lesions and --candidates out.")
        if options.participants is None:
            raise ValueError(f"{scale.name} is read on sides of participants. Give the list with --participants.")
        return []
    if not options.lesions:
        raise ValueError(f"{scale.name} is read on lesions. Give their tables with --lesions.")
    if strange := [path.name for path in options.lesions if table_kind(path) is not LesionRow]:
        raise ValueError(f"No table of the command lesions: {', '.join(strange)}.")
    rows = [row for path in options.lesions for row in read_table(path, LesionRow)]
    if any(not row.subject for row in rows):
        raise ValueError("Lesions without a subject cannot be told apart. Measure them with --subject.")
    return rows


def _items(scale: Scale, options: argparse.Namespace, lesions: Sequence[LesionRow]) -> tuple[Item, ...]:
    if scale.per == "side":
        columns = read_participants(options.participants)
        return items_of_sides(list(next(iter(columns.values()))))
    return items_of_lesions(lesions, candidates=options.candidates)


def _write_participants(path: Path, source: Path, columns: dict[str, dict[str, str]]) -> None:
    cells = read_participants(source)
    subjects = list(next(iter(cells.values())))
    plain = {subject.removeprefix("sub-"): subject for column in columns.values() for subject in column}
    for column, found in columns.items():
        cells[column] = {one: found.get(plain.get(one.removeprefix("sub-"), one), "") for one in subjects}
    rows = [[plain_text(cells[column][subject]) or MISSING for column in cells] for subject in subjects]
    write_cells(path, [plain_text(column) for column in cells], rows)


def _provenance(scale: Scale, found, options: argparse.Namespace, columns: dict) -> dict:
    return {
        "Scale": scale.name,
        "Source": {"Citation": scale.citation.text, "DOI": scale.citation.doi},
        "Limits": list(scale.limits),
        "Readers": list(found.ratings.readers),
        "Rule": found.rule,
        "Unresolved": [str(item) for item in found.unresolved],
        "Columns": {name: scale.columns.get(name, "score of this side") for name in columns},
        "Sheets": [path.name for path in options.sheets],
        "Software": f"QSMRoiAnalysisCore {__version__}",
    }
