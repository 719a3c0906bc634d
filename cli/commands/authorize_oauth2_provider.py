"""``authorize-oauth2-provider``: a person consents, and the refresh token goes into the configuration."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import click

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.service.tokens import open_token_store
from confobjects.texts.visible import make_visible

from ..command import make_command
from ..effective_objects import load_object
from ..invocation import Invocation
from ..needed import NeededOption, names_of
from ..output.messages import Message, tell
from ..words.numbers import LONGEST_WAIT, NumberType

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.oauth.protocol.answers import DeviceCodes, Token
    from confobjects.oauth.protocol.settings import ProviderSettings
    from confobjects.objects.effective import EffectiveObject

    from ..words.splitting import Words

_KIND = "oauth2-provider"

_HELP = """Let a person consent to the use of a mailbox, and save the refresh token that comes of it.

With the grant authorization-code it prints a URL to open in a web browser on this machine, which comes back to a port of
loopback. With the grant device-code, or --device, it prints a code to enter on any other device. The tokens are never shown.

The exit status is 27 if nobody consented or there is no token."""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        NeededOption(
            ["--provider-name"], metavar="NAME", choices=names_of("oauth2-provider"), help="The OAuth 2.0 provider."
        ),
        click.Option(["--device"], is_flag=True, help="Consent on another device."),
        click.Option(
            ["--redirect-host"],
            metavar="HOST",
            help="What the browser calls this machine: 127.0.0.1 (the default), or localhost.",
        ),
        click.Option(
            ["--redirect-port"],
            metavar="PORT",
            type=NumberType(0, 65_535),
            default=0,
            help="The port it comes back to; the default is any.",
        ),
        click.Option(
            ["--timeout"],
            metavar="SECONDS",
            type=NumberType(1, LONGEST_WAIT, "seconds"),
            default=300,
            help="How long to wait for the browser; the default is 300.",
        ),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(  # noqa: PLR0913, PLR0917 - the options of the command, by name
    invocation: Invocation,
    provider_name: str,
    device: bool,
    redirect_host: str | None,
    redirect_port: int,
    timeout: int,
) -> int:
    host = redirect_host or "127.0.0.1"
    if host not in ("127.0.0.1", "localhost"):
        summary = f'--redirect-host takes 127.0.0.1 or localhost, not "{host}"'
        raise UsageError(Diagnostic("usage", summary, argument="--redirect-host"))
    provider = load_object(invocation, _KIND, provider_name)
    from confobjects.mail.diagnosis import Trouble
    from confobjects.oauth.checking import as_oauth_error
    from confobjects.oauth.consenting import Consent
    from confobjects.oauth.protocol.settings import read_settings

    try:
        settings = read_settings(provider, even_disabled=True)
        by_device = _choose_device(settings, device=device)
        if invocation.dry_run:
            invocation.note("--dry-run: nobody is asked for consent")
            return 0
        consent = Consent(settings)
        if by_device:
            token = consent.by_device(_tell_codes)
        else:
            token = consent.by_browser(_tell_url, host=host, port=redirect_port, patience=float(timeout))
    except Trouble as trouble:
        raise as_oauth_error(trouble) from None
    return _save(invocation, provider, settings, token)


def _choose_device(settings: ProviderSettings, *, device: bool) -> bool:
    from confobjects.oauth.protocol.settings import CONSENTED

    if settings.grant not in CONSENTED:
        summary = f"the grant {settings.grant} needs no consent of a person"
        raise UsageError(
            Diagnostic("usage", summary, path=settings.path, remedy="test-oauth2-provider shows whether it works")
        )
    is_device_only = settings.authorization_endpoint is None and settings.device_endpoint is not None
    return device or settings.grant == "device-code" or is_device_only


def _tell_url(url: str) -> None:
    _tell(f"Open this page in a web browser on this machine, and consent:\n\n  {url}\n")


def _tell_codes(codes: DeviceCodes) -> None:
    _tell(f"Open {codes.url} on any device, and enter this code:\n\n  {codes.user_code}\n")
    if codes.complete_url:
        _tell(f"Or open {codes.complete_url}, which has the code in it.\n")


def _tell(text: str) -> None:
    """Tell the person what to do, on standard error: standard output may be for a program."""
    tell(Message("\n".join(map(make_visible, text.split("\n")))))


def _save(invocation: Invocation, provider: EffectiveObject, settings: ProviderSettings, token: Token) -> int:
    """Save the refresh token as a normal change, and keep the access token for the next login."""
    from confobjects.mail.diagnosis import Trouble
    from confobjects.oauth.sources import ProviderTokens

    from ..performing import Operation, PropertyChanges, perform

    changes = PropertyChanges(set={settings.refresh_property: [token.refresh]})
    status = perform(
        invocation, Operation("modify", _KIND, (provider.name,), changes=changes), "The refresh token is saved."
    )
    with contextlib.suppress(Trouble):  # else the next login fetches one
        store = open_token_store(provider, os.environ)
        ProviderTokens(settings.replace(refresh_token=token.refresh), store).adopt(token)
    return status
