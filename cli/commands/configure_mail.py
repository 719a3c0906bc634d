"""``configure-mail``: a guided set-up of mail, with what providers document; it tests before it saves."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.errors import UsageError
from confobjects.mail.presets import PRESETS, security_of
from confobjects.mail.setup import ADDRESS, PROVIDER, SENDER_KIND, SERVER_KIND, MailSetup
from confobjects.mail.token_hosts import HOSTS

from ..command import make_command
from ..invocation import Invocation
from ..mail_setup import SetupPlan, find_stored, make_operations, require_test

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.mail.presets import MailPreset
    from confobjects.mail.setup import Login

    from ..words.splitting import Words

_HELP = """Set up mail: a mail server and a sender, with what mail providers document.

At a terminal it asks for what is missing, tests before it saves, and offers what to change after a failure. Without a
terminal, or with --no-prompt, the options say everything. Objects that exist are changed.

The exit status of a test that failed is that of its stage, as of test-mail-server; then nothing is saved. --no-test saves
without a test."""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    values = (
        ("--set", "PROPERTY:VALUE", "Set a property of the mail server or of the sender."),
        ("--set-file", "PROPERTY:PATH", "Set a property to the text of a file."),
        ("--set-env", "PROPERTY:VARIABLE", "Set a property to the value of an environment variable."),
        ("--set-prompt", "PROPERTY", "Ask for the value of a property without showing it."),
    )
    parameters: list[click.Parameter] = [
        click.Option(["--preset"], metavar="NAME", help="The mail provider; --list-presets shows them."),
        click.Option(["--list-presets"], is_flag=True, help="Show the mail providers that are known."),
        click.Option(["--region"], metavar="REGION", help="The region of your account, if the provider has some."),
        click.Option(["--server-name"], metavar="NAME", help="The mail server; the default is the provider's name."),
        click.Option(["--sender-name"], metavar="NAME", help="The mail sender; the default is the mail server's name."),
        *(click.Option([spelling], metavar=metavar, multiple=True, help=text) for spelling, metavar, text in values),
        click.Option(["--no-login"], is_flag=True, help="The mail server wants no login."),
        click.Option(
            ["--for-mail-service"], is_flag=True, help="Let all mail of the mail service come from the sender."
        ),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(  # noqa: PLR0913, PLR0917 - the options of the command, by name
    invocation: Invocation,
    preset: str | None,
    list_presets: bool,
    region: str | None,
    server_name: str | None,
    sender_name: str | None,
    no_login: bool,
    for_mail_service: bool,
    **setting: Sequence[str],
) -> int:
    if list_presets:
        return _list_presets(invocation)
    chosen = None if preset is None else _find_preset(preset)
    if region:
        _refuse_region(chosen)
    server, sender = _read_values(invocation, setting)
    setup = MailSetup(chosen, region or "", login=_choose_login(server, no_login), server=server, sender=sender)
    usual = server_name or ("mail" if chosen is None else chosen.name)
    plan = SetupPlan(setup, usual, sender_name or usual, for_mail_service)
    if _can_ask(invocation):
        from ..interactive.mail_guide import guide

        return guide(invocation, plan, named=server_name is not None, tests=not invocation.options["no_test"])
    return _save(invocation, plan.replace(setup=setup.with_only_login()))


def _can_ask(invocation: Invocation) -> bool:
    asked = invocation.tells_people and not invocation.options["no_prompt"]
    return asked and sys.stdin.isatty() and sys.stdout.isatty()


def _find_preset(name: str) -> MailPreset:
    found = PRESETS.get(name.lower())
    if found is None:
        hint = suggest_name(name, PRESETS) or "--list-presets shows them"
        raise UsageError(Diagnostic("usage", f'there is no preset "{name}"', argument="--preset", remedy=hint))
    return found


def _refuse_region(preset: MailPreset | None) -> None:
    """Raise UsageError if nothing depends on a region: mail would go through another host than the user expects."""
    if preset is None or not preset.has_regions:
        who = "a mail server without a preset" if preset is None else preset.title
        remedy = f"leave --region out; if another host is meant, name it: --set {ADDRESS}:HOST:PORT"
        raise UsageError(Diagnostic("usage", f"no region is known for {who}", argument="--region", remedy=remedy))


def _read_values(
    invocation: Invocation, setting: Mapping[str, Sequence[str]]
) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Return the values given for the mail server, and for the sender: each property belongs to one of the two."""
    from ..words.assignments import given_values

    registry = invocation.registry
    server, sender = registry.relation(SERVER_KIND), registry.relation(SENDER_KIND)
    of_servers = {name for one in registry.concrete_types(server.target) for name in one.properties}
    of_sender = registry.definition(sender.target).properties.keys() - of_servers
    both = []
    for relation, wanted in ((server, False), (sender, True)):
        given = {
            option: [item for item in items if (item.partition(":")[0].lower() in of_sender) is wanted]
            for option, items in setting.items()
        }
        both.append({name: tuple(texts) for name, texts in given_values(invocation, relation, **given).items()})
    return both[0], both[1]


