"""simulate: a scan of the digital head phantom, with its truth."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..progress import part_of
from .options import add_progress_option, progress_as


def add_to(commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("simulate", help="simulate a head scan whose susceptibility is known")
    parser.add_argument("out", metavar="OUT", type=Path, help="folder for OUT/inputs and OUT/groundtruth")
    parser.add_argument("--field-strength", type=float, default=3.0, metavar="T", help="B0 in T (default 3)")
    parser.add_argument(
        "--voxel-size", type=float, nargs=3, default=(1.0, 1.0, 1.0), metavar=("I", "J", "K"),
        help="in mm (default 1 1 1)",
    )
    parser.add_argument(
        "--shape", type=int, nargs=3, metavar=("I", "J", "K"),
        help="number of voxels (default: a head of 180 x 216 x 180 mm)",
    )
    parser.add_argument("--echo-times", type=float, nargs="+", metavar="S", help="in seconds")
    parser.add_argument("--snr", type=float, default=100.0, help="in the first echo (default 100)")
    parser.add_argument(
        "--tilt", type=float, nargs=2, default=(0.0, 0.0), metavar="DEG",
        help="oblique slices: rotation about the left-right and the anterior-posterior axis",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the noise")
    parser.add_argument("--hemorrhage", action="store_true", help="with a clot in the white matter of the left side")
    parser.add_argument(
        "--texture", type=float, nargs=2, default=(1.0, 9.0), metavar=("TIMES", "MM"),
        help="how uneven tissue is: a multiple of its usual variation, and the distance of repetition (default 1 9)",
    )
    add_progress_option(parser)
    parser.set_defaults(run=run, parser=parser)


def run(chosen: argparse.Namespace) -> None:
    """Simulate and write."""
    from ..io.nifti import write_nifti
    from ..io.params import params_of
    from ..io.staging import check_writable, staged_folder
    from ..phantom import LABELS, head_phantom

    progress = progress_as(chosen.progress)
    check_writable(chosen.out)
    spacing = tuple(chosen.voxel_size[::-1])
    if chosen.shape:
        shape = tuple(chosen.shape[::-1])
    elif min(spacing) > 0:
        shape = tuple(round(length / size) for length, size in zip((180, 216, 180), spacing))
    else:
        raise ValueError(f"voxel_size must be three positive lengths in mm, but got {chosen.voxel_size}.")
    phantom = head_phantom(
        shape=shape, spacing=spacing, field_strength=chosen.field_strength, echo_times=chosen.echo_times,
        snr=chosen.snr, tilt=tuple(chosen.tilt), seed=chosen.seed, hemorrhage=chosen.hemorrhage,
        texture=tuple(chosen.texture), progress=part_of(progress, 0.0, 0.9, "Phantom"),
    )
    scan = phantom.acquisition
    volumes = {
        "inputs/phase": scan.phase,
        "inputs/magnitude": scan.magnitude,
        "inputs/mask": phantom.mask,
        "groundtruth/chimap": phantom.susceptibility,
        "groundtruth/totalfield": phantom.total_field,
        "groundtruth/localfield": phantom.local_field,
        "groundtruth/r2star": phantom.r2star,
        "groundtruth/labels": phantom.labels,
        "groundtruth/mask": phantom.mask,
    }
    with staged_folder(chosen.out) as stage:
        for folder in ("inputs", "groundtruth"):
            (stage / folder).mkdir()
        for n, (name, values) in enumerate(volumes.items()):
            progress(0.9 + 0.1 * n / len(volumes), f"Writing: {name}")
            write_nifti(stage / f"{name}.nii.gz", values, scan.grid)
        (stage / "inputs/params.json").write_text(params_of(scan), encoding="utf-8")
        rows = "".join(f"{label}\t{name}\n" for label, name in sorted(LABELS.items()))
        (stage / "groundtruth/labels.tsv").write_text(f"index\tname\n{rows}", encoding="utf-8")
    progress(1.0, "Done")
