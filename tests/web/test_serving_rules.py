"""What is let in: hosts, proxies, connections, bodies and slow clients; and what the log says of it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from starlette.responses import PlainTextResponse, Response

from confobjects.errors import UsageError
from confobjects.management import ManagementContext
from confobjects.tls.serving import ServerCertificate
from confobjects.web.app import make_app
from confobjects.web.endpoints import Call, Endpoint
from confobjects.web.identity.people_file import PeopleFile
from confobjects.web.identity.recognition import Identity
from confobjects.web.served import Served as ServedConfiguration
from confobjects.web.serving.accepting import Door, Limits, guard_socket
from confobjects.web.serving.access_log import Served, format_json, format_text
from confobjects.web.serving.certificates import ExpiryTeller
from confobjects.web.serving.guarding import HEADERS, Guard, Rules
from confobjects.web.serving.hosts import make_hosts, parse_host
from confobjects.web.serving.listening import Listening, judge_listening, may_connect, parse_listen, parse_network
from confobjects.web.serving.protocol import Deadlines
from confobjects.web.serving.proxies import Forwarded, read_forwarded
from confobjects.web.serving.server import WebServer, make_config, open_socket
from confobjects.web.site import Web

HOST = b"Host: localhost\r\n"


# -- where it listens --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "x", ":1", "h:", "h:x", "h:65536", "::1:80", "[h]:1", "[::1]", "h:+1"])
def test_what_is_no_address_to_listen_at(text: str) -> None:
    with pytest.raises(UsageError):
        parse_listen(text)


@pytest.mark.parametrize(
    ("text", "one", "all_"),
    [("10.0.0.1/24", "10.0.0.1", "10.0.0.0/24"), ("2001:db8::7/64", "2001:db8::7", "2001:db8::/64")],
)
def test_a_proxy_is_one_address_or_a_whole_network(text: str, one: str, all_: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_network(text)
    assert caught.value.diagnostics[0].remedy == f"give {one} for the one proxy, or {all_} for the whole network"
    assert str(parse_network(one)).partition("/")[0] == one
    assert str(parse_network(all_)) == all_
    with pytest.raises(UsageError, match="is no address of a proxy"):
        parse_network("proxy.example.com")


def test_beyond_this_machine_it_demands_tls_or_a_proxy() -> None:
    plain = Listening("x", 1)
    judge_listening(plain, "127.0.0.1")
    judge_listening(plain, "::1")
    judge_listening(plain.replace(has_tls=True), "192.0.2.1")
    judge_listening(plain.replace(proxies=(parse_network("192.0.2.9"),)), "192.0.2.1")
    for refused, address in ((plain, "192.0.2.1"), (plain.replace(has_tls=True), "0.0.0.0"), (plain, "::")):
        with pytest.raises(UsageError):
            judge_listening(refused, address)


def test_in_clear_text_only_named_proxies_connect() -> None:
    listening = Listening("x", 1, proxies=(parse_network("192.0.2.0/28"),))
    assert may_connect(listening, "192.0.2.9", "192.0.2.1")
    assert may_connect(listening, "::ffff:192.0.2.9", "::")
    assert may_connect(listening, "127.0.0.1", "192.0.2.1")
    assert not may_connect(listening, "192.0.2.99", "192.0.2.1")


# -- hosts and proxies -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", ":80", "a b", "a:x", "a:123456", "[::1", "[::1]x", "a/b", "u@a", "é"])
def test_what_is_no_host(text: str) -> None:
    assert parse_host(text) is None


def test_hosts_are_compared_without_port_case_and_last_dot() -> None:
    hosts = make_hosts("192.0.2.7", ["Console.Example.com"])
    for text in ("LOCALHOST:1", "127.0.0.1", "[::1]:8080", "192.0.2.7:9", "console.example.com."):
        assert parse_host(text) in hosts
    assert parse_host("localhost.evil.test") not in hosts


def test_only_named_proxies_are_believed() -> None:
    proxies = (parse_network("192.0.2.9"),)
    headers = [
        (b"x-forwarded-for", b"203.0.113.1, 198.51.100.7, 192.0.2.9"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"console.example.com"),
    ]
    seen = Forwarded("192.0.2.9", "http", "inside")
    assert read_forwarded(seen, headers, proxies) == Forwarded("198.51.100.7", "https", "console.example.com")
    stranger = seen.replace(client="192.0.2.10")
    assert read_forwarded(stranger, headers, proxies) == stranger
    forged = [(b"x-forwarded-for", b"1.2.3.4, \x1b[2J"), (b"x-forwarded-proto", b"gopher")]
    assert read_forwarded(seen, forged, proxies) == seen


# -- the log -----------------------------------------------------------------------------------------------------------


def test_a_line_of_the_log_has_no_secret_and_no_control_character() -> None:
    one = Served("192.0.2.1", "ann\n\x1b[2J", "GET", "/first/s3cret?token=s3cret", 200, 5, 1.25)
    for line in (format_json(one), format_text(one)):
        assert "s3cret" not in line
        assert line.isprintable()
    told = json.loads(format_json(one))
    assert (told["person"], told["path"], told["status"]) == (one.person, "/first/…", 200)


# -- a server with short deadlines -------------------------------------------------------------------------------------


async def _echo(call: Call) -> Response:
    return PlainTextResponse(str(len(await call.request.body())))


async def _break(_: Call) -> Response:
    raise RuntimeError("s3cret")


ENDPOINTS = (
    Endpoint("POST", "/echo", "nobody", _echo, "How long the body is."),
    Endpoint("GET", "/break", "nobody", _break, "A mistake of ours."),
)


def _open_nothing() -> ManagementContext:
    raise AssertionError


def talk(*messages: bytes, deadlines: Deadlines | None = None, limits: Limits | None = None) -> tuple[bytes, Guard]:
    """Return what a server answers to some bytes on one connection until it closes that."""
    app = make_app(Web(ServedConfiguration(_open_nothing), Identity(PeopleFile("/nowhere/people"))), (), ENDPOINTS)
    guard = Guard(app, Rules(make_hosts("127.0.0.1", ()), largest=1000), lambda _: None)

    async def run() -> bytes:
        bound = guard_socket(open_socket("127.0.0.1", 0), Door(limits or Limits(), lambda _: True))
        address = bound.getsockname()
        begun = asyncio.Event()
        server = WebServer(make_config(guard, lambda _: None, deadlines=deadlines), begun.set, lambda: None)
        task = asyncio.create_task(server.serve([bound]))
        await begun.wait()
        reader, writer = await asyncio.open_connection(*address)
        for message in messages:
            writer.write(message)
        answer = await asyncio.wait_for(reader.read(), 60)
        writer.close()
        server.ask_end()
        await task
        return answer

    return asyncio.run(run()), guard


SHORT = Deadlines(head=0.2, body=0.2, write=0.2, idle=60.0)


def test_a_head_that_never_ends_is_given_up() -> None:
    answer, _ = talk(b"GET / HTTP/1.1\r\n" + HOST, deadlines=SHORT)
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_body_that_never_ends_is_given_up() -> None:
    answer, _ = talk(b"POST /echo HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\nx", deadlines=SHORT)
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_who_says_nothing_is_given_up_also_after_an_answer() -> None:
    assert talk(deadlines=SHORT)[0] == b""
    whole = b"POST /echo HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n"
    answer, _ = talk(whole, b"GET", deadlines=SHORT)
    assert (answer.count(b"HTTP/1.1 200 "), answer.count(b"HTTP/1.1 408 ")) == (1, 1)


def test_a_connection_too_many_is_not_accepted() -> None:
    whole = b"POST /echo HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\nConnection: close\r\n\r\n"
    assert talk(whole)[0].startswith(b"HTTP/1.1 200 ")
    try:
        answer, _ = talk(whole, limits=Limits(of_one=0))
    except ConnectionError:  # how the end of a connection is seen depends on who is faster
        return
    assert answer == b""


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (400, b"GARBAGE\r\n\r\n"),
        (400, b"GET http://localhost/ HTTP/1.1\r\n" + HOST + b"\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"x" * 20_000),
        (413, b"POST /echo HTTP/1.1\r\n" + HOST + b"Content-Length: 1001\r\n\r\n"),
        (413, b"POST /echo HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001 + b"\r\n"),
        (421, b"GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n"),
    ],
)
def test_what_is_refused(status: int, request_: bytes) -> None:
    answer, _ = talk(request_)
    assert answer.startswith(b"HTTP/1.1 %d " % status)


def test_every_answer_has_the_headers_and_tells_nothing_of_a_mistake() -> None:
    answer, guard = talk(b"GET /break HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"s3cret" not in answer
    for name, value in (*HEADERS, (b"cache-control", b"no-store")):
        assert answer.count(name + b": " + value + b"\r\n") == 1
    assert b"strict-transport-security" not in answer
    assert guard.counts == {("GET", 500): 1}


def test_a_connection_counts_until_it_is_closed() -> None:
    door = Door(Limits(all=2, of_one=1), lambda peer: peer != "c")
    assert [door.enter(peer) for peer in ("a", "a", "b", "c", "d")] == [True, False, True, False, False]
    door.leave("a")
    assert (door.number, door.refused, door.enter("a")) == (1, 3, True)


def test_no_answer_waits_for_the_next_packet_of_the_client() -> None:
    bound = guard_socket(open_socket("127.0.0.1", 0), Door(Limits(), lambda _: True))
    with bound, socket.create_connection(bound.getsockname()):
        made, _ = bound.accept()
        with made:
            assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


# -- certificates ------------------------------------------------------------------------------------------------------


def _shown(certificate: ServerCertificate, authority: trustme.CA) -> bytes:
    """Return the certificate that a handshake shows."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(client)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    other = certificate.context.wrap_bio(to_server, to_client, server_side=True)
    for side in (one, other, one, other, one):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return one.getpeercert(binary_form=True) or b""


