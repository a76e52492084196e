"""What the methods cost and how near they come to the truth, on scans of the digital head phantom.

`python3 Testing/run.py benchmark` prints the tables and leaves them, with charts, in a folder. Nothing here is timed by
a test: times depend on the machine, so they are also given in pairs of Fourier transforms measured in the same run.
"""
