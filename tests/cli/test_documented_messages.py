"""The eight messages that Zuora documents for an external SMTP server, each provoked, and what is said here in place of it.

The documented action is one for several causes; here the cause is told apart, and the remedy names the property to change.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.cli.sessions import fresh, run
from tests.docs_check import ROOT
from tests.servers.fake_smtp import FakeSmtp, hang
from tests.servers.postfix import PASSWORD, REALM, USER, Postfix
from tests.servers.processes import free_port
from tests.transport.cases import swallowing

EXTERNAL = ["--type", "external-smtp", "--set", f"auth-username:{USER}@{REALM}"]
SHORT = ["--set", "smtp-property:mail.smtp.timeout=500", "--set", "smtp-property:mail.smtp.connectiontimeout=500"]
PASSWORDS = ["--set", "authentication:username-password", "--set-env", "auth-password:POSTFIX_PASSWORD"]
TRUST = ("--set", "trust-manager-provider:CA")
FACTORY = "socket-factory-class:javax.net.ssl.SSLSocketFactory"


@pytest.fixture(autouse=True)
def _place(distrustful_place: Path) -> Iterator[None]:
    """Make a trust manager provider for the authority of the relay, and an OAuth 2.0 provider."""
    with fresh(distrustful_place):
        values = ["--set", "enabled:true", "--set", f"trust-store-file:{distrustful_place / 'ca.pem'}"]
        made = run("create-trust-manager-provider", "--provider-name", "CA", "--type", "file-based", *values)
        assert made.status == 0, made.err
        endpoint = f"token-endpoint:http://127.0.0.1:{free_port()}/"
        values = ["enabled:true", "grant-type:client-credentials", endpoint, "client-id:c", "client-secret:&{p|x}"]
        words = [word for one in values for word in ("--set", one)]
        assert run("create-oauth2-provider", "--provider-name", "tokens", *words).status == 0
        yield


def refusal(*words: str, depth: tuple[str, ...] = ()) -> dict[str, str]:
    """Create a mail server, test it, and return what is said of its failure; the reason is on standard error as well."""
    made = run("create-mail-server", "--server-name", "external", "--set", "enabled:true", *words)
    assert made.status == 0, made.err
    people = run("test-mail-server", "--server-name", "external", *depth)
    found = run("test-mail-server", "--server-name", "external", *depth, "--output", "json")
    facts: dict[str, str] = json.loads(found.out)
    assert found.status == people.status != 0
    assert facts["summary"] in people.err, "a person is told the reason"
    assert f"remedy: {facts['remedy']}" in people.err, "and the action"
    assert "Traceback" not in people.err
    assert PASSWORD not in people.out + people.err + found.out
    return {name: facts[name] for name in ("code", "stage", "property", "remedy")}


def secured(port: int, *words: str, trust: tuple[str, ...] = TRUST) -> list[str]:
    """Return the words for an external server that uses STARTTLS and, if nothing else is said, trusts the authority."""
    address = ["--set", f"smtp-server:localhost:{port}", "--set", "use-start-tls:true"]
    return [*EXTERNAL, *address, *trust, *SHORT, *words]


def factory(port: int, *words: str) -> list[str]:
    """Return the words for an external server with a socket factory."""
    values = ["--set", f"smtp-server:localhost:{port}", "--set", FACTORY, "--set", f"socket-factory-port:{port}"]
    return [*EXTERNAL, *values, *TRUST, *SHORT, *words]


class Cause(NamedTuple):
    """What leads to a documented message, and what is said here: a code, a stage, a property, and words of the remedy."""

    message: str
    words: Callable[[Postfix], AbstractContextManager[list[str]]]
    code: str
    stage: str
    property: str
    remedy: str
    depth: tuple[str, ...] = ()


@contextmanager
def timing_out() -> Iterator[list[str]]:
    with swallowing() as port:
        yield secured(port, *PASSWORDS)


@contextmanager
def silent() -> Iterator[list[str]]:
    with FakeSmtp({"banner": hang}) as fake:
        yield secured(fake.port, *PASSWORDS)


@contextmanager
def without_a_login() -> Iterator[list[str]]:
    with FakeSmtp({"MAIL": b"530 5.7.0 Authentication required\r\n"}) as fake:
        yield ["--set", f"smtp-server:localhost:{fake.port}", "--set", "use-start-tls:false"]


UNKNOWN = ["--set", "smtp-server:no-such-host.invalid:587", "--set", "use-start-tls:true", *PASSWORDS]
WRONG = ["--set", "authentication:username-password", "--set", "auth-password:&{p|wrong}"]
TOKENS = ["--set", "authentication:oauth2", "--set", "oauth2-provider:tokens"]
CAUSES: Final = (
    Cause(
        "Unknown SMTP host",
        lambda _: nullcontext([*EXTERNAL, *UNKNOWN]),
        *("name-unknown", "resolve", "smtp-server", "Check the spelling of the host"),
    ),
    Cause(
        "Could not connect to SMTP host",
        lambda _: nullcontext(secured(free_port(), *PASSWORDS)),
        *("connection-refused", "connect", "smtp-server", "Check the port, that the mail server runs"),
    ),
    Cause(
        "Connect timed out",
        lambda _: timing_out(),
        *("connect-timeout", "connect", "smtp-server", "Check host and port; a firewall may drop the packets"),
    ),
    Cause(
        "Authentication failed: Bad username / password",
        lambda relay: nullcontext(secured(relay.ports["submission"], *WRONG)),
        *("auth-rejected", "auth", "auth-password", "Check auth-username and auth-password."),
    ),
    Cause(
        "Authentication failed",
        lambda relay: nullcontext(secured(relay.ports["submission"], *TOKENS)),
        *("token-unreachable", "token", "token-endpoint", "Check the endpoint"),
    ),
    Cause(
        "Authentication required",
        lambda _: without_a_login(),
        *("login-required", "mail", "auth-username", "Set auth-username and auth-password."),
        ("--depth", "envelope", "--to", "bob@example.com"),
    ),
    Cause(
        "Read timed out",
        lambda relay: nullcontext(secured(relay.ports["smtps"], *PASSWORDS)),
        *(
            "tls-port-without-tls",
            "banner",
            "socket-factory-class",
            f"TLS from the first byte set use-start-tls:false, {FACTORY}",
        ),
    ),
    Cause(
        "Read timed out",
        lambda _: silent(),
        *("silent", "banner", "smtp-server", "Check the port."),
    ),
    Cause(
        "Could not convert socket to TLS",
        lambda relay: nullcontext(factory(relay.ports["submission"], *PASSWORDS)),
        *("not-a-tls-port", "tls", "socket-factory-class", "reset socket-factory-class and socket-factory-port"),
    ),
    Cause(
        "Could not convert socket to TLS",
        lambda relay: nullcontext(secured(relay.ports["submission"], *PASSWORDS, trust=())),
        *(
            "certificate-unknown-authority",
            "tls",
            "trust-manager-provider",
            "Add the issuer's certificate to a trust manager provider",
        ),
    ),
)


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: f"{cause.message} ({cause.code})")
def test_the_cause_of_a_documented_message_and_what_to_do_are_told(cause: Cause, relay: Postfix) -> None:
    with cause.words(relay) as words:
        facts = refusal(*words, depth=cause.depth)
    assert (facts["code"], facts["stage"], facts["property"]) == (cause.code, cause.stage, cause.property)
    assert cause.remedy in facts["remedy"]


def test_each_documented_message_has_a_cause() -> None:
    assert len({cause.message for cause in CAUSES}) == 8
    assert len({cause.code for cause in CAUSES}) == len(CAUSES), "each cause has a diagnosis of its own"


def test_the_guide_names_what_is_said_here() -> None:
    """The page for whoever comes from there has a row for each message, with the code or its beginning."""
    page = (ROOT / "docs" / "guide" / "coming-from-zuora.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(): line for line in page.splitlines() if line.startswith("| ")}
    for cause in CAUSES:
        beginning = f"{cause.code.partition('-')[0]}-"
        assert f"`{cause.code}`" in rows[cause.message] or f"`{beginning}`" in rows[cause.message]
