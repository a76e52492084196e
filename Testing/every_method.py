"""Every method of the registry on one small head: what the tests of all methods run."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from QSMReconstructionCore.acquisition import Acquisition
from QSMReconstructionCore.methods import METHODS, Method, method
from QSMReconstructionCore.phantom import Phantom, head_phantom
from QSMReconstructionCore.pipeline import weights_of
from QSMReconstructionCore.progress import Progress, no_progress

#: Voxels of 5 mm: as large as a head allows. They lose their signal before the usual echoes.
_SHAPE, _VOXEL, _ECHO_TIMES = (36, 44, 37), 5.0, (0.002, 0.005, 0.008)

EVERY = [pytest.param(m, id=f"{stage}-{m.name}") for stage, found in METHODS.items() for m in found.values()]


def every(*stages: str, keyword: str = "") -> list:
    """Parameters of a test: all methods of some stages (of all if none is named) that take a keyword."""
    return [
        p for p in EVERY
        if (not stages or p.values[0].stage in stages)
        and (not keyword or keyword in inspect.signature(p.values[0].function).parameters)
    ]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Inputs:
    """What any method may be given, from an acquisition to a local field."""

    acquisition: Acquisition
    mask: np.ndarray
    total_field: np.ndarray
    local_field: np.ndarray
    weights: np.ndarray
    r2star: np.ndarray

    def data(self, found: Method) -> tuple[Any, ...]:
        """The leading arguments of a method."""
        grid = self.acquisition.grid
        field = self.total_field if found.works_on_total_field else self.local_field
        return {
            "mask": (self.acquisition,),
            "support": (self.acquisition, self.mask),
            "field_map": (self.acquisition, self.mask),
            "passes": (self.field_map, self.mask) if found.stage == "passes" else (),
            "background": (self.total_field, self.mask, grid),
            "inversion": (field, self.mask, grid),
            "reference": (self.mask, grid),
            "r2star": (self.acquisition, self.mask),
        }[found.stage]

    @property
    def field_map(self):
        """The field map of the default method."""
        return method("field_map", "romeo_linear").function(self.acquisition, self.mask)

    def run(self, found: Method, progress: Progress = no_progress, **parameters: Any) -> Any:
        """The result of a method."""
        given = {
            "weights": self.weights, "magnitude": self.acquisition.magnitude, "r2star": self.r2star,
            "region": self.mask if found.name == "region" else None, "progress": progress,
        }  # fmt: skip
        return found.run(*self.data(found), given=given, parameters=parameters)


@cache
def head() -> Phantom:
    """The head, oblique."""
    return head_phantom(shape=_SHAPE, spacing=(_VOXEL,) * 3, echo_times=_ECHO_TIMES, tilt=(20.0, 10.0))


@cache
def inputs() -> Inputs:
    """Inputs from the head's true fields with noise of 1 ppb, known to be twice that in the upper half."""
    phantom = head()
    mask = phantom.mask
    noise = np.full(mask.shape, 0.001, dtype=np.float32)
    noise[mask.shape[0] // 2 :] *= 2
    error = noise * np.random.default_rng(0).standard_normal(mask.shape, dtype=np.float32)
    fields = (phantom.total_field, phantom.local_field)
    total, local = (np.where(mask, field + error, np.float32(0)) for field in fields)
    return Inputs(phantom.acquisition, mask, total, local, weights_of(noise, mask), phantom.r2star)


def volume_of(result: Any) -> np.ndarray:
    """The main volume of what a method returns."""
    for name in ("field", "voxels"):
        result = getattr(result, name, result)
    return result


@contextmanager
def double_precision() -> Iterator[None]:
    """Run the core in double precision: inside the block, numpy's names of single precision mean double precision.

    Nothing in the core names a precision otherwise, so its code runs as it is. Kernels that it keeps are computed anew.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "float32", np.float64)
        patch.setattr(np, "complex64", np.complex128)
        _forget_kernels()
        try:
            yield
        finally:
            _forget_kernels()


def _forget_kernels() -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("QSMReconstructionCore"):
            for value in vars(module).values():
                if callable(getattr(value, "cache_clear", None)):
                    value.cache_clear()


def doubled(single: Inputs) -> Inputs:
    """The same numbers in double precision, to be used inside `double_precision`."""
    scan = single.acquisition
    wide = {name: getattr(single, name).astype(float) for name in ("total_field", "local_field", "weights", "r2star")}
    acquisition = replace(scan, magnitude=scan.magnitude.astype(float), phase=scan.phase.astype(float))
    return replace(single, acquisition=acquisition, **wide)
