"""score: how close a map is to the truth."""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path


def add_to(commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("score", help="compare a map with the truth")
    parser.add_argument("result", metavar="RESULT", type=Path)
    parser.add_argument("truth", metavar="TRUTH", type=Path)
    parser.add_argument("--mask", type=Path, required=True, metavar="F", help="the voxels that count")
    parser.add_argument(
        "--labels", type=Path, metavar="F",
        help="regions; their names are read from the .tsv of the same name (columns index, name)",
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run, parser=parser)


def run(chosen: argparse.Namespace) -> None:
    """Read, score, print."""
    from ..io.nifti import read_nifti
    from ..io.scan import read_mask, read_volume
    from ..metrics import score

    truth, grid = read_nifti(chosen.truth)
    result = read_volume(chosen.result, grid, "result")
    mask = read_mask(chosen.mask, grid)
    labels = names = None
    if chosen.labels:
        labels = read_volume(chosen.labels, grid, "labels")
        names = label_names(chosen.labels)
    scores = score(result, truth, mask, labels, names)
    if chosen.json:
        print(json.dumps(scores, indent=2))
    else:
        _print(scores)


def label_names(labels: Path) -> dict[int, str] | None:
    """Names of the labels of a label map, from the .tsv of the same name (columns index, name); None without it."""
    path = labels.with_name(labels.name.partition(".nii")[0] + ".tsv")
    if not path.exists():
        return None
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    try:
        return {int(row["index"]): row["name"] for row in rows}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} must have the columns index and name, tab between them.") from error


def _print(scores: dict) -> None:
    print(f"{'':24}{'mask':>12}{'covered':>12}")
    print(f"{'voxels':24}{scores['voxels']:12d}{round(scores['voxels'] * scores['coverage']):12d}")
    for name, unit in (("nrmse", "%"), ("detrended_nrmse", "%"), ("hfen", "%"), ("correlation", ""), ("xsim", "")):
        digits = 1 if unit else 3
        print(f"{f'{name} {unit}':24}{scores[name]:12.{digits}f}{scores['covered'][name]:12.{digits}f}")
    if "regional" in scores:
        regional = scores["regional"]
        print(f"\nregional means: slope {regional['slope']:.3f}, intercept {regional['intercept']:.4f} ppm, "
              f"mean absolute error {regional['mean_absolute_error']:.4f} ppm, "
              f"wrong sign: {', '.join(regional['wrong_signs']) or 'none'}")
        print(f"{'region':32}{'voxels':>8}{'truth ppm':>12}{'result ppm':>12}")
        for name, region in regional["regions"].items():
            print(f"{name:32}{region['voxels']:8d}{region['truth']:12.4f}{region['result']:12.4f}")
    if scores.get("compartments"):
        errors = ", ".join(f"{name} {error:.1f} %" for name, error in scores["compartments"].items())
        print(f"\ndetrended_nrmse within: {errors}")
    for lesion in ("calcification", "hemorrhage"):
        if lesion in scores:
            streak = scores[lesion]["streak"]
            print(f"\n{lesion}: moment deviation {scores[lesion]['moment_deviation']:.1f} ppm voxels, "
                  f"streak {'undefined' if streak is None else f'{streak:.4f}'}")
