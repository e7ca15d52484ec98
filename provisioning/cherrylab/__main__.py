"""`python -m cherrylab`: the command where no console script is installed."""

import sys

from cherrylab.cli import main

sys.exit(main())
