"""One message: the envelope, the judgement of its answers, the content.

If the server offers PIPELINING, the envelope is sent in one write, together with DATA (RFC 2920), so that a message
costs two round trips. Laws: content is sent only to accepted recipients, and without ``sendpartial`` only if all are
accepted. If the server answers DATA with 354 but not all recipients are accepted, the client closes the connection: a
server does not deliver a message without its final dot (RFC 5321, section 4.1.1.10). If the server offers CHUNKING,
such a message is sent by BDAT instead, which sends no content before the envelope is answered.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from confobjects.mail.diagnosis import Trouble
from confobjects.mail.dialogue import Dialogue, DialogueStep
from confobjects.mail.envelope import Envelope
from confobjects.mail.message import Content, Sendable, content_from_bytes, fit_to_extensions
from confobjects.mail.plan import DeliveryPlan
from confobjects.mail.replies import Reply
from confobjects.mail.smtp import EnvelopeGroup, SmtpClient
from confobjects.mail.states import State
from confobjects.mail.wire import LineEnds, WireError, stuff_message, with_crlf
from confobjects.records import Record

CHUNK = 1 << 20
"""Bytes of one BDAT chunk, unless a setting gives another size."""

Results = tuple[tuple[str, Reply], ...]

Leave = Callable[[], bool]
"""Asked just before the server gets the end of a message, after which it may deliver it: False withdraws the message."""


class DeliveryOutcome(Record):
    """How a transaction ended: the answer to each recipient, and the answer to the message."""

    recipients: Results
    final: Reply
    size: int


class RenderedMessage(Record):
    """A message in the form for one server, without its envelope: its content, and the parameters of MAIL and of RCPT.

    ``wire`` is the message as DATA sends it, None if the message is large.
    """

    content: Content
    parameters: tuple[str, str]
    wire: bytes | None


class ReadyMessage(Record):
    """A message ready for one server, with its envelope as one group.

    ``chunked`` says that the content goes by BDAT. ``wire`` is the message as DATA sends it, None if it is large or
    chunked.
    """

    envelope: Envelope
    content: Content
    chunked: bool
    group: EnvelopeGroup
    wire: bytes | None

    @property
    def answers(self) -> int:
        """The number of answers to the envelope, including the one to DATA."""
        return len(self.group.usual)


def deliver(
    client: SmtpClient, plan: DeliveryPlan, envelope: Envelope, message: Sendable, leave: Leave | None = None
) -> Dialogue[DeliveryOutcome]:
    """Send one message. Without ``sendpartial``, one refused recipient stops the whole message."""
    if client.pipelining:
        ready = prepare_message(client, plan, envelope, render_message(client, plan, envelope, message))
        content, chunked = ready.content, ready.chunked
        client.send_envelope(ready.group)
        try:
            answers = yield DialogueStep("mail", ready.answers)
        except Trouble as trouble:
            blame_pipelining(trouble)
            raise find_refusal(trouble, plan, envelope) from None
        judged = yield from judge_answers(client, plan, ready, answers)
        if isinstance(judged, Trouble):
            raise judged
        if ready.wire is not None:
            ask_leave(client, leave, judged)
            client.send_message(content.size, ready.wire)
        else:
            yield from pour_content(client, plan, content, judged, chunked=chunked, leave=leave)
    else:
        content, chunked = fit_to_server(client, plan, envelope, message), _uses_chunking(client, plan, envelope)
        judged = yield from _begin_in_steps(client, plan, envelope, content)
        yield from pour_content(client, plan, content, judged, chunked=chunked, leave=leave)
    try:
        answers = yield DialogueStep("data")
    except Trouble as trouble:
        if not trouble.answers:
            raise
        answers = trouble.answers  # what came after the answer does not change it
    check_mastered(client, answers[0], judged, chunked=chunked)
    return outcome_of(judged, answers[0], content.size)


# -- envelope ----------------------------------------------------------------------------------------------------------


def render_message(client: SmtpClient, plan: DeliveryPlan, envelope: Envelope, message: Sendable) -> RenderedMessage:
    """Return a message in the form that the server accepts. Raises Trouble if it accepts no such message or size."""
    content = fit_to_server(client, plan, envelope, message)
    parameters = (mail_parameters(client, plan, envelope, content), rcpt_parameters(client, plan))
    return RenderedMessage(content, parameters, None if content.whole is None else stuff_message(content.whole))


def prepare_message(
    client: SmtpClient, plan: DeliveryPlan, envelope: Envelope, rendered: RenderedMessage
) -> ReadyMessage:
    """Return a message that is ready to be sent. Raises Trouble if its envelope may not go on the wire."""
    content = rendered.content
    chunked = _uses_chunking(client, plan, envelope)
    try:
        group = client.make_group(envelope.sender, envelope.recipients, rendered.parameters, data=not chunked)
    except WireError as error:
        raise _wire_trouble(error) from None
    return ReadyMessage(envelope, content, chunked, group, None if chunked else rendered.wire)


def _wire_trouble(error: WireError) -> Trouble:
    of_message = error.field.startswith(("the message", "the header", "a header"))
    return Trouble("data" if of_message else "mail", "wire", message=str(error))


def _uses_chunking(client: SmtpClient, plan: DeliveryPlan, envelope: Envelope) -> bool:
    """Tell whether the content goes by BDAT: as a setting says, else if one refused recipient stops the message."""
    size = plan.options.chunk_size
    if "CHUNKING" not in client.extensions or (size is not None and size <= 0):
        return False
    return size is not None or (client.pipelining and not plan.options.send_partial and len(envelope.recipients) > 1)


# -- extensions that a server offers but handles wrongly ---------------------------------------------------------------


def blame_pipelining(trouble: Trouble) -> None:
    """Note that an envelope sent as one group was not answered as one: some servers read one command and lose the rest.

    No content was sent, so the message can be sent again without PIPELINING.
    """
    if trouble.kind == "timeout":
        trouble.mishandled = "PIPELINING"


def check_mastered(client: SmtpClient, reply: Reply, results: Results, *, chunked: bool) -> None:
    """Raise Trouble, and end the conversation, if a server refuses BDAT as a command (50x), which it offers.

    Such a server takes the content for commands: nothing that it says on this connection can be relied on any more.
    """
    if chunked and 500 <= reply.code <= 504:
        client.abandon()
        trouble = Trouble("data", "reply", reply, results=results)
        trouble.mishandled = "CHUNKING"
        raise trouble


def fit_to_server(client: SmtpClient, plan: DeliveryPlan, envelope: Envelope, message: Sendable) -> Content:
    """Return the content in the form that the server accepts. Raises Trouble if it accepts no such content or size."""
    try:
        if isinstance(message, bytes) and message.isascii() and not envelope.utf8:
            content = content_from_bytes(with_crlf(message))  # every server accepts ASCII
        else:
            content = fit_to_extensions(
                message,
                extensions=client.extensions,
                utf8_wanted=plan.options.utf8_headers,
                keep_8bit=plan.options.keep_8bit,
                utf8_needed=_find_non_ascii(envelope) if envelope.utf8 else "",
            )
    except WireError as error:
        raise _wire_trouble(error) from None
    limit = client.size_limit
    if limit is not None and content.size > limit:
        raise Trouble("mail", "message-too-large", sizes=f": it has {content.size} bytes, the server accepts {limit}")
    return content


def _find_non_ascii(envelope: Envelope) -> str:
    return next(address for address in (envelope.sender, *envelope.recipients) if not address.isascii())


def mail_parameters(client: SmtpClient, plan: DeliveryPlan, envelope: Envelope, content: Content) -> str:
    """Return the parameters of MAIL, for each extension that the plan uses and the server offers."""
    offered, options = client.extensions, plan.options
    parts = f" SIZE={content.size}" if "SIZE" in offered else ""
    if content.eight_bit and "8BITMIME" in offered:
        parts += " BODY=8BITMIME"
    if content.utf8_headers or envelope.utf8:
        parts += " SMTPUTF8"
    if options.ret and "DSN" in offered:
        parts += f" RET={options.ret}"
    if options.submitter and "AUTH" in offered:
        parts += f" AUTH={encode_xtext(options.submitter)}"
    if options.extension:
        parts += f" {options.extension}"
    return parts


def encode_xtext(text: str) -> str:
    """Return a text coded as xtext (RFC 3461, section 4)."""
    return "".join(chr(b) if 33 <= b <= 126 and b not in b"+=" else f"+{b:02X}" for b in text.encode())


def rcpt_parameters(client: SmtpClient, plan: DeliveryPlan) -> str:
    """Return the parameters of RCPT."""
    return f" NOTIFY={plan.options.notify}" if plan.options.notify and "DSN" in client.extensions else ""


# -- judgement ---------------------------------------------------------------------------------------------------------


def judge_answers(
    client: SmtpClient, plan: DeliveryPlan, ready: ReadyMessage, replies: Sequence[Reply]
) -> Dialogue[Results | Trouble]:
    """Judge the answers to an envelope sent as one group. Return the recipients' answers, or why nothing is sent.

    After a refusal the transaction is cancelled. The client is then in state SESSION or CLOSED.
    """
    quick = judge_quickly(client, ready, replies)
    if quick is not None:
        return quick
    results = tuple(zip(ready.envelope.recipients, replies[1:], strict=False))
    if len(replies) < ready.answers:  # the server is closing and did not answer the rest
        stage = "rcpt" if replies[0].positive and results else "mail"
        return Trouble(stage, "reply", replies[-1], results=results)
    return (yield from _look_closer(client, plan, ready, results, replies))


def judge_quickly(client: SmtpClient, ready: ReadyMessage, replies: Sequence[Reply]) -> Results | None:
    """Return the recipients' answers if everything was accepted, None if :func:`judge_answers` has to look closer."""
    recipients = ready.envelope.recipients
    if not client.usual:
        if client.state is not State.CONTENT and not ready.chunked:
            return None
        if [reply for reply in replies[: len(recipients) + 1] if reply.code >= 300]:
            return None
    return tuple(zip(recipients, replies[1:], strict=False))


