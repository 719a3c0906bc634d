"""``test-alert-handler``: hand in a mail that is like those of an alert handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from confobjects.mail.saving import SERVICE_KIND

from ..command import make_command
from ..effective_objects import load_some
from ..invocation import Invocation
from ..mail_service import HandedIn, submit, unsealed_option
from ..needed import NeededOption, names_of

if TYPE_CHECKING:
    from confobjects.definitions import Registry

    from ..words.splitting import Words

_HELP = """Hand in a mail like those of an alert handler, whether the handler is enabled or not.

It goes to the recipients of the handler, from its mail sender, with its subject and text. run-mail-service delivers it.

The exit status is 24 if the mail is not accepted, with every reason, and 25 if the ledger cannot take it."""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        NeededOption(
            ["--handler-name"], metavar="NAME", choices=names_of("alert-handler"), help="The alert handler to test."
        ),
        unsealed_option(),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(invocation: Invocation, handler_name: str, *, unsealed_ledger: bool) -> int:
    from confobjects.service.installed import require_installed

    require_installed()
    from confobjects.mail.alerts import CATEGORY
    from confobjects.service.alerting import KIND, make_test_mail, read_handler

    configuration = load_some(invocation, (SERVICE_KIND, ()), (KIND, handler_name))
    handler = read_handler(configuration[KIND, handler_name])
    handed_in = HandedIn(make_test_mail(handler), handler.recipients, CATEGORY, handler.sender)
    return submit(invocation, configuration, handed_in, unsealed=unsealed_ledger)
