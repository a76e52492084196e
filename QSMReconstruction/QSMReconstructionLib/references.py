"""What a susceptibility map is relative to: the region that is chosen, and referring a finished map to it."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import slicer
from slicer.i18n import tr as _

from QSMReconstructionCore.methods import method
from QSMReconstructionCore.recipe import Recipe
from QSMReconstructionCore.referencing import Reference, ReferenceRegion, rereference
from QSMReconstructionCore.report.referred_again import referred_again

from .geometry import grid_of
from .maps import reference_attributes, set_attributes
from .masks import segment_from_node
from .reports import report_of


def given_region(parameters, recipe: Recipe, volume) -> ReferenceRegion | None:
    """The region that the user has drawn, if the recipe refers to one.

    Parameters
    ----------
    parameters : QSMReconstructionParameterNode
    recipe : Recipe
    volume : vtkMRMLScalarVolumeNode
        Whose voxels to use.

    Raises
    ------
    ValueError
        If no segment is chosen, or the chosen one is not there any more or empty.
    """
    if recipe.stages["reference"]["method"] != "region":
        return None
    node = parameters.referenceSegmentation
    segments = node.GetSegmentation().GetSegmentIDs() if node else ()
    segment_id = parameters.referenceSegment or next(iter(segments), "")
    if segment_id not in segments:
        raise ValueError(_("Choose the segment to which the map is referred, in the section Outputs."))
    name = node.GetSegmentation().GetSegment(segment_id).GetName()
    voxels = segment_from_node(node, segment_id, volume)
    if not voxels.any():
        sentence = _("Segment '{name}' is empty. Draw the reference region, or choose another.")
        raise ValueError(sentence.format(name=name))
    return ReferenceRegion(name, voxels)


def refer_again(parameters, recipe: Recipe) -> str:
    """Refer the map of the last result, and its report, to the region of the recipe, without computing it again.

    Parameters
    ----------
    parameters : QSMReconstructionParameterNode
        Its field `result` is the map.
    recipe : Recipe
        Its stage "reference" says what to refer to.

    Returns
    -------
    str
        What the map is relative to now, in a sentence.

    Raises
    ------
    ValueError
        If the region cannot be found; the map is then as it was.
    """
    node = parameters.result
    array, grid = slicer.util.arrayFromVolume(node), grid_of(node)
    mask = array != 0  # the corrected segmentation may be another one by now
    chosen = dict(recipe.stages["reference"])
    name = chosen.pop("method")
    given = {"r2star": _r2star_of(node), "region": given_region(parameters, recipe, node)}
    region = method("reference", name).run(mask, grid, given=given, parameters=chosen)
    before = _previous(node)
    values, reference = rereference(array, mask, region, before)
    report = report_of(node)
    page = referred_again(report.GetText(), values, grid, before, reference) if report else ""
    slicer.mrmlScene.SaveStateForUndo()
    slicer.util.updateVolumeFromArray(node, values)
    set_attributes(node, reference_attributes(asdict(reference)))
    if report:
        report.SetText(page)
    stages = json.loads(node.GetAttribute("QSM.Recipe"))
    node.SetAttribute("QSM.Recipe", json.dumps({**stages, "reference": recipe.stages["reference"]}))
    return _("'{name}' is now relative to: {region}.").format(name=node.GetName(), region=reference.region)


def _previous(node) -> Reference:
    region, voxels, subtracted, mean, sd = (
        node.GetAttribute(f"QSM.Reference{name}") for name in ("", "Voxels", "Subtracted", "Mean", "SD")
    )
    return Reference(region, int(voxels), float(subtracted), float(mean), float(sd))


def _r2star_of(node) -> np.ndarray | None:
    """The R2* map of the same reconstruction, if it is in the scene."""
    identity = node.GetAttribute("QSM.InputIdentity")
    for other in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
        if other.GetAttribute("QSM.Map") == "r2star" and other.GetAttribute("QSM.InputIdentity") == identity:
            return slicer.util.arrayFromVolume(other)
    return None
