"""What a delivery did: stages with their times, recipients with their answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from confobjects.mail.transcript import Transcript


@dataclass(frozen=True, slots=True)
class StageTime:
    """One stage that was gone through: how long it took, whether it succeeded."""

    stage: str
    milliseconds: float
    ok: bool


@dataclass(frozen=True, slots=True)
class RecipientResult:
    """What the server said to one recipient. ``accepted`` is None when the message failed before it was asked."""

    address: str
    accepted: bool | None
    reply: str = ""
    retry: bool = False


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """The account of one delivery or test.

    ``security`` is the TLS version and suite in use, or ``none``; ``reply`` the server's last word on the message,
    which mostly names the queue entry. Of a kept connection the stages and the transcript are those of this delivery.
    ``failed_over`` are the codes of the failures of mail servers that were tried before this one.
    """

    server: str
    host: str
    port: int
    address: str = ""
    security: str = "none"
    mechanism: str = ""
    sender: str = ""
    recipients: tuple[RecipientResult, ...] = ()
    reply: str = ""
    size: int = 0
    message_id: str = ""
    failed_over: tuple[str, ...] = ()
    stages: tuple[StageTime, ...] = ()
    conversation: Transcript | None = field(default=None, repr=False, compare=False)

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

    def as_json(self) -> dict[str, Any]:
        """Return the report for a program."""
        return {
            "server": self.server,
            "host": self.host,
            "port": self.port,
            "address": self.address,
            "security": self.security,
            "mechanism": self.mechanism,
            "sender": self.sender,
            "recipients": [
                {"address": one.address, "accepted": one.accepted, "reply": one.reply} for one in self.recipients
            ],
            "reply": self.reply,
            "size": self.size,
            "message_id": self.message_id,
            "stages": [{"stage": one.stage, "ms": round(one.milliseconds, 3), "ok": one.ok} for one in self.stages],
            "failed_over": list(self.failed_over),
            "transcript": list(self.transcript),
        }
