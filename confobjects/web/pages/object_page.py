"""The page of one object: its form, what came of it, and what is known of the object beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from confobjects.management.history import records
from confobjects.management.verifying import judge_verifications
from confobjects.records import Record
from confobjects.texts.sentences import capitalise
from confobjects.web.addresses import Addresses
from confobjects.web.pages.outcomes import describe_saved
from confobjects.web.pages.places import list_crumbs
from confobjects.web.pages.reviewing import show_plan
from confobjects.web.pages.states import judge_state
from confobjects.web.pages.views import View

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.diagnostics import Diagnostic
    from confobjects.management import ManagementContext
    from confobjects.management.history.records import HistoryRecord
    from confobjects.objects.model import ManagedObject
    from confobjects.paths import ManagedObjectPath
    from confobjects.web.endpoints import Call
    from confobjects.web.pages.editing import Editing
    from confobjects.web.pages.outcomes import Outcome

_LATEST: Final = 5
"""The changes that are shown beside an object."""


def show_object(call: Call, editing: Editing, outcome: Outcome) -> View:
    """Return the page of an object: its form, and what a review found."""
    report = outcome.report
    obj, registry, context = editing.object, editing.context.registry, editing.context
    own, others = editing.sort_problems(outcome.error)
    relation = editing.relation
    short = registry.short_type_of(obj.definition, relation)
    name = editing.names[-1] if editing.names and relation.named else ""
    addresses = Addresses.of(registry)
    parents = editing.names[:-1] if relation.named else editing.names
    fields = editing.make_fields(own)
    data = {
        "relation": relation,
        "definition": obj.definition,
        "typed": len(registry.types_of(relation)) > 1,
        "type": short,
        "object": obj,
        "name": name,
        "creating": editing.creating,
        "fields": [one for one in fields if not one.prop.advanced],
        "advanced": [one for one in fields if one.prop.advanced],
        "opens": any(one.prop.advanced and (one.problems or one.changed or one.name in obj.values) for one in fields),
        "draft": editing.write_draft(),
        "problems": others,
        "plan": None if report is None else show_plan(report),
        "is_empty": report is not None and not report.changed,
        "meanwhile": editing.find_meanwhile() if outcome.stale else None,
        "is_expired": editing.is_expired,
        "list_address": addresses.write_list(relation, parents) if relation.named else "",
        "address": "" if editing.creating else addresses.write_path(obj.path),
        "crumbs": list_crumbs(registry, relation, parents),
        "may_change": call.caller.may("change"),
        "may_test": call.caller.may("test"),
        "testable": obj.definition.verification,
        "saved": None,
        "beside": None if editing.creating else _describe_beside(editing),
        "children": [] if editing.creating else _list_children(registry, editing),
    }
    if not editing.creating and (number := call.request.query_params.get("saved", "")).isdigit():
        data["saved"] = describe_saved(context, int(number[:9]))
    title = f"New {relation.friendly}" if editing.creating else name or capitalise(relation.friendly)
    return View("object.html", title, data, outcome.status)


class Beside(Record):
    """What is shown beside an object."""

    state: str
    test: str
    test_state: str
    users: tuple[tuple[str, str], ...]
    changes: tuple[HistoryRecord, ...]
    problems: tuple[Diagnostic, ...]


def _describe_beside(editing: Editing) -> Beside:
    from confobjects.cli.verifications import describe_standing

    context, obj = editing.context, editing.object
    world = context.world()
    judge = context.site.make_judge(world)
    standing = None
    if obj.definition.verification is not None:
        standing = judge_verifications(context.site, [obj.path], world)[0][obj.path]
    judged = judge.judge(obj)
    addresses = Addresses.of(context.registry)
    users = [(str(path), addresses.write_path(path)) for path in find_users(context, obj)]
    return Beside(
        judge_state(judge, obj),
        "" if standing is None else capitalise(describe_standing(standing)),
        "" if standing is None else standing.state,
        tuple(users),
        tuple(reversed(records.select_for_object(editing.history, obj.path)[-_LATEST:])),
        tuple(judged.problems),
    )


def find_users(context: ManagementContext, obj: ManagedObject) -> list[ManagedObjectPath]:
    """Return the paths of the objects that refer to an object, or may."""
    if not context.registry.users(obj.path.relation):
        return []
    judge = context.site.make_judge(context.world())
    return list(dict.fromkeys(one.object.path for one in judge.users(obj.path)))


def _list_children(registry: Registry, editing: Editing) -> list[tuple[str, str]]:
    addresses = Addresses.of(registry)
    names = editing.names
    return [
        (capitalise(child.friendly_plural if child.named else child.friendly), addresses.write_list(child, names))
        for child in registry.children(editing.object.definition.name)
        if not child.hidden
    ]
