"""``serve``: the console and the API of a configuration, until somebody ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from confobjects.cli.command import make_command
from confobjects.cli.invocation import Invocation
from confobjects.cli.long_runs import collect_garbage, log_format_option, timeout_option
from confobjects.cli.mail_service import unsealed_option
from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.web.commands.directory import directory_options, parse_rule
from confobjects.web.commands.openid import TOGETHER, openid_options, parse_openid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from confobjects.cli.words.splitting import Words
    from confobjects.definitions import Registry
    from confobjects.web.identity.directory import DirectoryRule
    from confobjects.web.serving.listening import Listening
    from confobjects.web.serving.session import ServeOptions

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
_TOGETHER: Final = (
    ("--key", "key", "--certificate", "certificate"),
    ("--people-group", "people_groups", "--people-base", "people_base"),
    ("--people-proxied-authorization", "people_act_as", "--people-base", "people_base"),
    *TOGETHER,
)
"""Options that say something of another one, and that one: each as it is typed, and as it is called here."""


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
        timeout_option(),
        log_format_option(),
        *directory_options(),
        *openid_options(),
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


def _run(invocation: Invocation, **given: Any) -> int:
    from confobjects.web.installed import require_installed

    require_installed()
    _refuse_alone(given)
    if given["environments"] and invocation.options["env_file"] is not None:
        raise _refuse("--environment", "--environment and --env-file exclude each other")
    options = _make_options(invocation.place.url, given)
    from confobjects.web.serving.session import ServeSession

    with collect_garbage():
        return ServeSession(invocation, options).run()


def _refuse_alone(given: Mapping[str, Any]) -> None:
    """Raise UsageError for an option without the one that it belongs to."""
    for option, name, other, needed in _TOGETHER:
        if given[name] and not given[needed]:
            raise _refuse(option, f"{option} belongs to {other}, which is not given")


def _refuse(option: str, summary: str) -> UsageError:
    return UsageError(Diagnostic("usage", summary, argument=option))


def _make_options(url: str, given: Mapping[str, Any]) -> ServeOptions:
    """Return what the options say. Raises UsageError."""
    from confobjects.web.serving.session import ServeOptions
    from confobjects.web.sources import parse_environments
    from confobjects.web.targets import Targets, parse_target

    return ServeOptions(
        _make_listening(given),
        given["log_format"] == "json",
        given["timeout"],
        given["certificate"],
        given["key"],
        Targets(frozenset(map(parse_target, given["targets"]))),
        given["mail_service"],
        given["unsealed_ledger"],
        _make_rule(url, given),
        parse_environments(given["environments"]),
        parse_openid(given),
    )


def _make_listening(given: Mapping[str, Any]) -> Listening:
    from confobjects.web.serving.hosts import parse_name
    from confobjects.web.serving.listening import Listening, parse_listen, parse_network

    host, port = parse_listen(given["listen"])
    proxies, hosts = tuple(map(parse_network, given["proxies"])), tuple(map(parse_name, given["hosts"]))
    return Listening(host, port, bool(given["certificate"]), proxies, hosts)


def _make_rule(url: str, given: Mapping[str, Any]) -> DirectoryRule | None:
    """Return how people sign in with the directory, None if they do not."""
    if given["people_base"] is None:
        return None
    rule = parse_rule(url, given["people_base"], given["people_attribute"], given["people_groups"])
    return rule.replace(act_as=given["people_act_as"])
