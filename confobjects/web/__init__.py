"""The web room: the REST API and the console, made from the definitions.

For: serving one configuration to people and programs. May import: every other room; no room imports it, the command line
finds its commands by name (:data:`confobjects.cli.commands.SPECIAL`). It needs the extra ``web``.

Laws of this room:

1. A request is answered for a person, or for nobody. Each endpoint says what that person must be permitted, in the table
   that its route is made from. What a change may do is judged on the planned change, not on its route.
2. Whatever goes wrong is one of our errors. Its class decides the status; nothing of a traceback leaves the process.
3. A secret never leaves in an answer, an event, a log line or a page. The mask that stands for it is refused when it comes in.
4. Nothing that takes long runs in the event loop: storages, tests and hashes work in threads, a limited number at a time.
"""

from __future__ import annotations
