"""A trust manager provider whose class fails: whatever it raises or returns is a diagnosis, and never a crash."""

from __future__ import annotations

import ssl
import sys
import warnings
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, NoReturn

import pytest

from confobjects.errors import MailError
from confobjects.mail.diagnosis import TrustError
from confobjects.mail.plan import TlsSettings, TrustSource
from confobjects.mail.planning import plan_delivery
from confobjects.transport.check import check_server
from confobjects.transport.mailer import Mailer
from confobjects.transport.pool import Pool
from confobjects.transport.trust import trust_for
from tests.cli.sessions import fresh, run
from tests.servers import Given, mail_server, provider
from tests.servers.fake_smtp import FakeSmtp, starttls
from tests.transport.sending import CLEAR, mails, numbers, parts

PIN = "canary-pin-7Q"
MODULE = "trust_of_others"


class Broken:
    """A class that does what its test says when it is called."""

    act: ClassVar[staticmethod[[], Any]]

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def __call__(self) -> Any:
        return type(self).act()


def failing(error: BaseException) -> Callable[[], NoReturn]:
    def act() -> NoReturn:
        raise error

    return act


def in_turn(*acts: Callable[[], Any]) -> Callable[[], Any]:
    """Return what does one thing after the other."""
    turns = iter(acts)

    def act() -> Any:
        return next(turns)()

    return act


_VERSIONS = count()


def own(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> Given:
    """Return a provider whose class does something."""
    made = type("Own", (Broken,), {"act": staticmethod(act), "version": next(_VERSIONS)})
    monkeypatch.setitem(sys.modules, MODULE, SimpleNamespace(Own=made))
    return provider("custom", provider_class=f"{MODULE}:Own")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("no such store"), "ValueError: no such store"),
        (OSError(13, "Permission denied"), "PermissionError: [Errno 13] Permission denied"),
        (KeyError("file"), "KeyError: 'file'"),
        (ssl.SSLError("bad"), "SSLError: ('bad',)"),
        (RuntimeError(), "cannot be used: RuntimeError"),
        (SystemExit(3), "SystemExit: 3"),
        (RuntimeError("two\nlines \x1b[31m"), r"RuntimeError: two\nlines \x1b[31m"),
        (RuntimeError("x" * 5000), f"RuntimeError: {'x' * 300}…"),
    ],
)
def test_whatever_a_class_raises_is_told(monkeypatch: pytest.MonkeyPatch, error: BaseException, words: str) -> None:
    with FakeSmtp() as fake:
        result = check_server(mail_server(fake.port, trust=own(monkeypatch, failing(error))))
        assert fake.connections == 0
    assert (result.code, result.exit_code, result.property) == ("trust-unusable", 50, "provider-class")
    assert result.summary.startswith(f"the class {MODULE}:Own cannot be used: ")
    assert result.summary.endswith(words)


def _one_version() -> ssl.SSLContext:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is deprecated is the point
        return ssl.SSLContext(ssl.PROTOCOL_TLSv1_2)


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: None, "does not return an ssl.SSLContext"),
        (lambda: ssl.SSLContext, "does not return an ssl.SSLContext"),
        (lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), "returns an ssl.SSLContext for servers"),
        (_one_version, "cannot be limited to TLSv1.2 and TLSv1.3"),
    ],
)
def test_whatever_else_a_class_returns_is_told(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any], words: str
) -> None:
    result = check_server(mail_server(9, trust=own(monkeypatch, act)))
    assert (result.code, result.exit_code, result.property) == ("trust-unusable", 50, "provider-class")
    assert words in result.summary


def test_a_secret_in_the_words_of_a_class_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    own(monkeypatch, failing(ValueError(f"the pin {PIN} is wrong")))
    values = {"provider-class": f"{MODULE}:Own"}
    source = TrustSource("custom-trust-manager-provider", "/p", values, {"trust-store-pin": PIN, "other": None})
    with pytest.raises(TrustError) as caught:
        trust_for(source, TlsSettings())
    assert "ValueError: the pin ******** is wrong" in str(caught.value)
    assert PIN not in str(caught.value)


@pytest.mark.parametrize("act", [failing(ValueError("no")), failing(OSError("no")), failing(KeyError("no")), lambda: 1])
def test_the_next_server_is_tried(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> None:
    broken = own(monkeypatch, act)
    with FakeSmtp() as fake:
        mailer = Mailer([mail_server(1, trust=broken), mail_server(fake.port, **CLEAR)])
        assert mailer.send(*parts(mails(1)[0])).failed_over == ("trust-unusable",)
        results = list(mailer.send_many(mails(3), connections=2))
        assert [result.error for result in results] == [None] * 3
        assert sorted(numbers(fake)) == [0, 0, 1, 2]
    alone = Mailer(mail_server(1, trust=broken))
    with pytest.raises(MailError) as caught:
        alone.send(*parts(mails(1)[0]))
    assert caught.value.exit_code == 50
    errors = [result.error for result in alone.send_many(mails(2))]
    assert [error.exit_code for error in errors if error] == [50, 50]


def test_a_class_that_fails_at_the_second_look_leaves_the_first_diagnosis(
    monkeypatch: pytest.MonkeyPatch, server_context: dict[str, ssl.SSLContext]
) -> None:
    given = own(monkeypatch, in_turn(lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), failing(OSError("gone"))))
    with FakeSmtp({"STARTTLS": starttls}, tls=server_context["good"]) as fake:
        result = check_server(mail_server(fake.port, trust=given))
    assert (result.code, result.exit_code) == ("certificate-unknown-authority", 42)


def test_a_class_that_fails_later_costs_a_connection_and_no_more(
    monkeypatch: pytest.MonkeyPatch, server_context: dict[str, ssl.SSLContext]
) -> None:
    """The trust of a kept connection is looked at again: that the class raises then is a failure like any other."""
    context, clock = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), [0.0]
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    given = own(monkeypatch, in_turn(lambda: context, failing(OSError("gone")), lambda: context))
    with FakeSmtp({"STARTTLS": starttls}, tls=server_context["good"]) as fake:
        pool = Pool(plan_delivery(mail_server(fake.port, trust=given)), clock=lambda: clock[0])
        with pool.lend_connection():
            clock[0] += 2
        with pytest.raises(TrustError, match="OSError: gone"):
            pool.take()
        with pool.lend_connection():
            assert fake.connections == 2
        pool.close()


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A configuration with a mail server that nothing listens for, and a provider of a class that fails."""
    (tmp_path / "own_failing_trust.py").write_text(
        "class Trust:\n    def __init__(self, values):\n        pass\n\n    def __call__(self):\n        return {}['store']\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with fresh(tmp_path):
        values = ["--set", "enabled:true", "--set", "provider-class:own_failing_trust:Trust"]
        assert run("create-trust-manager-provider", "--provider-name", "own", "--type", "custom", *values).status == 0
        server = ["--set", "enabled:true", "--set", "smtp-server:127.0.0.1:9", "--set", "trust-manager-provider:own"]
        created = run("create-mail-server", "--server-name", "one", "--set", "use-start-tls:true", *server)
        assert created.status == 0, created.err
        yield


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("command", [["test-mail-server"], ["send-test-email", "--to", "a@b.example"]])
def test_the_commands_say_what_the_class_said(command: list[str]) -> None:
    done = run(*command, "--server-name", "one")
    assert done.status == 50
    said = "provider-class: the class own_failing_trust:Trust cannot be used: KeyError: 'store'"
    assert f"/trust-manager-provider/own, {said}" in done.err
    assert "Traceback" not in done.err
