"""Watching a configuration: what ``watch`` does while it runs.

Laws of this wing:

1. What is told are real effects: it comes from :mod:`confobjects.following`, and nothing is worked out here.
2. Secrets are masked where a change is taken, so that no queue, line, document or program gets one.
3. Who does not read costs no memory: the thread that hears waits for the one that prints, and the changes for a program
   that is busy or fails are joined into what they come to.
4. A program gets no secret of ours, and neither it nor what it starts can hold us up.
"""

from __future__ import annotations

from .session import WatchOptions, WatchSession

__all__ = ["WatchOptions", "WatchSession"]
