"""Which values a running service uses while what is stored changes.

Laws of this room:

1. Pure. It neither reads a storage nor waits; it is told what is stored now, what the history says about the way there,
   and which components were restarted.
2. What is in effect satisfies every constraint and every reference, whatever happens in whatever order.
3. A change that needs no action counts at once. One that needs a component restart counts when the object has been
   disabled and enabled again, or its component says that it was restarted. One that needs more counts for the next process.
4. Changes of one object in one commit count together. A change that would collide with something in effect waits with
   what it collides with.
5. A stored state that does not hold leaves the last good one in effect, and is a problem.
6. Looking at every commit and looking only at some leads to the same state, as long as the history is there.
7. Nothing is told twice, and what is told leads from the first state in effect to the last one.
8. A change is worked out for the objects it changes, their heirs and their users, not for all.
"""

from __future__ import annotations

from confobjects.effect.configuration import make_configuration
from confobjects.effect.layers import Layers
from confobjects.effect.model import Event, LiveState, StoredState, Waiting
from confobjects.effect.rule import advance, begin, is_restored, read_stored, restart, update_stored
from confobjects.effect.waiting import list_waiting
from confobjects.effect.world import EvaluatedObject, evaluate_object

__all__ = [
    "EvaluatedObject",
    "Event",
    "Layers",
    "LiveState",
    "StoredState",
    "Waiting",
    "advance",
    "begin",
    "evaluate_object",
    "is_restored",
    "list_waiting",
    "make_configuration",
    "read_stored",
    "restart",
    "update_stored",
]
