"""An extension that a server offers but handles wrongly: it can be switched off, and the delivery is tried without."""

from __future__ import annotations

import pytest

from confobjects.mail.plan import DeliveryPlan
from confobjects.mail.planning import plan_delivery
from confobjects.transport.check import check_server
from confobjects.transport.mailer import Mailer
from confobjects.transport.outgoing import Outgoing
from tests.servers import mail_server
from tests.servers.fake_smtp import FakeSmtp, Script, Session
from tests.transport.sending import CLEAR

OFFERS = b"250-fake\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-SIZE 9999\r\n250 8BITMIME\r\n"
MESSAGE = b"Subject: x\r\n\r\nhello\r\n"
TWO = ("bob@example.com", "bib@example.com")


def outgoing(number: int) -> Outgoing:
    return Outgoing(b"Subject: %d\r\n\r\nhello\r\n" % number, "ann@example.com", TWO)


def server_of(fake: FakeSmtp, *settings: str) -> Mailer:
    return Mailer(mail_server(fake.port, *settings, **CLEAR))


def in_order(subject: bytes) -> int:
    return int(subject.partition(b": ")[2].partition(b"\r\n")[0])


# -- switched off ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", ["mail.smtp.chunksize=-1", "mail.smtp.chunksize=0",
                                     "confobjects.ignore-extensions=CHUNKING", "confobjects.ignore-extensions=chunking size"])  # fmt: skip
@pytest.mark.parametrize("many", [False, True])
def test_chunking_that_is_switched_off_is_never_used(setting: str, many: bool) -> None:
    with FakeSmtp({"EHLO": OFFERS}) as fake, server_of(fake, setting) as mailer:
        if many:
            assert all(one.delivered for one in mailer.send_many([outgoing(0), outgoing(1)]))
        else:
            mailer.send(MESSAGE, "ann@example.com", TWO)
    assert "BDAT" not in fake.verbs
    assert "." in fake.verbs


def test_pipelining_that_is_switched_off_is_never_used() -> None:
    seen: list[bytes] = []

    def one_command_at_a_time(session: Session) -> None:
        answers = {b"MAIL": b"250 ok\r\n", b"RCPT": b"250 ok\r\n", b"DATA": b"354 go\r\n", b"QUIT": b"221 bye\r\n"}
        session.send(OFFERS)
        while data := session.connection.recv(4096):
            seen.append(data)
            session.send(answers.get(data[:4], b"250 ok\r\n" if data.endswith(b".\r\n") else b""))
        session.open = False

    with FakeSmtp({"EHLO": one_command_at_a_time}) as fake:
        server_of(fake, "confobjects.ignore-extensions=PIPELINING").send(MESSAGE, "ann@example.com", TWO)
    assert [data[:4] for data in seen[:4]] == [b"MAIL", b"RCPT", b"RCPT", b"DATA"]
    assert [data.count(b"\r\n") for data in seen[:4]] == [1, 1, 1, 1]


def plan(*settings: str) -> DeliveryPlan:
    return plan_delivery(mail_server(587, *settings))


def test_each_word_is_an_extension() -> None:
    every = "confobjects.ignore-extensions=PIPELINING, chunking 8BITMIME,SMTPUTF8,SIZE,DSN"
    assert len(plan(every).options.ignored_extensions) == 6
    assert plan().options.ignored_extensions == frozenset()


# -- tried without, once -----------------------------------------------------------------------------------------------

REFUSALS = [b"500 5.5.2 what\r\n", b"502 5.5.1 not implemented\r\n", b"503 5.5.1 bad sequence\r\n", b"504 no\r\n"]


@pytest.mark.parametrize("answer", REFUSALS)
@pytest.mark.parametrize(
    "setting", ["mail.smtp.sendpartial=false", "mail.smtp.chunksize=10", "mail.smtp.chunksize=4096"]
)
def test_a_message_that_is_refused_by_bdat_goes_by_data(answer: bytes, setting: str) -> None:
    with FakeSmtp({"EHLO": OFFERS, "BDAT": answer}) as fake:
        report = server_of(fake, setting).send(MESSAGE, "ann@example.com", TWO)
    assert report.delivered == TWO
    assert fake.verbs.count("BDAT") == 1
    assert fake.messages[-1] == MESSAGE
    assert fake.connections == 2  # what the server made of the content on the first is not known


