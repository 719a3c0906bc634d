"""Management of objects over a storage: list, get, create, modify, delete, rename; plan first, then commit.

Laws of this room:

1. It works over the Storage protocol and never knows which storage it is; it does no IO of its own.
2. A change is planned and judged as a whole inside ``storage.writing()`` and committed in one call, or not at all.
3. A write judges the objects it touches and what refers to them. Other broken objects do not block it.
4. If nothing changes, nothing is written.
5. Reading imports nothing that only writing needs.
"""

from __future__ import annotations

from confobjects.management.context import ManagementContext
from confobjects.management.site import ChangeSignature, Site
from confobjects.management.world import Overlay, StorageWorld

__all__ = ["ChangeSignature", "ManagementContext", "Overlay", "Site", "StorageWorld"]
