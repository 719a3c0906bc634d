"""Live configuration: a process that keeps what it uses true while the stored configuration changes.

Laws of this room:

1. One background thread hears, reads and tells. Whoever reads values waits for nobody: a configuration never changes,
   the next one takes its place as a whole.
2. Listeners are called one at a time, in the order in which they were registered, each event after the one before it.
   When the first of them hears of a change, all of the change is in effect.
3. A listener that fails is reported, and the others go on. So does whatever cannot be read: the last good state stays
   in effect, the problems say why, and what is mended counts.
4. What a value depends on is heard of too: the files behind it, the directories of expression files, and the files and
   directories that it names, such as trust stores.
5. What is in effect is decided by :mod:`confobjects.effect` alone.
6. A service with a name tells what it has in effect, by a thread of its own: nothing here waits for that.
"""

from __future__ import annotations

from confobjects.following.configuration import Live
from confobjects.following.events import LiveEvent
from confobjects.following.listeners import Listener
from confobjects.following.opening import live
from confobjects.following.streams import EventStream

__all__ = ["EventStream", "Listener", "Live", "LiveEvent", "live"]
