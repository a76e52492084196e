"""The command line: python -m QSMReconstructionCore {methods,simulate,reconstruct,stage,score}."""

from __future__ import annotations

import sys

from .commandline import main

if __name__ == "__main__":
    sys.exit(main())
