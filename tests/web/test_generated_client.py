"""A client that a public generator makes of the description, and a program that uses it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from confobjects.definitions_loading import load_registry
from confobjects.web.api.openapi.document import describe_api
from confobjects.web.api.table import ENDPOINTS
from confobjects.web.app import API
from confobjects.web.identity.people_file import find_people_file
from confobjects.web.serving.states import ENDPOINTS as ROOT
from tests.cli.sessions import FAMILY
from tests.web.people import bearer, make_people, token_of
from tests.web.serving import ServeProcess

SETTINGS = "post_hooks: []\n"
"""The generator calls no other program to make its code nice to read."""
LEFT_OUT = {
    "Unsupported content type message/rfc822": 1,
    "type array must have items or prefixItems defined": 8,  # the JSON Patches of the kinds
}
"""What it warns of, each as often as is known. It leaves out one of two ways to send a body."""
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from client import AuthenticatedClient
from client.api.configuration import check, read_definition
from client.api.history import read_history, undo_change
from client.api.mail import test_object
from client.api.mail_servers import delete_mail_server, get_mail_server, list_mail_servers, patch_mail_server, put_mail_server
from client.models import (
    ChangeAnswer, MailServerChanges, MailServerGeneric, MailServerGenericProperties, MailServerPatch, MailServerShown,
    ProblemAnswer, TestObjectBody, TestObjectBodyDepth,
)
from client.types import UNSET

client = AuthenticatedClient(base_url=sys.argv[2], token=sys.argv[3])

values = MailServerGenericProperties(
    enabled=True, smtp_server="mx.example.com:25", auth_username="me", auth_password="swordfish"
)
made = MailServerGeneric(values)
answer = put_mail_server.sync("a/b", client=client, body=made)
assert isinstance(answer, ChangeAnswer) and answer.changes[0].path == "/mail-server/a//b", answer

found = get_mail_server.sync_detailed("a/b", client=client)
server = found.parsed
assert isinstance(server, MailServerShown)
assert (server.name, server.type_.value) == ("a/b", "generic")
assert (server.properties.enabled, server.properties.smtp_server) == (True, "mx.example.com:25")
assert (server.properties.auth_password, server.properties.use_ssl) == ("********", UNSET)

change = MailServerPatch(properties=MailServerChanges(enabled=False, auth_username=None, auth_password=None))
refused = patch_mail_server.sync("a/b", client=client, body=change)
assert isinstance(refused, ProblemAnswer) and refused.status == 428, refused
answer = patch_mail_server.sync("a/b", client=client, body=change, if_match=found.headers["ETag"])
assert isinstance(answer, ChangeAnswer) and answer.changed

listed = list_mail_servers.sync(client=client, filter_=["enabled:false"])
assert [one.properties.enabled for one in listed.items] == [False] and listed.items[0].properties.auth_password is UNSET

history = read_history.sync(client=client, path="/mail-server/a//b", limit=1)
assert history.changes[0].changes[0].action.value == "modify"
assert undo_change.sync(history.changes[0].number, client=client).changed

assert "generic" in read_definition.sync("mail-server", client=client).types.additional_properties
tested = test_object.sync(client=client, body=TestObjectBody(path="/mail-server/a//b", depth=TestObjectBodyDepth.RESOLVE))
assert tested.server == "/mail-server/a//b" and tested.tested.value == "saved", tested
found = get_mail_server.sync_detailed("a/b", client=client)
assert delete_mail_server.sync("a/b", client=client, if_match=found.headers["ETag"]).changes[0].action.value == "delete"
missing = get_mail_server.sync("a/b", client=client)
assert isinstance(missing, ProblemAnswer) and missing.problems[0].code == "no-such-object"
print("done")
"""


def generate(description: Path, to: Path) -> str:
    """Make a client, and return what the generator says."""
    settings = to.with_suffix(".yaml")
    settings.write_text(SETTINGS)
    words = (
        "generate",
        "--path",
        str(description),
        "--output-path",
        str(to),
        "--meta",
        "none",
        "--config",
        str(settings),
    )
    done = run(sys.executable, "-m", "openapi_python_client", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def run(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "500"}
    return subprocess.run(words, capture_output=True, text=True, check=False, env=environment)


def test_a_generated_client_creates_reads_and_changes_a_mail_server(tmp_path: Path) -> None:
    url = f"ldif:{tmp_path / 'config.ldif'}"
    make_people(Path(find_people_file(None, url, {})))
    (tmp_path / "config.ldif").touch()
    with ServeProcess(url) as process:
        process.wait_for_start()
        answer = process.ask(f"{API}/openapi.json", headers=bearer("operator"))
        (tmp_path / "openapi.json").write_bytes(answer.body)
        said = generate(tmp_path / "openapi.json", tmp_path / "client")
        warned = re.findall(r"^WARNING.*\n\n(.*)$", said, re.MULTILINE)
        assert {one: warned.count(one) for one in warned} == LEFT_OUT
        (tmp_path / "program.py").write_text(PROGRAM)
        words = (str(tmp_path), f"http://127.0.0.1:{process.port}{API}", token_of("operator"))
        done = run(sys.executable, "-I", str(tmp_path / "program.py"), *words)
        assert done.stdout == "done\n", done.stderr
        assert process.end() == 0


@pytest.mark.parametrize("definitions", [(), (str(FAMILY),)], ids=["own", "family"])
def test_what_is_sent_has_a_form_of_its_own(definitions: tuple[str, ...]) -> None:
    """What generators understand: no choice by conditions, no default that a client would send, and a name for each object."""
    described = describe_api(load_registry(list(definitions)), ENDPOINTS, ROOT)
    forms = described["components"]["schemas"]
    for relation in load_registry(list(definitions)).relations().values():
        if relation.hidden:
            continue
        for name in (one for one in forms if re.match(rf"{relation.name}[._]|{relation.name}$", one)):
            assert not {"if", "allOf", "default"} & set(words_of(forms[name])), name
        assert not any("properties" in one for one in inner_objects(forms[f"{relation.name}_patch"])), relation.name
    starts = ("list-", "get-", "put-", "patch-", "delete-")
    for path, operations in described["paths"].items():
        for verb, one in operations.items():
            if verb not in ("parameters", "servers"):
                assert one["operationId"].startswith(starts) == path.startswith("/objects/"), one["operationId"]
                assert one["tags"]


def words_of(schema: object) -> list[str]:
    """The key words in a schema, names of properties left out."""
    if isinstance(schema, list):
        return [word for one in schema for word in words_of(one)]
    if not isinstance(schema, dict):
        return []
    inner = [one for key, value in schema.items() for one in ([*value.values()] if key == "properties" else [value])]
    return [*schema, *words_of(inner)]


def inner_objects(schema: dict[str, Any]) -> list[Any]:
    found = schema.get("properties")
    return [*found.values()] if isinstance(found, dict) else []
