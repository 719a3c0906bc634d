"""The commands of the web, which the command line finds by name, and imports when they are asked for.

They belong to the command line: they may name its options, and they print.
"""

from __future__ import annotations
