"""The command line: python -m QSMReconstructionCore {methods,simulate,reconstruct,stage,score}."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    # Matrices are small here, and the threads of BLAS would wait for each other in busy loops, on cores that others
    # need: beside other programs, the shading of a 1 mm head took eight times as long. Read when numpy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from .commandline import main

    sys.exit(main())
