"""Places: what the address of a page means, and the way that leads there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confobjects.web.addresses import Addresses, Place, read_address, word_of, write_segment
from confobjects.web.pages.views import Redirect, View
from confobjects.web.problems import NoSuchAddressError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confobjects.definitions import Registry, Relation
    from confobjects.management import ManagementContext
    from confobjects.web.endpoints import Call


def find_place(call: Call, registry: Registry, prefix: str, *, before: str = "") -> Place:
    """Return what the address of a page means, behind its prefix. Raises errors for an address that means nothing.

    ``before`` is what stands before the names of a page that is about one kind.
    """
    raw: bytes = call.request.scope.get("raw_path") or call.request.scope["path"].encode()
    path = raw.decode("ascii", "replace").partition("?")[0]
    names = read_address(path.removeprefix(f"/{prefix}/"))
    return Addresses.of(registry).find_place([before, *names] if before else names)


def list_crumbs(registry: Registry, relation: Relation, names: Sequence[str]) -> list[tuple[str, str]]:
    """Return the way to the objects of a kind: the objects above them, each with its address."""
    found, path = [], ""
    rest = list(names)
    for step in registry.lineage(relation)[:-1]:
        path += f"/{write_segment(word_of(step))}"
        name = ""
        if step.named and rest:
            name = rest.pop(0)
            path += f"/{write_segment(name)}"
        found.append((name or step.friendly, f"/objects{path}"))
    return found


def find_kind(call: Call, context: ManagementContext) -> Redirect:
    """Lead to the objects of a kind that is at the top."""
    relation = context.registry.relation(call.request.path_params["kind"])
    return Redirect(f"/objects/{Addresses.of(context.registry).write_list(relation)}")


def find_nothing(call: Call, _context: ManagementContext) -> View:
    """Answer for an address that means nothing. Raises NoSuchAddressError."""
    raise NoSuchAddressError(f"there is no page {call.request.url.path[:100]}")
