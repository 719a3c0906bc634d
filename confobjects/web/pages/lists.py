"""Lists: the objects of a kind, page by page, those that are searched for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from confobjects.cli.output.shown import ListDisplay, ShownProperty, Units
from confobjects.management.verifying import judge_verifications
from confobjects.records import Record
from confobjects.texts.sentences import capitalise
from confobjects.web.addresses import Addresses
from confobjects.web.pages.places import list_crumbs
from confobjects.web.pages.states import judge_state, name_standing
from confobjects.web.pages.views import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confobjects.definitions import Registry, Relation
    from confobjects.management import ManagementContext, StorageWorld
    from confobjects.management.verifying import Standing
    from confobjects.objects.model import ManagedObject
    from confobjects.web.addresses import Place
    from confobjects.web.endpoints import Call

PAGE: Final = 50
"""The objects on one page of a list."""


class ListRow(Record):
    """One object in a list. ``state`` is enabled, disabled or unknown; ``test`` how its last test stands."""

    name: str
    address: str
    type: str
    cells: tuple[str, ...]
    state: str
    test: str


def show_list(call: Call, context: ManagementContext, place: Place) -> View:
    """Return the list of a kind."""
    relation, registry = place.relation, context.registry
    world = context.world()
    columns = list(registry.definition(relation.target).list_columns)
    display = ListDisplay(context.site.make_reader(world), Units())
    part = _find_part(call, context, place, world)
    standings = _find_standings(context, part.objects)
    addresses = Addresses.of(registry)
    judge = context.site.make_judge(world)
    made = [
        ListRow(
            obj.name,
            addresses.write_path(obj.path),
            registry.short_type_of(obj.definition, relation),
            tuple(map(_join, _show_cells(obj, columns, display))),
            judge_state(judge, obj),
            name_standing(standings.get(obj.path)),
        )
        for obj in part.objects
    ]
    data = {
        "relation": relation,
        "columns": [name for name in columns if not _is_state(registry, relation, name)],
        "shows": [number for number, name in enumerate(columns) if not _is_state(registry, relation, name)],
        "rows": made,
        "typed": len(registry.types_of(relation)) > 1,
        "tested": registry.definition(relation.target).verification is not None,
        "wanted": _read_search(call),
        "total": part.total,
        "page": part.page,
        "pages": max(1, -(-part.total // PAGE)),
        "here": addresses.write_list(relation, place.names),
        "crumbs": list_crumbs(registry, relation, place.names),
        "may_change": call.caller.may("change"),
    }
    return View("list.html", capitalise(relation.friendly_plural), data, is_live=True)


class _Part(Record):
    """A page of a list: how many objects the list has, the number of the page, from 0, and its objects."""

    total: int
    page: int
    objects: Sequence[ManagedObject]


def _read_search(call: Call) -> str:
    return call.request.query_params.get("q", "").strip()


def _find_part(call: Call, context: ManagementContext, place: Place, world: StorageWorld) -> _Part:
    """Return the page that is asked for. Where nothing is searched for, the names tell which objects that are."""
    kind, wanted = place.relation.name, _read_search(call)
    names = None if wanted else context.list_names(kind, place.names, world)
    if names is None:
        columns = list(context.registry.definition(place.relation.target).list_columns)
        display = ListDisplay(context.site.make_reader(world), Units())
        every = context.list(kind, place.names, world, properties=columns)
        found = [obj for obj in every if _matches(obj, _show_cells(obj, columns, display), wanted)]
        page = read_page(call, len(found))
        return _Part(len(found), page, found[page * PAGE : (page + 1) * PAGE])
    page = read_page(call, len(names))
    shown = names[page * PAGE : (page + 1) * PAGE]
    return _Part(len(names), page, context.find_some(kind, place.names, shown, world))


def _is_state(registry: Registry, relation: Relation, name: str) -> bool:
    """Tell whether a column says what the state of the object says already."""
    condition = registry.definition(relation.target).enabled_when
    return condition is not None and set(condition.properties()) == {name}


def _show_cells(obj: ManagedObject, names: Sequence[str], display: ListDisplay) -> list[ShownProperty | None]:
    properties = obj.definition.properties
    return [display.show(obj, properties[name]) if name in properties else None for name in names]


def _matches(obj: ManagedObject, shown: Sequence[ShownProperty | None], wanted: str) -> bool:
    """Tell whether an object has a text in its name, or in what is shown of it and is no secret."""
    if not wanted:
        return True
    texts = [value for one in shown if one is not None and not one.property.can_hold_secret for value in one.values]
    return any(wanted.casefold() in text.casefold() for text in (obj.name, *texts))


def _join(shown: ShownProperty | None) -> str:
    if shown is None:
        return ""
    return "decided at startup" if shown.undecided else ", ".join(shown.values)


def read_page(call: Call, count: int) -> int:
    """Return the number of the page that is asked for, from 0."""
    text = call.request.query_params.get("page", "1")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 1
    return max(0, min(number - 1, (count - 1) // PAGE))


def _find_standings(context: ManagementContext, objects: Sequence[ManagedObject]) -> dict[Any, Standing]:
    paths = [obj.path for obj in objects if obj.definition.verification is not None]
    return judge_verifications(context.site, paths)[0] if paths else {}
