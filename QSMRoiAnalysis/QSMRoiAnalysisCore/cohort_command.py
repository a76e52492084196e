"""The commands that analyze a study: `cohort`, and `longitudinal` for change over visits."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from QSMReconstructionCore import __version__
from QSMReconstructionCore.io.staging import check_writable

from .analysis_run import run_protocol
from .cohort import Cohort
from .cohort_tables import (
    find_tables,
    read_cohort,
    read_lesion_cohort,
    read_participants,
    read_participants_alone,
    table_kind,
)
from .descriptors import DESCRIPTORS, is_descriptor
from .lesion_table import LesionRow
from .long_table import read_long, write_long
from .maps import UNITS
from .protocols import Protocol, load_protocol
from .protocols.general import general_protocol
from .protocols.protocol import SUBJECT_REGION
from .published_effects import read_published_effects
from .results import StudyResult, write_results
from .sites import WAYS, account_for_sites, site_column
from .study import AFFECTED_COLUMN, Study
from .subject_maps import files_of_subjects, measure_subjects

#: Descriptors that every long table has a column for.
_OF_LONG_TABLES = ("skewness", "fraction_below_70ppb", "total")


def add_command(commands) -> None:
    """Add `cohort` and `longitudinal` to the commands of a parser."""
    for name, what, run in (
        ("cohort", "compare groups and relate measures to variables", run_cohort),
        ("longitudinal", "analyze change over visits", run_longitudinal),
    ):
        command = commands.add_parser(
            name, help=what, description=f"From the tables of all subjects of a study, {what}: by a protocol, or by "
            "all that the data allow. Writes Table 1, results, figures as data, and the tidy long table.",
        )
        command.set_defaults(command=run)
        _add_data_options(command.add_argument_group("data"))
        _add_map_options(command.add_argument_group("maps, to be measured first"))
        _add_analysis_options(command.add_argument_group("analysis"))


def _add_data_options(group) -> None:
    group.add_argument(
        "--tables", type=Path, metavar="PATH",
        help="folder of tables by measure, motor-cortex or lesions (sub-01.tsv, sub-01_ses-02.tsv), or a long table",
    )
    group.add_argument(
        "--participants", type=Path, metavar="T.tsv",
        help="list of participants (default: participants.tsv in the folder of the tables or above it)",
    )
    group.add_argument("--sessions", type=Path, metavar="T.tsv", help="what differs between visits, such as time_years")
    group.add_argument("--studies", type=Path, metavar="T.tsv", help="published effects, for a meta-analysis")
    group.add_argument("--session", metavar="NAME", help="take the visits of this session alone")
    group.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")


def _add_map_options(group) -> None:
    group.add_argument(
        "--maps", metavar="PATTERN", help="maps of all subjects: maps/{subject}/{session}/{subject}_Chimap.nii.gz"
    )
    group.add_argument("--labels", metavar="PATTERN", help="their label images or segmentations")
    group.add_argument("--masks", metavar="PATTERN", help="their masks")
    group.add_argument("--lookup", type=Path, metavar="F", help="names of the labels (default: the .tsv beside each)")
    group.add_argument("--reference", metavar="NAME", help="region to call zero (default: keep that of each map)")
    group.add_argument("--map-unit", choices=tuple(UNITS), help="unit of the maps (default: as their JSON files say)")


def _add_analysis_options(group) -> None:
    group.add_argument(
        "--protocol", metavar="NAME", help="a protocol by name (the command protocols lists them) or a .json file"
    )
    group.add_argument(
        "--column", action="append", default=[], metavar="NAME=COLUMN",
        help="column of a variable of the protocol, or of the group, that is called otherwise (repeatable)",
    )
    group.add_argument(
        "--label", action="append", default=[], metavar="GROUP=LABEL",
        help="label of a group of the protocol that is called otherwise (repeatable)",
    )
    group.add_argument("--site-column", metavar="NAME", help="column of sites (default: site or scanner, if there)")
    group.add_argument(
        "--sites", choices=tuple(WAYS), default="combat",
        help="what to do about several sites: " + "; ".join(f"{name}: {what}" for name, what in WAYS.items()),
    )
    group.add_argument(
        "--partial", action="store_true", help="make those analyses that the data allow, and list what is missing"
    )
    group.add_argument("--unit", choices=tuple(UNITS), default="ppb", help="unit of the results (default: ppb)")


def run_cohort(options: argparse.Namespace) -> None:
    """Analyze a study as the options say."""
    _run(options, longitudinal=False)


def run_longitudinal(options: argparse.Namespace) -> None:
    """Analyze change over visits as the options say."""
    _run(options, longitudinal=True)


def _run(options: argparse.Namespace, longitudinal: bool) -> None:
    check_writable(options.out)
    protocol = load_protocol(options.protocol) if options.protocol else None
    if protocol and longitudinal and protocol.design != "longitudinal":
        raise ValueError(f"{protocol.name} is no design over visits. Run it with the command cohort.")
    if protocol and protocol.rows == "studies":
        study, notes = _of_studies(protocol, options), []
        remarks, findings = (), ()
    else:
        cohort, notes = _cohort(options, protocol)
        columns, labels = _pairs("--column", options.column), _pairs("--label", options.label)
        if protocol is None:
            protocol = general_protocol(cohort, longitudinal=longitudinal, group_column=columns.get("group"))
        _check_names(protocol, columns, labels)
        study = Study(protocol, cohort, columns, labels)
        column = site_column(study, options.site_column)
        remarks, findings = (), ()
        if column:
            study, remarks, findings = account_for_sites(study, column, options.sites)
    result = run_protocol(
        study, partial=options.partial, remarks=(*remarks, *notes), more=findings,
        provenance=_provenance(options, study), progress=_show_progress,
    )
    write_results(options.out, result)
    if study.cohort.visits and study.protocol.rows == "regions":
        write_long(options.out / "long.tsv", study.cohort)
    _report(result, options.out)


def _cohort(options: argparse.Namespace, protocol: Protocol | None) -> tuple[Cohort, list[str]]:
    if protocol is not None and protocol.rows == "participants":
        participants = options.participants or (options.tables and _participants(options, options.tables))
        if not participants:
            raise ValueError(f"{protocol.name} takes the list of participants alone. Give it with --participants.")
        return read_participants_alone(participants, protocol.measures, SUBJECT_REGION), []
    if (options.tables is None) == (options.maps is None):
        raise ValueError("Give either --tables, or --maps with --labels.")
    notes: list[str] = []
    if options.maps is not None:
        cohort = _measured(options, protocol, notes)
    elif options.tables.is_file() and table_kind(options.tables) is not LesionRow:
        cohort = read_long(options.tables, unit=options.unit)
        if options.participants is not None:
            cohort = replace(cohort, participants=_joined(cohort, options.participants))
    else:
        cohort = _read(options)
    return cohort.session(options.session) if options.session else cohort, notes


def _read(options: argparse.Namespace) -> Cohort:
    participants = _participants(options, options.tables)
    facts = {"sessions": options.sessions, "unit": options.unit}
    paths = [options.tables] if options.tables.is_file() else sorted(options.tables.rglob("*.tsv"))
    if not paths:
        raise ValueError(f"{options.tables} has no table.")
    lesions = [path for path in paths if table_kind(path) is LesionRow]
    if lesions:
        return read_lesion_cohort(lesions, participants, **facts)
    return read_cohort(find_tables(options.tables), participants, **facts)


def _participants(options: argparse.Namespace, beside: Path) -> Path:
    if options.participants is not None:
        return options.participants
    folder = beside if beside.is_dir() else beside.parent
    for path in (folder / "participants.tsv", folder.parent / "participants.tsv"):
        if path.is_file():
            return path
    raise ValueError(f"There is no participants.tsv in {folder} or above it. Name it with --participants.")


def _joined(cohort: Cohort, participants: Path) -> dict[str, dict[str, str]]:
    columns = read_participants(participants)
    known = next(iter(columns.values()))
    if strangers := sorted({visit.subject for visit in cohort.visits} - set(known)):
        raise ValueError(f"{participants.name} does not list {', '.join(strangers[:6])}, who are in the long table.")
    return columns


def _measured(options: argparse.Namespace, protocol: Protocol | None, notes: list[str]) -> Cohort:
    if options.labels is None:
        raise ValueError("--maps needs --labels, the pattern of the label images.")
    if options.participants is None:
        raise ValueError("--maps needs --participants, the list of participants.")
    files, lacking = files_of_subjects(options.maps, options.labels, mask=options.masks, lookup=options.lookup)
    wanted = [*_OF_LONG_TABLES, *(protocol.measures if protocol else ())]
    chosen = [name for name in dict.fromkeys(wanted) if is_descriptor(name) and not _needs(name)]
    measured = measure_subjects(
        files, options.out / "tables", descriptors=chosen, reference=options.reference, map_unit=options.map_unit,
        progress=_show_progress,
    )
    failed = {**lacking, **measured.failed}
    notes += [f"Not measured: {' '.join(filter(None, visit))}: {why}" for visit, why in failed.items()]
    notes += measured.notes
    if measured.kept:
        notes.append(f"{measured.kept} table(s) of an earlier run were kept, because their files have not changed.")
    cohort = read_cohort(measured.tables, options.participants, sessions=options.sessions, unit=options.unit)
    hashes = {visit: measured.hashes.get(visit, "") for visit in cohort.visits}
    return replace(cohort, sessions={**cohort.sessions, "map_hash": hashes})


def _needs(name: str) -> bool:
    """Whether a descriptor takes more than map and labels."""
    return name in DESCRIPTORS and bool(DESCRIPTORS[name].needs)


def _of_studies(protocol: Protocol, options: argparse.Namespace) -> Study:
    if options.studies is None:
        raise ValueError(f"{protocol.name} takes a table of published effects. Give it with --studies.")
    return Study(protocol, Cohort((), options.unit, {}, {}, ()), evidence=read_published_effects(options.studies))


def _pairs(option: str, texts: list[str]) -> dict[str, str]:
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise ValueError(f"{option} must be a name, =, and what it is called in the data, but got {text!r}.")
        found[name.strip()] = value.strip()
    return found


def _check_names(protocol: Protocol, columns: dict[str, str], labels: dict[str, str]) -> None:
    known = dict.fromkeys((*protocol.variables, "group", AFFECTED_COLUMN))
    if unknown := [name for name in columns if name not in known]:
        raise ValueError(f"{protocol.name} has no variable {', '.join(unknown)}; it has {', '.join(known)}.")
    groups = [group.label for group in protocol.groups]
    if unknown := [name for name in labels if name not in groups]:
        raise ValueError(f"{protocol.name} has no group {', '.join(unknown)}; it has {', '.join(groups) or 'none'}.")


def _provenance(options: argparse.Namespace, study: Study) -> dict[str, object]:
    chosen = {name: value for name, value in vars(options).items() if name != "command" and value not in (None, [])}
    return {
        "software": f"QSMRoiAnalysisCore {__version__}",
        "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "options": {name: str(value) if isinstance(value, Path) else value for name, value in chosen.items()},
        "visits": len(study.cohort.visits),
        "family": {"name": study.protocol.family.name, "method": study.protocol.family.method,
                   "level": study.protocol.family.level, "as_published": study.protocol.family.as_published},
    }  # fmt: skip


def _show_progress(fraction: float, message: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{fraction:4.0%} {message:<40}", end="" if fraction < 1 else "\n", file=sys.stderr, flush=True)


def _report(result: StudyResult, out: Path) -> None:
    tests = [one for one in result.findings if one.role == "test"]
    beyond = sum(one.adjusted_p <= 0.05 for one in tests)
    sizes = ", ".join(f"{name} {n}" for name, n in result.groups.items())
    found = f"{beyond} of {len(tests)} adjusted p <= 0.05"
    print(f"{result.protocol}: {len(result.findings)} findings ({sizes}), {found}: {out}")
    for omission in result.omissions:
        where = " ".join(filter(None, (omission.measure, omission.region, omission.side)))
        print(f"Omitted: {omission.analysis}{f' of {where}' if where else ''}: {omission.reason}", file=sys.stderr)
    for note in result.remarks:
        print(f"Note: {note}", file=sys.stderr)
