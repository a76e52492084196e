"""The regional analysis in a Slicer scene: nodes in, table out. Holds no formula of the measures.

`maps` reads susceptibility maps from volume nodes, `segments` reads regions from segmentations, `measuring` measures
them, `tables` writes the result to a table node, and `atlas_labels` adds the regions of an atlas. `atlas_section` and
`measures_section` are the parts of the panel that choose them.
"""
