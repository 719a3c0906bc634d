"""A stored secret reaches no server that a test is pointed to: neither elsewhere, nor under another name, nor with less protection.

Law: whatever is changed that says where, as whom or how protected a secret travels, no test sends the stored secret: not that of
unsaved values, and not that of a save. The changes are the properties and the rows of smtp-property that the definition
of a mail server names; the servers record every word.
"""

from __future__ import annotations

import base64
import json
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
from tests.opening import open_any
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


# -- a trust manager provider, under which passwords travel -----------------------------------------------------------

AFFECTED: Final = (
    "affects where stored secrets go, or how they are protected: auth-password of /mail-server/one, "
    "client-secret of /oauth2-provider/p\n"
)
"""The mail server two is disabled, and the password of three is an expression."""


@pytest.fixture
def trusting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Mail servers and an OAuth 2.0 provider that trust what one trust manager provider does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONFOBJECTS_URL", f"ldif:{tmp_path / 'config.ldif'}")
    monkeypatch.delenv(KEY_FILE_VARIABLE, raising=False)
    trust: dict[str, object] = {"enabled": True, "trust-manager-provider": "ca"}
    server = {**trust, "smtp-server": "127.0.0.1:1", "auth-username": "u", "use-start-tls": True}
    client = {"client-id": "c", "client-secret": CANARY, "token-endpoint": "https://h/t", "scope": "x"}
    with open_any() as ctx, ctx.change() as tx:
        values = {"enabled": True, "pem-directory": "authorities"}
        tx.create("trust-manager-provider", "ca", values, type="pem")
        tx.create("mail-server", "one", {**server, "auth-password": CANARY}, type="generic")
        tx.create("mail-server", "two", {**server, "auth-password": CANARY, "enabled": False}, type="generic")
        tx.create("mail-server", "three", {**server, "auth-password": "&{env:PASSWORD}"}, type="generic")
        tx.create("oauth2-provider", "p", {**trust, **client, "grant-type": "client-credentials"})
    return tmp_path


def make_blind(place: Path) -> Path:
    """Write a document in which the trust manager provider trusts everybody."""
    document = json.loads(run("export").out)
    document["objects"]["/trust-manager-provider/ca"] = {"type": "blind", "properties": {"enabled": True}}
    (place / "document").write_text(json.dumps(document))
    return place / "document"


BATCH: Final = """\
delete-trust-manager-provider --provider-name ca
create-trust-manager-provider --provider-name ca --type blind --set enabled:true
"""


@pytest.mark.parametrize("way", ["set", "batch", "apply", "dry-run"])
def test_a_change_of_what_is_trusted_names_whose_passwords_travel_under_it(trusting: Path, way: str) -> None:
    (trusting / "batch").write_text(BATCH)
    words = {
        "set": ["set-trust-manager-provider-prop", "--provider-name", "ca", "--set", "pem-directory:others"],
        "batch": ["-F", "batch", "--no-prompt"],
        "apply": ["apply", str(make_blind(trusting))],
        "dry-run": ["apply", str(make_blind(trusting)), "--dry-run"],
    }
    done = run(*words[way])
    assert done.status == (way == "dry-run"), done
    assert f"a change of {'pem-directory' if way == 'set' else 'the type'} {AFFECTED}" in done.err
    assert "/trust-manager-provider/ca" in done.err
    assert CANARY not in done.out + done.err


def test_no_test_sends_a_stored_password_under_another_trust(trusting: Path) -> None:
    document = json.loads(make_blind(trusting).read_text())
    document["objects"]["/mail-server/one"]["properties"]["smtp-property"] = ["mail.smtp.timeout=5000"]
    (trusting / "document").write_text(json.dumps(document))
    done = run("apply", "document", "--test")
    assert done.status == REFUSED
    assert "/objects/~1mail-server~1one: a change of /trust-manager-provider/ca needs auth-password" in done.err
    assert "pem-directory" in (trusting / "config.ldif").read_text()
