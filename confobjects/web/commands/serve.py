"""``serve``: the console and the API of a configuration, until somebody ends it."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from confobjects.cli.command import make_command
from confobjects.cli.invocation import Invocation
from confobjects.cli.mail_service import unsealed_option
from confobjects.cli.words.numbers import PATIENCE
from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.web.commands.directory import directory_options, parse_rule

if TYPE_CHECKING:
    from confobjects.cli.words.splitting import Words
    from confobjects.definitions import Registry

_HELP = """Serve the console and the API. It runs in the foreground, and ends in order at SIGTERM, SIGINT or SIGHUP.

It listens on this machine only, unless --listen says otherwise. Then it demands --certificate, or --behind-proxy with the addresses
of the proxies in front. It answers only requests for localhost, for the address that it listens at, and for the names of --host. With
--dry-run it says where it would listen.

For people who are no administrators, and for the mail service in this process, it connects to mail servers at the ports 25, 465, 587 and
2525 and to token servers at 443, never to this machine: --allow-target names what else there is.

\b
Examples:
  serve
  serve --listen 192.0.2.7:8443 --certificate web.pem --host web.example.com
"""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Option(
            ["--listen"],
            metavar="HOST:PORT",
            default="127.0.0.1:8080",
            show_default=True,
            help="Where to listen; port 0 is any free port, which is printed.",
        ),
        click.Option(
            ["--host", "hosts"], metavar="NAME", multiple=True, help="A host name to answer for; can be repeated."
        ),
        click.Option(
            ["--behind-proxy", "proxies"],
            metavar="ADDRESS",
            multiple=True,
            help="A proxy in front, or a network of them, whose X-Forwarded headers count; can be repeated.",
        ),
        click.Option(
            ["--certificate"],
            metavar="PATH",
            default="",
            help="The certificate of this server with its chain (PEM); it is read again when it is renewed.",
        ),
        click.Option(["--key"], metavar="PATH", default="", help="Its key (PEM), if it is not in the same file."),
        click.Option(
            ["--timeout"],
            metavar="SECONDS",
            type=PATIENCE,
            help="How long to wait for a configuration that is not there yet; without it there is no limit.",
        ),
        click.Option(
            ["--log-format"],
            type=click.Choice(["json", "text"]),
            default="text",
            show_default=True,
            help="How the log on standard error is written.",
        ),
        *directory_options(),
        click.Option(
            ["--allow-target", "targets"],
            metavar="HOST:PORT",
            multiple=True,
            help="A mail or token server to connect to also for who is no administrator; can be repeated.",
        ),
        click.Option(
            ["--environment", "environments"],
            metavar="NAME=FILE",
            multiple=True,
            help="Variables of another machine, by whose name a check or an explanation asks for them; can be repeated.",
        ),
        click.Option(["--mail-service"], is_flag=True, help="Run the mail service in the same process."),
        unsealed_option(),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(  # noqa: PLR0913 - its options
    invocation: Invocation,
    *,
    listen: str,
    hosts: Sequence[str],
    proxies: Sequence[str],
    certificate: str,
    key: str,
    timeout: float | None,
    log_format: str,
    environments: Sequence[str],
    people_base: str | None,
    people_attribute: str,
    people_groups: Sequence[str],
    targets: Sequence[str],
    mail_service: bool,
    unsealed_ledger: bool,
) -> int:
    from confobjects.web.installed import require_installed

    require_installed()
    from confobjects.web.serving.listening import Listening, parse_listen, parse_network
    from confobjects.web.serving.session import ServeOptions, ServeSession
    from confobjects.web.sources import parse_environments
    from confobjects.web.targets import Targets, parse_target

    host, port = parse_listen(listen)
    if key and not certificate:
        raise UsageError(Diagnostic("usage", "--key belongs to --certificate, which is not given", argument="--key"))
    listening = Listening(host, port, bool(certificate), tuple(map(parse_network, proxies)), tuple(hosts))
    if unsealed_ledger and not mail_service:
        summary = "--unsealed-ledger belongs to --mail-service, which is not given"
        raise UsageError(Diagnostic("usage", summary, argument="--unsealed-ledger"))
    allowed = Targets(frozenset(map(parse_target, targets)))
    options = ServeOptions(
        listening, log_format == "json", timeout, certificate, key, allowed, mail_service, unsealed_ledger
    )
    if environments and invocation.options["env_file"] is not None:
        raise UsageError(
            Diagnostic("usage", "--environment and --env-file exclude each other", argument="--environment")
        )
    options = options.replace(environments=parse_environments(environments))
    if people_base is not None:
        rule = parse_rule(invocation.place.url, people_base, people_attribute, people_groups)
        options = options.replace(directory=rule)
    elif people_groups:
        raise UsageError(Diagnostic("usage", "--people-group needs --people-base", argument="--people-group"))
    collecting = gc.isenabled()
    gc.enable()  # it is off while a command runs, but this one may run for months
    try:
        return ServeSession(invocation, options).run()
    finally:
        if not collecting:
            gc.disable()
