"""From the scene to the core: a volume node becomes a `SusceptibilityMap`."""

from __future__ import annotations

import slicer

from QSMReconstructionCore.grid import Grid
from QSMReconstructionLib.geometry import ijk_to_ras
from QSMRoiAnalysisCore.maps import MapReference, SusceptibilityMap

#: Codes of voxel value units, with and without the brackets of UCUM -> unit of the core.
_UNIT_CODES = {"[ppm]": "ppm", "ppm": "ppm", "[ppb]": "ppb", "ppb": "ppb"}
#: Codes of UCUM that tables write otherwise.
_UNIT_WORDS = {"/s": "1/s", "s-1": "1/s"}


def map_from_node(node) -> SusceptibilityMap:
    """The susceptibility map that a volume node holds.

    Parameters
    ----------
    node : vtkMRMLScalarVolumeNode
        Its voxel value units say whether it is in ppm (also assumed where they are not set) or ppb; the attributes
        `QSM.Reference`, `QSM.ReferenceMean` and `QSM.ReferenceSD` (ppm) say what was called zero, and `QSM.Recipe`
        that this software made the map, which is then defined where it is not 0.

    Returns
    -------
    SusceptibilityMap
        Sharing its values with the node, on the grid of its voxels before any parent transform: moving a volume
        changes neither its values nor their volume.

    Raises
    ------
    ValueError
        If the node is no scalar volume, holds no voxels, is in another unit, or lies under a transform that is not
        linear.
    """
    if node is None:
        raise ValueError("The map is missing. Choose a susceptibility map.")
    name = node.GetName()
    scalar = node.IsA("vtkMRMLScalarVolumeNode") and not node.IsA("vtkMRMLTensorVolumeNode")
    if not scalar or node.IsA("vtkMRMLLabelMapVolumeNode"):
        raise ValueError(f"The map must be a scalar volume, but '{name}' is a {node.GetClassName()}.")
    if node.GetImageData() is None or 0 in node.GetImageData().GetDimensions():
        raise ValueError(f"Volume '{name}' holds no voxels. Choose a susceptibility map.")
    check_linear_transform(node)
    values = slicer.util.arrayFromVolume(node)
    grid = Grid.from_ijk_to_ras(values.shape[:3], ijk_to_ras(node))
    mask = values != 0 if node.GetAttribute("QSM.Recipe") else None
    return SusceptibilityMap(values, grid, _unit(node), _reference(node), name, mask)


def is_susceptibility(node) -> bool:
    """Whether the voxel values of a volume are said to be in a unit of susceptibility."""
    units = node.GetVoxelValueUnits()
    return units is not None and units.GetCodeValue() in _UNIT_CODES


def unit_in_words(node) -> str:
    """The unit of the voxel values of a volume as tables write it: 1/s for R2*, "1" where none is said."""
    units = node.GetVoxelValueUnits()
    code = units.GetCodeValue() if units is not None else None
    return _UNIT_WORDS.get(code, code) or "1"


def check_linear_transform(node) -> None:
    """Raise a `ValueError` if a node lies under a transform that is not linear, which bends the grid of its voxels."""
    transform = node.GetParentTransformNode()
    if transform is not None and not transform.IsTransformToWorldLinear():
        raise ValueError(
            f"'{node.GetName()}' lies under transform '{transform.GetName()}', which is not linear. Transform and "
            "harden the segmentation only: hardening resamples a map and changes the values to be measured."
        )


def _unit(node) -> str:
    units = node.GetVoxelValueUnits()
    if units is None or not units.GetCodeValue():
        return "ppm"
    if units.GetCodeValue() not in _UNIT_CODES:
        raise ValueError(
            f"Volume '{node.GetName()}' is in {units.GetCodeMeaning() or units.GetCodeValue()}, but susceptibility is "
            "in ppm or ppb. Choose a susceptibility map."
        )
    return _UNIT_CODES[units.GetCodeValue()]


def _reference(node) -> MapReference | None:
    region = node.GetAttribute("QSM.Reference")
    if not region:
        return None
    mean, sd = (float(node.GetAttribute(f"QSM.Reference{name}") or "nan") for name in ("Mean", "SD"))
    return MapReference(region, mean, sd)
