"""The frame of every page: who is signed in, the menu, and what waits for a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from confobjects.records import Record
from confobjects.web.addresses import Addresses
from confobjects.web.pages.following import find_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confobjects.definitions import Registry
    from confobjects.management import ManagementContext
    from confobjects.web.endpoints import Call


class Link(Record):
    """A link of the menu."""

    label: str
    address: str


class Group(Record):
    """Links that belong together."""

    label: str
    links: tuple[Link, ...]


TASKS: Final = (
    ("Overview", "/", ""),
    ("Senders", "/senders", "mail-sender"),
    ("Mail service", "/mail-service", "mail-service"),
    ("Queue", "/queue", "mail-service"),
    ("Recipients", "/recipients", "mail-service"),
)
"""The pages of tasks, each with the kind that it is about. That of a kind with one object leads to all of its properties."""
_MORE: Final = (
    ("History", "/history"),
    ("Graph", "/graph"),
    ("Explain", "/explain"),
    ("Definitions", "/definitions"),
)


def make_frame(call: Call, context: ManagementContext | None) -> dict[str, Any]:
    """Return what the frame of a page shows."""
    person = call.person
    query = call.request.url.query
    reads = person is not None and person.may("read") and context is not None
    return {
        "person": person,
        "menu": list(_make_menu(context.registry)) if reads and context is not None else [],
        "path": call.request.url.path,
        "address_": f"{call.request.url.path}{query and f'?{query}'}",
        "since": call.web.live.id,
        "csrf": call.web.identity.csrf_token(call.request),
        "waiting": find_waiting(context) if reads and context is not None else (),
    }


def _make_menu(registry: Registry) -> Iterator[Group]:
    known = registry.relations()
    yield Group("", tuple(Link(label, address) for label, address, kind in TASKS if not kind or kind in known))
    addresses, has_task = Addresses.of(registry), {kind for _, _, kind in TASKS}
    groups: dict[str, list[Link]] = {}
    for relation in registry.children("root"):
        if relation.hidden or (not relation.named and relation.name in has_task):
            continue
        tags = registry.definition(relation.target).tags
        words = relation.friendly_plural if relation.named else relation.friendly
        link = Link(words, f"/objects/{addresses.write_list(relation)}")
        groups.setdefault(next(iter(tags), "other"), []).append(link)
    for label, links in groups.items():
        yield Group(label, tuple(sorted(links, key=lambda link: link.label.casefold())))
    yield Group("Configuration", tuple(Link(label, address) for label, address in _MORE))
