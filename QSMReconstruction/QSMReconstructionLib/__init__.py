"""The reconstruction core in a Slicer scene: nodes in, nodes out. Holds no formula of the reconstruction.

`echoes` reads a scan from volumes or sequences, `echo_sequences` puts one there, `masks` exchanges brain masks with
segmentations, `maps` adds a finished reconstruction to the scene, `geometry` knows where volumes lie. `job` runs a
reconstruction beside the application and `job_queue` one after another; `scan_folder` reads files beside it. The
sections of the panel are in the files of that name; `study` reads the parameters that they share.
"""
