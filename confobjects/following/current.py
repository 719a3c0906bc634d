"""The configuration in effect, brought up to date by whoever asks for it. It neither waits nor calls anybody."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from time import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from confobjects.definitions.model import ACTION_SENTENCES
from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.effect import Event, LiveState, Waiting, advance, begin, list_waiting, make_configuration, restart
from confobjects.following.events import LiveEvent, make_live_event
from confobjects.following.expiring import Expiring
from confobjects.following.named_files import NamedFiles
from confobjects.following.reading import Look, StoredReader
from confobjects.following.unfinished import BeingWrittenError
from confobjects.mapping.protocol import is_remote
from confobjects.objects.changes import RequiredAction
from confobjects.objects.effective import EffectiveObject

if TYPE_CHECKING:
    from confobjects.following.sources import LiveSources
    from confobjects.management.site import ChangeSignature, Site
    from confobjects.objects.effective import EffectiveConfiguration
    from confobjects.objects.judging import Judgement
    from confobjects.paths import ManagedObjectPath

_REDEFINED: Final = Diagnostic(
    "broken-definition",
    "the configuration holds other definitions now: this process uses those that it began with",
    remedy="restart the service",
    severity="warning",
)
_MOST_TURNS: Final = 400
_NONE: Final[Mapping[int | None, ChangeSignature]] = MappingProxyType({})


def _restart_for(path: ManagedObjectPath) -> RequiredAction:
    return RequiredAction(path, "", "server-restart", ACTION_SENTENCES["server-restart"])


class Current:
    """What is in effect of a site. Only one thread changes it, any thread may read it.

    Making it raises every problem of the stored configuration as one :class:`~confobjects.errors.ConfobjectsError`.
    """

    def __init__(
        self, site: Site, sources: LiveSources, instance_directory: str, clock: Callable[[], float] = time
    ) -> None:
        self._site = site
        self._sources = sources
        self._instance_directory = instance_directory
        self.reader = StoredReader(site, sources)
        look = self._read_first()
        self._warnings: tuple[Diagnostic, ...] = look.warnings
        self.state: LiveState = begin(site.registry, sources, look.stored, look.history)
        self.configuration: EffectiveConfiguration = self._make_configuration()
        self._named = NamedFiles(instance_directory)
        self.expiring = Expiring(clock)
        for path, judged in self.state.judged.items():
            self._follow(path, judged)
        self.expiring.judge()

    def _follow(self, path: ManagedObjectPath, judged: Judgement | None) -> None:
        """Take an object as it is in effect now: the files that it names, and what ends of what it refers to."""
        self._named.follow(path, judged)
        self.expiring.follow(str(path), None if judged is None else EffectiveObject(judged, self.configuration))

    def _read_first(self) -> Look:
        """Return what is stored. A change that is being written is waited for, longer than its writer may be silent."""
        for turn in range(_MOST_TURNS):
            try:
                return self.reader.read(None)
            except BeingWrittenError:
                self._site.storage.pause(turn)
        return self.reader.read(None)

    @property
    def files(self) -> set[str]:
        """The paths of the files and directories that values come from, or name."""
        return {*self.reader.files, *self._named.files}

    @property
    def problems(self) -> tuple[Diagnostic, ...]:
        """Why what is stored is not in effect, as far as nothing waits, and what has ended or ends soon."""
        redefined = (_REDEFINED,) if self.reader.redefined else ()
        return (*self.state.problems, *redefined, *self.expiring.problems)

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """What is stored and not in effect yet, sorted by path. A definition waits for the next process."""
        definitions = [
            Waiting(path, kind, (), (_restart_for(path),), None) for path, kind in self.reader.redefined.items()
        ]
        return tuple(sorted((*list_waiting(self.state), *definitions), key=lambda one: one.path.sort_key()))

    def look(self) -> tuple[LiveEvent, ...]:
        """Read what is stored now, and return what this changes.

        Raises :class:`~confobjects.errors.ConfobjectsError` if it cannot be read; nothing has changed then.
        """
        look = self.reader.read(self.state.number)
        self._warnings = look.warnings
        signatures: dict[int | None, ChangeSignature] = {one.number: one.signature for one in look.history}
        return self._take(*advance(self.state, look.stored, look.history), signatures)

    def restart(self, paths: Collection[ManagedObjectPath]) -> tuple[LiveEvent, ...]:
        """Let what waits for the restart of some components count, and return what this changes."""
        self._sources.renew()
        return self._take(*restart(self.state, paths))

    def find_replaced(self, files: Collection[str]) -> tuple[LiveEvent, ...]:
        """Return what is told of files that have changed: the objects in effect that name them. Their values stay."""
        replaced = sorted(self._named.find_replaced(files).items())
        if replaced:  # whoever has loaded a file sees by another configuration that it is to be loaded again
            self.configuration = self._make_configuration()
        return tuple(self._make_replaced(*found) for found in replaced)

    def _make_replaced(self, path: ManagedObjectPath, names: tuple[str, ...]) -> LiveEvent:
        obj = EffectiveObject(self.state.judged[path], self.configuration)
        self.expiring.follow(str(path), obj)
        self.expiring.judge()
        return LiveEvent("changed", path, obj, obj, names)

    def _take(
        self, state: LiveState, events: Iterable[Event], signatures: Mapping[int | None, ChangeSignature] = _NONE
    ) -> tuple[LiveEvent, ...]:
        before = self.configuration
        self.state = state
        self.configuration = self._make_configuration()
        told = tuple(
            make_live_event(event, before, self.configuration, signatures.get(event.number)) for event in events
        )
        again = map(self._site.registry.parse_path, self.expiring.read_again)
        for path in dict.fromkeys((*(event.path for event in told), *again)):
            self._follow(path, state.judged.get(path))
        if told or self.expiring.read_again:
            self.expiring.judge()
        return told

    def _make_configuration(self) -> EffectiveConfiguration:
        return make_configuration(
            self.state,
            self._instance_directory,
            warnings=self._warnings,
            entries=self._read_entries,
            is_remote=is_remote(self._site.storage.url),
            url=self._site.storage.url,
        )

    def _read_entries(self, base: str) -> list[Any]:
        """Return the entries at a DN and below it as they are now."""
        return list(self._site.storage.search(DN.parse(base), "sub"))
