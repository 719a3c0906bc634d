"""The report of a delivery: the stages with their times, the recipients with their answers."""

from __future__ import annotations

from typing import Any

from confobjects.mail.transcript import Transcript
from confobjects.records import Record, as_dict


class StageTime(Record):
    """One stage of a delivery: how long it took, and whether it succeeded."""

    stage: str
    milliseconds: float
    ok: bool


def format_stage(one: StageTime) -> str:
    """Return a line about a stage: its name, how long it took, whether it succeeded."""
    return f"{one.stage:<9}{one.milliseconds:>9.1f} ms  {'ok' if one.ok else 'FAILED'}"


class RecipientResult(Record):
    """The server's answer to one recipient. ``accepted`` is None if the message failed before the server was asked.

    ``retry`` says that the server may accept the same recipient later.
    """

    address: str
    accepted: bool | None
    reply: str = ""
    retry: bool = False


class Route(Record):
    """The route of a message: the mail server object, host and port, the address connected to, the TLS version and
    suite in use (or ``none``), the login mechanism.
    """

    server: str
    host: str
    port: int
    address: str = ""
    security: str = "none"
    mechanism: str = ""


class DeliveryReport(Record):
    """The report of one delivery or test.

    ``reply`` is the server's last reply to the message, which usually names the queue entry; ``size`` is in bytes. On a
    kept connection, the stages and the transcript are those of this delivery only. ``failed_over`` are the codes of the
    failures of the mail servers that were tried before.
    """

    route: Route
    sender: str = ""
    recipients: tuple[RecipientResult, ...] = ()
    reply: str = ""
    size: int = 0
    message_id: str = ""
    failed_over: tuple[str, ...] = ()
    stages: tuple[StageTime, ...] = ()
    conversation: Transcript | None = None

    @property
    def server(self) -> str:
        """The path of the mail server object."""
        return self.route.server

    @property
    def host(self) -> str:
        """The host that the mail server object names."""
        return self.route.host

    @property
    def port(self) -> int:
        """The port."""
        return self.route.port

    @property
    def address(self) -> str:
        """The address connected to."""
        return self.route.address

    @property
    def security(self) -> str:
        """The TLS version and suite in use, or ``none``."""
        return self.route.security

    @property
    def mechanism(self) -> str:
        """The mechanism of the login, empty without a login."""
        return self.route.mechanism

    @property
    def transcript(self) -> tuple[str, ...]:
        """The lines of the conversation, with secrets masked."""
        return self.conversation.lines if self.conversation is not None else ()

    @property
    def delivered(self) -> tuple[str, ...]:
        """The recipients for whom the server accepted the message."""
        return tuple(one.address for one in self.recipients if one.accepted) if self.reply.startswith("2") else ()

    @property
    def refused(self) -> tuple[RecipientResult, ...]:
        """The recipients the server refused."""
        return tuple(one for one in self.recipients if one.accepted is False)

    @property
    def retryable(self) -> tuple[str, ...]:
        """The refused recipients that the server may accept later."""
        return tuple(one.address for one in self.recipients if one.accepted is False and one.retry)

    def as_json(self) -> dict[str, Any]:
        """Return the report for a program."""
        return {
            **as_dict(self.route),
            "sender": self.sender,
            "recipients": [as_dict(one) for one in self.recipients],
            "reply": self.reply,
            "size": self.size,
            "message_id": self.message_id,
            "stages": [{"stage": one.stage, "ms": round(one.milliseconds, 3), "ok": one.ok} for one in self.stages],
            "failed_over": list(self.failed_over),
            "transcript": list(self.transcript),
        }
