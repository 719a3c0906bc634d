"""The conversations with a mail server, told without a socket.

Each conversation is a generator. It tells the engine what to send and yields a :class:`Step`: send that, and hand me
so many answers; a step of stage ``tls`` asks for the TLS handshake instead. Whoever drives it (over a socket, in
tests over a list of bytes) knows nothing of SMTP. A conversation that cannot go on raises
:class:`~confobjects.mail.diagnosis.Trouble`.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple, TypeVar

from confobjects.mail.diagnosis import Trouble
from confobjects.mail.envelope import Envelope
from confobjects.mail.mechanisms import MECHANISMS, LoginProblem, Mechanism, choose, usable
from confobjects.mail.message import Content, Sendable, fit
from confobjects.mail.plan import DeliveryPlan, Login
from confobjects.mail.replies import Reply, printable
from confobjects.mail.smtp import Answer, SmtpClient, State
from confobjects.mail.wire import WireError, with_crlf


class Step(NamedTuple):
    """Send what the engine has, then wait for answers; for stage ``tls`` negotiate TLS and expect none."""

    stage: str
    answers: int = 1


T = TypeVar("T")
Dialogue = Generator[Step, Sequence[Answer], T]


Results = tuple[tuple[str, Reply], ...]


class Outcome(NamedTuple):
    """How a transaction ended: the answer to each recipient, and the answer to the message."""

    recipients: Results
    final: Reply
    size: int


def _one(stage: str) -> Dialogue[Reply]:
    answers = yield Step(stage)
    return answers[0].reply


# -- session -----------------------------------------------------------------------------------------------------------


def open_session(client: SmtpClient, plan: DeliveryPlan, ehlo_name: str) -> Dialogue[None]:
    """Greet, and secure the connection as planned."""
    banner = yield from _one("banner")
    if not banner.positive:
        if plan.options.quit_on_reject:
            yield from farewell(client, plan)
        raise Trouble("banner", "reply", banner)
    yield from _greet(client, plan, ehlo_name, "ehlo")
    if plan.security in ("starttls-required", "starttls-if-offered"):
        yield from _secure(client, plan, ehlo_name)


def _greet(client: SmtpClient, plan: DeliveryPlan, name: str, stage: str) -> Dialogue[None]:
    client.greet(name, extended=plan.options.use_ehlo)
    reply = yield from _one(stage)
    if not reply.positive and plan.options.use_ehlo and reply.code in (500, 502) and plan.security == "none":
        client.greet(name, extended=False)  # a server that does not know EHLO (RFC 5321, section 3.2)
        reply = yield from _one(stage)
    if not reply.positive:
        raise Trouble(stage, "reply", reply, ehlo=name)


def _secure(client: SmtpClient, plan: DeliveryPlan, name: str) -> Dialogue[None]:
    if "STARTTLS" not in client.extensions:
        if plan.security == "starttls-if-offered":
            return
        raise Trouble("starttls", "starttls-not-offered")
    client.starttls()
    reply = yield from _one("starttls")
    if not reply.positive:
        if plan.security == "starttls-if-offered":
            return
        raise Trouble("starttls", "reply", reply)
    yield Step("tls", 0)
    yield from _greet(client, plan, name, "ehlo-tls")


# -- login -------------------------------------------------------------------------------------------------------------


def log_in(client: SmtpClient, login: Login, nonce: str) -> Dialogue[str]:
    """Log in once, with one mechanism; return its name, empty when the server offers none and that is allowed.

    ``nonce`` is fresh randomness for mechanisms that need it.
    """
    client.transcript.hide(*_secrets(login))
    if not client.tls and not login.in_clear:
        raise Trouble("auth", "auth-in-clear")
    offered = client.mechanisms
    if not offered:
        if login.optional:
            return ""
        raise Trouble("auth", "auth-not-offered")
    name = choose(login, offered, tls=client.tls)
    if name is None:
        ours = ", ".join(usable(login, tls=client.tls))
        raise Trouble("auth", "auth-no-common-mechanism", offered=printable(" ".join(offered)), usable=ours)
    try:
        mechanism = MECHANISMS[name](login, nonce)
        reply = yield from _exchange(client, name, mechanism)
    except LoginProblem as problem:
        raise Trouble("auth", "auth-protocol", message=str(problem), mechanism=name) from None
    if not reply[-1].positive:
        facts = {"token": True, "challenge": _oauth_challenge(reply)} if login.token else {}
        raise Trouble("auth", "reply", reply[-1], username=login.username, mechanism=name, **facts)
    return name


def _secrets(login: Login) -> Sequence[str]:
    """Return every form in which a server could repeat a secret."""
    plain = f"{login.authorization_id}\0{login.username}\0{login.password}"
    coded = [b64encode(text.encode()).decode() for text in (login.password, login.token, plain) if text]
    return (login.password, login.token, *(coded if login.password or login.token else ()))


def _exchange(client: SmtpClient, name: str, mechanism: Mechanism) -> Dialogue[list[Reply]]:
    """Run a login; return every reply, the deciding one last."""
    initial = mechanism.initial
    client.auth(name, initial)
    held_back = initial is not None and not client.fits(name, initial)
    replies = [(yield from _one("auth"))]
    while replies[-1].intermediate:
        try:
            response = initial if held_back else mechanism.respond(_challenge(replies[-1]))
        except LoginProblem:
            client.respond(None)
            yield from _one("auth")
            raise
        held_back = False
        client.respond(response)
        replies.append((yield from _one("auth")))
        if len(replies) > 8:
            raise LoginProblem("endless", "the server does not come to an end with its challenges")
    if replies[-1].positive:
        mechanism.finished()
    return replies


def _challenge(reply: Reply) -> bytes:
    try:
        return b64decode(reply.lines[0].strip(), validate=True)
    except ValueError:
        raise LoginProblem("not-base64", "the server sent a challenge that is not base64") from None


def _oauth_challenge(replies: Sequence[Reply]) -> str:
    """Return what a provider said about a refused token: it comes as a challenge in JSON (RFC 7628, section 3.2.2)."""
    for reply in replies:
        if reply.intermediate and reply.lines[0].strip():
            try:
                return f": {printable(_challenge(reply))}"
            except LoginProblem:
                return ""
    return ""


# -- transaction -------------------------------------------------------------------------------------------------------


def deliver(client: SmtpClient, plan: DeliveryPlan, envelope: Envelope, message: Sendable) -> Dialogue[Outcome]:
    """Send one message. Without ``sendpartial`` one refused recipient stops it for all."""
    try:
        content = fitted(client, plan, envelope, message)
        return (yield from _transaction(client, plan, envelope, content))
    except WireError as error:
        raise _not_for_the_wire(error) from None


def _not_for_the_wire(error: WireError) -> Trouble:
    of_message = error.field.startswith(("the message", "the header", "a header"))
    return Trouble("data" if of_message else "mail", "wire", message=str(error))


def fitted(client: SmtpClient, plan: DeliveryPlan, envelope: Envelope, message: Sendable) -> Content:
    """Return the message in the form the server takes. Raises Trouble where it takes none, or none that large."""
    utf8_needed = next((a for a in (envelope.sender, *envelope.recipients) if not a.isascii()), "")
    content = fit(
        message,
        extensions=client.extensions,
        utf8_wanted=plan.options.utf8_headers,
        keep_8bit=plan.options.keep_8bit,
        utf8_needed=utf8_needed,
    )
    limit = client.size_limit
    if limit is not None and content.size > limit:
        raise Trouble("mail", "message-too-large", sizes=f": it has {content.size} bytes, the server takes {limit}")
    return content


def _transaction(client: SmtpClient, plan: DeliveryPlan, envelope: Envelope, content: Content) -> Dialogue[Outcome]:
    if client.pipelining:
        results, ahead = yield from _envelope_at_once(client, plan, envelope, content)
    else:
        results = yield from _envelope_in_steps(client, plan, envelope, content)
        ahead = None
    accepted = [address for address, reply in results if reply.positive]
    if ahead is None:
        yield from _judge(client, plan, results)
        if _chunked(client, plan):
            return (yield from _by_chunks(client, plan, results, content))
        client.data()
        ahead = yield from _one("data")
    elif not accepted:
        yield from _nobody(client, results, ahead)
    if not ahead.intermediate:
        yield from _give_up(client)
        raise Trouble("data", "reply", ahead, results=results)
    return (yield from _content(client, results, content))


Note = Callable[[int, Outcome | Trouble], None]


def deliver_many(
    client: SmtpClient, plan: DeliveryPlan, items: Sequence[tuple[Envelope, Sendable]], note: Note
) -> Dialogue[None]:
    """Send messages one after the other, noting how each ended.

    With PIPELINING the envelope of a message goes along with the content of the one before it, so that a message
    costs one round trip. A message that fails does not stop the others; a connection that fails raises Trouble, with
    the message it befell not noted.
    """
    number = 0
    while number < len(items):
        if client.state is not State.SESSION:
            raise Trouble("mail", "closed")
        if _streams(client, plan, items[number][0]):
            number = yield from _stream(client, plan, items, number, note)
        else:
            envelope, message = items[number]
            try:
                note(number, (yield from deliver(client, plan, envelope, message)))
            except Trouble as trouble:
                if client.state is not State.SESSION:
                    raise
                note(number, trouble)
            number += 1


def _streams(client: SmtpClient, plan: DeliveryPlan, envelope: Envelope) -> bool:
    """Tell whether DATA may go along with the envelope: no answer to a recipient could make us change our mind."""
    alone = plan.options.send_partial or len(envelope.recipients) == 1
    return alone and client.pipelining and not _chunked(client, plan)


def _stream(
    client: SmtpClient, plan: DeliveryPlan, items: Sequence[tuple[Envelope, Sendable]], number: int, note: Note
) -> Dialogue[int]:
    """Send messages back to back from one on; return the number of the first that was not begun."""
    current = _begun(client, plan, items[number], number, note)
    if current is None:
        return number + 1
    answers = yield Step("mail", current.answers)
    while True:
        go_ahead = yield from _may_go_on(client, current, [answer.reply for answer in answers])
        if isinstance(go_ahead, Trouble):
            if client.state is State.CLOSED:
                raise go_ahead
            note(number, go_ahead)
            return number + 1
        yield from _pour(client, current.content)
        following = number + 1
        then = None
        if following < len(items) and _streams(client, plan, items[following][0]):
            then = _begun(client, plan, items[following], following, note)
        wanted = 1 + (then.answers if then else 0)
        try:
            answers = yield Step("data", wanted)
        except Trouble as trouble:
            if trouble.answers:  # the connection failed, but this message had its answer before
                note(number, _ended(go_ahead, trouble.answers[0].reply, current))
            raise
        note(number, _ended(go_ahead, answers[0].reply, current))
        if len(answers) < wanted:
            raise Trouble("data", "reply", answers[-1].reply)
        if then is None:
            return following + (following < len(items) and _streams(client, plan, items[following][0]))
        number, current, answers = following, then, answers[1:]


def _ended(results: Results, final: Reply, current: _Begun) -> Outcome | Trouble:
    if final.positive:
        return Outcome(results, final, current.content.size)
    return Trouble("data", "reply", final, results=results)


class _Begun(NamedTuple):
    """A message whose envelope and DATA have been handed to the engine."""

    envelope: Envelope
    content: Content

    @property
    def answers(self) -> int:
        return 2 + len(self.envelope.recipients)


def _begun(
    client: SmtpClient, plan: DeliveryPlan, item: tuple[Envelope, Sendable], number: int, note: Note
) -> _Begun | None:
    envelope, message = item
    try:
        content = fitted(client, plan, envelope, message)
        client.mail(envelope.sender, mail_parameters(client, plan, envelope, content))
        parameters = _rcpt_parameters(client, plan)
        for recipient in envelope.recipients:
            client.rcpt(recipient, parameters)
        client.data()
    except Trouble as trouble:
        note(number, trouble)
        return None
    except WireError as error:
        note(number, _not_for_the_wire(error))
        return None
    return _Begun(envelope, content)


def _may_go_on(client: SmtpClient, current: _Begun, replies: list[Reply]) -> Dialogue[Results | Trouble]:
    """Judge the answers to envelope and DATA: the recipients' answers, or why the message is not sent."""
    recipients = current.envelope.recipients
    results = tuple(zip(recipients, replies[1:], strict=False))
    ahead = replies[-1]
    if len(replies) < current.answers:
        return Trouble("mail", "reply", ahead, results=results)
    refused = [one for one in results if not one[1].positive]
    if not replies[0].positive or len(refused) == len(results):
        yield from _end_empty(client, ahead)
        yield from _give_up(client)
        if not replies[0].positive:
            return Trouble("mail", "reply", replies[0], sender=current.envelope.sender or "<>")
        return _refusal(refused, results)
    if not ahead.intermediate:
        yield from _give_up(client)
        return Trouble("data", "reply", ahead, results=results)
    return results


