"""Judge a labeling: do the brains lie on each other, and are the regions where and as large as they can be?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk  # noqa: N813

from QSMReconstructionCore.quality.verdict import BAD, CAUTION, GOOD, NOT_ASSESSED, Verdict, level_of

from ..laterality import split_side
from .images import image_of, resampled

if TYPE_CHECKING:
    from .atlas import Atlas
    from .subject import Subject

#: Dice overlap of the brains of subject and template: after good registrations 0.9 and more; below 0.8 the heads lie
#: visibly apart.
_DICE_CAUTION, _DICE_BAD = 0.90, 0.80
#: Regions grow or shrink with the brain, by a factor of two at most between adults.
_VOLUME_CAUTION, _VOLUME_BAD = 2.0, 3.0
#: Part of a region that lies outside the brain.
_OUTSIDE_CAUTION, _OUTSIDE_BAD = 0.10, 0.30
#: Means over fewer voxels than this are uncertain; see also the erosion of regions.
FEWEST_VOXELS = 30


def judge(labels: np.ndarray, subject: Subject, atlas: Atlas, transform: sitk.Transform) -> tuple[Verdict, ...]:
    """Verdicts on a labeling.

    Parameters
    ----------
    labels : ndarray, int, shape (k, j, i)
        Of the subject.
    subject : Subject
    atlas : Atlas
    transform : SimpleITK.Transform
        From points of the subject to points of the template.

    Returns
    -------
    tuple of Verdict
        Overlap of the brains, folds of the transform, volumes, regions outside the brain, sides, missing and small
        regions.
    """
    counts = _counted(labels, atlas)
    return (
        _overlap(subject, atlas, transform),
        _folds(subject, transform),
        _volumes(counts, subject, atlas),
        _outside(counts, labels, subject, atlas),
        _sides(labels, subject, atlas),
        _sizes(counts, atlas),
    )


def _counted(labels: np.ndarray, atlas: Atlas) -> dict[int, int]:
    """Voxels of each region of the atlas, in one pass over the volume."""
    found, voxels = np.unique(labels[labels != 0], return_counts=True)
    counts = dict(zip(found.tolist(), voxels.tolist()))
    return {value: counts.get(value, 0) for value in atlas.values}


def _overlap(subject, atlas, transform) -> Verdict:
    name, title = "brain_overlap", "Overlap of the brains"
    if atlas.brain is None:
        return Verdict(name, title, NOT_ASSESSED, "The atlas has no mask of its brain.")
    onto = image_of(subject.brain, subject.grid)
    theirs = resampled(image_of(atlas.brain, atlas.grid), onto, transform, nearest=True) != 0
    total = int(theirs.sum()) + int(subject.brain.sum())
    dice = 2 * int((theirs & subject.brain).sum()) / total
    level = level_of(dice, _DICE_CAUTION, _DICE_BAD)
    explanation = f"Brain of subject and of template overlap with a Dice coefficient of {dice:.2f}."
    action = "" if level == GOOD else "Look at the regions on the map; correct them, or give a transform of your own."
    return Verdict(name, title, level, explanation, action, dice, "", _DICE_CAUTION, _DICE_BAD)


def _folds(subject, transform) -> Verdict:
    """The deformation must not turn space inside out anywhere in the brain."""
    grid = image_of(subject.brain, subject.grid)
    step = [max(1, round(2 / spacing)) for spacing in grid.GetSpacing()]  # control points lie 12 mm apart
    coarse = sitk.Shrink(grid, step)
    field = sitk.TransformToDisplacementField(
        transform, sitk.sitkVectorFloat64, coarse.GetSize(), coarse.GetOrigin(), coarse.GetSpacing(),
        coarse.GetDirection(),
    )  # fmt: skip
    # (ITK's own filter for the Jacobian takes the axes of the image for those of the world.)
    steps = np.reshape(coarse.GetDirection(), (3, 3)) * coarse.GetSpacing()  # column: step in mm along (i, j, k)
    displacement = sitk.GetArrayFromImage(field)
    moved = [np.gradient(displacement, axis=axis) + steps[:, 2 - axis] for axis in (2, 1, 0)]
    jacobian = np.linalg.det(np.stack(moved, axis=-1)) / np.linalg.det(steps)
    inside = sitk.GetArrayFromImage(coarse) != 0
    folded = float((jacobian[inside] <= 0).mean()) if inside.any() else 0.0
    level = GOOD if folded == 0 else CAUTION if folded < 0.001 else BAD
    explanation = f"The transform folds space in {100 * folded:.2g} % of the brain."
    action = "" if level == GOOD else "Regions there have no meaning. Register again with an affine transform only."
    return Verdict("folds", "Folds of the transform", level, explanation, action, 100 * folded, "%", 0.0, 0.1)


def _volumes(counts, subject, atlas) -> Verdict:
    if atlas.labels is not None:
        drawn = _counted(atlas.labels, atlas)
    else:
        drawn = {value: int((likely >= 0.5).sum()) for value, likely in atlas.probabilities.items()}
    scale = subject.grid.voxel_volume / atlas.grid.voxel_volume
    ratios = {value: scale * count / drawn[value] for value, count in counts.items() if count and drawn[value]}
    if not ratios:
        return Verdict("region_volumes", "Volumes of the regions", NOT_ASSESSED, "No region came out.")
    value, ratio = max(ratios.items(), key=lambda item: abs(np.log(item[1])))
    factor = max(ratio, 1 / ratio)
    level = level_of(factor, _VOLUME_CAUTION, _VOLUME_BAD)
    explanation = (
        f"The volumes differ most from those of the atlas in {atlas.names[value]}: {ratio:.2f} of the volume there."
    )
    action = "" if level == GOOD else "Look at this region on the map and correct it."
    return Verdict(
        "region_volumes", "Volumes of the regions", level, explanation, action, factor, "", _VOLUME_CAUTION, _VOLUME_BAD
    )


def _outside(counts, labels, subject, atlas) -> Verdict:
    outside = _counted(np.where(subject.brain, 0, labels), atlas)
    parts = {value: outside[value] / count for value, count in counts.items() if count}
    if not parts:
        return Verdict("outside_brain", "Regions outside the brain", NOT_ASSESSED, "No region came out.")
    value, part = max(parts.items(), key=lambda item: item[1])
    level = level_of(part, _OUTSIDE_CAUTION, _OUTSIDE_BAD)
    explanation = (
        "All regions lie inside the brain." if part == 0 else
        f"{atlas.names[value]} lies outside the brain with {100 * part:.0f} % of its voxels."
    )  # fmt: skip
    action = "" if level == GOOD else "Only what lies inside is measured. Correct the region or the brain mask."
    return Verdict(
        "outside_brain", "Regions outside the brain", level, explanation, action, 100 * part, "%",
        100 * _OUTSIDE_CAUTION, 100 * _OUTSIDE_BAD,
    )  # fmt: skip


def _sides(labels, subject, atlas) -> Verdict:
    """Left must lie to the left of right, in the world: the trap of atlases whose first axis runs the other way."""
    labeled = labels != 0
    x = np.broadcast_to(subject.grid.world_coordinates()[0], labels.shape)[labeled]
    found, regions = np.unique(labels[labeled], return_inverse=True)
    means = np.bincount(regions, weights=x) / np.bincount(regions) if found.size else ()
    middles: dict[str, dict[str, float]] = {}
    for value, mean in zip(found.tolist(), means):
        structure, side = split_side(atlas.names.get(value, ""))
        if side:
            middles.setdefault(structure, {})[side] = float(mean)
    pairs = {structure: sides for structure, sides in middles.items() if len(sides) == 2}
    if not pairs:
        return Verdict("sides", "Left and right", NOT_ASSESSED, "No region of the atlas has a left and a right part.")
    swapped = [structure for structure, sides in pairs.items() if sides["left"] >= sides["right"]]
    number = len(swapped)
    if swapped:
        explanation = f"Left lies to the right of right in {number} of {len(pairs)} pairs, {swapped[0]} for instance."
        action = "Subject or atlas is mirrored. Check the orientation in the headers before anything is measured."
        return Verdict("sides", "Left and right", BAD, explanation, action, float(number), "pairs")
    explanation = f"Left lies to the left of right in all {len(pairs)} pairs."
    return Verdict("sides", "Left and right", GOOD, explanation, value=0.0, unit="pairs")


def _sizes(counts, atlas) -> Verdict:
    missing = [atlas.names[value] for value, count in counts.items() if not count]
    small = [atlas.names[value] for value, count in counts.items() if 0 < count < FEWEST_VOXELS]
    if missing:
        level, number, action = BAD, len(missing), "They lie outside the scan, or are smaller than its voxels."
        explanation = f"{number} region(s) have no voxel, {missing[0]} for instance."
    elif small:
        level, number, action = CAUTION, len(small), "Their means are uncertain; do not erode them."
        explanation = f"{number} region(s) have fewer than {FEWEST_VOXELS} voxels, {small[0]} for instance."
    else:
        level, number, action = GOOD, 0, ""
        explanation = f"All {len(counts)} regions have at least {FEWEST_VOXELS} voxels."
    return Verdict("region_sizes", "Size of the regions", level, explanation, action, float(number), "regions")
