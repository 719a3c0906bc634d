"""The plan of a delivery: the server, the protection, the login, the limits.

:mod:`~confobjects.mail.planning` makes it. A plan is complete data: the code that carries it out decides nothing
more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from confobjects.diagnostics import Diagnostic
from confobjects.mail.kinds import GENERIC
from confobjects.records import Record, field

if TYPE_CHECKING:
    from confobjects.definitions.allowance import AllowedCode

Security = Literal["implicit-tls", "starttls-required", "starttls-if-offered", "none"]


class EffectiveObjectLike(Protocol):
    """What the planner needs from :class:`~confobjects.objects.effective.EffectiveObject`."""

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
    def types(self) -> tuple[str, ...]:
        """Its concrete type, and those that this extends, its own first."""
        ...

    @property
    def instance_directory(self) -> str:
        """The directory that relative paths start from."""
        ...

    def __iter__(self) -> Iterator[str]: ...
    def __getitem__(self, name: str, /) -> Any: ...
    def origin(self, name: str) -> str:
        """Return where a value came from."""
        ...

    def is_secret(self, name: str) -> bool:
        """Tell whether a value must never be shown."""
        ...

    def reference(self, name: str, pair: str = "") -> Any:
        """Return the object that a reference names, or None."""
        ...


class TokenSource(Protocol):
    """Gives the access tokens of one login. Equal sources give the same tokens."""

    @property
    def fingerprint(self) -> str:
        """Stands for the settings that tokens are fetched with; no secret follows from it."""
        ...

    def token(self) -> str:
        """Return an access token that is still valid for a while.

        Raises Trouble of stage token, and :class:`~confobjects.errors.MailError` of stage trust.
        """
        ...

    def refuse(self, token: str, /) -> None:
        """The mail server has refused an access token: it is not to be given out again. Raises as :meth:`token` does."""
        ...


TokenSources = Callable[[EffectiveObjectLike], TokenSource]
"""From an OAuth 2.0 provider object to the source of its tokens. Raises Trouble of stage token."""


class Timeouts(Record):
    """Limits in seconds: to connect to one address, for one reply, for one write, and for the whole delivery.

    ``greeting`` is the limit for the greeting and for the TLS handshake; None: that for a reply.
    """

    connect: float
    reply: float
    write: float
    total: float
    greeting: float | None = None


class SmtpLogin(Record):
    """Who logs in and how. ``token`` is an OAuth 2.0 access token, used instead of the password.

    ``provider`` is the path of the OAuth 2.0 provider that the token comes from, ``tokens`` its source.
    ``mechanisms`` is the operator's own list (empty: the default order). ``disabled`` names mechanisms that the default
    leaves out. ``in_clear`` allows a login without TLS, ``optional`` a delivery without login if none is offered.
    """

    username: str
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    mechanisms: tuple[str, ...] = ()
    disabled: frozenset[str] = frozenset()
    authorization_id: str = ""
    in_clear: bool = False
    optional: bool = False
    provider: str = ""
    tokens: TokenSource | None = field(default=None, repr=False)


class TrustSource(Record):
    """A trust or key manager provider as the transport needs it: its type and its values. ``secrets`` are never shown.

    ``entries`` reads the entries below a DN of the configuration's own storage, for the types that keep certificates
    there. It yields mappings from attribute to values. ``allowed`` is the code that the values may name, None without a
    limit.
    """

    type: str
    path: str
    values: Mapping[str, Any]
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)
    instance_directory: str = ""
    entries: Callable[[str], Iterable[Any]] | None = field(default=None, repr=False, compare=False)
    allowed: AllowedCode | None = None

    def get(self, name: str) -> Any:
        """Return a value, None if there is none."""
        return self.secrets.get(name, self.values.get(name))

    @property
    def description(self) -> str:
        """The provider in words and without secrets."""
        facts = ", ".join(f"{key}: {value}" for key, value in self.values.items() if value not in (None, (), True))
        return f"{self.path} ({self.type}{'; ' + facts if facts else ''})"


TEST_GREETING: Final = 10.0
"""Seconds that a test waits for a greeting, and for a TLS handshake."""

BLIND: Final = "blind-trust-manager-provider"
"""The type of trust manager provider that trusts any certificate."""

RUNTIME_TRUST: Final = TrustSource("runtime", "", {})
"""The source if no trust manager provider is named: the authorities that the runtime trusts."""


class TlsSettings(Record):
    """The settings of TLS except the trust: versions, suites (IANA names; TLS 1.2 only), and the check of the name.

    ``unchecked_hosts`` are the hosts (or ``*``) whose certificate is not checked. If it is not empty, all other hosts
    are refused.
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
    """How the envelope and the message are sent.

    ``chunk_size`` is the size of BDAT chunks in bytes; None leaves the choice between BDAT and DATA to the program, zero or
    less means that BDAT is never used. ``ignored_extensions`` are the keywords that count as not offered.
    """

    use_ehlo: bool = True
    send_partial: bool = False
    notify: str = ""
    ret: str = ""
    submitter: str = ""
    extension: str = ""
    keep_8bit: bool = False
    utf8_headers: bool = False
    chunk_size: int | None = None
    ignored_extensions: frozenset[str] = frozenset()
    wait_for_quit: bool = True
    quit_on_reject: bool = False
    probe_with_rset: bool = False
    strict_noop: bool = True
    fall_back_to_clear: bool = False


