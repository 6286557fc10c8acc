"""Run `python -m simexchange`."""

import sys

from simexchange.cli import main

sys.exit(main())
