"""`python -m netsnn.cli` is the `netsnn` command."""

import sys

from netsnn.cli import main

sys.exit(main())
