"""Many messages told over lists of bytes: how many round trips, and what is noted when it breaks anywhere."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.mail.diagnosis import Trouble
from confobjects.mail.envelope import make_envelope
from confobjects.mail.plan import DeliveryPlan
from confobjects.mail.planning import plan_delivery
from confobjects.mail.replies import ProtocolViolation
from confobjects.mail.smtp import SmtpClient
from confobjects.mail.states import State
from confobjects.mail.streaming import Parcel, deliver_many
from confobjects.mail.transaction import DeliveryOutcome
from tests.servers import mail_server

PIPELINING = b"250-hi\r\n250 PIPELINING\r\n"
CHUNKING = b"250-hi\r\n250-PIPELINING\r\n250 CHUNKING\r\n"
PLAIN = b"250 hi\r\n"


def session(extensions: bytes) -> SmtpClient:
    client = SmtpClient(tls=True)
    client.receive(b"220 hi\r\n")
    client.greet("me.example")
    client.receive(extensions)
    client.data_to_send()
    return client


def plan(*settings: str) -> DeliveryPlan:
    return plan_delivery(mail_server(587, *settings))


def parcels(count: int, recipients: int = 1) -> list[Parcel]:
    to = tuple(f"r{n}@c.example" for n in range(recipients))
    return [Parcel(n, make_envelope("me@example.com", to), b"Subject: %d\r\n\r\nx\r\n" % n) for n in range(count)]


class Server:
    """Answers what is sent, in one piece, and counts the pieces; breaks after so many answers, 0 for never."""

    def __init__(self, client: SmtpClient, breaks_after: int = 0) -> None:
        self.client = client
        self.left = breaks_after or 10**9
        self.trips = 0
        self.accepted: list[bytes] = []
        self.content = False
        self.rest = b""

    def answers(self, data: bytes) -> list[bytes]:
        found = []
        for line in data.splitlines(keepends=True):
            if self.content:
                self.content = line != b".\r\n"
                if not self.content:
                    self.accepted.append(line)
                    found.append(b"250 queued\r\n")
            elif line.startswith(b"BDAT"):
                self.accepted.append(line)
                found.append(b"250 queued\r\n")
            elif line.startswith((b"MAIL", b"RCPT")):
                found.append(b"250 ok\r\n")
            elif line == b"DATA\r\n":
                self.content = True
                found.append(b"354 go\r\n")
        return found

    def drive(self, dialogue: Any, meanwhile: bool) -> None:
        try:
            step = next(dialogue)
            while True:
                try:
                    replies = self.exchange(step, meanwhile)
                except Trouble as trouble:
                    step = dialogue.throw(trouble)
                else:
                    step = dialogue.send(replies)
        except StopIteration:
            return

    def exchange(self, step: Any, meanwhile: bool) -> list[Any]:
        self.trips += bool(step.answers)
        answers = self.answers(self.client.data_to_send())
        if meanwhile and step.meanwhile:
            step.meanwhile()
        given, self.left = answers[: self.left], self.left - len(answers)
        replies = self.client.receive(b"".join(given)) if given else []
        if len(replies) >= step.answers:
            return replies
        kind = "unknown-outcome" if self.client.verdict_awaited else "closed"
        with pytest.raises(ProtocolViolation):
            self.client.receive(b"")
        trouble = Trouble(step.stage, kind)
        trouble.answers = replies
        self.client.abandon()
        raise trouble


def run(
    extensions: bytes, items: list[Parcel], *settings: str, breaks_after: int = 0, meanwhile: bool = True
) -> tuple[Server, dict[int, list[Any]], Any]:
    client = session(extensions)
    server, noted, rest = Server(client, breaks_after), {one.mark: list[Any]() for one in items}, iter(items)
    dialogue = deliver_many(client, plan(*settings), rest, lambda one, end, _: noted[one.mark].append(end))
    if breaks_after:
        try:
            server.drive(dialogue, meanwhile)
        except Trouble:
            assert client.state is State.CLOSED
    else:
        server.drive(dialogue, meanwhile)
    return server, noted, rest


@pytest.mark.parametrize("meanwhile", [True, False])
@pytest.mark.parametrize("recipients", [1, 3])
@pytest.mark.parametrize("extensions", [PIPELINING, CHUNKING])
def test_a_message_costs_one_round_trip(extensions: bytes, recipients: int, meanwhile: bool) -> None:
    server, noted, _ = run(extensions, parcels(10, recipients), meanwhile=meanwhile)
    assert server.trips == 11, "one more for the first envelope"
    assert all(isinstance(end, DeliveryOutcome) for [end] in noted.values())
    assert len(server.accepted) == 10


def test_without_pipelining_each_command_is_a_round_trip() -> None:
    server, noted, _ = run(PLAIN, parcels(5))
    assert server.trips == 5 * 4
    assert all(isinstance(end, DeliveryOutcome) for [end] in noted.values())


@given(
    st.sampled_from([PIPELINING, CHUNKING, PLAIN]), st.integers(1, 3), st.integers(1, 30), st.booleans(), st.booleans()
)
def test_wherever_it_breaks_each_message_is_noted_once_and_truly(
    extensions: bytes, recipients: int, breaks_after: int, meanwhile: bool, partial: bool
) -> None:
    setting = f"mail.smtp.sendpartial={'true' if partial else 'false'}"
    items = parcels(6, recipients)
    server, noted, rest = run(extensions, items, setting, breaks_after=breaks_after, meanwhile=meanwhile)
    untaken = {one.mark for one in rest}
    ends = {mark: ends for mark, ends in noted.items() if mark not in untaken}
    assert all(len(one) == 1 for one in ends.values()), "each that was taken is noted once"
    assert not any(noted[mark] for mark in untaken)
    told = [end for [end] in ends.values()]
    delivered = sum(isinstance(end, DeliveryOutcome) for end in told)
    unknown = sum(isinstance(end, Trouble) and end.kind == "unknown-outcome" for end in told)
    assert delivered <= len(server.accepted) <= delivered + unknown
    assert unknown <= 1
