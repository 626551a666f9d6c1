"""`python -m polystep_kit`."""

from __future__ import annotations

import sys

from polystep_kit.main import main

if __name__ == "__main__":
    sys.exit(main())
