"""The command that imports an atlas from where its authors distribute it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .atlas.atlas import CONTRASTS
from .atlas.importing import import_atlas


def add_command(commands) -> None:
    """Add `atlas` to the commands of a parser."""
    command = commands.add_parser(
        "atlas", help="import an atlas", description="Bring an atlas into the form that the command label takes."
    )
    actions = command.add_subparsers(title="actions", required=True, metavar="ACTION")
    action = actions.add_parser(
        "import", help="import an atlas from a folder, an archive or a Python package",
        description="Find the image of regions and the names of its labels in a distribution, and write a folder with "
        "them, with templates, license and citation. Nothing is downloaded.",
    )  # fmt: skip
    action.set_defaults(command=run_import)
    action.add_argument(
        "source",
        help="folder, .zip, .whl, image in its folder, .xml of FSL, or installed Python package; names of labels as "
        "dseg.tsv, table, color table of FreeSurfer, Slicer or ITK-SNAP, or XML",
    )
    action.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder for the atlas")
    action.add_argument(
        "--license", required=True, metavar="TEXT", help="terms of use of the atlas, or the address that states them"
    )
    action.add_argument("--citation", required=True, metavar="TEXT", help="what to cite")
    action.add_argument(
        "--template", action="append", required=True, metavar="CONTRAST=F",
        help=f"image of the space of the atlas ({', '.join(CONTRASTS)}): a file, or one in the source (repeatable)",
    )
    action.add_argument("--brain", metavar="F", help="brain of the template: a file, or one in the source")
    action.add_argument("--labels", default="", metavar="NAME", help="image or .xml, where the source has several")
    action.add_argument("--lookup", default="", metavar="NAME", help="list of names, where it is not told by its name")
    action.add_argument("--name", default="", help="name of the atlas (default: that of the image)")
    action.add_argument("--version", default="", help="version of the atlas")


def run_import(options: argparse.Namespace) -> None:
    """Import as the options say, and show the terms."""
    templates = {}
    for text in options.template:
        contrast, equals, path = text.partition("=")
        if not (equals and contrast and path):
            raise ValueError(f"--template must be a contrast, =, and a file, but got {text!r}.")
        templates[contrast] = path
    found = import_atlas(
        options.source, options.out, license=options.license, citation=options.citation, templates=templates,
        name=options.name, version=options.version, labels=options.labels, lookup=options.lookup, brain=options.brain,
    )
    print(f"{found.name}: {len(found.regions)} regions, {', '.join(list(found.regions.values())[:6])} among them.")
    print(f"License: {found.license}\nCite: {found.citation}\nAtlas: {found.folder}")
    for note in found.notes:
        print(f"Note: {note}", file=sys.stderr)
