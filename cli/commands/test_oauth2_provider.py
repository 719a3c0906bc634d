"""``test-oauth2-provider``: fetch an access token, and say what came or why none did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from confobjects.management.verifying import Outcome
from confobjects.service.tokens import find_tokens
from confobjects.texts.visible import make_visible

from ..command import make_command
from ..effective_objects import find_unsaved, load_object, unsaved_options
from ..invocation import Invocation
from ..needed import NeededOption, names_of
from ..output.messages import tell_problem
from ..verifications import StoredTest

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.oauth.checking import ProviderTestResult

    from ..words.splitting import Words

_KIND = "oauth2-provider"

_HELP = """Fetch an access token from an OAuth 2.0 provider, as saved or with unsaved values, and say what is wrong.

The token is kept for the next login and is never shown; neither is a refresh token that comes with it.

The exit status is 27 if there is no token."""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        NeededOption(
            ["--provider-name"], metavar="NAME", choices=names_of(_KIND), help="The OAuth 2.0 provider to test."
        ),
        *unsaved_options(),
    ]
    return make_command(words, registry, parameters, test_provider, _HELP)


def test_provider(invocation: Invocation, provider_name: str, **changing: Sequence[str]) -> int:
    """Test a provider, with values that are not saved if some are given; print the result and return the exit status."""
    unsaved = find_unsaved(invocation, _KIND, changing)
    test = StoredTest(invocation, _KIND, provider_name) if unsaved is None else None
    provider = load_object(invocation, _KIND, provider_name, unsaved)
    if invocation.dry_run:
        invocation.note("--dry-run: no token is fetched")
        return 0
    from confobjects.oauth.checking import check_provider

    if invocation.tells_people:
        what = "with unsaved values in place of saved ones" if unsaved else "as saved"
        invocation.say_sentences(f"Fetching a token from {provider.path}, {what}.")
    result = check_provider(provider.path, lambda: find_tokens(provider), unsaved=unsaved is not None)
    _print(invocation, result)
    if test is not None:
        test.keep(provider.path, Outcome("token", result.code, "token" if result.code else ""))
    return result.exit_code


def _print(invocation: Invocation, result: ProviderTestResult) -> None:
    from ..words.actions import word

    if invocation.form == "json":
        from ..output.json import dumps

        invocation.say(dumps(result.as_json(word)))
    elif invocation.form == "script":
        from ..output.script import format_lines

        invocation.say(format_lines(_script_rows(result)))
    else:
        if result.ok and not invocation.quiet:
            invocation.say_sentences("\n".join(map(make_visible, _readable_lines(result))))
        from ..mail_fixes import offer_fix

        for diagnostic in result.diagnostics:
            tell_problem(offer_fix(diagnostic, invocation.registry))


def _script_rows(result: ProviderTestResult) -> Iterator[tuple[str, ...]]:
    from ..words.actions import word

    facts = result.as_json(word)
    for name in ("ok", "tested", "grant", "scope", "lifetime", "expires", "rotated", "code", "summary", "property"):
        value = facts.get(name, "")
        yield name, str(value).lower() if isinstance(value, bool) else str(value)


def _readable_lines(result: ProviderTestResult) -> Iterator[str]:
    yield f"  the token is valid for {result.lifetime} s, until {result.expires}"
    yield f"  scope: {result.scope or 'not told'}"
    if result.rotated:
        yield "  a new refresh token came with it, and is kept"
    yield "The test passed; the token is kept for the next login."
