"""Many messages: nothing is lost, nothing is sent twice, each has its result in its place."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from confobjects.mail.diagnosis import DeliveryError
from confobjects.transport.mailer import Mailer, Outgoing
from tests.servers import Given, mail_server
from tests.servers.fake_smtp import EHLO, NO_PIPELINING, FakeSmtp, Session, close
from tests.transport.sending import CHUNKING, CLEAR, LOGIN, answer_then_close, mails, numbers


@pytest.mark.parametrize("extensions", [EHLO, NO_PIPELINING, EHLO.replace(b"250 8BIT", b"250-CHUNKING\r\n250 8BIT")])
@pytest.mark.parametrize("setting", ["mail.smtp.sendpartial=true", "mail.smtp.chunksize=20"])
def test_many_messages_over_one_connection(extensions: bytes, setting: str) -> None:
    with FakeSmtp({"EHLO": extensions}) as fake:
        results = list(Mailer(mail_server(fake.port, setting, **CLEAR)).send_many(mails(10)))
        assert [result.error for result in results] == [None] * 10
        assert fake.connections == 1
        if "CHUNKING" not in extensions.decode() or "chunksize" not in setting:
            assert numbers(fake) == list(range(10))


def test_the_next_envelope_goes_along_with_the_last_content() -> None:
    with FakeSmtp() as fake:
        list(Mailer(mail_server(fake.port, **CLEAR)).send_many(mails(3)))
        assert fake.verbs[1:] == [
            "MAIL",
            "RCPT",
            "DATA",
            ".",
            "MAIL",
            "RCPT",
            "DATA",
            ".",
            "MAIL",
            "RCPT",
            "DATA",
            ".",
            "QUIT",
        ]


@pytest.mark.parametrize("connections", [1, 3])
def test_the_same_message_goes_to_many_each_with_an_envelope_of_its_own(connections: int) -> None:
    text = b"Subject: news\n\n.dots\nthe same\n"
    people = ["ann@example.com", "jörg@example.com", "bob@example.com", "ann@example.com"]
    outgoing = [Outgoing(text, f"sender{n}@example.com", one) for n, one in enumerate(people)]
    other = Outgoing(text + b"more\n", "last@example.com", people)
    with FakeSmtp({"EHLO": EHLO.replace(b"250 8BIT", b"250-SMTPUTF8\r\n250-SIZE 100\r\n250 8BIT")}) as fake:
        results = list(Mailer(mail_server(fake.port, **CLEAR)).send_many([*outgoing, other], connections=connections))
        assert [result.error for result in results] == [None] * 5
        wire = text.replace(b"\n.", b"\n..").replace(b"\n", b"\r\n")
        assert sorted(fake.messages) == sorted([wire] * 4 + [wire + b"more\r\n"])
        said = [" ".join(result.report.transcript) for result in results if result.report]
    for one, conversation, sender in zip(people, said, range(4), strict=False):
        assert f"MAIL FROM:<sender{sender}@example.com> SIZE={len(wire) - 1}" in conversation
        assert f"RCPT TO:<{one}>" in conversation
        assert ("SMTPUTF8" in conversation) is not one.isascii()
    assert f"SIZE={len(wire) + 5} SMTPUTF8" in said[4]


def test_messages_are_taken_as_results_are_asked_for() -> None:
    taken = []

    def source() -> Any:
        for outgoing in mails(1000):
            taken.append(1)
            yield outgoing

    with FakeSmtp() as fake:
        results = Mailer(mail_server(fake.port, **CLEAR)).send_many(source())
        next(results)
        assert len(taken) <= 64
        results.close()


FAULTS: dict[str, Any] = {
    "MAIL": [b"250 ok\r\n", b"550 5.7.1 no\r\n", b"250 ok\r\n"],
    "RCPT": [b"250 ok\r\n", b"550 5.1.1 no\r\n", b"250 ok\r\n"],
    ".": [b"250 ok\r\n", b"554 5.7.1 no\r\n", b"250 ok\r\n"],
    "DATA": [b"354 go\r\n", b"451 no\r\n", b"354 go\r\n"],
}


@pytest.mark.parametrize("verb", FAULTS)
@pytest.mark.parametrize("extensions", [EHLO, NO_PIPELINING])
def test_a_failure_concerns_its_own_message_only(verb: str, extensions: bytes) -> None:
    with FakeSmtp({"EHLO": extensions, verb: FAULTS[verb]}) as fake:
        results = list(Mailer(mail_server(fake.port, **CLEAR)).send_many(mails(4)))
        assert [result.error is None for result in results] == [True, False, True, True]
        accepted = numbers(fake)
        assert accepted in ([0, 2, 3], [0, 1, 2, 3])
        assert fake.connections == 1


def test_messages_that_cannot_be_sent_at_all_are_told_in_their_places() -> None:
    good = mails(4)
    odd = [
        good[0],
        Outgoing(b"x", None, "nobody"),
        good[1],
        Outgoing(b"a\0b", None, "b@c.example"),
        good[2],
        Outgoing(b"x"),
    ]
    with FakeSmtp() as fake:
        results = list(Mailer(mail_server(fake.port, **CLEAR)).send_many(odd))
        assert [result.error is None for result in results] == [True, False, True, False, True, False]
        assert numbers(fake) == [0, 1, 2]
        assert [result.outgoing for result in results][:5] == odd[:5]


@pytest.mark.parametrize("fault", [close, b"421 4.3.2 leaving\r\n", answer_then_close])
def test_a_connection_that_breaks_loses_and_doubles_nothing(fault: Any) -> None:
    with FakeSmtp({".": [b"250 ok\r\n", fault, b"250 ok\r\n"]}) as fake:
        results = list(Mailer(mail_server(fake.port, **CLEAR)).send_many(mails(5)))
        errors = [result.error for result in results]
        if fault is close:
            assert [isinstance(error, DeliveryError) and error.unknown for error in errors] == [
                False,
                True,
                False,
                False,
                False,
            ]
            assert numbers(fake) == [0, 1, 2, 3, 4]
        else:
            assert errors == [None] * 5
            again = [1] if isinstance(fault, bytes) else []
            assert sorted(numbers(fake)) == sorted([0, 1, 2, 3, 4, *again])


def test_a_server_that_is_away_is_asked_once_for_a_group() -> None:
    with FakeSmtp({"banner": b"554 no\r\n"}) as fake:
        results = list(Mailer(mail_server(fake.port, **CLEAR)).send_many(mails(10)))
        assert all(isinstance(result.error, DeliveryError) for result in results)
        assert fake.connections == 1


def test_many_through_a_real_server(postfix: SimpleNamespace, trusting: Given) -> None:
    server = mail_server(postfix.ports["smtps"], use_ssl=True, trust=trusting, **LOGIN)
    messages = mails(20)
    messages[7] = messages[7].replace(to="nobody@refused.test")
    messages[8] = messages[8].replace(to=["b@c.example", "later@refused.test"])
    results = list(Mailer(server).send_many(messages))
    failed = [number for number, result in enumerate(results) if result.error]
    assert failed == [7, 8]
    ids = {result.report.reply.rsplit(" ", 1)[1] for result in results if result.report}
    assert len(ids) == 18


# -- several connections -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extensions", [EHLO, NO_PIPELINING, CHUNKING])
def test_several_connections_share_the_messages(extensions: bytes) -> None:
    setting = "confobjects.pool.messages-per-connection=200"  # how they share them is not for us to say
    with FakeSmtp({"EHLO": extensions}) as fake, Mailer(mail_server(fake.port, setting, **CLEAR)) as mailer:
        results = list(mailer.send_many(mails(200), connections=3))
        assert [result.error for result in results] == [None] * 200
        assert [result.outgoing for result in results] == mails(200)
        assert sorted(numbers(fake)) == list(range(200))
        assert fake.connections == 3
        assert mailer.counters.delivered == 200


def test_no_more_connections_are_opened_than_the_pool_may() -> None:
    setting = "confobjects.pool.max-connections=2"
    with FakeSmtp() as fake, Mailer(mail_server(fake.port, setting, **CLEAR)) as mailer:
        list(mailer.send_many(mails(100), connections=9))
        assert fake.connections == 2


def test_messages_per_connection_count_here_too() -> None:
    setting = "confobjects.pool.messages-per-connection=10"
    with FakeSmtp() as fake, Mailer(mail_server(fake.port, setting, **CLEAR)) as mailer:
        assert all(result.report for result in mailer.send_many(mails(35)))
        assert fake.connections == 4


def test_connections_that_break_among_others_lose_and_double_nothing() -> None:
    fates: list[Any] = [b"250 ok\r\n"] * 3 + [answer_then_close, close, b"421 4.3.2 leaving\r\n", b"250 ok\r\n"]
    with FakeSmtp({".": fates}) as fake, Mailer(mail_server(fake.port, **CLEAR)) as mailer:
        results = list(mailer.send_many(mails(60), connections=3))
        unknown = [number for number, result in enumerate(results) if result.unknown]
        assert len(unknown) == 1, "one was closed on after its final dot"
        assert [number for number, result in enumerate(results) if result.error] == unknown
        came = numbers(fake)
        assert set(came) == set(range(60))
        doubled = [number for number in came if came.count(number) > 1]
        assert len(doubled) == 2, "only what the server refused with 421 was sent again"
        assert mailer.counters.unknown == 1


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_a_connection_lost_before_the_content_is_replaced(verb: str) -> None:
    fates: list[Any] = [b"354 go\r\n" if verb == "DATA" else b"250 ok\r\n"] * 2
    with FakeSmtp({verb: [*fates, close, fates[0]]}) as fake, Mailer(mail_server(fake.port, **CLEAR)) as mailer:
        results = list(mailer.send_many(mails(6)))
        assert [result.error for result in results] == [None] * 6
        assert numbers(fake) == list(range(6))
        assert mailer.counters.retries >= 1


def test_a_message_that_breaks_every_connection_is_given_up() -> None:
    def poisoned(session: Session) -> None:
        if session.server.commands[-1].startswith("RCPT TO:<poison"):
            session.open = False
        else:
            session.send(b"250 ok\r\n")
            session.transaction["DATA"] = True

    messages = mails(5)
    messages[2] = messages[2].replace(to="poison@c.example")
    with FakeSmtp({"RCPT": poisoned}) as fake, Mailer(mail_server(fake.port, **CLEAR)) as mailer:
        results = list(mailer.send_many(messages))
        assert [result.error is None for result in results] == [True, True, False, True, True]
        assert results[2].retryable
        assert not results[2].unknown
        assert sorted(numbers(fake)) == [0, 1, 3, 4]


def test_over_tls_through_a_real_server(postfix: SimpleNamespace, trusting: Given) -> None:
    for listener, tls in (("submission", {}), ("smtps", {"use_ssl": True})):
        server = mail_server(postfix.ports[listener], trust=trusting, **LOGIN, **tls)
        with Mailer(server) as mailer:
            results = list(mailer.send_many(mails(150), connections=3))
            assert [result.error for result in results] == [None] * 150
            assert mailer.counters.connections == 3
        queued = {result.report.reply.rsplit(" ", 1)[1] for result in results if result.report}
        assert len(queued) == 150, "each message has a queue id of its own"


# -- recipients --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extensions", [EHLO, NO_PIPELINING, CHUNKING])
@pytest.mark.parametrize("partial", [False, True])
def test_all_or_nothing_and_partial(extensions: bytes, partial: bool) -> None:
    def second_refused(session: Session) -> None:
        bad = session.server.commands[-1].startswith("RCPT TO:<bad")
        session.send(b"450 4.2.0 later\r\n" if bad else b"250 ok\r\n")
        session.transaction["DATA"] |= not bad

    messages = [one.replace(to=("a@c.example", "bad@c.example", "b@c.example")) for one in mails(3)]
    messages[1] = messages[1].replace(to=("a@c.example", "b@c.example"))
    setting = f"mail.smtp.sendpartial={'true' if partial else 'false'}"
    with FakeSmtp({"EHLO": extensions, "RCPT": second_refused}) as fake:
        results = list(Mailer(mail_server(fake.port, setting, **CLEAR)).send_many(messages))
        assert [result.delivered for result in results] == [partial, True, partial]
        assert numbers(fake) == ([0, 1, 2] if partial else [1])
        for result in (results[0], results[2]):
            report = result.report or (isinstance(result.error, DeliveryError) and result.error.report)
            assert report
            assert report.retryable == ("bad@c.example",)
            assert report.delivered == (("a@c.example", "b@c.example") if partial else ())
            assert result.retryable is not partial
        assert results[1].report
        assert results[1].report.delivered == ("a@c.example", "b@c.example")


# -- accounts ----------------------------------------------------------------------------------------------------------


def test_each_report_tells_its_own_conversation() -> None:
    with FakeSmtp({".": [b"250 first\r\n", b"554 5.7.1 no\r\n", b"250 third\r\n"]}) as fake:
        results = list(Mailer(mail_server(fake.port, **CLEAR)).send_many(mails(3)))
    [first, second, third] = results
    assert first.report
    assert third.report
    assert [stage.stage for stage in third.report.stages] == ["mail", "data"]
    assert third.report.transcript == (
        "C: MAIL FROM:<me@example.com>",
        "C: RCPT TO:<b@c.example>",
        "C: DATA",
        "S: 250 2.1.0 ok",
        "S: 250 2.1.5 ok",
        "S: 354 go ahead",
        "C: (21 bytes of message, then a dot)",
        "S: 250 third",
    )
    assert first.report.reply == "250 first"
    assert isinstance(second.error, DeliveryError)
    assert "S: 554 5.7.1 no" in second.error.report.transcript
    assert not second.retryable


def test_files_and_large_messages_go_in_pieces(tmp_path: Path) -> None:
    large = b"Subject: 1\r\n\r\n" + b".line that begins with a dot\n" * 20_000
    path = tmp_path / "mail"
    path.write_bytes(large)
    with FakeSmtp() as fake, path.open("rb") as file, Mailer(mail_server(fake.port, **CLEAR)) as mailer:
        outgoing = [
            Outgoing(one, "me@example.com", "b@c.example") for one in (large, file, b"Subject: 2\r\n\r\n", file)
        ]
        assert [result.error for result in mailer.send_many(outgoing)] == [None] * 4
        wire = large.replace(b"\n.", b"\r\n..").replace(b"\r\n\r\r\n", b"\r\n\r\n")
        assert fake.messages[0] == fake.messages[1] == fake.messages[3]
        assert fake.messages[0].replace(b"\r\n", b"\n") == wire.replace(b"\r\n", b"\n")
        assert fake.messages[2] == b"Subject: 2\r\n\r\n"


def test_a_file_that_goes_out_twice_is_whole_each_time(tmp_path: Path) -> None:
    path = tmp_path / "mail"
    path.write_bytes(b"skipped\r\nSubject: 7\r\n\r\nhello\r\n")
    with FakeSmtp({"DATA": [b"354 go\r\n", close, b"354 go\r\n"]}) as fake, path.open("rb") as file:
        file.readline()
        with Mailer(mail_server(fake.port, **CLEAR)) as mailer:
            for _ in range(2):
                mailer.send(file, "me@example.com", "b@c.example")
        assert fake.messages == [b"Subject: 7\r\n\r\nhello\r\n"] * 2
        assert mailer.counters.retries == 1


@pytest.mark.parametrize("message", ["text", 7, None])
def test_what_is_no_message_is_told(message: Any) -> None:
    with FakeSmtp() as fake:
        [result] = Mailer(mail_server(fake.port, **CLEAR)).send_many(
            [Outgoing(message, "me@example.com", "b@c.example")]
        )
        assert isinstance(result.error, DeliveryError)
        assert result.error.diagnosis.code == "wire"
        assert fake.messages == []


def test_a_text_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("Subject: x\n\nhello\n")
    with FakeSmtp() as fake, (tmp_path / "mail").open() as file:
        outgoing: Any = Outgoing(file, "me@example.com", "b@c.example")  # type: ignore[arg-type]
        [result] = Mailer(mail_server(fake.port, **CLEAR)).send_many([outgoing])
        assert "open in text mode" in str(result.error)


# -- one failure is one failure ----------------------------------------------------------------------------------------

BUSY = b"421 4.7.0 busy\r\n"
HELLO = b"220 hello\r\n"
THREE_EACH = "confobjects.pool.messages-per-connection=3"


@pytest.mark.parametrize("connections", [1, 2])
@pytest.mark.parametrize(
    "greetings",
    [
        [HELLO, BUSY, HELLO],
        [HELLO, BUSY, BUSY, HELLO],
        [HELLO, HELLO, BUSY, HELLO, BUSY, HELLO, BUSY, HELLO],
        [HELLO, close, HELLO],
        [BUSY, HELLO],
    ],
)
def test_a_server_that_refuses_a_connection_now_and_then_gets_every_message(
    greetings: list[Any], connections: int
) -> None:
    with FakeSmtp({"banner": greetings}) as fake, Mailer(mail_server(fake.port, THREE_EACH, **CLEAR)) as mailer:
        results = list(mailer.send_many(mails(20), connections=connections))
        assert [result.error for result in results] == [None] * 20
        assert sorted(numbers(fake)) == list(range(20))
        assert {result.report.failed_over for result in results if result.report} == {()}
        assert (mailer.counters.delivered, mailer.counters.failed_over) == (20, 0)


def test_a_server_that_stops_taking_connections_is_asked_three_times() -> None:
    with FakeSmtp({"banner": [HELLO, BUSY]}) as fake, Mailer(mail_server(fake.port, THREE_EACH, **CLEAR)) as mailer:
        results = list(mailer.send_many(mails(20)))
        assert [result.delivered for result in results] == [True] * 3 + [False] * 17
        assert all(result.retryable for result in results[3:])
        assert fake.connections == 1 + 3
        assert (mailer.counters.delivered, mailer.counters.failed) == (3, 17)


@pytest.mark.parametrize("refusal", [b"554 5.7.1 no\r\n", BUSY])
def test_only_what_another_server_took_has_failed_over(refusal: bytes) -> None:
    with FakeSmtp({"banner": [HELLO, refusal]}) as first, FakeSmtp() as second:
        servers = [mail_server(one.port, THREE_EACH, **CLEAR) for one in (first, second)]
        with Mailer(servers) as mailer:
            results = list(mailer.send_many(mails(20)))
            assert [result.error for result in results] == [None] * 20
            ways = [(result.report.port, len(result.report.failed_over)) for result in results if result.report]
            assert ways == [(first.port, 0)] * 3 + [(second.port, 1)] * 17
            assert mailer.counters.failed_over == 17
            assert (numbers(first), numbers(second)) == ([0, 1, 2], list(range(3, 20)))


def test_a_message_of_a_server_that_comes_back_has_not_failed_over() -> None:
    """Its connection broke twice, then none could be opened, and then the same server took it."""
    breaks: list[Any] = [close, close, b"250 ok\r\n"]
    with FakeSmtp({"MAIL": breaks, "banner": [HELLO, HELLO, BUSY, BUSY, BUSY, HELLO]}) as fake:
        with Mailer(mail_server(fake.port, **CLEAR)) as mailer:
            [first, *others] = list(mailer.send_many(mails(3)))
        assert first.report
        assert first.report.failed_over == ()
        assert mailer.counters.failed_over == 0
        assert all(result.report or result.retryable for result in others)
