"""Everything that is served, for attackers: all endpoints of the process, behind its guard, over a configuration that has an object
of every kind and type, with a secret in every property that may hold one.

Laws: the endpoints are those of the process, and none is written down here. What an address needs besides (a name, a number) is one
row of :meth:`Everything.fill`; an endpoint that needs something else fails until it has its row.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from itertools import product
from pathlib import Path
from typing import Any, Final

import httpx2

import confobjects
from confobjects.definitions import PropertyDefinition, Registry
from confobjects.errors import ConfobjectsError
from confobjects.reference.examples import example_object
from confobjects.service.ledger import Mail
from confobjects.service.opening import open_ledger_of, read_settings
from confobjects.syntaxes import ValueSyntaxError
from confobjects.web.addresses import Addresses
from confobjects.web.api import table as rest
from confobjects.web.app import API, make_app
from confobjects.web.endpoints import Endpoint
from confobjects.web.pages import table as pages
from confobjects.web.people import PERMISSIONS, Role
from confobjects.web.serving.access_log import Served, format_json, format_text
from confobjects.web.serving.guarding import HEADERS, Guard, Rules
from confobjects.web.serving.hosts import make_hosts
from confobjects.web.serving.process import ROOT
from confobjects.web.site import Web
from tests.opening import open_any
from tests.web.asking import OneLoop
from tests.web.people import PASSWORD, bearer, make_web

CANARY: Final = "canary-9b2e"
"""What every secret is. It is in no answer, event, page or line of the log."""
SCRIPT: Final = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>"
"""What every other text is, where it may be. No page has it as markup."""
BASE: Final = "http://127.0.0.1:8080"
ENDPOINTS: Final = (
    *((f"{API}{one.path}", one) for one in rest.ENDPOINTS),
    *((one.path, one) for one in (*ROOT, *pages.ENDPOINTS)),
)
"""Each endpoint of the process, with its path."""
PAGES: Final = frozenset(map(id, pages.ENDPOINTS))
STREAMS: Final = frozenset({f"{API}/events", "/live"})
"""What has no end."""
_HOLE: Final = re.compile(r"\{([^}]*)\}")


def name_endpoint(found: tuple[str, Endpoint]) -> str:
    """Return the method and the path of an endpoint."""
    return f"{found[1].method} {found[0]}"


class Everything(AbstractContextManager["Everything"]):
    """All that is served from a directory, and who asks for it, until its end."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.web: Web = make_web(directory)
        self.lines: list[str] = []
        """The lines of the access log, as JSON and for people."""
        with open_any(self.url) as context:
            self.registry: Registry = context.registry
        self.objects: dict[str, Any] = {}
        """The objects that were made: their addresses, with their paths."""
        self.tried: set[tuple[str, str]] = set()
        """The properties that hold :data:`SCRIPT`, each with its type."""
        self._make_objects()
        self.mail = self._accept_mail()
        for path in (*self.objects.values(), *self.objects.values()):  # some properties need others
            self._worsen(path)
        app = make_app(self.web, rest.ENDPOINTS, ROOT, pages.ENDPOINTS)
        self.transport = OneLoop(Guard(app, Rules(make_hosts("127.0.0.1", ())), self._log))

    def __exit__(self, *_: object) -> None:
        self.transport.close()

    @property
    def url(self) -> str:
        """The URL of the configuration."""
        return f"ldif:{self.directory / 'config.ldif'}"

    @property
    def text(self) -> str:
        """What is stored."""
        return (self.directory / "config.ldif").read_text(encoding="utf-8")

    def _log(self, one: Served) -> None:
        self.lines += [format_json(one), format_text(one)]

    # -- what there is -----------------------------------------------------------------------------------------------

    def _make_objects(self) -> None:
        """Make an object of every type of every kind."""
        addresses = Addresses.of(self.registry)
        waiting = [
            (relation, short)
            for relation in self.registry.children("root")
            if not relation.hidden
            for short in self.registry.types_of(relation)
        ]
        for _ in range(len(waiting)):  # some need others
            for relation, short in list(waiting):
                is_first = not any(one.relation == relation.name for one in self.objects.values())
                name = f"My {relation.friendly}" if is_first else short  # the one that others refer to
                path = self.registry.path_of(relation.name, (name,) if relation.named else ())
                if self._make(relation, short, name):
                    waiting.remove((relation, short))
                    self.objects[addresses.write_path(path)] = path

    def _make(self, relation: Any, short: str, name: str) -> bool:
        definition = self.registry.types_of(relation)[short]
        values: dict[str, Any] = {}
        for key, texts in example_object(definition, self.registry).items():
            prop = definition.properties[key]
            found = [CANARY] if prop.sensitive else texts
            values[key] = found if prop.multi_valued else found[0]
        try:
            with open_any(self.url) as context, context.change() as tx:
                if relation.named:
                    tx.create(relation.name, name, values, type=short)
                elif values:
                    tx.set(relation.name, (), values)
        except ConfobjectsError:
            return False
        return True

    def _worsen(self, path: Any) -> None:
        """Let each property of an object have the worst that it may have."""
        with open_any(self.url) as context:
            definition = context.get(path.relation, path.names).definition
        for prop in definition.properties.values():
            for text in _choose_worst(prop):
                try:
                    with open_any(self.url) as context, context.change() as tx:
                        tx.set(path.relation, path.names, {prop.name: [text] if prop.multi_valued else text})
                except ConfobjectsError:
                    continue
                self.tried.add((definition.name, prop.name))
                break

    def _accept_mail(self) -> str:
        with open_any(self.url) as context, context.change() as tx:
            tx.set("mail-service", (), {"enabled": "true", "default-sender": "My Mail Sender"})
        service = confobjects.load(self.url)["mail-service"]
        to = ('"<script>alert(1)</script>"@x.test',)
        with open_ledger_of(service, unsealed=True) as ledger:
            mail = Mail(f"Subject: {SCRIPT}\r\n\r\nx\r\n".encode(), "me@example.com", to, "account", "news")
            return ledger.accept(mail, read_settings(service))

    def break_everything(self) -> None:
        """Write the worst into every stored value by hand, whether it may be there or not."""
        worst = base64.b64encode(SCRIPT.encode()).decode()
        path = self.directory / "config.ldif"
        path.write_text(re.sub(r"(?m)^(ds-cfg-(?!secret)[a-z0-9-]+):.*\n( .*\n)*", rf"\1:: {worst}\n", self.text))

    # -- where it is -------------------------------------------------------------------------------------------------

    def fill(self, path: str) -> Iterator[str]:
        """Yield the addresses that the path of an endpoint stands for. Whatever else has no page is at one of them."""
        if path == "/{address:path}":
            yield "/nothing/here"
            return
        addresses = Addresses.of(self.registry)
        objects = list(self.objects)
        lists = [addresses.write_list(one) for one in self.registry.children("root")]
        rows: Mapping[str, list[str]] = {
            "address:path": [*lists, *objects, "nothing/here"],
            "address": ["ann%40x.test"],
            "kind": [one.name for one in self.registry.children("root")],
            "name": [*(one.name for one in self.registry), "My%20Mail%20Sender", "nobody"],
            "sender": ["My%20Mail%20Sender", "nobody"],
            "number": ["1", "2", "999"],
            "mail": [self.mail, "nothing"],
            "id": [self.mail, "nothing"],
            "key": ["nothing"],
            "secret": ["nothing"],
            "fingerprint": ["nothing"],
        }
        holes = _HOLE.findall(path)
        for values in product(*(rows[hole] for hole in holes)):
            found = path
            for hole, value in zip(holes, values, strict=True):
                found = found.replace(f"{{{hole}}}", value)
            yield found

    # -- who asks ----------------------------------------------------------------------------------------------------

    def client(self, headers: Mapping[str, str] | None = None) -> httpx2.Client:
        """Return somebody who asks, and follows no redirect. Every answer is looked at by :func:`look_at`."""
        made = httpx2.Client(transport=self.transport, base_url=BASE, headers=headers)
        made.event_hooks["response"].append(look_at)
        return made

    def with_token(self, role: Role) -> httpx2.Client:
        """Return a program with the token of a role."""
        return self.client(bearer(role))

    def with_session(self, role: Role) -> tuple[httpx2.Client, str]:
        """Return a browser in which somebody with a role has signed in, and the CSRF token of the session."""
        client = self.client()
        answer = client.post(f"{API}/session", json={"name": role, "password": PASSWORD})
        return client, str(answer.json()["csrf_token"])


