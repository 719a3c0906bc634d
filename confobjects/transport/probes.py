"""Probes: after a failure, a second connection finds out more about its cause. One row per kind of failure.

A probe does not log in and sends no mail. If a probe fails itself, the first diagnosis is kept.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from confobjects.errors import MailError
from confobjects.mail.diagnosis import DeliveryError, Trouble, code_of
from confobjects.mail.plan import DeliveryPlan, Timeouts, TlsSettings
from confobjects.texts.visible import make_visible
from confobjects.transport.certificates import CertificateFacts, describe
from confobjects.transport.deadline import Deadline
from confobjects.transport.network import Network, SocketAddress, resolve
from confobjects.transport.providers import Material, load_material
from confobjects.transport.smtp import Connection

_PATIENCE: Final = 5.0
"""Seconds that a probe may take."""

_GREETING_PATIENCE: Final = 2.0
"""Seconds that a probe waits for a greeting inside TLS."""

_LONGEST_LINE: Final = 120
_REPLY_LINE: Final = re.compile(rb"[2-5][0-9][0-9][ -]")


def _plan_look(plan: DeliveryPlan, **changes: Any) -> DeliveryPlan:
    """Return a plan for a probe: no login, no check of the certificate, no certificate of ours, and short limits."""
    limits = plan.timeouts
    timeouts = Timeouts(*(min(_PATIENCE, limit) for limit in (limits.connect, limits.reply, limits.write, _PATIENCE)))
    unchecked = TlsSettings(plan.tls.versions, plan.tls.suites, check_name=False, unchecked_hosts=("*",))
    return plan.replace(timeouts=timeouts, login=None, keys=None, tls=unchecked, **changes)


def _reach_server(plan: DeliveryPlan, network: Network) -> Connection:
    connection = Connection(plan, network)
    for stage in (connection.load_trust, connection.resolve, connection.connect, connection.start_implicit_tls):
        stage()
    return connection


_REFUSALS_IN_TLS: Final = frozenset(
    {"tls-no-common-version", "tls-no-common-cipher", "tls-server-name", "tls-weak-server", "tls-client-certificate"}
)
"""Failures that are an answer too: the server speaks TLS."""


def _try_tls(trouble: Trouble, plan: DeliveryPlan, network: Network) -> Trouble:
    """The port is silent: does it answer a TLS handshake, and does a mail server greet inside TLS?"""
    if plan.security == "implicit-tls":
        return trouble
    answered = "a second connection with TLS was answered"
    try:
        connection = _reach_server(_plan_look(plan, security="implicit-tls"), network)
    except DeliveryError as error:
        if error.diagnosis.code == "not-a-tls-port":
            return _speak_first(trouble, plan, network)
        if error.diagnosis.code not in _REFUSALS_IN_TLS:
            return trouble
    else:
        with contextlib.closing(connection):
            if not _greets(connection):
                detail = [
                    f"{answered}, but no mail server greets inside TLS: another service may be there, such as HTTPS"
                ]
                return Trouble(trouble.stage, trouble.kind, **{**trouble.facts, "detail": detail})
    return Trouble(trouble.stage, "tls-port-without-tls", detail=[answered])


def _greets(connection: Connection) -> bool:
    channel = connection.channel
    if channel is None:
        return False
    with contextlib.suppress(Trouble):
        step = channel.deadline.begin_step(min(_GREETING_PATIENCE, connection.plan.timeouts.reply))
        return _REPLY_LINE.match(channel.receive(step, "banner")) is not None
    return False


def _speak_first(trouble: Trouble, plan: DeliveryPlan, network: Network) -> Trouble:
    """The port answers TLS with something else: is it a service that waits for the client, such as HTTP?"""
    connection = _reach_server(_plan_look(plan, security="none"), network)
    with contextlib.closing(connection):
        channel = connection.channel
        if channel is None or channel.await_arrival(0):
            return trouble
        channel.send(f"EHLO {connection.ehlo_name}\r\n\r\n".encode(), trouble.stage)
        line = channel.receive(channel.begin_reply_wait(), trouble.stage).partition(b"\n")[0]
    if not line.strip() or _REPLY_LINE.match(line):
        return trouble
    shown = make_visible(line.removesuffix(b"\r")[:_LONGEST_LINE])
    return Trouble("banner", "not-smtp", line=shown, detail=["it waits for the client to speak first"])


def examine_silence(plan: DeliveryPlan, network: Network) -> Trouble | None:
    """Return why a server does not greet, None if a second connection does not tell."""
    trouble = Trouble("banner", "timeout")
    with contextlib.suppress(MailError, Trouble, ValueError):
        found = _try_tls(trouble, plan, network)
        return None if found is trouble else found
    return None


def _try_clear(trouble: Trouble, plan: DeliveryPlan, network: Network) -> Trouble:
    """The port does not speak TLS: what is its greeting in clear text, and does it offer STARTTLS?"""
    connection = _reach_server(_plan_look(plan, security="none"), network)
    with contextlib.closing(connection):
        connection.greet()
        said = connection.client.greeting
        offers = "offers" if "STARTTLS" in connection.client.extensions else "does not offer"
        detail = [f'on a second connection without TLS, the greeting was "{said}"; the server {offers} STARTTLS']
    trouble.facts["detail"] = detail
    return trouble


def _examine_certificates(trouble: Trouble, plan: DeliveryPlan, network: Network) -> Trouble:
    """The certificate was refused: which one is it, and which others did the server send?"""
    connection = _reach_server(_plan_look(plan), network)
    with contextlib.closing(connection):
        if plan.security != "implicit-tls":
            connection.greet()
        sent = connection.sent_certificates
    if sent:
        chain = [describe(one) for one in sent[:_MOST_SHOWN]]
        pins = trouble.facts.get("pins", ())
        trouble.facts.update(_certificate_facts(chain, len(sent), load_material(plan.trust), pins), sent=sent)
    return trouble


_MOST_SHOWN: Final = 10
"""Certificates that are described: a server may send some hundred."""


def _certificate_facts(
    chain: list[CertificateFacts], count: int, trusted: Material, pins: Sequence[str]
) -> dict[str, Any]:
    leaf, last = chain[0], chain[-1]
    detail = [f"certificate {number} of the server: {one}" for number, one in enumerate(chain)]
    if count > len(chain):
        detail.append(f"and {count - len(chain)} more")
    anchors = [describe(one).subject for one in trusted.certificates]
    if pins:
        detail.extend(pins)
    elif anchors:
        detail.append(f"trusted certificates: {'; '.join(anchors[:10])}{' …' if len(anchors) > 10 else ''}")
    if len(chain) == 1 and leaf.issuer != leaf.subject and leaf.issuer not in anchors:
        detail.append("the server sends no intermediate certificate: one may be missing")
    return {
        "subject": f" ({leaf.subject})" if leaf.subject else "",
        "issuer": last.issuer or "nobody",
        "names": leaf.format_names() or "no name at all",
        "expiry": f" on {leaf.end}" if leaf.end else "",
        "detail": detail,
    }


def _find_login_offer(trouble: Trouble, plan: DeliveryPlan, network: Network) -> Trouble:
    """The server offers no login: does it offer one with TLS, or without?"""
    wanted = "none" if plan.security != "none" else "starttls-if-offered"
    connection = _reach_server(_plan_look(plan, security=wanted), network)
    with contextlib.closing(connection):
        connection.greet()
        mechanisms = " ".join(connection.client.mechanisms)
        side = "inside TLS" if connection.client.tls else "without TLS"
    if mechanisms:
        trouble.facts["detail"] = [f"{side}, the server offers a login: {make_visible(mechanisms)}"]
    return trouble


def _try_without_limits(trouble: Trouble, plan: DeliveryPlan, network: Network) -> Trouble:
    """No version or suite is in common under our limits: which ones are agreed on without them?"""
    usual = TlsSettings(check_name=False, unchecked_hosts=("*",))
    if (plan.tls.versions, plan.tls.suites) == (usual.versions, usual.suites):
        return trouble
    connection = _reach_server(_plan_look(plan).replace(tls=usual), network)
    with contextlib.closing(connection):
        if plan.security != "implicit-tls":
            connection.greet()
        trouble.facts["detail"] = [f"without the limits of this mail server object, {connection.security} is agreed on"]
    return trouble


Probe = Callable[[Trouble, DeliveryPlan, Network], Trouble]

PROBES: Final[dict[str, Probe]] = {
    "silent": _try_tls,
    "closed-before-banner": _try_tls,
    "not-a-tls-port": _try_clear,
    "auth-not-offered": _find_login_offer,
    "tls-no-common-version": _try_without_limits,
    "tls-no-common-cipher": _try_without_limits,
    **dict.fromkeys(
        (
            "certificate-changed",
            "certificate-expired",
            "certificate-not-yet-valid",
            "certificate-self-signed",
            "certificate-unknown-authority",
            "certificate-wrong-name",
            "certificate-wrong-purpose",
            "certificate-weak",
            "certificate-revoked",
            "certificate-refused",
        ),
        _examine_certificates,
    ),
}
"""Code of a diagnosis -> the probe that can find out more."""


_OF_ONE_ADDRESS: Final = frozenset({"tls", "banner", "ehlo", "starttls", "ehlo-tls"})
"""Stages that may fail at one address of a host and succeed at another."""

_MOST_ADDRESSES: Final = 4


def _try_each_address(plan: DeliveryPlan, network: Network) -> list[str]:
    """Return one line for each address of a host: does it work without a login? Empty if the host has one address."""
    limit = min(_PATIENCE, plan.timeouts.connect)
    with contextlib.suppress(Trouble):
        addresses = resolve(network, plan.host, plan.port, Deadline(limit), limit)[:_MOST_ADDRESSES]
        if len(addresses) > 1:
            return [f"{address} alone: {_try_address(plan, network, address)}" for address in addresses]
    return []


def _try_address(plan: DeliveryPlan, network: Network, address: SocketAddress) -> str:
    def look_up(host: str, port: int) -> list[SocketAddress]:  # noqa: ARG001 - the answer is known
        return [address]

    looking = _plan_look(plan).replace(tls=plan.tls)
    try:
        connection = _reach_server(looking, network.replace(lookup=look_up))
        with contextlib.closing(connection):
            connection.greet()
    except MailError as error:
        return error.diagnostics[0].summary
    return "it works"


def explain_error(error: DeliveryError, connection: Connection, *, done: Collection[str] = ()) -> DeliveryError:
    """Return the error with the facts that probes found; the same error if there is no probe for it.

    ``done`` are the codes whose probe was made before.
    """
    trouble, plan, network = error.trouble, connection.plan, connection.network
    if trouble is None or code_of(trouble, error.diagnosis.facts) != error.diagnosis.code:
        return error
    refined = trouble
    probe = PROBES.get(error.diagnosis.code) if error.diagnosis.code not in done else None
    if probe is not None:
        with contextlib.suppress(MailError, Trouble, ValueError):
            refined = probe(trouble, plan, network)
    several = _try_each_address(plan, network) if trouble.stage in _OF_ONE_ADDRESS and plan.proxy is None else []
    if several:
        refined.facts["detail"] = [*refined.facts.get("detail", ()), *several]
    elif probe is None:
        return error
    diagnosis = connection.diagnose_trouble(refined)
    return DeliveryError(diagnosis, plan.server, report=error.report, trouble=refined)
