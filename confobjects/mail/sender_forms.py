"""The form of a mail sender with a mail server of its own, as PingOne has it: its fields, and the objects that they become.

The words are those of the form "Configuring a custom SMTP email notification server" of PingOne. What each field becomes is a
property of one of two objects: the mail server, and the mail sender, whose mail goes through it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from confobjects.expressions.openers import has_opener
from confobjects.mail.kinds import CUSTOM
from confobjects.mail.presets import REGION, MailPreset
from confobjects.mail.setup import (
    ADDRESS,
    FROM,
    FROM_NAME,
    PASSWORD,
    SENDER_KIND,
    SERVER_KIND,
    TRUST,
    USED,
    USER,
    Given,
    MailSetup,
    SetupRemedy,
)
from confobjects.records import Record
from confobjects.syntaxes.hosts import HostPortSyntax, bracket_host

if TYPE_CHECKING:
    from confobjects.mail.plan import EffectiveObjectLike

SERVER_TYPE: Final = CUSTOM
"""The type of mail server that the form makes."""
PORT: Final = "port"
HOST: Final = "server-name"
USUAL_PORT: Final = "465"
"""What a mail server of that type uses if no port is given."""
_ENABLED: Final = "enabled"
_SSL: Final = "use-ssl"
_STARTTLS: Final = "use-start-tls"


class FormField(Record):
    """One field: its name in the form, its label, what to give, and the property of which kind of object it becomes."""

    name: str
    label: str
    about: str
    kind: str
    property: str
    mandatory: bool = False
    secret: bool = False
    usual: str = ""


SERVER_FIELDS: Final = (
    FormField(USER, "Username", "The user name at the mail server.", SERVER_KIND, USER, mandatory=True),
    FormField(PASSWORD, "Password", "Its password.", SERVER_KIND, PASSWORD, mandatory=True, secret=True),
    FormField(HOST, "Server Name", "The host name of the mail server.", SERVER_KIND, ADDRESS, mandatory=True),
    FormField(
        PORT,
        "Port",
        "On port 25, 587 and 2525 the connection is secured with STARTTLS, on any other port with TLS from the first byte.",
        SERVER_KIND,
        ADDRESS,
        usual=USUAL_PORT,
    ),
    FormField(TRUST, "Trusted Certificates", "Who may vouch for the certificate of the server.", SERVER_KIND, TRUST),
)
SENDER_FIELDS: Final = (
    FormField(FROM_NAME, "From Name", "The name that mail programs show as the sender.", SENDER_KIND, FROM_NAME),
    FormField(FROM, "From Address", "The address that mail comes from.", SENDER_KIND, FROM, mandatory=True),
    FormField("reply-to-name", "Reply-To Name", "The name that replies go to.", SENDER_KIND, "reply-to-name"),
    FormField(
        "reply-to-address", "Reply-To Address", "The address that replies go to.", SENDER_KIND, "reply-to-address"
    ),
)
FIELDS: Final = (*SERVER_FIELDS, *SENDER_FIELDS)

SERVICE_CHOICES: Final = (USED, "sender", "default-sender")
"""The properties of the mail service that say who mail comes from: whether the custom sender is used, that one, the default one."""
SERVICE_STATE: Final = "enabled"
"""Its property that says whether mail is accepted."""
SERVICE_LIMITS: Final = (
    "recipient-limit",
    "recipient-window",
    "limited-category",
    "suppress-after",
    "rate-limit",
)
"""Its properties that say how much mail is accepted."""


def split_address(text: str) -> tuple[str, str]:
    """Return the host and the port of an address as the form shows them; an expression is all of it."""
    if has_opener(text):
        return text, ""
    try:
        host, port = HostPortSyntax(default_port=int(USUAL_PORT)).parse(text)
    except ValueError:
        return text, ""
    return bracket_host(str(host)), str(port) if text.endswith(f":{port}") else ""


def join_address(host: str, port: str) -> str:
    """Return the address of a host and a port as it is stored."""
    return f"{host}:{port}" if host and port else host


def read_values(server: Given, sender: Given) -> dict[str, str]:
    """Return what the fields of a form show of two objects, without the password."""
    sides = {SERVER_KIND: server, SENDER_KIND: sender}
    shown = {one.name: (sides[one.kind].get(one.property) or ("",))[0] for one in FIELDS if not one.secret}
    shown[HOST], shown[PORT] = split_address((server.get(ADDRESS) or ("",))[0])
    return shown


def make_values(typed: Mapping[str, str], kind: str) -> dict[str, tuple[str, ...]]:
    """Return the values of the object of a kind that the fields of a form become; () for a field that is empty."""
    found = {one.property: typed.get(one.name, "") for one in FIELDS if one.kind == kind}
    if kind == SERVER_KIND:
        found[ADDRESS] = join_address(typed.get(HOST, ""), typed.get(PORT, ""))
    return {name: (text,) if text else () for name, text in found.items()}


def begin_with(kind: str, server_name: str) -> dict[str, tuple[str, ...]]:
    """Return the values that no field has of a new object of a kind."""
    return {_ENABLED: ("true",), **({SERVER_KIND: (server_name,)} if kind == SENDER_KIND else {})}


def begin_from(preset: MailPreset) -> dict[str, str]:
    """Return what the fields show first for a provider."""
    return {HOST: "" if REGION in preset.host else preset.host, PORT: str(preset.port), USER: preset.username}


# -- what mends a failure ----------------------------------------------------------------------------------------------


class Mending(Record):
    """A change of a mail server that may mend a failed test: in words, and its values; or what is to be given again."""

    label: str
    values: Given
    ask: tuple[str, ...] = ()


def find_mendings(server: EffectiveObjectLike, type_: str, stage: str, blamed: str) -> Iterator[Mending]:
    """Yield what may mend a test of a mail server that failed at a stage, the likeliest first."""
    setup = _read_setup(server, type_)
    if setup is None:
        return
    for one in setup.remedies(stage, blamed):
        if one.ask:
            yield Mending(one.label, {}, one.ask)
        elif one.setup != setup and (values := _find_values(one, type_)):
            yield Mending(one.label, values)


def _read_setup(server: EffectiveObjectLike, type_: str) -> MailSetup | None:
    """Return the set-up that a mail server has; None for a type whose way of TLS is chosen otherwise."""
    if type_ not in {SERVER_KIND, SERVER_TYPE}:
        return None
    host, port = server[ADDRESS]
    address = {ADDRESS: (f"{bracket_host(str(host))}:{port}",)}
    way = "ssl" if server[_SSL] else "start-tls"
    return MailSetup(server=address, security=None if type_ == SERVER_TYPE else way)  # type: ignore[arg-type]


def _find_values(one: SetupRemedy, type_: str) -> Given:
    setup = one.setup
    if type_ == SERVER_TYPE:
        is_possible = setup.server_type == SERVER_TYPE
        return {ADDRESS: setup.server_values()[ADDRESS]} if is_possible else {}
    values = setup.replace(login="none").server_values()
    return {name: values[name] for name in (ADDRESS, _SSL, _STARTTLS)}
