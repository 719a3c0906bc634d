"""Claims: who may replace a value on a server that lets two modifications delete the same one.

389 Directory Server may judge a modification by an old copy of the entry. Then two writers that delete the same old
revision both succeed, and one change is lost. It adds an entry only once, though. So before a value is replaced there,
an entry named after it is added to the history; only the writer that added it may replace the value.

Laws of this module:

1. A value of an entry has a chain of claims, numbered from 0. Only the last one counts. Claims are removed with the
   oldest records, long after the value was replaced.
2. A claim is given up by its writer (its writer's name is deleted), but only if the server surely did not replace the
   value and no longer will. The next writer adds the next claim and goes on.
3. A claim that was not given up is passed over if its process is dead, or if it has not moved for some time on the
   clock of the one who waits. Clocks of machines are never compared.
4. Whoever passes over a claim fences its writer off first: it replaces the revision by one that carries no change, and
   plans again. If a modification of the other writer was still on its way, it overwrites the fence or is refused, but
   it overwrites no change.
5. A change that took so long that others may have passed over its claim counts only if the old value is gone
   afterwards: a fence that is refused can bring back the old copy of the entry.
6. A writer that has met the claim of another looks before it adds its next ones. A refused addition is expensive:
   389 Directory Server looks through its whole cache of entries then, and everybody waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from time import monotonic, time
from typing import Final
from uuid import uuid4

from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import (
    CannotConnectError,
    ChangedMeanwhileError,
    ConfobjectsError,
    NoSuchObjectError,
    ObjectExistsError,
)
from confobjects.mapping import journal as names
from confobjects.mapping.entry import AddEntry, Change, Entry, Modification, ModifyEntry
from confobjects.records import Record
from confobjects.storage.ldap import writers
from confobjects.storage.ldap.records import CLAIM, text_of
from confobjects.storage.ldap.truth import REVISION, SWAPPED
from confobjects.texts.numbers import read_number

_PATIENCE: Final = 1.0
"""Seconds after which a claim that does not move is passed over. The fence makes it safe, so it may be short."""
_FEW: Final = 64
_LONGEST_CHAIN: Final = 1000


class Swap(Record):
    """The replacement of one value in an entry; ``new`` is empty if the value is only deleted."""

    dn: DN
    attribute: str
    old: str
    new: str

    @property
    def key(self) -> str:
        """A name for the value that is replaced."""
        told = f"{self.dn.normal}\n{self.attribute}\n{self.old}"
        return f"{CLAIM}-{sha256(told.encode()).hexdigest()[:32]}"


class ClaimMeans(Record):
    """What claims need: the branch of the history, how to look up and change entries, and numbers of the history.

    ``newest`` returns a number that was the newest a short while ago. ``fence`` writes the record of a fence for an
    entry with a revision, and returns its number.
    """

    branch: Callable[[], DN]
    look_up: Callable[[DN], Entry | None]
    make: Callable[[Change], None]
    newest: Callable[[], int]
    fence: Callable[[DN, int], int]


class Claims:
    """The claims of one storage."""

    def __init__(self, means: ClaimMeans) -> None:
        self._means = means
        self._watched: dict[DN, tuple[str, float]] = {}
        """Claims of others: the token of each, and when it was first seen."""
        self._held: set[str] = set()
        self._finished: deque[str] = deque(maxlen=_FEW)
        """The tokens of the last claims whose changes were made: nothing of them is on its way any more."""
        self._careful = 0
        """How many claims are looked up before they are added."""

    @contextmanager
    def holding(self, change: Change, *, numbered: bool = True) -> Iterator[None]:
        """Hold the claim for the value that a change replaces while it is made, if it replaces a guarded one.

        ``numbered`` tells whether the change has the number of its record already. Raises
        :class:`~confobjects.errors.ChangedMeanwhileError` if another writer was faster.
        """
        swap = swap_of(change)
        if swap is None or swap.key in self._held:
            yield
            return
        claim = self._take(swap, swap.new if numbered else str(self._means.newest()))
        taken = monotonic()
        self._held.add(swap.key)
        try:
            yield
            if monotonic() - taken >= _PATIENCE and self._is_left(swap):
                raise _changed_error(swap)
            self._finished.append(text_of(claim, names.STEP))
        except CannotConnectError:
            raise  # the change may still happen
        except ConfobjectsError:
            self._give_up(claim.dn)
            raise
        finally:
            self._held.discard(swap.key)
        if is_backward(swap):
            self._reopen(swap)

    def _take(self, swap: Swap, number: str) -> Entry:
        """Add the next claim for a value, and return it."""
        fence = False
        for turn in range(_LONGEST_CHAIN):
            claim = _make_entry(self._dn_of(swap, turn), number)
            other = self._add(claim, swap)
            if other is not None:
                fence = self._pass_over(other, swap) or fence
                continue
            if fence and swap.attribute == REVISION:
                self._fence_off(swap, claim.dn)
            return claim
        raise _changed_error(swap)

    def _add(self, claim: Entry, swap: Swap) -> Entry | None:
        """Add a claim, or return the one that is already there."""
        other = self._means.look_up(claim.dn) if self._careful else None
        if other is None:
            try:
                self._means.make(AddEntry(claim))
            except ObjectExistsError as error:
                other = self._means.look_up(claim.dn)
                if other is None:
                    raise _changed_error(swap) from error
            except NoSuchObjectError as error:  # under load, 389-ds also says this about a history that exists
                raise _changed_error(swap) from error
        self._careful = _FEW if other is not None else max(0, self._careful - 1)
        return other

    def _dn_of(self, swap: Swap, turn: int) -> DN:
        return self._means.branch().child("cn", f"{swap.key}-{turn}")

    def _pass_over(self, entry: Entry, swap: Swap) -> bool:
        """Return whether a claim may still be used by its writer, or False if it was given up.

        Raises :class:`~confobjects.errors.ChangedMeanwhileError` if it must not be passed over yet.
        """
        token = text_of(entry, names.STEP)
        writer = "" if token in self._finished else text_of(entry, names.WRITER)
        if writer and not writers.is_known_dead(writer) and not self._has_waited(entry.dn, token):
            raise _changed_error(swap)
        if not self._is_there(swap):
            raise _changed_error(swap)
        is_same = swap.new != "" and text_of(entry, names.NUMBER) == swap.new  # recovery finishes what the writer began
        return bool(writer) and not is_same

    def _has_waited(self, dn: DN, token: str) -> bool:
        """Tell whether a claim has been seen for some time without moving."""
        seen = self._watched.get(dn)
        if seen is None or seen[0] != token:
            self._watched[dn] = (token, monotonic())
            return False
        return monotonic() - seen[1] >= _PATIENCE

    def _is_there(self, swap: Swap) -> bool:
        """Tell whether the entry, if there is one, still has the value. Most claims are of changes that were made."""
        entry = self._means.look_up(swap.dn)
        return entry is None or text_of(entry, swap.attribute) == swap.old

    def _is_left(self, swap: Swap) -> bool:
        """Tell whether an entry has the value that was replaced."""
        entry = self._means.look_up(swap.dn)
        return entry is not None and text_of(entry, swap.attribute) == swap.old

    def _fence_off(self, swap: Swap, claim: DN) -> None:
        """Replace the revision by one without a change, and have the caller plan again."""
        number = self._means.fence(swap.dn, read_number(swap.old) or 0)
        steps = (Modification("delete", REVISION, (swap.old,)), Modification("add", REVISION, (str(number),)))
        try:
            self._means.make(ModifyEntry(swap.dn, steps))
        except CannotConnectError:
            raise
        except ConfobjectsError:
            self._give_up(claim)
            raise
        raise _changed_error(swap)

    def _give_up(self, claim: DN) -> None:
        try:
            self._means.make(ModifyEntry(claim, (Modification("replace", names.WRITER),)))
        except ConfobjectsError:
            return  # the next writer passes over it

    def _reopen(self, swap: Swap) -> None:
        """Give up what this process claimed to leave a revision that it has just restored."""
        back = swap.replace(old=swap.new, new="")
        for turn in range(_LONGEST_CHAIN):
            dn = self._dn_of(back, turn)
            entry = self._means.look_up(dn)
            if entry is None:
                return
            if writers.is_this_process(text_of(entry, names.WRITER)):
                self._give_up(dn)


def swap_of(change: Change) -> Swap | None:
    """Return the replacement of a guarded value that a change contains."""
    if not isinstance(change, ModifyEntry):
        return None
    for step in change.modifications:
        attribute = step.attribute.lower()
        if step.kind == "delete" and attribute in SWAPPED and step.values:
            new = (m.values for m in change.modifications if m.kind == "add" and m.attribute.lower() == attribute)
            return Swap(change.dn, attribute, _text_of(step.values), _text_of(next(new, ())))
    return None


def _text_of(values: object) -> str:
    return str(values[0]) if isinstance(values, (tuple, list)) and values else ""


def is_backward(swap: Swap) -> bool:
    """Tell whether a replacement restores an earlier revision, as taking back does."""
    old, new = read_number(swap.old), read_number(swap.new)
    return swap.attribute == REVISION and old is not None and new is not None and new < old


def _make_entry(dn: DN, number: str) -> Entry:
    return Entry(
        dn,
        {
            "objectClass": ("top", names.RECORD_CLASS),
            "cn": (dn.rdns[0][0][1],),
            names.NUMBER: (str(read_number(number) or 0),),
            names.STATE: (CLAIM,),
            names.STEP: (uuid4().hex,),  # if the answer to the addition is lost, it tells whose claim is there
            names.WRITER: (writers.make_name(time()),),
        },
    )


def _changed_error(swap: Swap) -> ChangedMeanwhileError:
    summary = f'the entry "{swap.dn}" is being changed by someone else'
    return ChangedMeanwhileError(Diagnostic("changed-meanwhile", summary, remedy="repeat the change later"))
