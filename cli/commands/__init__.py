"""The table of commands. Five verbs for every object are made from the definitions; the rest are rows.

A command's module is imported when the command is asked for, and only then.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import click

from confobjects.diagnostics import suggest_name
from confobjects.errors import UsageError
from confobjects.records import Record

from ..command import HELP, UnknownCommandError
from ..words.names import option_of, verbs_of
from ..words.nearby import suggest_commands

if TYPE_CHECKING:
    from confobjects.definitions import Registry, Relation

    from ..opening import Reads
    from ..words.splitting import Words


class CommandRow(Record):
    """A command that is not a verb of an object: its module, the heading that the help puts it under, a line for the help, and
    what it reads of the configuration.

    The module is one of this package, or has a whole name: commands of higher rooms are known here by their names only.
    """

    module: str
    group: str
    summary: str
    reads: Reads = "needed"


_BEGIN: Final = "Begin"
_LOOK: Final = "Look"
_CHANGE: Final = "Change"
_MAIL: Final = "Mail"
_SERVICES: Final = "Services"
GROUPS: Final = (_BEGIN, _LOOK, _CHANGE, _MAIL, _SERVICES)
"""The headings of the help, in its order."""

SPECIAL: Final[dict[str, CommandRow]] = {
    "account": CommandRow(
        "confobjects.web.commands.account", _SERVICES, "Manage the accounts that people sign in with.", "none"
    ),
    "apply": CommandRow("apply", _CHANGE, "Make the configuration match a document."),
    "authorize-oauth2-provider": CommandRow(
        "authorize_oauth2_provider", _MAIL, "Let a person consent, and save the refresh token."
    ),
    "check": CommandRow("check", _LOOK, "Check the whole configuration as a starting service would."),
    "completion": CommandRow("completion", _BEGIN, "Print the completion script for a shell.", "shown"),
    "configure-mail": CommandRow(
        "configure_mail", _BEGIN, "Set up a mail server and a sender, with what providers document."
    ),
    "copy": CommandRow("copy", _CHANGE, "Copy a configuration to another storage.", "none"),
    "definitions": CommandRow("definitions", _CHANGE, "Manage the definitions that the configuration holds.", "none"),
    "demo": CommandRow("demo", _BEGIN, "Configure a mail server and send a mail through it, on this machine.", "none"),
    "describe": CommandRow("describe", _LOOK, "Explain an object or a property.", "shown"),
    "diff": CommandRow("diff", _LOOK, "Compare two configurations."),
    "explain": CommandRow("explain", _LOOK, "Show how an expression gets its value.", "none"),
    "export": CommandRow("export", _LOOK, "Print the whole configuration as a document."),
    "family": CommandRow(
        "family", _CHANGE, "Manage families of definitions: those of another product's servers.", "own"
    ),
    "followers": CommandRow(
        "followers", _SERVICES, "Show which running services have the newest change in effect.", "none"
    ),
    "graph": CommandRow("graph", _LOOK, "Print objects and their references as a graph."),
    "history": CommandRow("history", _LOOK, "Show the changes of the configuration, and who made them."),
    "init": CommandRow("init", _BEGIN, "Create the base and the branches of a configuration."),
    "json-schema": CommandRow("json_schema", _LOOK, "Print the JSON Schema of an object.", "shown"),
    "ldap-schema": CommandRow(
        "ldap_schema", _LOOK, "Print the LDAP schema and access rules of the definitions.", "shown"
    ),
    "list-properties": CommandRow(
        "list_properties", _LOOK, "List the properties of objects with their syntax.", "shown"
    ),
    "mail-queue": CommandRow(
        "mail_queue", _MAIL, "Show the mails of the mail service; send them again or give them up."
    ),
    "mail-quota": CommandRow("mail_quota", _MAIL, "Show and reset the quotas of addresses; lift suppressions."),
    "mail-service": CommandRow("mail_service", _MAIL, "Show how the mail service is, and whether something is wrong."),
    "new-definition": CommandRow("new_definition", _BEGIN, "Write a definition to start from.", "none"),
    "rename": CommandRow("rename", _CHANGE, "Rename an object and update the references to it."),
    "run-mail-service": CommandRow("run_mail_service", _MAIL, "Deliver what the mail service has accepted.", "none"),
    "seal": CommandRow("seal", _CHANGE, "Manage the keys that secrets are sealed with."),
    "send-mail": CommandRow("send_mail", _MAIL, "Hand a mail in to the mail service."),
    "send-test-email": CommandRow("send_test_email", _MAIL, "Send a test mail through a mail server."),
    "serve": CommandRow("confobjects.web.commands.serve", _SERVICES, "Serve the console and the API.", "none"),
    "test-alert-handler": CommandRow("test_alert_handler", _MAIL, "Hand in a mail like those of an alert handler."),
    "test-mail-server": CommandRow(
        "test_mail_server", _MAIL, "Test a mail server stage by stage, and say what is wrong."
    ),
    "test-oauth2-provider": CommandRow("test_oauth2_provider", _MAIL, "Fetch an access token, and say what is wrong."),
    "token": CommandRow(
        "confobjects.web.commands.token", _SERVICES, "Manage the tokens that programs sign in with.", "none"
    ),
    "undo": CommandRow("undo", _CHANGE, "Undo a change of the history."),
    "watch": CommandRow(
        "watch", _SERVICES, "Show changes as they come into effect, and run a command for each.", "none"
    ),
}
"""Every command that is not generated. A new one is a row and a module with a function ``build(words, registry)``."""

_BATCH: Final = ("--batch", "-F", "--batchFilePath")
_OF_A_BATCH: Final = ("--profile-variables",)


def command_names(registry: Registry, *, hidden: bool = False) -> Iterator[str]:
    """Yield the names of all commands."""
    for relation in registry.relations().values():
        if hidden or not relation.hidden:
            yield from verbs_of(relation).values()
    yield from SPECIAL


def resolve(words: Words, registry: Registry | None = None) -> click.Command:
    """Return the command of a command line, made from definitions that are loaded already, or from those that the command line names.

    Raises click.UsageError for a command that does not exist.
    """
    if words.may_have(_BATCH) and words.is_batch():
        return _build_command("batch", "build", words, words.load_definitions("needed"))
    _refuse_incomplete(words)
    if not words.command and words.is_dialogue():
        return _build_command("interactive", "build", words, words.load_definitions("needed"))
    if not words.command or words.has("--version", "-V"):
        return _build_command("overview", "build", words)
    row = SPECIAL.get(words.command.lower())
    if registry is None:
        reads = "needed" if row is None else row.reads
        registry = words.load_definitions("shown" if reads == "needed" and words.has(*HELP) else reads)
    if row is not None:
        return _build_command(row.module, "build", words, registry)
    name = words.command.lower()
    for relation in _candidates(registry, name):
        for verb, command in verbs_of(relation).items():
            if command == name:
                return _build_command("objects", "build", verb, relation, words, registry)
    error = words.opening.error
    if error is not None and not isinstance(error, UsageError):  # its definition may be what could not be read
        raise error
    raise UnknownCommandError(_describe_unknown(words, registry), words.command)


def _refuse_incomplete(words: Words) -> None:
    """Raise click.UsageError for a line that lacks its batch, and in the manner of dsconfig for one that lacks its command."""
    if words.may_have(_OF_A_BATCH):
        raise click.UsageError(f"{_OF_A_BATCH[0]} belongs to a batch, and none is named: --batch or -F")
    if words.compat and not words.command and not words.is_dialogue():
        from ..compat.statuses import refuse_no_command

        refuse_no_command(words)


def _describe_unknown(words: Words, registry: Registry) -> str:
    """Return what is wrong with a command that does not exist, without what may be a secret."""
    typed, separator, _ = words.command.replace("=", ":").partition(":")  # an assignment may hold a secret
    near = (
        _find_typed(typed.lower(), registry)
        or suggest_commands(typed, words.rest, registry)
        or suggest_name(typed, command_names(registry))
    )
    is_named = bool(near) or (bool(separator) and typed.lower() in registry.property_names())
    if _may_be_secret(words, registry, is_named=is_named):
        return "there is no such command; the word is not shown, because it may be a part of a value"
    return f'there is no command "{typed}{separator and "…"}"; {near or "confobjects help lists them"}'


def _find_typed(command: str, registry: Registry) -> str:
    """Return what to type for a command that names a type in place of its kind; empty if it names none."""
    for relation in registry.relations().values():
        for short, definition in registry.types_of(relation).items():
            for verb, real in verbs_of(relation).items():
                if command in _name_by_type(real, relation, {short, definition.name}):
                    option = option_of(relation) if relation.kind == "set" else "--type"
                    chosen = f" {option} {short}" if verb == "create" else ""
                    return f"{short} is a type of {relation.friendly}: {real}{chosen}"
    return ""


def _name_by_type(command: str, relation: Relation, names: set[str]) -> set[str]:
    """Return the names that a command would have if each type had commands of its own."""
    of_plural = {command.replace(relation.plural, f"{name}s") for name in names}
    return {command.replace(relation.name, name) for name in names} | of_plural


def _may_be_secret(words: Words, registry: Registry, *, is_named: bool) -> bool:
    """Tell whether the command word may be the rest of a secret before it, or the value of a mistyped option."""
    from ..words.masking import begins_with_dash, mask_secrets

    typed = words.arguments
    if begins_with_dash(words.command):
        return True
    if words.command not in typed[1:] or words.command == typed[0]:
        return False
    before = typed[: typed.index(words.command)][-2:]
    secrets = registry.secret_names()
    named = before[-1].rpartition("=")[2].lower() in secrets
    return not is_named or named or mask_secrets(before, secrets)[-1] != before[-1]


def _candidates(registry: Registry, name: str) -> Iterator[Relation]:
    """Yield the relations whose name or plural is part of a command name."""
    return (r for r in registry.relations().values() if r.name in name or r.plural in name)


def _build_command(module: str, function: str, *arguments: Any) -> click.Command:
    """Return a command that a module makes: one of this package, or of a room above by its whole name."""
    name = module if "." in module else f"{__name__}.{module}"
    made: click.Command = getattr(import_module(name), function)(*arguments)
    return made
