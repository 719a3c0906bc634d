"""What a server with a schema of its own has stored, and uses only after a restart.

Such a server tells nobody. It follows from the definitions, from the changes that this client knows of, and from how long
the server has been running. Laws of this module:

1. A property waits if a change since the start of the server says that it does, and its value differs from the one then.
2. One that needs only its component restarted waits until the object is disabled, too.
3. Ages are compared, not times: the clocks of client and server may differ. In the second of the start, a change waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import NoSuchObjectError
from confobjects.management.history.records import HistoryRecord, RecordedChange, read_records
from confobjects.mapping.followers import FollowerReport, WaitingChange, seconds_of
from confobjects.records import Record
from confobjects.syntaxes import ValueSyntaxError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from confobjects.definitions import ManagedObjectDefinition
    from confobjects.management.site import Site
    from confobjects.objects.model import Texts
    from confobjects.paths import ManagedObjectPath

_LOOKED_AT: Final = 1000
"""How many of the newest changes are looked at."""
_SENTENCES: Final = {
    "component-restart": "it counts once the object has been disabled and enabled again, or the server restarted",
    "server-restart": "it counts once the server has been restarted",
    "other": "it counts once what its definition asks for has been done, or the server restarted",
}

_UNSURE: Final = "this server does not tell when it was started, so it may have been restarted since"


class WaitingProperty(Record):
    """A property whose stored value the server does not use yet: what is needed, and the change that set it last.

    ``before`` are the texts that it had when the server was started. It is not ``sure`` if the server does not tell when
    that was.
    """

    path: ManagedObjectPath
    property: str
    action: str
    number: int
    before: Texts
    sure: bool = True


def find_waiting(site: Site) -> tuple[WaitingProperty, ...]:
    """Return what waits for a restart on the server of a configuration; nothing if the configuration is no server's own."""
    if not site.storage.is_foreign or site.clock is None:
        return ()
    try:
        newest = [one for one in read_records(site)[-_LOOKED_AT:] if one.state == "done"]
    except NoSuchObjectError:
        return ()
    waiting: dict[tuple[ManagedObjectPath, str], WaitingProperty] = {}
    age: float | None = None
    for one in newest if any(_needs_action(site, change) for record in newest for change in record.changes) else ():
        age = _read_age(site) if age is None else age
        if _is_since(one, site.clock(), age):
            _follow(waiting, one, site, sure=age != float("inf"))
    if not waiting:
        return ()
    world = site.open_world()
    now = {path: world.find(path) for path in {path for path, _ in waiting}}
    return tuple(
        one for one in waiting.values() if (obj := now[one.path]) and obj.values.get(one.property, ()) != one.before
    )


def _read_age(site: Site) -> float:
    """Return how long the server has been running, in seconds; for ever if it does not tell."""
    read = getattr(site.storage, "read_age", None)
    found: float | None = None if read is None else read()
    return float("inf") if found is None else found


def _needs_action(site: Site, change: RecordedChange) -> bool:
    definition = _find_definition(site, change)
    return definition is not None and any(_find_action(definition, name) for name in change.names)


def _find_definition(site: Site, change: RecordedChange) -> ManagedObjectDefinition | None:
    return site.registry.definition(change.type) if change.type in site.registry else None


def _find_action(definition: ManagedObjectDefinition, name: str) -> str:
    prop = definition.properties.get(name)
    return "" if prop is None or prop.admin_action.kind == "none" else prop.admin_action.kind


def _is_since(one: HistoryRecord, now: str, age: float) -> bool:
    """Tell whether a change was made since a server of an age was started."""
    made, seen = seconds_of(one.signature.time), seconds_of(now)
    return made is not None and seen is not None and seen - made <= age


def _follow(
    waiting: dict[tuple[ManagedObjectPath, str], WaitingProperty], one: HistoryRecord, site: Site, *, sure: bool
) -> None:
    for index, change in enumerate(one.changes):
        definition = _find_definition(site, change)
        if definition is None:
            continue
        if change.action != "modify":  # an object is made with its values, and takes with it what waits
            _forget(waiting, change.path, ("component-restart", "other", "server-restart"))
            continue
        old = dict(one.old_texts(index))
        for name in [name for name in change.names if _find_action(definition, name)]:
            first = waiting.get((change.path, name))
            before = (old.get(name) or ()) if first is None else first.before
            waiting[change.path, name] = WaitingProperty(
                change.path, name, _find_action(definition, name), one.number, before, sure
            )
        if change.restarted or _disables(definition, change):
            _forget(waiting, change.path, ("component-restart",))


def _forget(
    waiting: dict[tuple[ManagedObjectPath, str], WaitingProperty], path: ManagedObjectPath, actions: Sequence[str]
) -> None:
    for key in [key for key, one in waiting.items() if one.path == path and one.action in actions]:
        del waiting[key]


def _disables(definition: ManagedObjectDefinition, change: RecordedChange) -> bool:
    """Tell whether a change leaves its object disabled, as far as the change itself shows it."""
    condition = definition.enabled_when
    if condition is None or not any(name in change.names for name in condition.properties()):
        return False

    def view(name: str) -> frozenset[Hashable] | None:
        if name not in change.names:
            return None
        try:
            syntax = definition.properties[name].syntax
            return frozenset(syntax.normal_form(text) for text in change.after.get(name, ()))
        except ValueSyntaxError:
            return None

    return condition.judge(view) is False


# -- telling -----------------------------------------------------------------------------------------------------------


def warn_of_waiting(site: Site, path: ManagedObjectPath | None = None) -> Iterator[Diagnostic]:
    """Yield a warning for each property that waits for a restart, of one object or of all."""
    for one in find_waiting(site):
        if path is None or one.path == path:
            summary = f"the server does not use the value of {one.property} yet: {_SENTENCES[one.action]}"
            detail = f"it was set by change {one.number}"
            detail += "" if one.sure else f"; {_UNSURE}"
            yield Diagnostic(
                "storage-failed", summary, path=str(one.path), property=one.property, detail=detail, severity="warning"
            )


def report_server(site: Site) -> Iterable[FollowerReport]:
    """Yield the report that a server would write of itself, if it knew: it follows its own configuration."""
    if not site.storage.is_foreign or site.clock is None:
        return
    found: dict[str, list[WaitingProperty]] = {}
    for one in find_waiting(site):
        found.setdefault(str(one.path), []).append(one)
    waiting = tuple(
        WaitingChange(
            path, "modify", tuple(one.property for one in several), tuple({one.action: None for one in several})
        )
        for path, several in found.items()
    )
    unsure = any(not one.sure for several in found.values() for one in several)
    yield FollowerReport(
        site.storage.url, "", 0, site.clock(), site.storage.moment().last, waiting, (_UNSURE,) if unsure else ()
    )
