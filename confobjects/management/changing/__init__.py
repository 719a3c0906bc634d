"""Changes: requested together, judged as a whole, and written in one commit.

The steps of a change: ``operations`` describe the requests; a ``transaction`` collects them; ``outcomes`` are the
differences from the storage; the ``verdict`` judges them; ``ordering`` sorts them for writing; ``commit`` turns them
into storage operations. If the storage does not lock out other writers, ``meeting`` checks the result after the commit.
"""
