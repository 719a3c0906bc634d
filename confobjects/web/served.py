"""The configuration that is served: opened as often as it is used at the same time, and used in threads.

Laws of this module:

1. A storage that lets its writers in one by one, a file or memory, is opened once and used by several threads: what is read of it is
   kept once. Any other one is used by one thread at a time, and used again; it is closed when it failed. Both are opened
   anew when the definitions have changed.
2. Every read sees what is stored at that moment: whoever has been told that a change was made sees it.
3. A change is signed with the name of the person who makes it, and judged by the role of that person before it is written. What
   only reads changes nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Final, TypeVar

from anyio import CapacityLimiter, to_thread

from confobjects.dn import DN
from confobjects.errors import CannotConnectError, StorageError
from confobjects.management import ChangeSignature, ManagementContext
from confobjects.startup import current_time
from confobjects.web.judging import make_approval, refuse_change

if TYPE_CHECKING:
    from confobjects.web.people import Person

T = TypeVar("T")

_READERS: Final = 4
_WRITERS: Final = 8
_KEPT: Final = 4
"""Open configurations that are kept for the next request."""

Open = Callable[[], ManagementContext]
"""Opens the configuration for management. Raises what :func:`confobjects.open` raises."""


class Served:
    """The configuration that a process serves. Its methods are called in the event loop; ``work`` is called in a thread.

    With ``act_as``, whoever has signed in with the directory of the configuration changes it with their own rights there.
    """

    def __init__(self, open_one: Open, *, act_as: bool = False) -> None:
        self._open_one = open_one
        self._act_as = act_as
        self._kept: list[ManagementContext] = []
        self._shared: ManagementContext | None = None
        """The one that several threads use, if the storage is of that kind."""
        self._reader: ManagementContext | None = None
        """The same, for what only reads."""
        self._generation = 0
        self._lock = threading.Lock()
        self._readers = CapacityLimiter(_READERS)
        self._writers = CapacityLimiter(_WRITERS)

    async def read(self, work: Callable[[ManagementContext], T], limiter: CapacityLimiter | None = None) -> T:
        """Return what a function finds in the configuration, which it does not change. Raises what it raises.

        ``limiter`` says how many do this at the same time, apart from everybody else who reads.
        """

        def read(context: ManagementContext) -> T:
            return work(_for_reading(context))

        return await to_thread.run_sync(self._use, read, limiter=limiter or self._readers)

    def glance(self, work: Callable[[ManagementContext], T]) -> T | None:
        """Return what a function finds, without a thread, which costs more than a short read; None if that would have to wait.

        ``work`` reads few objects and waits for nothing. Raises what it raises.
        """
        reader = self._reader
        return None if reader is None or not reader.storage.answers_at_once else work(reader)

    async def change(self, person: Person, source: str, work: Callable[[ManagementContext], T]) -> T:
        """Return what a function does to the configuration, or only tries, in the name of a person. Raises what it raises.

        ``source`` is what the history records as the command, such as ``rest`` or ``console``. A change that the role of the person
        does not permit raises :class:`~confobjects.web.problems.NotPermittedError`.
        """

        def sign() -> ChangeSignature:
            return ChangeSignature(current_time(), person.name, source)

        def work_signed(context: ManagementContext) -> T:
            signed = ManagementContext(context.site.replace(sign=sign, approve=make_approval(person)))
            try:
                with self._acting_as(context, person):
                    return work(signed)
            finally:
                if signed.registry is not context.registry:
                    self.renew()

        return await to_thread.run_sync(self._use, work_signed, limiter=self._writers)

    def _acting_as(self, context: ManagementContext, person: Person) -> AbstractContextManager[None]:
        """Return a context in which the directory judges changes by the rights of a person whom it has let in."""
        from confobjects.storage.ldap import LdapStorage

        if not (self._act_as and person.way == "directory" and isinstance(context.storage, LdapStorage)):
            return nullcontext()
        return context.storage.acting_as(DN.parse(person.name))

    def renew(self) -> None:
        """Open the configuration anew for every later request, because its definitions have changed."""
        with self._lock:
            self._generation += 1
            kept = [*self._kept, *(() if self._shared is None else (self._shared,))]
            self._kept, self._shared, self._reader = [], None, None
        for context in kept:
            context.close()

    def close(self) -> None:
        """Close what is open and not in use; the rest is closed when it is no longer used."""
        self.renew()

    def _use(self, work: Callable[[ManagementContext], T]) -> T:
        with self._borrow() as context:
            return work(context)

    @contextmanager
    def _borrow(self) -> Iterator[ManagementContext]:
        with self._lock:
            generation = self._generation
            context = self._shared or (self._kept.pop() if self._kept else None)
        context = context or self._open(generation)
        try:
            yield context
        except (CannotConnectError, StorageError):
            self._give_back(None, context)
            raise
        except BaseException:
            self._give_back(generation, context)
            raise
        self._give_back(generation, context)

    def _open(self, generation: int) -> ManagementContext:
        """Return an open configuration: the shared one, if the storage is of that kind and somebody else was faster."""
        made = self._open_one()
        with self._lock:
            if not made.storage.serialises_writers or generation != self._generation:
                return made
            if self._shared is None:
                self._shared, self._reader = made, _for_reading(made)
            return self._shared

    def _give_back(self, generation: int | None, context: ManagementContext) -> None:
        """Keep one that nobody else uses, if it is of the generation that counts; close it otherwise."""
        with self._lock:
            if context is self._shared:
                return
            is_kept = generation == self._generation and len(self._kept) < _KEPT
            if is_kept:
                self._kept.append(context)
        if not is_kept:
            context.close()


def _for_reading(context: ManagementContext) -> ManagementContext:
    return ManagementContext(context.site.replace(approve=refuse_change))
