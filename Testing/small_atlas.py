"""An atlas in a folder, made of the head phantom, and a subject who holds the head differently."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813  (its own name for itself)

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import write_nifti
from QSMReconstructionCore.phantom import LABELS, Phantom, head_phantom
from QSMRoiAnalysisCore.atlas.images import image_of, resampled

#: The nuclei that are large enough for voxels of 4 mm.
NUCLEI = {value: name for value, name in LABELS.items() if name.split()[0] in ("Caudate", "Putamen", "Thalamus")}


def phantom() -> Phantom:
    """The head whose template is the atlas."""
    return head_phantom(shape=(45, 54, 45), spacing=(4.0, 4.0, 4.0))


def write_atlas(home: Path, head: Phantom) -> Path:
    """Write an atlas of two contrasts with the nuclei into a new folder, and return it."""
    home.mkdir()
    grid = head.acquisition.grid
    labels = np.where(np.isin(head.labels, list(NUCLEI)), head.labels, 0).astype(np.int32)
    write_nifti(home / "T2starw.nii.gz", head.acquisition.magnitude[2], grid)
    write_nifti(home / "susceptibility.nii.gz", head.susceptibility, grid)
    write_nifti(home / "labels.nii.gz", labels, grid)
    write_nifti(home / "brain.nii.gz", head.mask.astype(np.uint8), grid)
    lines = ["index\tname", *(f"{value}\t{name}" for value, name in NUCLEI.items())]
    (home / "labels.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    facts = {
        "Name": "Phantom atlas", "Version": "1", "License": "CC0 1.0", "Citation": "Nobody, Journal of Phantoms 2026",
        "Templates": {"T2starw": "T2starw.nii.gz", "susceptibility": "susceptibility.nii.gz"},
        "Labels": "labels.nii.gz", "Lookup": "labels.tsv", "Brain": "brain.nii.gz",
    }  # fmt: skip
    (home / "atlas.json").write_text(json.dumps(facts), encoding="utf-8")
    return home


def moved(head: Phantom) -> tuple[np.ndarray, np.ndarray, np.ndarray, sitk.Transform, Grid]:
    """A subject with this head, turned and shifted: susceptibility in ppm, magnitude, labels, and how it was moved.

    The transform takes points of the subject to points of the head, in LPS mm.
    """
    grid = head.acquisition.grid
    truth = sitk.AffineTransform(3)
    truth.Rotate(0, 1, 0.08)
    truth.Scale((0.96, 0.98, 0.95))
    truth.SetTranslation((5.0, -3.0, 4.0))
    onto = image_of(np.zeros(grid.shape, np.float32), grid)
    magnitude = resampled(image_of(head.acquisition.magnitude[2], grid), onto, truth)
    susceptibility = resampled(image_of(head.susceptibility, grid), onto, truth)
    brain = resampled(image_of(head.mask, grid), onto, truth, nearest=True) != 0
    labels = resampled(image_of(head.labels.astype(np.int32), grid), onto, truth, nearest=True)
    return np.where(brain, susceptibility, 0), magnitude, labels, truth, grid
