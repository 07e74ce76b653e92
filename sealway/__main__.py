"""`python -m sealway`: the command line without an installed script."""

import sys

from sealway.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
