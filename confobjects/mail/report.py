"""What a delivery did: stages with their times, recipients with their answers."""

from __future__ import annotations

from typing import Any

from confobjects.mail.transcript import Transcript
from confobjects.records import Record, as_dict


class StageTime(Record):
    """One stage that was gone through: how long it took, whether it succeeded."""

    stage: str
    milliseconds: float
    ok: bool


class RecipientResult(Record):
    """What the server said to one recipient. ``accepted`` is None when the message failed before it was asked.

    ``retry`` tells of a refusal that the same recipient may not meet again later.
    """

    address: str
    accepted: bool | None
    reply: str = ""
    retry: bool = False


class Route(Record):
    """The way a message went: the mail server object, host and port, the address connected to, the TLS version and
    suite in use (or ``none``), the login mechanism.
    """

    server: str
    host: str
    port: int
    address: str = ""
    security: str = "none"
    mechanism: str = ""


class DeliveryReport(Record):
    """The account of one delivery or test.

    ``reply`` is the server's last word on the message, which mostly names the queue entry; ``size`` counts bytes. Of a
    kept connection the stages and the transcript are those of this delivery.
    ``failed_over`` are the codes of the failures of mail servers that were tried before this one.
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
        """The host named by the mail server object."""
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
        """The mechanism of the login, empty without one."""
        return self.route.mechanism

    @property
    def transcript(self) -> tuple[str, ...]:
        """What was said, line by line, masked."""
        return self.conversation.lines if self.conversation is not None else ()

    @property
    def delivered(self) -> tuple[str, ...]:
        """The recipients for whom the server took the message."""
        return tuple(one.address for one in self.recipients if one.accepted) if self.reply.startswith("2") else ()

    @property
    def refused(self) -> tuple[RecipientResult, ...]:
        """The recipients the server refused."""
        return tuple(one for one in self.recipients if one.accepted is False)

    @property
    def retryable(self) -> tuple[str, ...]:
        """The refused recipients for whom the same may succeed later."""
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
