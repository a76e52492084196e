"""Measurements on nodes: the regions of a segmentation on a susceptibility map, and on other maps along with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import slicer

from QSMReconstructionLib.geometry import grid_of
from QSMReconstructionLib.masks import mask_from_node
from QSMRoiAnalysisCore import subregions
from QSMRoiAnalysisCore.maps import ParameterMap, SusceptibilityMap
from QSMRoiAnalysisCore.measures import Measurement, measure, measure_parameter
from QSMRoiAnalysisCore.norms import read_norms
from QSMRoiAnalysisCore.parts import parts_of
from QSMRoiAnalysisCore.regions import Region, check_same_grid, find_regions, union_mask
from QSMRoiAnalysisCore.remarks import remarks
from QSMRoiAnalysisCore.request import Request
from QSMRoiAnalysisCore.statistics.normative import NormativeCurve

from .maps import is_susceptibility, map_from_node, unit_in_words
from .segments import regions_from_node


def measure_nodes(
    volume,
    segmentation,
    *,
    reference: str | None = None,
    unit: str = "ppm",
    mask=None,
    measures: Sequence[str] = (),
    neighbor: str = "",
    noise=None,
    erosion: float = 0.0,
    exclude: str = "",
    others: Sequence = (),
    parts: Mapping[str, Sequence[str]] | None = None,
    norms: str = "",
    age: float = 0.0,
) -> tuple[tuple[Measurement, ...], tuple[str, ...]]:
    """Measure the segments of a segmentation.

    Parameters
    ----------
    volume : vtkMRMLScalarVolumeNode
        The susceptibility map.
    segmentation : vtkMRMLSegmentationNode
    reference, unit
        As in `QSMRoiAnalysisCore.measures.measure`.
    mask : vtkMRMLSegmentationNode or vtkMRMLLabelMapVolumeNode, optional
        Where the map is defined.
    measures : sequence of str
        Descriptors to add as columns.
    neighbor : str
        Region for those that compare with a neighbor.
    noise : vtkMRMLScalarVolumeNode, optional
        Standard deviation of the noise of the map, on its grid and in its unit, for those that need it.
    erosion : float
        What to take off the surface of each region, in mm; adds the column `erosion_mm`.
    exclude : str
        Segment whose voxels are left out of all regions, and which gets no row.
    others : sequence of vtkMRMLScalarVolumeNode
        Maps to measure in the same voxels, on the grid of the map. A further susceptibility map keeps its reference.
    parts : mapping of str to sequence of str, optional
        Groups and parts to measure as well: one of `QSMRoiAnalysisCore.parts.PARTS` -> lines of its form.
    norms : path
        Table of healthy controls, for descriptors that need norms.
    age : float
        Of the subject, in years; 0 where it is not stated.

    Returns
    -------
    rows : tuple of Measurement
        Those of the map, then those of the others.
    remarks : tuple of str
        What limits the result.

    Raises
    ------
    ValueError
        If the data cannot be measured.
    """
    susceptibility = map_from_node(volume)
    regions = regions_from_node(segmentation, volume)
    if mask:
        susceptibility = replace(susceptibility, mask=mask_from_node(mask, volume))
    if exclude:
        excluded = find_regions(regions, exclude)
        susceptibility = susceptibility.without(union_mask(excluded, susceptibility.grid.shape))
        regions = tuple(region for region in regions if region not in excluded)
    if erosion:
        regions = tuple(subregions.eroded(region, susceptibility.grid, erosion) for region in regions)
    made = parts_of(regions, parts or {}, susceptibility.grid)
    regions = (*regions, *made)
    request = Request(
        descriptors=(*measures, *(("erosion_mm",) if erosion else ())),
        noise=None if noise is None else _values_on(volume, noise),
        neighbor=neighbor,
        norms=_norms(norms) if norms else None,
        age=age or float("nan"),
    )
    rows = measure(susceptibility, regions, reference=reference or None, unit=unit, request=request)
    limits = remarks(susceptibility, regions, rows, len(made))
    for other in others:
        rows += _measure_other(other, volume, susceptibility, regions, unit, request)
    return rows, limits


def _norms(path: str) -> dict[str, NormativeCurve]:
    if not Path(path).is_file():
        raise ValueError(f"There is no table of controls {path}. Choose one, or none.")
    return read_norms(path)


def _measure_other(
    node, volume, susceptibility: SusceptibilityMap, regions: Sequence[Region], unit: str, request: Request
) -> tuple[Measurement, ...]:
    values = _values_on(volume, node)
    if is_susceptibility(node):
        return measure(replace(map_from_node(node), mask=susceptibility.mask), regions, unit=unit, request=request)
    parameter = ParameterMap(values, susceptibility.grid, unit_in_words(node), node.GetName(), susceptibility.mask)
    return measure_parameter(parameter, regions, request=request)


def _values_on(volume, node) -> np.ndarray:
    """The values of a volume that must lie on the voxels of the map."""
    check_same_grid(node.GetName(), grid_of(node), grid_of(volume))
    return slicer.util.arrayFromVolume(node)
