"""Interactive mode: menus over the same operations that commands ask for.

Laws of this room:

1. Pages and the meaning of answers are pure (``draft``, ``choosing``, ``pages``); only ``terminal`` reads and writes.
2. A session keeps changes that are not applied in memory only, so leaving it in any way leaves nothing half done.
3. Changes are :class:`~confobjects.management.changing.operations.Operation` objects, handed to one transaction, after its plan was shown.
4. No property and no object is named here: menus, questions and help come from the definitions.
5. A secret is asked for twice, without showing it.
"""
