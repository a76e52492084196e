"""DICOM: from a folder as the scanner exports it, or one enhanced file, to the scan in it, and maps back to DICOM.

`parsing` opens files, `headers` looks up what they say, `conventions` knows how each vendor says it, `frames` collects
the facts of each image, `stacks` sorts the images into echoes in space, `selection` chooses the scan among all that is
there and checks that it is whole, `pixels` reads the values, `phase_scale` takes phase to radians, and `scan` makes an
`Acquisition` of them. `susceptibility` writes and reads maps.
"""
