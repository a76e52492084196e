"""Label the regions of a subject by an atlas, on the grid of its susceptibility map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk  # noqa: N813

from QSMReconstructionCore.progress import Progress, no_progress, part_of
from QSMReconstructionCore.quality.verdict import CAUTION, GOOD, NOT_ASSESSED, Verdict

from .agreement import judge
from .atlas import Atlas
from .contrast import GRAY_LEVELS_PER_PPM, evened, gray_levels, hybrid
from .images import image_of, resampled
from .registration import deform, register
from .subject import Subject

#: Of the regions of an atlas of probabilities, a voxel belongs to the likeliest one if it is at least this likely.
THRESHOLD = 0.5


@dataclass(frozen=True, eq=False)
class Labeling:
    """Regions of a subject.

    Attributes
    ----------
    labels : ndarray, int32, shape (k, j, i)
        Label values of the atlas on the grid of the map; 0 elsewhere.
    names : dict of int to str
        As in the atlas.
    transform : SimpleITK.CompositeTransform
        Takes points of the subject to points of the template, in LPS mm.
    compared : tuple of str
        Which contrasts of subject and template were compared; empty if the transform was made elsewhere.
    verdicts : tuple of Verdict
        On the registration and the regions.
    """

    labels: np.ndarray
    names: dict[int, str]
    transform: sitk.Transform
    compared: tuple[str, ...]
    verdicts: tuple[Verdict, ...]


def label(
    subject: Subject,
    atlas: Atlas,
    *,
    transform: sitk.Transform | None = None,
    threshold: float = THRESHOLD,
    deformable: bool = True,
    progress: Progress = no_progress,
) -> Labeling:
    """Label the regions of a subject by registering the template of an atlas to it.

    The map is not resampled: labels come to its grid by nearest neighbor, probabilities by linear interpolation.

    Parameters
    ----------
    subject : Subject
    atlas : Atlas
    transform : SimpleITK.Transform, optional
        From points of the subject to points of the template, made elsewhere. Nothing is registered then.
    threshold : float
        From 0 to 1: how likely a region must be where the atlas gives probabilities. Studies with small nuclei of high
        contrast take 0.75.
    deformable : bool
        Follow the affine transform by a deformation, where subject and template show the same contrast.
    progress : callable

    Returns
    -------
    Labeling

    Raises
    ------
    ValueError
        If subject and atlas have no contrast in common that can be compared, or the registration fails.

    Notes
    -----
    Compared are hybrids, clip(weighted - 400 chi, 0, 255), where both sides have the same weighting and susceptibility;
    otherwise what both have, or else the weighted image of either, whose contrasts mutual information can relate. Such
    different contrasts allow for an affine transform only, and a verdict says so. A T1-weighted image of the subject is
    first registered rigidly to the magnitude, or to the map where there is none.
    Small nuclei are uncertain: between two good atlases, the Dice overlap of the substantia nigra is about 0.5.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must lie between 0 and 1, but got {threshold:g}.")
    brain = image_of(subject.brain, subject.grid)
    compared: tuple[str, ...] = ()
    if transform is None:
        t1w = None if subject.t1w is None else _t1w_on_grid(subject, brain, part_of(progress, 0.0, 0.2))
        progress(0.2, "contrasts")
        fixed, moving, compared = _comparable(subject, t1w, atlas)
        template_brain = None if atlas.brain is None else image_of(atlas.brain, atlas.grid)
        around = sitk.BinaryDilate(brain, [max(1, round(3 / spacing)) for spacing in brain.GetSpacing()])
        linear = register(
            fixed, moving, fixed_mask=around, moving_mask=template_brain, progress=part_of(progress, 0.3, 0.5)
        )
        transform = sitk.CompositeTransform([linear])
        if deformable and compared[0] == compared[1]:
            near = sitk.Resample(moving, fixed, linear, sitk.sitkLinear, 0.0)
            transform.AddTransform(deform(sitk.Mask(fixed, brain), near, progress=part_of(progress, 0.5, 0.9)))
    progress(0.9, "labels")
    labels = _carried(atlas, brain, transform, threshold)
    verdicts = (_deformation(transform, compared, deformable), *judge(labels, subject, atlas, transform))
    progress(1.0, "labels")
    return Labeling(labels, dict(atlas.names), transform, compared, verdicts)


