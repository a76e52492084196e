"""The command line of the core with `small_scan.quick_reconstruct` in place of the pipeline.

`python quick_engine.py STAGE ...` stops at a stage until its process is ended; with "-" for the stage, it runs through;
with "full disk", it cannot write more than a few bytes into a file.
"""

from __future__ import annotations

import sys
import time

from QSMReconstructionCore import pipeline
from QSMReconstructionCore.commandline import main
from small_scan import quick_reconstruct


def until(stop_at: str):
    """`quick_reconstruct` that stands still at a stage."""

    def reconstruct(acquisition, recipe, progress, **more):
        def report(fraction, message):
            progress(fraction, message)
            while message == stop_at:
                time.sleep(0.05)
                progress(fraction, message)

        return quick_reconstruct(acquisition, recipe, report, **more)

    return reconstruct


if __name__ == "__main__":
    if sys.argv[1] == "full disk":
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    pipeline.reconstruct = until(sys.argv[1])
    sys.exit(main(sys.argv[2:]))
