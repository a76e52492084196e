"""combine: one scan from the images of single coils."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..progress import part_of
from .options import WrongUsage, add_progress_option, progress_as

if TYPE_CHECKING:
    import numpy as np

    from ..acquisition import Acquisition


def add_to(commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("combine", help="combine the images of single coils to one scan (MCPC-3D-S)")
    parser.add_argument("out", metavar="OUT", type=Path, help="folder for phase, magnitude and params.json")
    for part in ("phase", "magnitude"):
        parser.add_argument(
            f"--{part}", type=Path, nargs="+", required=True, metavar="F",
            help=f"{part} of each coil: one NIfTI file per coil with all its echoes",
        )
    parser.add_argument("--params", type=Path, metavar="F", help="params.json with echo times and field strength")
    parser.add_argument("--echo-times", type=float, nargs="+", metavar="S", help="in seconds")
    parser.add_argument("--field-strength", type=float, metavar="T", help="B0 in T")
    parser.add_argument(
        "--smoothing", type=float, default=10.0, metavar="MM", help="width over which phase offsets are smoothed"
    )
    add_progress_option(parser)
    parser.set_defaults(run=run, parser=parser)


def run(chosen: argparse.Namespace) -> None:
    """Read coil after coil, combine, write."""
    from ..acquisition import Acquisition
    from ..fieldmapping.coils import combine_coils
    from ..io.nifti import write_nifti
    from ..io.params import params_of, read_params
    from ..io.staging import check_writable, staged_folder

    if len(chosen.phase) != len(chosen.magnitude):
        raise WrongUsage(
            f"--phase names {len(chosen.phase)} coils, but --magnitude {len(chosen.magnitude)}: give both of each coil."
        )
    progress = progress_as(chosen.progress)
    check_writable(chosen.out)
    coils = _Coils(
        chosen.phase, chosen.magnitude, echo_times=chosen.echo_times, field_strength=chosen.field_strength,
        params=read_params(chosen.params) if chosen.params else None,
    )  # fmt: skip
    first = coils.scan(0)
    magnitude, phase = combine_coils(
        coils.part("magnitude"), coils.part("phase"), first.echo_times, first.grid, smoothing=chosen.smoothing,
        progress=part_of(progress, 0.02, 0.95, "Coils"),
    )
    scan = Acquisition(magnitude, phase, first.echo_times, first.field_strength, first.grid)
    progress(0.95, "Writing")
    with staged_folder(chosen.out) as stage:
        write_nifti(stage / "magnitude.nii.gz", scan.magnitude, scan.grid)
        write_nifti(stage / "phase.nii.gz", scan.phase, scan.grid)
        (stage / "params.json").write_text(params_of(scan), encoding="utf-8")
    progress(1.0, "Done")


class _Coils:
    """The scans of single coils, of which one at a time is in memory."""

    def __init__(self, phase: Sequence[Path], magnitude: Sequence[Path], **facts) -> None:
        self.files, self.facts = list(zip(phase, magnitude)), facts
        self.grid, self.number, self.current = None, -1, None

    def scan(self, number: int) -> Acquisition:
        """The scan of a coil, phase in rad.

        Raises
        ------
        ValueError
            If it cannot be read or lies elsewhere than the first.
        """
        from ..io.scan import read_scan

        if number != self.number:
            phase, magnitude = self.files[number]
            self.current, self.number = read_scan([phase], [magnitude], **self.facts), number
            self.grid = self.grid or self.current.grid
            if not self.grid.same_geometry(self.current.grid):
                raise ValueError(
                    f"{phase} lies elsewhere in the scanner than {self.files[0][0]}, or has other voxels. All coils "
                    "must be from one scan."
                )
        return self.current

    def part(self, name: str) -> Sequence[np.ndarray]:
        """Magnitude or phase of the coils, read when they are asked for."""
        return _Part(self, name)


class _Part(Sequence):
    def __init__(self, coils: _Coils, name: str) -> None:
        self.coils, self.name = coils, name

    def __len__(self) -> int:
        return len(self.coils.files)

    def __getitem__(self, number: int) -> np.ndarray:
        if not 0 <= number < len(self):
            raise IndexError(number)
        return getattr(self.coils.scan(number), self.name)
