"""``python -m confobjects``: the command line."""

from __future__ import annotations

import sys

from confobjects.cli.main import process

sys.exit(process())
