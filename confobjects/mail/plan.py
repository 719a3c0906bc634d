"""The plan of a delivery: where to, how protected, who logs in, what limits hold. :mod:`~confobjects.mail.planning` makes it.

A plan is data and complete: whoever carries it out decides nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Literal, Protocol

from confobjects.diagnostics import Diagnostic
from confobjects.records import Record, field

Security = Literal["implicit-tls", "starttls-required", "starttls-if-offered", "none"]


class EffectiveObjectLike(Protocol):
    """What the planner asks of an effective object; :class:`~confobjects.objects.effective.EffectiveObject` is one."""

    @property
    def path(self) -> str:
        """The managed object path, as text."""
        ...

    @property
    def name(self) -> str:
        """The object's name."""
        ...

    @property
    def type(self) -> str:
        """The name of its concrete type."""
        ...

    @property
    def instance_directory(self) -> str:
        """The directory that relative paths count from."""
        ...

    def __iter__(self) -> Iterator[str]: ...
    def __getitem__(self, name: str, /) -> Any: ...
    def origin(self, name: str) -> str:
        """Return where a value came from."""
        ...

    def is_secret(self, name: str) -> bool:
        """Tell whether a value must never be shown."""
        ...

    def reference(self, name: str) -> Any:
        """Return the object a reference names, or None."""
        ...


class Timeouts(Record):
    """Limits in seconds: to connect to one address, for one reply, for one write, and for everything together."""

    connect: float
    reply: float
    write: float
    total: float


class SmtpLogin(Record):
    """Who logs in and how. ``token`` is an OAuth 2.0 access token, used instead of the password.

    ``mechanisms`` is the operator's own list (empty: the default order); ``disabled`` leaves some out of the default.
    ``in_clear`` allows a login without TLS, ``optional`` goes on when the server offers no login.
    """

    username: str
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    mechanisms: tuple[str, ...] = ()
    disabled: frozenset[str] = frozenset()
    authorization_id: str = ""
    in_clear: bool = False
    optional: bool = False


class TrustSource(Record):
    """A trust manager provider as the transport needs it: its type and its values. ``secrets`` are never shown.

    ``entries`` reads the entries below a DN of the configuration's own storage, for the types that keep certificates
    there: it yields mappings from attribute to values.
    """

    type: str
    path: str
    values: Mapping[str, Any]
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)
    instance_directory: str = ""
    entries: Callable[[str], Iterable[Any]] | None = field(default=None, repr=False, compare=False)

    def get(self, name: str) -> Any:
        """Return a value, None where there is none."""
        return self.secrets.get(name, self.values.get(name))

    @property
    def description(self) -> str:
        """What is trusted, in words and without secrets."""
        facts = ", ".join(f"{key}: {value}" for key, value in self.values.items() if value not in (None, (), True))
        return f"{self.path} ({self.type}{'; ' + facts if facts else ''})"


BLIND: Final = "blind-trust-manager-provider"
"""The type of trust manager provider that trusts anything."""

RUNTIME_TRUST: Final = TrustSource("runtime", "", {})
"""No trust manager provider is named: the authorities the runtime itself trusts."""


class TlsSettings(Record):
    """What is asked of TLS beside the trust: versions, suites (IANA names; TLS 1.2 only), and the names check.

    ``unchecked_hosts`` are the hosts (or ``*``) whose certificate is not checked; when it is not empty, other hosts are
    refused.
    """

    versions: tuple[str, ...] = ("TLSv1.2", "TLSv1.3")
    suites: tuple[str, ...] = ()
    check_name: bool = True
    unchecked_hosts: tuple[str, ...] = ()


class Proxy(Record):
    """A proxy to connect through: ``http`` (CONNECT) or ``socks5``."""

    kind: Literal["http", "socks5"]
    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)


class Options(Record):
    """How the envelope and the message are sent."""

    use_ehlo: bool = True
    send_partial: bool = False
    notify: str = ""
    ret: str = ""
    submitter: str = ""
    extension: str = ""
    keep_8bit: bool = False
    utf8_headers: bool = False
    chunk_size: int = -1
    wait_for_quit: bool = True
    quit_on_reject: bool = False
    probe_with_rset: bool = False
    strict_noop: bool = True
    fall_back_to_clear: bool = False


class PoolLimits(Record):
    """How connections are kept: how many at most, for how many messages, idle for how many seconds."""

    connections: int = 4
    messages: int = 100
    idle: float = 60.0


class TransportSetting(Record):
    """One effective transport setting: name, value as it may be shown, and where it came from."""

    name: str
    value: str
    origin: str


class DeliveryPlan(Record):
    """All that is needed to connect, protect, log in and send; decided and checked.

    ``sender`` is the envelope sender when no other is asked for: empty for bounces, None for ``postmaster`` at the
    EHLO name. ``ehlo_name`` None means the address literal of the local end of the connection.
    """

    server: str
    host: str
    port: int
    security: Security
    timeouts: Timeouts
    login: SmtpLogin | None
    trust: TrustSource
    tls: TlsSettings
    sender: str | None
    ehlo_name: str | None
    options: Options = Options()
    pool: PoolLimits = PoolLimits()
    proxy: Proxy | None = None
    local_address: str = ""
    local_port: int = 0
    settings: tuple[TransportSetting, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()

    def sender_for(self, ehlo_name: str) -> str:
        """Return the envelope sender to use when greeting with a name."""
        return f"postmaster@{ehlo_name}" if self.sender is None else self.sender


def trust_source_of(provider: EffectiveObjectLike) -> TrustSource:
    """Return a trust manager provider's values as the transport needs them."""
    secret = {name: provider[name] for name in provider if provider.is_secret(name)}
    open_ = {name: provider[name] for name in provider if not provider.is_secret(name)}
    entries = getattr(provider, "entries", None)
    return TrustSource(provider.type, provider.path, open_, secret, provider.instance_directory, entries)


def address_literal(address: str) -> str:
    """Return an IP address as it stands in EHLO and after an @ (RFC 5321, section 4.1.3)."""
    return f"[IPv6:{address.partition('%')[0]}]" if ":" in address else f"[{address}]"