@pytest.mark.parametrize("setting", ["mail.smtp.sendpartial=false", "mail.smtp.chunksize=10"])
@pytest.mark.parametrize("connections", [1, 2])
def test_many_messages_that_are_refused_by_bdat_go_by_data(setting: str, connections: int) -> None:
    with FakeSmtp({"EHLO": OFFERS, "BDAT": REFUSALS[0]}) as fake, server_of(fake, setting) as mailer:
        results = list(mailer.send_many(map(outgoing, range(10)), connections=connections))
        mailer.send(b"Subject: 10\r\n\r\nhello\r\n", "ann@example.com", TWO)
    assert all(one.delivered for one in results)
    whole = [in_order(one) for one in fake.messages if one.endswith(b"\r\n\r\nhello\r\n")]
    assert set(range(11)) <= set(whole)
    assert fake.verbs.count("BDAT") <= 2 * connections, "the pool remembers it"
    assert fake.verbs.count(".") == 11, "each message is handed over once"


def test_another_refusal_of_bdat_is_that_of_the_message() -> None:
    with FakeSmtp({"EHLO": OFFERS, "BDAT": b"554 5.7.1 spam\r\n"}) as fake:
        [result] = server_of(fake).send_many([outgoing(0)])
    assert not result.delivered
    assert fake.connections == 1


def test_a_command_that_is_refused_is_not_told_as_spam() -> None:
    with FakeSmtp({"EHLO": OFFERS, "BDAT": REFUSALS[1], "DATA": REFUSALS[1]}) as fake:
        result = check_server(mail_server(fake.port, **CLEAR), depth="send", to=TWO)
    assert result.code == "refused"


def answer_only_the_first(session: Session) -> None:
    """Answer the first of the commands that came together, and lose the rest."""
    session.send(b"250 2.1.0 ok\r\n")
    if session.stream.peek():
        session.stream.read1(4096)


def accept(session: Session) -> None:
    session.send(b"250 2.1.0 ok\r\n")


@pytest.mark.parametrize("many", [False, True])
def test_a_server_that_loses_commands_gets_one_at_a_time(many: bool) -> None:
    offers = b"250-fake\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
    first = iter([answer_only_the_first])

    def mail(session: Session) -> None:
        session.transaction = {"RCPT": True, "DATA": True}
        next(first, accept)(session)

    script: Script = {"EHLO": offers, "MAIL": mail}
    with FakeSmtp(script) as fake, server_of(fake, "mail.smtp.timeout=300") as mailer:
        if many:
            results = list(mailer.send_many(map(outgoing, range(3))))
            assert all(one.delivered for one in results), [one.error for one in results]
        else:
            mailer.send(MESSAGE, "ann@example.com", TWO)
        assert mailer.plan.options.ignored_extensions == frozenset()
    assert len(fake.messages) == (3 if many else 1)
    assert fake.connections == 2


def test_the_way_out_is_named() -> None:
    refusal = b"554 5.5.0 SMTP synchronization error\r\n"
    with FakeSmtp({"EHLO": OFFERS, "MAIL": refusal}) as fake:
        result = check_server(mail_server(fake.port, **CLEAR), depth="send", to=("bob@example.com",))
    assert result.code == "pipelining-refused"
    assert fake.connections == 2, "tried without, once"


def test_the_report_tells_of_the_second_connection() -> None:
    with FakeSmtp({"EHLO": OFFERS, "BDAT": REFUSALS[0]}) as fake:
        result = check_server(mail_server(fake.port, **CLEAR), depth="send", to=TWO)
    assert result.ok
    assert sum("CHUNKING" in line for line in result.transcript if line.startswith("* ")) == 1
    assert len({stage.stage for stage in result.stages}) == len(result.stages)
