"""The pages of objects: the list of a kind, one object, a new one, and what becomes of one: delete, rename."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from confobjects.cli.output.shown import ListDisplay, ShownProperty, Units
from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError, UsageError
from confobjects.management.history import records
from confobjects.management.verifying import judge_verifications
from confobjects.records import Record
from confobjects.web.addresses import Addresses, Place, read_address
from confobjects.web.pages.editing import Editing, split_problems
from confobjects.web.pages.forms import Form
from confobjects.web.pages.reviewing import show_plan
from confobjects.web.pages.views import Redirect, View, plan, show
from confobjects.web.problems import NoSuchAddressError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.responses import Response

    from confobjects.definitions import ManagedObjectDefinition, Registry, Relation
    from confobjects.management import ManagementContext
    from confobjects.management.history.records import HistoryRecord
    from confobjects.management.verifying import Standing
    from confobjects.objects.changes import ChangeReport
    from confobjects.objects.model import ManagedObject
    from confobjects.paths import ManagedObjectPath
    from confobjects.savetests import Choice
    from confobjects.web.endpoints import Call

PAGE: Final = 50
"""The objects on one page of a list."""
_LATEST: Final = 5
"""The changes that are shown beside an object."""


def find_place(call: Call, registry: Registry, prefix: str, *, before: str = "") -> Place:
    """Return what the address of a page means, behind its prefix. Raises errors for an address that means nothing.

    ``before`` is what stands before the names of a page that is about one kind.
    """
    raw: bytes = call.request.scope.get("raw_path") or call.request.scope["path"].encode()
    path = raw.decode("ascii", "replace").partition("?")[0]
    names = read_address(path.removeprefix(f"/{prefix}/"))
    return Addresses.of(registry).find_place([before, *names] if before else names)


# -- lists -------------------------------------------------------------------------------------------------------------


class ListRow(Record):
    """One object in a list. ``state`` is enabled, disabled or unknown; ``test`` how its last test stands."""

    name: str
    address: str
    type: str
    cells: tuple[str, ...]
    state: str
    test: str


async def answer_objects(call: Call) -> Response:
    """Answer with a list or an object; a change in the query is tried in the name of the person."""
    is_tried = "fix" in call.request.query_params and call.caller.may("change")
    return await (plan if is_tried else show)(show_objects)(call)


def show_objects(call: Call, context: ManagementContext) -> View | Redirect:
    """Return the page at an address below ``/objects``: a list, or an object; with ``fix``, what this change would do."""
    place = find_place(call, context.registry, "objects")
    if place.is_list:
        return _show_list(call, context, place)
    if (fix := call.request.query_params.get("fix", "")) and call.caller.may("change"):
        form = Form({"fix": (fix,)})
        return act(call, Editing(context, call, place.relation, place.names, form=form), "review")
    return _show_object(call, Editing(context, call, place.relation, place.names), NOTHING)


def _show_list(call: Call, context: ManagementContext, place: Place) -> View:
    relation, registry = place.relation, context.registry
    world = context.world()
    columns = list(registry.definition(relation.target).list_columns)
    found = context.list(relation.name, place.names, world, properties=columns)
    display = ListDisplay(context.site.make_reader(world), Units())
    wanted = call.request.query_params.get("q", "").strip()
    rows = [obj for obj in found if not wanted or _matches(obj, _show_cells(obj, columns, display), wanted)]
    page = read_page(call, len(rows))
    some = rows[page * PAGE : (page + 1) * PAGE]
    standings = _find_standings(context, some)
    addresses = Addresses.of(registry)
    judge = context.site.make_judge(world)
    made = [
        ListRow(
            obj.name,
            addresses.write_path(obj.path),
            registry.short_type_of(obj.definition, relation),
            tuple(map(_join, _show_cells(obj, columns, display))),
            _judge_state(judge, obj),
            name_standing(standings.get(obj.path)),
        )
        for obj in some
    ]
    data = {
        "relation": relation,
        "columns": [name for name in columns if not _is_state(registry, relation, name)],
        "shows": [number for number, name in enumerate(columns) if not _is_state(registry, relation, name)],
        "rows": made,
        "typed": len(registry.types_of(relation)) > 1,
        "tested": registry.definition(relation.target).verification is not None,
        "wanted": wanted,
        "total": len(rows),
        "page": page,
        "pages": max(1, -(-len(rows) // PAGE)),
        "here": addresses.write_list(relation, place.names),
        "crumbs": list_crumbs(registry, relation, place.names),
        "may_change": call.caller.may("change"),
    }
    return View("list.html", _capitalise(relation.friendly_plural), data, is_live=True)


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


_STANDINGS: Final = {
    "never": "never tested",
    "passed": "passed",
    "failed": "failed",
    "changed": "changed since",
    "unreadable": "unknown",
}


def name_standing(standing: Standing | None) -> str:
    """Return how an object stands with its last test in a word or two; nothing for one that has none."""
    return "" if standing is None else _STANDINGS[standing.state]


def _judge_state(judge: Any, obj: ManagedObject) -> str:
    if obj.definition.enabled_when is None:
        return ""
    found = judge.is_enabled(judge.judge(obj))
    return {True: "enabled", False: "disabled", None: "known at startup"}[found]


def _capitalise(text: str) -> str:
    return text[:1].upper() + text[1:]


def list_crumbs(registry: Registry, relation: Relation, names: Sequence[str]) -> list[tuple[str, str]]:
    """Return the way to the objects of a kind: the objects above them, each with its address."""
    found, path = [], ""
    rest = list(names)
    from confobjects.web.addresses import word_of, write_segment

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


# -- one object --------------------------------------------------------------------------------------------------------


class Outcome(Record):
    """What came of a form: a plan, an error, or nothing, because the object has changed meanwhile (``stale``)."""

    error: ConfobjectsError | None = None
    report: ChangeReport | None = None
    stale: bool = False

    @property
    def status(self) -> int:
        """The status of the page."""
        if self.stale:
            return 412
        return 200 if self.error is None else self.error.http_status


NOTHING: Final = Outcome()
"""Nothing was asked for."""


def _show_object(call: Call, editing: Editing, outcome: Outcome) -> View:
    """Return the page of an object: its form, and what a review found."""
    error, report = outcome.error, outcome.report
    obj, registry, context = editing.object, editing.context.registry, editing.context
    own, others = ([], []) if error is None else split_problems(error, obj.definition.properties)
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
    title = f"New {relation.friendly}" if editing.creating else name or _capitalise(relation.friendly)
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
        _judge_state(judge, obj),
        "" if standing is None else _capitalise(describe_standing(standing)),
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
        (_capitalise(child.friendly_plural if child.named else child.friendly), addresses.write_list(child, names))
        for child in registry.children(editing.object.definition.name)
        if not child.hidden
    ]


class Saved(Record):
    """A change that was just made."""

    record: HistoryRecord
    commands: tuple[str, ...]
    actions: tuple[str, ...]
    untested: bool


def describe_saved(context: ManagementContext, number: int) -> Saved | None:
    """Return what is told of a change that was just made; None if there is no such change."""
    from confobjects.web.pages.reviewing import list_actions, list_commands

    try:
        one = records.find_record(context.history(), number)
    except ConfobjectsError:
        return None
    untested = any(change.test in {"untested", "declined"} for change in one.changes)
    return Saved(one, tuple(list_commands(one, context.registry)), tuple(list_actions(one, context.registry)), untested)


CHOICES: Final[dict[str, Choice]] = {"save": "policy", "save-tested": "always", "save-untested": "never"}
"""The buttons that save, with whether a test comes first."""


def change_object(call: Call, context: ManagementContext, form: Form) -> View | Redirect:
    """Review or save what a form wants of an object."""
    place = find_place(call, context.registry, "objects")
    if place.is_list:
        raise UsageError("a list cannot be changed")
    editing = Editing(context, call, place.relation, place.names, form=form)
    return act(call, editing, form.first("do"))


def act(call: Call, editing: Editing, button: str) -> View | Redirect:
    """Do what a button of a form asks for."""
    if editing.is_stale:
        return _show_object(call, editing, Outcome(stale=True))
    if "more" in (editing.form or Form()):
        return _show_object(call, editing, NOTHING)
    try:
        if button in CHOICES:
            return _send_back(editing, editing.save(CHOICES[button]))
        return _show_object(call, editing, Outcome(report=editing.plan()))
    except ConfobjectsError as error:
        return _show_object(call, editing, Outcome(error=error))


def _send_back(editing: Editing, report: ChangeReport) -> Redirect:
    path = next((change.new_path or change.path for change in report.changes), editing.object.path)
    address = f"/objects/{Addresses.of(editing.context.registry).write_path(path)}"
    return Redirect(address if report.number is None else f"{address}?saved={report.number}")


# -- a new object ------------------------------------------------------------------------------------------------------


def show_new(call: Call, context: ManagementContext) -> View:
    """Return the page on which a type is chosen, or the form of a new object."""
    place = find_place(call, context.registry, "new")
    definition = _find_type(call, context.registry, place)
    if definition is None:
        return _show_types(context.registry, place)
    return _show_object(call, _begin(call, context, place, definition, None), NOTHING)


def _find_type(call: Call, registry: Registry, place: Place) -> ManagedObjectDefinition | None:
    """Return the type in the query; the only one, if there is one; None if it has to be chosen."""
    if not place.is_list:
        raise UsageError("only in a list something can be created")
    types = registry.types_of(place.relation)
    asked = call.request.query_params.get("type", "")
    if asked:
        if asked not in types:
            raise UsageError(
                Diagnostic("unknown-name", f'there is no type "{asked}"', remedy=f"known: {', '.join(types)}")
            )
        return types[asked]
    return next(iter(types.values())) if len(types) == 1 else None


def _show_types(registry: Registry, place: Place) -> View:
    relation = place.relation
    types = [(short, d) for short, d in registry.types_of(relation).items() if not d.hidden]
    data = {
        "relation": relation,
        "types": sorted(types, key=lambda pair: (pair[1].advanced, pair[0] != "generic", pair[0])),
        "here": Addresses.of(registry).write_list(relation, place.names),
        "crumbs": list_crumbs(registry, relation, place.names),
    }
    return View("types.html", f"New {relation.friendly}", data)


def _begin(
    call: Call, context: ManagementContext, place: Place, definition: ManagedObjectDefinition, form: Form | None
) -> Editing:
    name = "" if form is None else form.first("name").strip()
    return Editing(context, call, place.relation, (*place.names, name), definition=definition, form=form)


def create_object(call: Call, context: ManagementContext, form: Form) -> View | Redirect:
    """Review or save a new object."""
    place = find_place(call, context.registry, "new")
    definition = _find_type(call, context.registry, place)
    if definition is None:
        return _show_types(context.registry, place)
    return act(call, _begin(call, context, place, definition, form), form.first("do"))


# -- the end of an object ----------------------------------------------------------------------------------------------


def show_delete(call: Call, context: ManagementContext) -> View:
    """Return the page that asks whether an object is to be deleted, with what refers to it."""
    return _review_end(call, context, "delete", None)


def show_rename(call: Call, context: ManagementContext) -> View:
    """Return the page that asks for the new name of an object."""
    return _review_end(call, context, "rename", None)


def delete_object(call: Call, context: ManagementContext, form: Form) -> View | Redirect:
    """Delete an object."""
    return _end(call, context, "delete", form, lambda place: context.delete(place.relation.name, place.names))


def rename_object(call: Call, context: ManagementContext, form: Form) -> View | Redirect:
    """Rename an object: review it, or save it."""
    name = form.first("name").strip()
    is_review = form.first("do") != "save"
    return _end(
        call,
        context,
        "rename",
        form,
        lambda place: context.rename(place.relation.name, place.names, name, dry_run=is_review),
    )


def _end(
    call: Call, context: ManagementContext, verb: str, form: Form, change: Callable[[Place], ChangeReport]
) -> View | Redirect:
    place = find_place(call, context.registry, verb)
    try:
        report = change(place)
    except ConfobjectsError as error:
        return _review_end(call, context, verb, form, Outcome(error=error))
    if form.first("do") != "save":
        return _review_end(call, context, verb, form, Outcome(report=report))
    addresses = Addresses.of(context.registry)
    if verb == "delete":
        parents = place.names[:-1] if place.relation.named else place.names
        address = f"/objects/{addresses.write_list(place.relation, parents)}" if place.relation.named else "/"
        if report.number is not None:
            return Redirect(f"/history/{report.number}?{urlencode({'saved': 'yes'})}")
        return Redirect(address)
    path = next(change.new_path for change in report.changes if change.new_path is not None) if report.changed else None
    address = addresses.write_path(context.registry.path_of(place.relation.name, place.names) if path is None else path)
    return Redirect(f"/objects/{address}" if report.number is None else f"/objects/{address}?saved={report.number}")


def _review_end(
    call: Call, context: ManagementContext, verb: str, form: Form | None, outcome: Outcome = NOTHING
) -> View:
    place = find_place(call, context.registry, verb)
    if place.is_list:
        raise UsageError("a list has no name and cannot be deleted")
    obj = context.get(place.relation.name, place.names)
    addresses = Addresses.of(context.registry)
    error, report = outcome.error, outcome.report
    if verb == "delete" and error is None and report is None:
        try:
            report = context.delete(place.relation.name, place.names, dry_run=True)
        except ConfobjectsError as refused:
            error = refused
    data = {
        "relation": place.relation,
        "name": obj.name or place.relation.friendly,
        "typed": form.first("name") if form is not None else obj.name,
        "address": addresses.write_path(obj.path),
        "users": [(str(path), addresses.write_path(path)) for path in find_users(context, obj)],
        "problems": [] if error is None else error.diagnostics,
        "plan": None if report is None else show_plan(report),
        "may_change": call.caller.may("change"),
    }
    status = 200 if error is None or form is None else error.http_status
    return View(f"{verb}.html", f"{_capitalise(verb)} {obj.name or place.relation.friendly}", data, status)
