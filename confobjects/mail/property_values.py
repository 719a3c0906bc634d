"""The types of SMTP properties: texts in, Python values out. A ValueError says what was expected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from confobjects.diagnostics import find_misspelt
from confobjects.mail.property_table import EXTENSIONS, MECHANISMS, NEVER_USED, OBJECT, WEAKNESSES, PropertyRow


class UnexpectedValueError(ValueError):
    """A value is not one of its type. The message says what was expected and does not repeat the value."""

    def __init__(self, expected: str) -> None:
        super().__init__(f"expected {expected}")


def _parse_boolean(text: str) -> bool:
    folded = text.strip().lower()
    if folded not in ("true", "false"):
        raise UnexpectedValueError("true or false")
    return folded == "true"


def _parse_integer(text: str) -> int:
    digits = text.strip().lower()
    try:
        return int(digits, 16 if digits.removeprefix("-").startswith("0x") else 10)
    except ValueError:
        raise UnexpectedValueError("a whole number: decimal, or 0x and hexadecimal digits") from None


def _make_range_parser(low: int, high: int, words: str) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = _parse_integer(text)
        if not low <= number <= high:
            raise UnexpectedValueError(words)
        return number

    return parse


def _parse_text(text: str) -> str:
    """Return a text as it was typed. Blanks around it would be sent, and nobody sees them in a message."""
    if not text.strip():
        raise UnexpectedValueError("a text")
    if text != text.strip():
        raise UnexpectedValueError("a text that neither begins nor ends with a blank")
    return text


def _parse_secret(text: str) -> str:
    """Return a secret as it was given; a blank may be a part of it."""
    if not text:
        raise UnexpectedValueError("a text")
    return text


def _refuse_object(_text: str) -> str:
    raise ValueError(OBJECT)


def _parse_host(text: str) -> str:
    from confobjects.syntaxes.hosts import host_problem, is_ipv6

    host = text.strip().removeprefix("[").removesuffix("]")
    if not is_ipv6(host) and (problem := host_problem(host)):
        raise UnexpectedValueError(f"a host name or an IP address: {problem}")
    return host


def _parse_host_port(text: str) -> tuple[str, int | None]:
    """Return a host, and its port if one follows."""
    host, colon, digits = text.strip().rpartition(":")
    if not colon or "]" in digits or (":" in host and not host.startswith("[")):
        return _parse_host(text), None
    return _parse_host(host), _parse_port(digits)


def _parse_address(text: str) -> str:
    from confobjects.syntaxes.hosts import is_ipv4, is_ipv6

    address = text.strip().removeprefix("[").removesuffix("]")
    if not is_ipv4(address) and not is_ipv6(address):
        raise UnexpectedValueError("an IP address")
    return address


def _parse_local_name(text: str) -> str:
    from confobjects.syntaxes.hosts import host_problem, is_ipv4, is_ipv6

    name = text.strip()
    if name.startswith("[") and name.endswith("]"):
        inner = name[1:-1]
        if is_ipv4(inner) or is_ipv6(inner.removeprefix("IPv6:")):
            return name
        raise UnexpectedValueError("a host name or an address literal such as [192.0.2.1]")
    if is_ipv4(name) or is_ipv6(name):
        raise UnexpectedValueError(f"a host name or an address literal: write the address in brackets, [{name}]")
    if problem := host_problem(name):
        raise UnexpectedValueError(f"a host name or an address literal: {problem}")
    return name


def _parse_sender(text: str) -> str:
    from confobjects.syntaxes.base import ValueSyntaxError
    from confobjects.syntaxes.mailaddress import MailAddress

    if text.strip() == "<>":
        return ""
    try:
        address: str = MailAddress().parse(text)
    except ValueSyntaxError as error:
        raise ValueError(str(error)) from None
    return address


def _split_words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _make_choice_parser(choices: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        for choice in choices:
            if choice.lower() == text.strip().lower():
                return choice
        raise UnexpectedValueError(f"{', '.join(choices[:-1])} or {choices[-1]}")

    return parse


def _parse_notify(text: str) -> str:
    words = [word.upper() for word in _split_words(text)]
    wrong = [word for word in words if word not in ("NEVER", "SUCCESS", "FAILURE", "DELAY")]
    if wrong or not words or len(set(words)) < len(words) or ("NEVER" in words and len(words) > 1):
        raise UnexpectedValueError("NEVER, or some of SUCCESS, FAILURE and DELAY")
    return ",".join(words)


def _parse_mechanisms(text: str) -> tuple[str, ...]:
    words = [word.upper() for word in _split_words(text)]
    for word in words:
        if word not in MECHANISMS and word not in NEVER_USED:
            near = find_misspelt(word, MECHANISMS)
            hint = f'; did you mean "{near}"?' if near else ""
            raise ValueError(f'"{word}" is not a known login mechanism, expected some of {", ".join(MECHANISMS)}{hint}')
    usable = tuple(dict.fromkeys(word for word in words if word in MECHANISMS))
    if not usable:
        reasons = "; ".join(dict.fromkeys(NEVER_USED[word] for word in words))
        raise UnexpectedValueError(f"some of {', '.join(MECHANISMS)}" + (f": {reasons}" if reasons else ""))
    return usable


_FACTORIES: Final = {
    "javax.net.ssl.sslsocketfactory": "tls",
    "com.sun.mail.util.mailsslsocketfactory": "tls",
    "javax.net.socketfactory": "plain",
}


def _parse_factory(text: str) -> str:
    kind = _FACTORIES.get(text.strip().lower())
    if kind is None:
        raise UnexpectedValueError(
            "javax.net.ssl.SSLSocketFactory (TLS from the first byte) or javax.net.SocketFactory (plain): "
            "other Java classes cannot be used"
        )
    return kind


_VERSIONS: Final = {"tlsv1.2": "TLSv1.2", "tlsv1.3": "TLSv1.3"}
_OLD_VERSIONS: Final = ("tlsv1", "tlsv1.0", "tlsv1.1", "sslv3", "sslv2", "sslv2hello")


def _parse_protocols(text: str) -> tuple[str, ...]:
    words = _split_words(text)
    old = dict.fromkeys(word for word in words if word.lower() in _OLD_VERSIONS)
    usable = tuple(dict.fromkeys(_VERSIONS[word.lower()] for word in words if word.lower() in _VERSIONS))
    if len(usable) == 0 or any(word.lower() not in _VERSIONS and word not in old for word in words):
        reason = ": older versions are broken (RFC 8996)" if old else ""
        raise UnexpectedValueError(f"TLSv1.2, TLSv1.3 or both{reason}")
    if old:
        raise ValueError(f"{', '.join(old)} cannot be used: versions before TLSv1.2 are broken (RFC 8996)")
    return usable


_SUITE: Final = (
    r"(TLS|SSL)_((ECDHE|ECDH|DHE|DH|RSA)_)?(RSA|ECDSA|DSS|PSK)"
    r"_WITH_((AES|CAMELLIA|ARIA)_(128|256)_(CBC|GCM|CCM|CCM_8)(_SHA(256|384)?)?|CHACHA20_POLY1305_SHA256)"
)
"""The names that the IANA registry gives to suites of TLS 1.2 that OpenSSL can use."""


def _parse_suites(text: str) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(_split_words(text)))
    if not words or any(not word.replace("_", "").replace("-", "").isalnum() for word in words):
        raise UnexpectedValueError("names of cipher suites, separated by blanks or commas")
    if not any(map(_is_suite, words)):
        raise UnexpectedValueError(
            "at least one suite of TLS 1.2, such as TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: those of TLS 1.3 cannot be "
            "chosen"
        )
    return words


def _is_suite(name: str) -> bool:
    """Tell whether a name may be a suite of TLS 1.2. Names of OpenSSL's own form are not known here."""
    from re import fullmatch

    return not name.startswith(("TLS_", "SSL_")) or fullmatch(_SUITE, name) is not None


