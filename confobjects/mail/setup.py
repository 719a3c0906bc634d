"""A guided set-up of mail: from a provider and a login to the values of a mail server and of a sender.

What has to be asked follows from the preset and from what has been given, and what can be changed after a failure from its
stage; nothing here asks, and nothing is tested here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal

from confobjects.mail.kinds import CUSTOM, EXTERNAL, SOCKET_FACTORY
from confobjects.mail.presets import REGION, MailPreset, Security, security_of
from confobjects.mail.token_hosts import HOSTS
from confobjects.records import Record, field
from confobjects.syntaxes.hosts import HostPortSyntax, bracket_host

Given = Mapping[str, tuple[str, ...]]
"""Values by property."""
Login = Literal["password", "oauth2", "none"]

SERVER_KIND: Final = "mail-server"
SENDER_KIND: Final = "mail-sender"
GENERIC_TYPE: Final = "generic"
"""The type that takes any port and way of TLS, with or without a login."""

ADDRESS: Final = "smtp-server"
USER: Final = "auth-username"
PASSWORD: Final = "auth-password"  # noqa: S105 - the name of a property
TRUST: Final = "trust-manager-provider"
PROVIDER: Final = "oauth2-provider"
FROM: Final = "from-address"
FROM_NAME: Final = "from-name"
USED: Final = "use-custom-sender"

_SSL: Final = "use-ssl"
_STARTTLS: Final = "use-start-tls"
_USUAL: Final = 465
_WORDS: Final[Mapping[Security, str]] = {"start-tls": "STARTTLS", "ssl": "TLS from the first byte"}
_CHOICES: Final[Mapping[str, Security]] = {_STARTTLS: "start-tls", _SSL: "ssl"}
_SECURED: Final = frozenset({"connect", "tls", "banner", "ehlo", "starttls", "plan"})
"""The stages of failures that another port, or another way of TLS, may mend."""
_ABOUT: Final = {
    ADDRESS: "the host name of the mail server, and after a colon its port; without one, port 465",
    USER: "the user name to log in with",
    PASSWORD: "the password to log in with",
    PROVIDER: "where the access tokens come from",
    FROM: "the mail address that your mails come from",
}


class Question(Record):
    """Something that has to be given: the kind and the property that it is for, and what to give, in words."""

    kind: str
    property: str
    about: str


class SetupRemedy(Record):
    """What can be done after a failure: the set-up as it then is, and what to ask again for it, by property."""

    label: str
    setup: MailSetup
    ask: tuple[str, ...] = ()


class MailSetup(Record):
    """What is known of a mail server and its sender so far.

    ``region`` is chosen where the host of the preset has one. ``security`` is how the connection is secured, None for what
    is usual on its port. ``server`` and ``sender`` are the values given, which come before those of the preset.
    """

    preset: MailPreset | None = None
    region: str = ""
    security: Security | None = None
    login: Login = "password"
    server: Given = field(default_factory=dict, repr=False)
    sender: Given = field(default_factory=dict)

    # -- what it comes to ----------------------------------------------------------------------------------------------

    @property
    def needs_region(self) -> bool:
        """Whether the host depends on a region that has not been chosen."""
        return self.preset is not None and self.preset.has_regions and not self.region and ADDRESS not in self.server

    @property
    def address(self) -> tuple[str, int] | None:
        """The host and the port, None as long as they are not known: also if they are wrong, or given by an expression."""
        if texts := self.server.get(ADDRESS, ()):
            try:
                [text] = texts
                host, port = HostPortSyntax(default_port=_USUAL).parse(text)
            except ValueError:
                return None
            return str(host), int(port)
        if self.preset is None or self.needs_region:
            return None
        return self.preset.host.replace(REGION, self.region), self.preset.port

    @property
    def way(self) -> Security:
        """How the connection is secured."""
        if self.security is not None:
            return self.security
        for name, way in _CHOICES.items():
            if self.server.get(name) == ("true",):
                return way
        return security_of(_USUAL if self.address is None else self.address[1])

    @property
    def server_type(self) -> str:
        """The type of mail server: one whose port says how TLS is used, wherever that is what is wanted."""
        if self.login == "oauth2":
            return EXTERNAL
        unusual = (
            self.security is not None and self.address is not None and security_of(self.address[1]) != self.security
        )
        chosen = any(name in self.server for name in (_SSL, _STARTTLS))
        return GENERIC_TYPE if self.login == "none" or unusual or chosen else CUSTOM

    def server_values(self) -> dict[str, tuple[str, ...]]:
        """Return the values of the mail server."""
        values: dict[str, tuple[str, ...]] = {"enabled": ("true",)}
        if self.address is not None:
            host, port = self.address
            values[ADDRESS] = (f"{bracket_host(host)}:{port}",)
        if self.preset is not None and self.preset.username and self.login == "password":
            values[USER] = (self.preset.username,)
        given = {name: texts for name, texts in self.server.items() if name != ADDRESS or self.address is None}
        return {**values, **self._make_security(), **given}

    def _make_security(self) -> dict[str, tuple[str, ...]]:
        """Return what says in values how the connection is secured; the type says it by itself where the port decides."""
        if self.server_type == GENERIC_TYPE:
            is_ssl = self.way == "ssl"
            return {_SSL: (str(is_ssl).lower(),), _STARTTLS: (str(not is_ssl).lower(),)}
        if self.server_type == CUSTOM:
            return {}
        port = _USUAL if self.address is None else self.address[1]
        values = {"authentication": ("oauth2",)}
        if self.way == "start-tls":
            return {**values, _STARTTLS: ("true",)}
        return {**values, "socket-factory-class": (SOCKET_FACTORY,), "socket-factory-port": (str(port),)}

    def begin_with(self) -> Mapping[str, Given]:
        """Return the values that other objects begin with if they are made for it, by their kind.

        The tokens of an OAuth 2.0 provider that is made for one mail provider are for that one only.
        """
        if self.preset is None or not self.preset.grants or self.address is None:
            return {}
        return {PROVIDER: {HOSTS: (self.address[0],)}}

    def sender_values(self, server_name: str) -> dict[str, tuple[str, ...]]:
        """Return the values of the sender, whose mails go through the server of that name.

        A login that is a mail address is the sender's address, unless another one is given.
        """
        values: dict[str, tuple[str, ...]] = {"enabled": ("true",), SERVER_KIND: (server_name,)}
        login = self.server_values().get(USER, ("",))[0]
        if "@" in login:
            values[FROM] = (login,)
        return {**values, **self.sender}

    def sender_address(self, server_name: str) -> str:
        """Return the mail address that mail comes from, empty as long as it is not known."""
        return self.sender_values(server_name).get(FROM, ("",))[0]

    def describe(self) -> str:
        """Return in words what mail server it is."""
        if self.address is None:
            return self.server_type
        host, port = self.address
        return f"{bracket_host(host)}:{port}, {_WORDS[self.way]}"

    # -- what has to be asked ------------------------------------------------------------------------------------------

    def questions(self, stored: frozenset[str] = frozenset()) -> Iterator[Question]:
        """Yield what has to be asked; ``stored`` are the properties that the objects have values of already."""
        values = self.server_values()
        login = {"password": (USER, PASSWORD), "oauth2": (USER, PROVIDER), "none": ()}[self.login]
        for name in (ADDRESS, *login):
            if not values.get(name) and name not in stored:
                yield self.question(name)
        if not self.sender_values("").get(FROM) and FROM not in stored:
            yield self.question(FROM)

    def question(self, name: str) -> Question:
        """Return the question for a property, in the words of the provider where it has some."""
        own = {} if self.preset is None else {USER: self.preset.login, PASSWORD: self.preset.password}
        if self.login == "oauth2":
            own = {USER: "the mail address of the mailbox"}
        return Question(_kind_of(name), name, own.get(name, "") or _ABOUT.get(name, "another value"))

    def with_value(self, kind: str, name: str, text: str) -> MailSetup:
        """Return the set-up with another value."""
        if kind == SENDER_KIND:
            return self.replace(sender={**self.sender, name: (text,)})
        return self.replace(server={**self.server, name: (text,)})

    def with_only_login(self) -> MailSetup:
        """Return the set-up with tokens for the login if the provider takes no password, and none was given."""
        if self.login == "password" and self.preset is not None and not self.preset.password:
            return self if PASSWORD in self.server else self.replace(login="oauth2")
        return self

    # -- what can be done after a failure ------------------------------------------------------------------------------

    def remedies(self, stage: str, blamed: str) -> Iterator[SetupRemedy]:
        """Yield what can be done after a test that failed at a stage, the likeliest first; a property may be to blame."""
        if stage in {"auth", "token"}:
            again = {"oauth2": (USER, PROVIDER)}.get(self.login, (USER, PASSWORD))
            what = "the password" if self.login == "password" else "the OAuth 2.0 provider"
            yield SetupRemedy(f"give the user name and {what} again", self, again)
        if blamed == TRUST or stage == "trust":
            yield SetupRemedy("choose whom to trust (a trust manager provider)", self, (TRUST,))
        if stage in _SECURED and blamed != TRUST:  # a certificate that is not trusted came by TLS that works
            other: Security = "ssl" if self.way == "start-tls" else "start-tls"
            yield SetupRemedy(f"use {_WORDS[other]} on this port", self.replace(security=other))
            yield from self._change_port()
        if stage not in {"auth", "token"}:
            yield SetupRemedy("give the address of the mail server again", self.replace(security=None), (ADDRESS,))
        yield SetupRemedy("test again, with the same values", self)

    def _change_port(self) -> Iterator[SetupRemedy]:
        """Yield the set-up with each other port that is usual, or that the provider documents."""
        if self.address is None:
            return
        host, now = self.address
        ports = (_USUAL, 587) if self.preset is None else (self.preset.port, *self.preset.other_ports)
        for port in ports:
            if port != now:
                changed = self.with_value(SERVER_KIND, ADDRESS, f"{bracket_host(host)}:{port}").replace(security=None)
                yield SetupRemedy(f"use port {port} ({_WORDS[security_of(port)]})", changed)


def _kind_of(name: str) -> str:
    """Return the kind of object that has a property of a set-up."""
    return SENDER_KIND if name in {FROM, FROM_NAME} else SERVER_KIND
