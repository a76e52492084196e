"""The parameter file of a scan, `params.json`, as the QSM-CI benchmark exchanges it.

Its vectors are in the order of the image axes (x, y, z), the reverse of array order; a `Params` is in array order.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..acquisition import Acquisition
from ..grid import Grid


@dataclass(frozen=True)
class Params:
    """What `params.json` says. What it leaves out is None.

    Attributes
    ----------
    echo_times : tuple of float, optional
        In s (key `TE`).
    field_strength : float, optional
        In T (key `B0`).
    b0_direction : (float, float, float), optional
        Unit vector along the array axes (k, j, i) (key `B0_dir`, there in x, y, z).
    voxel_size : (float, float, float), optional
        Along (k, j, i), in mm (key `voxel_size`, there in x, y, z).
    """

    echo_times: tuple[float, ...] | None = None
    field_strength: float | None = None
    b0_direction: tuple[float, float, float] | None = None
    voxel_size: tuple[float, float, float] | None = None

    def oriented(self, grid: Grid, name: str) -> Grid:
        """The grid of a file called `name`, with the B0 direction given here.

        Raises
        ------
        ValueError
            If the voxel size given here is not that of the file.
        """
        if self.voxel_size is not None and not np.allclose(self.voxel_size, grid.spacing, rtol=1e-2):
            raise ValueError(
                f"voxel_size in params.json is {self.voxel_size[::-1]} mm, but {name} has {grid.spacing[::-1]} mm "
                "(x, y, z). Correct whichever is wrong."
            )
        return grid if self.b0_direction is None else replace(grid, b0_direction=self.b0_direction)


def read_params(path: str | os.PathLike) -> Params:
    """Read `params.json`.

    Raises
    ------
    ValueError
        If the file is missing or not valid, or an entry is not what its name promises.
    """
    entries = read_json(path)
    times = entries.get("TE")
    if times is not None:
        times = _numbers(path, "TE", times if isinstance(times, list) else [times])
    strength = entries.get("B0")
    if strength is not None:
        (strength,) = _numbers(path, "B0", [strength])
    vectors = {}
    for key in ("B0_dir", "voxel_size"):
        if entries.get(key) is not None:
            vectors[key] = _numbers(path, key, entries[key], 3)[::-1]
    return Params(times, strength, vectors.get("B0_dir"), vectors.get("voxel_size"))


def params_of(acquisition: Acquisition) -> str:
    """The text of the `params.json` of a scan."""
    grid = acquisition.grid
    entries = {
        "TE": list(acquisition.echo_times),
        "B0": acquisition.field_strength,
        "B0_dir": list(grid.b0_direction[::-1]),
        "voxel_size": list(grid.spacing[::-1]),
    }
    return json.dumps(entries, indent=2) + "\n"


def read_json(path: str | os.PathLike) -> dict:
    """Read a JSON file that holds an object; every fault of the file is a `ValueError`."""
    try:
        entries = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist. Check the name and the folder.") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:  # brackets nested a thousand deep exhaust the parser
        raise ValueError(f"{path} is not valid JSON: {error}.") from error
    if not isinstance(entries, dict):
        raise ValueError(f"{path} must hold a JSON object {{...}}, but holds {type(entries).__name__}.")
    return entries


def is_number(value: object) -> bool:
    """Whether a value from JSON is a finite number; there, true and whole numbers of 400 digits are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) <= sys.float_info.max


def _numbers(path: str | os.PathLike, key: str, values: object, count: int | None = None) -> tuple[float, ...]:
    numbers = isinstance(values, list) and all(map(is_number, values))
    if not numbers or (count is not None and len(values) != count):
        wanted = "numbers" if count is None else f"{count} numbers"
        raise ValueError(f"{key} in {path} must be {wanted}, but got {values!r}.")
    return tuple(float(v) for v in values)