def _look_closer(
    client: SmtpClient, plan: DeliveryPlan, ready: ReadyMessage, results: Results, replies: Sequence[Reply]
) -> Dialogue[Results | Trouble]:
    refused = [one for one in results if not one[1].positive]
    ahead = replies[-1]
    if not replies[0].positive or (refused and not (plan.options.send_partial and len(refused) < len(results))):
        yield from _withdraw(client, regret=len(refused) < len(results))
        if not replies[0].positive:
            return Trouble("mail", "reply", replies[0], sender=ready.envelope.sender or "<>")
        return refusal_of(refused, results)
    if not ready.chunked and not ahead.intermediate:
        yield from give_up(client)
        return Trouble("data", "reply", ahead, results=results)
    if client.closed:  # the server said so, behind its last answer
        return Trouble("data", "closing", results=results)
    return results


def _withdraw(client: SmtpClient, *, regret: bool) -> Dialogue[None]:
    """Cancel a transaction, also after 354. ``regret`` says that an accepted recipient would receive the content."""
    if client.state is State.CONTENT and regret:
        client.abandon()
    elif client.state is State.CONTENT:
        client.end_content()  # the dot alone: no recipient was accepted (RFC 2920, section 3.1)
        with contextlib.suppress(Trouble):
            yield DialogueStep("quit")
    yield from give_up(client)


