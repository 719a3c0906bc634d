"""Servers that tests start themselves, and the objects that say how to reach them.

:func:`mail_server` and :func:`provider` give what an effective object gives, without a storage behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from confobjects.mail.property_table import KEYS
from confobjects.syntaxes.hosts import HostPort
from confobjects.syntaxes.text import NameValue

_SECRET = {"auth-password", "trust-store-pin", "key-store-pin"}


@dataclass(frozen=True)
class Given:
    """An object of some kind with the values a test gives it."""

    kind: str
    type: str
    name: str
    values: Mapping[str, Any]
    instance_directory: str = ""
    targets: Mapping[str, Given] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"/{self.kind}/{self.name}"

    @property
    def types(self) -> tuple[str, ...]:
        return (self.type, self.kind)

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def origin(self, name: str) -> str:
        return "default" if self.values[name] in (None, ()) else "stored"

    def is_secret(self, name: str) -> bool:
        return name in _SECRET

    def reference(self, name: str, pair: str = "") -> Given | None:
        return self.targets.get(pair or name)


def provider(type_: str, *, enabled: bool = True, instance_directory: str = "", **values: Any) -> Given:
    """Return a trust manager provider: ``provider("file-based", trust_store_file=…)``."""
    properties = {name.replace("_", "-"): value for name, value in values.items()}
    full = f"{type_}-trust-manager-provider"
    return Given("trust-manager-provider", full, "the provider", {"enabled": enabled, **properties}, instance_directory)


def key_provider(*, enabled: bool = True, type_: str = "file-based", **values: Any) -> Given:
    """Return a key manager provider: ``key_provider(key_store_file=…)``."""
    properties = {name.replace("_", "-"): value for name, value in values.items()}
    full = f"{type_}-key-manager-provider"
    return Given("key-manager-provider", full, "the keys", {"enabled": enabled, **properties})


def mail_server(port: int = 587, *smtp_property: str, **values: Any) -> Given:
    """Return a mail server: ``mail_server(port, "mail.smtp.timeout=1", use_ssl=True, …)``.

    ``host`` is the host to connect to (localhost), ``trust`` the trust manager provider, ``keys`` the key manager
    provider, ``type`` its type; all else are properties.
    """
    host, trust, keys = values.pop("host", "localhost"), values.pop("trust", None), values.pop("keys", None)
    smtp_property = (*smtp_property, *([] if keys is None else [f"{KEYS}={keys.name}"]))
    properties: dict[str, Any] = {
        "enabled": True,
        "smtp-server": HostPort(host, port),
        "auth-username": None,
        "auth-password": None,
        "use-ssl": False,
        "use-start-tls": not values.get("use_ssl", False),
        "trust-manager-provider": trust.name if trust else None,
        "smtp-property": tuple(NameValue(*one.split("=", 1)) for one in smtp_property),
    }
    type_ = values.pop("type", "mail-server")
    properties.update({name.replace("_", "-"): value for name, value in values.items()})
    named = {"trust-manager-provider": trust, KEYS: keys}
    targets = {name: target for name, target in named.items() if target is not None}
    return Given("mail-server", type_, "one", properties, targets=targets)