def _pour(client: SmtpClient, content: Content) -> Dialogue[None]:
    """Hand the content to the engine; large ones are sent piece by piece."""
    for piece in content.pieces():
        client.content(piece)
        if content.size > len(piece):
            yield Step("data", 0)
    client.end(content.size)


def try_envelope(client: SmtpClient, plan: DeliveryPlan, envelope: Envelope) -> Dialogue[Results]:
    """Name sender and recipients, then give the transaction up: nothing is sent. Raises Trouble as a delivery would."""
    content = Content(lambda: (), 0, eight_bit=False)
    results = yield from _envelope_in_steps(client, plan, envelope, content)
    yield from _judge(client, plan, results)
    yield from _give_up(client)
    return results


def mail_parameters(client: SmtpClient, plan: DeliveryPlan, envelope: Envelope, content: Content) -> str:
    """Return the parameters of MAIL: of each extension in use, where the server offers it."""
    offered, options = client.extensions, plan.options
    parts = []
    if "SIZE" in offered:
        parts.append(f"SIZE={content.size}")
    if content.eight_bit and "8BITMIME" in offered:
        parts.append("BODY=8BITMIME")
    if content.utf8_headers or envelope.utf8:
        parts.append("SMTPUTF8")
    if options.ret and "DSN" in offered:
        parts.append(f"RET={options.ret}")
    if options.submitter and "AUTH" in offered:
        parts.append(f"AUTH={xtext(options.submitter)}")
    if options.extension:
        parts.append(options.extension)
    return "".join(f" {part}" for part in parts)