def _choose_login(server: Mapping[str, Sequence[str]], no_login: bool) -> Login:
    if no_login:
        return "none"
    return "oauth2" if server.get(PROVIDER) else "password"


def _save(invocation: Invocation, plan: SetupPlan) -> int:
    """Test what the options say, and save it if that succeeds."""
    from ..output.changes import tell_changes
    from ..output.equivalents import Recorder
    from ..save_tests import choose_tests
    from ..words.command_line import line_of

    recorder = Recorder(invocation)
    with invocation.open_for_change() as context:
        _refuse_missing(invocation, plan, find_stored(context, plan))
        operations = make_operations(context, plan)
        invocation.recorded = "; ".join(line_of(operation, invocation.registry) for operation in operations)
        require_test(invocation)
        with context.change(dry_run=invocation.dry_run, tests=choose_tests(invocation)) as transaction:
            for operation in operations:
                operation.ask(transaction)
    report = transaction.report
    done = f'Mail can be sent from "{plan.sender}" now. send-test-email --sender-name "{plan.sender}" --to … sends one.'
    status = tell_changes(invocation, report, done)
    if report.changed and not invocation.dry_run:
        recorder.record(operations)
    return status


def _refuse_missing(invocation: Invocation, plan: SetupPlan, stored: frozenset[str]) -> None:
    problems = list(_find_missing(invocation, plan.setup, stored))
    if problems:
        raise UsageError(problems)


def _find_missing(invocation: Invocation, setup: MailSetup, stored: frozenset[str]) -> Iterator[Diagnostic]:
    """Yield a problem for each value that has to be given."""
    if setup.preset is None and not setup.server.get(ADDRESS) and ADDRESS not in stored:
        remedy = f"--preset NAME (--list-presets shows them), or --set {ADDRESS}:HOST:PORT"
        yield Diagnostic("usage", "the mail provider is missing", argument="--preset", remedy=remedy)
        return
    if setup.needs_region:
        summary = "the region of the account is missing, which the host of the mail server depends on"
        yield Diagnostic("usage", summary, argument="--region", remedy="--region REGION")
    registry = invocation.registry
    for question in setup.questions(stored):
        relation = registry.relation(question.kind)
        types = registry.types_of(relation)
        prop = types[setup.server_type if question.kind == SERVER_KIND else next(iter(types))].properties[
            question.property
        ]
        remedy = f"--set-env {prop.name}:VARIABLE" if prop.sensitive else f"--set {prop.name}:…"
        if not (question.property == ADDRESS and setup.needs_region):
            yield Diagnostic("usage", f"a value is needed: {question.about}", property=prop.name, remedy=remedy)


def _list_presets(invocation: Invocation) -> int:
    if invocation.form == "json":
        from ..output.json import dumps

        invocation.say(dumps({"presets": [preset.as_json() for preset in PRESETS.values()]}))
    elif invocation.form == "script":
        from ..output.script import format_lines

        lines = ([p.name, p.host, str(p.port), p.security, p.username or p.login] for p in PRESETS.values())
        invocation.say(format_lines(lines))
    elif invocation.verbose:
        invocation.say("\n".join(line for preset in PRESETS.values() for line in _describe_preset(preset)))
    else:
        from ..output.table import format_table

        rows = [[p.name, p.title, f"{p.host}:{p.port}", _logins(p)] for p in PRESETS.values()]
        invocation.say(format_table(["Preset", "Provider", "Server", "Login"], rows))
    return 0


_WAYS = {"start-tls": "by STARTTLS", "ssl": "from the first byte"}


def _logins(preset: MailPreset) -> str:
    return " or ".join([*(["password"] if preset.password else []), *(["OAuth 2.0"] if preset.grants else [])])


def _describe_preset(preset: MailPreset) -> Iterator[str]:
    """Yield everything about a preset."""
    yield f"{preset.name}: {preset.title}"
    others = ", ".join(f"{port} ({_WAYS[security_of(port)]})" for port in preset.other_ports)
    facts = (
        ("server", f"{preset.host}:{preset.port}, TLS {_WAYS[preset.security]}"),
        ("other ports", others),
        ("user name", preset.username or preset.login),
        ("password", preset.password),
        ("grants of OAuth 2.0", ", ".join(preset.grants)),
        ("scope", preset.scope),
        ("token endpoint", preset.endpoint),
        (HOSTS, preset.host if preset.grants else ""),
        ("SPF", f"include:{preset.include}" if preset.include else ""),
        ("limits", preset.limits),
        ("note", preset.note),
        ("source", preset.source),
    )
    yield from (f"  {name}: {text}" for name, text in facts if text)
    yield ""
