"""python3 Testing/run.py benchmark: the command line of the benchmark."""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy

from headless import opengl
from QSMReconstructionCore.cores import available_cores
from QSMReconstructionCore.io.staging import check_writable
from QSMReconstructionCore.recipe import Recipe

from .sections import SECTIONS, Bench
from .standing import standing
from .tables import Table

#: Voxels of `--quick`, in mm: as large as a head allows.
_QUICK = 5.0
#: Echo times of voxels of 3 mm and more, in s: such voxels lose their signal before the usual echoes.
_SHORT_ECHOES = (0.002, 0.005, 0.008, 0.011)
_COARSE = 3.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit status: 0 done, 1 it cannot run, 130 cancelled."""
    chosen = _parser().parse_args(arguments)
    try:
        run(chosen)
    except KeyboardInterrupt:
        print("\nCancelled; the tables that were complete are written.", file=sys.stderr)
        return 130
    except (ValueError, OSError, MemoryError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def run(chosen: argparse.Namespace) -> list[Table]:
    """Run the chosen parts, print their tables, and write tables and charts."""
    voxel_size = _QUICK if chosen.quick else chosen.voxel_size
    options = {"field_strength": chosen.field_strength, "snr": chosen.snr, "tilt": tuple(chosen.tilt),
               "seed": chosen.seed}  # fmt: skip
    if voxel_size >= _COARSE:
        options["echo_times"] = _SHORT_ECHOES
    check_writable(chosen.out)
    chosen.out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    _say(began, f"simulating a head of {voxel_size:g} mm")
    bench = Bench.of(voxel_size, **options)
    shape = " x ".join(map(str, bench.phantom.mask.shape[::-1]))
    heading = (
        f"Head phantom, {voxel_size:g} mm, {shape} voxels, {chosen.field_strength:g} T, SNR {chosen.snr:g}, "
        f"{available_cores()} core(s). A pair of Fourier transforms of this size takes {1000 * bench.pair_seconds:.1f} "
        f"ms here. Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}."
    )
    print(f"{heading}\n", flush=True)
    tables = []
    for name in chosen.sections:
        table = Table(name, SECTIONS[name].__doc__.partition("\n")[0])
        for row in SECTIONS[name](bench):
            table.rows.append(row)
            _say(began, f"{name}: " + ", ".join(value for value in row.values() if isinstance(value, str)))
        print(table.markdown(), flush=True)
        (chosen.out / f"{name}.tsv").write_text(table.tsv(), encoding="utf-8")
        tables.append(table)
    stages = Recipe.preset("default").stages
    default = (stages["background"]["method"], stages["inversion"]["method"])
    ranks = [line for table in tables if table.name == "matrix" for line in standing(table.rows, default)]
    print("\n".join(ranks), flush=True)
    report = "\n".join([heading + "\n", *(table.markdown() for table in tables), *ranks])
    (chosen.out / "benchmark.md").write_text(report, encoding="utf-8")
    _write_charts(chosen.out, tables)
    _say(began, f"done; tables and charts are in {chosen.out}")
    return tables


def _write_charts(out: Path, tables: list[Table]) -> None:
    """Error and cost of the inversions, in the pipeline and from the true local field."""
    if not opengl.available():
        print(opengl.REMEDY, file=sys.stderr)
        return
    from .chart import write_bars

    for table in tables:
        rows = [row for row in table.rows if row.get("stage") == "inversion" and "NRMSE %" in row]
        if rows:
            rows.sort(key=lambda row: row["NRMSE %"])
            panels = [("NRMSE, %", [row["NRMSE %"] for row in rows], False)]
            panels.append(("Time in FFT pairs", [row["time in FFT pairs"] for row in rows], True))
            write_bars(out / f"{table.name}.png", [row["method"] for row in rows], panels)


def _say(began: float, text: str) -> None:
    print(f"{time.monotonic() - began:6.0f} s  {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "run.py benchmark", description="Cost and accuracy of all methods on the digital head phantom."
    )
    parser.add_argument(
        "--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS), metavar="NAME",
        help=f"which parts to run: {', '.join(SECTIONS)} (all)",
    )
    parser.add_argument("--voxel-size", type=float, default=2.0, metavar="MM", help="of the scan (2)")
    parser.add_argument("--quick", action="store_true", help=f"voxels of {_QUICK:g} mm: numbers in no time, not good")
    parser.add_argument("--field-strength", type=float, default=3.0, metavar="T", help="(3)")
    parser.add_argument("--snr", type=float, default=100.0, help="in the first echo (100)")
    parser.add_argument("--tilt", nargs=2, type=float, default=(0.0, 0.0), metavar="DEG", help="oblique slices (0 0)")
    parser.add_argument("--seed", type=int, default=0, help="of noise and veins (0)")
    parser.add_argument(
        "--out", type=Path, default=Path("benchmark-output"), metavar="DIR", help="folder (benchmark-output)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
