"""A paragraph for the methods section of a paper, with the facts and parameters of this very reconstruction."""

from __future__ import annotations

from .. import __version__
from ..acquisition import Acquisition
from ..methods import method
from ..pipeline import STAGES_IN_WORDS
from ..reconstruction import Reconstruction
from ..referencing import Reference
from .references import ALWAYS, reference, references_of
from .tables import SOFTWARE, UNKNOWN, Row, hardware, method_in_words, sequence, stages_run


def methods_paragraph(
    reconstruction: Reconstruction, acquisition: Acquisition, *, given_mask: bool = False
) -> str:
    """The paragraph, with publications as author and year.

    Parameters
    ----------
    reconstruction : Reconstruction
    acquisition : Acquisition
        What it was reconstructed from.
    given_mask : bool
        Whether the brain mask was given instead of found by the recipe.
    """
    consensus, slicer = (reference(doi).short for doi in ALWAYS)
    cited = references_of(reconstruction.recipe)
    steps = []
    if given_mask:
        steps.append(f"{STAGES_IN_WORDS['mask']}: drawn or made elsewhere")
    for stage in stages_run(reconstruction, given_mask=given_mask):
        summary = method(stage, reconstruction.recipe.stages[stage]["method"]).summary.rstrip(".")
        names = "; ".join(found.short for found in cited[stage])
        steps.append(
            f"{STAGES_IN_WORDS[stage]}: {summary[:1].lower()}{summary[1:]}{f' ({names})' if names else ''}, "
            f"with {method_in_words(reconstruction, stage)}"
        )
    return (
        f"{_acquisition_in_words(acquisition)} Susceptibility maps were computed with {SOFTWARE} {__version__} "
        f"({slicer}), following the recommendations of the consensus organization committee ({consensus}), in these "
        f"steps. {'. '.join(steps)}. {reference_sentence(reconstruction.reference)} "
        "No geometric transform or interpolation was applied."
    )


def reference_sentence(found: Reference) -> str:
    """What susceptibility is relative to, in a sentence."""
    return (
        f"Susceptibility is given relative to {found.region}; in the map referred to the whole brain, this region has "
        f"a mean of {found.mean:.4f} ppm and a standard deviation of {found.sd:.4f} ppm in {found.voxels} voxels."
    )


def _acquisition_in_words(acquisition: Acquisition) -> str:
    scanner = {row.item: row for row in hardware(acquisition)}
    told = {row.item: row for row in sequence(acquisition)}
    names = [scanner[item].value for item in ("Vendor", "Scanner model") if scanner[item].value != UNKNOWN]
    kind = told["Type of sequence"].value
    facts = [
        told["Echoes, echo times"].value,
        *_known(told, ("Repetition time", "Flip angle", "Readout bandwidth")),
        f"voxels of {told['Voxel size'].value}",
        f"{told['Matrix of the images'].value} voxels",
        *_known(told, ("Acceleration", "Partial Fourier")),
    ]
    of_scanner = f" ({' '.join(names)})" if names else ""
    return (
        f"Data were acquired with a {kind if kind != UNKNOWN else 'gradient echo'} sequence at "
        f"{scanner['Field strength'].value}{of_scanner}: {', '.join(facts)}."
    )


def _known(rows: dict[str, Row], items: tuple[str, ...]) -> list[str]:
    return [f"{item.lower()} {rows[item].value}" for item in items if rows[item].value != UNKNOWN]
