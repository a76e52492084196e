"""The command that lists protocols, or shows one with what a study needs for it."""

from __future__ import annotations

import argparse

from .analyses import ANALYSES
from .protocols import load_protocol, protocol_names


def add_command(commands) -> None:
    """Add `protocols` to the commands of a parser."""
    command = commands.add_parser(
        "protocols", help="list the protocols, or show one",
        description="List the study designs that can be run on one's own data, or show one of them.",
    )
    command.set_defaults(command=run)
    command.add_argument("name", nargs="?", help="a protocol to show (default: list all)")


def run(options: argparse.Namespace) -> None:
    """Print the list, or one protocol."""
    if options.name is None:
        for name in protocol_names():
            protocol = load_protocol(name)
            print(f"{name:7} {protocol.disease}: {protocol.title}. {protocol.citation.text}")
        return
    protocol = load_protocol(options.name)
    citation = protocol.citation
    source = f" https://doi.org/{citation.doi}" if citation.doi else f" {citation.url}".rstrip()
    print(f"{protocol.name}: {protocol.title} ({protocol.disease}, {protocol.design})")
    print(f"  {citation.text}{source}")
    print(f"  rows: {protocol.rows}; unit: {protocol.unit}; reference: {protocol.reference or 'not known'}")
    if protocol.groups:
        print("  groups: " + ", ".join(f"{g.label}{f' ({g.role})' if g.role else ''}" for g in protocol.groups))
    regions = [f"{r.name}{f' minus {r.minus}' if r.minus else ''} ({r.sides})" for r in protocol.regions]
    if regions:
        print("  regions (sides): " + ", ".join(regions))
    if protocol.measures:
        print("  measures: " + ", ".join(protocol.measures))
    for name, variable in protocol.variables.items():
        role = "covariate" if name in protocol.covariates else "variable"
        print(f"  {role} {name}: {variable.means} ({variable.kind})")
    for test in protocol.tests:
        options_of = ", ".join(f"{name} {value}" for name, value in test.parameters.items())
        print(f"  {test.kind}{f' ({options_of})' if options_of else ''}: {ANALYSES[test.kind].summary}")
    family = protocol.family
    chosen = "as published" if family.as_published else "the choice of this protocol"
    print(f"  family: {family.name}, {family.method} at {family.level:g} ({chosen})")
    for limit in protocol.limits:
        print(f"  limit: {limit}")