def xtext(text: str) -> str:
    """Return a text coded as xtext (RFC 3461, section 4)."""
    return "".join(chr(b) if 33 <= b <= 126 and b not in b"+=" else f"+{b:02X}" for b in text.encode())


def _rcpt_parameters(client: SmtpClient, plan: DeliveryPlan) -> str:
    return f" NOTIFY={plan.options.notify}" if plan.options.notify and "DSN" in client.extensions else ""


def _envelope_at_once(
    client: SmtpClient, plan: DeliveryPlan, envelope: Envelope, content: Content
) -> Dialogue[tuple[Results, Reply | None]]:
    """Send MAIL and every RCPT in one write (RFC 2920), with DATA where no answer can make us change our mind."""
    with_data = not _chunked(client, plan) and (plan.options.send_partial or len(envelope.recipients) == 1)
    client.mail(envelope.sender, mail_parameters(client, plan, envelope, content))
    parameters = _rcpt_parameters(client, plan)
    for recipient in envelope.recipients:
        client.rcpt(recipient, parameters)
    if with_data:
        client.data()
    answers = yield Step("mail", 1 + len(envelope.recipients) + with_data)
    replies = [answer.reply for answer in answers]
    ahead = replies.pop() if with_data and len(replies) == len(envelope.recipients) + 2 else None
    results = tuple(zip(envelope.recipients, replies[1:], strict=False))
    if not replies[0].positive:
        if ahead is not None:
            yield from _end_empty(client, ahead)
        yield from _give_up(client)
        raise Trouble("mail", "reply", replies[0], sender=envelope.sender or "<>")
    if len(replies) <= len(envelope.recipients):  # the server is closing and answered no more
        raise Trouble("rcpt", "reply", replies[-1], results=results)
    return results, ahead


