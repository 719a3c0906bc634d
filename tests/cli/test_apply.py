"""``apply``: a plan worked out from references, one change, nothing when nothing differs; refusals with their place."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.documents import CANARY, exported, provider, server, small, write
from tests.cli.sessions import FAMILY, Outcome, fresh, run
from tests.docs_check import ROOT

MX = "mx.example.com:25"


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        yield


def document(**objects: Any) -> dict[str, Any]:
    """A document of mail servers (by name) and of a provider ``p``, all enabled."""
    made: dict[str, Any] = {"/trust-manager-provider/p": {"type": "blind", "properties": {"enabled": True}}}
    for name, values in objects.items():
        made[f"/mail-server/{name}"] = {"properties": {"enabled": True, "smtp-server": MX, **values}}
    return {"confobjects-format": 1, "objects": made}


def apply(tmp_path: Path, wanted: Any, *options: str) -> Outcome:
    return run("apply", write(tmp_path / "wanted.json", wanted), *options)


def changes(outcome: Outcome) -> list[tuple[str, str]]:
    return [(change["action"], change["path"]) for change in json.loads(outcome.out)["changes"]]


def test_objects_are_made_after_those_they_refer_to(tmp_path: Path) -> None:
    wanted = document(a={"trust-manager-provider": "p"}, b={})
    outcome = apply(tmp_path, wanted, "--output", "json")
    assert outcome.status == 0
    made = changes(outcome)
    assert sorted(made) == [("create", path) for path in sorted(wanted["objects"])]
    assert made.index(("create", "/trust-manager-provider/p")) < made.index(("create", "/mail-server/a"))
    assert run("diff", str(tmp_path / "wanted.json")).status == 0


def test_applied_again_it_changes_nothing_and_writes_nothing(tmp_path: Path) -> None:
    assert apply(tmp_path, document(a={"trust-manager-provider": "p"})).status == 0
    before = (tmp_path / "config.ldif").read_bytes()
    again = apply(tmp_path, document(a={"trust-manager-provider": "p"}))
    assert again.status == 0
    assert "Nothing changed." not in again.err
    assert (tmp_path / "config.ldif").read_bytes() == before
    assert apply(tmp_path, document(a={"trust-manager-provider": "p"}), "--dry-run").status == 0


def test_a_dry_run_prints_the_plan_writes_nothing_and_exits_1(tmp_path: Path) -> None:
    provider("p")
    before = (tmp_path / "config.ldif").read_bytes()
    outcome = apply(tmp_path, document(a={}), "--dry-run")
    assert outcome.status == 1
    assert outcome.out.splitlines() == [
        "would create /mail-server/a",
        "  enabled: - -> true",
        f"  smtp-server: - -> {MX}",
    ]
    assert (tmp_path / "config.ldif").read_bytes() == before


def test_a_property_that_is_not_there_goes_back_to_its_default_but_a_secret_stays(tmp_path: Path) -> None:
    small()
    wanted = document(one={"auth-username": "joe"})
    assert apply(tmp_path, wanted).status == 0
    text = (tmp_path / "config.ldif").read_text()
    assert CANARY in text
    one = exported()["objects"]["/mail-server/one"]
    assert "trust-manager-provider" not in one["properties"]
    assert one["secrets"] == ["auth-password"]


def test_null_takes_a_secret_away(tmp_path: Path) -> None:
    small()
    assert apply(tmp_path, document(one={"auth-password": None})).status == 0
    assert CANARY not in (tmp_path / "config.ldif").read_text()


def test_what_is_not_in_the_file_stays_or_goes_with_prune(tmp_path: Path) -> None:
    small()
    assert apply(tmp_path, document()).status == 0
    assert "/mail-server/two" in exported()["objects"]
    outcome = apply(tmp_path, document(), "--prune", "--output", "json")
    assert outcome.status == 0
    assert set(changes(outcome)) == {
        ("delete", "/mail-server/one"),
        ("delete", "/mail-server/two"),
        ("delete", "/trust-manager-provider/blind"),
    }
    assert list(exported()["objects"]) == ["/trust-manager-provider/p"]


def test_another_type_is_another_object_and_its_users_stay(tmp_path: Path) -> None:
    small()
    wanted = exported()
    wanted["objects"]["/trust-manager-provider/blind"]["type"] = "system"
    assert apply(tmp_path, wanted).status == 0
    assert exported() == wanted
    assert CANARY in (tmp_path / "config.ldif").read_text()


def test_a_property_given_once_for_all_replaces_the_object_with_what_is_below_it(tmp_path: Path) -> None:
    known = ["--definitions", str(FAMILY)]
    assert run("create-store", "--store-name", "s", "--set", "enabled:true", "--set", "location:/s", *known).status == 0
    words = ["--queue-name", "q", "--type", "disk", "--set", "enabled:true", "--set", "store:s", "--set", "serial:2"]
    assert run("create-queue", *words, *known).status == 0
    assert run("create-consumer", "--queue-name", "q", "--channel", "mail", "--set", "prefetch:7", *known).status == 0
    wanted = exported(*known)
    wanted["objects"]["/queue/q"]["properties"]["serial"] = 4
    below = wanted["objects"].pop("/queue/q/consumer/mail")
    left = apply(tmp_path, wanted, *known)
    assert left.status == 0
    assert (
        "/queue/q, serial: serial is read-only: it stays as it is (2)\n  remedy: create the object anew (--recreate)"
        in left.err
    )
    assert exported(*known)["objects"]["/queue/q"]["properties"]["serial"] == 2
    assert apply(tmp_path, wanted, *known, "--recreate").status == 0
    wanted["objects"]["/queue/q/consumer/mail"] = below
    assert exported(*known)["objects"] == wanted["objects"]


def test_everything_is_judged_as_a_whole_and_refused_as_a_whole(tmp_path: Path) -> None:
    provider("p")
    before = (tmp_path / "config.ldif").read_bytes()
    wanted = document(a={"use-ssl": True}, b={"trust-manager-provider": "nobody"}, c={})
    outcome = apply(tmp_path, wanted)
    assert outcome.status == 11
    assert "wanted.json:" in outcome.err
    assert "/objects/~1mail-server~1a" in outcome.err
    assert 'trust-manager-provider names the Trust Manager Provider "nobody", which does not exist' in outcome.err
    assert '"trust-manager-provider": "nobody"' in outcome.err
    assert (tmp_path / "config.ldif").read_bytes() == before


def test_two_objects_that_exchange_what_they_exclude_need_no_order(tmp_path: Path) -> None:
    provider("p")
    provider("q")
    server("a", "trust-manager-provider:p")
    wanted = exported()
    wanted["objects"]["/trust-manager-provider/p"]["properties"]["enabled"] = False
    wanted["objects"]["/mail-server/a"]["properties"]["trust-manager-provider"] = "q"
    assert apply(tmp_path, wanted).status == 0
    assert exported() == wanted


def test_secrets_that_are_missing_are_listed_all_at_once(tmp_path: Path) -> None:
    small()
    server("three", "auth-username:x", f"auth-password:{CANARY}")
    text = json.dumps(exported())
    with fresh(tmp_path / "elsewhere"):
        outcome = apply(tmp_path, text, "--output", "json")
        assert outcome.status == 11
        found = json.loads(outcome.err)["error"]["diagnostics"]
        assert [(item["path"], item["property"], item["code"]) for item in found] == [
            ("/mail-server/one", "auth-password", "missing-mandatory"),
            ("/mail-server/three", "auth-password", "missing-mandatory"),
        ]
        assert not (tmp_path / "elsewhere" / "config.ldif").exists()


def test_a_secret_in_the_document_is_taken_and_never_shown(tmp_path: Path) -> None:
    wanted = document(a={"auth-username": "u", "auth-password": CANARY})
    for options in (["--dry-run"], ["--dry-run", "--output", "json"], ["--verbose"]):
        outcome = apply(tmp_path, wanted, *options)
        assert outcome.status in {0, 1}
        assert CANARY not in outcome.out + outcome.err
    assert CANARY in (tmp_path / "config.ldif").read_text()
    wanted["objects"]["/mail-server/a"]["properties"]["trust-manager-provider"] = "nobody"
    wanted["objects"]["/mail-server/a"]["properties"]["auth-password"] = f"{CANARY}-2"
    outcome = apply(tmp_path, wanted)
    assert outcome.status == 11
    assert CANARY not in outcome.out + outcome.err


def test_an_ldif_file_and_standard_input_are_documents_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small()
    copy = tmp_path / "copy.ldif"
    copy.write_text((tmp_path / "config.ldif").read_text())
    text = json.dumps(exported())
    with fresh(tmp_path / "elsewhere"):
        assert run("apply", str(copy)).status == 0
        assert run("diff", str(copy)).status == 0
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        assert run("apply", "-", "--prune").status == 0
        assert run("diff", str(copy)).status == 0


def test_a_past_version_can_be_applied(tmp_path: Path) -> None:
    small()
    before = exported()
    assert run("delete-mail-server", "--server-name", "two").status == 0
    assert run("apply", "history:3", "--prune").status == 0
    assert exported() == before


KILLED_IN_EVERY_CALL = """
import os, signal, sys
from confobjects.cli.main import main

