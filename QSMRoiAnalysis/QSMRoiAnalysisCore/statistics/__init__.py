"""Statistics of regional measures: one subject per file, plain functions on arrays, small frozen results.

Every result says how many values it rests on, which were left out, whether it is two-sided, and what was checked of
its assumptions. A missing value is NaN (or None); it is left out by position, and never replaced.
"""
