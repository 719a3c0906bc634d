"""The mail server that a command tests or sends through, as a starting service would see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.management.verifying import Outcome

from .effective_objects import load_object
from .needed import NeededOption, names_of
from .verifications import StoredTest

if TYPE_CHECKING:
    from confobjects.mail.senders import MailSender
    from confobjects.objects.changes import PropertyChanges
    from confobjects.objects.effective import EffectiveObject

    from .invocation import Invocation


def load_mail_server(invocation: Invocation, name: str, unsaved: PropertyChanges | None = None) -> EffectiveObject:
    """Return a mail server, evaluated, optionally with changes that are not saved. Raises as :func:`load_object` does."""
    return load_object(invocation, "mail-server", name, unsaved)


def load_target(
    invocation: Invocation, server_name: str | None, sender_name: str | None, unsaved: PropertyChanges | None = None
) -> tuple[EffectiveObject, MailSender | None]:
    """Return the mail server of a command that names it or a mail sender, and that sender. ``unsaved`` are of the server.

    Raises what :func:`load_mail_server` raises, and MailError if the sender is disabled.
    """
    if sender_name is None:
        return load_mail_server(invocation, server_name or "", unsaved), None
    from confobjects.mail.senders import read_sender

    sender = read_sender(load_object(invocation, "mail-sender", sender_name))
    server = sender.server if unsaved is None else load_mail_server(invocation, sender.server.name, unsaved)
    return server, sender


def begin_test(invocation: Invocation, server_name: str | None, sender_name: str | None) -> StoredTest:
    """Begin a test of a mail server or a mail sender as it is saved. It is to be called before they are loaded."""
    kind, name = ("mail-server", server_name) if sender_name is None else ("mail-sender", sender_name)
    return StoredTest(invocation, kind, name or "")


def keep_test(test: StoredTest, server: EffectiveObject, sender: MailSender | None, outcome: Outcome) -> None:
    """Keep how a test of a mail server, or of a mail sender through it, ended.

    The test of a sender is one of its mail server too, up to the login.
    """
    if outcome.code in _OF_THE_CALLER:
        return
    if sender is None:
        test.keep(server.path, outcome)
        return
    test.keep(sender.path, outcome)
    test.keep(server.path, limit_to_login(outcome))


def limit_to_login(outcome: Outcome) -> Outcome:
    """Return what a test of a mail sender says about its mail server."""
    depth = "auth" if outcome.depth in _BEYOND_LOGIN else outcome.depth
    has_logged_in = not outcome.code or outcome.stage in _AFTER_LOGIN
    return Outcome(depth) if has_logged_in else outcome.replace(depth=depth)


_OF_THE_CALLER: Final = ("recipient-syntax",)
"""Codes of mistakes in the command line: they say nothing about an object."""
_BEYOND_LOGIN: Final = ("envelope", "send")
_AFTER_LOGIN: Final = ("mail", "rcpt", "data")
"""The stages of a mail."""


def name_options(purpose: str) -> list[click.Parameter]:
    """Return the options that name the mail server, or the mail sender; ``purpose`` is what the command does with it."""
    return [
        NeededOption(
            ["--server-name"],
            metavar="NAME",
            choices=names_of("mail-server"),
            instead="sender_name",
            help=f"The mail server to {purpose}.",
        ),
        click.Option(["--sender-name"], metavar="NAME", help=f"The mail sender to {purpose}, with its mail server."),
    ]


def check_names(server_name: str | None, sender_name: str | None, from_: str | None) -> None:
    """Refuse a command that names neither a mail server nor a sender, or both, or an address beside a sender's own."""
    given = [name for name in (server_name, sender_name) if name is not None]
    if len(given) != 1:
        summary = f"one of --server-name and --sender-name is needed, and {'both are' if given else 'none is'} given"
        raise UsageError(Diagnostic("usage", summary, remedy="--server-name NAME, or --sender-name NAME"))
    if sender_name is not None and from_ is not None:
        summary = "--from has no meaning with --sender-name: a mail sender has an address of its own"
        raise UsageError(Diagnostic("usage", summary, remedy="leave --from out"))
