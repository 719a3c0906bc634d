"""What a directory does to us, and what the user is told: each with its exit code, its words and its remedy."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any, Final

import pytest

from confobjects.dn import DN
from confobjects.errors import ConfobjectsError
from confobjects.mapping.entry import AddEntry, Change, DeleteEntry, Entry, Modification, ModifyEntry, RenameEntry
from confobjects.mapping.protocol import Storage
from confobjects.storage import open_storage
from tests.servers import fake_ldap
from tests.servers.fake_ldap import ADD, BIND, DELETE, EXTENDED, MODIFY, RENAME, SEARCH, FakeLdap, Reply, answer

BASE = DN.parse("cn=config,dc=example,dc=com")
ONE = BASE.child("cn", "one")
SOON: dict[str, Any] = {"deadline": 0.8, "connect_timeout": 0.8}
Done = Callable[..., Any]
LOGIN: dict[str, Any] = {"bind_dn": "cn=admin", "bind_password": "canary 3P"}


def refused(
    url: str, act: Callable[[Storage], Any] = lambda storage: storage.read(ONE), **options: Any
) -> tuple[int, str]:
    """Do something that goes wrong; return the exit code and the words, without the port."""
    storage = open_storage(url, **{"base": BASE, **SOON, **options})
    try:
        with pytest.raises(ConfobjectsError) as caught:
            act(storage)
    finally:
        storage.close()
    assert "canary" not in str(caught.value)
    return caught.value.exit_code, re.sub(r"127\.0\.0\.1:\d+", "HOST", str(caught.value))


HUNG = "did not answer within 0.8 s"
CLOSED = "closed the connection"
NONSENSE = "sent an answer that is not LDAP"


def begin_tls_and_hang(peer: fake_ldap.Peer) -> None:
    answer()(peer)
    peer.hang()


STAGES: Final[list[tuple[dict[int, Reply], dict[str, Any], str]]] = [
    ({BIND: fake_ldap.hang}, LOGIN, f"ldap://HOST {HUNG} (logging in)"),
    ({BIND: fake_ldap.drip}, LOGIN, f"ldap://HOST {HUNG} (logging in)"),
    ({BIND: fake_ldap.close}, LOGIN, f"ldap://HOST {CLOSED} (logging in)"),
    ({BIND: fake_ldap.babble}, LOGIN, f"ldap://HOST {NONSENSE} (logging in)"),
    ({EXTENDED: fake_ldap.hang}, {"start_tls": True}, f"ldap://HOST {HUNG} (StartTLS)"),
    ({EXTENDED: fake_ldap.drip}, {"start_tls": True}, f"ldap://HOST {HUNG} (StartTLS)"),
    ({EXTENDED: answer(2, "no TLS here")}, {"start_tls": True}, "ldap://HOST does not start TLS\n  the server says: result 2 (protocolError), no TLS here"),
    ({EXTENDED: begin_tls_and_hang}, {"start_tls": True}, f"ldap://HOST {HUNG} (negotiating TLS)"),
    ({SEARCH: fake_ldap.hang}, {}, f"ldap://HOST {HUNG} (searching)"),
    ({SEARCH: fake_ldap.drip}, {}, f"ldap://HOST {HUNG} (searching)"),
    ({SEARCH: fake_ldap.close}, {}, f"ldap://HOST {CLOSED} (searching)"),
    ({SEARCH: fake_ldap.babble}, {}, f"ldap://HOST {NONSENSE} (searching)"),
    ({SEARCH: fake_ldap.take_leave}, {}, f"ldap://HOST {CLOSED} (searching)"),
    ({BIND: fake_ldap.take_leave}, LOGIN, f"ldap://HOST {CLOSED} (logging in)"),
    ({SEARCH: lambda peer: peer.send(b"\x30\x84\xff\xff\xff\xff")}, {}, f"ldap://HOST {NONSENSE} (searching)"),
    ({SEARCH: lambda peer: peer.send(b"\x30\x80")}, {}, f"ldap://HOST {NONSENSE} (searching)"),
    ({SEARCH: lambda peer: peer.send(fake_ldap.entry(99, "cn=x", {}))}, {}, f"ldap://HOST {NONSENSE} (searching)"),
    ({SEARCH: answer(51, "too many")}, {}, "the server is busy\n  the server says: result 51 (busy), too many"),
    ({SEARCH: answer(52)}, {}, "the server is not available now"),
    ({SEARCH: answer(10, referrals=("ldap://other/cn=config",))}, {}, "does not hold it and refers to ldap://other/cn=config"),
]  # fmt: skip


def leave(number: int) -> tuple[int, str]:
    script, options, _ = STAGES[number]
    with FakeLdap(script) as server:
        return refused(server.url, **options)


@pytest.mark.parametrize("number", range(len(STAGES)))
def test_a_server_that_cannot_be_used_is_left_in_every_stage(number: int, done: Done) -> None:
    code, text = done(leave, number)
    assert code == 20
    assert STAGES[number][2] in text
    assert "remedy: " in text


@pytest.mark.parametrize("greeting", [fake_ldap.hang, fake_ldap.close, fake_ldap.babble])
def test_a_port_that_speaks_no_tls(greeting: Reply) -> None:
    with FakeLdap(greeting=greeting) as server:
        code, text = refused(server.url.replace("ldap:", "ldaps:"))
    assert code == 20
    assert "(negotiating TLS)" in text or "TLS failed" in text


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert refused(f"ldap://127.0.0.1:{port}") == (
        20,
        "ldap://HOST refused the connection: nothing is listening there\n"
        "  remedy: check that the server is running, and that the host and port are right",
    )


def test_a_host_that_does_not_exist() -> None:
    code, text = refused("ldap://nowhere.invalid", deadline=10.0, connect_timeout=10.0)
    assert code == 20
    assert "nowhere.invalid:389" in text


def test_a_socket_that_does_not_exist() -> None:
    assert refused("ldapi://%2Fno%2Fsuch%2Fsocket") == (
        20,
        "ldapi://%2Fno%2Fsuch%2Fsocket: there is no such socket\n"
        "  remedy: check that the server is running and listens on that socket",
    )


def test_a_password_is_never_sent_in_clear_over_a_network() -> None:
    code, text = refused("ldap://directory.example.com", **LOGIN)
    assert (code, text) == (
        21,
        "ldap://directory.example.com:389: the password would be sent in clear text over the network\n"
        "  remedy: use StartTLS (start_tls) or ldaps://; allow_clear_password sends it anyway",
    )
    code, text = refused("ldap://nowhere.invalid", **LOGIN, allow_clear_password=True)
    assert code == 20


@pytest.mark.parametrize(
    ("code", "exit_code", "words"),
    [
        (3, 31, "the server's time limit was reached"),
        (4, 31, "the server's size limit was reached"),
        (11, 31, "an administrative limit of the server was reached"),
        (8, 21, "the server requires a stronger login"),
        (13, 21, "the server requires an encrypted connection"),
        (50, 21, "the user has no right to do this"),
        (53, 21, "the server refuses to do this"),
        (80, 31, "the server reported an unspecified error"),
        (118, 31, "the server refused the request"),
    ],
)
def test_every_refusal_to_read_is_an_error_with_the_servers_own_words(code: int, exit_code: int, words: str) -> None:
    with FakeLdap({SEARCH: answer(code, "its own words", "dc=com")}) as server:
        found = refused(server.url, lambda storage: list(storage.search(BASE)))
    assert found[0] == exit_code
    assert words in found[1]
    assert "its own words" in found[1]
    assert 'at "dc=com"' in found[1]


ADDITION = AddEntry(Entry(ONE, {"objectClass": ("top",), "cn": ("one",)}))
SWAP = ModifyEntry(
    ONE, [Modification("delete", "ds-cfg-revision", ["1"]), Modification("add", "ds-cfg-revision", ["2"])]
)
FIRST = ModifyEntry(ONE, [Modification("add", "ds-cfg-revision", ["1"])])
CHANGES: dict[str, tuple[int, Change]] = {
    "add": (ADD, ADDITION),
    "modify": (MODIFY, SWAP),
    "first revision": (MODIFY, FIRST),
    "delete": (DELETE, DeleteEntry(ONE)),
    "rename": (RENAME, RenameEntry(ONE, BASE.child("cn", "two"))),
}


def write(change: Change) -> Callable[[Storage], None]:
    def act(storage: Storage) -> None:
        with storage.writing():
            storage.commit([change])

    return act


def one_found(peer: fake_ldap.Peer) -> None:
    peer.send(fake_ldap.entry(peer.message, str(ONE), {"cn": ["one"]}))
    answer()(peer)


@pytest.mark.parametrize(
    ("which", "code", "text", "exit_code", "words"),
    [
        ("modify", 16, "no such value", 22, "was changed by someone else meanwhile"),
        ("modify", 20, "", 22, "was changed by someone else meanwhile"),
        ("first revision", 19, "ds-cfg-revision: multiple values provided", 22, "was changed by someone else meanwhile"),
        ("first revision", 65, 'single-valued attribute "ds-cfg-revision" has multiple values', 22, "was changed by someone"),
        ("modify", 19, "a rule of its own", 11, "the server refused a value because of its own rules"),
        ("modify", 65, "attribute 'x' not allowed", 31, "the server's schema does not allow the entry as it would be"),
        ("add", 17, "ds-cfg-enabled: attribute type undefined", 31, "the server's schema lacks an attribute"),
        ("add", 21, "objectClass: value #1 invalid per syntax", 31, "the server's schema lacks an object class"),
        ("add", 21, "ds-cfg-enabled: value #0 invalid per syntax", 10, "the server's schema does not accept a value"),
        ("add", 68, "", 13, f'the entry "{ONE}" already exists'),
        ("add", 32, "", 12, f'the parent of "{ONE}" does not exist: "{BASE}"'),
        ("add", 50, "no write access", 21, f'the entry "{ONE}" was not added: the user has no right to do this'),
        ("modify", 10, "", 21, "this server does not accept writes and refers to another"),
        ("modify", 53, "shadow context; no update referral", 11, "the server refuses this change"),
        ("add", 53, "a plug-in says no", 11, "the server refuses this change"),
        ("delete", 53, "a plug-in says no", 11, "the server refuses this change"),
        ("rename", 53, "a plug-in says no", 11, "the server refuses this change"),
        ("delete", 32, "", 12, f'there is no entry "{ONE}"'),
        ("delete", 50, "", 21, f'the entry "{ONE}" was not deleted'),
        ("rename", 64, "", 11, "must contain the value in the name"),
        ("rename", 71, "", 31, "the change concerns several servers at once"),
    ],
)  # fmt: skip
def test_every_refusal_to_write_is_an_error(which: str, code: int, text: str, exit_code: int, words: str) -> None:
    request, change = CHANGES[which]
    with FakeLdap({request: answer(code, text), SEARCH: one_found}) as server:
        found = refused(server.url, write(change))
    assert found[0] == exit_code
    assert words in found[1]
    assert f"result {code} " in found[1]
    assert text in found[1]


LOST: Final = [(which, reply) for which in CHANGES for reply in (fake_ldap.hang, fake_ldap.close, fake_ldap.drip)]


def lose_the_answer(which: str, reply: Reply) -> tuple[int, str, list[int]]:
    request, change = CHANGES[which]
    with FakeLdap({request: reply}) as server:

        def look_up(peer: fake_ldap.Peer) -> None:
            answer(52 if request in server.requests else 0)(peer)

        server.script[SEARCH] = look_up
        code, text = refused(server.url, write(change))
    return code, text, server.requests


@pytest.mark.parametrize(("which", "reply"), LOST)
def test_a_write_whose_answer_is_lost_is_looked_up(which: str, reply: Reply, done: Done) -> None:
    code, text, requests = done(lose_the_answer, which, reply)
    assert code == 20
    assert "it is unknown whether the entry" in text
    assert requests.count(CHANGES[which][0]) == 1  # never repeated blindly
    assert SEARCH in requests


def added(peer: fake_ldap.Peer) -> None:
    peer.send(fake_ldap.entry(peer.message, str(ONE), {"objectClass": ["top"], "cn": ["one"]}))
    answer()(peer)


@pytest.mark.parametrize("reply", [fake_ldap.hang, fake_ldap.close, fake_ldap.drip, fake_ldap.take_leave])
def test_a_write_that_happened_though_its_answer_was_lost_is_not_repeated(reply: Reply) -> None:
    with FakeLdap({ADD: reply, SEARCH: added}) as server, FakeLdap() as other:
        storage = open_storage(f"{server.url} {other.url}", base=BASE, **SOON)
        write(ADDITION)(storage)
        storage.close()
    assert server.requests == [ADD, SEARCH]
    assert other.requests == []


def first(reply: Reply, count: int, then: Reply) -> Reply:
    """Answer some requests in one way, and the rest in another."""
    seen = []

    def turn(peer: fake_ldap.Peer) -> None:
        seen.append(peer)
        (reply if len(seen) <= count else then)(peer)

    return turn


def test_a_write_that_will_not_happen_any_more_is_repeated_on_the_same_server() -> None:
    looks = first(answer(52), 2, answer(32))  # it is being started again at first
    with FakeLdap({ADD: first(fake_ldap.close, 1, answer()), SEARCH: looks}) as server, FakeLdap() as other:
        storage = open_storage(f"{server.url} {other.url}", base=BASE, connect_timeout=5.0, deadline=5.0)
        write(ADDITION)(storage)
        storage.close()
    assert [kind for kind in server.requests if kind != SEARCH] == [ADD, ADD]
    assert server.requests[-2:] == [SEARCH, ADD]
    assert other.requests == []


UNSURE: Final = [(which, reply) for which in CHANGES for reply in (fake_ldap.hang, fake_ldap.drip, fake_ldap.babble)]


def leave_it_open(which: str, reply: Reply) -> tuple[int, str, list[int], list[int]]:
    request, change = CHANGES[which]
    unchanged = answer(32) if which == "add" else one_found
    with FakeLdap({request: reply, SEARCH: unchanged}) as server, FakeLdap({SEARCH: unchanged}) as other:
        code, text = refused(f"{server.url} {other.url}", write(change))
    return code, text, server.requests, other.requests


@pytest.mark.parametrize(("which", "reply"), UNSURE)
def test_a_write_that_may_happen_yet_is_not_repeated_anywhere(which: str, reply: Reply, done: Done) -> None:
    code, text, requests, others = done(leave_it_open, which, reply)
    assert code == 20
    assert "it is unknown whether the entry" in text
    assert requests.count(CHANGES[which][0]) == 1
    assert set(others) <= {SEARCH}


CASES: Final[dict[Callable[..., Any], list[tuple[Any, ...]]]] = {
    leave: [(number,) for number in range(len(STAGES))],
    lose_the_answer: LOST,
    leave_it_open: UNSURE,
}


@pytest.fixture(scope="module")
def done() -> Iterator[Done]:
    """What does the cases of a kind and returns the result of one of them. All begin together, for they only wait."""
    begun: dict[tuple[Any, ...], Future[Any]] = {}
    with ThreadPoolExecutor(max(map(len, CASES.values()))) as threads:

        def finish(act: Callable[..., Any], *case: Any) -> Any:
            if (act, *case) not in begun:
                begun.update({(act, *each): threads.submit(act, *each) for each in CASES[act]})
            return begun[act, *case].result()

        yield finish


def test_a_write_that_is_seen_on_another_server_has_happened() -> None:
    with FakeLdap({ADD: fake_ldap.close, SEARCH: answer(52)}) as server, FakeLdap({SEARCH: added}) as other:
        storage = open_storage(f"{server.url} {other.url}", base=BASE, **SOON)
        write(ADDITION)(storage)
        storage.close()
    assert other.requests == [SEARCH]


def test_an_entry_that_is_not_on_another_server_has_not_surely_been_deleted() -> None:
    with FakeLdap({DELETE: fake_ldap.hang, SEARCH: one_found}) as server, FakeLdap({SEARCH: answer(32)}) as other:
        code, text = refused(f"{server.url} {other.url}", write(DeleteEntry(ONE)))
    assert code == 20
    assert "it is unknown whether the entry" in text
    assert DELETE not in other.requests


def test_a_connection_that_was_closed_meanwhile_is_noticed_before_a_write_is_sent() -> None:
    closed = Event()

    def leave(peer: fake_ldap.Peer) -> None:
        answer(32)(peer)
        peer.close()
        closed.set()

    with FakeLdap({SEARCH: leave}) as server, FakeLdap() as other:
        storage = open_storage(f"{server.url} {other.url}", base=BASE, **SOON)
        assert storage.read(ONE) is None
        assert closed.wait(10)
        write(ADDITION)(storage)
        storage.close()
    assert server.requests == [SEARCH]
    assert other.requests == [ADD]


@pytest.mark.parametrize("script", [{SEARCH: fake_ldap.hang}, {SEARCH: fake_ldap.close}, {BIND: fake_ldap.hang}])
def test_the_next_server_is_asked(script: dict[int, Reply]) -> None:
    with FakeLdap(script) as hung, FakeLdap({SEARCH: one_found}) as well:
        storage = open_storage(f"{hung.url} {well.url}", base=BASE, **SOON, **LOGIN)
        assert storage.read(ONE) == Entry(ONE, {"cn": ("one",)})
        before = len(hung.requests)
        assert storage.read(ONE) is not None
        assert len(hung.requests) == before  # it stays with the one that answers
        storage.close()


def test_when_no_server_can_be_used_each_is_told_of() -> None:
    with FakeLdap({SEARCH: fake_ldap.close}) as first, FakeLdap({BIND: fake_ldap.hang}) as second:
        code, text = refused(f"{first.url} {second.url}", **LOGIN)
    assert code == 20
    assert CLOSED in text
    assert HUNG in text


@pytest.mark.parametrize(
    ("kind", "told"),
    [(b"vendorName: OpenDJ", True), (b"", False)],
)
def test_the_base_is_known_on_a_server_of_the_opendj_family_and_asked_for_elsewhere(kind: bytes, told: bool) -> None:
    attributes = {"objectClass": ["top", "ds-root-dse" if told else "x"], "namingContexts": ["dc=example,dc=com"]}

    def root(peer: fake_ldap.Peer) -> None:
        peer.send(fake_ldap.entry(peer.message, "", attributes))
        answer()(peer)

    with FakeLdap({SEARCH: root}) as server:
        if told:
            storage = open_storage(server.url, **SOON)
            assert str(storage.base) == "cn=config"
            storage.close()
        else:
            code, text = refused(server.url, lambda storage: storage.base, base=None)
            assert code == 2
            assert "name the base of the configuration: base, or" in text
            assert "this server holds dc=example,dc=com" in text