def _deformation(transform: sitk.Transform, compared: tuple[str, ...], wanted: bool) -> Verdict:
    """Whether the anatomy of the subject could be followed in detail."""
    name, title = "deformation", "Detail of the registration"
    if not compared:
        return Verdict(name, title, NOT_ASSESSED, "The transform was made elsewhere.")
    if transform.GetNumberOfTransforms() > 1:
        return Verdict(name, title, GOOD, f"The template was deformed onto the subject by their {compared[0]}.")
    reason = f"subject and template show different contrasts ({compared[0]}; {compared[1]})"
    return Verdict(
        name, title, CAUTION,
        f"The template was fitted by an affine transform only, because {reason if wanted else 'that was asked for'}.",
        "Small nuclei may be missed. Use an atlas with the contrast of the subject, or a transform made elsewhere.",
    )  # fmt: skip


def _t1w_on_grid(subject: Subject, brain: sitk.Image, progress: Progress) -> np.ndarray:
    """The T1-weighted image of the subject, on the grid of the map."""
    own = image_of(subject.t1w.astype(np.float32), subject.t1w_grid)
    target = subject.susceptibility if subject.magnitude is None else gray_levels(subject.magnitude, subject.brain)
    fixed = image_of(target.astype(np.float32), subject.grid)
    return resampled(own, brain, register(fixed, own, fixed_mask=brain, rigid=True, progress=progress))


def _comparable(subject: Subject, t1w: np.ndarray | None, atlas: Atlas) -> tuple[sitk.Image, sitk.Image, tuple]:
    """What to compare: an image of the subject, one of the template, both of the brain only, and what they show."""
    mine = {"T1w": t1w, "T2starw": subject.magnitude}
    mine = {name: image for name, image in mine.items() if image is not None}
    theirs = {name: image for name, image in atlas.templates.items() if name in ("T1w", "T2starw")}
    first = next(iter(mine), None), next(iter(theirs), None)
    same = next(((name, name) for name in mine if name in theirs), None)
    chi = atlas.templates.get("susceptibility")
    if same and chi is not None:
        compared = tuple(f"hybrid of {name} and susceptibility" for name in same)
        pair = _hybrid(mine[same[0]], subject.susceptibility, subject), _hybrid(theirs[same[1]], chi, atlas)
    elif "hybrid" in atlas.templates and first[0]:
        name = "T1w" if "T1w" in mine else first[0]
        # A hybrid of another weighting than that of the template differs from it in tissue contrast.
        compared = (f"hybrid of {name} and susceptibility", "hybrid of T1w and susceptibility")
        theirs_levels = gray_levels(atlas.templates["hybrid"], atlas.brain)
        pair = _hybrid(mine[name], subject.susceptibility, subject), image_of(theirs_levels, atlas.grid)
    elif same or (chi is None and all(first)):
        compared = same or first
        pair = _evened(mine[compared[0]], subject), _evened(theirs[compared[1]], atlas)
    elif chi is not None:
        compared = ("susceptibility", "susceptibility")
        pair = image_of(_chi_levels(subject.susceptibility), subject.grid), image_of(_chi_levels(chi), atlas.grid)
    else:
        raise ValueError(
            f"The template of {atlas.name} shows {', '.join(atlas.templates)}, but of the subject there is only "
            f"{', '.join([*mine, 'susceptibility'])}. Add a T1-weighted image or the magnitude of the scan."
        )
    masked = [
        image if one.brain is None else sitk.Mask(image, image_of(one.brain, one.grid))
        for image, one in zip(pair, (subject, atlas))
    ]
    return *masked, compared


def _evened(weighted: np.ndarray, one: Subject | Atlas) -> sitk.Image:
    return image_of(gray_levels(evened(weighted, one.grid, one.brain), one.brain), one.grid)


def _hybrid(weighted: np.ndarray, susceptibility: np.ndarray, one: Subject | Atlas) -> sitk.Image:
    return image_of(hybrid(evened(weighted, one.grid, one.brain), susceptibility, one.brain), one.grid)


def _chi_levels(susceptibility: np.ndarray) -> np.ndarray:
    """Gray levels of susceptibility, with 0 in the middle."""
    return np.clip(128 - np.float32(GRAY_LEVELS_PER_PPM) * susceptibility, 0, 255).astype(np.float32)


def _carried(atlas: Atlas, onto: sitk.Image, transform: sitk.Transform, threshold: float) -> np.ndarray:
    """Labels of the atlas on the grid of the subject."""
    if atlas.labels is not None:
        return resampled(image_of(atlas.labels, atlas.grid), onto, transform, nearest=True).astype(np.int32)
    shape = onto.GetSize()[::-1]
    labels, likeliest = np.zeros(shape, np.int32), np.full(shape, np.nextafter(np.float32(threshold), 0), np.float32)
    for value in sorted(atlas.probabilities):
        image = image_of(atlas.probabilities[value].astype(np.float32), atlas.grid)
        probability = resampled(image, onto, transform)
        better = probability > likeliest
        labels[better], likeliest[better] = value, probability[better]
    return labels