def give_up(client: SmtpClient) -> Dialogue[None]:
    """Cancel the transaction with RSET, so that the connection can be used again; if RSET fails, it is closed."""
    if client.state in (State.ENVELOPE, State.SESSION):
        client.rset()
        with contextlib.suppress(Trouble):
            yield DialogueStep("quit")


def refusal_of(refused: Sequence[tuple[str, Reply]], results: Results) -> Trouble:
    """Return the trouble of refused recipients: of the first permanent refusal, else of the first temporary one."""
    address, reply = next((one for one in refused if not one[1].temporary), refused[0])
    return Trouble("rcpt", "reply", reply, recipients=address, results=results)


def find_refusal(trouble: Trouble, plan: DeliveryPlan, envelope: Envelope) -> Trouble:
    """Return the refusal that came before a connection failed: it is the reason. Without one, return the trouble."""
    replies = trouble.answers
    if replies and not replies[0].positive:
        return Trouble("mail", "reply", replies[0], sender=envelope.sender or "<>")
    results = tuple(zip(envelope.recipients, replies[1:], strict=False))
    refused = [one for one in results if not one[1].positive]
    if refused and (not plan.options.send_partial or len(refused) == len(envelope.recipients)):
        return refusal_of(refused, results)
    return trouble


# -- without pipelining ------------------------------------------------------------------------------------------------


def _begin_in_steps(client: SmtpClient, plan: DeliveryPlan, envelope: Envelope, content: Content) -> Dialogue[Results]:
    try:
        results = yield from _send_envelope_steps(client, plan, envelope, content)
    except WireError as error:
        raise _wire_trouble(error) from None
    yield from _stop_if_refused(client, plan, results)
    if not _uses_chunking(client, plan, envelope):
        client.data()
        answers = yield DialogueStep("data")
        if not answers[0].intermediate:
            yield from give_up(client)
            raise Trouble("data", "reply", answers[0], results=results)
    return results


