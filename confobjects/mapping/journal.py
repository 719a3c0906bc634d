"""What a storage keeps about a change: a note is written, a noted change is read.

Laws: a storage keeps notes and never interprets them; it keeps the ``secret`` of a note where only users who may read
the secrets of the configuration can read it; and the state of a noted change is correct, whenever a writer dies.
"""

from __future__ import annotations

from typing import Final, Literal

from confobjects.records import Record

State = Literal["done", "void", "pending", "unclear", "edited"]
"""What became of a noted change. ``done``: it was made. ``void``: it was not, or was taken back. ``pending``: its writer
is at work, or died in the middle, and the next writer finishes it. ``unclear``: its writer died, and the storage was
changed by other means before anyone looked. ``edited``: not a change of ours; the storage was changed by other means."""


class Note(Record):
    """What to record about a change: ``text`` for everybody, ``secret`` for the protected place."""

    text: str
    secret: str = ""

    def __repr__(self) -> str:
        """Tell nothing: one of the two holds secrets."""
        return "<a note>"


class NotedChange(Record):
    """A change as a storage has noted it. ``when`` is the time of an edit, in UTC as ISO 8601, empty if not known."""

    number: int
    state: State
    text: str = ""
    secret: str = ""
    when: str = ""

    def __repr__(self) -> str:
        """Tell which one it is and what became of it, and nothing of what was noted."""
        return f"<noted change {self.number}: {self.state}>"


class UnfinishedChange(Record):
    """A change of several entries that is not whole. ``is_abandoned`` tells that its writer has died: the next one that
    changes something finishes it, or takes it back.
    """

    number: int
    is_abandoned: bool


class Moment(Record):
    """Where a storage stands. Two that are equal mean that no change of ours began or ended between them.

    ``epoch`` names the life of the history: it is another one after the history was made anew, and empty where it is not
    known. ``last`` is the highest number of the history, that of a change without effect included; None without a history.
    ``unfinished`` are the changes of which a reader may see a half, the lowest number first.
    """

    epoch: str = ""
    last: int | None = None
    unfinished: tuple[UnfinishedChange, ...] = ()


# -- in a directory --------------------------------------------------------------------------------------------------

HISTORY_CLASS: Final = "ds-cfg-history"
RECORD_CLASS: Final = "ds-cfg-history-record"
BRANCH: Final = ("cn", "History")
"""The RDN of the entry below the base that the records hang below."""
NUMBER: Final = "ds-cfg-history-number"
STATE: Final = "ds-cfg-history-state"
STEP: Final = "ds-cfg-history-step"
TEXT: Final = "ds-cfg-history-text"
WRITER: Final = "ds-cfg-history-writer"
SECRET: Final = "ds-cfg-history-secret"  # noqa: S105 - the name of an attribute
PLAN: Final = "ds-cfg-history-plan"
PROTECTED: Final = (PLAN, SECRET)
"""The attributes of a record that hold secrets."""