class PoolLimits(Record):
    """Limits of kept connections: their number, the messages over each, and the seconds each may be idle."""

    connections: int = 4
    messages: int = 100
    idle: float = 60.0


class TransportSetting(Record):
    """One effective transport setting: its name, its value (masked if it is secret), and where it came from."""

    name: str
    value: str
    origin: str


DECIDED: Final = {
    "host": "the host",
    "port": "the port",
    "security": "whether and how TLS is used",
    "username": "the user name",
}
"""What rows of ``smtp-property`` can decide instead of a property, in words."""


class DeliveryPlan(Record):
    """Everything that is needed to connect, protect, log in and send; decided and checked.

    ``sender`` is the default envelope sender: empty for bounces, None for ``postmaster`` at the EHLO name. If
    ``ehlo_name`` is None, EHLO gives the address literal of the local end of the connection. ``overrides`` are the rows
    of ``smtp-property`` that decided instead of a property, by what they decided (:data:`DECIDED`). ``keys`` is the key
    manager provider with the client's own certificate, if there is one. ``kind`` is the type of the mail server
    (:data:`~confobjects.mail.kinds.KINDS`).
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
    keys: TrustSource | None = None
    settings: tuple[TransportSetting, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    overrides: Mapping[str, str] = field(default_factory=dict)
    kind: str = GENERIC

    def for_test(self) -> DeliveryPlan:
        """Return the plan of a test, where somebody waits: the greeting is awaited for :data:`TEST_GREETING` at most."""
        limit = min(TEST_GREETING, self.timeouts.reply)
        return self.replace(timeouts=self.timeouts.replace(greeting=limit))

    def without_extension(self, extension: str) -> DeliveryPlan:
        """Return the plan of deliveries that do not use an extension, even if the server offers it."""
        ignored = self.options.ignored_extensions | {extension}
        return self.replace(options=self.options.replace(ignored_extensions=ignored))

    def sender_for(self, ehlo_name: str) -> str:
        """Return the default envelope sender of a session whose EHLO name is ``ehlo_name``."""
        return f"postmaster@{ehlo_name}" if self.sender is None else self.sender


def trust_source_of(provider: EffectiveObjectLike) -> TrustSource:
    """Return a trust or key manager provider's values as the transport needs them."""
    secret = {name: provider[name] for name in provider if provider.is_secret(name)}
    open_ = {name: provider[name] for name in provider if not provider.is_secret(name)}
    entries = getattr(provider, "entries", None)
    allowed = getattr(provider, "allowed_code", None)
    return TrustSource(provider.type, provider.path, open_, secret, provider.instance_directory, entries, allowed)


def address_literal(address: str) -> str:
    """Return an IP address in the form for EHLO and after an @ (RFC 5321, section 4.1.3)."""
    return f"[IPv6:{address.partition('%')[0]}]" if ":" in address else f"[{address}]"
