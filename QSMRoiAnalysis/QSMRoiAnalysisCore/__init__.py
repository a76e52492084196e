"""Regional analysis of susceptibility maps: regions, measures and tables, in plain Python.

Arrays, units and signs follow the conventions of `QSMReconstructionCore`: arrays are indexed [k, j, i], lengths are in
mm, paramagnetic is positive. Data flow one way: regions and a map give measures, measures give a table.
"""
