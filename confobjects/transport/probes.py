"""Second looks: after a failure, one more connection that turns a guess into an answer. One row per kind of failure.

A second look sends no login and no mail, and it never makes a failure worse: when it fails itself, the first diagnosis
stands.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
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
"""Seconds a second look may take."""


def _plan_look(plan: DeliveryPlan, **changes: Any) -> DeliveryPlan:
    """Return a plan to look at a server: no login, no check of the certificate, and little time."""
    limits = plan.timeouts
    timeouts = Timeouts(*(min(_PATIENCE, limit) for limit in (limits.connect, limits.reply, limits.write, _PATIENCE)))
    unchecked = TlsSettings(plan.tls.versions, plan.tls.suites, check_name=False, unchecked_hosts=("*",))
    return plan.replace(timeouts=timeouts, login=None, tls=unchecked, **changes)


def _reach_server(plan: DeliveryPlan, network: Network) -> Connection:
    connection = Connection(plan, network)
    for stage in (connection.load_trust, connection.resolve, connection.connect, connection.start_implicit_tls):
        stage()
    return connection


def _try_tls(trouble: Trouble, plan: DeliveryPlan, network: Network) -> Trouble:
    """A silent port: does it answer a TLS handshake?"""
    if plan.security == "implicit-tls":
        return trouble
    try:
        connection = _reach_server(_plan_look(plan, security="implicit-tls"), network)
    except DeliveryError as error:
        # An alert is TLS too: only a server that speaks it can refuse it.
        if error.diagnosis.code not in ("tls-no-common-version", "tls-no-common-cipher"):
            return trouble
    else:
        connection.close()
    return Trouble(trouble.stage, "tls-port-without-tls", detail=["a second connection with TLS was answered"])


def _try_clear(trouble: Trouble, plan: DeliveryPlan, network: Network) -> Trouble:
    """No TLS on the port: what does it say in clear, and does it offer STARTTLS?"""
    connection = _reach_server(_plan_look(plan, security="none"), network)
    with contextlib.closing(connection):
        connection.greet()
        said = connection.client.greeting
        offers = "offers" if "STARTTLS" in connection.client.extensions else "does not offer"
        detail = [f'a second connection without TLS was greeted with "{said}"; the server {offers} STARTTLS']
    trouble.facts["detail"] = detail
    return trouble


def _examine_certificates(trouble: Trouble, plan: DeliveryPlan, network: Network) -> Trouble:
    """A certificate that was refused: which one is it, and what did the server send along?"""
    connection = _reach_server(_plan_look(plan), network)
    with contextlib.closing(connection):
        if plan.security != "implicit-tls":
            connection.greet()
        chain = [describe(one) for one in connection.sent_certificates]
    if chain:
        trouble.facts.update(_certificate_facts(chain, load_material(plan.trust)))
    return trouble


def _certificate_facts(chain: list[CertificateFacts], trusted: Material) -> dict[str, Any]:
    leaf, last = chain[0], chain[-1]
    detail = [f"certificate {number} of the server: {one}" for number, one in enumerate(chain)]
    anchors = [describe(one).subject for one in trusted.certificates]
    if anchors:
        detail.append(f"trusted are: {'; '.join(anchors[:10])}{' …' if len(anchors) > 10 else ''}")
    if len(chain) == 1 and leaf.issuer != leaf.subject and leaf.issuer not in anchors:
        detail.append("the server sends no intermediate certificate: it may have forgotten one")
    return {
        "subject": f" ({leaf.subject})" if leaf.subject else "",
        "issuer": last.issuer or "nobody",
        "names": ", ".join(leaf.names) or "no name at all",
        "expiry": f" on {leaf.end}",
        "detail": detail,
    }


def _find_login_offer(trouble: Trouble, plan: DeliveryPlan, network: Network) -> Trouble:
    """No login offered: is one offered on the other side of TLS?"""
    wanted = "none" if plan.security != "none" else "starttls-if-offered"
    connection = _reach_server(_plan_look(plan, security=wanted), network)
    with contextlib.closing(connection):
        connection.greet()
        mechanisms = " ".join(connection.client.mechanisms)
        side = "inside TLS" if connection.client.tls else "without TLS"
    if mechanisms:
        trouble.facts["detail"] = [f"{side} the server does offer a login: {make_visible(mechanisms)}"]
    return trouble


def _try_without_limits(trouble: Trouble, plan: DeliveryPlan, network: Network) -> Trouble:
    """No version or suite in common under limits of ours: what is agreed on without them?"""
    usual = TlsSettings(check_name=False, unchecked_hosts=("*",))
    if (plan.tls.versions, plan.tls.suites) == (usual.versions, usual.suites):
        return trouble
    connection = _reach_server(_plan_look(plan).replace(tls=usual), network)
    with contextlib.closing(connection):
        if plan.security != "implicit-tls":
            connection.greet()
        trouble.facts["detail"] = [f"without the limits set here, {connection.security} is agreed on"]
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
"""Code of a diagnosis -> the second look that can say more."""


_OF_ONE_ADDRESS: Final = frozenset({"tls", "banner", "ehlo", "starttls", "ehlo-tls"})
"""Stages in which one address of a host may fail and another not."""

_MOST_ADDRESSES: Final = 4


def _try_each_address(plan: DeliveryPlan, network: Network) -> list[str]:
    """A host of several addresses: how far does each get by itself, without a login? Nothing for a host of one."""
    limit = min(_PATIENCE, plan.timeouts.connect)
    with contextlib.suppress(Trouble):
        addresses = resolve(network, plan.host, plan.port, Deadline(limit), limit)[:_MOST_ADDRESSES]
        if len(addresses) > 1:
            return [f"{address} by itself: {_try_address(plan, network, address)}" for address in addresses]
    return []


def _try_address(plan: DeliveryPlan, network: Network, address: SocketAddress) -> str:
    def look_up(host: str, port: int) -> list[SocketAddress]:  # noqa: ARG001 - the answer is known
        return [address]

    looking = _plan_look(plan).replace(tls=plan.tls)
    try:
        connection = _reach_server(looking, Network(look_up, network.begin))
        with contextlib.closing(connection):
            connection.greet()
    except MailError as error:
        return error.diagnostics[0].summary
    return "it answers as it should"


def explain_error(error: DeliveryError, connection: Connection) -> DeliveryError:
    """Return the error with what second looks found out; the same one where there is nothing to look for."""
    trouble, plan, network = error.trouble, connection.plan, connection.network
    if trouble is None or code_of(trouble) != error.diagnosis.code:
        return error
    refined = trouble
    probe = PROBES.get(error.diagnosis.code)
    if probe is not None:
        with contextlib.suppress(MailError, ValueError):
            refined = probe(trouble, plan, network)
    several = _try_each_address(plan, network) if trouble.stage in _OF_ONE_ADDRESS and plan.proxy is None else []
    if several:
        refined.facts["detail"] = [*refined.facts.get("detail", ()), *several]
    elif probe is None:
        return error
    diagnosis = connection.diagnose_trouble(refined)
    return DeliveryError(diagnosis, plan.server, report=error.report, trouble=refined)
