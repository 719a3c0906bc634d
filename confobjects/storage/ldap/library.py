"""The client library over our own channel, for the requests that are not encoded here: loading it takes 70 ms.

By default, the library verifies no certificate, has no deadline for a server that sends slowly, and waits 40 ms after
StartTLS. So it only encodes and decodes messages; sockets, TLS and deadlines are ours.
"""

from __future__ import annotations

import warnings
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # its last release uses deprecated names
    import ldap3
    from ldap3.strategy.base import RESPONSE_COMPLETE
    from ldap3.strategy.sync import SyncStrategy
    from ldap3.utils.asn1 import decode_message_fast

from confobjects.storage.ldap.channel import LdapChannel
from confobjects.storage.ldap.messages import LdapWire


class ChannelStrategy(SyncStrategy):  # type: ignore[misc]  # the client library ships no types
    """The library's synchronous strategy over the messages of a connection."""

    def adopt(self, channel: LdapChannel, wire: LdapWire) -> None:
        """Begin to use a connection."""
        self._outstanding: dict[int, Any] = {}
        self._wire = wire
        self.connection.socket = channel
        self.connection.closed = False
        self.connection.listening = True

    def _get_response(self, message_id: int, timeout: float) -> Any:  # noqa: ARG002 - the channel has the deadline
        answers = self._wire.answers(message_id)
        found = [self.decode_response_fast(decode_message_fast(message)) for message, _, _ in answers]
        return [*found, RESPONSE_COMPLETE]


def make_connection(channel: LdapChannel, wire: LdapWire) -> Any:
    """Return a connection of the library that is open already."""
    server = ldap3.Server("localhost", get_info=ldap3.NONE)  # never resolved: the channel is connected
    server.next_message_id = wire.next_number
    connection = ldap3.Connection(
        server,
        auto_bind=ldap3.AUTO_BIND_NONE,
        client_strategy=ldap3.SYNC,
        auto_referrals=False,
        auto_range=False,
        check_names=False,
        return_empty_attributes=False,
        raise_exceptions=False,
    )
    strategy = ChannelStrategy(connection)
    connection.strategy = strategy
    connection.send = strategy.send
    connection.open = strategy.open
    connection.get_response = strategy.get_response
    connection.post_send_single_response = strategy.post_send_single_response
    connection.post_send_search = strategy.post_send_search
    strategy.adopt(channel, wire)
    return connection


def bind_externally(connection: Any) -> None:
    """Log in as the user whom the connection itself proves (SASL EXTERNAL)."""
    connection.authentication, connection.sasl_mechanism = ldap3.SASL, ldap3.EXTERNAL
    connection.sasl_credentials = ""  # None would leave the server waiting for them
    connection.bind()