def _parse_hosts(text: str) -> tuple[str, ...]:
    words = tuple(_split_words(text))
    if not words:
        raise UnexpectedValueError("* or names of hosts, separated by blanks")
    return words if "*" in words else tuple(map(_parse_host, words))


def _parse_extensions(text: str) -> tuple[str, ...]:
    words = [word.upper() for word in _split_words(text)]
    known = ", ".join(EXTENSIONS)
    for word in words:
        if word not in EXTENSIONS:
            near = find_misspelt(word, EXTENSIONS)
            hint = f'; did you mean "{near}"?' if near else ""
            raise ValueError(f'"{word}" is not an extension that can be ignored, expected some of {known}{hint}')
    if not words:
        raise UnexpectedValueError(f"some of {known}")
    return tuple(dict.fromkeys(words))


def _parse_weaknesses(text: str) -> tuple[str, ...]:
    words = _split_words(text)
    known = ", ".join(WEAKNESSES)
    for word in words:
        if word not in WEAKNESSES:
            near = find_misspelt(word, WEAKNESSES)
            hint = f'; did you mean "{near}"?' if near else ""
            raise ValueError(f'"{word}" is not a known weakness, expected some of {known}{hint}')
    if not words:
        raise UnexpectedValueError(f"some of {known}")
    return tuple(dict.fromkeys(words))


_parse_port: Final = _make_range_parser(1, 65535, "a port from 1 to 65535")

_TYPES: Final[dict[str, Callable[[str], Any]]] = {
    "address": _parse_address,
    "boolean": _parse_boolean,
    "count": _make_range_parser(1, 1_000_000, "a whole number from 1 to 1000000"),
    "extensions": _parse_extensions,
    "factory": _parse_factory,
    "host": _parse_host,
    "host-port": _parse_host_port,
    "hosts": _parse_hosts,
    "integer": _parse_integer,
    "local-name": _parse_local_name,
    "mechanisms": _parse_mechanisms,
    "milliseconds": _make_range_parser(
        1, 86_400_000, "a number of milliseconds from 1 to 86400000 (a day); every wait has a limit"
    ),
    "name": _parse_text,
    "notify": _parse_notify,
    "object": _refuse_object,
    "port": _parse_port,
    "protocols": _parse_protocols,
    "secret": _parse_secret,
    "sender": _parse_sender,
    "size": _make_range_parser(-1, 2**31 - 1, "a number of bytes, or -1 to switch it off"),
    "suites": _parse_suites,
    "text": _parse_text,
    "weaknesses": _parse_weaknesses,
}


def parse_value(row: PropertyRow, value: str) -> Any:
    """Return the typed value of a row. Raises ValueError with what was expected."""
    parse = _TYPES.get(row.type) or _make_choice_parser(tuple(row.type.split("|")))
    return parse(value)
