"""Every diagnosis of a mail test has a line to type that this command line takes, or names nothing of the configuration."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from confobjects.actions import remedy_text
from confobjects.cli.commands import resolve
from confobjects.cli.mail_fixes import offer_fix, saving_line
from confobjects.cli.words.splitting import take_apart
from confobjects.definitions_loading import load_registry
from confobjects.diagnostics import MASK, Diagnostic
from confobjects.mail.failures import TABLE
from tests.cli.sessions import fresh, run

REGISTRY = load_registry()
CANARY = "swordfish"


def diagnosis(code: str) -> Diagnostic:
    """Return the diagnosis of a failure, without facts."""
    failure = TABLE[code]
    path = "/oauth2-provider/p q" if code.startswith("token-") else "/mail-server/my server"
    return Diagnostic("mail-auth", failure.summary, path=path, property=failure.property, remedy=failure.remedy)


@pytest.mark.parametrize("code", TABLE)
def test_a_diagnosis_has_a_line_that_is_parsed_or_blames_nothing_of_ours(code: str) -> None:
    problem = diagnosis(code)
    line = offer_fix(problem, REGISTRY).attempt
    if not line:
        assert not problem.property
        return
    assert MASK not in line
    program, *arguments = shlex.split(line)
    words = take_apart(arguments)
    command = resolve(words, REGISTRY)
    context = command.make_context(words.command, list(words.rest))
    assert program == "confobjects"
    assert {"my server", "p q", "{provider}"} & set(map(str, context.params.values()))


def test_a_failure_blames_the_settings_of_mail_only_if_it_names_one() -> None:
    for code, failure in TABLE.items():
        if failure.property == "smtp-property":
            text = remedy_text(failure.remedy)
            assert any(name in text for name in ("mail.smtp.", "confobjects.", "{setting}")), code


@pytest.mark.parametrize(
    ("code", "end"),
    [
        ("silent", "--set use-ssl:true --set use-start-tls:false"),
        ("auth-in-clear", "--set use-start-tls:true"),
        ("ehlo-refused", "--add 'smtp-property:mail.smtp.localhost=…'"),
        ("auth-rejected", "--set-prompt auth-password"),
        ("connection-refused", "--set 'smtp-server:…'"),
    ],
)
def test_the_line_says_what_the_remedy_says(code: str, end: str) -> None:
    assert offer_fix(diagnosis(code), REGISTRY).attempt == (
        f"confobjects set-mail-server-prop --server-name 'my server' {end}"
    )


@pytest.mark.parametrize("code", ["banner-busy", "auth-too-many", "policy-refused"])
def test_a_server_that_refuses_for_now_is_not_blamed_on_the_configuration(code: str) -> None:
    assert (TABLE[code].property, offer_fix(diagnosis(code), REGISTRY).attempt) == ("", "")


def test_the_values_of_a_test_are_saved_without_a_secret_in_the_line(tmp_path: Path) -> None:
    given = {
        "set": ("smtp-server:h;x:25", f"auth-password:{CANARY}", "auth-password:&{env:P}"),
        "set_env": ("auth-username:USER",),
        "reset": ("use-ssl",),
    }
    line = saving_line("/mail-server/one", given, REGISTRY)
    assert shlex.split(line) == [
        *("confobjects", "set-mail-server-prop", "--server-name", "one", "--set", "smtp-server:h;x:25"),
        *("--set-prompt", "auth-password", "--set", "auth-password:&{env:P}"),
        *("--set-env", "auth-username:USER", "--reset", "use-ssl"),
    ]
    hidden = saving_line("/mail-server/one", {"add": (f"smtp-property:mail.smtp.proxy.password={CANARY}",)}, REGISTRY)
    assert hidden == "confobjects set-mail-server-prop --server-name one"
    plain = {"set": ("smtp-server:h:26",), "add": ("smtp-property:mail.smtp.timeout=9000",)}
    with fresh(tmp_path):
        create = ("create-mail-server", "--server-name", "one", "--set", "enabled:true", "--set", "smtp-server:h")
        assert run(*create, "--no-test").status == 0
        assert run(*shlex.split(saving_line("/mail-server/one", plain, REGISTRY))[1:]).status == 0
        assert (
            "smtp-server   : h:26"
            in run(
                "get-mail-server-prop",
                "--server-name",
                "one",
                "--property",
                "smtp-server",
                "--property",
                "smtp-property",
            ).out
        )
