"""The REST API: every object of the configuration, and what operators do with it, for programs.

For: answering requests below ``/api/v1``. It uses what the command line uses, so that both do the same.

Laws of this wing:

1. What comes in is bounded before it is understood: bytes, depth, number of values. A member that means nothing is refused.
2. A change is made on the state that its ``If-Match`` names, or not at all: the state is compared again whenever the change is planned.
3. A secret goes in and never comes out: it is neither copied, moved, tested, filtered, sorted nor searched by.
4. Each endpoint is described in the table that its route is made from; the OpenAPI document is made from nothing else.
"""

from __future__ import annotations
