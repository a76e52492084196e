"""methods: the presets, and what can be chosen at each stage, and set."""

from __future__ import annotations

import argparse
import json
import textwrap


def add_to(commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("methods", help="list presets, and the methods of each stage with their parameters")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run, parser=parser)


def run(chosen: argparse.Namespace) -> None:
    """List presets and methods."""
    rows = table()
    if chosen.json:
        print(json.dumps(rows, indent=2))
        return
    from ..methods import STAGES
    from ..recipe import PRESETS

    print("presets: Recipes by name, and when to use them")
    for name, preset in PRESETS.items():
        print(f"  {name}: {preset.title}")
        print(textwrap.fill(preset.purpose, 100, initial_indent=" " * 4, subsequent_indent=" " * 4))
    print()
    for stage, purpose in STAGES.items():
        print(f"{stage}: {purpose}")
        for row in (r for r in rows if r["stage"] == stage):
            print(f"  {row['method']}: {row['title']}{' (default)' if row['default'] else ''}")
            print(textwrap.fill(row["summary"], 100, initial_indent=" " * 4, subsequent_indent=" " * 4))
            for name, parameter in row["parameters"].items():
                print(f"    {name} = {parameter['default']}{_allowed(parameter)}  {parameter['label']}")
            if row["references"]:
                print(f"    doi: {', '.join(row['references'])}")
        print()


def table() -> list[dict]:
    """Every method as plain data: stage, method, title, default, summary, references, parameters."""
    from ..methods import METHODS
    from ..recipe import PRESETS

    return [
        {
            "stage": stage,
            "method": name,
            "title": method.title,
            "default": PRESETS["default"].stages[stage]["method"] == name,
            "summary": method.summary,
            "references": list(method.references),
            "parameters": {
                parameter.name: {
                    "label": parameter.label,
                    "type": parameter.type.__name__,
                    "default": parameter.default,
                    "unit": parameter.unit,
                    "range": parameter.range,
                    "lowest": parameter.lowest or None,
                    "choices": list(parameter.choices) if parameter.choices else None,
                }
                for parameter in method.parameters.values()
            },
        }
        for stage, methods in METHODS.items()
        for name, method in methods.items()
    ]


def _allowed(parameter: dict) -> str:
    unit = f" {parameter['unit']}" if parameter["unit"] else ""
    if parameter["choices"]:
        return f"{unit} ({', '.join(parameter['choices'])})"
    if parameter["range"]:
        low, high = parameter["range"]
        lowest = f"; {low:g}: {parameter['lowest']}" if parameter["lowest"] else ""
        return f"{unit} ({low:g} to {high:g}{lowest})"
    return unit
