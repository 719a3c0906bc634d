"""What a real OpenDJ does not do with some kinds, in its own words: each is tried, and a failure if it has come to work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

NEVER_MADE: Final[Mapping[str, str]] = {
    "http-authorization-mechanism http-oauth2-cts-authorization-mechanism": "The authorization mechanism defined in",
    "http-endpoint generic": "An error occurred while trying to initialize an instance of class",
    "log-retention-policy custom": "cannot be instantiated as a Directory Server log retention policy",
    "log-rotation-policy custom": "cannot be instantiated as a Directory Server log rotation policy",
    "service-discovery-mechanism generic": "includes attribute cn which is not allowed",
    "service-discovery-mechanism replication": "contains an unknown objectclass ds-cfg-replication-server-discovery",
    "service-discovery-mechanism static": "contains an unknown objectclass ds-cfg-static-server-discovery",
    "trust-manager-provider pkcs11": "contains an unknown objectclass ds-cfg-pkcs11-trust-manager-provider",
    "virtual-attribute governing-structure-rule": "org.opends.server.extensions.GoverningSturctureRule",
}
"""Kinds of which no object can be made, by either command."""
WRITTEN_BY_THEIRS: Final[Mapping[str, str]] = {
    "replication-server generic": "ds-cfg-replication-db-directory: changelogDb",
}
"""A line that their command alone writes into a new entry, by kind: the default of a property that is read-only."""
NEVER_SET: Final[Mapping[str, Mapping[str, str]]] = {
    "backend-index generic": {"confidentiality-enabled": "Enable confidentiality on the backend first"},
    "entry-cache custom": {"cache-level": "ClassCastException", "java-class": "ClassCastException"},
    "entry-cache fifo": {"java-class": "ClassCastException"},
    "entry-cache soft-reference": {"java-class": "ClassCastException"},
    "http-endpoint admin-endpoint": {"java-class": "NoSuchMethodException"},
    "http-endpoint rest2ldap-endpoint": {
        "config-directory": "Invalid configuration element",
        "java-class": "NoSuchMethodException",
    },
    "password-policy password-policy": {"password-attribute": "does not support the auth password syntax"},
}
"""Properties that are refused, by kind: a class that fits its interface, and not its settings; and what a backend forbids."""
DELETED_WHILE_ENABLED: Final[Mapping[str, str]] = {
    "log-publisher": "one of the delete listeners registered with the parent entry cn=Loggers,cn=config rejected this change",
}
"""Objects of these relations can only be deleted while they are enabled, with what is said otherwise."""
NEVER_ENABLED: Final = frozenset(("log-publisher file-based-debug", "log-publisher custom-debug"))
"""Kinds that are not even tried: a server that writes a log of its debugging answers nobody any more."""
NEVER_DELETED: Final = frozenset(
    (
        *NEVER_ENABLED,
        "log-publisher custom-access",
        "log-publisher custom-error",
        "log-publisher custom-http-access",
        "log-publisher external-access",
        "log-publisher external-http-access",
    )
)
"""Kinds whose objects are not deleted by either command, because they cannot be enabled."""
SOMETIMES_DELETED: Final = frozenset(("log-publisher json-file-http-access",))
"""Alone it can be enabled and deleted; after all other kinds were played, neither command can."""
OTHER_TYPE: Final[Mapping[str, str]] = {
    "access-control-handler custom": "dsee-compat-access-control-handler",
    "work-queue custom": "traditional-work-queue",
    "work-queue parallel": "traditional-work-queue",
}
"""Types that are always there, of which the server has another one: its type cannot be changed."""
LEFT_ALONE: Final = frozenset(
    ("administration-connector", "default-root-privilege-name", "max-psearches", "writability-mode")
)
"""Kinds and properties that are only read: both commands come by way of them.

The first value of ``max-psearches`` is "unlimited", which the server does not take back: its schema has an integer there.
"""
