"""The conversations of a session with a mail server, without a socket: greeting, login, goodbye.

Each conversation is a generator. It gives the engine the commands to send and yields a :class:`DialogueStep`, which asks the
driver to send them and to return a number of answers. A step of stage ``tls`` asks for the TLS handshake instead. The
driver (over a socket, in tests over a list of bytes) knows nothing of SMTP. A conversation that cannot go on raises
:class:`~confobjects.mail.diagnosis.Trouble`.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final, TypeVar
from urllib.parse import quote, quote_plus

from confobjects.mail.diagnosis import Trouble
from confobjects.mail.mechanisms import MECHANISMS, TOKEN, LoginProblem, Mechanism, choose_mechanism, mechanisms_for
from confobjects.mail.plan import DeliveryPlan, SmtpLogin
from confobjects.mail.replies import Reply
from confobjects.mail.smtp import SmtpClient
from confobjects.records import Record
from confobjects.texts.visible import make_visible


class DialogueStep(Record):
    """Send what the engine has, then wait for ``answers`` answers. For stage ``tls`` negotiate TLS and expect none.

    ``patience`` is the number of seconds that the step may take, if that is less than the limits of the connection.
    ``meanwhile`` is work that the driver may do while it waits for the server. It may also leave it out.
    """

    stage: str
    answers: int = 1
    meanwhile: Callable[[], None] | None = None
    patience: float | None = None


T = TypeVar("T")
Dialogue = Generator[DialogueStep, Sequence[Reply], T]


def _await_reply(stage: str) -> Dialogue[Reply]:
    answers = yield DialogueStep(stage)
    return answers[0]


# -- session -----------------------------------------------------------------------------------------------------------


def open_session(client: SmtpClient, plan: DeliveryPlan, ehlo_name: str) -> Dialogue[None]:
    """Greet the server, and negotiate STARTTLS if the plan asks for it."""
    client.ignored = plan.options.ignored_extensions
    banner = yield from _await_reply("banner")
    if not banner.positive:
        if plan.options.quit_on_reject:
            yield from say_goodbye(client, plan)
        raise Trouble("banner", "reply", banner)
    yield from _greet(client, plan, ehlo_name, "ehlo")
    if plan.security in ("starttls-required", "starttls-if-offered"):
        yield from _secure(client, plan, ehlo_name)


def _greet(client: SmtpClient, plan: DeliveryPlan, name: str, stage: str) -> Dialogue[None]:
    client.greet(name, extended=plan.options.use_ehlo)
    reply = yield from _await_reply(stage)
    if not reply.positive and plan.options.use_ehlo and reply.code in (500, 502) and plan.security == "none":
        client.greet(name, extended=False)  # a server that does not know EHLO (RFC 5321, section 3.2)
        reply = yield from _await_reply(stage)
    if not reply.positive:
        raise Trouble(stage, "reply", reply, ehlo=name)


def _secure(client: SmtpClient, plan: DeliveryPlan, name: str) -> Dialogue[None]:
    if "STARTTLS" not in client.extensions:
        if plan.security == "starttls-if-offered":
            return
        raise Trouble("starttls", "starttls-not-offered")
    client.starttls()
    reply = yield from _await_reply("starttls")
    if not reply.positive:
        if plan.security == "starttls-if-offered":
            return
        raise Trouble("starttls", "reply", reply)
    yield DialogueStep("tls", 0)
    yield from _greet(client, plan, name, "ehlo-tls")


# -- login -------------------------------------------------------------------------------------------------------------


Renew = Callable[[str], str]
"""From an access token that was refused to another one, empty if there is none. Raises Trouble of stage token."""

_FREE: Final = nullcontext()


def log_in(
    client: SmtpClient,
    login: SmtpLogin,
    nonce: str,
    renew: Renew = lambda _: "",
    computing: AbstractContextManager[object] = _FREE,
) -> Dialogue[str]:
    """Log in once, with one mechanism, and return its name; with an access token once more if the first is refused.

    The name is empty if the server offers no login and the plan allows that. ``nonce`` is a fresh random text for the
    mechanisms that need one. ``computing`` is entered for each response that is computed.
    """
    try:
        return (yield from _log_in_once(client, login, nonce, computing))
    except Trouble as refusal:
        if not login.token or refusal.kind != "reply" or refusal.reply is None or refusal.reply.code != _REFUSED:
            raise
        fresh, first = renew(login.token), refusal
    if fresh in ("", login.token):
        raise first
    try:
        return (yield from _log_in_once(client, login.replace(token=fresh), nonce, computing))
    except Trouble as second:
        raise (first if second.reply is None else second) from None


_REFUSED: Final = 535
"""The answer to credentials that are not valid (RFC 4954, section 6)."""


def _log_in_once(
    client: SmtpClient, login: SmtpLogin, nonce: str, computing: AbstractContextManager[object]
) -> Dialogue[str]:
    client.transcript.hide(*_secret_forms(login))
    if not client.tls and not login.in_clear:
        raise Trouble("auth", "auth-in-clear")
    offered = client.mechanisms
    if not offered:
        if login.optional:
            return ""
        raise Trouble("auth", "auth-not-offered")
    name = choose_mechanism(login, offered, tls=client.tls)
    if name is None:
        ours = ", ".join(mechanisms_for(login, tls=client.tls))
        raise Trouble("auth", "auth-no-common-mechanism", offered=make_visible(" ".join(offered)), usable=ours)
    try:
        mechanism = MECHANISMS[name](login, nonce)
        reply = yield from _exchange(client, name, mechanism, computing)
    except LoginProblem as problem:
        raise Trouble("auth", "auth-protocol", message=str(problem), mechanism=name) from None
    if not reply[-1].positive:
        facts = {"token": True, "challenge": _oauth_challenge(reply)} if name in TOKEN else {}
        raise Trouble("auth", "reply", reply[-1], username=login.username, mechanism=name, **facts)
    return name


def secrets_of(plan: DeliveryPlan) -> Sequence[str]:
    """Return every secret of a plan, in the forms in which a server or a proxy could repeat it."""
    found: list[str] = []
    if plan.login is not None:
        found.extend(_secret_forms(plan.login))
    if plan.proxy is not None and plan.proxy.password:
        both = f"{plan.proxy.username}:{plan.proxy.password}"
        found.extend((*coded_forms(plan.proxy.password), *coded_forms(both)))
    return found


def _secret_forms(login: SmtpLogin) -> Sequence[str]:
    """Return every form in which a server could repeat a secret."""
    plain = f"{login.authorization_id}\0{login.username}\0{login.password}"
    if not login.password and not login.token:
        return ()
    return [form for text in (login.password, login.token, plain) if text for form in coded_forms(text)]


_SHORTEST_CODED: Final = 4
"""Characters. The forms of a shorter secret could be a part of any word."""


def coded_forms(secret: str) -> list[str]:
    """Return a secret and its forms: base64 of both alphabets, with and without padding, hexadecimal, percent-coded."""
    data = secret.encode()
    padded = b64encode(data).decode()
    if len(secret) < _SHORTEST_CODED:
        return [secret, padded]
    bases = (padded, urlsafe_b64encode(data).decode())
    coded = [
        *bases,
        *(base.rstrip("=") for base in bases),
        data.hex(),
        data.hex().upper(),
        data.hex(":"),
        data.hex(" "),
    ]
    percent = "".join(map("%{:02X}".format, data))
    return [
        secret,
        *coded,
        quote(secret, safe=""),
        quote(secret, safe="").lower(),
        quote_plus(secret),
        percent,
        percent.lower(),
    ]


def _exchange(
    client: SmtpClient, name: str, mechanism: Mechanism, computing: AbstractContextManager[object]
) -> Dialogue[list[Reply]]:
    """Run a login and return every reply. The last one says whether the login succeeded."""
    initial = mechanism.initial
    _hide_response(client, initial)
    client.auth(name, initial)
    held_back = initial is not None and not client.fits(name, initial)
    replies = [(yield from _await_reply("auth"))]
    while replies[-1].intermediate:
        try:
            with computing:
                response = initial if held_back else mechanism.respond(_read_challenge(replies[-1], mechanism))
        except LoginProblem:
            client.respond(None)
            yield from _await_reply("auth")
            raise
        held_back = False
        _hide_response(client, response)
        client.respond(response)
        replies.append((yield from _await_reply("auth")))
        if len(replies) > 8:
            raise LoginProblem("endless", "the server sends one challenge after another without an end")
    if replies[-1].positive:
        mechanism.verify_server()
    return replies


def _hide_response(client: SmtpClient, response: bytes | None) -> None:
    """Mask a response where the server repeats it. A short one is not masked: it could be a part of any other word."""
    if response is not None and len(response) > 5:
        client.transcript.hide(b64encode(response).decode())


def _read_challenge(reply: Reply, mechanism: Mechanism) -> bytes:
    return b"" if mechanism.prompted else _decode_challenge(reply)


def _decode_challenge(reply: Reply) -> bytes:
    try:
        return b64decode(reply.lines[0].strip(), validate=True)
    except ValueError:
        raise LoginProblem("not-base64", "the server sent a challenge that is not base64") from None


def _oauth_challenge(replies: Sequence[Reply]) -> str:
    """Return what a provider said about a refused token. It comes in a challenge, in JSON (RFC 7628, section 3.2.2)."""
    for reply in replies:
        if reply.intermediate and reply.lines[0].strip():
            try:
                return f": {_describe_challenge(_decode_challenge(reply))}"
            except LoginProblem:
                return ""
    return ""


def _describe_challenge(challenge: bytes) -> str:
    """Return the texts in the JSON of a challenge with their names; what is no such JSON is returned as it is."""
    try:
        document = json.loads(challenge)
    except (ValueError, RecursionError):
        document = None
    texts = (
        {name: text for name, text in document.items() if isinstance(text, str)} if isinstance(document, dict) else {}
    )
    return make_visible(", ".join(f'{name} "{text}"' for name, text in texts.items()) if texts else challenge)


# -- between messages --------------------------------------------------------------------------------------------------


GOODBYE: Final = 5.0
"""Seconds for QUIT and its answer: it changes nothing about the mail, and nobody should wait long for it."""


def say_goodbye(client: SmtpClient, plan: DeliveryPlan, patience: float = GOODBYE) -> Dialogue[None]:
    """Say goodbye. ``patience`` is the number of seconds that this may take; without any, no answer is awaited."""
    client.quit()
    yield DialogueStep("quit", 1 if plan.options.wait_for_quit and patience > 0 else 0, patience=max(patience, 1e-3))


ALIVE: Final = 3.0
"""Seconds for the answer on a kept connection. A connection that has died silently is replaced then."""


def check_alive(client: SmtpClient, plan: DeliveryPlan) -> Dialogue[bool]:
    """Tell whether the server still answers on a kept connection, within :data:`ALIVE` seconds."""
    if plan.options.probe_with_rset:
        client.rset()
    else:
        client.noop()
    reply, *_ = yield DialogueStep("quit", patience=ALIVE)
    return reply.code == 250 or (not plan.options.strict_noop and not plan.options.probe_with_rset)


__all__ = ["ALIVE", "GOODBYE", "Dialogue", "DialogueStep", "check_alive", "log_in", "open_session", "say_goodbye"]
