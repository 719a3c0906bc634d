"""A stored secret reaches no server that a test is pointed to: neither elsewhere, nor under another name, nor with less protection.

Law: whatever is changed that says where, as whom or how protected a secret travels, no test sends the stored secret: not that of
unsaved values, and not that of a save. The changes are the properties and the rows of smtp-property that the definition
of a mail server names; the servers record every word.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from confobjects.definitions.model import Travel
from confobjects.definitions_loading import load_registry
from confobjects.expressions.seals import KEY_FILE_VARIABLE
from confobjects.mail.property_table import HONOURED, rows
from tests.cli.sessions import Outcome, fresh, run
from tests.mail.test_honoured import sample
from tests.servers.fake_smtp import FakeSmtp

CANARY: Final = "canary-Tz63"
HOME: Final = ("--server-name", "one")
REFUSED: Final = 11
ACCESS: Final = "confobjects.allow-insecure=login-in-clear"


def travels(kind: str) -> tuple[Travel, ...]:
    rule = load_registry().definition(kind).properties["auth-password"].re_entry
    assert rule is not None
    return rule.travels


def redirecting() -> Iterator[tuple[str, str]]:
    """Yield each row of smtp-property with which the password travels, as an option and its value."""
    [named] = [travel for travel in travels("mail-server") if travel.names]
    for row in rows():
        if row.state == HONOURED and row.type != "secret" and named.includes(row.name):
            yield "--add", f"smtp-property:{sample(row)}"


PROPERTIES: Final = [
    ("--set", "smtp-server:127.0.0.1:{elsewhere}"),
    ("--set", "smtp-server:localhost:{home}"),
    ("--set", "auth-username:eve"),
    ("--set", "use-ssl:true"),
    ("--set", "use-start-tls:true"),
    ("--set", "trust-manager-provider:all"),
]
ROWS: Final = [
    *(change for change in redirecting() if "allow-insecure" not in change[1]),
    ("--add", "smtp-property:mail.smtp.host=127.0.0.1"),
    ("--add", "smtp-property:mail.smtp.port={elsewhere}"),
    ("--add", "smtp-property:mail.smtp.proxy.host=127.0.0.1"),
    ("--remove", f"smtp-property:{ACCESS}"),
    ("--reset", "smtp-property"),
]


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        values = ("--type", "blind", "--set", "enabled:true")
        assert run("create-trust-manager-provider", "--provider-name", "all", *values).status == 0
        yield


@pytest.fixture
def home() -> Iterator[FakeSmtp]:
    with FakeSmtp() as server:
        yield server


@pytest.fixture
def elsewhere() -> Iterator[FakeSmtp]:
    with FakeSmtp() as server:
        yield server


def create(home: FakeSmtp, *more: str, login: bool = True) -> None:
    secret = ("--set", "auth-username:ann", "--set", f"auth-password:{CANARY}") if login else ()
    values = ("--set", "enabled:true", "--set", f"smtp-server:127.0.0.1:{home.port}", "--set", "use-start-tls:false")
    access = ("--set", f"smtp-property:{ACCESS}") if login else ()
    made = run("create-mail-server", *HOME, *values, *secret, *access, *more)
    assert made.status == 0, made.err


def signs() -> Iterator[str]:
    """Yield what a recording may have of the secret."""
    yield CANARY
    for before in ("\0ann\0", "ann:", ""):
        yield base64.b64encode(f"{before}{CANARY}".encode()).decode().rstrip("=")


def heard(*servers: FakeSmtp) -> str:
    return "\n".join(command for server in servers for command in server.commands)


def try_change(change: tuple[str, str], *more: str) -> Iterator[Outcome]:
    """Test a change of the mail server in each way that there is."""
    yield run("test-mail-server", *HOME, *change, *more)
    yield run("set-mail-server-prop", *HOME, *change, *more, "--test")
    assert run("set-mail-service-prop", "--set", "save-policy:test").status == 0
    yield run("set-mail-server-prop", *HOME, *change, *more)


@pytest.mark.parametrize("change", [*PROPERTIES, *ROWS], ids=" ".join)
def test_no_test_sends_a_stored_password_where_a_change_points(
    change: tuple[str, str], home: FakeSmtp, elsewhere: FakeSmtp
) -> None:
    create(home)
    typed = (change[0], change[1].format(home=home.port, elsewhere=elsewhere.port))
    for done in try_change(typed):
        assert done.status == REFUSED, done.err
        assert "needs auth-password to be given again" in done.err or "is refused: with it" in done.err
        assert CANARY not in done.out + done.err
    assert (home.connections, elsewhere.connections) == (0, 0)


def test_the_rows_are_those_of_the_definition() -> None:
    assert len(list(redirecting())) >= 30
    plain = {travel.property for travel in travels("mail-server") if not travel.names}
    assert plain == {value.partition(":")[0] for _, value in PROPERTIES}


def test_with_the_password_given_again_it_is_tested(home: FakeSmtp, elsewhere: FakeSmtp) -> None:
    create(home)
    moved = ("--set", f"smtp-server:127.0.0.1:{elsewhere.port}")
    [first, second, _] = try_change(moved, "--set", "auth-password:another")
    assert (first.status, second.status) == (0, 0)
    assert CANARY not in heard(elsewhere)
    assert not any(sign in heard(elsewhere) for sign in signs())
    assert base64.b64encode(b"\0ann\0another").decode().rstrip("=") in heard(elsewhere)


def test_a_password_that_only_names_a_file_needs_none(home: FakeSmtp, elsewhere: FakeSmtp, tmp_path: Path) -> None:
    (tmp_path / "pin").write_text(CANARY)
    create(home)
    assert run("set-mail-server-prop", *HOME, "--set", "auth-password:&{file:pin}", "--no-test").status == 0
    for done in try_change(("--set", f"smtp-server:127.0.0.1:{elsewhere.port}")):
        assert done.status == 0, done.err


PROXY: Final = (
    *("--add", "smtp-property:mail.smtp.proxy.user=ann"),
    *("--add", f"smtp-property:mail.smtp.proxy.password={CANARY}"),
    *("--add", "smtp-property:confobjects.allow-insecure=proxy-login-in-clear"),
)


@pytest.mark.parametrize("row", ["host=localhost", "port={elsewhere}", "user=eve"])
def test_no_test_sends_a_stored_secret_of_a_pair_where_a_change_points(
    row: str, home: FakeSmtp, elsewhere: FakeSmtp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy gets the password that is sealed for it: another one does not, nor one that is told another name."""
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(tmp_path / "keys"))
    assert run("seal", "init").status == 0
    stored = {"host": "127.0.0.1", "port": str(elsewhere.port)}
    name = row.partition("=")[0]
    create(home, login=False)
    pairs = [word for key, text in stored.items() for word in ("--add", f"smtp-property:mail.smtp.proxy.{key}={text}")]
    done = run("set-mail-server-prop", *HOME, *pairs, *PROXY, "--no-test")
    assert done.status == 0, done.err
    old = {**stored, "user": "ann"}[name]
    new = row.format(elsewhere=home.port)
    change = (
        "--remove",
        f"smtp-property:mail.smtp.proxy.{name}={old}",
        "--add",
        f"smtp-property:mail.smtp.proxy.{new}",
    )
    for command in (("test-mail-server",), ("set-mail-server-prop", "--test")):
        refused = run(command[0], *HOME, *change, *command[1:])
        assert refused.status == REFUSED, refused.err
        assert "needs mail.smtp.proxy.password to be given again" in refused.err
        assert CANARY not in refused.out + refused.err
    assert (home.connections, elsewhere.connections) == (0, 0)
    assert run("set-mail-server-prop", *HOME, *change, "--no-test").status == 0


@pytest.mark.parametrize("kind", ["custom-server", "external-smtp"])
def test_the_other_types_travel_with_at_least_as_much(kind: str) -> None:
    mine = {travel.property: set(travel.names) for travel in travels("mail-server")}
    theirs = {travel.property: set(travel.names) for travel in travels(kind)}
    assert all(theirs.get(name, set()) >= names for name, names in mine.items())
    assert set(theirs) >= set(mine)
