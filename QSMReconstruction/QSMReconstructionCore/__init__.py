"""Quantitative susceptibility mapping: from the phase of a gradient-echo scan to magnetic susceptibility in ppm.

>>> from QSMReconstructionCore import Recipe, head_phantom, reconstruct
>>> scan = head_phantom(shape=(45, 54, 45), spacing=(4.0, 4.0, 4.0)).acquisition
>>> result = reconstruct(scan, Recipe.preset("preview"))

Arrays are indexed [k, j, i], echoes first; phase is in rad, echo times in s, lengths in mm, B0 in T, fields and
susceptibility in ppm; paramagnetic is positive. See `Grid`, `Acquisition`, `Recipe`, `reconstruct`.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Where the public names live. They are imported when first asked for, so that importing the package costs nothing.
_PUBLIC = {
    "Acquisition": "acquisition",
    "Cancelled": "progress",
    "Grid": "grid",
    "METHODS": "methods",
    "Parameter": "parameter",
    "Recipe": "recipe",
    "ReferenceRegion": "referencing",
    "Reconstruction": "reconstruction",
    "Verdict": "quality",
    "assess_acquisition": "quality",
    "assess_reconstruction": "quality",
    "combine_coils": "fieldmapping.coils",
    "head_phantom": "phantom",
    "preview_inversion": "preview",
    "read_dicom": "io.dicom.scan",
    "read_nifti": "io.nifti",
    "read_scan": "io.scan",
    "reconstruct": "pipeline",
    "rereference": "referencing",
    "score": "metrics",
    "write_nifti": "io.nifti",
    "write_reconstruction": "io.provenance",
}
__all__ = [*_PUBLIC, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_PUBLIC[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
