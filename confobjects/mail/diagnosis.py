"""What a failure means: from a raw signal to a stable code, a plain sentence, and the property to change.

A :class:`Trouble` is the raw signal (stage, kind, reply, facts); :mod:`~confobjects.mail.signals` finds its code, and
:mod:`~confobjects.mail.failures` has its words.

Laws: the code of a diagnosis is stable, its words are not; the server's own line is always kept; nothing is guessed
where a second connection can find out (see the transport room).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from confobjects.actions import Remedy, RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.errors import MailError
from confobjects.mail.failures import TABLE, USERNAME_PROPERTY, Failure
from confobjects.mail.kinds import GENERIC, KINDS, Kind
from confobjects.mail.plan import DECIDED
from confobjects.mail.property_table import PROPERTY
from confobjects.mail.replies import ProtocolViolation, Reply
from confobjects.mail.signals import code_for
from confobjects.records import Record, field

STAGES: Final = (
    "token",
    "resolve",
    "connect",
    "tls",
    "banner",
    "ehlo",
    "starttls",
    "ehlo-tls",
    "auth",
    "mail",
    "rcpt",
    "data",
    "quit",
)
"""The stages of a delivery. With STARTTLS, ``tls`` comes between ``starttls`` and ``ehlo-tls``.

``token`` is there if the login takes an access token; a test comes to it just before ``auth``.
"""

_EXIT_STAGE: Final = {"ehlo-tls": "ehlo", "quit": "data"}


class Trouble(Exception):  # noqa: N818 - a raw signal, not yet an error with words
    """A delivery cannot go on: the stage in which it stopped, the kind of failure, and the reply if there was one.

    ``facts`` fill the placeholders in the words of the diagnosis.
    """

    def __init__(self, stage: str, kind: str, reply: Reply | None = None, **facts: Any) -> None:
        super().__init__(f"{stage}: {kind}")
        self.stage = stage
        self.kind = kind
        self.reply = reply
        self.facts: dict[str, Any] = facts
        self.answers: Sequence[Any] = ()
        """Answers of the same step that arrived before the failure."""
        self.mishandled = ""
        """An extension that the server offers but handles wrongly: the same delivery may succeed without it."""

    @classmethod
    def of(cls, stage: str, violation: ProtocolViolation) -> Trouble:
        """Return the trouble of a server that broke the rules of SMTP or closed the connection."""
        return cls(stage, violation.kind, message=str(violation), line=violation.line)


class Diagnosis(Record):
    """What a failure means: a stable code, the stage, a sentence, a remedy, the property to change.

    ``reply`` is the server's own line. ``retry`` says that the same delivery may succeed later, ``elsewhere`` that
    another mail server may succeed now.
    """

    code: str
    stage: str
    summary: str
    remedy: Remedy
    property: str = ""
    reply: str = ""
    retry: bool = False
    elsewhere: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def as_diagnostic(self, path: str = "") -> Diagnostic:
        """Return the diagnosis in the shape in which every problem is reported."""
        detail = [f"the server said: {self.reply}"] if self.reply else []
        detail.extend(self.facts.get("detail", ()))
        return Diagnostic(
            f"mail-{_EXIT_STAGE.get(self.stage, self.stage)}",
            self.summary,
            path=path,
            property=self.property,
            detail=detail[0] if detail else "",
            more=tuple(detail[1:]),
            remedy=self.remedy,
        )


def code_of(trouble: Trouble, known: Mapping[str, Any] | None = None) -> str:
    """Return the code of the row that fits a raw signal. ``known`` are facts of the delivery."""
    return code_for(trouble.stage, trouble.kind, trouble.reply, {**(known or {}), **trouble.facts})


_UNKNOWN: Final = {
    "issuer": "an authority",
    "names": "another name",
    "recipients": "the recipient",
}


class _Facts(dict[str, Any]):
    """Facts for a sentence. A fact that is not known becomes a general word or nothing, and is not an error."""

    def __missing__(self, key: str) -> str:
        return _UNKNOWN.get(key, "")


def _mask_secrets(value: Any, mask: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return mask(value)
    return [_mask_secrets(one, mask) for one in value] if isinstance(value, list) else value


Parts = tuple[str | RemedyAction, ...]


def _fill(remedy: Remedy, facts: _Facts, username: str | RemedyAction) -> Parts:
    """Put facts into the text of a remedy and into the arguments of its actions."""
    filled: list[str | RemedyAction] = []
    for part in (remedy,) if isinstance(remedy, str) else remedy:
        if isinstance(part, RemedyAction):
            filled.append(RemedyAction(part.verb, *(argument.format_map(facts) for argument in part.arguments)))
            continue
        before, found, after = part.partition(USERNAME_PROPERTY)
        filled.append(before.format_map(facts))
        filled.extend((username, after.format_map(facts)) if found else ())
    return tuple(filled)


def _join(parts: Parts) -> Remedy:
    """Return the parts of a remedy with no text beside another text."""
    joined: list[str | RemedyAction] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part:
            joined.append(part)
    return joined[0] if len(joined) == 1 and isinstance(joined[0], str) else tuple(joined)


_PARTS: Final = {
    "smtp-server": ("host", "port"),
    "use-ssl": ("security",),
    "socket-factory-class": ("security",),
    "use-start-tls": ("security",),
    "auth-username": ("username",),
    "auth-password": ("username",),
}
"""The property that a failure blames, and the parts of the plan it may mean (:data:`~confobjects.mail.plan.DECIDED`)."""


def _blame_rows(row: Failure, stage: str, overrides: Mapping[str, str]) -> tuple[str, Parts]:
    """Return the property to blame, and a sentence for the remedy: what was typed in ``smtp-property`` counts.

    A row that overrides a property stands in its way, so that changing the property alone would not help.
    """
    parts = ("host",) if stage == "resolve" and row.property == "smtp-server" else _PARTS.get(row.property, ())
    rows = {overrides[part]: DECIDED[part] for part in parts if part in overrides}
    if not rows:
        return row.property, ()
    advice: list[str | RemedyAction] = []
    for name, what in rows.items():
        advice.append(" and " if advice else "Correct or remove ")
        advice.extend((RemedyAction("setting", PROPERTY, name), f", which decides {what}"))
    return (row.property if row.property == "auth-password" else PROPERTY), (*advice, ". ")


def _find_row(code: str, kind: Kind) -> Failure:
    """Return the words of a failure for a type of mail server."""
    row = TABLE[code]
    if code not in kind.remedies:
        return row
    blamed, remedy = kind.remedies[code]
    return row.replace(property=blamed, remedy=remedy)


def diagnose(trouble: Trouble, known: Mapping[str, Any], mask: Callable[[str], str] = lambda text: text) -> Diagnosis:
    """Return what a raw signal means.

    ``known`` are facts of the delivery (host, port, sender, …). ``mask`` takes secrets out of what a server said. Our
    own words are not masked: a short password could otherwise blank out parts of them.
    """
    code = code_of(trouble, known)
    row = _find_row(code, KINDS[known.get("kind", GENERIC)])
    said = {name: _mask_secrets(value, mask) for name, value in trouble.facts.items()}
    facts = _Facts({**known, **said, "stage": trouble.stage})
    overrides: Mapping[str, str] = known.get("overrides", {})
    username = RemedyAction("setting", PROPERTY, overrides["username"]) if "username" in overrides else "auth-username"
    blamed, advice = _blame_rows(row, trouble.stage, overrides)
    return Diagnosis(
        code=code,
        stage=trouble.stage,
        summary=row.summary.format_map(facts),
        remedy=_join((*advice, *_fill(row.remedy, facts, username))),
        property=trouble.facts.get("property", blamed),
        reply=mask(str(trouble.reply)) if trouble.reply is not None else "",
        retry=row.retry or (trouble.reply is not None and trouble.reply.temporary),
        elsewhere=row.elsewhere,
        facts=facts,
    )


def describe_code(code: str, **facts: str) -> tuple[str, Remedy] | None:
    """Return the sentence and the remedy of a code, None for one that has no row. Facts that are not given become general words."""
    if code not in TABLE:
        return None
    known = _Facts(facts)
    row = TABLE[code]
    return row.summary.format_map(known), _join(_fill(row.remedy, known, "auth-username"))


class TrustError(MailError):
    """A trust or key manager provider cannot be used.

    ``reason`` is a key of :data:`~confobjects.mail.failures.TRUST_REASONS` or :data:`~confobjects.mail.failures.KEY_REASONS`.
    """

    def __init__(self, reason: str, problem: Diagnostic) -> None:
        super().__init__(problem)
        self.reason = reason


class DeliveryError(MailError):
    """A delivery or a test failed in one stage.

    ``diagnosis`` says what the failure means, ``report`` what was done before it; ``trouble`` is the raw signal.
    """

    def __init__(
        self, diagnosis: Diagnosis, path: str = "", *, report: Any = None, trouble: Trouble | None = None
    ) -> None:
        super().__init__(diagnosis.as_diagnostic(path))
        self.diagnosis = diagnosis
        self.report = report
        self.trouble = trouble

    @property
    def retryable(self) -> bool:
        """Whether the same delivery may succeed later with no change."""
        return self.diagnosis.retry

    @property
    def unknown(self) -> bool:
        """Whether the server may have accepted the message: then it must not be sent again without a check."""
        return self.diagnosis.code == "unknown-outcome"
