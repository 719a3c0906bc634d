"""Sealed secrets in every storage: written, read, renamed, taken back, sealed again; and no copy of one is left."""

from __future__ import annotations

import gzip
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

import confobjects
from confobjects.errors import ConfobjectsError
from confobjects.expressions.seals import KEY_FILE_VARIABLE
from confobjects.management import ManagementContext
from confobjects.mapping.protocol import Storage
from confobjects.objects.changes import PropertyChanges
from confobjects.sealing.ring import Key, Ring
from confobjects.sealing.ring_file import KeyFile, create_ring, make_key, read_ring
from tests.cli.sessions import run
from tests.definitions.documents import builtin
from tests.management.sealing import ONE, TWO, Keys, edit, everything_written, manage_sealed, opened
from tests.storage.conftest import BASE

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


def test_the_contract_of_sealed_secrets(storage: Storage) -> None:
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
    keys.ring = Ring.of(TWO, ONE)
    assert ctx.reseal().secrets == 3
    assert not [text for text in everything_written(ctx) if ONE.id in text]
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
    keys = Keys(ONE)
    ctx = initialised(storage, keys)
    ctx.create("mail-server", "one", WITHOUT_PAIRS, type="generic")
    ctx.create("mail-server", "two", WITHOUT_PAIRS, type="generic")
    lost = ctx.get("mail-server", "one").values["auth-password"]
    keys.ring = Ring.of(TWO)
    done = ctx.reseal()
    assert {problem.path for problem in done.problems} == {"/mail-server/one", "/mail-server/two"}
    assert ONE.id in done.problems[0].summary
    assert ctx.get("mail-server", "one").values["auth-password"] == lost


# -- the command, on a file -------------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration in the clear, and where its keys will be."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONFOBJECTS_URL", f"ldif:{tmp_path / 'config.ldif'}")
    monkeypatch.delenv(KEY_FILE_VARIABLE, raising=False)
    with confobjects.open() as ctx:
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
    assert run("check").err == ""


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
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - the child ends with it
        status = run(*words).status
        os.kill(os.getpid(), signal.SIGKILL if status else signal.SIGTERM)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) == signal.SIGTERM


@pytest.mark.parametrize("words", [["seal", "init"], ["seal", "rotate", "--drop-old-keys"]], ids=lambda w: w[1])
def test_it_can_be_killed_at_every_step_and_called_again(
    place: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    import shutil

    if words[1] == "rotate":
        assert run("seal", "init").status == 0
        run("set-mail-server-prop", "--server-name", "two", "--set", f"auth-password:{CANARY}")
    _run_until(0, ["check"])  # the modules are loaded
    step, ended = 0, False
    before = read_ring(KeyFile(str(place / "keys" / "ring"))) if words[1] == "rotate" else None
    while not ended:
        again = tmp_path_factory.mktemp("again") / "place"
        shutil.copytree(place, again)
        monkeypatch.setenv("CONFOBJECTS_URL", f"ldif:{again / 'config.ldif'}")
        monkeypatch.setenv(KEY_FILE_VARIABLE, str(again / "keys" / "ring"))
        ended = _run_until(step, words)
        if (again / "keys" / "ring").exists():
            assert read_all(again) == [CANARY] * 3  # nothing is lost, wherever it was killed
        done = run(*words)
        assert done.status == 0, (step, done)
        assert read_all(again) == [CANARY] * 3
        old = () if before is None else tuple(key.id for key in before)
        assert files_with(again, CANARY, *old) == [], step
        ring = read_ring(KeyFile(str(again / "keys" / "ring")))
        assert len(ring) == 1, step
        assert not ring.rotating
        shutil.rmtree(again)
        step += 1
    assert step > 20


def test_a_writer_and_a_rotation_meet(place: Path) -> None:
    """Writers in other processes go on with whatever key seals; what they write can be read, and no secret is lost."""
    run("seal", "init")
    writers = []
    for name in ("two", "three"):
        child = os.fork()
        if child == 0:
            sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - the child ends with it
            with confobjects.open() as ctx:
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