def _send_envelope_steps(
    client: SmtpClient, plan: DeliveryPlan, envelope: Envelope, content: Content
) -> Dialogue[Results]:
    client.mail(envelope.sender, mail_parameters(client, plan, envelope, content))
    reply = (yield DialogueStep("mail"))[0]
    if not reply.positive:
        yield from give_up(client)
        raise Trouble("mail", "reply", reply, sender=envelope.sender or "<>")
    results: list[tuple[str, Reply]] = []
    for recipient in envelope.recipients:
        client.rcpt(recipient, rcpt_parameters(client, plan))
        results.append((recipient, (yield DialogueStep("rcpt"))[0]))
        if client.state is State.CLOSED or (not results[-1][1].positive and not plan.options.send_partial):
            break
    return tuple(results)


def _stop_if_refused(client: SmtpClient, plan: DeliveryPlan, results: Results) -> Dialogue[None]:
    """Raise Trouble if a recipient is refused; with ``sendpartial`` only if all are refused."""
    refused = [one for one in results if not one[1].positive]
    partial = plan.options.send_partial and client.state is not State.CLOSED
    if refused and (not partial or len(refused) == len(results)):
        yield from give_up(client)
        raise refusal_of(refused, results)


def try_envelope(client: SmtpClient, plan: DeliveryPlan, envelope: Envelope) -> Dialogue[Results]:
    """Name sender and recipients, then cancel the transaction: no mail is sent. Raises Trouble as a delivery does."""
    content = Content(lambda: (), 0, eight_bit=False)
    results = yield from _send_envelope_steps(client, plan, envelope, content)
    yield from _stop_if_refused(client, plan, results)
    yield from give_up(client)
    return results


# -- content -----------------------------------------------------------------------------------------------------------


def ask_leave(client: SmtpClient, leave: Leave | None, results: Results) -> None:
    """Ask for leave to send the end of a message. Without it, end the conversation and raise Trouble."""
    if leave is not None and not leave():
        client.abandon()  # a server does not deliver a message without its end
        raise Trouble("data", "withdrawn", results=results)


def pour_content(  # noqa: PLR0913 - what is poured, where, and how
    client: SmtpClient,
    plan: DeliveryPlan,
    content: Content,
    results: Results,
    *,
    chunked: bool,
    leave: Leave | None = None,
) -> Dialogue[None]:
    """Give the whole content to the engine. The driver sends it piece by piece."""
    if chunked:
        yield from _pour_chunks(client, _chunks(content, plan.options.chunk_size or CHUNK), results, leave)
        return
    for piece in content.pieces():
        client.send_content(piece)
        try:
            yield DialogueStep("data", 0)
        except Trouble as trouble:
            if trouble.answers:  # the server did not wait for the end
                raise Trouble("data", "reply", trouble.answers[0], results=results) from None
            raise
    ask_leave(client, leave, results)
    client.end_content(content.size)


def _pour_chunks(client: SmtpClient, chunks: Iterator[bytes], results: Results, leave: Leave | None) -> Dialogue[None]:
    """Send the content by BDAT. Each chunk but the last waits for its answer, because the server may refuse it."""
    chunk = next(chunks)
    for following in chunks:
        client.bdat(chunk, last=False)
        answers = yield DialogueStep("data")
        check_mastered(client, answers[0], results, chunked=True)
        if not answers[0].positive:
            yield from give_up(client)
            raise Trouble("data", "reply", answers[0], results=results)
        chunk = following
    ask_leave(client, leave, results)
    client.bdat(chunk, last=True)


def _chunks(content: Content, size: int) -> Iterator[bytes]:
    """Cut a content into chunks, with CRLF line ends. Yields at least one chunk."""
    ends, held = LineEnds(), b""
    for piece in chain(content.pieces(), (None,)):
        held += ends.finish() if piece is None else ends.feed(piece)
        while len(held) > size:
            yield held[:size]
            held = held[size:]
    yield held


def outcome_of(results: Results, final: Reply, size: int) -> DeliveryOutcome:
    """Return the outcome of a message after its content was sent. Raises Trouble if the server refused it."""
    if not final.positive:
        raise Trouble("data", "reply", final, results=results)
    return DeliveryOutcome(results, final, size)