def _envelope_in_steps(
    client: SmtpClient, plan: DeliveryPlan, envelope: Envelope, content: Content
) -> Dialogue[Results]:
    client.mail(envelope.sender, mail_parameters(client, plan, envelope, content))
    reply = yield from _one("mail")
    if not reply.positive:
        yield from _give_up(client)
        raise Trouble("mail", "reply", reply, sender=envelope.sender or "<>")
    results: list[tuple[str, Reply]] = []
    for recipient in envelope.recipients:
        client.rcpt(recipient, _rcpt_parameters(client, plan))
        results.append((recipient, (yield from _one("rcpt"))))
        if client.state is State.CLOSED or (not results[-1][1].positive and not plan.options.send_partial):
            break
    return tuple(results)


def _judge(client: SmtpClient, plan: DeliveryPlan, results: Results) -> Dialogue[None]:
    """Stop when recipients are refused: any one, or with ``sendpartial`` all of them."""
    refused = [(address, reply) for address, reply in results if not reply.positive]
    partial = plan.options.send_partial and client.state is not State.CLOSED
    if refused and (not partial or len(refused) == len(results)):
        yield from _give_up(client)
        raise _refusal(refused, results)


def _refusal(refused: Sequence[tuple[str, Reply]], results: Results) -> Trouble:
    # A permanent refusal tells more than a temporary one; of several alike the first counts.
    address, reply = next((one for one in refused if not one[1].temporary), refused[0])
    return Trouble("rcpt", "reply", reply, recipients=address, results=results)