def test_a_renewed_certificate_is_shown_and_a_broken_one_is_not(tmp_path: Path) -> None:
    authority, told, now = trustme.CA(), list[str](), [0.0]
    path = tmp_path / "both.pem"

    def write(data: bytes) -> None:
        fresh = tmp_path / "fresh"
        fresh.write_bytes(data)
        os.replace(fresh, path)
        now[0] += 1.0

    write(authority.issue_cert("localhost").private_key_and_cert_chain_pem.bytes())
    certificate = ServerCertificate(str(path), str(path), told.append, lambda: now[0])
    first = _shown(certificate, authority)
    write(authority.issue_cert("localhost").private_key_and_cert_chain_pem.bytes())
    second = _shown(certificate, authority)
    write(b"nonsense")
    assert first
    assert first != second == _shown(certificate, authority)
    assert len(told) == 1


def test_the_end_of_a_certificate_is_told_once_each_as_it_comes_near() -> None:
    made = trustme.CA().issue_cert("localhost", not_after=datetime.now(UTC) + timedelta(30))
    certificate = x509.load_pem_x509_certificate(made.cert_chain_pems[0].bytes())
    end, told = certificate.not_valid_after_utc.timestamp(), list[str]()
    now, counts = [0.0], []
    tell = ExpiryTeller(told.append, lambda: now[0])
    for time in (end - 20 * 86400, end - 14 * 86400, end - 86400, end, end + 1):
        now[0] = time
        tell(certificate)
        tell(certificate)
        counts.append(len(told))
    assert counts == [0, 1, 1, 2, 2]
    assert "ends on" in told[0]
    assert "has ended on" in told[1]


def test_a_port_that_cannot_be_had() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UsageError):
        open_socket(*taken.getsockname())
