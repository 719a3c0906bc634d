"""Sealed secrets in every storage: written, read, renamed, taken back, sealed again; and no copy of one is left."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Engine, event, select

import confobjects
from confobjects.errors import ConfobjectsError
from confobjects.expressions.seals import KEY_FILE_VARIABLE
from confobjects.management import ManagementContext
from confobjects.management.resealing import count_copies
from confobjects.mapping.protocol import Storage
from confobjects.oauth.opening import open_store
from confobjects.oauth.storing import FileTokenStore, StoredTokens
from confobjects.objects.changes import PropertyChanges
from confobjects.sealing.ring import Key, Ring
from confobjects.sealing.ring_file import KeyFile, create_ring, make_key, read_ring
from confobjects.service import installed, ledger_keys
from confobjects.service.ledger import Mail, open_ledger
from confobjects.service.opening import open_ledger_of
from confobjects.service.rules.settings import Settings
from confobjects.service.tables import CONTENTS
from tests.cli.sessions import run
from tests.conftest import ROOT
from tests.definitions.documents import builtin
from tests.effort import times
from tests.management.sealing import ONE, TWO, Keys, edit, everything_written, manage_sealed, opened
from tests.opening import open_any
from tests.servers.processes import memory_directory, remove
from tests.servers.slapd import Slapd
from tests.storage.conftest import BASE, as_foreign

CANARY: Final = "Kanarienvogel-7!x"
INSECURE: Final = "confobjects.allow-insecure=proxy-login-in-clear"
PROXY: Final = [
    "mail.smtp.proxy.host=proxy",
    "mail.smtp.proxy.port=80",
    "mail.smtp.proxy.user=x",
    f"mail.smtp.proxy.password=pair-{CANARY}",
    INSECURE,
]
VALUES: Final[dict[str, Any]] = {
    "enabled": "true",
    "smtp-server": "mx.example.com:25",
    "auth-username": "u",
    "auth-password": CANARY,
    "smtp-property": PROXY,
}
WITHOUT_PAIRS: Final = {name: value for name, value in VALUES.items() if name != "smtp-property"}


def initialised(storage: Storage, keys: Keys) -> ManagementContext:
    ctx = manage_sealed(builtin(), keys, storage)
    from confobjects.management.documents.copying import initialise

    initialise(ctx.site)
    return ctx


def passwords(ctx: ManagementContext, keys: Keys, name: str = "one") -> Any:
    return opened(ctx, keys)[f"/mail-server/{name}"]["auth-password"]


def require_sealing(storage: Storage) -> None:
    """Leave out what a server with a schema of its own could not open."""
    if storage.is_foreign:
        pytest.skip("nothing is sealed there")


def test_a_server_that_could_not_open_a_secret_gets_it_as_it_is(slapd: Slapd, tmp_path: Path) -> None:
    """An undo gives it back as it was, too, so its history holds it: in a file of this user alone."""
    storage = as_foreign(slapd, tmp_path)
    ctx = initialised(storage, Keys(ONE))
    ctx.create("mail-server", "one", WITHOUT_PAIRS, type="generic")
    ctx.modify("mail-server", "one", PropertyChanges(set={"auth-password": [f"{CANARY}2"]}))
    ctx.undo(2)
    assert ctx.get("mail-server", "one").values["auth-password"] == (CANARY,)
    sealed = PropertyChanges(set={"auth-password": ["&{sealed:AAAA}"]})
    with pytest.raises(ConfobjectsError, match="this server cannot open it"):
        ctx.modify("mail-server", "one", sealed)
    assert (tmp_path / "state.ldif.history").stat().st_mode & 0o777 == 0o600
    storage.close()


def test_the_contract_of_sealed_secrets(storage: Storage) -> None:
    require_sealing(storage)
    keys = Keys(ONE)
    ctx = initialised(storage, keys)
    ctx.create("mail-server", "one", VALUES, type="generic")
    ctx.create(
        "trust-manager-provider",
        "t",
        {"enabled": "true", "trust-store-file": "f", "trust-store-pin": CANARY},
        type="file-based",
    )
    assert passwords(ctx, keys) == (CANARY,)
    assert opened(ctx, keys)["/mail-server/one"]["smtp-property"] == tuple(sorted(PROXY))
    assert not [text for text in everything_written(ctx) if CANARY in text]
    ctx.rename("mail-server", "one", "two")
    assert passwords(ctx, keys, "two") == (CANARY,)
    ctx.modify("mail-server", "two", PropertyChanges(set={"auth-password": ["another"]}))
    numbers = [one.number for one in ctx.history()]
    ctx.undo(numbers[-1])
    assert passwords(ctx, keys, "two") == (CANARY,)
    ctx.undo(numbers[-2])
    assert passwords(ctx, keys) == (CANARY,)
    other = manage_sealed(builtin(), Keys(), storage)
    with pytest.raises(ConfobjectsError, match="CONFOBJECTS_SEAL_KEY_FILE"):
        other.modify("mail-server", "one", PropertyChanges(set={"auth-password": [CANARY]}))
    with pytest.raises(ConfobjectsError, match="CONFOBJECTS_SEAL_KEY_FILE"):
        other.rename("mail-server", "one", "two")
    with pytest.raises(ConfobjectsError, match="CONFOBJECTS_SEAL_KEY_FILE"):
        other.modify("mail-server", "one", PropertyChanges(set={"auth-username": ["v"]}))
    assert other.modify("mail-server", "one", PropertyChanges(set={"enabled": ["false"]})).changed
    assert not [text for text in everything_written(ctx) if CANARY in text]


def test_every_secret_is_sealed_again(storage: Storage) -> None:
    require_sealing(storage)
    plain = initialised(storage, Keys())
    plain.create("mail-server", "one", WITHOUT_PAIRS, type="generic")
    plain.modify("mail-server", "one", PropertyChanges(set={"auth-password": [f"{CANARY}2"]}))
    keys = Keys(ONE)
    ctx = manage_sealed(builtin(), keys, storage)
    ctx.create("mail-server", "two", VALUES, type="generic")
    dry = ctx.reseal(dry_run=True)
    assert (dry.secrets, dry.records) == (1, 1)
    done = ctx.reseal()
    assert (done.secrets, done.records, done.problems) == (1, 1, ())
    assert passwords(ctx, keys) == (f"{CANARY}2",)
    assert not [text for text in everything_written(ctx) if CANARY in text]
    assert ctx.reseal().secrets == 0
    ctx.modify("mail-server", "one", PropertyChanges(set={"auth-password": [f"{CANARY}3"]}))
    ctx.modify("mail-server", "one", PropertyChanges(set={"auth-password": [f"{CANARY}2"]}))
    before = count_copies(ctx.site)
    assert before.records[ONE.id] >= 2
    assert before.keys == {ONE.id}
    assert before.unfinished == 0
    keys.ring = Ring.of(TWO, ONE)
    assert ctx.reseal().secrets == 3
    assert not [text for text in everything_written(ctx) if ONE.id in text]
    assert count_copies(ctx.site).keys <= {TWO.id}
    keys.ring = Ring.of(TWO)
    assert passwords(ctx, keys) == (f"{CANARY}2",)
    assert opened(ctx, keys)["/mail-server/two"]["smtp-property"] == tuple(sorted(PROXY))


def test_only_the_pairs_that_it_travels_with_count(in_process: Storage) -> None:
    keys = Keys(ONE)
    ctx = initialised(in_process, keys)
    ctx.create("mail-server", "one", {**WITHOUT_PAIRS, "smtp-property": ["mail.smtp.timeout=5000"]}, type="generic")
    ctx.create("mail-server", "two", WITHOUT_PAIRS, type="generic")
    other = manage_sealed(builtin(), Keys(), in_process)
    assert other.modify("mail-server", "two", PropertyChanges(add={"smtp-property": ["mail.smtp.timeout=1"]})).changed
    edit(ctx, "mail-server", "one", "ds-cfg-smtp-property", "mail.smtp.timeout=6000")
    assert (passwords(ctx, keys), passwords(ctx, keys, "two")) == ((CANARY,), (CANARY,))
    with pytest.raises(ConfobjectsError, match="auth-password is sealed, and there are no keys here"):
        other.modify("mail-server", "two", PropertyChanges(add={"smtp-property": ["mail.smtp.host=evil"]}))
    edit(ctx, "mail-server", "one", "ds-cfg-smtp-property", "mail.smtp.host=evil")
    assert passwords(ctx, keys) is None


def test_what_cannot_be_opened_stays_and_is_named(storage: Storage) -> None:
    require_sealing(storage)
    keys = Keys(ONE)
    ctx = initialised(storage, keys)
    ctx.create("mail-server", "one", WITHOUT_PAIRS, type="generic")
    ctx.create("mail-server", "two", WITHOUT_PAIRS, type="generic")
    lost = ctx.get("mail-server", "one").values["auth-password"]
    keys.ring = Ring.of(TWO)
    done = ctx.reseal()
    assert {problem.path for problem in done.problems if problem.path} == {"/mail-server/one", "/mail-server/two"}
    assert ONE.id in done.problems[0].summary
    assert ctx.get("mail-server", "one").values["auth-password"] == lost


def test_copies_whose_key_is_not_here_stay_until_they_are_abandoned(storage: Storage) -> None:
    require_sealing(storage)
    keys = Keys(ONE)
    ctx = initialised(storage, keys)
    ctx.create("mail-server", "one", WITHOUT_PAIRS, type="generic")
    for secret in (f"{CANARY}2", CANARY):
        ctx.modify("mail-server", "one", PropertyChanges(set={"auth-password": [secret]}))
    before = count_copies(ctx.site)
    keys.ring = Ring.of(TWO)
    for dry_run in (True, False):
        kept = ctx.reseal(dry_run=dry_run)
        assert (kept.records, kept.archives) == (0, ())
        assert [problem.path for problem in kept.problems] == ["/mail-server/one", ""]
        assert ONE.id in kept.problems[-1].summary
    assert count_copies(ctx.site) == before
    ctx.modify("mail-server", "one", PropertyChanges(set={"auth-password": [CANARY]}))
    assert count_copies(ctx.site).records[ONE.id] == before.records[ONE.id] + 1
    gone = ctx.reseal(abandon=True)
    assert (gone.records, gone.problems) == (before.records[ONE.id] + 1, ())
    assert ONE.id not in count_copies(ctx.site).keys
    assert passwords(ctx, keys) == (CANARY,)


# -- the command, on a file -------------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration in the clear, and where its keys will be."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONFOBJECTS_URL", f"ldif:{tmp_path / 'config.ldif'}")
    monkeypatch.delenv(KEY_FILE_VARIABLE, raising=False)
    with open_any() as ctx:
        for name in ("one", "two", "three"):
            ctx.create("mail-server", name, WITHOUT_PAIRS, type="generic")
        ctx.modify("mail-server", "one", PropertyChanges(set={"auth-password": [f"{CANARY}2"]}))
        ctx.modify("mail-server", "one", PropertyChanges(set={"auth-password": [CANARY]}))
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(tmp_path / "keys" / "ring"))
    return tmp_path


def files_with(place: Path, *words: str) -> list[str]:
    """Return the files in which one of some words is, compressed ones as they are unpacked."""
    found: list[str] = []
    for path in sorted(place.rglob("*")):
        if path.is_file() and "keys" not in path.parts:
            data = path.read_bytes()
            text = gzip.decompress(data) if path.suffix == ".gz" else data
            found.extend(path.name for word in words if word.encode() in text)
    return found


def read_all(place: Path) -> list[Any]:
    config = confobjects.load(f"ldif:{place / 'config.ldif'}")
    return [config["mail-server", name]["auth-password"] for name in ("one", "two", "three")]


def test_after_sealing_no_file_holds_the_secret(place: Path) -> None:
    assert files_with(place, CANARY)
    done = run("seal", "init")
    assert done.status == 0, done
    assert files_with(place, CANARY) == []
    assert read_all(place) == [CANARY] * 3
    assert "# confobjects-format: 2\n" in (place / "config.ldif").read_text()
    assert "warning" not in run("check").err


def test_a_rotation_leaves_nothing_sealed_with_the_old_key(place: Path) -> None:
    run("seal", "init")
    old = read_ring(KeyFile(str(place / "keys" / "ring"))).first
    run("set-mail-server-prop", "--server-name", "two", "--set", f"auth-password:{CANARY}")
    assert run("seal", "rotate").status == 0
    ring = read_ring(KeyFile(str(place / "keys" / "ring")))
    assert [key.id for key in ring][1:] == [old.id]
    assert files_with(place, old.id, CANARY) == []
    assert run("seal", "rotate", "--drop-old-keys").status == 0
    assert len(read_ring(KeyFile(str(place / "keys" / "ring")))) == 1
    assert read_all(place) == [CANARY] * 3


def test_an_old_key_that_is_used_is_not_dropped(place: Path) -> None:
    run("seal", "init")
    file = KeyFile(str(place / "keys" / "ring"))
    old = read_ring(file).first
    text = (place / "config.ldif").read_text()
    (place / "config.ldif").write_text(
        text.replace("mx.example.com:25", "mx.example.com:26", 1).replace("cn=two,", "cn=zwei,")
    )
    done = run("seal", "rotate", "--drop-old-keys")
    assert done.status == 30
    assert "/mail-server/zwei, auth-password: the sealed value cannot be opened" in done.err
    assert [key.id for key in read_ring(file)][1:] == [old.id]
    assert not read_ring(file).rotating


def test_check_names_what_is_in_the_clear(place: Path) -> None:
    create_ring(KeyFile(str(place / "keys" / "ring")), Ring.of(make_key("2026-11-28")))
    run("set-mail-server-prop", "--server-name", "two", "--set", "auth-password:&{some.password|x}")
    said = run("check").err
    assert said.count("auth-password is stored in the clear, although there are keys to seal it") == 2
    assert "confobjects seal init seals every secret" in said
    assert said.count("auth-password holds a secret in the clear beside an expression, which cannot be sealed") == 1


def test_keys_that_cannot_be_used_stop_what_needs_them(place: Path) -> None:
    run("seal", "init")
    ring = place / "keys" / "ring"
    ring.chmod(0o644)
    done = run("check")
    assert (done.status, done.err.count("others have rights to it")) == (31, 3)
    assert run("list-mail-servers").status == 0
    done = run("set-mail-server-prop", "--server-name", "one", "--set", "auth-password:x")
    assert done.status == 31
    assert f"{ring}" in done.err
    ring.chmod(0o600)
    ring.rename(place / "keys" / "elsewhere")
    assert "there is no file of keys here" in run("check").err


def test_no_expression_reads_the_keys(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("seal", "init")
    monkeypatch.setenv("CONFOBJECTS_FILE_ROOTS", str(place))
    done = run("explain", "&{file:keys/ring}")
    assert "one of confobjects' own files" in done.err + done.out
    for word in (place / "keys" / "ring").read_text().split():
        assert len(word) < 40 or word not in done.out + done.err
    (place / "keys" / ".ring.new").write_bytes((place / "keys" / "ring").read_bytes())
    assert "one of confobjects' own files" in run("explain", "&{file:keys/.ring.new}").err
    (place / "keys" / ".ring.new").unlink()
    credentials = place / "credentials"
    credentials.mkdir()
    (place / "keys" / "ring").rename(credentials / "confobjects.seal-keys")
    monkeypatch.delenv(KEY_FILE_VARIABLE)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert "one of confobjects' own files" in run("explain", f"&{{file:{credentials}/confobjects.seal-keys}}").err
    assert run("check").status == 0
    assert read_all(place) == [CANARY] * 3


def test_a_batch_and_a_document_seal(place: Path) -> None:
    run("seal", "init")
    (place / "batch").write_text(f"set-mail-server-prop --server-name one --set auth-password:{CANARY}3\n")
    assert run("-F", "batch", "--no-prompt").status == 0
    assert run("-F", "batch", "--no-prompt", "--dry-run").status == 0
    (place / "batch").unlink()
    document = run("export").out
    assert CANARY not in document
    assert document.count("&{sealed:") == 3
    (place / "document").write_text(document)
    run("delete-mail-server", "--server-name", "one")
    assert run("apply", "document").status == 0
    assert run("apply", "document").out == ""
    assert read_all(place)[0] == f"{CANARY}3"
    (place / "document").write_text(document.replace("/mail-server/one", "/mail-server/four"))
    done = run("apply", "document")
    assert done.status == 30
    assert "it is damaged, or was sealed for something else" in done.err
    ldif = run("export", "--format", "ldif").out
    (place / "document.ldif").write_text(ldif)
    assert run("apply", "document.ldif").status == 0
    assert "# confobjects-format: 2" in ldif
    commands = run("export", "--format", "commands").out
    assert "sealed:" not in commands
    assert commands.count("# left out, because it is a secret: auth-password of") == 3
    assert files_with(place, CANARY) == []


# -- tokens and the ledger --------------------------------------------------------------------------------------------


TOKEN: Final = "token canary Q7"
MAIL: Final = Mail(f"Subject: {CANARY}\r\n\r\nbody\r\n".encode(), "me@canary.test", ("ann@canary.test",), "account")
KEY: Final = "ab" * 32


@pytest.fixture
def full(place: Path) -> Path:
    """A configuration in the clear with everything that belongs to it: tokens, and a ledger with mail."""
    with FileTokenStore(str(place / "config.ldif.tokens")).hold(KEY) as lease:
        lease.write(StoredTokens("s", "c", access=TOKEN, refresh=f"{TOKEN} refresh"))
    with open_ledger(f"sqlite:{place / 'config.ldif.ledger'}", unsealed=True) as ledger:
        for _ in range(2):
            ledger.accept(MAIL, Settings(sender="one"))
    return place


def read_everything(place: Path) -> None:
    """Read what is sealed, as those do who use it."""
    assert read_all(place) == [CANARY] * 3
    environment = {KEY_FILE_VARIABLE: str(place / "keys" / "ring")}
    with open_store(f"ldif:{place / 'config.ldif'}", environment).hold(KEY) as lease:
        kept = lease.read()
        assert kept is not None
        assert (kept.access, kept.refresh) == (TOKEN, f"{TOKEN} refresh")
    service = confobjects.load(f"ldif:{place / 'config.ldif'}")["mail-service"]
    with open_ledger_of(service, environment) as ledger:
        assert [(one.from_, one.parts[0].recipients[0].address) for one in ledger.list()] == [
            ("me@canary.test", "ann@canary.test")
        ] * 2
        assert [one.address for one in ledger.list_standings()] == ["ann@canary.test"]
        with ledger.database.read() as connection:
            rows = connection.execute(select(CONTENTS)).all()
        assert [ledger.cover.get(bytes(row.content), row.mail) for row in rows] == [MAIL.content] * 2


EVERYTHING: Final = (CANARY, TOKEN, "ann@canary.test", "me@canary.test")


def test_init_and_rotate_seal_tokens_and_the_ledger(full: Path) -> None:
    assert set(files_with(full, *EVERYTHING)) >= {"config.ldif", f"{KEY}.json"}
    planned = run("seal", "init", "--dry-run").out
    assert "3 secrets and 1 file of access tokens and 6 values of the ledger sealed" in planned
    done = run("seal", "init")
    assert done.status == 0, done
    assert "1 file of access tokens was sealed." in done.out
    assert "6 values of the ledger were sealed." in done.out
    assert files_with(full, *EVERYTHING) == []
    read_everything(full)
    old = read_ring(KeyFile(str(full / "keys" / "ring"))).first
    assert "6 values of the ledger would be sealed." in run("seal", "rotate", "--dry-run").out
    rotated = run("seal", "rotate", "--drop-old-keys", "--output", "json")
    assert rotated.status == 0, rotated
    told = json.loads(rotated.out)
    assert (told["secrets"], told["tokens"], told["ledger"], told["dropped_keys"]) == (3, 1, 6, [old.id])
    assert files_with(full, old.id, *EVERYTHING) == []
    read_everything(full)


def test_status_says_what_uses_which_key(full: Path) -> None:
    run("seal", "init")
    first = read_ring(KeyFile(str(full / "keys" / "ring"))).first.id
    status = json.loads(run("seal", "status", "--output", "json").out)
    assert status["keys"][0]["used"] == {"configuration": 3, "history": 1, "archives": 0, "tokens": 1, "ledger": 6}
    run("set-mail-server-prop", "--server-name", "two", "--set", f"auth-password:{CANARY}2")
    run("set-mail-server-prop", "--server-name", "two", "--set", f"auth-password:{CANARY}")
    create = read_ring(KeyFile(str(full / "keys" / "ring")))
    (full / "keys" / "ring").unlink()
    create_ring(KeyFile(str(full / "keys" / "ring")), create.with_first(make_key("2026-11-29")))
    with open_ledger(f"sqlite:{full / 'clear.ledger'}", unsealed=True) as ledger:
        ledger.accept(MAIL, Settings(sender="one"))
    run("set-mail-service-prop", "--set", "ledger:sqlite:clear.ledger")
    status = json.loads(run("seal", "status", "--output", "json").out)
    assert [one["used"] for one in status["keys"]] == [
        {"configuration": 0, "history": 0, "archives": 0, "tokens": 0, "ledger": 0},
        {"configuration": 3, "history": 3, "archives": 3, "tokens": 1, "ledger": 0},
    ]
    assert status["in_clear"] == {"configuration": 0, "history": 0, "archives": 0, "tokens": 0, "ledger": 4}
    said = run("seal", "status").out
    assert "In the clear: 4 values of the ledger" in said
    (full / "keys" / "ring").unlink()
    create_ring(KeyFile(str(full / "keys" / "ring")), Ring.of(make_key("2026-11-30")))
    lost = run("seal", "status")
    assert (
        f"Sealed with {first}, which is not here: 3 secrets, 3 records of the history, 3 archived versions, 1 file"
        in lost.out
    )
    assert lost.status == 30


def test_what_cannot_be_reached_keeps_its_key_and_the_rotation_goes_on_later(full: Path) -> None:
    run("seal", "init")
    file = KeyFile(str(full / "keys" / "ring"))
    old, ledger = read_ring(file).first, full / "config.ldif.ledger"
    content = ledger.read_bytes()
    ledger.write_bytes(b"no ledger any more" * 100)
    done = run("seal", "rotate", "--drop-old-keys")
    assert done.status == 25
    assert "3 secrets were sealed" in done.out
    assert "Old keys stay" in done.out
    assert "config.ldif.ledger is unavailable" in done.err
    ring = read_ring(file)
    assert (ring.rotating, list(ring.keys)[1:]) == (True, [old.id])
    said = run("seal", "status")
    assert said.status == 25
    assert "is unavailable" in said.err
    ledger.write_bytes(content)
    again = run("seal", "rotate", "--drop-old-keys")
    assert again.status == 0, again
    assert "0 secrets were sealed" in again.out
    assert list(read_ring(file).keys) == [ring.first.id]
    read_everything(full)


def test_without_the_package_for_it_a_ledger_keeps_its_key(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("seal", "init")
    old = read_ring(KeyFile(str(full / "keys" / "ring"))).first
    with monkeypatch.context() as without:
        without.setattr(installed, "find_spec", lambda _: None)
        for words in (("seal", "status"), ("seal", "rotate", "--drop-old-keys")):
            done = run(*words)
            assert done.status == 2
            assert "the Python package for its ledger is not installed" in done.err
    assert old.id in read_ring(KeyFile(str(full / "keys" / "ring"))).keys
    assert run("seal", "rotate").status == 0
    read_everything(full)


def test_what_was_sealed_with_a_lost_key_stays_and_is_named(full: Path) -> None:
    run("seal", "init")
    file = KeyFile(str(full / "keys" / "ring"))
    lost = read_ring(file)
    os.unlink(file.path)
    create_ring(file, Ring.of(make_key("2026-11-30")))
    done = run("seal", "rotate", "--drop-old-keys")
    assert done.status != 0
    for where in ("/mail-server/one", f"{KEY}.json", "ledger_facts digest-key"):
        assert where in done.err, done.err
    assert done.err.count(lost.first.id) >= 3
    os.unlink(file.path)
    create_ring(file, Ring.of(*lost.keys.values()))
    read_everything(full)


def read_files(place: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file() and path.suffix != ".lock"
    }


def remove_what_is_sealed(place: Path, *, but: str) -> None:
    """Leave only one kind of what is sealed with a key."""
    file = place / "config.ldif"
    if but != "configuration":
        file.write_text("".join(line for line in file.read_text().splitlines(True) if "sealed:" not in line))
    if but != "archives":
        shutil.rmtree(place / "config.ldif.archive")
    if but != "history":
        (place / "config.ldif.history").unlink()
    if but != "tokens":
        shutil.rmtree(place / "config.ldif.tokens")
    if but != "ledger":
        (place / "config.ldif.ledger").unlink()


_SEALED: Final = {
    "configuration": "3 secrets",
    "history": "3 records of the history",
    "archives": "2 archived versions",
    "tokens": "1 file of access tokens",
    "ledger": "6 values of the ledger",
}


@pytest.mark.parametrize("is_there", [False, True], ids=["no file", "another file"])
@pytest.mark.parametrize("kind", _SEALED)
def test_init_without_the_keys_of_anything_that_is_sealed_changes_nothing(
    full: Path, monkeypatch: pytest.MonkeyPatch, kind: str, is_there: bool
) -> None:
    run("seal", "init")
    for secret in (f"{CANARY}2", CANARY):
        run("set-mail-server-prop", "--server-name", "two", "--set", f"auth-password:{secret}")
    key = read_ring(KeyFile(str(full / "keys" / "ring"))).first.id
    remove_what_is_sealed(full, but=kind)
    other = KeyFile(str(full / "keys" / "rinf"))
    monkeypatch.setenv(KEY_FILE_VARIABLE, other.path)
    if is_there:
        create_ring(other, Ring.of(make_key("2026-11-30")))
    before = read_files(full)
    for words in ((), ("--dry-run",), ("--output", "json"), ("-Q",)):
        done = run("seal", "init", *words)
        assert done.status == 30, done
        assert f"keys that are not here have sealed {_SEALED[kind]}: {key}" in done.err
        assert "confobjects seal init --abandon-sealed" in done.err
    assert read_files(full) == before


def test_who_abandons_what_is_sealed_loses_old_copies_and_is_told_what_stays(full: Path) -> None:
    run("seal", "init")
    for secret in (f"{CANARY}2", CANARY):
        run("set-mail-server-prop", "--server-name", "two", "--set", f"auth-password:{secret}")
    ring = full / "keys" / "ring"
    key = read_ring(KeyFile(str(ring))).first.id
    ring.rename(ring.with_name("mislaid"))
    planned = run("seal", "init", "--abandon-sealed", "--dry-run")
    assert (planned.status, ring.exists()) == (0, False)
    done = run("seal", "init", "--abandon-sealed")
    assert done.status == 30
    assert "The old secrets of 3 records of the history were removed" in done.out
    for where in ("/mail-server/one", f"{KEY}.json", "ledger_facts digest-key"):
        assert where in done.err, done.err
    used = json.loads(run("seal", "status", "--output", "json").out)["missing_keys"]
    assert [(one["id"], one["used"]["history"], one["used"]["archives"]) for one in used] == [(key, 0, 0)]
    assert "--abandon-sealed goes with init only" in run("seal", "rotate", "--abandon-sealed").err
    ring.unlink()
    ring.with_name("mislaid").rename(ring)
    read_everything(full)


def test_a_rotation_with_the_wrong_keys_keeps_the_copies_that_need_others(place: Path) -> None:
    run("seal", "init")
    run("set-mail-server-prop", "--server-name", "two", "--set", f"auth-password:{CANARY}2")
    ring = KeyFile(str(place / "keys" / "ring"))
    lost = read_ring(ring).first.id
    os.unlink(ring.path)
    create_ring(ring, Ring.of(make_key("2026-11-30")))
    before = files_with(place, lost)
    done = run("seal", "rotate", "--drop-old-keys")
    assert done.status == 30
    assert f"old copies stay that are sealed with keys that are not here: {lost}" in done.err
    assert files_with(place, lost) == before


def test_a_ledger_of_several_sizes_is_sealed_in_pieces(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_keys, "_ROWS", 7)
    monkeypatch.setattr(ledger_keys, "_BYTES", 5000)
    with open_ledger(f"sqlite:{full / 'config.ldif.ledger'}", unsealed=True) as ledger:
        for size in (10, 4000, 9000, 10, 20_000, 3000, 2000, 10, 10, 10, 10, 10, 10, 10, 10, 10):
            ledger.accept(MAIL.replace(content=CANARY.encode() * size, category=""), Settings(sender="one"))
    done = run("seal", "init")
    assert done.status == 0, done
    assert "38 values of the ledger were sealed." in done.out
    assert files_with(full, *EVERYTHING) == []
    assert "0 secrets were sealed" in run("seal", "init").out


def test_no_database_is_loaded_for_a_ledger_that_is_not_there(place: Path) -> None:
    code = "import sys; from confobjects.cli.main import main; sys.argv[1:] = sys.argv[1].split(); main(); print(*sys.modules)"
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    for words in ("seal init", "seal status", "seal rotate"):
        start = [sys.executable, "-c", code, words]
        done = subprocess.run(start, capture_output=True, text=True, check=True, cwd=ROOT, env=unmeasured)
        modules = done.stdout.split()
        assert "confobjects.service.resealing" in modules
        assert not {"sqlalchemy", "sqlite3", "confobjects.service.databases", "ssl"} & set(modules)
    assert not list(place.glob("*.ledger*"))
    assert not list(place.glob("*.tokens*"))


# -- killed at any moment --------------------------------------------------------------------------------------------

_STEPS: Final = ("open", "write", "replace", "rename", "unlink", "fsync", "ftruncate", "pwrite", "link", "mkdir")


def _run_until(step: int, words: list[str]) -> bool:
    """Run a command in a child that is killed at one of its system calls. Return whether it ended before that."""
    child = os.fork()
    if child == 0:
        seen = 0

        def counting(call: Callable[..., Any]) -> Callable[..., Any]:
            def counted(*arguments: Any, **options: Any) -> Any:
                nonlocal seen
                seen += 1
                if seen > step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*arguments, **options)

            return counted

        for name in _STEPS:
            setattr(os, name, counting(getattr(os, name)))
        event.listen(Engine, "before_cursor_execute", counting(lambda *_: None))
        event.listen(Engine, "commit", counting(lambda _: None))
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - the child ends with it
        status = run(*words).status
        os.kill(os.getpid(), signal.SIGKILL if status else signal.SIGTERM)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) == signal.SIGTERM


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """A directory in memory: each of a hundred runs waits for its disk after every step."""
    directory = memory_directory("sealing")
    yield directory
    remove(directory)


_WAYS: Final = pytest.mark.parametrize(
    "words", [["seal", "init"], ["seal", "rotate", "--drop-old-keys"]], ids=lambda w: w[1]
)


class _Killed:
    """A command that is killed at one of its steps after the other, each time with a fresh copy of a place."""

    def __init__(self, place: Path, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._place = place
        self._words = words
        self._monkeypatch = monkeypatch
        if words[1] == "rotate":
            assert run("seal", "init").status == 0
            run("set-mail-server-prop", "--server-name", "two", "--set", f"auth-password:{CANARY}")
        _run_until(0, ["check"])  # the modules are loaded
        ring = place / "keys" / "ring"
        self._old = tuple(key.id for key in read_ring(KeyFile(str(ring)))) if ring.exists() else ()

    def try_step(self, step: int, again: Path, read: Callable[[Path], object], *gone: str) -> bool:
        """Kill the command at a step, and call it again. Return whether it ended before that.

        ``read`` reads everything, wherever it was killed; afterwards no file holds what must be ``gone``.
        """
        shutil.copytree(self._place, again)
        self._monkeypatch.setenv("CONFOBJECTS_URL", f"ldif:{again / 'config.ldif'}")
        self._monkeypatch.setenv(KEY_FILE_VARIABLE, str(again / "keys" / "ring"))
        ended = _run_until(step, self._words)
        if (again / "keys" / "ring").exists():
            read(again)  # nothing is lost
        done = run(*self._words)
        assert done.status == 0, (step, done)
        read(again)
        assert files_with(again, *gone, *self._old) == [], step
        ring = read_ring(KeyFile(str(again / "keys" / "ring")))
        assert len(ring) == 1, step
        assert not ring.rotating
        shutil.rmtree(again)
        return ended


@_WAYS
def test_it_can_be_killed_at_every_step_and_called_again(
    place: Path, in_memory: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    def read(again: Path) -> None:
        assert read_all(again) == [CANARY] * 3

    killed, step = _Killed(place, words, monkeypatch), 0
    while not killed.try_step(step, in_memory / "place", read, CANARY):
        step += 1
    assert step > 20


@_WAYS
def test_with_tokens_and_a_ledger_it_can_be_killed_at_any_step_and_called_again(
    full: Path, in_memory: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """One step in twenty, others each time; ``make endurance`` tries all."""
    stride = max(1, 20 // times(1))
    killed, step = _Killed(full, words, monkeypatch), random.randrange(stride)
    while not killed.try_step(step, in_memory / "place", read_everything, *EVERYTHING):
        step += stride
    assert step > 60


def test_a_writer_and_a_rotation_meet(place: Path) -> None:
    """Writers in other processes go on with whatever key seals; what they write can be read, and no secret is lost."""
    run("seal", "init")
    writers = []
    for name in ("two", "three"):
        child = os.fork()
        if child == 0:
            sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - the child ends with it
            with open_any() as ctx:
                for number in range(20):
                    ctx.modify("mail-server", name, PropertyChanges(set={"auth-password": [f"{CANARY}{number}"]}))
            os._exit(0)
        writers.append(child)
    keys = [run("seal", "rotate").status for _ in range(4)]
    assert keys == [0] * 4
    assert [os.waitpid(child, 0)[1] for child in writers] == [0, 0]
    assert read_all(place) == [CANARY, f"{CANARY}19", f"{CANARY}19"]
    assert run("seal", "rotate", "--drop-old-keys").status == 0
    assert read_all(place) == [CANARY, f"{CANARY}19", f"{CANARY}19"]


def test_a_thousand_keys(place: Path) -> None:
    run("seal", "init")
    file = KeyFile(str(place / "keys" / "ring"))
    ring = read_ring(file)
    os.unlink(file.path)
    many: list[Key] = [make_key("2026-11-28") for _ in range(999)]
    create_ring(file, Ring.of(*many, ring.first))
    assert read_all(place) == [CANARY] * 3
    assert run("seal", "rotate", "--drop-old-keys").status == 0
    assert len(read_ring(file)) == 1
    assert read_all(place) == [CANARY] * 3
    assert BASE
