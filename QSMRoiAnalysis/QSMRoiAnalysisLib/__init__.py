"""The regional analysis in a Slicer scene: nodes in, table out. Holds no formula of the measures.

`maps` reads susceptibility maps from volume nodes, `segments` reads regions from segmentations, `tables` writes the
result to a table node; `atlas_labels` adds the regions of an atlas.
"""
