"""Regions from an atlas: read it, register its template to a subject, carry its labels back, and judge the result.

`atlas` reads a template with its labels, license and citation from a folder, and `subject` is what it is brought to;
`contrast` makes images of both look alike; `registration` finds the transform between them; `labeling` carries the
labels onto the grid of the map, which itself is never resampled; `agreement` judges what came out.
"""