def _nobody(client: SmtpClient, results: Results, ahead: Reply) -> Dialogue[None]:
    """Every recipient was refused after DATA had been sent along."""
    yield from _end_empty(client, ahead)
    yield from _give_up(client)
    raise _refusal([one for one in results if not one[1].positive], results)


def _end_empty(client: SmtpClient, ahead: Reply) -> Dialogue[None]:
    """End a DATA that the server let us begin although nobody receives it: the dot alone (RFC 2920, section 3.1)."""
    if ahead.intermediate and client.state is State.CONTENT:
        client.end()
        yield Step("data")


def _give_up(client: SmtpClient) -> Dialogue[None]:
    """Clear the transaction, so that the connection can be used again."""
    if client.state in (State.ENVELOPE, State.SESSION):
        client.rset()
        yield Step("quit")


def _chunked(client: SmtpClient, plan: DeliveryPlan) -> bool:
    return plan.options.chunk_size > 0 and "CHUNKING" in client.extensions


def _content(client: SmtpClient, results: Results, content: Content) -> Dialogue[Outcome]:
    yield from _pour(client, content)
    final = yield from _one("data")
    if not final.positive:
        raise Trouble("data", "reply", final, results=results)
    return Outcome(results, final, content.size)


def _by_chunks(client: SmtpClient, plan: DeliveryPlan, results: Results, content: Content) -> Dialogue[Outcome]:
    data = with_crlf(b"".join(content.pieces()))
    size = plan.options.chunk_size
    final: Reply | None = None
    for at in range(0, max(len(data), 1), size):
        client.bdat(data[at : at + size], last=at + size >= len(data))
        final = yield from _one("data")
        if not final.positive:
            yield from _give_up(client)
            raise Trouble("data", "reply", final, results=results)
    assert final is not None  # noqa: S101 - the loop runs at least once
    return Outcome(results, final, content.size)


def farewell(client: SmtpClient, plan: DeliveryPlan) -> Dialogue[None]:
    """Say goodbye."""
    client.quit()
    yield Step("quit", 1 if plan.options.wait_for_quit else 0)


def sign_of_life(client: SmtpClient, plan: DeliveryPlan) -> Dialogue[bool]:
    """Ask a kept connection whether it still lives."""
    if plan.options.probe_with_rset:
        client.rset()
    else:
        client.noop()
    reply = yield from _one("quit")
    return reply.code == 250 or (not plan.options.strict_noop and not plan.options.probe_with_rset)


__all__ = [
    "Dialogue",
    "Outcome",
    "Step",
    "deliver",
    "farewell",
    "log_in",
    "open_session",
    "sign_of_life",
    "try_envelope",
]
