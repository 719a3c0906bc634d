"""Servers whose own configuration is managed, with the examples of definitions for it, as the tests use them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import confobjects
from confobjects.management import ManagementContext
from confobjects.management.changing.transaction import Transaction
from tests.servers import ds389
from tests.servers import slapd as openldap
from tests.servers.ds389 import Ds389
from tests.servers.slapd import Slapd

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"


@dataclass
class Managed:
    """A server, its definitions, who manages it, and a setting that has a number and no effect on the tests.

    ``usual`` is the value that the server gives the setting by itself, ``attribute`` where it keeps it.
    ``definitions`` is where the definitions lie, if not in the examples.
    """

    server: Slapd | Ds389
    family: str
    user: str
    password: str
    setting: str
    attribute: str
    usual: str
    definitions: Path | None = None

    @property
    def url(self) -> str:
        return f"{self.server.url}cn=config"

    def open(self, **options: Any) -> ManagementContext:
        family = [str(self.definitions or EXAMPLES / self.family)]
        return confobjects.open(self.url, definitions=family, bind_dn=self.user, bind_password=self.password, **options)

    def entries(self, scope: str = "sub") -> str:
        """Return the configuration, or its first entry ("base"), as the server's own client shows it."""
        return self.server.ldapsearch_as(self.user, "-b", "cn=config", "-s", scope, "(!(objectClass=olcSchemaConfig))")

    def find(self, attribute: str, dn: str = "cn=config") -> list[str]:
        """Return the values of an attribute as the server's own client shows them."""
        text = self.server.ldapsearch_as(self.user, "-b", dn, "-s", "base", attribute)
        return [
            line.partition(": ")[2] for line in text.splitlines() if line.lower().startswith(f"{attribute.lower()}:")
        ]

    def edit(self, text: str) -> None:
        """Change the configuration by other means."""
        self.server.change_configuration(text)

    def clear(self, attribute: str) -> None:
        """Remove the values of an attribute, if it has any."""
        with suppress(subprocess.CalledProcessError):
            self.edit(f"dn: cn=config\nchangetype: modify\nreplace: {attribute}\n")

    def put(self, attribute: str, value: str) -> None:
        self.edit(f"dn: cn=config\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n")


def manage_slapd(server: Slapd) -> Managed:
    user = "cn=admin,cn=config"
    return Managed(server, "openldap", user, openldap.PASSWORD, "write-timeout", "olcWriteTimeout", "")


def manage_ds389(server: Ds389) -> Managed:
    return Managed(server, "389-ds", ds389.ROOT_DN, ds389.PASSWORD, "idle-timeout", "nsslapd-idletimeout", "3600")


def change(ctx: ManagementContext, *requests: Callable[[Transaction], None]) -> int | None:
    """Make one change of some requests, and return its number."""
    with ctx.change() as tx:
        for ask in requests:
            ask(tx)
    return tx.report.number


def set_to(values: Mapping[str, Any]) -> Callable[[Transaction], None]:
    return lambda tx: tx.set("server-settings", (), values)


def value_of(ctx: ManagementContext, name: str) -> tuple[str, ...]:
    return ctx.get("server-settings").values.get(name, ())


def run_child(code: str, state: Path) -> tuple[list[str], dict[str, str]]:
    """Return the command line and the environment of a process with a state of its own."""
    path = os.pathsep.join(sys.path)
    return [sys.executable, "-W", "ignore", "-c", code], {
        **os.environ,
        "XDG_STATE_HOME": str(state),
        "PYTHONPATH": path,
    }
