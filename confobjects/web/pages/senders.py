"""Senders: the list, and the form of a mail sender together with its mail server, as PingOne's administrators know it.

A sender of another make has the general pages; its row in the list leads there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError, NoSuchObjectError
from confobjects.mail.presets import PRESETS, MailPreset
from confobjects.mail.sender_forms import (
    FIELDS,
    HOST,
    PORT,
    SENDER_FIELDS,
    SERVER_FIELDS,
    SERVER_TYPE,
    FormField,
    begin_from,
    begin_with,
    make_values,
    read_values,
)
from confobjects.mail.setup import ADDRESS, FROM, SENDER_KIND, SERVER_KIND, TRUST
from confobjects.management.changing.operations import Operation
from confobjects.management.verifying import judge_verifications
from confobjects.objects.changes import PropertyChanges
from confobjects.objects.reading import mask_secret
from confobjects.records import Record
from confobjects.web.addresses import Addresses, word_of
from confobjects.web.pages.drafts import DRAFTS, Draft, describe_state
from confobjects.web.pages.editing import CHOICES
from confobjects.web.pages.forms import Form
from confobjects.web.pages.outcomes import describe_saved
from confobjects.web.pages.places import find_place
from confobjects.web.pages.reviewing import show_plan
from confobjects.web.pages.starting import make_save_tests
from confobjects.web.pages.states import judge_state, name_standing
from confobjects.web.pages.views import Redirect, View

if TYPE_CHECKING:
    from confobjects.management import ManagementContext
    from confobjects.management.changing.transaction import Transaction
    from confobjects.objects.changes import ChangeReport
    from confobjects.objects.model import ManagedObject
    from confobjects.savetests import Show
    from confobjects.web.endpoints import Call

CUSTOM: Final = "custom-server"
"""The word for a server that no provider has documented."""


class SenderRow(Record):
    """One mail sender in the list; ``address`` is where it is edited."""

    name: str
    address: str
    mail: str
    server: str
    state: str
    test: str
    test_address: str


class TaskField(Record):
    """One field of the form as it is shown."""

    field: FormField
    value: str = ""
    given: str = ""
    choices: tuple[str, ...] | None = None
    problems: tuple[Diagnostic, ...] = ()


# -- the list ----------------------------------------------------------------------------------------------------------


def show_senders(call: Call, context: ManagementContext) -> View:
    """Return the list of senders."""
    world = context.world()
    found = context.list(SENDER_KIND, (), world)
    standings = judge_verifications(context.site, [obj.path for obj in found], world)[0] if found else {}
    judge, addresses = context.site.make_judge(world), Addresses.of(context.registry)
    rows = [
        SenderRow(
            obj.name,
            _locate_sender(context, obj, addresses),
            _first(obj, FROM),
            _first(obj, SERVER_KIND),
            judge_state(judge, obj),
            name_standing(standings.get(obj.path)),
            f"/test/{addresses.write_path(obj.path)}",
        )
        for obj in found
    ]
    data = {"rows": rows, "may_change": call.caller.may("change"), "may_test": call.caller.may("test")}
    return View("senders.html", "Senders", data, is_live=True)


def _first(obj: ManagedObject, name: str) -> str:
    texts = obj.values.get(name, ())
    return mask_secret(obj.definition.properties[name], texts[0]) if texts else ""


def _locate_sender(context: ManagementContext, obj: ManagedObject, addresses: Addresses) -> str:
    """Return where a sender is edited: on its own form if its mail server is of the type that the form makes."""
    path = addresses.write_path(obj.path)
    server = _find_server(context, obj)
    if server is not None and server.definition.name == SERVER_TYPE:
        return f"/senders/{path.partition('/')[2]}"
    return f"/objects/{path}"


def _find_server(context: ManagementContext, sender: ManagedObject) -> ManagedObject | None:
    try:
        return context.get(SERVER_KIND, _first(sender, SERVER_KIND))
    except ConfobjectsError:
        return None


# -- the form ----------------------------------------------------------------------------------------------------------


class SenderForm:
    """The form of one sender: a new one, or one that is stored with its mail server."""

    def __init__(self, call: Call, context: ManagementContext, name: str | None, form: Form | None) -> None:
        self.context = context
        self.form = form
        self.creating = name is None
        self._person = call.caller.name
        self._call = call
        self.sender = None if name is None else context.get(SENDER_KIND, name)
        self.server = None if self.sender is None else self._require_server(self.sender)
        self.preset = _find_preset(call.request.query_params.get("provider", ""))
        self.name = (
            self.sender.name if self.sender is not None else ("" if form is None else form.first("name").strip())
        )
        draft = None if form is None else DRAFTS.read(form.first("draft"), self._person, self._place)
        self.is_stale = draft is not None and draft.state != self._state
        self.secrets = dict(draft.secrets) if draft is not None else {}
        self.typed = self._read_typed()

    def _require_server(self, sender: ManagedObject) -> ManagedObject:
        found = _find_server(self.context, sender)
        if found is None or found.definition.name != SERVER_TYPE:
            raise NoSuchObjectError(f'the mail server of the sender "{sender.name}" has a form of its own')
        return found

    @property
    def _place(self) -> str:
        return f"sender {self.sender.path}" if self.sender is not None else "new sender"

    @property
    def _state(self) -> str:
        return f"{describe_state(self.server)} {describe_state(self.sender)}"

    def _read_typed(self) -> dict[str, str]:
        """Return what the fields have: what was typed, else what is stored, else what the provider documents."""
        if self.form is not None:
            found = {one.name: self.form.first(one.name).strip() for one in FIELDS if not one.secret}
            for one in FIELDS:
                if one.secret:
                    self.secrets[one.name] = self.form.first(one.name) or self.secrets.get(one.name, "")
            return {**found, **self.secrets}
        if self.server is not None and self.sender is not None:
            return read_values(self.server.values, self.sender.values)
        return {} if self.preset is None else begin_from(self.preset)

    def write_draft(self) -> str:
        """Return the draft of the form that is shown next."""
        return DRAFTS.write(Draft(self._state, secrets=self.secrets), self._person, self._place)

    # -- the change ----------------------------------------------------------------------------------------------------

    def list_operations(self) -> list[Operation]:
        """Return what the form asks for: of the server first, which the sender refers to."""
        if self.sender is None or self.server is None:
            server, sender = (self._make_created(kind) for kind in (SERVER_KIND, SENDER_KIND))
            return [
                Operation("create", SERVER_KIND, (self.name,), SERVER_TYPE, PropertyChanges(set=server)),
                Operation("create", SENDER_KIND, (self.name,), None, PropertyChanges(set=sender)),
            ]
        return [self._make_modified(obj) for obj in (self.server, self.sender)]

    def _make_created(self, kind: str) -> dict[str, tuple[str, ...]]:
        values = {**begin_with(kind, self.name), **make_values(self.typed, kind)}
        return {name: texts for name, texts in values.items() if texts}

    def _make_modified(self, obj: ManagedObject) -> Operation:
        values = make_values(self.typed, obj.path.relation)
        secrets = {one.property for one in FIELDS if one.secret}
        wanted = {name: texts for name, texts in values.items() if texts or name not in secrets}
        wanted = {n: t for n, t in wanted.items() if n in secrets or t != obj.values.get(n, ())}
        given = {name: texts for name, texts in wanted.items() if texts}
        reset = tuple(name for name, texts in wanted.items() if not texts)
        return Operation("modify", obj.path.relation, (obj.name,), changes=PropertyChanges(set=given, reset=reset))

    def _ask(self, transaction: Transaction) -> None:
        for one in self.list_operations():
            one.ask(transaction)

    def plan(self) -> ChangeReport:
        """Return what a save would do."""
        with self.context.change(dry_run=True) as transaction:
            self._ask(transaction)
        return transaction.report

    def save(self, button: str, show: Show | None) -> ChangeReport:
        """Save both objects together."""
        tests = make_save_tests(self._call, CHOICES[button], show)
        with self.context.change(tests=lambda _: tests) as transaction:
            self._ask(transaction)
        return transaction.report

    # -- what is shown -------------------------------------------------------------------------------------------------

    def make_fields(self, fields: Iterable[FormField], problems: Iterable[Diagnostic]) -> list[TaskField]:
        """Return some fields with what they have, and what is wrong with it."""
        told = list(problems)
        return [self._make_field(one, [problem for problem in told if _is_about(problem, one)]) for one in fields]

    def _make_field(self, one: FormField, problems: list[Diagnostic]) -> TaskField:
        if one.secret:
            given = "typed" if self.secrets.get(one.name) else "stored" if self.server is not None else ""
            return TaskField(one, given=given, problems=tuple(problems))
        return TaskField(one, self.typed.get(one.name, ""), choices=self._list_choices(one), problems=tuple(problems))

    def _list_choices(self, one: FormField) -> tuple[str, ...] | None:
        if one.property != TRUST:
            return None
        found = self.context.list(TRUST)
        return tuple(obj.name for obj in found)


def _is_about(problem: Diagnostic, one: FormField) -> bool:
    if one.property == ADDRESS and one.name not in {HOST, PORT}:
        return False
    is_there = problem.path.startswith(f"/{one.kind}/") and problem.property == one.property
    return is_there and one.name != PORT


def _find_preset(word: str) -> MailPreset | None:
    return PRESETS.get(word)


def show_new_sender(call: Call, context: ManagementContext) -> View:
    """Return the page on which the kind of sender and the provider are chosen, or the form of a new one."""
    provider = call.request.query_params.get("provider", "")
    if provider != CUSTOM and _find_preset(provider) is None:
        presets = [one for one in PRESETS.values() if one.password]
        return View("sender_types.html", "New sender", {"presets": presets, "custom": CUSTOM})
    return _show_form(call, SenderForm(call, context, None, None))


def show_sender(call: Call, context: ManagementContext) -> View:
    """Return the form of a stored sender."""
    return _show_form(call, SenderForm(call, context, _read_name(call, context), None))


def _read_name(call: Call, context: ManagementContext) -> str:
    return find_place(call, context.registry, "senders", before=word_of(context.registry.relation(SENDER_KIND))).names[
        -1
    ]


def _show_form(
    call: Call, sender: SenderForm, error: ConfobjectsError | None = None, report: ChangeReport | None = None
) -> View:
    told: Iterable[Diagnostic] = () if error is None else error.diagnostics
    server_fields = sender.make_fields(SERVER_FIELDS, told)
    sender_fields = sender.make_fields(SENDER_FIELDS, told)
    placed = [one for shown in (*server_fields, *sender_fields) for one in shown.problems]
    addresses = Addresses.of(sender.context.registry)
    number = call.request.query_params.get("saved", "")
    data: Mapping[str, Any] = {
        "creating": sender.creating,
        "name": sender.name,
        "preset": sender.preset,
        "provider": call.request.query_params.get("provider", ""),
        "server_fields": server_fields,
        "sender_fields": sender_fields,
        "problems": [one for one in told if one not in placed],
        "plan": None if report is None else show_plan(report),
        "draft": sender.write_draft(),
        "stale": sender.is_stale,
        "saved": describe_saved(sender.context, int(number[:9])) if number.isdigit() else None,
        "address": "" if sender.sender is None else addresses.write_path(sender.sender.path),
        "server_address": "" if sender.server is None else addresses.write_path(sender.server.path),
        "may_change": call.caller.may("change"),
        "may_test": call.caller.may("test"),
    }
    title = "New email sender" if sender.creating else sender.name
    status = 412 if sender.is_stale else 200 if error is None else error.http_status
    return View("sender.html", title, data, status)


def create_sender(call: Call, context: ManagementContext, form: Form, tells: Show | None = None) -> View | Redirect:
    """Review or save a new sender."""
    return _act(call, SenderForm(call, context, None, form), form, tells)


def change_sender(call: Call, context: ManagementContext, form: Form, tells: Show | None = None) -> View | Redirect:
    """Review or save a sender."""
    return _act(call, SenderForm(call, context, _read_name(call, context), form), form, tells)


def _act(call: Call, sender: SenderForm, form: Form, tells: Show | None) -> View | Redirect:
    button = form.first("do")
    if sender.is_stale:
        return _show_form(call, sender)
    try:
        if button not in CHOICES:
            return _show_form(call, sender, report=sender.plan())
        report = sender.save(button, tells)
        if not report.changed:
            return _show_form(call, sender, report=report)
    except ConfobjectsError as error:
        return _show_form(call, sender, error)
    path = sender.context.registry.path_of(SENDER_KIND, sender.name)
    here = f"/senders/{Addresses.of(sender.context.registry).write_path(path).partition('/')[2]}"
    return Redirect(here if report.number is None else f"{here}?saved={report.number}")
