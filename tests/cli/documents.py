"""What the tests of export, diff, apply and graph share: a configuration made by commands, and its document."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

from confobjects.mapping.followers import FollowerReport, WaitingChange
from confobjects.startup import URL_VARIABLE
from confobjects.storage import open_storage
from tests.cli.sessions import run

CANARY = "Kanarienvogel-7!x"


def create(kind: str, option: str, name: str, *values: str, type_: str = "") -> None:
    words = [word for value in values for word in ("--set", value)]
    typed = ["--type", type_] if type_ else []
    outcome = run(f"create-{kind}", option, name, *typed, *words)
    assert outcome.status == 0, outcome.err


def provider(name: str, *values: str, type_: str = "blind") -> None:
    create("trust-manager-provider", "--provider-name", name, *(values or ("enabled:true",)), type_=type_)


def server(name: str, *values: str) -> None:
    create("mail-server", "--server-name", name, "enabled:true", "smtp-server:mx.example.com:25", *values)


def small() -> None:
    """A provider, a server with a literal secret that refers to it, a server with a secret that is an expression."""
    provider("blind")
    server("one", "auth-username:joe", f"auth-password:{CANARY}", "trust-manager-provider:blind")
    server("two", "auth-username:ann", "auth-password:&{smtp.password}", "smtp-property:mail.smtp.timeout=5000")


def exported(*options: str) -> dict[str, Any]:
    outcome = run("export", *options)
    assert outcome.status == 0, outcome.err
    made: dict[str, Any] = json.loads(outcome.out)
    return made


def write(path: Path, document: Any) -> str:
    path.write_text(document if isinstance(document, str) else json.dumps(document, indent=2))
    return str(path)


NOW = "2027-01-01T12:00:00Z"
"""The time in a fresh configuration."""


def tell(name: str, number: int | None, *waiting: WaitingChange, url: str = "", time: str = NOW, **more: Any) -> None:
    """Report as a running service does, beside the configuration in use or at a URL."""
    with closing(open_storage(url or os.environ[URL_VARIABLE])) as storage:
        storage.tell_follower(FollowerReport(name, "host", 4711, time, number, waiting, **more))