def look_at(answer: Any) -> None:
    """Check what every answer is held to, whoever has asked for what."""
    body = answer.read().decode("utf-8", "replace")
    place = f"{answer.request.method} {answer.request.url}"
    assert CANARY not in body, place
    assert CANARY not in str(answer.headers), place
    for name, value in HEADERS:
        assert answer.headers.get_list(name.decode()) == [value.decode()], (place, name)
    kept = {"private, no-cache"} if "etag" in answer.headers else {"no-store"}  # what has a tag is asked for again
    assert answer.headers["cache-control"] in kept or "/static/" in str(answer.request.url), place
    assert "<script>alert" not in body or "html" not in answer.headers["content-type"], place
    assert answer.status_code != 500, (place, body)


def _choose_worst(prop: PropertyDefinition) -> Iterator[str]:
    if prop.sensitive:
        yield CANARY
        return
    for text in (SCRIPT, f"/{SCRIPT}", f"https://x.example/{SCRIPT}", f'"{SCRIPT[2:]}"@x.test', f"{SCRIPT}@x.test"):
        try:
            prop.syntax.parse(text)
        except ValueSyntaxError:
            continue
        yield text


def may(role: Role | None, endpoint: Endpoint) -> bool:
    """Tell whether a role may call an endpoint; None is nobody."""
    if endpoint.needs == "nobody":
        return True
    return role is not None and (endpoint.needs == "anybody" or endpoint.needs in PERMISSIONS[role])
