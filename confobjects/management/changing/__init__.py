"""Changes: what is asked for, judged as a whole, and written in one commit.

The way of a change: ``operations`` say what is wanted; a ``transaction`` gathers it; ``outcomes`` are what differs
from the storage then; the ``verdict`` judges them; ``ordering`` says in which order they are written; ``commit`` makes
storage operations of them. Where the storage does not keep other writers out, ``meeting`` looks at the result once
more.
"""
