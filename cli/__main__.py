"""``python -m confobjects.cli``."""

from __future__ import annotations

import sys

from .main import process

sys.exit(process())
