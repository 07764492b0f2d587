"""`python -m chiomics`: the command `chiomics`, where its folder is not on the path."""

import sys

from chiomics.cli import main

sys.exit(main())
