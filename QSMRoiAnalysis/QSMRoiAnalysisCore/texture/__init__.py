"""Texture of regions after the Image Biomarker Standardisation Initiative (IBSI).

A small set: first-order statistics, and gray-level co-occurrence, run-length and size-zone matrices in three
dimensions, whose directions are merged into one matrix before features are taken. Gray levels are bins of equal width
in ppb, so that a level spans the same in all regions, subjects and visits. Each feature carries its IBSI code.

References
----------
Zwanenburg et al. Radiology 2020. 10.1148/radiol.2020191145
"""

from .features import TextureFeature, texture

__all__ = ["TextureFeature", "texture"]