config, one, other = sys.argv[1:]
url = ["--url", f"ldif:{config}"]

def same(document):
    return main(["diff", document, *url, "--quiet", "-s"]) == 0

def dying(real, count, fatal):
    def call(*args, **named):
        count.append(1)
        if len(count) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **named)
    return call

null = os.open(os.devnull, os.O_WRONLY)
result = os.dup(1)
os.dup2(null, 1)
assert main(["apply", one, "--prune", *url]) == 0
fatal, finished = 0, False
while not finished:
    fatal += 1
    child = os.fork()
    if child == 0:
        count = []
        for name in ("open", "write", "close", "fsync", "fchmod", "replace", "unlink", "mkdir", "ftruncate", "pwrite"):
            setattr(os, name, dying(getattr(os, name), count, fatal))
        os._exit(main(["apply", other, "--prune", *url]))
    _, status = os.waitpid(child, 0)
    finished = status == 0
    assert finished or os.WTERMSIG(status) == signal.SIGKILL, status
    is_one, is_other = same(one), same(other)
    assert is_one != is_other
    os.write(result, f"{fatal} {int(is_other)}\\n".encode())
    if is_other and not finished:
        assert main(["apply", one, "--prune", *url]) == 0
"""


def test_killed_in_any_call_it_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    one = write(tmp_path / "one.json", document(a={"trust-manager-provider": "p"}, b={}))
    other = write(tmp_path / "other.json", document(a={"smtp-server": "other:1"}, c={"trust-manager-provider": "p"}))
    command = [sys.executable, "-c", KILLED_IN_EVERY_CALL, str(tmp_path / "config.ldif"), one, other]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    rows = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    assert len(rows) > 10
    assert {new for _, new in rows} == {0, 1}
    assert rows[0][1] == 0
    assert rows[-1][1] == 1


@pytest.mark.parametrize(("word", "left"), [("none", None), ("kept", ["auth-password"]), ("", ["auth-password"])])
def test_what_a_document_says_of_secrets_that_it_does_not_mention(word: str, left: Any, tmp_path: Path) -> None:
    server("a", "auth-username:joe", f"auth-password:{CANARY}")
    wanted = document(a={"auth-username": "joe"} if word != "none" else {})
    if word:
        wanted["unlisted-secrets"] = word
    assert apply(tmp_path, wanted, "--no-test").status == 0
    assert exported()["objects"]["/mail-server/a"].get("secrets") == left


def test_another_word_about_secrets_is_refused_at_its_place(tmp_path: Path) -> None:
    server("a", "auth-username:joe", f"auth-password:{CANARY}")
    refused = apply(tmp_path, {**document(a={}), "unlisted-secrets": "some"})
    assert refused.status == 31
    assert "wanted.json:" in refused.err
    assert "/unlisted-secrets: " in refused.err
