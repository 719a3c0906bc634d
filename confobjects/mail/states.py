"""The states of an SMTP conversation, and the two tables of its transitions.

:data:`SENDS` says what may be sent in a state, and the state after it. :data:`RECEIVES` says the state after an answer.
Nothing else is allowed.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class State(Enum):
    """What may be sent next."""

    BANNER = "nothing: the server speaks first"
    GREETED = "EHLO or HELO"
    SESSION = "a command outside a transaction"
    ENVELOPE = "recipients, or the message"
    CONTENT = "the content"
    CHALLENGED = "the response to a login challenge"
    TLS = "nothing: TLS is to be negotiated"
    WAITING = "nothing: an answer is awaited"
    REJECTED = "QUIT"
    CLOSED = "nothing"


_S = State

SENDS: Final[dict[tuple[State, str], State]] = {
    (_S.GREETED, "EHLO"): _S.WAITING,
    (_S.GREETED, "HELO"): _S.WAITING,
    (_S.GREETED, "QUIT"): _S.WAITING,
    (_S.SESSION, "EHLO"): _S.WAITING,
    (_S.SESSION, "STARTTLS"): _S.WAITING,
    (_S.SESSION, "AUTH"): _S.WAITING,
    (_S.SESSION, "MAIL"): _S.ENVELOPE,
    (_S.SESSION, "RSET"): _S.SESSION,
    (_S.SESSION, "NOOP"): _S.WAITING,
    (_S.SESSION, "QUIT"): _S.WAITING,
    (_S.ENVELOPE, "RCPT"): _S.ENVELOPE,
    (_S.ENVELOPE, "DATA"): _S.WAITING,
    (_S.ENVELOPE, "BDAT"): _S.ENVELOPE,
    (_S.ENVELOPE, "BDAT LAST"): _S.SESSION,
    (_S.ENVELOPE, "RSET"): _S.SESSION,
    (_S.ENVELOPE, "QUIT"): _S.WAITING,
    (_S.CONTENT, "END"): _S.SESSION,
    (_S.CHALLENGED, "RESPONSE"): _S.WAITING,
    (_S.REJECTED, "QUIT"): _S.WAITING,
}
"""(state, what is sent) -> the state after it."""

RECEIVES: Final[dict[tuple[str, int], State]] = {
    ("BANNER", 2): _S.GREETED,
    ("BANNER", 4): _S.REJECTED,
    ("BANNER", 5): _S.REJECTED,
    ("EHLO", 2): _S.SESSION,
    ("EHLO", 4): _S.GREETED,
    ("EHLO", 5): _S.GREETED,
    ("HELO", 2): _S.SESSION,
    ("HELO", 4): _S.GREETED,
    ("HELO", 5): _S.GREETED,
    ("STARTTLS", 2): _S.TLS,
    ("STARTTLS", 4): _S.SESSION,
    ("STARTTLS", 5): _S.SESSION,
    ("AUTH", 2): _S.SESSION,
    ("AUTH", 3): _S.CHALLENGED,
    ("AUTH", 4): _S.SESSION,
    ("AUTH", 5): _S.SESSION,
    ("DATA", 3): _S.CONTENT,
    ("DATA", 4): _S.ENVELOPE,
    ("DATA", 5): _S.ENVELOPE,
    ("NOOP", 2): _S.SESSION,
    ("NOOP", 4): _S.SESSION,
    ("NOOP", 5): _S.SESSION,
    ("QUIT", 2): _S.CLOSED,
    ("QUIT", 4): _S.CLOSED,
    ("QUIT", 5): _S.CLOSED,
}
"""(what is answered, first digit of the answer) -> the state after it; other answers do not change the state."""
