"""Requests as no browser sends them: what two programs could understand differently is refused, and the connection ends.

Behind a proxy, a body whose end the two see at different places lets a client put a request of its own into the connection of
somebody else (request smuggling, RFC 9112, section 11.2).
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.sessions import run
from tests.web.people import make_people, token_of
from tests.web.serving import ServeProcess

HOST = b"Host: localhost\r\n"
SECOND = b"GET /health?smuggled HTTP/1.1\r\n" + HOST + b"\r\n"


def get(path: bytes = b"/health", more: bytes = HOST, version: bytes = b"1.1", method: bytes = b"GET") -> bytes:
    """Return a request."""
    return method + b" " + path + b" HTTP/" + version + b"\r\n" + more + b"\r\n"


def post(more: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    """Return a request with a body, and a second one behind it."""
    return get(b"/sign-in", HOST + more, version, b"POST") + body + SECOND


CHUNKED = b"Transfer-Encoding: chunked\r\n"
REFUSED: dict[str, bytes] = {
    "both lengths": post(b"Content-Length: 4\r\n" + CHUNKED, b"0\r\n\r\n"),
    "both lengths, the other way round": post(CHUNKED + b"Content-Length: 4\r\n", b"0\r\n\r\n"),
    "chunks in HTTP/1.0": post(CHUNKED, b"0\r\n\r\n", b"1.0"),
    "another coding": post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    "a coding after chunked": post(b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n"),
    "chunked twice": post(CHUNKED + CHUNKED, b"0\r\n\r\n"),
    "a blank before the colon": post(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"),
    "two lengths": post(b"Content-Length: 0\r\nContent-Length: 5\r\n", b"hello"),
    "a length with a sign": post(b"Content-Length: +5\r\n", b"hello"),
    "a negative length": post(b"Content-Length: -1\r\n"),
    "a length in hexadecimal": post(b"Content-Length: 0x5\r\n", b"hello"),
    "a length with an underscore": post(b"Content-Length: 1_0\r\n", b"hellohello"),
    "a length of other digits": post(b"Content-Length: \xb2\r\n", b"he"),
    "a length of 5000 digits": post(b"Content-Length: " + b"9" * 5000 + b"\r\n"),
    "a negative chunk": post(CHUNKED, b"-1\r\n\r\n"),
    "a chunk with a prefix": post(CHUNKED, b"0x1\r\na\r\n0\r\n\r\n"),
    "two hosts": get(more=HOST + HOST) + SECOND,
    "no host": get(more=b"") + SECOND,
    "no host in HTTP/1.0": get(more=b"", version=b"1.0") + SECOND,
    "an absolute target": get(b"http://localhost/health") + SECOND,
    "an absolute target elsewhere": get(b"http://evil.test/health") + SECOND,
    "all of the server": get(b"*", method=b"OPTIONS") + SECOND,
    "a tunnel": get(b"localhost:25", method=b"CONNECT") + SECOND,
    "a NUL in the path": get(b"/he\0alth") + SECOND,
    "a NUL in a header": get(more=HOST + b"X: a\0b\r\n") + SECOND,
    "HTTP/0.9": b"GET /health\r\n\r\n" + SECOND,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SECOND,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100 + b"\r\n\r\n" + SECOND,
    "a compressed body": post(b"Content-Encoding: gzip\r\nContent-Length: 2\r\n", b"{}"),
    "a head that is too large": get(more=HOST + b"X: " + b"x" * 17_000 + b"\r\n"),
    "a target that is too large": get(b"/" + b"x" * 17_000),
    "too many headers": get(more=HOST + b"X: y\r\n" * 3000),
}
"""What is answered with an error, after which nothing more is read from the connection."""

HOSTS = (
    b"evil.test", b"localhost.evil.test", b"evil.test:8080", b"0.0.0.0", b"127.1", b"2130706433", b"0x7f.1", b"[::]", b"[::ffff:127.0.0.1]",
    b"localhost,evil.test", b"evil@localhost", b"localhost/", b"localhost\tevil", b"", b"xn--localhost", "l\u043ecalhost".encode(),
)  # fmt: skip
"""What is no name of this process, on this machine too."""


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    directory = tmp_path_factory.mktemp("served")
    url = f"ldif:{directory / 'config.ldif'}"
    assert run("init", "--url", url).status == 0
    make_people(Path(directory / "config.ldif.people"))
    with ServeProcess(url) as running:
        yield running.wait_for_start()
        assert running.end() == 0


def talk(process: ServeProcess, sent: bytes) -> bytes:
    """Return what is answered to some bytes until the connection ends."""
    with process.connect() as connection:
        answer = bytearray()
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(1 << 16):
                answer += part
        except ConnectionError:  # it has ended before all of it was read
            pass
        return bytes(answer)


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_be_understood_in_two_ways_is_refused(process: ServeProcess, name: str) -> None:
    answer = talk(process, REFUSED[name])
    statuses = re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)
    assert len(statuses) == 1, answer
    assert statuses[0] in (b"400", b"413", b"415", b"421", b"431")
    assert b"alive" not in answer


@pytest.mark.parametrize("host", HOSTS)
def test_no_other_host_is_served(process: ServeProcess, host: bytes) -> None:
    forwarded = b"X-Forwarded-Host: localhost\r\nForwarded: host=localhost\r\nX-Original-Host: localhost\r\n"
    answer = talk(process, get(more=b"Host: " + host + b"\r\n" + forwarded))
    assert answer.split()[1] in (b"400", b"421")
    assert b"alive" not in answer


def test_requests_one_after_the_other_are_answered_in_order(process: ServeProcess) -> None:
    answer = talk(
        process, get() + get(b"/nowhere/at/all") + get(method=b"HEAD") + get(more=HOST + b"Connection: close\r\n")
    )
    statuses = re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)
    assert statuses == [b"200", b"303", b"200", b"200"]


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
def test_no_other_protocol_is_spoken(process: ServeProcess, protocol: bytes) -> None:
    more = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: " + protocol + b"\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    keys = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    assert talk(process, get(more=HOST + more + keys)).startswith(b"HTTP/1.1 200 ")


def test_no_header_of_a_stranger_is_believed(process: ServeProcess) -> None:
    forged = b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Real-IP: 203.0.113.9\r\nForwarded: for=203.0.113.9\r\n"
    other = b"X-Original-URL: /metrics\r\nX-Rewrite-URL: /metrics\r\nX-HTTP-Method-Override: DELETE\r\n"
    answer = talk(process, get(more=HOST + forged + other + b"Connection: close\r\n"))
    assert b"alive" in answer
    assert b"strict-transport-security" not in answer.lower()
    line = process.err.until(lambda text: "/health" in text and " 200 18 " in text)
    assert "203.0.113.9" not in line


@pytest.mark.parametrize("method", [b"TRACE", b"OPTIONS", b"PROPFIND", b"get", b"GET\tX"])
def test_no_method_tells_what_was_sent(process: ServeProcess, method: bytes) -> None:
    answer = talk(process, get(more=HOST + b"Cookie: a=s3cret\r\nOrigin: http://evil.test\r\n", method=method))
    assert answer.split()[1] in (b"400", b"405")
    assert b"s3cret" not in answer
    assert b"access-control" not in answer.lower()


def test_a_token_in_the_address_counts_for_nothing_and_is_not_logged(process: ServeProcess) -> None:
    token = token_of("administrator").encode()
    query = b"?access_token=" + token + b"&token=" + token + b"&authorization=Bearer%20" + token
    assert talk(process, get(b"/metrics" + query)).split()[1] == b"401"
    assert token.decode() not in process.err.until(lambda line: "/metrics" in line)


@pytest.mark.parametrize(
    "text",
    [b"%0d%0aSet-Cookie:%20a=b", b"%0aX: y", b"%e2%80%a8x", b"\x1b[2J", b"%1b[2J", b'","level":"error', b"\xff\xfe"],
)
def test_what_is_asked_for_begins_no_header_and_no_line_of_the_log(process: ServeProcess, text: bytes) -> None:
    sent = get(
        b"/" + text.replace(b" ", b"%20") + b"?next=" + text.replace(b" ", b"%20"),
        HOST + b"User-Agent: " + text.strip(b"\x1b") + b"\r\n",
    )
    answer = talk(process, sent)
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert b"\r\nset-cookie" not in head
    assert b"\nx: y" not in head
    line = process.err.next()
    assert line is not None
    assert line.isprintable()
    assert line.startswith("20")
