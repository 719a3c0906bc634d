"""The end of an object, or of its name: what deleting and renaming would do, and do."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from confobjects.errors import ConfobjectsError, UsageError
from confobjects.texts.sentences import capitalise
from confobjects.web.addresses import Addresses
from confobjects.web.pages.object_page import find_users
from confobjects.web.pages.outcomes import NOTHING, Outcome
from confobjects.web.pages.places import find_place
from confobjects.web.pages.reviewing import show_plan
from confobjects.web.pages.views import Redirect, View

if TYPE_CHECKING:
    from collections.abc import Callable

    from confobjects.management import ManagementContext
    from confobjects.objects.changes import ChangeReport
    from confobjects.web.addresses import Place
    from confobjects.web.endpoints import Call
    from confobjects.web.pages.forms import Form


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
    return View(f"{verb}.html", f"{capitalise(verb)} {obj.name or place.relation.friendly}", data, status)
