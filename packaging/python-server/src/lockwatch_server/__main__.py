"""`python -m lockwatch_server` does what `lockwatch-server` does."""

import sys

from .command import main

sys.exit(main())
