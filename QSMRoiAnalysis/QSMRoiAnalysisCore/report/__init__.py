"""Reports of regional analyses as one HTML page each, in the style of the report of a reconstruction.

`cohort` tells of a study, `subject` of one map, and `cells` writes numbers and tables. Every text from outside is
escaped, and nothing on a page needs another file, a script or the network.
"""
