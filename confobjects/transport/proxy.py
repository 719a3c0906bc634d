"""Connecting through a proxy: HTTP CONNECT (RFC 9110, section 9.3.6) and SOCKS5 (RFC 1928).

The proxy gets the configured name of the mail server and resolves it itself.
"""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Iterator
from typing import Final

from confobjects.mail.diagnosis import Trouble, diagnose
from confobjects.mail.plan import Proxy
from confobjects.mail.wire import check_field
from confobjects.syntaxes.hosts import ascii_host, bracket_host
from confobjects.texts.visible import make_visible
from confobjects.transport.channel import SmtpChannel

_LONGEST_ANSWER: Final = 16_384

_SOCKS_ANSWERS: Final = {
    1: "general failure",
    2: "its rules do not allow the connection",
    3: "the network is unreachable",
    4: "the host is unreachable",
    5: "the connection was refused",
    6: "the time to live expired",
    7: "it does not support CONNECT",
    8: "it does not support this type of address",
}


_SETTINGS: Final = {"http": "mail.smtp.proxy.host", "socks5": "mail.smtp.socks.host"}

_ITS_OWN: Final = {
    ("resolve", "name-unknown"): "proxy-unknown",
    ("resolve", "name-unusable"): "proxy-unknown",
    ("resolve", "name-temporary"): "proxy-unreachable",
    ("resolve", "resolve-timeout"): "proxy-unreachable",
    ("connect", "connection-refused"): "proxy-unreachable",
    ("connect", "connect-timeout"): "proxy-unreachable",
    ("connect", "unreachable"): "proxy-unreachable",
    ("connect", "connect-failed"): "proxy-unreachable",
    ("connect", "timeout"): "proxy-unreachable",
    ("connect", "connection-lost"): "proxy-unreachable",
}
"""Stage and kind of a failure to reach a proxy -> its code in the diagnosis."""

_WORDS: Final = {"timeout": "it did not answer within {limit} s", "connection-lost": "{message}"}
"""Words for kinds whose words in the table are about mail servers."""


@contextlib.contextmanager
def blame_proxy(proxy: Proxy | None) -> Iterator[None]:
    """Turn a failure to reach a proxy into one that names the proxy, not the mail server. Raises Trouble."""
    try:
        yield
    except Trouble as trouble:
        code = _ITS_OWN.get((trouble.stage, trouble.kind))
        if proxy is None or code is None:
            raise
        words = _WORDS.get(trouble.kind)
        raise Trouble(
            trouble.stage,
            code,
            proxy=_name_of(proxy),
            setting=_SETTINGS[proxy.kind],
            message=words.format_map(trouble.facts) if words else diagnose(trouble, {"host": proxy.host}).summary,
            detail=trouble.facts.get("detail", []),
        ) from None


def open_tunnel(channel: SmtpChannel, proxy: Proxy, host: str, port: int) -> None:
    """Ask the proxy to connect to a host. Raises :class:`~confobjects.mail.diagnosis.Trouble` of stage connect."""
    try:
        name = ascii_host(check_field(host, "the host name"))
    except UnicodeError:
        raise Trouble("connect", "name-unusable", message="it cannot be written in ASCII (IDNA 2008)") from None
    _TUNNELS[proxy.kind](channel, proxy, name, port)


def _tunnel_http(channel: SmtpChannel, proxy: Proxy, host: str, port: int) -> None:
    target = f"{bracket_host(host)}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.username:
        credentials = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {credentials}")
    channel.send("".join(f"{line}\r\n" for line in [*lines, ""]).encode(), "connect")
    answer = _read_final_head(channel, proxy)
    status = answer.split(b"\n", 1)[0].rstrip(b"\r").split(b" ", 2)
    if len(status) < 2 or not status[0].startswith(b"HTTP/") or not status[1].isdigit():
        raise _proxy_refusal(proxy, f'it is not an HTTP proxy: "{make_visible(answer[:80])}"')
    if status[1][:1] != b"2":
        raise _proxy_refusal(proxy, make_visible(b" ".join(status[1:])))


_MOST_INTERIM: Final = 8
"""Interim answers (1xx) before the final one."""

_INTERIM: Final = re.compile(rb"HTTP/[0-9.]+ 1[0-9][0-9](?![0-9])")


def _read_final_head(channel: SmtpChannel, proxy: Proxy) -> bytes:
    """Return the head of the final answer; interim ones, such as ``100 Continue``, say nothing (RFC 9110, section 15.2)."""
    for _ in range(_MOST_INTERIM):
        answer = _read_head(channel, proxy)
        if not _INTERIM.match(answer):
            return answer
    raise _proxy_refusal(proxy, "it sends one interim answer after another")


def _read_head(channel: SmtpChannel, proxy: Proxy) -> bytes:
    """Return the head of the answer. It is read byte by byte: the bytes after it come from the mail server."""
    step, answer = channel.begin_reply_wait(), bytearray()
    while not answer.endswith((b"\r\n\r\n", b"\n\n", b"\n\r\n")):  # a lone LF ends a line too (RFC 9112, section 2.2)
        piece = channel.receive(step, "connect", 1)
        if not piece:
            raise _proxy_refusal(proxy, "it closed the connection")
        answer += piece
        if len(answer) > _LONGEST_ANSWER:
            raise _proxy_refusal(proxy, "its answer does not end")
    return bytes(answer)


def _tunnel_socks5(channel: SmtpChannel, proxy: Proxy, host: str, port: int) -> None:
    channel.send(b"\x05\x01\x00", "connect")  # version 5, one method: no login
    version, method = _read_exactly(channel, proxy, 2)
    if version != 5:
        raise _proxy_refusal(proxy, "it is not a SOCKS5 proxy")
    if method != 0:
        raise _proxy_refusal(proxy, "it requires a login, which the settings for SOCKS do not support")
    name = host.encode()
    channel.send(b"\x05\x01\x00\x03" + bytes([len(name)]) + name + port.to_bytes(2, "big"), "connect")
    _, status, _, kind = _read_exactly(channel, proxy, 4)
    if status != 0:
        raise _proxy_refusal(proxy, _SOCKS_ANSWERS.get(status, f"answer {status}"))
    length = {1: 4, 4: 16}.get(kind) or _read_exactly(channel, proxy, 1)[0]
    _read_exactly(channel, proxy, length + 2)  # the address it connected from, which is not needed


def _read_exactly(channel: SmtpChannel, proxy: Proxy, count: int) -> bytes:
    step, answer = channel.begin_reply_wait(), b""
    while len(answer) < count:
        piece = channel.receive(step, "connect", count - len(answer))
        if not piece:
            raise _proxy_refusal(proxy, "it closed the connection")
        answer += piece
    return answer


def _name_of(proxy: Proxy) -> str:
    return f"{bracket_host(proxy.host)}:{proxy.port}"


def _proxy_refusal(proxy: Proxy, message: str) -> Trouble:
    return Trouble("connect", "proxy-refused", proxy=_name_of(proxy), message=message)


_TUNNELS: Final = {"http": _tunnel_http, "socks5": _tunnel_socks5}
