"""The commands of the web: accounts and tokens. The command line finds them by name, and imports each when it is asked for.

They belong to the command line: they may name its options, and they print.
"""

from __future__ import annotations
