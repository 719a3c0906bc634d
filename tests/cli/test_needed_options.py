"""A law of all commands: what one cannot do without is asked for at a terminal, and refused with its choices elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from confobjects.cli.commands import command_names, resolve
from confobjects.cli.needed import NeededOption
from confobjects.cli.words.splitting import take_apart
from confobjects.definitions_loading import load_registry
from tests.cli.dialogue import dialogue
from tests.cli.sessions import fresh, run

REGISTRY = load_registry([])
TEMPLATES = ("message-template:account-disabled:Hello", "message-subject:account-disabled:Hello")
OBJECTS = {
    "trust-manager-provider": ("--provider-name", ("--type", "system"), ()),
    "key-manager-provider": ("--provider-name", ("--type", "file-based"), ("key-store-file:none.p12",)),
    "mail-server": ("--server-name", (), ("smtp-server:h:587",)),
    "mail-sender": ("--sender-name", (), ("from-address:a@example.com", "mail-server:one")),
    "alert-handler": ("--handler-name", ("--type", "smtp"), ("recipient-address:a@example.com",)),
    "account-status-notification-handler": ("--handler-name", ("--type", "smtp"), TEMPLATES),
    "oauth2-provider": (
        "--provider-name",
        (),
        ("grant-type:client-credentials", "token-endpoint:https://a.example/", "client-id:c", "client-secret:&{s|x}"),
    ),
}
"""One object of each kind: the option that names it, its type, and the values that it needs."""
WITH_OBJECT = ("rename", "history")
"""Commands whose options are those of an object, which is an argument."""
WORDS = [[name, "mail-server"] if name in WITH_OBJECT else [name] for name in command_names(REGISTRY, hidden=True)]


def options(words: list[str]) -> list[NeededOption]:
    command = resolve(take_apart(words), REGISTRY)
    return [one for one in command.params if isinstance(one, NeededOption)]


NEEDING = [words for words in WORDS if options(words)]


@pytest.fixture(scope="module", autouse=True)
def _one_of_each(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Make one object of each kind; no test here changes any."""
    with fresh(tmp_path_factory.mktemp("configuration")):
        for kind, (option, type_, values) in OBJECTS.items():
            given = [word for value in ("enabled:true", *values) for word in ("--set", value)]
            made = run(f"create-{kind}", option, "one", *type_, *given)
            assert made.status == 0, made.err
        yield


def test_no_command_leaves_a_missing_option_to_the_library() -> None:
    """It would refuse before anybody could be asked, and without saying what there is."""
    left = {
        f"{' '.join(words)} {one.opts[0]}"
        for words in WORDS
        for one in resolve(take_apart(words), REGISTRY).params
        if isinstance(one, click.Option) and one.required
    }
    assert left == set()
    assert len(NEEDING) > 30
    assert {name for words in NEEDING for name in words} >= {"send-test-email", "test-oauth2-provider", "rename"}


@pytest.mark.parametrize("words", NEEDING, ids=" ".join)
def test_each_is_asked_for_at_a_terminal(words: list[str]) -> None:
    with dialogue(*words) as person:
        *others, last = options(words)
        for option in others:
            person.until(f"{max(option.opts, key=len)}: ")
            if option.choices is None:
                person.answer(f"{option.metavar}: ", "two")
            else:
                person.answer("Choice: ", "1")
        person.until(f"{max(last.opts, key=len)}: ")
        person.until("Choice: " if last.choices is not None else f"{last.metavar}: ")
        assert person.process.poll() is None


@pytest.mark.parametrize("words", NEEDING, ids=" ".join)
def test_whoever_is_not_asked_is_told_the_choices(words: list[str]) -> None:
    refused = run(*words, "-n")
    first = next((one for one in options(words) if not one.instead), None)
    assert refused.status == 2
    if first is None:
        assert "one of --server-name and --sender-name is needed, and none is given" in refused.err
        return
    assert f"the option {max(first.opts, key=len)} is missing" in refused.err
    assert (", one of: " in refused.err) is (first.choices is not None)
