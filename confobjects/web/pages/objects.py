"""The pages of objects: which page an address leads to, and what the buttons of a form do; a new object begins here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError, UsageError
from confobjects.web.addresses import Addresses
from confobjects.web.pages.editing import CHOICES, Editing
from confobjects.web.pages.forms import Form
from confobjects.web.pages.lists import show_list
from confobjects.web.pages.object_page import show_object
from confobjects.web.pages.outcomes import NOTHING, Outcome
from confobjects.web.pages.places import find_place, list_crumbs
from confobjects.web.pages.views import Redirect, View, plan, show

if TYPE_CHECKING:
    from starlette.responses import Response

    from confobjects.definitions import ManagedObjectDefinition, Registry
    from confobjects.management import ManagementContext
    from confobjects.objects.changes import ChangeReport
    from confobjects.savetests import Show
    from confobjects.web.addresses import Place
    from confobjects.web.endpoints import Call


async def answer_objects(call: Call) -> Response:
    """Answer with a list or an object; a change in the query is tried in the name of the person."""
    is_tried = "fix" in call.request.query_params and call.caller.may("change")
    return await (plan if is_tried else show)(show_objects)(call)


def show_objects(call: Call, context: ManagementContext) -> View | Redirect:
    """Return the page at an address below ``/objects``: a list, or an object; with ``fix``, what this change would do."""
    place = find_place(call, context.registry, "objects")
    if place.is_list:
        return show_list(call, context, place)
    if (fix := call.request.query_params.get("fix", "")) and call.caller.may("change"):
        form = Form({"fix": (fix,)})
        return act(call, Editing(context, call, place.relation, place.names, form=form), "review")
    return show_object(call, Editing(context, call, place.relation, place.names), NOTHING)


def change_object(call: Call, context: ManagementContext, form: Form, tells: Show | None = None) -> View | Redirect:
    """Review or save what a form wants of an object."""
    place = find_place(call, context.registry, "objects")
    if place.is_list:
        raise UsageError("a list cannot be changed")
    editing = Editing(context, call, place.relation, place.names, form=form)
    return act(call, editing, form.first("do"), tells)


def act(call: Call, editing: Editing, button: str, tells: Show | None = None) -> View | Redirect:
    """Do what a button of a form asks for; ``tells`` is told of the stages of a test."""
    if button == "judge":
        fields, others = editing.judge_draft()
        return View("judged.html", "", {"fields": fields, "others": others})
    if editing.is_stale:
        return show_object(call, editing, Outcome(stale=True))
    if "more" in (editing.form or Form()):
        return show_object(call, editing, NOTHING)
    try:
        if button in CHOICES:
            report = editing.save(CHOICES[button], tells)
            return _send_back(editing, report) if report.changed else show_object(call, editing, Outcome(report=report))
        return show_object(call, editing, Outcome(report=editing.plan()))
    except ConfobjectsError as error:
        return show_object(call, editing, Outcome(error=error))


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
    return show_object(call, _begin(call, context, place, definition, None), NOTHING)


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


def create_object(call: Call, context: ManagementContext, form: Form, tells: Show | None = None) -> View | Redirect:
    """Review or save a new object."""
    place = find_place(call, context.registry, "new")
    definition = _find_type(call, context.registry, place)
    if definition is None:
        return _show_types(context.registry, place)
    return act(call, _begin(call, context, place, definition, form), form.first("do"), tells)
